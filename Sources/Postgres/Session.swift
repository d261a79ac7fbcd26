import Synchronization

/// One PostgreSQL session.
///
/// libpq may block here: all jobs of the actor run on a private thread, never on the cooperative pool. A session is
/// meant for one task at a time; a second transaction while one is open is rejected, not interleaved.
package actor Session {
    private let executor: any SerialExecutor
    /// Runs the actor's jobs on its own thread.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let options: SessionOptions
    private var transport: (any Transport)? { didSet { noteTransport() } }
    /// What anybody may ask of the session at any time.
    private nonisolated let facts = Mutex(SessionFacts())
    /// What goes to the server ahead of the next statement.
    private var waiting: [BoundStatement] = []
    /// The search path that ``SessionOptions/searchPath`` took the place of.
    private var replacedSearchPath: String?

    /// A session over `transport`, which is connected already.
    ///
    /// - Parameter executor: runs the session's jobs; a transport that blocks needs a thread of its own.
    package init(options: SessionOptions, transport: sending (any Transport)?, executor: any SerialExecutor) {
        self.options = options
        facts.withLock { $0.note(transport) }
        self.transport = transport
        self.executor = executor
    }

    /// Opens a session.
    ///
    /// - Throws: ``PostgresError/connectionFailed(_:)``, also if a session parameter is rejected.
    package static func connect(_ options: SessionOptions) async throws -> Session {
        let session = Session(
            options: options, transport: nil, executor: ThreadExecutor(label: "postgres.session"))
        try await session.open()
        return session
    }

    /// Opens another session like this one, to the same server.
    ///
    /// - Parameter deadline: how long that may take.
    /// - Throws: ``PostgresError/connectionFailed(_:)``.
    package nonisolated func openAnother(deadline: Duration) async throws -> Session {
        var options = options
        options.connectDeadline = deadline
        return try await Session.connect(options)
    }

    /// Whether a proxy may give the server connection to strangers after each transaction.
    package nonisolated var isPooled: Bool { options.isPooled }

    private func open() async throws {
        try options.check()
        transport = try Connection(
            parameters: options.libpqParameters, deadline: options.connectDeadline, cancelGrace: options.cancelGrace,
            prepares: !options.isPooled, onNotice: options.onNotice)
        var parameters = options.parameters
        if let path = options.searchPath, !options.isPooled { parameters.append(("search_path", path)) }
        guard !parameters.isEmpty else { return }
        let settings = parameters.enumerated().map { index, _ in
            "pg_catalog.set_config($\(index * 2 + 1), $\(index * 2 + 2), false)"
        }
        let row = try await run(
            BoundStatement(
                name: "session parameters",
                sql: "SELECT pg_catalog.current_setting('search_path') AS user_path, "
                    + settings.joined(separator: ", "),
                values: parameters.flatMap { [$0.name, $0.value] }),
            deadline: options.connectDeadline
        ).only()
        if options.searchPath != nil, !options.isPooled { replacedSearchPath = try row.get("user_path") }
    }

    /// The search path that the role, its database or the connection string set, whatever names resolve with now.
    ///
    /// - Throws: ``PostgresError`` if the server has to be asked, and does not answer.
    package func userSearchPath() async throws -> String {
        if let replacedSearchPath { return replacedSearchPath }
        let statement = BoundStatement(
            name: "search path", sql: "SELECT pg_catalog.current_setting('search_path') AS user_path")
        let rows = try await cancellable { transport in
            try await transport.query(statement, deadline: self.limit(nil), cancellable: true)
        }
        return try rows.only().get("user_path")
    }

    /// Sets ``SessionOptions/searchPath`` for a transaction that has just begun, if it is not set on the session.
    private func replaceSearchPath() async throws {
        guard options.isPooled, let path = options.searchPath else { return }
        let row = try await query(
            BoundStatement(
                name: "search path",
                sql: "SELECT pg_catalog.current_setting('search_path') AS user_path, "
                    + "pg_catalog.set_config('search_path', $1, true)",
                values: [path])
        ).only()
        replacedSearchPath = try row.get("user_path")
    }

    /// Ends the session. Nothing can be asked of it afterwards.
    package func close() {
        transport = nil
    }

    /// Hands the session to `body` and ends it afterwards, whatever comes of that: also where the task was cancelled.
    ///
    /// - Throws: what `body` throws.
    package nonisolated func closedAfter<Value>(_ body: (Session) async throws -> Value) async throws -> Value {
        let value: Value
        do {
            value = try await body(self)
        } catch {
            await close()
            throw error
        }
        await close()
        return value
    }

    // MARK: What is known of it
    //
    // None of these waits for the session. It may be blocked in a statement that ends only when the caller goes on.

    /// The server's version, as in 150004 for 15.4; 0 when the session is closed.
    package nonisolated var serverVersion: Int { facts.withLock { $0.serverVersion } }

    /// Whether the session can take another statement, as far as the last answer of the server tells.
    package nonisolated var isUsable: Bool { facts.withLock { $0.isUsable } }

    /// The process id of the server's side, 0 when the session is closed.
    package nonisolated var backendProcessID: Int { facts.withLock { $0.backendProcessID } }

    /// Whether the server had a transaction open that could still be committed, when it answered last.
    package nonisolated var isTransactionOpen: Bool { facts.withLock { $0.isTransactionOpen } }

    /// What is wrong with the way to the server, for a person; nil if it is on this machine, or proved that it is the
    /// one that was meant.
    package nonisolated var transportWarning: String? { facts.withLock { $0.transportWarning } }

    /// How the transaction that is open reads; nil if ``withTransaction(_:_:)`` has none open.
    package nonisolated var transactionMode: TransactionMode? { facts.withLock { $0.transactionMode } }

    /// Whether the transaction has a savepoint of ``withDiscardedSavepoint(_:)`` open.
    package nonisolated var isInSavepoint: Bool { facts.withLock { $0.isInSavepoint } }

    /// Notes a connection that was opened or closed.
    private func noteTransport() {
        facts.withLock { $0.note(transport) }
    }

    /// Notes what an exchange with the server has changed.
    private func noteState() {
        facts.withLock { $0.noteState(of: transport) }
    }

    // MARK: Statements

    /// Runs one statement and returns its rows.
    ///
    /// - Parameters:
    ///   - statement: the statement with its values.
    ///   - deadline: how long it may take; nil: the session's own.
    /// - Throws: ``PostgresError``; `CancellationError` if the task was cancelled, after the server was told so.
    @discardableResult
    package func query(_ statement: BoundStatement, deadline: Duration? = nil) async throws -> Rows {
        try await withSearchPath(statement.name) {
            try await cancellable { transport in
                try await self.run(statement, deadline: deadline, cancellable: true, transport)
            }
        }
    }

    /// Runs a query in a transaction of its own where only a transaction can have ``SessionOptions/searchPath``.
    private func withSearchPath<Value>(_ statement: String, _ body: () async throws -> Value) async throws -> Value {
        guard options.isPooled, options.searchPath != nil, transactionMode == nil else { return try await body() }
        do {
            return try await inTransaction(.plain, followedBy: nil, body)
        } catch PostgresError.outcomeUnknown(let message) {
            throw PostgresError.connectionLost(statement: statement, message: message)
        }
    }

    /// Runs statements one after the other and returns the rows of each. They go to the server together, so that all of
    /// them cost one round trip; outside a transaction they are one of their own.
    ///
    /// - Parameters:
    ///   - statements: what to run; none may be a COPY.
    ///   - deadline: how long all of them may take; nil: the session's own.
    /// - Throws: the error of the first that fails, after which none is run; `CancellationError`.
    ///   See <https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>.
    package func query(_ statements: [BoundStatement], deadline: Duration? = nil) async throws -> [Rows] {
        try await withSearchPath(statements.first?.name ?? "") {
            try await cancellable { transport in
                let (rows, failure) = try await self.run(statements, deadline: deadline, cancellable: true, transport)
                if let failure { throw failure }
                return rows
            }
        }
    }

    /// Has a statement of the open transaction sent together with the next one, ahead of it.
    ///
    /// Nobody looks at its rows. Where it fails, whatever is asked of the session next throws its error; so does the end of
    /// the transaction, which is rolled back then.
    package func enqueue(_ statement: BoundStatement) throws {
        guard transactionMode != nil else {
            throw PostgresError.misuse("\(statement.name): no transaction is open that it could wait in")
        }
        waiting.append(statement)
    }

    /// Runs one statement and hands over its rows one by one, so that a result of any size needs no memory.
    ///
    /// - Parameters:
    ///   - deadline: how long all of it may take; nil: the session's own.
    ///   - body: takes each row. What it throws ends the statement and is passed on.
    package func forEachRow(
        _ statement: BoundStatement, deadline: Duration? = nil, _ body: sending (Row) throws -> Void
    ) async throws {
        try await withSearchPath(statement.name) {
            try await cancellable { transport in
                try await self.runWaiting(deadline: deadline, transport)
                try await transport.forEachRow(statement, deadline: self.limit(deadline), body)
            }
        }
    }

    /// Runs a script of any number of statements and returns the result of each.
    ///
    /// The script takes no values. Outside a transaction it is one of its own.
    package func script(_ text: String, name: String, deadline: Duration? = nil) async throws -> [Rows] {
        try await cancellable { transport in
            try await self.runWaiting(deadline: deadline, transport)
            return try await transport.script(text, name: name, deadline: self.limit(deadline))
        }
    }

    // MARK: COPY

    /// Runs `COPY … FROM STDIN` and sends what `body` puts, keeping no more than a chunk in memory.
    ///
    /// - Parameters:
    ///   - statement: the COPY statement; it takes no values.
    ///   - deadline: how long all of it may take; nil: the session's own.
    ///   - body: puts chunks of the data, best 32 to 128 KiB each. What it throws cancels the COPY and is passed on.
    /// - Returns: the number of rows that were copied.
    /// - Throws: ``PostgresError``. See <https://www.postgresql.org/docs/current/libpq-copy.html>.
    package func copyIn(
        _ statement: BoundStatement, deadline: Duration? = nil,
        _ body: sending (_ put: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) async throws -> Int {
        try await cancellable { transport in
            try await self.runWaiting(deadline: deadline, transport)
            return try await transport.copyIn(statement, deadline: self.limit(deadline), body)
        }
    }

    /// Runs `COPY … TO STDOUT` and hands over the data as it comes, one row a chunk.
    ///
    /// - Parameters:
    ///   - statement: the COPY statement; it takes no values.
    ///   - deadline: how long all of it may take; nil: the session's own.
    ///   - body: takes each chunk. What it throws ends the statement and is passed on.
    /// - Throws: ``PostgresError``.
    package func copyOut(
        _ statement: BoundStatement, deadline: Duration? = nil,
        _ body: sending (UnsafeRawBufferPointer) throws -> Void
    ) async throws {
        try await cancellable { transport in
            try await self.runWaiting(deadline: deadline, transport)
            try await transport.copyOut(statement, deadline: self.limit(deadline), body)
        }
    }

    // MARK: Transactions

    /// Runs `body` on the session's thread, each statement a transaction of its own.
    package func autocommit<Value: Sendable>(
        _ body: @Sendable (isolated Session) async throws -> Value
    ) async throws -> Value {
        try await body(self)
    }

    /// How a transaction reads.
    package enum TransactionMode: String, Sendable {
        /// As the server's settings say.
        case plain = "BEGIN"
        /// Reads and writes; each statement sees what was committed before it.
        case readWrite = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
        /// Only reads, all statements from one snapshot.
        case snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    }

    /// Runs `body` in a transaction and commits it.
    ///
    /// - Parameters:
    ///   - mode: how it reads.
    ///   - next: a statement that is sent together with COMMIT and run after it, on its own. Nobody looks at its rows, nor
    ///     whether it fails.
    ///   - body: what it does. Where it throws, the transaction is rolled back, cancelled task or not.
    /// - Throws: what `body` throws, after the rollback; ``PostgresError/rolledBack`` if COMMIT was answered
    ///   `ROLLBACK`; ``PostgresError/outcomeUnknown(message:)`` where the connection died between `COMMIT` and its answer
    ///   (<https://www.postgresql.org/docs/current/sql-commit.html>), which a snapshot calls a lost connection.
    @discardableResult
    package func withTransaction<Value: Sendable>(
        _ mode: TransactionMode = .readWrite, followedBy next: BoundStatement? = nil,
        _ body: @Sendable (isolated Session) async throws -> Value
    ) async throws -> Value {
        try await inTransaction(mode, followedBy: next) { try await body(self) }
    }

    private func inTransaction<Value>(
        _ mode: TransactionMode, followedBy next: BoundStatement?, _ body: () async throws -> Value
    ) async throws -> Value {
        guard transactionMode == nil else {
            throw PostgresError.misuse("a transaction is open on this session already")
        }
        facts.withLock { $0.transactionMode = mode }
        waiting = [BoundStatement(name: "BEGIN", sql: mode.rawValue)]
        defer {
            facts.withLock { $0.transactionMode = nil }
            waiting = []
        }
        let value: Value
        do {
            try await replaceSearchPath()
            value = try await TransactionScope.$isOpen.withValue(true) { try await body() }
            try Task.checkCancellation()
        } catch {
            await rollback()
            throw error
        }
        do {
            try await commit(followedBy: next)
        } catch PostgresError.outcomeUnknown(let message) where mode == .snapshot {
            // Nothing was written, so that there is no outcome to know: the same reads may be made again.
            throw PostgresError.connectionLost(statement: "COMMIT", message: message)
        } catch {
            await rollback()
            throw error
        }
        return value
    }

    /// Runs `body` in a savepoint of the open transaction and takes back what it did, run-time parameters included.
    ///
    /// - Throws: what `body` throws; the transaction can go on all the same if the session is usable.
    package func withDiscardedSavepoint<Value: Sendable>(
        _ body: @Sendable (isolated Session) async throws -> Value
    ) async throws -> Value {
        try await query(BoundStatement(name: "SAVEPOINT", sql: "SAVEPOINT lacuna_savepoint"))
        let back = [
            BoundStatement(name: "ROLLBACK TO", sql: "ROLLBACK TO SAVEPOINT lacuna_savepoint"),
            BoundStatement(name: "RELEASE", sql: "RELEASE SAVEPOINT lacuna_savepoint"),
        ]
        let wasInSavepoint = isInSavepoint
        facts.withLock { $0.isInSavepoint = true }
        defer { facts.withLock { $0.isInSavepoint = wasInSavepoint } }
        let value: Value
        do {
            value = try await body(self)
        } catch {
            // Cleanup never hides the first error: a transaction that is not taken back stays failed.
            for statement in back { _ = try? await run(statement, deadline: .seconds(30)) }
            throw error
        }
        _ = try await query(back)
        return value
    }

    /// Sends what waits, and COMMIT with it: the last locks are held no longer than the commit takes.
    ///
    /// - Throws: `CancellationError` if the task was cancelled and the server says that nothing was committed.
    private func commit(followedBy next: BoundStatement?) async throws {
        guard let transport else { throw PostgresError.misuse("the session is closed") }
        do {
            let statements = [BoundStatement(name: "COMMIT", sql: "COMMIT")] + (next.map { [$0] } ?? [])
            // What waits may meet a lock and is cancelled there; COMMIT is not.
            let (rows, failure) = try await cancellable { transport in
                try await self.run(statements, deadline: nil, cancellable: false, transport)
            }
            guard let answer = rows.first else { throw failure ?? PostgresError.rolledBack }
            guard answer.commandTag == "COMMIT" else { throw PostgresError.rolledBack }
        } catch PostgresError.server(let error) where error.sqlState == .queryCanceled && Task.isCancelled {
            throw CancellationError()
        } catch PostgresError.connectionLost(_, let message) {
            throw PostgresError.outcomeUnknown(message: message)
        } catch PostgresError.deadlineExceeded(_, let deadline) {
            giveUp(transport)
            throw PostgresError.outcomeUnknown(message: "no answer within \(deadline)")
        } catch PostgresError.server(let error) where error.severity != "ERROR" {
            // FATAL on COMMIT: the backend is gone, and it may have committed before it went.
            throw PostgresError.outcomeUnknown(message: error.description)
        }
    }

    /// Cleanup never hides the first error: a connection that cannot roll back is closed, and the server rolls back.
    private func rollback() async {
        waiting = []
        guard let transport, transport.isUsable, transport.transactionState != .idle else { return }
        do {
            _ = try await run(BoundStatement(name: "ROLLBACK", sql: "ROLLBACK"), deadline: .seconds(30))
        } catch {
            giveUp(transport)
        }
    }

    private func giveUp(_ transport: any Transport) {
        transport.giveUp()
        noteState()
    }

    // MARK: The exchange with the server

    private func cancellable<Value>(_ body: (any Transport) async throws -> Value) async throws -> Value {
        guard let transport else { throw PostgresError.misuse("the session is closed") }
        try Task.checkCancellation()
        let interruption = transport.interruption
        interruption.arm()
        defer { interruption.disarm() }
        return try await withTaskCancellationHandler {
            // Through `self`, or the closure would not be the actor's and would block a thread of the cooperative pool.
            try await self.perform(body, transport)
        } onCancel: {
            interruption.fire()
        }
    }

    private func perform<Value>(
        _ body: (any Transport) async throws -> Value, _ transport: any Transport
    ) async throws -> Value {
        assertIsolated()
        defer { noteState() }
        return try await body(transport)
    }

    /// Runs a statement that nothing cancels.
    private func run(_ statement: BoundStatement, deadline: Duration?) async throws -> Rows {
        guard let transport else { throw PostgresError.misuse("the session is closed") }
        defer { noteState() }
        return try await run(statement, deadline: deadline, cancellable: false, transport)
    }

    private func run(
        _ statement: BoundStatement, deadline: Duration?, cancellable: Bool, _ transport: any Transport
    ) async throws -> Rows {
        guard waiting.isEmpty else {
            let (rows, failure) = try await run([statement], deadline: deadline, cancellable: cancellable, transport)
            if let failure { throw failure }
            return rows[0]
        }
        return try await transport.query(statement, deadline: limit(deadline), cancellable: cancellable)
    }

    /// Runs what waits, then `statements`.
    ///
    /// - Parameter cancellable: whether an interruption ends `statements` too, or only what waits.
    /// - Returns: the rows of `statements` up to the first that failed, and its error or that of what waited.
    private func run(
        _ statements: [BoundStatement], deadline: Duration?, cancellable: Bool, _ transport: any Transport
    ) async throws -> (rows: [Rows], failure: (any Error)?) {
        let ahead = waiting
        waiting = []
        let (rows, failure) = try await transport.query(
            ahead + statements, deadline: limit(deadline),
            cancellable: ahead.count + (cancellable ? statements.count : 0))
        return (Array(rows.dropFirst(ahead.count)), failure)
    }

    private func runWaiting(deadline: Duration?, _ transport: any Transport) async throws {
        guard !waiting.isEmpty else { return }
        if let failure = try await run([], deadline: deadline, cancellable: true, transport).failure { throw failure }
    }

    private func limit(_ deadline: Duration?) -> Duration {
        deadline ?? options.statementDeadline
    }
}

/// What is known of a session without asking its thread.
private struct SessionFacts: Sendable {
    var serverVersion = 0
    var backendProcessID = 0
    var transportWarning: String?
    var isUsable = false
    var isTransactionOpen = false
    var transactionMode: Session.TransactionMode?
    var isInSavepoint = false

    /// Notes a connection that was opened; nil: that it was closed.
    mutating func note(_ transport: (any Transport)?) {
        serverVersion = transport?.serverVersion ?? 0
        backendProcessID = transport?.backendProcessID ?? 0
        transportWarning = transport?.warning
        noteState(of: transport)
    }

    /// Notes where the server stands.
    mutating func noteState(of transport: (any Transport)?) {
        isUsable = transport?.isUsable ?? false
        isTransactionOpen = transport?.transactionState == .open
    }
}
