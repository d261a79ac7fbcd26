import Lacuna
import Postgres
import TestSupport
import Testing

/// A table whose changes are tracked, on a database of its own.
struct TrackedTable {
    let table: ScannedTable
    let stream: ResolvedStream
    let range: Range<Int64>

    var database: TestDatabase { table.database }

    /// Makes table `t`, installs the triggers, and runs `body`.
    ///
    /// - Parameters:
    ///   - setup: what makes `t` with its key `k`.
    ///   - partitions: the partition columns.
    static func with(
        _ setup: String, type: KeyType = .integer(step: 1), partitions: [String] = [], range: Range<Int64> = 0..<1000,
        _ body: (TrackedTable) async throws -> Void
    ) async throws {
        try await ScannedTable.with(setup) { (table: ScannedTable) async throws -> Void in
            _ = try await SchemaInstaller.install(on: table.session)
            let tracked = try await TrackedTable(table, type: type, partitions: partitions, range: range)
            #expect(try await ChangeTracking.install(tracked.stream, on: table.session) == .installed)
            try await body(tracked)
        }
    }

    init(
        _ table: ScannedTable, type: KeyType = .integer(step: 1), partitions: [String] = [],
        range: Range<Int64> = 0..<1000
    ) async throws {
        self.table = table
        self.range = range
        let declared = try await table.stream(type: type, partitions: partitions)
        var definition = declared.definition
        definition.tracksChanges = true
        definition.expect.from = .unit(range.lowerBound)
        stream = try ResolvedStream(definition, table: declared.table)
    }

    func run(_ sql: String) async throws {
        try await table.run(sql)
    }

    /// Holds what the tracked scan finds against a whole scan of the same snapshot.
    ///
    /// - Returns: how the tracked scan went about it.
    @discardableResult
    func check(
        on session: Session? = nil, partition: Partition? = nil, _ comment: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> ScanAccount.Changes? {
        let (tracked, whole) = try await (session ?? table.session).withTransaction(.snapshot) { session in
            let tracked = try await TrackedGapScan().scan(stream, range: range, partition: partition, on: session)
            let whole = try await WindowGapScan().scan(stream, range: range, partition: partition, on: session)
            return (tracked, whole)
        }
        #expect(tracked.missing == whole.missing, "\(comment)", sourceLocation: sourceLocation)
        #expect(tracked.largestKey == whole.largestKey, "\(comment)", sourceLocation: sourceLocation)
        return tracked.account.changes
    }

    /// Scans as a run does, and keeps what was found.
    ///
    /// - Parameter changes: from how many changes on.
    func keep(from changes: Int = 1, on session: Session? = nil) async throws {
        var stream = stream
        if !stream.definition.partitions.columns.isEmpty {
            // What partitions there are is of no account here.
            var definition = stream.definition
            let columns = definition.partitions.columns
            definition.partitions = .query(
                "SELECT \(columns.map { "NULL::text AS \"\($0)\"" }.joined(separator: ", ")) WHERE false",
                columns: columns)
            stream = try ResolvedStream(definition, table: stream.table)
        }
        _ = try await Surveyor(keepsFrom: changes).survey(stream, on: session ?? table.session)
    }

    /// How many rows of recorded changes there are.
    func changeCount() async throws -> Int {
        try await database.number("SELECT count(*) FROM lacuna.change")
    }
}

extension ScanAccount.Changes {
    /// Whether only so many units were read again.
    func isAgain(_ count: ClosedRange<UInt64>) -> Bool {
        if case .readAgain(let units, _) = self { count.contains(units) } else { false }
    }

    /// Why all was scanned; nil where it was not.
    var wholeBecause: String? {
        if case .scannedWhole(let reason) = self { reason } else { nil }
    }
}
