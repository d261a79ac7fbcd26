import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// What a load wrote.
struct LoadResult: Sendable {
    var inserted = 0
    var updated = 0
    var deleted = 0
    /// Whether the user's scripts ran though no records came.
    var ranWithoutRecords = false
    /// Whether a script ran a statement that may have written without saying how much, as a function call does.
    var ranUncounted = false

    var wroteSomething: Bool { inserted + updated + deleted > 0 || ranUncounted }
}

/// A batch whose records contradict what was asked for or what the source said of them.
package struct ProofError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, where, and what to do.
    package let description: String
    /// The batch's number in its run, once the transaction that loaded it is known.
    private(set) var batch: Int64?

    init(_ description: String) {
        self.description = description
    }

    /// The same error of a batch.
    func of(batch number: Int64) -> ProofError {
        var error = self
        error.batch = number
        return error
    }
}

/// Thrown if rows turn out to exist though their window had none: the transaction starts over with the upsert.
struct DirectLoadRefused: Error {}

/// The temporary table `batch` of one transaction.
struct BatchTable: Sendable {
    private var columns: SQLFragment?

    /// Makes the table be there, empty, with these columns.
    mutating func prepare(_ columns: SQLFragment, on session: isolated Session) throws {
        if self.columns == columns {
            try session.enqueue(try Statements.truncateBatchTable.bound())
            return
        }
        if self.columns != nil { try session.enqueue(try Statements.dropBatchTable.bound()) }
        try session.enqueue(try Statements.createBatchTable.bound(fragments: ["columns": columns]))
        self.columns = columns
    }
}

/// Brings the records of one batch into the table, inside the batch's transaction.
struct BatchLoader: Sendable {
    let stream: ResolvedStream
    let userSearchPath: String
    let guarded: GuardedWindows

    /// Whether records may be loaded directly into a window that has no rows, as far as they themselves tell.
    func canLoadDirectly(_ records: SpooledRecords, _ plan: Result<LoadPlan, any Error>) -> Bool {
        records.recordCount > 0 && keysAreProven(records) && (try? plan.get())?.canLoadDirectly == true
    }

    /// Loads `records`.
    ///
    /// - Parameters:
    ///   - plan: how they reach the table.
    ///   - partition: the batch's partition.
    ///   - request: the units that were asked for.
    ///   - directly: whether the records are to be copied directly into the table; then the search path is the user's.
    ///   - withdrawal: what of the window's rows goes if no record came for it; nil: nothing.
    ///   - table: the transaction's temporary table, used again if it fits.
    /// - Throws: ``ProofError``, ``ShrinkRefused``, ``StreamError``, ``PostgresError``; ``DirectLoadRefused``.
    func load(
        _ records: SpooledRecords, _ plan: Result<LoadPlan, any Error>, partition: Partition, request: Range<Int64>,
        directly: Bool, withdrawal: Withdrawal? = nil, table: inout BatchTable, on session: isolated Session
    ) async throws -> LoadResult {
        guard records.recordCount > 0 else {
            guard let withdrawal else { return LoadResult() }
            return try await loadNothing(records, plan, withdrawal, &table, session)
        }
        let plan = try plan.get()
        if directly { return try await loadDirectly(records, plan, session) }
        try await stage(records, plan, partition: partition, request: request, table: &table, on: session)
        guard plan.runsScripts else {
            try await rejectMovedRows(plan, session)
            // Before the upsert: what is new may take a unique value over from what goes.
            var deleted = 0
            if let withdrawal { deleted = try await withdraw(withdrawal, records: try plan.recordKeys, session) }
            var result = try await upsertParts(plan, session)
            result.deleted = deleted
            return result
        }
        return try await loadByScripts(withdrawal, session)
    }

    /// Brings records into the temporary table, and proves that each lies in the window and the partition.
    func stage(
        _ records: SpooledRecords, _ plan: LoadPlan, partition: Partition, request: Range<Int64>,
        table: inout BatchTable, on session: isolated Session
    ) async throws {
        try await fillBatchTable(records, plan, &table, session)
        if !keysAreProven(records) { try await proveKeys(plan, partition, request, session) }
    }

    /// Takes away what is gone if no records came, and runs the user's scripts over an empty table.
    private func loadNothing(
        _ records: SpooledRecords, _ plan: Result<LoadPlan, any Error>, _ withdrawal: Withdrawal,
        _ table: inout BatchTable, _ session: isolated Session
    ) async throws -> LoadResult {
        guard withdrawal.runsWithoutRecords else {
            return LoadResult(deleted: try await withdraw(withdrawal, records: nil, session))
        }
        try table.prepare(try plan.get().batchColumns, on: session)
        do {
            var result = try await loadByScripts(withdrawal, session)
            result.ranWithoutRecords = true
            return result
        } catch PostgresError.server(let error) where error.sqlState == .undefinedColumn && records.fields.isEmpty {
            throw ProofError(
                "the source sent no records and no header, so that the scripts under `load` do not find their columns: "
                    + "\(error.message)")
        }
    }

    private func loadByScripts(_ withdrawal: Withdrawal?, _ session: isolated Session) async throws -> LoadResult {
        try session.enqueue(try Statements.analyzeBatch.bound())
        // Scripts are the user's, and find their tables as they do without Lacuna.
        func run() async throws -> LoadResult {
            try await session.withUserSearchPath(userSearchPath) { try await runScripts(session) }
        }
        guard let withdrawal else { return try await run() }
        return try await runScripts(withdrawal, session, run)
    }

    private func keysAreProven(_ records: SpooledRecords) -> Bool {
        records.keysAreExact && stream.key.acceptsExactText
    }

    private func loadDirectly(
        _ records: SpooledRecords, _ plan: LoadPlan, _ session: isolated Session
    ) async throws -> LoadResult {
        let statement =
            switch records.format {
            case .csv:
                try Statements.copyTableCsv.bound(
                    identifiers: stream.identifiers, fragments: ["columns": try plan.columnsInFieldOrder])
            case .ndjson:
                try Statements.copyTableText.bound(
                    identifiers: stream.identifiers, fragments: ["columns": try plan.writtenColumns])
            }
        let columns = plan.rowColumns
        do {
            let inserted = try await session.copyIn(statement) { put in
                switch records.format {
                case .csv: try records.send(put)
                case .ndjson:
                    let sent = try records.send(rowsOf: columns, put)
                    guard sent == records.recordCount else {
                        throw ProofError("\(sent) of \(records.recordCount) records were read back")
                    }
                }
            }
            try session.useLacunaSearchPath()
            return LoadResult(inserted: inserted)
        } catch PostgresError.server(let error)
            where error.sqlState == .uniqueViolation || error.sqlState.conditionClass == "0A"
        {
            // Rows exist outside the window; or the table takes no COPY, as with row level security.
            throw DirectLoadRefused()
        }
    }

    private func fillBatchTable(
        _ records: SpooledRecords, _ plan: LoadPlan, _ table: inout BatchTable, _ session: isolated Session
    ) async throws {
        try table.prepare(try plan.batchColumns, on: session)
        let statement =
            switch records.format {
            case .csv: try Statements.copyBatchCsv.bound(fragments: ["columns": try plan.batchFields])
            case .ndjson: try Statements.copyBatchJson.bound()
            }
        let copied = try await session.copyIn(statement) { try records.send($0) }
        guard copied == records.recordCount else {
            throw ProofError("the server took \(copied) of \(records.recordCount) records")
        }
    }

    /// Proves by the server's own reading that every record lies in the window and the partition.
    private func proveKeys(
        _ plan: LoadPlan, _ partition: Partition, _ request: Range<Int64>, _ session: isolated Session
    ) async throws {
        let name = stream.definition.keyColumn
        let inWindow = "\(try stream.key.inRange()) AND \(try stream.inPartition(partition))"
        let rows = try await session.query(
            try Statements.findStrayRecord.bound(
                fragments: [
                    "records": try plan.records, "key": try SQLFragment(identifier: name),
                    "in_window": SQLFragment(trusted: inWindow),
                ],
                values: ["lower": String(request.lowerBound), "upper": String(request.upperBound)]))
        guard let stray = rows.first else { return }
        let key = try stray.getIfPresent("key", as: String.self)
        throw ProofError(
            "a record's key \(key.map { "'\($0)'" } ?? "is NULL, which") lies outside the window "
                + stream.definition.keyType.text(request))
    }

    /// Upserts all records, or part by part if they have different fields.
    private func upsertParts(_ plan: LoadPlan, _ session: isolated Session) async throws -> LoadResult {
        guard !plan.unevenFields.isEmpty else { return try await upsert(plan, session) }
        // One statement sees only its part, so that a key which comes twice is looked for in all of them first.
        try await rejectConflicts(plan, session)
        let sets = try await session.query(
            try Statements.findFieldSets.bound(fragments: ["presence": try plan.presence]))
        guard sets.count <= 1024 else {
            throw ProofError(
                "the records have more than 1024 different combinations of fields: let the source write them all, with null"
            )
        }
        var result = LoadResult()
        for row in sets {
            let present = try row.get("present", as: TextArray.self).elements.compactMap(\.self)
            let part = try await upsert(plan.part(withFields: present), session)
            result.inserted += part.inserted
            result.updated += part.updated
        }
        return result
    }

    /// Rejects records that would take rows out of other units: with a primary key that does not identify a row, each run
    /// empties the units that the last one filled. If the key is part of the primary key, no row can move.
    private func rejectMovedRows(_ plan: LoadPlan, _ session: isolated Session) async throws {
        let definition = stream.definition
        guard definition.movedRows == .error, definition.keyType.isOrdered,
            !stream.primaryKey.contains(definition.keyColumn),
            let column = stream.table.column(definition.keyColumn)
        else { return }
        func key(_ table: String) throws -> KeyExpression {
            let name = try SQLFragment(identifier: column.name)
            return try KeyExpression(
                SQLFragment(trusted: "\(table).\(name)"), column: column, type: definition.keyType,
                stream: definition.name)
        }
        let same = try stream.primaryKey.map { name in
            let name = try SQLFragment(identifier: name)
            return "here.\(name) = there.\(name)"
        }
        let identity = try stream.primaryKey.map { "here.\(try SQLFragment(identifier: $0))" }
        // The operators of the primary key's types are found as the user finds them.
        let statement = try Statements.findMovedRows.bound(
            identifiers: stream.identifiers,
            fragments: [
                "records": try plan.records, "same_row": SQLFragment(trusted: same.joined(separator: " AND ")),
                "unit": try key("here").unit, "new_unit": try key("there").unit,
                "identity": SQLFragment(
                    trusted: identity.count == 1 ? identity[0] : "ROW(\(identity.joined(separator: ", ")))"),
                "key": try key("here").expression, "new_key": try key("there").expression,
            ])
        let rows = try await session.withUserSearchPath(userSearchPath) { try await session.query(statement) }
        guard let row = rows.first else { return }
        let moved: Int64 = try row.get("moved")
        throw ProofError(
            "\(moved) row\(moved == 1 ? "" : "s") would leave another unit, among them "
                + "(\(stream.primaryKey.joined(separator: ", "))) = \(try row.get("primary_key", as: String.self)), which would move from "
                + "\(try row.get("key", as: String.self)) to \(try row.get("new_key", as: String.self)): check `primary_key`; "
                + "if the source does move rows, say moved_rows: allow")
    }

    private func upsert(_ plan: LoadPlan, _ session: isolated Session) async throws -> LoadResult {
        var isDistinct = false
        var isPlain = false
        try session.enqueue(BoundStatement(name: "savepoint", sql: "SAVEPOINT load"))
        while true {
            do {
                return try await upsert(plan, distinct: isDistinct, plain: isPlain, session)
            } catch PostgresError.server(let error) where error.sqlState == .cardinalityViolation && !isDistinct {
                // The same primary key came twice. Equal records are one; records that differ are an error.
                try session.enqueue(BoundStatement(name: "savepoint", sql: "ROLLBACK TO SAVEPOINT load"))
                try await rejectConflicts(plan, session)
                isDistinct = true
            } catch PostgresError.server(let error) where error.sqlState == .featureNotSupported && !isPlain {
                try session.enqueue(BoundStatement(name: "savepoint", sql: "ROLLBACK TO SAVEPOINT load"))
                isPlain = true
            }
        }
    }

    private func countNew(_ plan: LoadPlan, _ session: isolated Session) async throws -> Int {
        try await session.query(
            try Statements.countNewRecords.bound(
                identifiers: stream.identifiers,
                fragments: ["records": try plan.records, "primary_key": try plan.primaryKeyColumns])
        ).only().get("new")
    }

    private func rejectConflicts(_ plan: LoadPlan, _ session: isolated Session) async throws {
        let conflicts = try await session.query(
            try Statements.findConflictingRecord.bound(fragments: [
                "records": try plan.records, "row": try plan.writtenColumns,
                "primary_key": try plan.primaryKeyColumns,
            ]))
        guard let key = try conflicts.first?.get("key", as: String.self) else { return }
        throw ProofError(
            "two records with the same primary key (\(stream.primaryKey.joined(separator: ", "))) = \(key) differ")
    }

    private func upsert(
        _ plan: LoadPlan, distinct: Bool, plain: Bool, _ session: isolated Session
    ) async throws -> LoadResult {
        let primaryKey = try plan.primaryKeyColumns
        let template = plain ? Statements.upsertBatchPlainly : Statements.upsertBatch
        let new = plain ? try await countNew(plan, session) : 0
        let statement = try template.bound(
            identifiers: stream.identifiers,
            fragments: [
                "columns": try plan.writtenColumns, "records": try plan.records,
                "distinct": SQLFragment(trusted: distinct ? "DISTINCT ON (\(primaryKey))" : ""),
                "primary_key": primaryKey, "action": try plan.conflictAction,
            ])
        // The table's triggers belong to the user. What the statement says itself is named with its schema.
        let rows = try await session.withUserSearchPath(userSearchPath) { try await session.query(statement) }
        let row = try rows.only()
        if plain {
            let written: Int = try row.get("written")
            return LoadResult(inserted: min(new, written), updated: max(written - new, 0))
        }
        return LoadResult(inserted: try row.get("inserted"), updated: try row.get("updated"))
    }

    /// Runs the user's scripts, and takes care that they left the transaction alone.
    ///
    /// A COMMIT would make half a batch durable before anybody could object, so that the server is made to refuse it.
    private func runScripts(_ session: isolated Session) async throws -> LoadResult {
        var result = LoadResult()
        try session.enqueue(try Statements.createGuard.bound())
        for script in stream.definition.load {
            try session.enqueue(try Statements.armGuard.bound())
            do {
                for rows in try await session.script(script.text, name: script.path) {
                    if rows.commandTag.hasPrefix("INSERT") {
                        result.inserted += rows.affectedRows
                    } else if stream.definition.rows == .replace, rows.commandTag.hasPrefix("DELETE") {
                        result.deleted += rows.affectedRows
                    } else if ["UPDATE", "DELETE", "MERGE"].contains(where: rows.commandTag.hasPrefix) {
                        result.updated += rows.affectedRows
                    } else if rows.commandTag != "SET" {
                        result.ranUncounted = true
                    }
                }
            } catch PostgresError.server(let error) where error.constraint == "a_load_script_must_not_commit" {
                throw transactionEnded(by: script)
            }
            guard session.isTransactionOpen else { throw transactionEnded(by: script) }
            do {
                try await session.query(try Statements.disarmGuard.bound())
            } catch PostgresError.server(let error) where error.sqlState == .undefinedTable {
                // It began another transaction after it had rolled back this one.
                throw transactionEnded(by: script)
            }
        }
        return result
    }

    private func transactionEnded(by script: SQLScript) -> StreamError {
        StreamError.invalid("\(script.path) ended the batch's transaction: it must not COMMIT or ROLLBACK")
    }
}

extension SpooledRecords {
    fileprivate func send(_ put: (UnsafeRawBufferPointer) throws -> Void) throws {
        var reader = makeReader()
        while try reader.next(put) {}
    }

    fileprivate func send(
        rowsOf columns: [JSONRowWriter.Column], _ put: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Int {
        var writer = JSONRowWriter(columns)
        var reader = makeReader()
        while try reader.next({ try writer.write($0, put: put) }) {}
        try writer.finish(put: put)
        return writer.count
    }
}
