import LacunaModel
import LacunaRecords
import Postgres

/// Limits and choices of one verification.
package struct VerificationOptions: Sendable {
    /// Partitions, bounds, time limit, workers and whom to tell, as of any run.
    package var run: RunOptions
    /// The share of the windows that are looked at, above 0 and at most 1; nil: all.
    package var share: Double?
    /// Whether the windows with the oldest proof are looked at, and not some that chance chooses.
    package var oldestFirst = false
    /// How strong the proof is to be; nil: the best that costs little.
    package var proof: VerificationProof?
    /// Whether units that differ are marked, so that the next reconcile fetches them again.
    package var marks = false

    /// Options with the defaults above.
    package init(run: RunOptions = RunOptions()) {
        self.run = run
    }
}

/// What a verification would look at.
package struct VerificationOutlook: Sendable {
    /// The windows.
    package let plan: VerificationPlan
    /// How they are held against the source.
    package let proof: VerificationProof
    /// How many windows there are in all.
    package let windowCount: Int
}

/// What a verification found.
package struct VerificationReport: Sendable {
    /// How the run went: its windows as batches, and its failures.
    package var run: RunReport
    /// How windows were held against the source.
    package var proof: VerificationProof = .rows
    /// How many units were held against the source.
    package var unitCount: UInt64 = 0
    /// What differs, by partition and unit.
    package var differences: [RangeDifference] = []
    /// The units of which rows may be missing at the source, but no answer proved it.
    package var unprovenCount: UInt64 = 0
    /// The units that differed at the first look and were equal at the second.
    package var movedCount: UInt64 = 0
    /// The units that were marked; nil if none were to be.
    package var markedCount: UInt64?

    /// The units that differ, or whose windows do.
    package var differingCount: UInt64 {
        differences.reduce(0) { $0.adding(saturating: $1.range.unitCount) }
    }
}

/// What the workers of one verification share and nobody changes.
struct VerificationContext: Sendable {
    let stream: ResolvedStream
    /// What proves that rows are missing at the source: as if the stream replaced rows.
    let run: RunContext
    let source: any Source
    let survey: Survey
    let proof: VerificationProof
    let userSearchPath: String
    /// When the run began, by the server's clock, seconds since the epoch.
    let started: Int64

    var definition: StreamDefinition { stream.definition }
    var options: RunOptions { run.options }
    /// The source, if it is a database whose query gives all rows.
    var queried: (any QueriedSource)? { VerificationContext.queried(source) }
    /// The source, if it can count.
    var counting: (any CountingSource)? { VerificationContext.counting(source) }

    static func queried(_ source: any Source) -> (any QueriedSource)? {
        (source as? any QueriedSource).flatMap { $0.givesAllRows ? $0 : nil }
    }

    static func counting(_ source: any Source) -> (any CountingSource)? {
        (source as? any CountingSource).flatMap { $0.canCount ? $0 : nil }
    }

    /// A window as a batch that asks for all of it.
    func batch(_ range: Range<Int64>, of coverage: PartitionCoverage) -> PlannedBatch {
        PlannedBatch(
            partition: coverage.partition, window: range, request: range, reason: .gap,
            expected: coverage.expected.intersection(range), standing: PlannedBatch.Standing(coverage))
    }
}

/// What is asked for at once: a window, or neighbouring windows that one question to a database covers.
struct VerificationItem: Sendable {
    let partition: Partition
    let windows: [Range<Int64>]

    /// The most windows of one question.
    static let windowLimit = 64

    /// The items of a plan.
    ///
    /// - Parameter joins: whether neighbouring windows are asked for at once.
    static func items(of plan: VerificationPlan, joins: Bool) -> [VerificationItem] {
        var items: [VerificationItem] = []
        for window in plan.windows {
            if joins, let last = items.last, last.partition == window.partition, last.windows.count < windowLimit,
                last.windows.last?.upperBound == window.range.lowerBound
            {
                items[items.count - 1] = VerificationItem(
                    partition: window.partition, windows: last.windows + [window.range])
            } else {
                items.append(VerificationItem(partition: window.partition, windows: [window.range]))
            }
        }
        return items
    }

    /// The parts that are tried if this failed; nil if it cannot be less.
    var parts: [VerificationItem]? {
        if windows.count > 1 { return windows.map { VerificationItem(partition: partition, windows: [$0]) } }
        guard let window = windows.first, window.unitCount > 1 else { return nil }
        let middle = window.lowerBound &+ Int64(window.unitCount / 2)
        return [window.lowerBound..<middle, middle..<window.upperBound].map {
            VerificationItem(partition: partition, windows: [$0])
        }
    }
}

/// What was found out about one window.
struct WindowVerdict: Sendable {
    let range: Range<Int64>
    let proof: VerificationProof
    var differences: [RangeDifference] = []
    var unproven = UnitSet()
    var movedCount: UInt64 = 0
}
