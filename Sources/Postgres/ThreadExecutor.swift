import Dispatch
import Foundation
import Synchronization

/// Runs the jobs of one actor on a thread of its own, so that calls which block hold up nobody else.
///
/// A dispatch queue is not enough: on Linux queues share a pool of few threads, and sessions that wait for each other's
/// locks in the server would keep the one that could release them from running.
final class ThreadExecutor: SerialExecutor {
    /// The jobs, shared with the thread; it outlives the executor until the last job has run.
    private final class Inbox: Sendable {
        private struct State {
            var jobs: [(UnownedJob, ThreadExecutor)] = []
        }

        private let state = Mutex(State())
        private let arrivals = DispatchSemaphore(value: 0)

        func put(_ job: UnownedJob, _ executor: ThreadExecutor) {
            state.withLock { $0.jobs.append((job, executor)) }
            arrivals.signal()
        }

        /// Wakes the thread with nothing to do, which ends it.
        func close() {
            arrivals.signal()
        }

        /// Waits for the next job; nil if there will be none.
        func take() -> (UnownedJob, ThreadExecutor)? {
            arrivals.wait()
            return state.withLock { $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }
        }
    }

    private let inbox = Inbox()

    init(label: String) {
        let inbox = inbox
        let thread = Thread {
            while let (job, executor) = inbox.take() {
                job.runSynchronously(on: executor.asUnownedSerialExecutor())
            }
        }
        thread.name = label
        thread.stackSize = 1 << 20
        thread.start()
    }

    deinit {
        inbox.close()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        inbox.put(UnownedJob(job), self)
    }
}
