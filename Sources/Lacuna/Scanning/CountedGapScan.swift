import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Counts the rows of each unit in the pass that finds the missing units (`sql/statements/count_unit_shortfalls.sql`): for streams
/// that declare when a unit is complete, and for tables of which only some rows count.
package struct CountedGapScan: GapScan {
    /// When a unit is complete.
    private let complete: Completeness
    /// The only rows that count, by a condition of the user's.
    private let rowCondition: String?
    /// What names in the user's own SQL resolve with.
    private let userSearchPath: String

    /// A scan.
    package init(_ complete: Completeness, where rowCondition: String? = nil, userSearchPath: String) {
        self.complete = complete
        self.rowCondition = rowCondition
        self.userSearchPath = userSearchPath
    }

    /// Scans `range` of the stream's table, and says which units fall short.
    ///
    /// - Throws: ``StreamError`` if the user's condition or query fails; ``PostgresError``.
    package func scan(
        _ stream: ResolvedStream, range: Range<Int64>, partition: Partition?, on session: isolated Session
    ) async throws -> GapScanResult {
        guard !range.isEmpty else { return GapScanResult(range: range, present: [:]) }
        let clock = ContinuousClock()
        let start = clock.now
        let judge = try await judge(stream, range, on: session)
        let statement = try statement(stream, range: range, partition: partition, judge)
        var result: GapScanResult
        if session.transactionMode == .snapshot {
            result = try await session.withDiscardedSavepoint { session in
                try await session.query(try Statements.setPassParameters.bound(values: ["sequentially": "false"]))
                return try await gather(statement, range, judge, on: session)
            }
        } else {
            result = try await gather(statement, range, judge, on: session)
        }
        result.account = ScanAccount(strategy: .bits, reason: "the rows of each unit are counted")
        if stream.definition.tracksChanges { result.account.changes = .scannedWhole("`complete` counts rows") }
        result.account.duration = clock.now - start
        return result
    }

    private func gather(
        _ statement: BoundStatement, _ range: Range<Int64>, _ judge: Judge, on session: isolated Session
    ) async throws -> GapScanResult {
        var words = CountedWords(range: range)
        if judge.isUsers {
            try await session.forEachUserRow(judge.name, userSearchPath, statement) { try words.take($0) }
        } else {
            try await session.forEachRow(statement) { try words.take($0) }
        }
        return words.result()
    }

    private func statement(
        _ stream: ResolvedStream, range: Range<Int64>, partition: Partition?, _ judge: Judge
    ) throws -> BoundStatement {
        let columns = try stream.definition.partitions.columns.map { "\(try SQLFragment(identifier: $0)), " }
        let table = try SQLFragment(identifier: stream.table.schema, stream.table.name)
        let noMore =
            stream.key.isOneKeyPerUnit
            ? "" : "UNION ALL SELECT \(columns.joined())NULL::bigint, NULL::boolean FROM \(table) WHERE false"
        return try Statements.countUnitShortfalls.bound(
            identifiers: stream.identifiers,
            fragments: [
                "partition_list": SQLFragment(trusted: columns.joined()),
                "partition_values": try stream.partitionValues,
                "in_partition": try stream.inPartition(partition ?? .whole),
                "in_range": try stream.key.inRange(includesLargestKey: range.upperBound == .max),
                "unit": try stream.key.unit, "no_more": SQLFragment(trusted: noMore), "failing": judge.failing,
                "shortfall": judge.shortfall,
            ],
            values: ["lower": String(range.lowerBound), "upper": String(range.upperBound)],
            userSQL: [
                "condition": judge.condition, "wanted": judge.wanted,
                "only": rowCondition.map { "AND (\n\($0)\n)" } ?? "",
            ])
    }

    /// The SQL that says how many rows a unit lacks.
    private struct Judge {
        /// What messages call the user's SQL.
        var name = ""
        /// Whether there is any.
        var isUsers = true
        var condition = "true"
        var failing = SQLFragment(trusted: "0::bigint")
        var shortfall: SQLFragment
        var wanted = ""
    }

    private func judge(_ stream: ResolvedStream, _ range: Range<Int64>, on session: isolated Session) async throws
        -> Judge
    {
        let failing = SQLFragment(trusted: "pg_catalog.count(*) FILTER (WHERE lacuna_holds IS NOT TRUE)")
        switch complete {
        case .rows(let least):
            return Judge(
                name: "--where", isUsers: rowCondition != nil,
                shortfall: SQLFragment(trusted: "GREATEST(\(least) OPERATOR(pg_catalog.-) lacuna_rows, 0)"))
        case .everyRow(let condition):
            return Judge(
                name: "complete.where", condition: condition, failing: failing,
                shortfall: SQLFragment(trusted: "lacuna_failing"))
        case .anyRow(let condition):
            return Judge(
                name: "complete.where", condition: condition, failing: failing,
                shortfall: SQLFragment(
                    trusted: "CASE WHEN lacuna_failing OPERATOR(pg_catalog.<) lacuna_rows THEN 0 ELSE lacuna_rows END"))
        case .query(let query):
            let shortfall = "GREATEST(COALESCE(lacuna_wanted, 0) OPERATOR(pg_catalog.-) lacuna_rows, 0)"
            return Judge(
                name: "complete.query", shortfall: SQLFragment(trusted: shortfall),
                wanted: try await join(query.withoutTrailingSemicolon, stream, range, on: session))
        }
    }

    /// The join with the numbers of rows that a query of the user's names.
    private func join(
        _ query: String, _ stream: ResolvedStream, _ range: Range<Int64>, on session: isolated Session
    ) async throws -> String {
        let definition = stream.definition
        let own = definition.partitions.columns + [definition.keyColumn]
        let probe = BoundStatement(name: "complete.query", sql: "SELECT * FROM (\n\(query)\n) AS answer LIMIT 0")
        let columns = try await session.userQuery("complete.query", userSearchPath, probe).columns
        let others = columns.filter { !own.contains($0) }
        guard let number = others.first, others.count == 1, columns.count == own.count + 1 else {
            throw StreamError.invalid(
                "complete.query returns (\(columns.joined(separator: ", "))): it has to return "
                    + "\(own.joined(separator: ", ")) and one column more, the number of rows")
        }
        guard let column = stream.table.column(definition.keyColumn) else { return "" }
        let cast = SQLFragment(trusted: "(answer.\(try SQLFragment(identifier: column.name))::\(column.baseTypeName))")
        let key = try KeyExpression(cast, column: column, type: definition.keyType, stream: definition.name)
        // Keys that are no unit, as infinity, are nobody's.
        let units = range.clamped(to: definition.keyType.limits)
        let inRange = try key.inRange(from: String(units.lowerBound), to: String(units.upperBound))
        let partition = try definition.partitions.columns.map {
            "answer.\(try SQLFragment(identifier: $0))::pg_catalog.text"
        }
        let values =
            partition.isEmpty ? "'{}'::pg_catalog.text[]" : "ARRAY[\(partition.joined(separator: ", "))]"
        return """
            LEFT JOIN (
                SELECT
                    \(values) AS lacuna_partition,
                    \(try key.unit) AS lacuna_asked_unit,
                    pg_catalog.max(answer.\(try SQLFragment(identifier: number))::bigint) AS lacuna_wanted
                FROM (
            \(query)
                ) AS answer
                WHERE \(inRange)
                GROUP BY 1, 2
            ) AS lacuna_asked
                ON lacuna_asked.lacuna_asked_unit OPERATOR(pg_catalog.=) lacuna_unit
                AND lacuna_asked.lacuna_partition OPERATOR(pg_catalog.=) \(try stream.partitionValues)
            """
    }
}

/// Gathers the rows of `count_unit_shortfalls.sql`.
private struct CountedWords {
    let range: Range<Int64>
    private var gaps: [Partition: [Range<Int64>]] = [:]
    private var thin: [Partition: [(unit: Int64, shortfall: Int64)]] = [:]
    private var largestKey: Set<Partition> = []

    init(range: Range<Int64>) {
        self.range = range
    }

    mutating func take(_ row: Row) throws {
        guard let partition = try row.getIfPresent(at: 0, as: TextArray.self)?.partition,
            let word = try row.getIfPresent(at: 1, as: Int64.self),
            let bits = try row.getIfPresent(at: 4, as: Int64.self)
        else { return }
        if range.upperBound == .max, word == Int64.max >> 6, bits < 0 { largestKey.insert(partition) }
        var found: [Range<Int64>] = []
        UnitWord.forEachGap(
            of: word, bits, units: range, neighbours: (try row.getIfPresent(at: 2), try row.getIfPresent(at: 3))
        ) { found.append($0) }
        gaps[partition, default: []] += found
        guard let units = try row.getIfPresent(at: 5, as: TextArray.self),
            let shortfalls = try row.getIfPresent(at: 6, as: TextArray.self)
        else { return }
        for (unit, shortfall) in zip(units.elements, shortfalls.elements) {
            guard let unit = unit.flatMap(Int64.init), let shortfall = shortfall.flatMap(Int64.init),
                range.contains(unit)
            else { continue }
            thin[partition, default: []].append((unit, shortfall))
        }
    }

    consuming func result() -> GapScanResult {
        var result = GapScanResult(
            range: range, present: gaps.mapValues { PresentUnits(range, missing: UnitSet($0)) }, largestKey: largestKey)
        result.thin = thin.mapValues { ThinUnits($0) }
        return result
    }
}
