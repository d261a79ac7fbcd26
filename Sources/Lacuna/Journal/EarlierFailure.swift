import LacunaModel
import LacunaRecords

/// A window that failed in earlier runs and was not committed since.
struct EarlierFailure: Sendable {
    let partition: Partition
    let window: Range<Int64>
    let failures: Int
    let secondsAgo: Int64

    var isWaiting: Bool { secondsAgo < FailureWait.seconds(afterFailures: failures) }
}

/// When a window that failed is tried again: a minute after the first run it failed in, twice as long after each further
/// one, at most a day.
enum FailureWait {
    static func seconds(afterFailures failures: Int) -> Int64 {
        min(60 << Int64(min(max(failures - 1, 0), 20)), 86_400)
    }
}
