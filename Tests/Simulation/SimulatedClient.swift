import Lacuna
import Postgres

/// One process that runs Lacuna, until it ends or is killed.
///
/// `@unchecked Sendable`: as with ``Scheduler``.
public final class SimulatedClient: @unchecked Sendable {
    let number: Int
    private let server: SimulatedServer
    private var opened: [Reference] = []
    /// Whether it was killed: nothing that it does after that has any effect.
    private(set) var isDead = false
    /// Ends its task.
    var cancel: () -> Void = {}
    /// Called when a COMMIT sets out.
    var onCommit: (SimulatedConnection) -> Void = { _ in }
    /// Whether a connection is refused now.
    var refusesConnection: () -> Bool = { false }

    /// A session ends when Lacuna lets go of it.
    private struct Reference {
        weak var connection: SimulatedConnection?
    }

    init(number: Int, server: SimulatedServer) {
        self.number = number
        self.server = server
    }

    /// The connections that are open.
    var connections: [SimulatedConnection] { opened.compactMap(\.connection) }

    private static let start = ContinuousClock.now
    private static let database = Database(connectionString: nil)

    /// The simulated database, as this process reaches it.
    var database: Database {
        var database = SimulatedClient.database
        database.open = { try await self.connect($0) }
        return database
    }

    /// The simulation's clock and chance.
    var timing: Timing {
        let scheduler = server.scheduler
        return Timing(
            now: { SimulatedClient.start + .microseconds(scheduler.microseconds) },
            sleep: { try await self.sleep($0) },
            fraction: { Double.random(in: 0...1, using: &scheduler.random) })
    }

    /// Waits so long.
    ///
    /// - Throws: `CancellationError`, also where the process was killed.
    func sleep(_ duration: Duration) async throws {
        guard !isDead else { throw CancellationError() }
        try await server.scheduler.sleep(duration)
        guard !isDead else { throw CancellationError() }
    }

    private func connect(_ options: SessionOptions) async throws -> Session {
        guard !isDead else { throw CancellationError() }
        await server.scheduler.pause()
        guard !isDead else { throw CancellationError() }
        if server.scheduler.microseconds < server.downUntil || refusesConnection() {
            throw PostgresError.connectionFailed("the simulation refuses the connection")
        }
        let connection = SimulatedConnection(self, server)
        opened.removeAll { $0.connection == nil }
        opened.append(Reference(connection: connection))
        return Session(options: options, transport: connection, executor: server.scheduler.executor)
    }

    func willCommit(_ connection: SimulatedConnection) {
        onCommit(connection)
    }

    /// Kills the process: its connections end, and what it has under way may be carried out or not.
    func kill() {
        guard !isDead else { return }
        isDead = true
        for connection in connections { connection.lose(arrives: server.scheduler.oneIn(2), lingering: nil) }
        cancel()
    }
}
