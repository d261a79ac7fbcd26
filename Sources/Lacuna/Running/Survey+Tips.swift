import LacunaModel
import LacunaRecords

extension Survey {
    /// The same snapshot, with the source asked for the tip of each partition.
    ///
    /// - Throws: ``SourceError``.
    public func asking(_ source: any Source) async throws -> Survey {
        var tips: [Partition: Int64] = [:]
        // Ids have no newest one, so that none that the source names passes for it.
        let asked = definition.keyType.isOrdered ? stream : try stream.naming(.none)
        let fetcher = Fetcher(stream: asked, source: source)
        for coverage in partitions {
            if let tip = try await fetcher.tip(of: coverage.partition) { tips[coverage.partition] = tip }
        }
        return with(tips: tips)
    }
}
