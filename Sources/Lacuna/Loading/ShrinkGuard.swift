import LacunaModel
import Synchronization

/// How many rows of a window an answer may take away.
struct ShrinkGuard: Sendable {
    /// The largest share, in percent.
    let percent: Int

    /// Whether it is too many.
    ///
    /// - Parameters:
    ///   - count: how many rows would go.
    ///   - rows: how many the window has.
    func refuses(_ count: Int, of rows: Int) -> Bool {
        guard percent < 100, count > 0 else { return false }
        return count >= rows || count.multipliedReportingOverflow(by: 100).partialValue > rows * percent
    }
}

/// An answer would take away more of a window's rows than the stream allows: nothing of the window is changed.
struct ShrinkRefused: Error, CustomStringConvertible {
    let description: String
    /// The units that were answered with nothing: the answer counts as the first of two.
    let empty: UnitSet
    /// The batch's number in its run, once the transaction that loaded it is known.
    private(set) var batch: Int64?

    init(
        _ count: Int, of rows: Int, _ percent: Int, in window: Range<Int64>, empty: UnitSet, of stream: StreamDefinition
    ) {
        self.empty = empty
        let (first, last) = (stream.keyType.text(window.lowerBound), stream.keyType.text(window.upperBound - 1))
        description =
            "the source no longer has \(count) of the \(rows) row\(rows == 1 ? "" : "s") of "
            + "\(stream.keyType.text(window)), and shrink_guard: \(percent)% lets fewer go, so that nothing of them was "
            + "changed. If the source is right, say `lacuna mark \(stream.name) --from \(first) --to \(last) --replace`, "
            + "or raise shrink_guard"
    }

    /// The same error of a batch.
    func of(batch number: Int64) -> ShrinkRefused {
        var error = self
        error.batch = number
        return error
    }
}

/// The windows whose losses the guard let pass in a run. If such a window fails then and is halved, its parts are held against
/// the rows of the whole.
final class GuardedWindows: Sendable {
    private struct Window {
        let partition: Partition
        let range: Range<Int64>
        let rows: Int
    }

    private let windows = Mutex<[Window]>([])

    /// Notes that the guard let rows of a window go.
    func note(_ range: Range<Int64>, of partition: Partition, rows: Int) {
        windows.withLock { $0.append(Window(partition: partition, range: range, rows: rows)) }
    }

    /// The most rows of a noted window that holds `range`; 0 if there is none.
    func rows(around range: Range<Int64>, of partition: Partition) -> Int {
        windows.withLock { windows in
            windows.filter {
                $0.partition == partition && $0.range.lowerBound <= range.lowerBound
                    && range.upperBound <= $0.range.upperBound
            }.map(\.rows).max() ?? 0
        }
    }
}
