import Postgres

/// A PostgreSQL server in memory, as far as Lacuna's statements go: transactions that read what was committed before each
/// statement, snapshots, row locks, advisory locks that are waited for, rollback, and sessions that end at any moment.
///
/// Statements are known by the names of their files (`SimulatedServer+Statements`).
/// `@unchecked Sendable`: as with ``Scheduler``.
public final class SimulatedServer: @unchecked Sendable {
    /// Whose advisory lock it is.
    struct AdvisoryLock {
        let holder: Backend
        var sessionCount = 0
        var isOfTransaction = false
    }

    let scheduler: Scheduler
    /// What is committed.
    private(set) var state = StoredState()
    private(set) var backends: [Backend] = []
    /// Told of each commit that wrote something: who, what, and what was there before.
    var onCommit: (Backend, Writes, StoredState) -> Void = { _, _, _ in }
    /// Whether a statement is to fail now, and with what.
    var fault: (Backend, BoundStatement) -> SQLState? = { _, _ in nil }
    /// Told of everything, in the order in which it was done.
    var onEvent: (TraceEvent) -> Void = { _ in }
    /// No session is opened before, in microseconds.
    var downUntil: Int64 = 0
    private var rowLocks: [RowName: Backend] = [:]
    private var advisoryLocks: [String: AdvisoryLock] = [:]
    private var waiters: [Waiter] = []
    private var nextID = 0
    private var nextRun: Int64 = 0

    init(scheduler: Scheduler) {
        self.scheduler = scheduler
    }

    func makeID() -> Int {
        nextID += 1
        return nextID
    }

    /// The next number of a run, beyond all that the journal holds.
    func makeRun() -> Int64 {
        nextRun = max(nextRun, state.runs.keys.max() ?? 0, state.batches.keys.map(\.run).max() ?? 0) + 1
        return nextRun
    }

    /// Opens a session.
    func open(for client: Int) -> Backend {
        let backend = Backend(client: client, number: makeID())
        backends.append(backend)
        return backend
    }

    // MARK: Transactions

    func begin(_ backend: Backend, isSnapshot: Bool) {
        backend.isInTransaction = true
        backend.isFailed = false
        backend.isSnapshot = isSnapshot
    }

    /// What a statement of the session sees.
    func visible(to backend: Backend) -> StoredState {
        if backend.isSnapshot, backend.snapshot == nil { backend.snapshot = state }
        return backend.writes.applied(to: backend.snapshot ?? state)
    }

    /// Commits, and tells whether it did.
    func commit(_ backend: Backend) -> Bool {
        let isCommitted = !backend.isFailed
        if isCommitted, !backend.writes.isEmpty {
            let before = state
            state = backend.writes.applied(to: state)
            onCommit(backend, backend.writes, before)
        }
        endTransaction(backend)
        return isCommitted
    }

    func rollback(_ backend: Backend) {
        endTransaction(backend)
    }

    private func endTransaction(_ backend: Backend) {
        backend.clearTransaction()
        for row in backend.rowLocks where rowLocks[row] === backend { rowLocks[row] = nil }
        backend.rowLocks.removeAll(keepingCapacity: true)
        for name in backend.transactionLocks {
            advisoryLocks[name]?.isOfTransaction = false
            dropIfFree(name)
        }
        backend.transactionLocks.removeAll(keepingCapacity: true)
        wakeWaiters()
    }

    /// Ends a session: what is not committed is undone, and its locks are free.
    func end(_ backend: Backend) {
        guard !backend.isGone else { return }
        endTransaction(backend)
        for name in backend.sessionLocks {
            advisoryLocks[name]?.sessionCount = 0
            dropIfFree(name)
        }
        backend.isGone = true
        backends.removeAll { $0 === backend }
        onEvent(.end(backend: backend.number))
        wakeWaiters()
    }

    /// Changes what is committed from outside, as a transaction of somebody else's.
    func change(_ body: (inout StoredState) -> Void) {
        let before = state
        body(&state)
        onEvent(.change(before: before, after: state))
    }

    /// Whether an open transaction has written or locked a row.
    func isLocked(_ row: RowName) -> Bool {
        rowLocks[row] != nil
    }

    /// Whether anybody holds an advisory lock.
    var hasAdvisoryLocks: Bool { !advisoryLocks.isEmpty }

    // MARK: Locks

    /// Takes the lock of a row until the transaction ends, and waits for it.
    func lock(_ row: RowName, _ backend: Backend) async throws {
        try await wait(backend) { self.rowLocks[row] }
        guard rowLocks[row] == nil else { return }
        rowLocks[row] = backend
        backend.rowLocks.append(row)
    }

    /// Waits until whoever locked a row is through with it.
    func waitForRow(_ row: RowName, _ backend: Backend) async throws {
        try await wait(backend) { self.rowLocks[row] }
    }

    /// Waits until another session's transaction ends.
    func waitForEnd(of other: Backend, _ backend: Backend) async throws {
        let number = other.transactionNumber
        try await wait(backend) { other.transactionNumber == number && !other.isGone ? other : nil }
    }

    /// Takes an advisory lock until the transaction ends, and waits for it.
    func lock(_ name: String, _ backend: Backend) async throws {
        try await wait(backend) { self.advisoryLocks[name]?.holder }
        if advisoryLocks[name] == nil { advisoryLocks[name] = AdvisoryLock(holder: backend) }
        advisoryLocks[name]?.isOfTransaction = true
        backend.transactionLocks.append(name)
    }

    /// Takes an advisory lock for the session, if nobody else has it.
    func tryLock(_ name: String, _ backend: Backend) -> Bool {
        if let lock = advisoryLocks[name], lock.holder !== backend { return false }
        if advisoryLocks[name] == nil { advisoryLocks[name] = AdvisoryLock(holder: backend) }
        advisoryLocks[name]?.sessionCount += 1
        backend.sessionLocks.append(name)
        return true
    }

    func unlock(_ name: String, _ backend: Backend) -> Bool {
        guard let lock = advisoryLocks[name], lock.holder === backend, lock.sessionCount > 0 else { return false }
        advisoryLocks[name]?.sessionCount -= 1
        if let index = backend.sessionLocks.firstIndex(of: name) { backend.sessionLocks.remove(at: index) }
        dropIfFree(name)
        wakeWaiters()
        return true
    }

    private func dropIfFree(_ name: String) {
        guard let lock = advisoryLocks[name], lock.sessionCount == 0, !lock.isOfTransaction else { return }
        advisoryLocks[name] = nil
    }

    private func wakeWaiters() {
        guard !waiters.isEmpty else { return }
        let woken = waiters
        waiters.removeAll(keepingCapacity: true)
        for waiter in woken { waiter.wake() }
    }

    /// Waits until nobody else holds a lock.
    private func wait(_ backend: Backend, for holder: () -> Backend?) async throws {
        let deadline = backend.lockTimeout.map { scheduler.microseconds + $0 }
        while let current = holder(), current !== backend {
            if let deadline, scheduler.microseconds >= deadline {
                throw SimulatedServer.error("55P03", "canceling statement due to lock timeout")
            }
            let waiter = Waiter()
            waiters.append(waiter)
            backend.waiter = waiter
            defer { backend.waiter = nil }
            await scheduler.wait(waiter, until: deadline)
            if backend.isGone { throw SimulatedServer.error("57P01", "terminating connection") }
            if backend.isCancelled {
                backend.isCancelled = false
                throw CancellationError()
            }
        }
    }

    static func error(_ code: String, _ message: String) -> PostgresError {
        .server(ServerError(sqlState: SQLState(rawValue: code), message: message))
    }
}

/// The server's side of one session.
///
/// `@unchecked Sendable`: as with ``Scheduler``.
final class Backend: @unchecked Sendable {
    /// Which process opened it.
    let client: Int
    let number: Int
    var isInTransaction = false
    /// Grows with each transaction that ends.
    private(set) var transactionNumber = 0
    /// Whether the transaction can only be rolled back.
    var isFailed = false
    var isSnapshot = false
    var snapshot: StoredState?
    var writes = Writes()
    var savepoints: [(name: String, writes: Writes)] = []
    /// The temporary table `batch`.
    var batchTable: BatchRows?
    /// How long locks are waited for, in microseconds; nil: for ever.
    var lockTimeout: Int64?
    var isGone = false
    /// Whether the statement that waits is to end.
    var isCancelled = false
    /// What a statement waits by.
    var waiter: Waiter?
    var rowLocks: [RowName] = []
    var transactionLocks: [String] = []
    var sessionLocks: [String] = []

    init(client: Int, number: Int) {
        self.client = client
        self.number = number
    }

    func clearTransaction() {
        transactionNumber += 1
        isInTransaction = false
        isFailed = false
        isSnapshot = false
        snapshot = nil
        writes = Writes()
        savepoints.removeAll(keepingCapacity: true)
        batchTable = nil
        lockTimeout = nil
    }
}

/// Rows as `COPY` brought them.
struct BatchRows {
    let columns: [String]
    var rows: [[String]] = []
}
