/// What an answer proves of the units that have no row: values in, values out.
///
/// That a unit has no row is a claim. It becomes evidence only if all of this holds:
///
/// 1. The source was asked for the unit, its answer came whole and spoke of the unit, and no record came for it.
/// 2. The unit lies between records, or before an end that is proven; else it was asked for once more (``EdgeDoubt``).
/// 3. The source had shown a newer record by then; or it answered with nothing twice, some time apart.
/// 4. The unit is over, older than `delay`, and not beyond what the source calls its newest.
/// 5. The source has given rows before.
///
/// A unit of which only the third is not known is *provisional*: neither a gap nor covered, until it is asked for again.
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
        /// The units that were provisional before.
        package var provisional: UnitSet
        /// Those of them that were answered with nothing long enough ago: once more proves them empty.
        package var confirmable: UnitSet
        /// The units that were declared wrong before the source was asked.
        package var refetch: UnitSet

        /// A window.
        package init(
            range: Range<Int64>, asked: UnitSet, missing: UnitSet, verified: UnitSet = UnitSet(),
            provisional: UnitSet = UnitSet(), confirmable: UnitSet = UnitSet(), refetch: UnitSet = UnitSet()
        ) {
            self.range = range
            self.asked = asked
            self.missing = missing
            self.verified = verified
            self.provisional = provisional
            self.confirmable = confirmable
            self.refetch = refetch
        }
    }

    /// What the source said.
    package struct Answer: Sendable, Hashable {
        /// The units that the answer says something about.
        package var spoken: UnitSet
        /// The units at its edges that a cap may have cut off, and that were not asked for again.
        package var doubtful: UnitSet
        /// The end (exclusive) of what the source has: of later units an answer says nothing.
        package var sourceEnd: Int64
        /// The end (exclusive) of the units that are over, and older than `delay`.
        package var dueEnd: Int64
        /// The units that records came for.
        package var records: UnitSet
        /// Whether only the table knows which units the records belong to: the hour that comes twice in autumn.
        package var rowsDecide: Bool
        /// The end (exclusive) of the units that a newer record was shown for; the largest number if that is not asked.
        package var shownEnd: Int64
        /// Whether the source has given rows before, or is believed without.
        package var isTrusted: Bool

        /// An answer.
        package init(
            spoken: UnitSet, doubtful: UnitSet = UnitSet(), sourceEnd: Int64 = .max, dueEnd: Int64 = .max,
            records: UnitSet = UnitSet(), rowsDecide: Bool = false, shownEnd: Int64 = .max, isTrusted: Bool = true
        ) {
            self.spoken = spoken
            self.doubtful = doubtful
            self.sourceEnd = sourceEnd
            self.dueEnd = dueEnd
            self.records = records
            self.rowsDecide = rowsDecide
            self.shownEnd = shownEnd
            self.isTrusted = isTrusted
        }
    }

    /// The units of the window that are verified empty from now on.
    package let empty: UnitSet
    /// The units of the window that are provisional from now on.
    package let provisional: UnitSet
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
        let known = answer.spoken.intersection(Int64.min..<answer.sourceEnd)
        unanswered = window.missing.intersection(due).intersection(window.asked)
        // A unit that records came for is not empty, even if a script of the user's wrote no row for it.
        let hasRecords = answer.rowsDecide ? UnitSet() : answer.records
        let claimed = unanswered.intersection(known).subtracting(hasRecords).subtracting(answer.doubtful)
        let shown = claimed.intersection(Int64.min..<answer.shownEnd)
        let proven = answer.isTrusted ? shown.union(claimed.intersection(window.confirmable)) : UnitSet()
        // Of units that were not asked for, or that the answer may have cut off, nothing new is known.
        let untouched = UnitSet(window.range).subtracting(window.asked).union(answer.doubtful).intersection(
            window.range)
        let kept = window.verified.intersection(untouched).intersection(window.missing)
        empty = proven.union(kept)
        provisional = claimed.union(window.provisional.intersection(untouched).intersection(window.missing))
            .subtracting(empty)
        // The source says nothing of units that it does not have yet, so their marks stay.
        reread = window.refetch.intersection(known.subtracting(answer.doubtful).union(answer.records))
        covered = UnitSet(window.range).subtracting(window.missing).union(empty)
        assert(empty.subtracting(kept).intersection(hasRecords).isEmpty, "a unit with records is not empty")
        assert(empty.subtracting(window.missing).isEmpty, "a unit with a row is not empty")
        assert(provisional.intersection(covered).isEmpty, "what is provisional is not covered")
    }
}
