import Dispatch

/// Runs the jobs of one actor on a private dispatch queue, so that calls which block never hold a thread of the
/// cooperative pool.
///
/// `DispatchSerialQueue`, which is such an executor by itself, exists on Apple's systems only.
final class SerialQueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) {
        queue = DispatchQueue(label: label)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        queue.async {
            unowned.runSynchronously(on: self.asUnownedSerialExecutor())
        }
    }
}
