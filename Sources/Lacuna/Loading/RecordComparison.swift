import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Holds the rows of a window against records, as the server reads and compares them: two rows differ if an upsert would
/// write.
struct RecordComparison: Sendable {
    let stream: ResolvedStream
    let userSearchPath: String

    /// What differs, by unit.
    ///
    /// It is run in an open transaction, and leaves nothing but a temporary table.
    ///
    /// - Parameters:
    ///   - records: what the source sent for `window`.
    ///   - units: the units that count.
    /// - Throws: ``ProofError``; ``StreamError``; ``PostgresError``.
    func differences(
        _ records: SpooledRecords, partition: Partition, window: Range<Int64>, units: UnitSet,
        on session: isolated Session
    ) async throws -> [UnitDifference] {
        guard records.recordCount > 0 else {
            return try await differences(
                columns: try keyColumns, records: try noRecords, uneven: [], partition, window, units, session)
        }
        let plan = try LoadPlan(records, partition: partition, stream: stream)
        var table = BatchTable()
        let loader = BatchLoader(stream: stream, userSearchPath: userSearchPath, guarded: GuardedWindows())
        try await loader.stage(records, plan, partition: partition, request: window, table: &table, on: session)
        try session.enqueue(try Statements.analyzeBatch.bound())
        return try await differences(
            columns: plan.targets.map(\.column), records: try plan.comparedRecords, uneven: plan.unevenFields,
            partition, window, units, session)
    }

    private func differences(
        columns: [TableDescription.Column], records: SQLFragment, uneven: [String], _ partition: Partition,
        _ window: Range<Int64>, _ units: UnitSet, _ session: isolated Session
    ) async throws -> [UnitDifference] {
        // The key column is compared by unit and value; the primary key is what makes two rows the same.
        let names = try columns.map { try SQLFragment(identifier: $0.name).description }
        let sameRow = try stream.primaryKey.map { name in
            let name = try SQLFragment(identifier: name)
            return "here.\(name) = there.\(name)"
        }
        let flags = try columns.map { column in
            let name = try SQLFragment(identifier: column.name)
            let differs =
                "ROW(here.\(name))::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW(there.\(name))::pg_catalog.record"
            let field = stream.definition.field(of: column.name)
            // A record without the field leaves its column as it is.
            let condition =
                uneven.contains(field)
                ? "\(try SQLFragment(literal: field)) OPERATOR(pg_catalog.=) ANY (there.lacuna_fields) AND \(differs)"
                : differs
            return "CASE WHEN \(condition) THEN '1' ELSE '0' END"
        }
        let inWindow = "(\(try stream.key.inRange())) AND (\(try stream.inPartition(partition)))"
        let statement = try Statements.findDifferences.bound(
            identifiers: stream.identifiers,
            fragments: [
                "records": records, "columns": SQLFragment(trusted: names.joined(separator: ", ")),
                "fields": SQLFragment(trusted: uneven.isEmpty ? "NULL::pg_catalog.text[]" : "lacuna_fields"),
                "unit": try stream.key.unit, "in_window": SQLFragment(trusted: inWindow),
                "same_row": SQLFragment(trusted: sameRow.joined(separator: " AND ")),
                "differs": SQLFragment(
                    trusted: "(pg_catalog.concat(\(flags.joined(separator: ", "))))::bit(\(flags.count))"),
            ],
            values: [
                "lower": String(window.lowerBound), "upper": String(window.upperBound),
                "units": units.multirangeLiteral,
            ])
        let rows = try await session.withUserSearchPath(userSearchPath) { try await session.query(statement) }
        return try rows.map { row in
            let bits = try row.getIfPresent("columns", as: String.self) ?? ""
            return UnitDifference(
                unit: try row.get("unit"), missingHere: try row.get("missing_here"),
                missingThere: try row.get("missing_there"), different: try row.get("different"),
                columns: zip(bits, columns).compactMap { $0 == "1" ? $1.name : nil })
        }
    }

    /// The columns that a comparison with nothing needs: those of the primary key, and the key.
    private var keyColumns: [TableDescription.Column] {
        get throws {
            guard !stream.primaryKey.isEmpty else {
                throw StreamError.noUniqueIndex(table: stream.table.name, columns: [])
            }
            let names = Set(stream.primaryKey + [stream.definition.keyColumn])
            return stream.table.columns.filter { names.contains($0.name) }
        }
    }

    private var noRecords: SQLFragment {
        get throws {
            let columns = try keyColumns.map { "NULL::\($0.typeName) AS \(try SQLFragment(identifier: $0.name))" }
            return SQLFragment(trusted: "(SELECT \(columns.joined(separator: ", ")) WHERE false) AS record")
        }
    }
}

extension LoadPlan {
    /// ``records``, with the fields that each has if some have not all.
    fileprivate var comparedRecords: SQLFragment {
        get throws { try unevenFields.isEmpty ? records : records(and: "\(try presence) AS lacuna_fields") }
    }
}
