/// Where an answer takes rows away, if what the source no longer has is to go: values in, values out.
///
/// A row without a record goes only if its unit is one of these:
///
/// 1. A unit with records, of which the answer is whole: it was asked for, the answer spoke of it, nothing may have cut it off
///    or through it, and it is not beyond what the source calls its newest.
/// 2. A unit without records that the answer proves empty, as ``Attestation`` decides it.
///
/// Units of a window that `overlap` widened lie outside of the window, and lose nothing.
package struct Replacement: Sendable, Hashable {
    /// The units whose rows go if the answer lacks them.
    package let units: UnitSet
    /// Those of ``units`` that have no record: all of their rows go.
    package let empty: UnitSet
    /// Those of ``empty`` that were answered with nothing before, long enough ago.
    package let confirmed: UnitSet
    /// The units that were answered with nothing, of which that is not proven yet: their rows stay.
    package let waiting: UnitSet

    /// Decides what an answer may take away.
    ///
    /// - Parameters:
    ///   - window: the window before the load.
    ///   - answer: what the source said.
    ///   - cut: the units that a limit of the source's may have cut through.
    package init(_ window: Attestation.Window, _ answer: Attestation.Answer, cut: UnitSet) {
        // As if all that the answer has no record for had gone.
        var bare = window
        bare.missing = UnitSet(window.range).subtracting(answer.records)
        var records = answer
        records.rowsDecide = false
        let proven = Attestation(bare, records)
        let spoken = window.asked.intersection(window.range).intersection(answer.spoken)
            .intersection(Int64.min..<answer.sourceEnd).subtracting(answer.doubtful)
        empty = proven.empty.intersection(spoken).subtracting(cut)
        confirmed = empty.intersection(window.confirmable)
        units = spoken.intersection(answer.records).subtracting(cut).union(empty)
        waiting = proven.provisional.intersection(spoken)
        assert(units.subtracting(window.range).isEmpty, "a batch takes rows out of its window only")
        assert(units.intersection(cut.union(answer.doubtful)).isEmpty, "what may be cut loses no rows")
        assert(empty.intersection(answer.records).isEmpty, "a unit with records is not empty")
    }
}
