import Foundation
import Lacuna
import Logging
import Synchronization

/// Shows how a run gets on: a live line on a terminal, otherwise a line now and then.
final class RunDisplay: Sendable {
    private struct State {
        var planned = 0
        var units: UInt64 = 0
        var keyType: KeyType?
        var done = 0
        var doneUnits: UInt64 = 0
        var rows = 0
        var failed = 0
        /// What was told of batches that were halved.
        var halvings: Set<String> = []
        var started = ContinuousClock.now
        var lastShown = ContinuousClock.now
    }

    private let state = Mutex(State())
    private let stream: StreamDefinition
    private let isLive: Bool
    private let isQuiet: Bool
    private let log: Logger

    init(stream: StreamDefinition, showsProgress: Bool, log: Logger) {
        self.stream = stream
        isLive = showsProgress && Console.shared.errorIsTerminal
        isQuiet = !showsProgress
        self.log = log
    }

    /// Takes an event of the run.
    func handle(_ event: RunEvent) {
        switch event {
        case .planned(let batches, let units, let keyType):
            state.withLock {
                $0.keyType = keyType
                $0.planned = batches
                $0.units = units
            }
            log.info("planned", metadata: ["stream": "\(stream.name)", "batches": "\(batches)", "units": "\(units)"])
        case .finished(let window, let partition, let rows, let isCommitted):
            state.withLock {
                $0.done += 1
                $0.doneUnits += window.unitCount
                $0.rows += rows
            }
            log.debug(
                "\(isCommitted ? "committed" : "fetched or unchanged")",
                metadata: metadata(window, partition, ["rows": "\(rows)"]))
            show()
        case .failed(let failure):
            state.withLock { $0.failed += 1 }
            log.info("failed: \(failure.message)", metadata: metadata(failure.window, failure.partition))
            show()
        case .retrying(let window, let partition, let message, let wait):
            log.warning(
                "trying again in \(wait.inSeconds): \(message)", metadata: metadata(window, partition))
        case .halved(let window, let partition, let message):
            // The same of every window is told once.
            let isNew = state.withLock { $0.halvings.insert(FailureKind.text(of: message)).inserted }
            log.log(
                level: isNew ? .warning : .info, "halved: \(message)", metadata: metadata(window, partition))
        case .note(let note): log.info("\(note)")
        }
    }

    /// Removes the live line.
    func end() {
        if isLive { Console.shared.status("") }
    }

    private func metadata(
        _ window: Range<Int64>, _ partition: Partition, _ more: Logger.Metadata = [:]
    ) -> Logger.Metadata {
        var metadata = more
        metadata["stream"] = "\(stream.name)"
        let keyType = state.withLock(\.keyType) ?? stream.keyType
        metadata["window"] = "\(window.isEmpty ? "-" : keyType.text(window))"
        if !partition.values.isEmpty {
            metadata["partition"] = "\(partition.label(columns: stream.partitions.columns))"
        }
        return metadata
    }

    private func show() {
        guard !isQuiet else { return }
        let line: String? = state.withLock { state in
            let now = ContinuousClock.now
            let pause: Duration = isLive ? .milliseconds(100) : .seconds(10)
            guard now - state.lastShown >= pause || state.done == state.planned && isLive else { return nil }
            state.lastShown = now
            let seconds = max((now - state.started) / .seconds(1), 0.001)
            let fraction = state.units == 0 ? 0 : Double(state.doneUnits) / Double(state.units)
            let left = fraction > 0 ? seconds / fraction - seconds : 0
            var parts = [
                stream.name, CoverageBar.plain(fraction: fraction, width: 24), Numbers.percent(fraction),
                "\(Numbers.grouped(state.done))/\(Numbers.grouped(state.planned)) batches",
                "\(Numbers.grouped(state.rows)) rows", "\(Numbers.grouped(Int(Double(state.rows) / seconds)))/s",
            ]
            if state.failed > 0 { parts.append("\(state.failed) failed") }
            if fraction > 0, fraction < 1 { parts.append("\(Numbers.time(seconds: left)) left") }
            return parts.joined(separator: "  ")
        }
        guard let line else { return }
        if isLive { Console.shared.status(line) } else { Console.shared.message(line) }
    }
}

extension Duration {
    var inSeconds: String {
        let seconds = self / .seconds(1)
        return seconds < 10 ? "\((seconds * 10).rounded() / 10) s" : "\(Int(seconds)) s"
    }
}
