import Dispatch
import Foundation
import Synchronization
import TestSupport

/// Random episodes of real processes on real servers, with faults; each is checked by ``Checker``.
@main
final class ProcessEpisodes: Sendable {
    private let options: Options
    private let progress: Mutex<Progress>

    private init(_ options: Options) {
        self.options = options
        progress = Mutex(Progress(options))
    }

    static func main() async {
        do {
            let options = try Options(CommandLine.arguments.dropFirst())
            exit(await ProcessEpisodes(options).run())
        } catch {
            FileHandle.standardError.write(Data("crash-test: \(error)\n".utf8))
            exit(70)
        }
    }

    /// Runs the episodes; the first has the seed itself, so that a failed one is repeated by `--episodes 1 --seed S`.
    ///
    /// - Returns: the exit status.
    private func run() async -> Int32 {
        say("crash-test: --episodes \(options.episodes) --seed \(options.seed)")
        let signals = [SIGINT, SIGTERM].map(watch)
        await withTaskGroup(of: Void.self) { group in
            // Each on a server of its own: a restart in one episode is none of another's.
            for _ in 0..<options.parallel {
                group.addTask { await self.work() }
            }
        }
        signals.forEach { $0.cancel() }
        let progress = progress.withLock { $0 }
        say("crash-test: \(progress)")
        return progress.failed > 0 ? 1 : progress.broken > 0 ? 70 : 0
    }

    /// The first signal ends the test after the episodes that run, and says what was done so far; a second one ends it at once.
    private func watch(_ number: Int32) -> any DispatchSourceSignal {
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { [self] in
            let (isSecond, progress) = progress.withLock { progress in
                defer { progress.isStopped = true }
                return (progress.isStopped, progress)
            }
            say("crash-test: \(progress); stopping")
            if isSecond { exit(128 + number) }
        }
        source.resume()
        return source
    }

    /// Runs one episode after the other on one server; on another one after an episode that could not be carried through.
    private func work() async {
        while let first = next() {
            var number: Int? = first
            do {
                try await PrivateServer.with(settings: Self.settings) { server in
                    while let episode = number {
                        try await self.runEpisode(episode, server)
                        number = self.next()
                    }
                }
            } catch {
                let isStopped = progress.withLock { progress in
                    if !progress.isStopped { progress.addBroken() }
                    return progress.isStopped
                }
                // The signal went to the processes of the episodes, too.
                if !isStopped { say("BROKEN OFF (seed \(seed(number ?? first))): \(error)") }
            }
        }
    }

    private func next() -> Int? { progress.withLock { $0.next() } }

    private static let settings = [
        "max_connections=200", "log_min_messages=fatal", "max_wal_size=64MB", "min_wal_size=32MB",
    ]

    private func seed(_ number: Int) -> UInt64 { options.seed &+ UInt64(number) }

    private func runEpisode(_ number: Int, _ server: PrivateServer) async throws {
        let schedule = Schedule(seed: seed(number))
        let episode = ProcessEpisode(schedule, server: server, number: number)
        let violations = try await episode.run()
        let tally = episode.tally
        let progress = progress.withLock { progress in
            progress.add(tally, isViolated: !violations.isEmpty)
            return progress
        }
        var lines = ["\(progress.done): \(schedule); \(tally)"]
        lines += violations.map { "VIOLATION (seed \(schedule.seed)): \($0)" }
        if progress.done % 25 == 0, progress.done < options.episodes { lines.append("so far: \(progress)") }
        say(lines.joined(separator: "\n"))
    }

    /// Prints, so that it is seen at once in a pipe too.
    private func say(_ text: String) {
        print(text)
        fflush(nil)
    }
}
