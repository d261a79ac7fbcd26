import Foundation
import Lacuna
import Postgres
import TestSupport
import Testing

/// A table on a database of its own, and the scan of it.
struct ScannedTable {
    let database: TestDatabase
    let session: Session

    /// Runs `body` with a session and a database of their own.
    static func with(_ setup: String, _ body: (ScannedTable) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            do {
                _ = try await session.script(setup, name: "setup")
                try await body(ScannedTable(database: database, session: session))
            } catch {
                await session.close()
                throw error
            }
            await session.close()
        }
    }

    /// The stream over a table.
    func stream(
        _ table: String = "t", name: String = "scanned", key: String = "k", type: KeyType, partitions: [String] = []
    ) async throws -> ResolvedStream {
        var definition = StreamDefinition(name: name, table: table, keyColumn: key, keyType: type)
        if !partitions.isEmpty { definition.partitions = .query("", columns: partitions) }
        return try await ResolvedStream.resolve(definition, on: session)
    }

    /// The missing ranges of the only partition of table `t`, which every way to scan it agrees on.
    func missing(_ type: KeyType, _ range: Range<Int64>) async throws -> [Range<Int64>] {
        try await scanAllWays(stream(type: type), range: range).missing(in: .whole).ranges
    }

    /// What the window scan answers, after every other way that the table allows has answered the same.
    func scanAllWays(
        _ stream: ResolvedStream, range: Range<Int64>, partition: Partition? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> GapScanResult {
        let expected = try await WindowGapScan().scan(stream, range: range, partition: partition, on: session)
        let gated = try await WindowGapScan(looksFirst: true).scan(
            stream, range: range, partition: partition, on: session)
        #expect(gated == expected, sourceLocation: sourceLocation)
        if stream.definition.keyType.isOrdered {
            let joined = try await ShardGapScan().scan(stream, range: range, partition: partition, on: session)
            #expect(joined.present == expected.present, "shards", sourceLocation: sourceLocation)
            #expect(joined.largestKey == expected.largestKey, "shards", sourceLocation: sourceLocation)
        }
        let counted = try await countedScan(stream, .rows(1), range: range, partition: partition)
        #expect(counted.missing == expected.missing, "counted", sourceLocation: sourceLocation)
        #expect(counted.largestKey == expected.largestKey, "counted", sourceLocation: sourceLocation)
        #expect(counted.thin.isEmpty, "counted", sourceLocation: sourceLocation)
        for strategy in ScanStrategy.allCases {
            // These look at every unit of the hull.
            let present = expected.missing.keys.compactMap { expected.present(in: $0).hull }
            if [.probe, .bits].contains(strategy), present.contains(where: { $0.unitCount > 1_000_000 }) { continue }
            do {
                let found = try await scan(stream, by: strategy, range: range, partition: partition)
                #expect(found.missing == expected.missing, "\(strategy)", sourceLocation: sourceLocation)
                #expect(found.largestKey == expected.largestKey, "\(strategy)", sourceLocation: sourceLocation)
            } catch StreamError.invalid {
                // The table does not allow it: which ones do is tested for itself.
            }
        }
        return expected
    }

    /// A scan in its own snapshot.
    func scan(
        _ stream: ResolvedStream, by strategy: ScanStrategy?, range: Range<Int64>, partition: Partition? = nil
    ) async throws -> GapScanResult {
        try await session.withTransaction(.snapshot) { session in
            try await ChosenGapScan(strategy).scan(stream, range: range, partition: partition, on: session)
        }
    }

    /// A scan that counts rows, in its own snapshot.
    func countedScan(
        _ stream: ResolvedStream, _ complete: Completeness, range: Range<Int64>, partition: Partition? = nil
    ) async throws -> GapScanResult {
        try await session.withTransaction(.snapshot) { session in
            let scan = CountedGapScan(complete, userSearchPath: "public")
            return try await scan.scan(stream, range: range, partition: partition, on: session)
        }
    }

    func run(_ sql: String) async throws {
        _ = try await session.script(sql, name: "test")
    }
}

/// The units of a range that are not in a set, found one by one.
func bruteForceMissing(_ range: Range<Int64>, _ present: Set<Int64>) -> UnitSet {
    UnitSet(range.filter { !present.contains($0) }.map { $0..<$0 + 1 })
}

extension Surveyor {
    /// A surveyor for sessions that a test has opened itself.
    ///
    /// - Parameter changes: from how many recorded changes on what was scanned is kept; nil: never.
    init(keepsFrom changes: Int? = nil) {
        self.init(Database(connectionString: nil), for: changes == nil ? .plan : .run)
        if let changes { changesWorthKeeping = changes }
    }
}
