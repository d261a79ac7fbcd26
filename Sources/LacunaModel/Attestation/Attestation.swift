/// What an answer proves of the units that have no row: values in, values out.
///
/// That a unit has no row is a claim. It becomes evidence only if the source was asked for the unit, its answer spoke of it, the
/// unit is over, and no record came for it.
package struct Attestation: Sendable, Hashable {
    /// The window of a batch after its load.
    package struct Window: Sendable, Hashable {
        /// The units of the window.
        package var range: Range<Int64>
        /// The units that the source was asked for.
        package var asked: UnitSet
        /// The units that have no row now.
        package var missing: UnitSet
        /// The units that were verified empty before.
        package var verified: UnitSet
        /// The units that were declared wrong before the source was asked.
        package var refetch: UnitSet

        /// A window.
        package init(
            range: Range<Int64>, asked: UnitSet, missing: UnitSet, verified: UnitSet = UnitSet(),
            refetch: UnitSet = UnitSet()
        ) {
            self.range = range
            self.asked = asked
            self.missing = missing
            self.verified = verified
            self.refetch = refetch
        }
    }

    /// What the source said.
    package struct Answer: Sendable, Hashable {
        /// The units that the answer says something about.
        package var spoken: Range<Int64>
        /// The end (exclusive) of what the source has: of later units an answer says nothing.
        package var sourceEnd: Int64
        /// The end (exclusive) of the units that are over, and older than `delay`.
        package var dueEnd: Int64
        /// The units that records came for.
        package var records: UnitSet
        /// Whether only the table knows which units the records belong to: the hour that comes twice in autumn.
        package var rowsDecide: Bool

        /// An answer.
        package init(
            spoken: Range<Int64>, sourceEnd: Int64 = .max, dueEnd: Int64 = .max, records: UnitSet = UnitSet(),
            rowsDecide: Bool = false
        ) {
            self.spoken = spoken
            self.sourceEnd = sourceEnd
            self.dueEnd = dueEnd
            self.records = records
            self.rowsDecide = rowsDecide
        }
    }

    /// The units of the window that are verified empty from now on.
    package let empty: UnitSet
    /// The units whose marks are done with: the source has them, or sent records for them.
    package let reread: UnitSet
    /// The units that have rows or are verified empty: as far as they reach, the extents may.
    package let covered: UnitSet
    /// The units that are due, were asked for and have no row: with `empty: error` there may be none.
    package let unanswered: UnitSet

    /// Decides what the answer proves.
    package init(_ window: Window, _ answer: Answer) {
        assert(!window.range.isEmpty, "a batch has a window")
        let due = window.range.clamped(to: Int64.min..<max(answer.dueEnd, window.range.lowerBound))
        let known = UnitSet(answer.spoken.clamped(to: Int64.min..<answer.sourceEnd))
        unanswered = window.missing.intersection(due).intersection(window.asked)
        // A unit that records came for is not empty, even if a script of the user's wrote no row for it.
        let hasRecords = answer.rowsDecide ? UnitSet() : answer.records
        // Units that were not asked for stay as they were.
        let kept = window.verified.subtracting(window.asked)
        empty = unanswered.intersection(known).subtracting(hasRecords).union(kept)
        // The source says nothing of units that it does not have yet, so their marks stay.
        reread = window.refetch.intersection(known.union(answer.records))
        covered = UnitSet(window.range).subtracting(window.missing).union(empty)
        assert(empty.subtracting(kept).intersection(hasRecords).isEmpty, "a unit with records is not empty")
        assert(empty.subtracting(kept).subtracting(window.missing).isEmpty, "a unit with a row is not empty")
    }
}
