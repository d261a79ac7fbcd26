import Foundation
import Synchronization
import TestSupport

/// One database from its first row to its last check.
final class ProcessEpisode: Sendable {
    private struct State {
        var tally = Tally()
        var violations: [String] = []
        var random: SeededGenerator
        var written: Set<Int> = []
        var tip: Int
    }

    private let schedule: Schedule
    private let server: PrivateServer
    private let database: String
    private let state: Mutex<State>
    private let chaosEnd: Mutex<ContinuousClock.Instant>

    init(_ schedule: Schedule, server: PrivateServer, number: Int) {
        self.schedule = schedule
        self.server = server
        database = "episode_\(number)"
        // Another stream of numbers than the schedule's.
        let random = SeededGenerator(seed: ~schedule.seed)
        state = Mutex(State(random: random, tip: schedule.firstTip))
        chaosEnd = Mutex(.now)
    }

    var tally: Tally { state.withLock { $0.tally } }

    private var checker: Checker { Checker(server: server, database: database) }
    private var address: String { server.connectionString(database: database) }
    private var isChaos: Bool { ContinuousClock.now < chaosEnd.withLock { $0 } }

    private func draw<Value: Sendable>(_ body: @Sendable (inout SeededGenerator) -> Value) -> Value {
        state.withLock { body(&$0.random) }
    }

    private func count(_ change: @Sendable (inout Tally) -> Void) {
        state.withLock { change(&$0.tally) }
    }

    private func violated(_ text: String) {
        state.withLock { $0.violations.append(text) }
    }

    /// Runs the episode and returns what it found violated.
    func run() async throws -> [String] {
        try await server.execute("CREATE DATABASE \(database)")
        try await TestDirectory.with { directory in
            try await FaultProxy.with(to: .unix(server.socket)) { proxy in
                try await prepare(directory)
                try await chaos(directory, proxy)
                try await heal(directory, proxy)
            }
        }
        try await server.execute("DROP DATABASE \(database) WITH (FORCE)")
        return state.withLock { $0.violations }
    }

    // MARK: Before

    private func prepare(_ directory: TestDirectory) async throws {
        _ = try await checker.lines(Checker.tables)
        try directory.write(schedule.rows.map { $0.text + "\n" }.joined(), to: "history.csv")
        try directory.write("\(schedule.firstTip)\n", to: "tip")
        try directory.write("0", to: "faults")
        try directory.write(source, to: "source", executable: true)
        try directory.write("", to: "spool/.keep")
        try directory.write(config, to: "lacuna.yaml")
        let process = try start(["init"], directory, address: address)
        let result = try await process.wait()
        guard result.status == 0 else { throw TestEnvironmentError("lacuna init: \(result.errors)") }
        let history = schedule.rows.map { "(\($0.unit), \($0.part), 'v\($0.unit)x\($0.part)')" }
        _ = try await checker.lines(
            Checker.triggers + "\nINSERT INTO truth.history VALUES " + history.joined(separator: ", ") + ";")
        guard let first = schedule.ingested.first?.unit, let last = schedule.ingested.last?.unit else { return }
        let rows = schedule.ingested.map { row in
            "(\(row.unit), \(row.part), '\(schedule.stale.contains(row.unit) ? "once " : "")v\(row.unit)x\(row.part)')"
        }
        _ = try await checker.lines(
            """
            BEGIN;
            INSERT INTO facts VALUES \(rows.joined(separator: ", "));
            SELECT lacuna.update_min('facts', \(first)), lacuna.update_max('facts', \(last));
            COMMIT;
            """, name: "ingester")
        // One mark over all of them: it is longer than a batch, and rows that are right lie in it too.
        guard let lowest = schedule.stale.min(), let highest = schedule.stale.max() else { return }
        let marking = try start(
            ["mark", "facts", "--from=\(lowest)", "--to=\(highest)"], directory, address: address)
        let marked = try await marking.wait()
        guard marked.status == 0 else { throw TestEnvironmentError("lacuna mark: \(marked.errors)") }
    }

    /// Prints a window's rows; while `faults` says so, it fails after printing some, ends early, or prints a stray row.
    private var source: String {
        """
        #!/bin/sh
        if [ "$1" = --tip ]; then exec cat tip; fi
        sleep \(Double(schedule.pauseMilliseconds) / 1000)
        exec awk -F, -v first="$1" -v last="$2" -v faults="$(cat faults)" -v dice="$(od -An -N1 -tu1 /dev/urandom)" '
            BEGIN { print "n,part,v"; bad = dice < faults * 2 ? dice % 3 + 1 : 0 }
            bad && NR % 7 == 0 {
                if (bad == 1) exit 1
                if (bad == 2) { print $1 ","; exit 1 }
                print "424242,0,stray"
            }
            window($1) { print }
            # Keys are compared as texts: awk counts in floating point.
            function window(n) { return compare(n, first) >= 0 && compare(n, last) <= 0 }
            function compare(a, b,   sa, sb, c) {
                sa = a ~ /^-/ ? -1 : 1; sb = b ~ /^-/ ? -1 : 1
                if (sa != sb) return sa - sb
                sub(/^-/, "", a); sub(/^-/, "", b)
                c = length(a) != length(b) ? length(a) - length(b) : (a "x" < b "x" ? -1 : (a "x" > b "x" ? 1 : 0))
                return sa * c
            }' history.csv
        """
    }

    private var config: String {
        """
        version: 1
        database: ${env:CRASH_DATABASE}
        sources:
          history:
            type: command
            command: [./source, "{window.first}", "{window.last}"]
            tip: [./source, --tip]
            format: csv
            retry: {attempts: 2, backoff: 1s, max_backoff: 1s}
        streams:
          facts:
            source: history
            table: public.facts
            key: {column: n, type: integer}
            expect: {from: \(schedule.first)}
            batch: \(schedule.batch)
            workers: \(schedule.workers)
        \(schedule.overlap > 0 ? "    overlap: \(schedule.overlap)" : "")
        \(schedule.tracksChanges ? "    track_changes: true" : "")
        """
    }

    private func start(_ arguments: [String], _ directory: TestDirectory, address: String) throws -> LacunaProcess {
        try LacunaProcess(
            arguments, in: directory.url,
            environment: [
                "CRASH_DATABASE": address, "TMPDIR": directory.url.appendingPathComponent("spool").path,
            ])
    }

    // MARK: Chaos

    private func chaos(_ directory: TestDirectory, _ proxy: FaultProxy) async throws {
        let address = proxy.connectionString(user: "postgres", database: database)
        if schedule.faults.contains(.badAnswers) { try directory.write("20", to: "faults") }
        if schedule.faults.contains(.commits) {
            proxy.onCommit { [self] _ in
                draw { random in
                    Int.random(in: 0..<6, using: &random) == 0
                        ? [.loseAnswer, .loseAnswer, .loseClient, .loseCommit].randomElement(using: &random) ?? .none
                        : .none
                }
            }
        }
        chaosEnd.withLock { $0 = .now + .milliseconds(schedule.chaosMilliseconds) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<schedule.reconcilers {
                group.addTask { try await self.keepRunning("reconcile", directory, address) }
            }
            for _ in 0..<schedule.catchups {
                group.addTask { try await self.keepRunning("catchup", directory, address) }
            }
            if schedule.hasWriter { group.addTask { try await self.write(directory) } }
            if schedule.hasPruner { group.addTask { await self.prune() } }
            if schedule.hasReader { group.addTask { await self.read() } }
            group.addTask { try await self.sabotage(proxy) }
            try await group.waitForAll()
        }
        proxy.onCommit { _ in .none }
        proxy.isSwallowing = false
        proxy.cutSwallowed()
        try directory.write("0", to: "faults")
        count { tally in
            tally.lostCommits += proxy.commitFaults
            tally.commits += proxy.commits
        }
    }

    /// Starts a command again and again, and kills most of them somewhere.
    private func keepRunning(_ command: String, _ directory: TestDirectory, _ address: String) async throws {
        while isChaos {
            let arguments =
                [command, "--format", "json", "--no-progress"] + (command == "reconcile" ? ["--retry-now"] : [])
            let process = try start(arguments, directory, address: address)
            let limit: Duration = .milliseconds(
                draw { Int.random(in: 20...([200, 600, 2000].randomElement(using: &$0) ?? 200), using: &$0) })
            // Some may go on to their end, so that there are reports to judge.
            let isSpared = draw { Int.random(in: 0..<3, using: &$0) } == 0
            let began = ContinuousClock.now
            while process.isRunning, ContinuousClock.now - began < (isSpared ? .seconds(20) : limit),
                isChaos || isSpared
            {
                try await Task.sleep(for: .milliseconds(2))
            }
            if process.isRunning {
                process.send(signal: SIGKILL)
                count { $0.kills += 1 }
                _ = try await process.wait()
            } else {
                try await judge(process)
            }
        }
    }

    /// The part of a run's report that is held against the journal.
    private struct Output: Decodable {
        struct Run: Decodable {
            let mode: String
            let state: String
            let exit_status: Int32
            let committed: Int
            let rows_inserted: Int
        }
        let runs: [Run]
    }

    /// Holds what a run said against what it left behind.
    private func judge(_ process: LacunaProcess) async throws {
        let result = try await process.wait()
        count { $0.runs += 1 }
        guard (0...4).contains(result.status) else {
            return violated("a run ended with status \(result.status): \(result.errors)")
        }
        guard let run = try? JSONDecoder().decode(Output.self, from: Data(result.output.utf8)).runs.first else {
            return violated(
                "a run that ended with status \(result.status) said no JSON: \(result.output)\(result.errors)")
        }
        if run.exit_status != result.status {
            violated("status \(result.status), but the report says \(run.exit_status)")
        }
        if run.state == "unknown" { return }
        let sql = """
            SELECT count(*) || ' ' || COALESCE(sum(b.rows_inserted), 0) FROM lacuna.run AS r
            JOIN lacuna.batch AS b ON b.run = r.id AND b.state = 'committed' WHERE r.process = \(process.processID)
            """
        let journal = try await patiently { try await self.checker.lines(sql) }
        let said = "\(run.committed) \(run.rows_inserted)"
        if journal.first != said {
            violated(
                "\(run.mode) reported \(said) (batches, rows; \(run.state)), the journal has \(journal.first ?? "nothing")"
            )
        }
    }

    /// A live ingester: writes the source's next unit and joins by `lacuna.update_max`, past the proxy.
    private func write(_ directory: TestDirectory) async throws {
        while isChaos {
            let tip = state.withLock { $0.tip }
            guard let next = schedule.rows.first(where: { $0.unit > tip })?.unit else { return }
            try directory.write("\(next)\n", to: "tip.new")
            guard rename("\(directory.url.path)/tip.new", "\(directory.url.path)/tip") == 0 else { return }
            state.withLock { $0.tip = next }
            let rows = schedule.rows.filter { $0.unit == next }.map { "(\(next), \($0.part), 'v\(next)x\($0.part)')" }
            let sql = """
                BEGIN;
                INSERT INTO facts VALUES \(rows.joined(separator: ", ")) ON CONFLICT DO NOTHING;
                SELECT lacuna.update_max('facts', \(next));
                COMMIT;
                """
            if (try? await checker.lines(sql, name: "writer")) != nil {
                state.withLock { _ = $0.written.insert(next) }
            }
            try await Task.sleep(for: .milliseconds(draw { Int.random(in: 1...60, using: &$0) }))
        }
    }

    /// Somebody who deletes rows.
    private func prune() async {
        while isChaos {
            let lower = schedule.first + draw { Int.random(in: 0..<self.schedule.unitCount, using: &$0) }
            let (upper, overflows) = lower.addingReportingOverflow(3)
            let way = draw { Pruning.ways(tracked: self.schedule.tracksChanges).randomElement(using: &$0) ?? .plainly }
            _ = try? await checker.lines(way.sql(lower, overflows ? lower : upper), name: "pruner")
            try? await Task.sleep(for: .milliseconds(150))
        }
    }

    /// Somebody who looks: what holds always must hold in every snapshot.
    private func read() async {
        while isChaos {
            if let lines = try? await checker.lines(Checker.always(overlap: schedule.overlap), name: "reader") {
                lines.forEach { violated("seen by a reader: \($0)") }
            }
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    private func sabotage(_ proxy: FaultProxy) async throws {
        let faults = schedule.faults.intersection([.terminate, .cut, .swallow, .restart]).sorted {
            $0.rawValue < $1.rawValue
        }
        while isChaos, !faults.isEmpty {
            try await Task.sleep(for: .milliseconds(draw { Int.random(in: 20...400, using: &$0) }))
            guard isChaos else { return }
            switch draw({ faults.randomElement(using: &$0) }) {
            case .terminate:
                let sql = """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name LIKE 'lacuna%' ORDER BY random() LIMIT 3
                    """
                let ended = (try? await checker.lines(sql).count) ?? 0
                count { $0.terminations += ended }
            case .cut:
                proxy.cutAll()
                count { $0.cuts += 1 }
            case .swallow:
                proxy.isSwallowing = true
                try await Task.sleep(for: .milliseconds(200))
                proxy.isSwallowing = false
                proxy.cutSwallowed()
                count { $0.cuts += 1 }
            case .restart:
                try await server.stop(.immediate)
                try await server.start()
                count { $0.restarts += 1 }
            default: break
            }
        }
    }

    /// Asks again while the server restarts.
    private func patiently<Value>(_ body: () async throws -> Value) async throws -> Value {
        for _ in 0..<100 {
            if let value = try? await body() { return value }
            try await Task.sleep(for: .milliseconds(50))
        }
        return try await body()
    }

    // MARK: After

    private func heal(_ directory: TestDirectory, _ proxy: FaultProxy) async throws {
        try await waitUntilSessionsAreGone(of: "a killed run")
        // A program whose Lacuna was killed ends by itself at its next write or when it is done.
        let address = proxy.connectionString(user: "postgres", database: database)
        var said = ""
        var isHealed = false
        for _ in 0..<4 where !isHealed {
            said = ""
            isHealed = true
            for arguments in [["catchup"], ["reconcile", "--retry-now"]] {
                let process = try start(arguments + ["--no-progress"], directory, address: address)
                let limit = ContinuousClock.now + .seconds(120)
                while process.isRunning, ContinuousClock.now < limit { try await Task.sleep(for: .milliseconds(5)) }
                guard !process.isRunning else {
                    process.send(signal: SIGKILL)
                    _ = try await process.wait()
                    return violated("\(arguments[0]) is still not done after 120 s of healing")
                }
                let result = try await process.wait()
                said += result.output + result.errors
                if result.status != 0 { isHealed = false }
            }
            // What fell below `latest` while the catchup ran is the reconcile's; a stream with nothing begins with it.
            if schedule.ingested.isEmpty { isHealed = isHealed && !said.contains("nothing is there yet") }
        }
        if !isHealed { violated("it does not heal: \(said)") }
        try await waitUntilSessionsAreGone(of: "a run that ended")
        let tip = state.withLock { $0.tip }
        let end = Checker.healed(first: schedule.first, tip: tip)
        for sql in [Checker.always(overlap: schedule.overlap), end] {
            try await checker.lines(sql).forEach(violated)
        }
        let written = state.withLock { $0.written }.sorted()
        if !written.isEmpty {
            let list = written.map { "(\($0)::bigint)" }.joined(separator: ", ")
            try await checker.lines(
                """
                SELECT 'the writer was told that it is committed: ' || w.n FROM (VALUES \(list)) AS w (n)
                WHERE NOT EXISTS (SELECT FROM facts AS f WHERE f.n = w.n)
                """
            ).forEach(violated)
        }
        try await expectNothingToDo(directory, address)
        if schedule.tracksChanges { try await expectSameGaps(directory, address) }
        try expectNothingLeft(directory)
    }

    /// The server notices a moment later that a program is gone; what the program asked it to commit may still go on.
    private func waitUntilSessionsAreGone(of run: String) async throws {
        let sessions =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'lacuna%'"
        for _ in 0..<400 {
            if try await checker.lines(sessions) == ["0"] { return }
            try await Task.sleep(for: .milliseconds(25))
        }
        violated("a session of \(run) is still there after 10 s")
    }

    private func expectNothingToDo(_ directory: TestDirectory, _ address: String) async throws {
        let image = "SELECT count(*) FROM truth.event"
        let runs = "SELECT mode || ' ' || state || ' ' || planned FROM lacuna.run ORDER BY id DESC LIMIT 2"
        let before = try await checker.lines(image)
        for command in ["catchup", "reconcile"] {
            let result = try await start([command, "--no-progress"], directory, address: address).wait()
            if result.status != 0 { violated("\(command) again: status \(result.status): \(result.errors)") }
        }
        if try await checker.lines(image) != before { violated("a run that changed nothing wrote something") }
        let left = try await checker.lines(runs)
        if left != ["reconcile done 0", "catchup done 0"] { violated("runs that had nothing to do left \(left)") }
    }

    /// Holds a scan of what has changed against a whole one while rows go in all ways.
    private func expectSameGaps(_ directory: TestDirectory, _ address: String) async throws {
        for way in Pruning.allCases {
            let lower = schedule.first + draw { Int.random(in: 0..<self.schedule.unitCount - 3, using: &$0) }
            _ = try await checker.lines(way.sql(lower, lower + 2), name: "pruner")
            try await compareScans("rows went \(way)", directory, address)
            // The last but one ways leave only a whole scan; with a summary of it the next is of changes again.
            try await refill("rows went \(way)", directory, address)
        }
        // A summary is kept while transactions that its snapshot does not see are open, and others end behind it.
        _ = try await checker.lines("CLUSTER facts USING facts_pkey")
        let half = schedule.unitCount / 2
        async let slowly = checker.lines(
            Pruning.stepwise(schedule.first, schedule.first + half - 1, by: half / 4), name: "pruner")
        async let quickly = checker.lines(
            Pruning.stepwise(schedule.first + half, schedule.first + 2 * half - 1, by: 1), name: "pruner")
        try await Task.sleep(for: .milliseconds(100))
        // What goes behind its back is left to the next run.
        try await refill("a summary was kept while rows went", directory, address, mayLeave: 2)
        _ = try await (slowly, quickly)
        try await compareScans("a summary was kept while rows went", directory, address)
    }

    private func compareScans(_ happened: String, _ directory: TestDirectory, _ address: String) async throws {
        let tracked = try await start(["gaps", "--format", "csv"], directory, address: address).wait()
        let whole = try await start(["gaps", "--format", "csv", "--scan", "window"], directory, address: address).wait()
        if tracked.status != 0 || tracked.output != whole.output {
            violated(
                "after \(happened): \(tracked.output)\(tracked.errors), but a whole scan finds \(whole.output)")
        }
    }

    private func refill(
        _ happened: String, _ directory: TestDirectory, _ address: String, mayLeave status: Int32 = 0
    ) async throws {
        let run = try await start(["reconcile", "--retry-now", "--no-progress"], directory, address: address).wait()
        if run.status != 0, run.status != status { violated("after \(happened): status \(run.status): \(run.errors)") }
    }

    private func expectNothingLeft(_ directory: TestDirectory) throws {
        let spool = directory.url.appendingPathComponent("spool").path
        for file in try FileManager.default.contentsOfDirectory(atPath: spool) where file != ".keep" {
            violated("left over: \(file) in the spool's directory")
        }
        #if os(Linux)
            let here = directory.url.resolvingSymlinksInPath().path
            for process in try FileManager.default.contentsOfDirectory(atPath: "/proc") where Int32(process) != nil {
                if (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/cwd")) == here {
                    violated("left over: process \(process)")
                }
            }
        #endif
    }
}
