import Lacuna
import LacunaConfig
import LacunaSources

/// What `--dry-run` prints.
enum RunPlanRendering {
    static func show(
        _ runs: [(StreamConfiguration, RunOptions)], project: Project, format: RunFormat
    ) async throws {
        var documents: [JSONOutput] = []
        var failed = false
        for (stream, options) in runs {
            let plan: RunPlan
            do {
                plan = try await project.reconciler(stream).plan(options)
            } catch {
                Console.shared.error(Console.shared.line("\(stream.definition.name): \(error)"))
                failed = true
                continue
            }
            failed = failed || !plan.failures.isEmpty
            switch format {
            case .text: show(plan, stream: stream, limit: options.maxBatches)
            case .json: documents.append(document(plan, stream: stream))
            }
        }
        if format == .json { Console.shared.data(.object([("plans", .list(documents) { $0 })])) }
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
            let label = failure.partition.label(columns: stream.partitions.columns)
            console.error(console.line("\(stream.name) \(label): \(failure.message)"))
        }
        for note in plan.notes { console.message(console.line("\(stream.name): \(note)")) }
        let batches = plan.batches.prefix(limit ?? .max)
        let count = min(plan.batches.count, limit ?? .max)
        let units = batches.reduce(UInt64(0)) { $0.adding(saturating: $1.units.count) }
        guard count > 0 else {
            console.output("\(stream.name): nothing to do")
            return
        }
        console.output(
            "\(stream.name): \(Numbers.count(count, "batch", "batches")), \(Numbers.count(units, "unit"))")
        let rows = batches.prefix(20).map { batch in
            [
                Console.printable(batch.partition.label(columns: stream.partitions.columns)),
                Console.printable(stream.keyType.text(batch.window)), Numbers.count(batch.units.count, "unit"),
                batch.reason == .gap ? "" : batch.reason.rawValue,
            ]
        }
        TextTable([("", .left), ("", .left), ("", .right), ("", .left)], rows).write(indent: "  ") {
            console.output($0)
        }
        if count > 20 { console.output("  … and \(Numbers.grouped(count - 20)) more") }
        if let time = time(forBatches: count, of: configuration) {
            console.output(
                "  at least \(Numbers.count(count, "request")), \(Numbers.time(seconds: time / .seconds(1))) at the "
                    + "rate limit")
        }
    }

    /// The form that JSON is written in. Field names are stable.
    private static func document(_ plan: RunPlan, stream configuration: StreamConfiguration) -> JSONOutput {
        let stream = plan.survey.stream.definition
        // Of sources that are asked over HTTP: at least so many requests, which take at least so long at the rate limit.
        let time = time(forBatches: plan.batches.count, of: configuration)
        return .object([
            ("stream", .text(stream.name)),
            (
                "batches",
                .list(plan.batches) { batch in
                    .line([
                        ("partition", partition(batch, stream)),
                        ("first", .text(stream.keyType.text(batch.window.lowerBound))),
                        ("last", .text(stream.keyType.text(batch.window.upperBound - 1))),
                        ("units", .number(batch.units.count)), ("reason", .text(batch.reason.rawValue)),
                    ])
                }
            ),
            ("units", .number(plan.batches.reduce(UInt64(0)) { $0.adding(saturating: $1.units.count) })),
            ("waiting_units", .number(plan.waiting.values.reduce(UInt64(0)) { $0.adding(saturating: $1.count) })),
            ("requests", time == nil ? nil : .number(plan.batches.count)),
            ("seconds", time.map { .number($0 / .seconds(1)) }),
            ("notes", .list(plan.notes) { .text(Console.shared.masked($0)) }),
            ("failures", .list(plan.failures) { .text(Console.shared.masked($0.message)) }),
        ])
    }

    private static func partition(_ batch: PlannedBatch, _ stream: StreamDefinition) -> JSONOutput {
        .line(zip(stream.partitions.columns, batch.partition.values).map { ($0, .text($1)) })
    }
}
