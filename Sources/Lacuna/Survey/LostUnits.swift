import LacunaModel
import Postgres
import SQLStatements

/// Units that had rows when changes were summed up and have none now.
package struct LostUnits: Sendable, Hashable {
    /// The units.
    package let range: Range<Int64>
    /// When the last change was made that may have taken the rows away, seconds since the epoch.
    package let until: Int64

    /// Units that lost their rows.
    package init(range: Range<Int64>, until: Int64) {
        self.range = range
        self.until = until
    }
}

extension Surveyor {
    /// Says when units lost their rows: when the last change was made that is recorded for them. What is recorded without a time
    /// is left out.
    ///
    /// - Parameter units: had rows when changes were summed up, and have none in this snapshot.
    /// - Returns: of each partition ranges that do not overlap, ascending.
    func lostUnits(
        _ units: [Partition: UnitSet], of stream: ResolvedStream, on session: isolated Session
    ) async throws -> [Partition: [LostUnits]] {
        guard !units.isEmpty else { return [:] }
        let statement = try Statements.selectChangeTimes.bound(values: ["stream": stream.definition.name])
        var rest = units
        var lost: [Partition: [LostUnits]] = [:]
        for row in try await session.query(statement) {
            let first: Int64 = try row.get("first")
            let last: Int64 = try row.get("last")
            let until: Int64 = try row.get("changed")
            let only = try row.getIfPresent("partition_values", as: TextArray.self)?.partition
            for partition in only.map({ [$0] }) ?? Array(rest.keys) {
                guard let units = rest[partition] else { continue }
                let found = units.intersection(first..<max(first, last.adding(saturating: 1)))
                guard !found.isEmpty else { continue }
                lost[partition, default: []] += found.ranges.map { LostUnits(range: $0, until: until) }
                rest[partition] = units.subtracting(found)
            }
        }
        return lost.mapValues { $0.sorted { $0.range.lowerBound < $1.range.lowerBound } }
    }
}
