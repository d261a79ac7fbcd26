import Lacuna
import Postgres

/// What happened, in numbers.
public struct Tally: Sendable, CustomStringConvertible {
    /// Processes that were killed.
    public var kills = 0
    /// Connections that were cut.
    public var cuts = 0
    /// COMMITs that were lost, or their answers.
    public var lostCommits = 0
    /// Stops of the server.
    public var restarts = 0
    /// Runs that ended by themselves.
    public var runs = 0
    /// Transactions that were committed.
    public var commits = 0
    /// Steps between two suspensions.
    public var steps = 0

    /// No numbers yet.
    public init() {}

    /// The crashes after which everything was checked.
    public var crashPoints: Int { kills + cuts + lostCommits + restarts }

    /// Adds another episode's.
    public mutating func add(_ other: Tally) {
        kills += other.kills
        cuts += other.cuts
        lostCommits += other.lostCommits
        restarts += other.restarts
        runs += other.runs
        commits += other.commits
        steps += other.steps
    }

    /// The numbers in a line.
    public var description: String {
        """
        \(crashPoints) crash points: \(kills) kills, \(cuts) cuts, \(lostCommits) COMMITs or answers lost, \(restarts) \
        server stops; \(runs) runs ended by themselves, \(commits) commits, \(steps) steps
        """
    }
}

/// One simulated database from its first row to its last check.
///
/// `@unchecked Sendable`: as with ``Scheduler``.
public final class SimulatedEpisode: @unchecked Sendable {
    /// What it is made of.
    public let setting: Setting
    /// What happened.
    public private(set) var tally = Tally()
    private let scheduler: Scheduler
    let server: SimulatedServer
    private let history = SimulatedHistory()
    private let invariants: Invariants
    private var clients: [SimulatedClient] = []
    private var nextClient = 1
    private var isChaos = false
    private var untilCrash = 0
    /// The last unit that the source will have.
    private let end: Int64

    /// The episode of a setting.
    public init(_ setting: Setting) {
        self.setting = setting
        scheduler = Scheduler(seed: ~setting.seed)
        server = SimulatedServer(scheduler: scheduler)
        invariants = Invariants(
            history: history, server: server, first: setting.first, windowsOverlap: setting.overlap > 0,
            isCapped: setting.cap > 0,
            atomic: setting.atomic, replaces: setting.replaces)
        end = setting.first + Int64(setting.unitCount) - 1
    }

    /// Runs it.
    ///
    /// - Returns: what was violated.
    public func run() -> [String] {
        server.onCommit = { [unowned self] in invariants.committed($0, $1, before: $2) }
        server.fault = { [unowned self] _, statement in fault(statement.name) }
        scheduler.beforeJob = { [unowned self] in step() }
        do {
            try scheduler.run { await self.body() }
        } catch {
            invariants.violated("\(error)")
        }
        tally.commits = invariants.commits
        tally.steps = scheduler.jobCount
        return invariants.violations
    }

    private func body() async {
        prepare()
        isChaos = true
        drawCrash()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<setting.processes {
                group.addTask { await self.keepRunning() }
            }
            group.addTask { await self.changeWorld() }
        }
        await heal()
    }

    // MARK: Before

    private func prepare() {
        for partition in setting.partitions {
            let tip = setting.first + Int64(scheduler.draw(0..<setting.unitCount))
            history.publish(partition, upTo: tip, drawParts(setting.first...tip), now: scheduler.tick())
            guard !scheduler.oneIn(5) else { continue }
            // A part of it was ingested, with holes.
            let last = min(
                Int64(scheduler.draw(0..<Int(tip - setting.first) + 1)) + setting.first, tip - setting.lag)
            guard last >= setting.first else { continue }
            let kept = (setting.first...last).filter { _ in !scheduler.oneIn(3) }.filter { history.has(partition, $0) }
            guard let oldest = kept.first, let latest = kept.last else { continue }
            let rows = kept.flatMap { history.rows(partition, $0..<$0 + 1) }
            server.change { state in
                for row in rows { state.facts[row.key] = row.value }
                state.extents[partition] = ExtentsRow(oldest: oldest, latest: latest)
            }
            guard setting.hasCorrections, scheduler.oneIn(2) else { continue }
            for unit in kept where scheduler.oneIn(2) { history.correct(partition, unit, now: scheduler.tick()) }
            // One mark over all of them: it is longer than a batch, and rows that are right lie in it too.
            let mark = RefetchRow(
                partition: partition, units: oldest..<latest + 1, reason: "", markedAt: scheduler.tick(),
                replaces: false)
            server.change { $0.refetch[server.makeID()] = mark }
        }
        if setting.badAnswers > 0, scheduler.oneIn(2) {
            history.sick = [setting.first + Int64(scheduler.draw(0..<setting.unitCount))]
        }
    }

    /// The number of rows of each unit; the last unit has one at least, and some have none.
    private func drawParts(_ units: ClosedRange<Int64>) -> [Int64: Int] {
        var parts: [Int64: Int] = [:]
        for unit in units {
            let count = [0, 0, 1, 1, 1, 2][scheduler.draw(0..<6)]
            parts[unit] = unit == units.upperBound ? max(count, 1) : count
        }
        return parts.filter { $0.value > 0 }
    }

    // MARK: Processes

    private var isOver: Bool {
        if let runs = setting.calmRuns { return tally.runs >= runs }
        return tally.crashPoints >= setting.crashes || scheduler.jobCount > 200_000
    }

    private func keepRunning() async {
        while !isOver, invariants.violations.isEmpty {
            var options = RunOptions()
            if scheduler.oneIn(4) { options.maxBatches = scheduler.draw(1..<4) }
            if scheduler.oneIn(8) { options.timeLimit = .seconds(scheduler.draw(1..<60)) }
            options.retryNow = scheduler.oneIn(2)
            options.failFast = scheduler.oneIn(6)
            if scheduler.oneIn(10) {
                let stop = options.stop
                let delay = Duration.seconds(scheduler.draw(0..<30))
                Task {
                    try? await self.scheduler.sleep(delay)
                    stop.give()
                }
            }
            _ = await start(scheduler.oneIn(3) ? .catchup : .reconcile, options)
        }
    }

    /// Runs one process to its end.
    ///
    /// - Returns: its report; nil where it was killed.
    private func start(_ mode: RunMode, _ options: RunOptions) async -> RunReport? {
        let client = makeClient()
        let reconciler = reconciler(client)
        let report: RunReport? = await perform(client) {
            mode == .catchup ? await reconciler.catchup(options) : await reconciler.reconcile(options)
        }
        if let report {
            tally.runs += 1
            invariants.ended(report)
        }
        return report
    }

    private func reconciler(_ client: SimulatedClient) -> Reconciler {
        let source = SimulatedSource(
            history: history, client: client, scheduler: scheduler,
            badAnswers: { [self] in isChaos ? setting.badAnswers : 0 }, namesPartition: setting.namesPartition,
            lies: { [self] in
                isChaos
                    ? SimulatedSource.Lies(cap: setting.cap, capsNewest: setting.capsNewest, lag: setting.lag)
                    : SimulatedSource.Lies()
            })
        return Reconciler(stream: setting.stream, source: source, database: client.database)
    }

    private func makeClient() -> SimulatedClient {
        let client = SimulatedClient(number: nextClient, server: server)
        nextClient += 1
        client.onCommit = { [unowned self] in willCommit($0) }
        client.refusesConnection = { [unowned self] in isChaos && setting.badStatements > 0 && scheduler.oneIn(30) }
        return client
    }

    private func perform<Value: Sendable>(
        _ client: SimulatedClient, _ body: @escaping @Sendable () async -> Value
    ) async -> Value? {
        clients.append(client)
        let task = Task { await Timing.$current.withValue(client.timing) { await body() } }
        client.cancel = { task.cancel() }
        let value = await task.value
        client.cancel = {}
        clients.removeAll { $0 === client }
        return client.isDead ? nil : value
    }

    // MARK: Crashes

    private func drawCrash() {
        let reach = [20, 300, 300, 2_000][scheduler.draw(0..<4)]
        untilCrash = scheduler.draw(0..<reach)
    }

    /// Before each step: whatever is under way may be the last that happens.
    private func step() {
        guard isChaos, setting.calmRuns == nil else { return }
        untilCrash -= 1
        guard untilCrash < 0, let client = clients.randomElement(using: &scheduler.random) else { return }
        drawCrash()
        guard !isOver else { return }
        switch scheduler.draw(0..<20) {
        case 0:
            downServer()
        case 1...5:
            guard let connection = client.connections.randomElement(using: &scheduler.random) else { return }
            let lingering: Duration? = scheduler.oneIn(2) ? .seconds(scheduler.draw(0..<150)) : nil
            connection.lose(arrives: scheduler.oneIn(2), lingering: lingering)
            tally.cuts += 1
        default:
            client.kill()
            clients.removeAll { $0 === client }
            tally.kills += 1
        }
        invariants.crashed()
    }

    private func downServer() {
        for client in clients {
            for connection in client.connections { connection.stopServer() }
        }
        for backend in server.backends { server.end(backend) }
        server.downUntil = scheduler.microseconds + Int64(scheduler.draw(0..<5_000_000))
        tally.restarts += 1
    }

    /// Loses a COMMIT or its answer, or kills the process that waits for it.
    private func willCommit(_ connection: SimulatedConnection) {
        guard isChaos, !isOver, setting.calmRuns == nil, scheduler.oneIn(setting.lostCommits) else { return }
        Task {
            // The connection goes while the request is on its way, or the answer.
            for _ in 0..<self.scheduler.draw(0..<4) { await self.scheduler.pause() }
            guard !connection.isLost, !self.isOver else { return }
            if self.scheduler.oneIn(4) {
                connection.client.kill()
                self.clients.removeAll { $0 === connection.client }
                self.tally.kills += 1
            } else {
                let lingering: Duration? = self.scheduler.oneIn(2) ? .seconds(self.scheduler.draw(0..<150)) : nil
                connection.lose(arrives: self.scheduler.oneIn(2), lingering: lingering)
                self.tally.lostCommits += 1
            }
            self.invariants.crashed()
        }
    }

    private func fault(_ statement: String) -> SQLState? {
        guard isChaos, setting.badStatements > 0, scheduler.oneIn(setting.badStatements) else { return nil }
        let codes = ["40P01", "40001", "55P03", "57014", "53100"]
        return SQLState(rawValue: codes[scheduler.draw(0..<codes.count)])
    }

    // MARK: The world

    private func changeWorld() async {
        while !isOver, invariants.violations.isEmpty {
            try? await scheduler.sleep(.seconds(scheduler.draw(0..<20)))
            guard let partition = setting.partitions.randomElement(using: &scheduler.random) else { return }
            switch scheduler.draw(0..<4) {
            case 0 where setting.grows: grow(partition)
            case 1 where setting.hasCorrections: await correct(partition)
            case 2 where setting.hasPruner: prune(partition)
            case 3 where setting.isAhead: ingestAhead(partition)
            default: break
            }
        }
    }

    private func grow(_ partition: String) {
        guard let tip = history.tips[partition], tip < end else { return }
        let next = min(tip + Int64(scheduler.draw(1..<6)), end)
        history.publish(partition, upTo: next, drawParts(tip + 1...next), now: scheduler.tick())
    }

    /// Somebody else, who is faster than the source, ingests a unit beyond its tip.
    private func ingestAhead(_ partition: String) {
        guard let tip = history.tips[partition], tip + 1 < end else { return }
        let unit = tip + 2 + Int64(scheduler.draw(0..<Int(end - tip - 1)))
        guard server.state.facts[FactKey(partition: partition, unit: unit, part: 0)] == nil else { return }
        let rows = history.foresee(partition, unit, now: scheduler.tick())
        server.change { $0.facts.merge(rows) { $1 } }
    }

    /// The source corrects a unit that is there, and somebody marks it, again and again until that is done.
    private func correct(_ partition: String) async {
        guard let extents = server.state.extents[partition] else { return }
        var unit = Int64(scheduler.draw(0..<Int(extents.latest - setting.first) + 1)) + setting.first
        // Best one that is on its way.
        let client = clients.randomElement(using: &scheduler.random)
        if let answer = client.flatMap({ history.answers[$0.number]?[partition]?.last }), scheduler.oneIn(2) {
            unit = answer.window.lowerBound + Int64(scheduler.draw(0..<answer.window.count))
        }
        guard history.has(partition, unit), unit >= setting.first, unit <= extents.latest else { return }
        if setting.replaces, unit < history.tips[partition] ?? .min, scheduler.oneIn(2) {
            // Some of its rows, or all.
            let keeps = scheduler.draw(0..<2)
            for part in keeps..<3 { history.withdraw(partition, unit, part: part, now: scheduler.tick()) }
        } else {
            history.correct(partition, unit, now: scheduler.tick())
        }
        var options = RunOptions()
        options.from = unit
        options.to = unit
        options.partitions = [Partition([partition])]
        let bounds = options
        for _ in 0..<100 {
            let client = makeClient()
            let reconciler = reconciler(client)
            let count: UInt64?? = await perform(client) {
                try? await reconciler.mark(
                    clear: false, bounds, replace: self.setting.replaces, reason: "corrected")
            }
            if count != nil, count != .some(nil) { return }
        }
        invariants.violated("unit \(unit) could not be marked")
    }

    /// Somebody deletes the rows of a unit that nobody is writing.
    private func prune(_ partition: String) {
        let keys = server.state.facts.keys.filter { $0.partition == partition }.sorted()
        guard let unit = keys.randomElement(using: &scheduler.random)?.unit else { return }
        let rows = keys.filter { $0.unit == unit }
        guard !rows.contains(where: { server.isLocked(.fact($0)) }) else { return }
        server.change { state in
            for row in rows { state.facts[row] = nil }
        }
    }

    // MARK: After

    private func heal() async {
        isChaos = false
        history.sick = []
        if setting.isAhead {
            for partition in setting.partitions where history.tips[partition] ?? end < end {
                history.publish(
                    partition, upTo: end, drawParts((history.tips[partition] ?? end) + 1...end), now: scheduler.tick())
            }
        }
        // Connections that the server has not noticed the loss of, and units that are asked for again after ten minutes.
        try? await scheduler.sleep(.seconds(1000))
        guard invariants.violations.isEmpty else { return }
        var options = RunOptions()
        options.retryNow = true
        var problem = ""
        for _ in 0..<4 {
            guard let reconcile = await start(.reconcile, options) else { return }
            guard let catchup = await start(.catchup, options) else { return }
            let isDone = reconcile.state == .done && catchup.state == .done
            if isDone, reconcile.committed + catchup.committed == 0 { break }
            problem =
                "\(reconcile.state) \(reconcile.failures) \(reconcile.streamFailures); \(catchup.state) "
                + "\(catchup.failures) \(catchup.streamFailures)"
        }
        let before = server.state
        let commits = invariants.commits
        for mode in [RunMode.reconcile, .catchup] {
            guard let report = await start(mode, options) else { return }
            if report.state != .done {
                invariants.violated("it does not heal: \(report.state), before that \(problem)")
            }
        }
        invariants.idle(before: before, commits: commits)
        invariants.crashed()
        invariants.healed(setting.partitions)
    }
}
