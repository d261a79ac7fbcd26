import LacunaModel
import LacunaRecords

extension Survey {
    /// Whether gaps of this survey are no more than suspicions: rows are on other nodes, and a query over them has no single
    /// snapshot.
    var needsSecondLook: Bool {
        stream.table.spread.isRemote && partitions.contains { !$0.gaps.isEmpty }
    }

    /// This survey with the gaps that a later one has too.
    ///
    /// - Parameters:
    ///   - later: a look that began when all transactions had ended that this one could have seen half.
    ///   - endsAtBound: as in ``PartitionCoverage``.
    func confirmingGaps(by later: Survey, endsAtBound: Bool) -> Survey {
        let others = Dictionary(later.partitions.map { ($0.partition, $0) }) { first, _ in first }
        let partitions = partitions.map { coverage in
            guard !coverage.gaps.isEmpty else { return coverage }
            let found = others[coverage.partition].map { gaps(of: $0, in: later) } ?? UnitSet()
            return PartitionCoverage(
                coverage.evidence(confirmedBy: found), of: definition, now: now, endsAtBound: endsAtBound)
        }
        var survey = Survey(stream: stream, now: now, partitions: partitions, flagged: flagged, scan: later.scan)
        survey.leavesRows = leavesRows
        return survey
    }

    /// The gaps of a partition in a later survey, by this survey's ordinals: those of ids that nobody has registered are each
    /// look's own.
    private func gaps(of coverage: PartitionCoverage, in later: Survey) -> UnitSet {
        guard case .text(let own) = definition.keyType, case .text(let others) = later.definition.keyType else {
            return coverage.gaps
        }
        return coverage.gaps.ranges.joined().reduce(into: UnitSet()) { gaps, unit in
            guard let name = others.name(of: unit), let unit = own.ordinal(of: name) else { return }
            gaps.insert(unit..<unit + 1)
        }
    }
}
