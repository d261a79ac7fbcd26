import LacunaModel
import LacunaRecords

/// The tips that a catchup goes up to.
struct CatchupTips: Sendable {
    private(set) var units: [Partition: Int64] = [:]
    /// Partitions whose tip could not be asked for. The others go on without them.
    private(set) var failures: [BatchFailure] = []
    /// Why the source is not asked for more.
    private(set) var deferral: String?

    /// Asks for the tip of every partition that has something: one after the other, or some at once if they are independent.
    ///
    /// - Parameter width: how many independent partitions are asked for at once.
    /// - Throws: `CancellationError`; what the source throws, unless the partitions are independent.
    init(
        of survey: Survey, _ fetcher: Fetcher, width: Int, _ onEvent: @escaping @Sendable (RunEvent) -> Void
    ) async throws {
        let definition = fetcher.stream.definition
        guard definition.expect.to == .tip, definition.keyType.isOrdered else { return }
        let partitions = survey.partitions.filter { !$0.isNew }.map(\.partition)
        guard survey.stream.atomicity == .partition else {
            for partition in partitions {
                if let tip = try await fetcher.tip(of: partition, onEvent) { units[partition] = tip }
            }
            return
        }
        await withTaskGroup(of: (Partition, Result<Int64?, any Error>).self) { group in
            var waiting = partitions.makeIterator()
            var count = 0
            while true {
                while count < width, deferral == nil, let partition = waiting.next() {
                    group.addTask {
                        do {
                            return (partition, .success(try await fetcher.tip(of: partition, onEvent)))
                        } catch {
                            return (partition, .failure(error))
                        }
                    }
                    count += 1
                }
                guard let (partition, answer) = await group.next() else { break }
                count -= 1
                note(answer, of: partition)
            }
        }
        try Task.checkCancellation()
        failures.sort { $0.partition < $1.partition }
    }

    private mutating func note(_ answer: Result<Int64?, any Error>, of partition: Partition) {
        switch answer {
        case .success(let tip): units[partition] = tip
        case .failure(let error as SourceError) where error.kind == .deferred: deferral = error.message
        case .failure(let error):
            failures.append(
                BatchFailure(
                    partition: partition, window: 0..<0, message: "the tip could not be asked for: \(error.message)"))
        }
    }
}
