import LacunaModel
import LacunaRecords

/// What a run would do, before it does it.
package struct RunPlan: Sendable {
    /// The snapshot that it was made from, with the tips that were asked for.
    package let survey: Survey
    /// The batches, in order.
    package let batches: BatchSchedule
    /// Units that are missing but wait, because their windows failed in earlier runs.
    package let waiting: [Partition: UnitSet]
    /// Partitions that nothing can be planned for, and why.
    package let failures: [BatchFailure]
    /// What else is worth saying.
    package let notes: [String]
    /// Why a partition's tip has to wait for a later run; nil if none has.
    package var deferral: String?
    /// The tips that were asked for.
    let tips: [Partition: Int64]
}
