extension PartitionCoverage {
    /// The evidence of this look with the gaps that a later look does not have set aside: one look may have seen a commit half.
    ///
    /// What the later look alone calls missing is no gap either: nobody knows of it yet.
    ///
    /// - Parameter later: the gaps of the later look.
    package func evidence(confirmedBy later: UnitSet) -> PartitionEvidence {
        var evidence = evidence
        evidence.unconfirmed = evidence.unconfirmed.union(gaps.subtracting(later))
        return evidence
    }
}
