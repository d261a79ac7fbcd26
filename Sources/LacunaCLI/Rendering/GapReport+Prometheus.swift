import Lacuna

/// The report as Prometheus reads it, for its textfile collector: the text exposition format, version 0.0.4
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
enum GapMetrics {
    private struct Metric: Sendable {
        let name: String
        let help: String
        /// Nil if the partition has no such figure.
        let value: @Sendable (GapReport, PartitionCoverage) -> UInt64?
    }

    private static let metrics = [
        Metric(name: "lacuna_expected_units", help: "Units that should be there.") { $1.expected.count },
        Metric(
            name: "lacuna_covered_units",
            help: "Expected units that are complete, settled, verified empty or accepted, and not marked."
        ) {
            $1.coveredCount
        },
        Metric(name: "lacuna_missing_units", help: "Expected units that are missing, thin or marked.") {
            $1.gaps.count
        },
        Metric(name: "lacuna_thin_units", help: "Missing units that have rows, but not all of them.") { $1.thin.count },
        Metric(name: "lacuna_settled_units", help: "Units without all their rows, of which the source has no more.") {
            $1.settled.count
        },
        Metric(name: "lacuna_gaps", help: "Ranges of missing units.") { UInt64($0.gaps(of: $1).count) },
        Metric(name: "lacuna_oldest_gap_age_seconds", help: "For how long the oldest gap is known.") {
            report, coverage in
            let gaps = report.explained?.partitions[coverage.partition] ?? []
            return gaps.compactMap(\.firstSeen).min().map { UInt64(max(0, report.survey.now - $0 / 1_000_000)) }
        },
        Metric(name: "lacuna_verified_empty_units", help: "Units that the source has no rows for.") {
            $1.verified.count
        },
        Metric(
            name: "lacuna_provisional_units",
            help: "Units that were answered with nothing and wait for a newer record or another look."
        ) {
            $1.provisional.count
        },
        Metric(name: "lacuna_accepted_units", help: "Units that were declared missing for good.") {
            $1.accepted.count
        },
        Metric(name: "lacuna_refetch_units", help: "Units that are to be fetched again.") { $1.refetch.count },
        Metric(
            name: "lacuna_contiguous_units",
            help: "Length of the longest run without a gap that ends at the newest unit."
        ) {
            $0.isOrdered ? $1.contiguous?.unitCount ?? 0 : nil
        },
        Metric(name: "lacuna_behind_tip_units", help: "Units between the newest one and the source's tip.") {
            $1.tail?.count
        },
    ]

    /// Writes each metric with its help, its type and a sample a partition.
    ///
    /// - Parameter put: takes each line; there may be millions.
    static func write(_ reports: [GapReport], _ put: (String) -> Void) {
        for metric in metrics {
            var isFirst = true
            for report in reports {
                for coverage in report.partitions {
                    guard let value = metric.value(report, coverage) else { continue }
                    if isFirst {
                        put("# HELP \(metric.name) \(metric.help)")
                        put("# TYPE \(metric.name) gauge")
                        isFirst = false
                    }
                    put("\(metric.name){\(labels(report, coverage))} \(value)")
                }
            }
        }
    }

    /// Writes how many units are missing for each cause that is known.
    static func writeCauses(_ reports: [GapReport], _ put: (String) -> Void) {
        let name = "lacuna_missing_units_by_cause"
        var isFirst = true
        for report in reports {
            for coverage in report.partitions {
                let gaps = report.explained?.partitions[coverage.partition] ?? []
                let counts = Dictionary(grouping: gaps, by: \.cause.kind).mapValues { gaps in
                    gaps.reduce(UInt64(0)) { $0.adding(saturating: $1.range.unitCount) }
                }
                for kind in GapCause.Kind.allCases {
                    guard let count = counts[kind] else { continue }
                    if isFirst {
                        put("# HELP \(name) Missing units by what is known of the cause.")
                        put("# TYPE \(name) gauge")
                        isFirst = false
                    }
                    put("\(name){\(labels(report, coverage)),cause=\"\(kind.rawValue)\"} \(count)")
                }
            }
        }
    }

    private static let states = ["done", "failed", "incomplete", "deferred", "unknown"]

    /// Writes how the last runs went, for each stream and kind of run.
    static func write(_ runs: [(stream: String, runs: [LastRun])], _ put: (String) -> Void) {
        let samples = runs.flatMap { stream, runs in
            runs.map { (labels: "stream=\"\(escape(stream))\",mode=\"\($0.mode)\"", run: $0) }
        }
        func metric(_ name: String, _ help: String, _ lines: [String]) {
            guard !lines.isEmpty else { return }
            put("# HELP \(name) \(help)")
            put("# TYPE \(name) gauge")
            for line in lines { put("\(name){\(line)") }
        }
        metric(
            "lacuna_last_success_timestamp_seconds", "When a run last ended well, in seconds since 1970.",
            samples.compactMap { sample in sample.run.succeededEpoch.map { "\(sample.labels)} \($0)" } })
        metric(
            "lacuna_last_run_state", "1 for the state that the last run ended in.",
            samples.flatMap { sample in
                states.map { "\(sample.labels),state=\"\($0)\"} \(sample.run.state == $0 ? 1 : 0)" }
            })
        metric(
            "lacuna_last_run_duration_seconds", "How long the last run took.",
            samples.map { "\($0.labels)} \($0.run.seconds)" })
    }

    private static func labels(_ report: GapReport, _ coverage: PartitionCoverage) -> String {
        let partition = coverage.partition.label(columns: report.columns)
        var labels = "stream=\"\(escape(report.definition.name))\",partition=\"\(escape(partition))\""
        for (name, value) in zip(labelNames(report.columns), coverage.partition.values) {
            labels += ",\(name)=\"\(escape(value))\""
        }
        return labels
    }

    /// The labels of partition columns: their names with an underscore for whatever a label cannot hold. One that Lacuna or
    /// Prometheus uses itself, or that two columns would share, is told apart.
    static func labelNames(_ columns: [String]) -> [String] {
        var names: [String] = []
        for column in columns {
            var name = String(
                String.UnicodeScalarView(
                    column.unicodeScalars.map {
                        $0.isASCII && ($0.properties.isAlphabetic || "0"..."9" ~= $0) ? $0 : "_"
                    }))
            let isTaken = ["stream", "partition", "instance", "job"].contains(name) || name.hasPrefix("__")
            if isTaken || name.isEmpty || "0"..."9" ~= (name.unicodeScalars.first ?? "0") { name = "partition_" + name }
            let plain = name
            var number = 2
            while names.contains(name) {
                name = "\(plain)_\(number)"
                number += 1
            }
            names.append(name)
        }
        return names
    }

    /// A label's value between its quotes.
    private static func escape(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
