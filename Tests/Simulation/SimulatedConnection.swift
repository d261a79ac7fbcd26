import Postgres

/// A session's way to the simulated server: every request and every answer takes time, and is lost with the connection.
///
/// `@unchecked Sendable`: as with ``Scheduler``.
final class SimulatedConnection: Transport, @unchecked Sendable {
    let client: SimulatedClient
    let backend: Backend
    private let server: SimulatedServer
    private let ending: Ending
    /// Whether this side heard that the connection is gone.
    private(set) var isLost = false
    /// Whether a request that is on its way when the connection is lost still arrives.
    private var arrives = false
    private var isUnderWay = false

    init(_ client: SimulatedClient, _ server: SimulatedServer) {
        self.client = client
        self.server = server
        backend = server.open(for: client.number)
        ending = Ending(backend: backend)
    }

    deinit {
        if !isLost { server.end(backend) }
    }

    var interruption: any Interruption { ending }
    var isUsable: Bool { !isLost && !client.isDead }
    var serverVersion: Int { 170_000 }
    var backendProcessID: Int { backend.number }

    var transactionState: TransactionState {
        if !backend.isInTransaction { return .idle }
        return backend.isFailed ? .other : .open
    }

    func giveUp() {
        lose(arrives: false, lingering: nil)
    }

    /// Loses the connection.
    ///
    /// - Parameters:
    ///   - arrives: whether a request that is on its way still arrives; what it does is done, but nobody hears of it.
    ///   - lingering: how long the server takes to notice; nil: no time.
    func lose(arrives: Bool, lingering: Duration?) {
        guard !isLost else { return }
        isLost = true
        self.arrives = arrives
        ending.disarm()
        // What is under way ends the server's side when it is through.
        guard !isUnderWay else { return }
        guard let lingering else { return server.end(backend) }
        let server = server
        let backend = backend
        Task {
            try? await server.scheduler.sleep(lingering)
            server.end(backend)
        }
    }

    /// The server stops: nothing that is under way is carried out.
    func stopServer() {
        isLost = true
        arrives = false
        ending.disarm()
        server.end(backend)
    }

    func query(_ statement: BoundStatement, deadline: Duration, cancellable: Bool) async throws -> Rows {
        if !cancellable { ending.disarm() }
        return try await exchange(statement).rows(of: statement.name)
    }

    func query(_ statements: [BoundStatement], deadline: Duration, cancellable: Int) async throws -> Answers {
        let (replies, failure) = try await exchange(statements, cancellable: cancellable)
        return (try zip(replies, statements).map { try $0.rows(of: $1.name) }, failure)
    }

    func forEachRow(_ statement: BoundStatement, deadline: Duration, _ body: (Row) throws -> Void) async throws {
        for row in try await exchange(statement).rows(of: statement.name) { try body(row) }
    }

    func script(_ text: String, name: String, deadline: Duration) async throws -> [Rows] {
        throw SimulatedServer.unknown("scripts")
    }

    func copyIn(
        _ statement: BoundStatement, deadline: Duration,
        _ body: (_ put: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) async throws -> Int {
        var data: [UInt8] = []
        do {
            try body { data.append(contentsOf: $0) }
        } catch {
            backend.isFailed = backend.isInTransaction
            throw error
        }
        return Int(try await exchange(statement, data).tag.dropFirst(5)) ?? 0
    }

    func copyOut(
        _ statement: BoundStatement, deadline: Duration, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) async throws {
        throw SimulatedServer.unknown("COPY TO STDOUT")
    }

    private func exchange(_ statement: BoundStatement, _ data: [UInt8]? = nil) async throws -> Reply {
        let (replies, failure) = try await exchange([statement], data, cancellable: 1)
        guard let reply = replies.first else { throw failure ?? fate() }
        return reply
    }

    /// Sends statements together. Each of them takes its time, so that others may come between two; where the connection is
    /// lost, the server carries out none, those that have arrived, or all.
    private func exchange(
        _ statements: [BoundStatement], _ data: [UInt8]? = nil, cancellable: Int
    ) async throws -> (replies: [Reply], failure: (any Error)?) {
        guard isUsable else { throw fate() }
        isUnderWay = true
        defer { isUnderWay = false }
        var replies: [Reply] = []
        var failure: (any Error)?
        for (index, statement) in statements.enumerated() {
            if index == cancellable { ending.disarm() }
            if statement.sql == "COMMIT" { client.willCommit(self) }
            await server.scheduler.pause()
            guard !isLost || arrives, !backend.isGone else { throw fate() }
            do {
                replies.append(try await server.run(statement, data: data, on: backend))
            } catch {
                failure = error
                break
            }
        }
        // The answers are on their way.
        if !isLost { await server.scheduler.pause() }
        guard !isLost else { throw fate() }
        return (replies, failure)
    }

    /// What becomes of a call over a lost connection: a process that was killed does nothing more.
    private func fate() -> any Error {
        if isLost { server.end(backend) }
        if client.isDead { return CancellationError() }
        return PostgresError.connectionLost(statement: "", message: "the simulation cut the connection")
    }
}

/// Ends the statement that waits for a lock.
///
/// `@unchecked Sendable`: as with ``Scheduler``.
private final class Ending: Interruption, @unchecked Sendable {
    private let backend: Backend
    private var isArmed = false

    init(backend: Backend) {
        self.backend = backend
    }

    func arm() {
        isArmed = true
        backend.isCancelled = false
    }

    func disarm() {
        isArmed = false
    }

    func fire() {
        guard isArmed, let waiter = backend.waiter else { return }
        backend.isCancelled = true
        waiter.wake()
    }
}
