import ConcurrencyHook
import Foundation
import SeededRandom

/// Runs all jobs of a simulation on one thread, in an order that a seed decides, and keeps its clock.
///
/// Jobs that go to Swift's global executor come here through the runtime's hook where the thread that enqueues them has a
/// scheduler; sessions bring theirs by ``executor``. Time stands still while anything can run, and then jumps to the next
/// timer. Nothing of a simulation may wait for another thread.
///
/// `@unchecked Sendable`: everything of a simulation happens on the one thread that runs it.
public final class Scheduler: @unchecked Sendable {
    private enum Ready {
        case job(UnownedJob, SessionExecutor?)
        case continuation(UnsafeContinuation<Void, Never>)
        case wakeup(Waiter)
    }

    private struct Timer {
        let deadline: Int64
        let waiter: Waiter
    }

    /// The chance in everything that happens.
    public var random: SeededGenerator
    /// The time, in microseconds since the epoch.
    public private(set) var microseconds: Int64 = 1_700_000_000_000_000
    /// The jobs that were run.
    public private(set) var jobCount = 0
    /// Called before each job.
    var beforeJob: (() -> Void)?
    /// Called when nothing can run and time is about to pass.
    var beforeTimePasses: (() -> Void)?
    private var ready: [Ready] = []
    private var timers: [Timer] = []
    /// Runs the jobs of sessions.
    let executor = SessionExecutor()

    /// A scheduler whose order is decided by `seed`.
    public init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        executor.scheduler = self
        Scheduler.install()
    }

    /// Runs `body`, and all that it starts, on this thread until it ends.
    ///
    /// - Throws: ``Stalled`` where it has not ended though nothing can go on.
    public func run<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) throws -> Value {
        let previous = Scheduler.current
        Scheduler.current = self
        defer { Scheduler.current = previous }
        let result = Result<Value>()
        Task { result.value = await body() }
        while true {
            if ready.isEmpty {
                if let value = result.value { return value }
                guard !timers.isEmpty else { throw Stalled() }
                beforeTimePasses?()
                passTime()
                continue
            }
            jobCount += 1
            beforeJob?()
            let index = ready.count == 1 ? 0 : Int.random(in: 0..<ready.count, using: &random)
            let next = ready[index]
            ready.swapAt(index, ready.count - 1)
            ready.removeLast()
            perform(next)
        }
    }

    private func perform(_ next: Ready) {
        switch next {
        case .job(let job, nil): job.runSynchronously(on: GlobalExecutor.shared.asUnownedTaskExecutor())
        case .job(let job, .some(let executor)): job.runSynchronously(on: executor.asUnownedSerialExecutor())
        case .continuation(let continuation):
            let count = ready.count
            continuation.resume()
            runLast(from: count)
        case .wakeup(let waiter):
            let count = ready.count
            waiter.resume()
            runLast(from: count)
        }
    }

    /// Runs the job that a resumed task became at once: choosing it twice would explore nothing more.
    private func runLast(from count: Int) {
        guard ready.count == count + 1, let last = ready.popLast() else { return }
        perform(last)
    }

    private func passTime() {
        timers.removeAll { !$0.waiter.isWaiting }
        guard let next = timers.indices.min(by: { timers[$0].deadline < timers[$1].deadline }) else { return }
        microseconds = max(microseconds, timers[next].deadline)
        timers.remove(at: next).waiter.wake()
    }

    // MARK: What a simulation waits for

    /// Lets anything else happen first.
    public func pause() async {
        await withUnsafeContinuation { ready.append(.continuation($0)) }
    }

    /// Waits until `waiter` is woken, or until the deadline.
    ///
    /// - Parameter deadline: in microseconds since the epoch; nil: none.
    func wait(_ waiter: Waiter, until deadline: Int64?) async {
        waiter.scheduler = self
        await withUnsafeContinuation { continuation in
            waiter.begin(continuation)
            if let deadline { timers.append(Timer(deadline: deadline, waiter: waiter)) }
        }
    }

    /// Waits so long, or somewhat longer, as on a busy machine.
    ///
    /// - Throws: `CancellationError`.
    public func sleep(_ duration: Duration) async throws {
        try Task.checkCancellation()
        let waiter = Waiter()
        let late = Int64.random(in: 0..<2_000_000, using: &random)
        let deadline = microseconds + Int64(duration / .microseconds(1)) + late
        await withTaskCancellationHandler {
            await wait(waiter, until: deadline)
        } onCancel: {
            waiter.wake()
        }
        try Task.checkCancellation()
    }

    /// A later instant than any before.
    func tick() -> Int64 {
        microseconds += 1
        return microseconds
    }

    /// Lets time pass.
    public func advance(seconds: Int64) {
        microseconds += seconds * 1_000_000
    }

    /// A random number of a range.
    func draw(_ range: Range<Int>) -> Int {
        Int.random(in: range, using: &random)
    }

    /// Whether something happens that happens once in `n` times.
    func oneIn(_ n: Int) -> Bool {
        n > 0 && draw(0..<n) == 0
    }

    fileprivate func enqueue(_ job: UnownedJob, _ executor: SessionExecutor?) {
        ready.append(.job(job, executor))
    }

    fileprivate func enqueue(_ waiter: Waiter) {
        ready.append(.wakeup(waiter))
    }

    // MARK: The hook

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    /// The scheduler of this thread.
    fileprivate static var current: Scheduler? {
        get {
            pthread_getspecific(key).map { Unmanaged<Scheduler>.fromOpaque($0).takeUnretainedValue() }
        }
        set {
            pthread_setspecific(key, newValue.map { Unmanaged.passUnretained($0).toOpaque() })
        }
    }

    private typealias Enqueue = @convention(thin) (UnownedJob) -> Void
    private typealias Hook = @convention(thin) (UnownedJob, Enqueue) -> Void

    private static let installed: Bool = {
        let hook: Hook = { job, original in
            if let scheduler = Scheduler.current {
                scheduler.enqueue(job, nil)
            } else {
                original(job)
            }
        }
        lacuna_enqueue_hook().pointee = unsafeBitCast(hook, to: UnsafeMutableRawPointer.self)
        return true
    }()

    private static func install() {
        precondition(installed)
    }
}

/// A simulation in which nothing can go on though it has not ended.
public struct Stalled: Error, CustomStringConvertible {
    /// What happened.
    public let description = "nothing can go on: every task waits for another one"
}

/// A task that waits, at most once at a time.
///
/// `@unchecked Sendable`: as with ``Scheduler``.
final class Waiter: @unchecked Sendable {
    fileprivate var scheduler: Scheduler?
    private var continuation: UnsafeContinuation<Void, Never>?
    private var isWoken = false

    var isWaiting: Bool { continuation != nil && !isWoken }

    fileprivate func begin(_ continuation: UnsafeContinuation<Void, Never>) {
        self.continuation = continuation
        if isWoken { scheduler?.enqueue(self) }
    }

    /// Ends the waiting; the next one too, where there is none.
    func wake() {
        guard !isWoken else { return }
        isWoken = true
        if continuation != nil { scheduler?.enqueue(self) }
    }

    fileprivate func resume() {
        isWoken = true
        let waiting = continuation
        continuation = nil
        waiting?.resume()
    }
}

/// Hands the jobs of sessions to the scheduler.
final class SessionExecutor: SerialExecutor, @unchecked Sendable {
    fileprivate unowned(unsafe) var scheduler: Scheduler!

    func enqueue(_ job: consuming ExecutorJob) {
        scheduler.enqueue(UnownedJob(job), self)
    }
}

/// What jobs of the global executor run on.
private final class GlobalExecutor: TaskExecutor {
    static let shared = GlobalExecutor()

    func enqueue(_ job: consuming ExecutorJob) {
        Scheduler.current?.enqueue(UnownedJob(job), nil)
    }
}

/// What a task came to.
///
/// `@unchecked Sendable`: as with ``Scheduler``.
private final class Result<Value: Sendable>: @unchecked Sendable {
    var value: Value?
}
