import LacunaModel
import LacunaRecords

/// What a run would do, before it does it.
public struct RunPlan: Sendable {
    /// The snapshot that it was made from, with the tips that were asked for.
    public let survey: Survey
    /// The batches, in order.
    public let batches: BatchSchedule
    /// Units that are missing but wait, because their windows failed in earlier runs.
    public let waiting: [Partition: UnitSet]
    /// Partitions that nothing can be planned for, and why.
    public let failures: [BatchFailure]
    /// What else is worth saying.
    public let notes: [String]
    /// Why a partition's tip has to wait for a later run; nil where none has.
    public var deferral: String?
    /// The tips that were asked for.
    let tips: [Partition: Int64]
}
