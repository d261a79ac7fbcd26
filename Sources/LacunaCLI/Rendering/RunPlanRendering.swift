import Lacuna
import LacunaConfig
import LacunaSources

/// What `--dry-run` prints.
enum RunPlanRendering {
    private struct Document: Encodable {
        struct Batch: Encodable {
            let partition: [String: String]
            let first: String
            let last: String
            let units: UInt64
            let reason: String
        }

        let stream: String
        let batches: [Batch]
        let units: UInt64
        let waiting_units: UInt64
        /// Of sources that are asked over HTTP: at least so many, which take at least so long at the rate limit.
        let requests: Int?
        let seconds: Double?
        let notes: [String]
        let failures: [String]
    }

    static func show(
        _ runs: [(StreamConfiguration, RunOptions)], project: Project, format: RunFormat
    ) async throws {
        var documents: [Document] = []
        var failed = false
        for (stream, options) in runs {
            let plan: RunPlan
            do {
                plan = try await project.reconciler(stream).plan(options)
            } catch {
                Console.shared.error("\(stream.definition.name): \(error)")
                failed = true
                continue
            }
            failed = failed || !plan.failures.isEmpty
            switch format {
            case .text: show(plan, stream: stream, limit: options.maxBatches)
            case .json: documents.append(document(plan, stream: stream))
            }
        }
        if format == .json { Console.shared.output(try JSONText.encode(["plans": documents])) }
        Console.shared.flush()
        if failed { throw ExitStatus.failed }
    }

    /// A batch takes a request at least.
    private static func time(forBatches count: Int, of stream: StreamConfiguration) -> Duration? {
        guard case .http(let settings) = stream.source else { return nil }
        return settings.limits.time(forRequests: count)
    }

    private static func show(_ plan: RunPlan, stream configuration: StreamConfiguration, limit: Int?) {
        let stream = plan.survey.stream.definition
        let console = Console.shared
        for failure in plan.failures {
            console.error(
                "\(stream.name) \(failure.partition.label(columns: stream.partitions.columns)): \(failure.message)")
        }
        for note in plan.notes { console.message("\(stream.name): \(note)") }
        let batches = limit.map { Array(plan.batches.prefix($0)) } ?? plan.batches
        let units = batches.reduce(UInt64(0)) { $0 + $1.units.count }
        guard !batches.isEmpty else {
            console.output("\(stream.name): nothing to do")
            return
        }
        console.output(
            "\(stream.name): \(Numbers.count(batches.count, "batch", "batches")), \(Numbers.count(units, "unit"))")
        var table = TextTable([("", .left), ("", .left), ("", .right), ("", .left)])
        for batch in batches.prefix(20) {
            table.add([
                Console.printable(batch.partition.label(columns: stream.partitions.columns)),
                Console.printable(stream.keyType.text(batch.window)), Numbers.count(batch.units.count, "unit"),
                batch.reason == .gap ? "" : batch.reason.rawValue,
            ])
        }
        for line in table.lines(indent: "  ").dropFirst() { console.output(line) }
        if batches.count > 20 { console.output("  … and \(Numbers.grouped(batches.count - 20)) more") }
        if let time = time(forBatches: batches.count, of: configuration) {
            console.output(
                "  at least \(Numbers.count(batches.count, "request")), \(Numbers.time(seconds: time / .seconds(1))) at the "
                    + "rate limit")
        }
    }

    private static func document(_ plan: RunPlan, stream configuration: StreamConfiguration) -> Document {
        let stream = plan.survey.stream.definition
        let time = time(forBatches: plan.batches.count, of: configuration)
        return Document(
            stream: stream.name,
            batches: plan.batches.map { batch in
                Document.Batch(
                    partition: Dictionary(
                        uniqueKeysWithValues: zip(stream.partitions.columns, batch.partition.values)),
                    first: stream.keyType.text(batch.window.lowerBound),
                    last: stream.keyType.text(batch.window.upperBound - 1), units: batch.units.count,
                    reason: batch.reason.rawValue)
            },
            units: plan.batches.reduce(0) { $0 + $1.units.count },
            waiting_units: plan.waiting.values.reduce(0) { $0 + $1.count },
            requests: time == nil ? nil : plan.batches.count, seconds: time.map { $0 / .seconds(1) },
            notes: plan.notes, failures: plan.failures.map { Console.shared.masked($0.message) })
    }
}
