import LacunaModel
import LacunaRecords

/// Turns a survey into the batches of a reconcile. It asks neither a database nor a clock.
struct RunPlanner: Sendable {
    let survey: Survey
    let options: RunOptions
    let earlier: [EarlierFailure]
    /// Whether keys without an ordinal of their own are planned: for showing, as nothing can be kept under the others.
    var plansTemporaryKeys = true
    /// The only units that are planned, by partition; nil: all.
    var only: [Partition: UnitSet]?

    private var definition: StreamDefinition { survey.stream.definition }

    func plan(failures: [BatchFailure], notes: [String], tips: [Partition: Int64]) -> RunPlan {
        var failures = failures
        var notes = notes
        var demands: [Planner.Demand] = []
        var waiting: [Partition: UnitSet] = [:]
        var bounds = options.bounds(definition.keyType.limits)
        if !definition.keyType.isOrdered, !plansTemporaryKeys {
            bounds = bounds.clamped(to: 0..<TextKeys.firstTemporary)
        }
        let waitingUnits = Dictionary(grouping: earlier.filter(\.isWaiting), by: \.partition)
            .mapValues { UnitSet($0.map(\.window)) }

        for coverage in survey.partitions {
            let partition = coverage.partition
            if coverage.isNew {
                guard hasEnd(coverage, tips) else { continue }
                guard definition.expect.from != nil || coverage.oldest != nil else {
                    let label = partition.label(columns: definition.partitions.columns)
                    failures.append(
                        BatchFailure(
                            partition: partition, window: 0..<0,
                            message: StreamError.noBeginning(stream: definition.name, partition: label).description))
                    continue
                }
            }
            if let only, only[partition]?.isEmpty ?? true { continue }
            let standing = PlannedBatch.Standing(coverage)
            let recent =
                only == nil
                ? lookback(coverage).union(coverage.ahead).intersection(bounds).subtracting(standing.accepted)
                : UnitSet()
            let reach = coverage.range.lowerBound..<(coverage.ahead.hull?.upperBound ?? coverage.range.upperBound)
            var gaps = coverage.gaps.intersection(bounds)
            if let only { gaps = gaps.intersection(only[partition] ?? UnitSet()) }
            let patient = gaps.union(recent).intersection(waitingUnits[partition] ?? UnitSet())
            if !patient.isEmpty { waiting[partition] = patient }
            var first = UnitSet()
            if coverage.isNew, definition.order == .oldest, let newest = gaps.subtracting(patient).hull {
                // With its newest unit there, what is missing before it are gaps, wherever the run is interrupted.
                first = UnitSet(newest.upperBound - 1..<newest.upperBound)
            }
            let flagged = (survey.flagged[partition] ?? UnitSet()).intersection(coverage.expected)
            var newest = Planner.Demand(
                partition: partition, units: first, reason: .gap, bounds: coverage.range, flagged: flagged,
                standing: standing)
            newest.comesFirst = true
            demands += [
                newest,
                Planner.Demand(
                    partition: partition, units: gaps.subtracting(recent).subtracting(patient).subtracting(first),
                    reason: .gap, bounds: coverage.range, flagged: flagged, standing: standing),
                Planner.Demand(
                    partition: partition, units: recent.subtracting(patient), reason: .lookback, bounds: reach,
                    flagged: flagged, standing: standing),
            ].filter { !$0.units.isEmpty }
        }
        let waitingCount = waiting.values.reduce(UInt64(0)) { $0.adding(saturating: $1.count) }
        if waitingCount > 0 {
            notes.append(
                "\(waitingCount) unit\(waitingCount == 1 ? "" : "s") failed in earlier runs and wait; --retry-now tries "
                    + "them at once")
        }
        let batches = Planner(definition).schedule(for: demands)
        if batches.unitCount < demands.reduce(UInt64(0), { $0.adding(saturating: $1.units.count) }) {
            notes.append("there is more to fetch than one plan holds; the next run goes on from here")
        }
        return RunPlan(
            survey: survey, batches: batches, waiting: waiting, failures: failures,
            notes: notes, tips: tips)
    }

    private func hasEnd(_ coverage: PartitionCoverage, _ tips: [Partition: Int64]) -> Bool {
        definition.expect.to != .tip || tips[coverage.partition] != nil
    }

    /// The expected units at most `lookback` behind the newest; behind what is due, if the stream looks ahead.
    func lookback(_ coverage: PartitionCoverage) -> UnitSet {
        guard let length = options.lookback ?? definition.lookback, !length.isZero, let latest = coverage.latest else {
            return UnitSet()
        }
        let end = min(coverage.range.upperBound, latest.adding(saturating: 1))
        let isAhead = definition.lookAheadEnd(now: survey.now) != nil
        let newest = isAhead ? definition.dueEnd(now: survey.now, newest: latest) : end
        let start = definition.keyType.ordinal(newest, minus: length)
        return start < end ? coverage.expected.intersection(start..<end) : UnitSet()
    }
}

extension RunPlan {
    /// Says in the report of a run what it begins with.
    func begin(_ report: inout RunReport) {
        report.planned = batches.count
        report.waiting = waiting.values.reduce(0) { $0.adding(saturating: $1.count) }
        report.failures = failures
        report.notes = notes
        if let deferral { report.deferRun(deferral) }
    }
}
