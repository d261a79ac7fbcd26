import CLibPQ

/// One PostgreSQL session.
///
/// libpq may block here: all jobs of the actor run on a private thread, never on the cooperative pool. A session is
/// meant for one task at a time; a second transaction while one is open is refused, not interleaved.
public actor Session {
    private let executor: ThreadExecutor
    /// Runs the actor's jobs on its own thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let options: SessionOptions
    private var connection: Connection?
    /// How the transaction that is open reads; nil where ``withTransaction(_:_:)`` has none open.
    public private(set) var transactionMode: TransactionMode?

    private init(options: SessionOptions) {
        executor = ThreadExecutor(label: "postgres.session")
        self.options = options
    }

    /// Opens a session.
    ///
    /// - Throws: ``PostgresError/connectionFailed(_:)``, also where a session parameter is refused.
    public static func connect(_ options: SessionOptions) async throws -> Session {
        let session = Session(options: options)
        try await session.open()
        return session
    }

    private func open() throws {
        try options.check()
        let connection = try Connection(
            parameters: options.libpqParameters, deadline: options.connectDeadline, onNotice: options.onNotice)
        self.connection = connection
        guard !options.parameters.isEmpty else { return }
        let settings = options.parameters.enumerated().map { index, _ in
            "pg_catalog.set_config($\(index * 2 + 1), $\(index * 2 + 2), false)"
        }
        _ = try run(
            BoundStatement(
                name: "session parameters", sql: "SELECT " + settings.joined(separator: ", "),
                values: options.parameters.flatMap { [$0.name, $0.value] }),
            deadline: options.connectDeadline, cancellable: false)
    }

    /// Ends the session. Nothing can be asked of it afterwards.
    public func close() {
        connection = nil
    }

    /// The server's version, as in 150004 for 15.4; 0 when the session is closed.
    public var serverVersion: Int {
        connection.map { Int(PQserverVersion($0.pointer)) } ?? 0
    }

    /// Whether the session can take another statement.
    public var isUsable: Bool {
        guard let connection, !connection.isBroken else { return false }
        return PQstatus(connection.pointer) == CONNECTION_OK
    }

    /// The process id of the server's side, 0 when the session is closed.
    public var backendProcessID: Int {
        connection.map { Int(PQbackendPID($0.pointer)) } ?? 0
    }

    /// Whether the server has a transaction open that can still be committed.
    public var isTransactionOpen: Bool {
        connection.map { PQtransactionStatus($0.pointer) == PQTRANS_INTRANS } ?? false
    }

    // MARK: Statements

    /// Runs one statement and returns its rows.
    ///
    /// - Parameters:
    ///   - statement: the statement with its values.
    ///   - deadline: how long it may take; nil: the session's own.
    /// - Throws: ``PostgresError``; `CancellationError` where the task was cancelled, after the server was told so.
    @discardableResult
    public func query(_ statement: BoundStatement, deadline: Duration? = nil) async throws -> Rows {
        try await cancellable { try self.run(statement, deadline: deadline, cancellable: true) }
    }

    /// Runs one statement and hands over its rows one by one, so that a result of any size needs no memory.
    ///
    /// - Parameters:
    ///   - deadline: how long all of it may take; nil: the session's own.
    ///   - body: takes each row. What it throws ends the statement and is passed on.
    public func forEachRow(
        _ statement: BoundStatement, deadline: Duration? = nil, _ body: sending (Row) throws -> Void
    ) async throws {
        try await cancellable {
            try self.exchange(statement.name, deadline: deadline, cancellable: true) { connection, limit, interrupt in
                try self.send(statement, on: connection)
                PQsetSingleRowMode(connection.pointer)
                try connection.flush(until: limit, interrupt: interrupt)
                var failure: (any Error)?
                while let result = try connection.nextResult(until: limit, interrupt: interrupt) {
                    guard failure == nil else { continue }
                    do {
                        try self.check(result, statement.name)
                        for index in 0..<result.rowCount {
                            try body(Row(handle: result, index: index, statement: statement.name))
                        }
                    } catch {
                        failure = error
                        connection.cancelAndDrain(grace: self.options.cancelGrace)
                        if connection.isBroken { break }
                    }
                }
                if let failure { throw failure }
            }
        }
    }

    /// Runs a script of any number of statements and returns the result of each.
    ///
    /// The script takes no values. Outside a transaction it is one of its own.
    public func script(_ text: String, name: String, deadline: Duration? = nil) async throws -> [Rows] {
        try await cancellable {
            try self.exchange(name, deadline: deadline, cancellable: true) { connection, limit, interrupt in
                guard !text.utf8.contains(0) else { throw PostgresError.invalidValue("\(name) contains a NUL") }
                guard PQsendQuery(connection.pointer, text) == 1 else { throw self.lost(connection, name) }
                try connection.flush(until: limit, interrupt: interrupt)
                return try self.collect(connection, name, limit, interrupt)
            }
        }
    }

    // MARK: COPY

    /// Runs `COPY … FROM STDIN` and sends what `body` puts, keeping no more than a piece in memory.
    ///
    /// - Parameters:
    ///   - statement: the COPY statement; it takes no values.
    ///   - deadline: how long all of it may take; nil: the session's own.
    ///   - body: puts pieces of the data, best 32 to 128 KiB each. What it throws cancels the COPY and is passed on.
    /// - Returns: the number of rows that were copied.
    /// - Throws: ``PostgresError``. See <https://www.postgresql.org/docs/current/libpq-copy.html>.
    public func copyIn(
        _ statement: BoundStatement, deadline: Duration? = nil,
        _ body: sending (_ put: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) async throws -> Int {
        try await cancellable {
            try self.exchange(statement.name, deadline: deadline, cancellable: true) { connection, limit, interrupt in
                try self.begin(copy: statement, on: connection, expecting: PGRES_COPY_IN, limit, interrupt)
                var failure: (any Error)?
                do {
                    try body { piece in
                        guard piece.count > 0 else { return }
                        let start = piece.baseAddress?.assumingMemoryBound(to: CChar.self)
                        guard PQputCopyData(connection.pointer, start, Int32(piece.count)) == 1 else {
                            throw self.lost(connection, statement.name)
                        }
                        try connection.flush(until: limit, interrupt: interrupt)
                        if interrupt.isFired { throw Connection.WaitFailure.interrupted }
                    }
                } catch let error as Connection.WaitFailure {
                    throw error
                } catch let error as PostgresError {
                    if connection.isBroken { throw error }
                    failure = error
                } catch {
                    failure = error
                }
                guard PQputCopyEnd(connection.pointer, failure == nil ? nil : "the data ended early") >= 0 else {
                    throw self.lost(connection, statement.name)
                }
                try connection.flush(until: limit, interrupt: interrupt)
                do {
                    let results = try self.collect(connection, statement.name, limit, interrupt)
                    if let failure { throw failure }
                    return results.last?.affectedRows ?? 0
                } catch let error as PostgresError {
                    throw failure ?? error
                }
            }
        }
    }

    /// Runs `COPY … TO STDOUT` and hands over the data as it comes, one row a piece.
    ///
    /// - Parameters:
    ///   - statement: the COPY statement; it takes no values.
    ///   - deadline: how long all of it may take; nil: the session's own.
    ///   - body: takes each piece. What it throws ends the statement and is passed on.
    /// - Throws: ``PostgresError``.
    public func copyOut(
        _ statement: BoundStatement, deadline: Duration? = nil,
        _ body: sending (UnsafeRawBufferPointer) throws -> Void
    ) async throws {
        try await cancellable {
            try self.exchange(statement.name, deadline: deadline, cancellable: true) { connection, limit, interrupt in
                try self.begin(copy: statement, on: connection, expecting: PGRES_COPY_OUT, limit, interrupt)
                var buffer: UnsafeMutablePointer<CChar>?
                var sinceCheck = 0
                while true {
                    let length = PQgetCopyData(connection.pointer, &buffer, 1)
                    if length > 0 {
                        defer { PQfreemem(buffer) }
                        do {
                            try body(UnsafeRawBufferPointer(start: buffer, count: Int(length)))
                        } catch {
                            connection.cancelAndDrain(grace: self.options.cancelGrace)
                            throw error
                        }
                        sinceCheck += Int(length)
                        if sinceCheck > 1 << 20 {
                            sinceCheck = 0
                            if interrupt.isFired { throw Connection.WaitFailure.interrupted }
                        }
                    } else if length == 0 {
                        try connection.awaitInput(until: limit, interrupt: interrupt)
                    } else {
                        break
                    }
                }
                _ = try self.collect(connection, statement.name, limit, interrupt)
            }
        }
    }

    // MARK: Transactions

    /// Runs `body` on the session's thread, each statement a transaction of its own.
    public func autocommit<Value: Sendable>(
        _ body: @Sendable (isolated Session) async throws -> Value
    ) async throws -> Value {
        try await body(self)
    }

    /// How a transaction reads.
    public enum TransactionMode: String, Sendable {
        /// Reads and writes; each statement sees what was committed before it.
        case readWrite = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
        /// Only reads, all statements from one snapshot.
        case snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    }

    /// Runs `body` in a transaction and commits it.
    ///
    /// - Parameters:
    ///   - mode: how it reads.
    ///   - body: what it does. Where it throws, the transaction is rolled back, cancelled task or not.
    /// - Throws: what `body` throws, after the rollback; ``PostgresError/rolledBack`` where COMMIT was answered
    ///   `ROLLBACK`; ``PostgresError/outcomeUnknown(message:)`` where the connection died between `COMMIT` and its answer
    ///   (<https://www.postgresql.org/docs/current/sql-commit.html>), which a snapshot calls a lost connection.
    @discardableResult
    public func withTransaction<Value: Sendable>(
        _ mode: TransactionMode = .readWrite, _ body: @Sendable (isolated Session) async throws -> Value
    ) async throws -> Value {
        guard transactionMode == nil else {
            throw PostgresError.misuse("a transaction is open on this session already")
        }
        transactionMode = mode
        defer { transactionMode = nil }
        let value: Value
        do {
            // A cancelled BEGIN may have been carried out all the same.
            try await query(BoundStatement(name: "BEGIN", sql: mode.rawValue))
            value = try await body(self)
            try Task.checkCancellation()
        } catch {
            rollback()
            throw error
        }
        do {
            try commit()
        } catch PostgresError.outcomeUnknown(let message) where mode == .snapshot {
            // Nothing was written, so that there is no outcome to know: the same reads may be made again.
            throw PostgresError.connectionLost(statement: "COMMIT", message: message)
        }
        return value
    }

    /// Runs `body` in a savepoint of the open transaction and takes back what it did, run-time parameters included.
    ///
    /// - Throws: what `body` throws; the transaction can go on all the same where the session is usable.
    public func withDiscardedSavepoint<Value: Sendable>(
        _ body: @Sendable (isolated Session) async throws -> Value
    ) async throws -> Value {
        try await query(BoundStatement(name: "SAVEPOINT", sql: "SAVEPOINT lacuna_savepoint"))
        let back = BoundStatement(name: "ROLLBACK TO", sql: "ROLLBACK TO SAVEPOINT lacuna_savepoint")
        let value: Value
        do {
            value = try await body(self)
        } catch {
            // Cleanup never hides the first error: a transaction that is not taken back stays failed.
            _ = try? run(back, deadline: .seconds(30), cancellable: false)
            throw error
        }
        try await query(back)
        return value
    }

    private func commit() throws {
        do {
            let rows = try run(BoundStatement(name: "COMMIT", sql: "COMMIT"), deadline: nil, cancellable: false)
            guard rows.commandTag == "COMMIT" else { throw PostgresError.rolledBack }
        } catch PostgresError.connectionLost(_, let message) {
            throw PostgresError.outcomeUnknown(message: message)
        } catch PostgresError.deadlineExceeded(_, let deadline) {
            connection?.markBroken()
            throw PostgresError.outcomeUnknown(message: "no answer within \(deadline)")
        } catch PostgresError.server(let error) where error.severity != "ERROR" {
            // FATAL on COMMIT: the backend is gone, and it may have committed before it went.
            throw PostgresError.outcomeUnknown(message: error.description)
        }
    }

    /// Cleanup never hides the first error: a connection that cannot roll back is closed, and the server rolls back.
    private func rollback() {
        guard isUsable, let connection, PQtransactionStatus(connection.pointer) != PQTRANS_IDLE else { return }
        do {
            _ = try run(BoundStatement(name: "ROLLBACK", sql: "ROLLBACK"), deadline: .seconds(30), cancellable: false)
        } catch {
            connection.markBroken()
        }
    }

    // MARK: The exchange with the server

    private func cancellable<Value>(_ body: () throws -> Value) async throws -> Value {
        guard let connection else { throw PostgresError.misuse("the session is closed") }
        try Task.checkCancellation()
        let interrupt = connection.interrupt
        interrupt.arm()
        defer { interrupt.disarm() }
        return try await withTaskCancellationHandler {
            // Through `self`, or the closure would not be the actor's and would block a thread of the cooperative pool.
            try self.perform(body)
        } onCancel: {
            interrupt.fire()
        }
    }

    private func perform<Value>(_ body: () throws -> Value) throws -> Value {
        assertIsolated()
        return try body()
    }

    private func run(_ statement: BoundStatement, deadline: Duration?, cancellable: Bool) throws -> Rows {
        try exchange(statement.name, deadline: deadline, cancellable: cancellable) { connection, limit, interrupt in
            try self.send(statement, on: connection)
            try connection.flush(until: limit, interrupt: interrupt)
            let results = try self.collect(connection, statement.name, limit, interrupt)
            guard let rows = results.last else { throw self.lost(connection, statement.name) }
            return rows
        }
    }

    /// Runs one exchange: deadline and interruption cancel it at the server, a lost connection is named.
    private func exchange<Value>(
        _ name: String, deadline: Duration?, cancellable: Bool,
        _ body: (Connection, ContinuousClock.Instant, Interrupt) throws -> Value
    ) throws -> Value {
        guard let connection else { throw PostgresError.misuse("the session is closed") }
        guard !connection.isBroken else {
            throw PostgresError.connectionLost(statement: name, message: "the session was given up earlier")
        }
        let duration = deadline ?? options.statementDeadline
        if !cancellable { connection.interrupt.disarm() }
        do {
            return try body(connection, ContinuousClock.now + duration, connection.interrupt)
        } catch Connection.WaitFailure.deadline {
            connection.cancelAndDrain(grace: options.cancelGrace)
            throw PostgresError.deadlineExceeded(statement: name, deadline: duration)
        } catch Connection.WaitFailure.interrupted {
            connection.cancelAndDrain(grace: options.cancelGrace)
            throw CancellationError()
        } catch PostgresError.connectionLost(let statement, let message) where statement.isEmpty {
            throw PostgresError.connectionLost(statement: name, message: message)
        }
    }

    private func send(_ statement: BoundStatement, on connection: Connection) throws {
        if let bad = statement.values.compactMap({ $0 }).first(where: { $0.utf8.contains(0) }) {
            throw PostgresError.invalidValue("a value with a NUL at byte \(bad.utf8.prefix { $0 != 0 }.count)")
        }
        let copies = statement.values.map { value in value.map { Array($0.utf8CString) } }
        let sent = Session.withPointers(to: copies[...], []) { pointers in
            PQsendQueryParams(
                connection.pointer, statement.sql, Int32(pointers.count), nil, pointers, nil, nil, 0)
        }
        guard sent == 1 else { throw lost(connection, statement.name) }
    }

    private static func withPointers(
        to values: ArraySlice<[CChar]?>, _ pointers: [UnsafePointer<CChar>?],
        _ body: ([UnsafePointer<CChar>?]) -> Int32
    ) -> Int32 {
        guard let first = values.first else { return body(pointers) }
        guard let first else { return withPointers(to: values.dropFirst(), pointers + [nil], body) }
        return first.withUnsafeBufferPointer {
            withPointers(to: values.dropFirst(), pointers + [$0.baseAddress], body)
        }
    }

    private func begin(
        copy statement: BoundStatement, on connection: Connection, expecting status: ExecStatusType,
        _ limit: ContinuousClock.Instant, _ interrupt: Interrupt
    ) throws {
        guard statement.values.isEmpty else { throw PostgresError.misuse("COPY takes no values") }
        try send(statement, on: connection)
        try connection.flush(until: limit, interrupt: interrupt)
        guard let result = try connection.nextResult(until: limit, interrupt: interrupt) else {
            throw lost(connection, statement.name)
        }
        if result.status == status { return }
        while try connection.nextResult(until: limit, interrupt: interrupt) != nil {}
        try check(result, statement.name)
        throw PostgresError.unexpectedResult(statement: statement.name, message: "it is not a COPY statement")
    }

    /// Reads all results; the first error wins, but all is read so that the session stays usable.
    private func collect(
        _ connection: Connection, _ name: String, _ limit: ContinuousClock.Instant, _ interrupt: Interrupt
    ) throws -> [Rows] {
        var rows: [Rows] = []
        var failure: (any Error)?
        while let result = try connection.nextResult(until: limit, interrupt: interrupt) {
            switch result.status {
            case PGRES_COPY_IN:
                _ = PQputCopyEnd(connection.pointer, "COPY FROM STDIN has no data here")
                try connection.flush(until: limit, interrupt: interrupt)
            case PGRES_COPY_OUT:
                failure = failure ?? PostgresError.misuse("\(name): COPY TO STDOUT is not possible here")
                connection.cancelAndDrain(grace: options.cancelGrace)
            default:
                do {
                    try check(result, name)
                    rows.append(Rows(handle: result, statement: name))
                } catch {
                    failure = failure ?? error
                }
            }
        }
        if let failure { throw failure }
        return rows
    }

    private func check(_ result: ResultHandle, _ name: String) throws {
        switch result.status {
        case PGRES_TUPLES_OK, PGRES_SINGLE_TUPLE, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: return
        default:
            let error = result.error(statement: name)
            guard !error.sqlState.rawValue.isEmpty else {
                // libpq made the error up itself: the connection is gone.
                connection?.markBroken()
                throw PostgresError.connectionLost(statement: name, message: error.message)
            }
            throw PostgresError.server(error)
        }
    }

    private func lost(_ connection: Connection, _ name: String) -> PostgresError {
        if PQstatus(connection.pointer) != CONNECTION_OK { connection.markBroken() }
        return .connectionLost(statement: name, message: connection.errorMessage)
    }
}
