import LacunaModel
import LacunaRecords
import Synchronization

/// What the source of a stream has shown so far: in the rows of the table, and in the answers of this run.
///
/// An empty answer proves something only if the source had shown a newer record before it was asked.
final class ShownRecords: Sendable {
    private struct State {
        var hasRows: Bool
        var newest: [Partition: Int64] = [:]
        /// How many records the answers had that turned out to be cut, and how often.
        var cuts: [Int: Int] = [:]
    }

    private let state: Mutex<State>

    /// - Parameter hasRows: whether the stream has a row.
    init(hasRows: Bool) {
        state = Mutex(State(hasRows: hasRows))
    }

    /// Whether the source has ever given a row.
    var hasRows: Bool { state.withLock { $0.hasRows } }

    /// The newest unit of a partition that this run saw a record of; nil if it saw none.
    func newest(of partition: Partition) -> Int64? {
        state.withLock { $0.newest[partition] }
    }

    /// The most records that the source gives at once; nil if nothing was cut off twice at the same number. Once may be chance:
    /// a record that came in between.
    var cap: Int? {
        state.withLock { $0.cuts.filter { $0.value > 1 }.keys.min() }
    }

    /// Whether an answer of so many records may be one that a cap cut.
    func mayBeCut(at count: Int) -> Bool {
        state.withLock { $0.cuts.keys.contains { $0 <= count } }
    }

    /// Notes that an answer of so many records was cut.
    func noteCut(at count: Int) {
        state.withLock { $0.cuts[count, default: 0] += 1 }
    }

    /// Notes the units that records came for.
    func note(_ units: UnitSet, of partition: Partition) {
        guard let hull = units.hull else { return }
        state.withLock { state in
            state.hasRows = true
            state.newest[partition] = max(state.newest[partition] ?? .min, hull.upperBound - 1)
        }
    }
}

extension Survey {
    /// Whether a partition has a row.
    var hasRows: Bool {
        partitions.contains { coverage in
            guard definition.keyType.isOrdered else {
                return !coverage.expected.subtracting(coverage.evidence.present.missing(in: coverage.range)).isEmpty
            }
            return !coverage.evidence.present.hull.isEmpty || coverage.evidence.hasLargestKey
        }
    }
}
