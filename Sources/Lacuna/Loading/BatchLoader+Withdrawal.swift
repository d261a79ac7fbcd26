import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// What of a window's rows may go because the source no longer has it.
struct Withdrawal: Sendable {
    let window: Range<Int64>
    let partition: Partition
    /// Where rows may go.
    let replacement: Replacement
    /// The units that may lose any number of rows: somebody or the stream's check said so, or the source did twice.
    let unguarded: UnitSet
    /// How many rows the window counts with at least: those of the window that it was cut from.
    let leastRows: Int
    /// Whether the user's scripts run though no records came.
    let runsWithoutRecords: Bool
}

/// What a window has, and what of it the source no longer has.
private struct Withdrawn {
    let rows: Int
    let withdrawn: Int
    let guarded: Int
}

extension BatchLoader {
    private var shrinkGuard: ShrinkGuard { ShrinkGuard(percent: stream.definition.shrinkGuard) }

    /// Deletes the rows that the source no longer has, unless they are more than the guard lets go.
    ///
    /// - Parameters:
    ///   - records: the records' primary keys; nil: there are none, or only the user's scripts can read them.
    /// - Returns: how many were deleted.
    /// - Throws: ``ShrinkRefused``; ``ProofError`` if the table keeps rows; ``PostgresError``.
    func withdraw(_ withdrawal: Withdrawal, records: SQLFragment?, _ session: isolated Session) async throws -> Int {
        let units =
            records == nil ? withdrawal.replacement.empty : withdrawal.replacement.units
        guard !units.isEmpty else { return 0 }
        let found = try await count(withdrawal, units, records: records, session)
        guard found.withdrawn > 0 else { return 0 }
        let rows = max(found.rows, withdrawal.leastRows)
        try require(withdrawal, losesAtMost: found.guarded, of: rows)
        guarded.note(withdrawal.window, of: withdrawal.partition, rows: rows)
        let template =
            stream.table.spread.isKnownToCluster ? Statements.deleteWithdrawnByKey : Statements.deleteWithdrawn
        let statement = try bound(template, withdrawal, units, records: records)
        let deleted: Int = try await session.withUserSearchPath(userSearchPath) {
            try await session.query(statement).only().get("deleted")
        }
        if deleted != found.withdrawn {
            let left = try await count(withdrawal, units, records: records, session).withdrawn
            guard left == 0 else {
                throw ProofError(
                    "\(left) row\(left == 1 ? "" : "s") that the source no longer has stayed in \(stream.table.name): a "
                        + "trigger or a policy of the table keeps them, and rows: replace deletes them")
            }
        }
        return deleted
    }

    /// Runs the user's scripts, which may delete rows, and holds what the table's window lost against the guard.
    func runScripts(
        _ withdrawal: Withdrawal, _ session: isolated Session, _ run: () async throws -> LoadResult
    ) async throws -> LoadResult {
        let window = UnitSet(withdrawal.window)
        let before = try await count(withdrawal, window, records: nil, session)
        let deleted = try await withdraw(withdrawal, records: nil, session)
        var result = try await run()
        result.deleted += deleted
        let after = try await count(withdrawal, window, records: nil, session)
        try require(
            withdrawal, losesAtMost: before.guarded - after.guarded, of: max(before.rows, withdrawal.leastRows))
        return result
    }

    private func require(_ withdrawal: Withdrawal, losesAtMost count: Int, of rows: Int) throws {
        guard shrinkGuard.refuses(count, of: rows) else { return }
        throw ShrinkRefused(
            count, of: rows, shrinkGuard.percent, in: withdrawal.window,
            empty: withdrawal.replacement.empty.subtracting(withdrawal.replacement.confirmed)
                .union(withdrawal.replacement.waiting), of: stream.definition)
    }

    private func count(
        _ withdrawal: Withdrawal, _ units: UnitSet, records: SQLFragment?, _ session: isolated Session
    ) async throws -> Withdrawn {
        let row = try await session.query(
            try bound(Statements.countWithdrawn, withdrawal, units, records: records)
        ).only()
        return Withdrawn(
            rows: try row.get("rows"), withdrawn: try row.get("withdrawn"), guarded: try row.get("guarded"))
    }

    private func bound(
        _ template: StatementTemplate, _ withdrawal: Withdrawal, _ units: UnitSet, records: SQLFragment?
    ) throws -> BoundStatement {
        // Without records any columns do.
        let columns = records == nil ? [stream.definition.keyColumn] : stream.primaryKey
        let key = try columns.map { try SQLFragment(identifier: $0).description }
        let names = columns.indices.map { "lacuna_key_\($0)" }
        let nothing = try columns.map { name in
            let type = stream.table.column(name)?.typeName.description ?? "text"
            return "NULL::\(type) AS \(try SQLFragment(identifier: name))"
        }
        return try template.bound(
            identifiers: stream.identifiers,
            fragments: [
                "records": records
                    ?? SQLFragment(trusted: "(SELECT \(nothing.joined(separator: ", ")) WHERE false) AS record"),
                "primary_key": SQLFragment(trusted: key.joined(separator: ", ")), "unit": try stream.key.unit,
                "names": SQLFragment(trusted: names.joined(separator: ", ")),
                "same_row": SQLFragment(
                    trusted: zip(key, names).map { "lacuna_target.\($0) = \($1)" }.joined(separator: " AND ")),
                "in_window": SQLFragment(
                    trusted: "(\(try stream.key.inRange())) AND (\(try stream.inPartition(withdrawal.partition)))"),
            ],
            values: [
                "lower": String(withdrawal.window.lowerBound), "upper": String(withdrawal.window.upperBound),
                "units": units.multirangeLiteral, "unguarded": withdrawal.unguarded.multirangeLiteral,
            ])
    }
}

extension LoadPlan {
    /// A table expression over the temporary table with the primary keys of all records, under the collations of the table.
    var recordKeys: SQLFragment {
        get throws {
            let columns = try stream.primaryKey.map { name in
                let identifier = try SQLFragment(identifier: name)
                guard let collation = stream.table.column(name)?.collation else { return "record.\(identifier)" }
                return "record.\(identifier) COLLATE \(collation) AS \(identifier)"
            }
            return SQLFragment(
                trusted: "(SELECT \(columns.joined(separator: ", ")) FROM \(try records)) AS lacuna_record")
        }
    }
}
