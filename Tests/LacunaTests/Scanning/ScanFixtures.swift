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
        _ table: String = "t", key: String = "k", type: KeyType, partitions: [String] = []
    ) async throws -> ResolvedStream {
        var definition = StreamDefinition(name: "scanned", table: table, keyColumn: key, keyType: type)
        if !partitions.isEmpty { definition.partitions = .query("", columns: partitions) }
        return try await ResolvedStream.resolve(definition, on: session)
    }

    /// The missing ranges of the only lane of table `t`.
    func missing(_ type: KeyType, _ range: Range<Int64>) async throws -> [Range<Int64>] {
        try await WindowGapScan().scan(stream(type: type), range: range, partition: nil, on: session)
            .missing(in: .whole).ranges
    }

    func run(_ sql: String) async throws {
        _ = try await session.script(sql, name: "test")
    }
}

/// The units of a range that are not in a set, found one by one.
func bruteForceMissing(_ range: Range<Int64>, _ present: Set<Int64>) -> UnitSet {
    UnitSet(range.filter { !present.contains($0) }.map { $0..<$0 + 1 })
}
