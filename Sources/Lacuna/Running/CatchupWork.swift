import LacunaModel
import LacunaRecords
import Synchronization

/// What a catchup commits in one transaction: all of the stream, or one partition.
struct CatchupPart: Sendable {
    let demands: [Planner.Demand]
    let batches: [PlannedBatch]
    /// The batches' numbers in the run.
    let numbers: [Int64]
    /// What keeps the transactions of other catchups out.
    let lock: String
}

/// What a part of a catchup came to.
struct CaughtUp: Sendable {
    let result: CommittedBatch
    /// How many batches it was asked for in: more than were planned, if some were too large for the source.
    let batches: Int
    /// Records that came from the source.
    let fetched: Int
}

/// The batch that a catchup failed at, as the journal has it.
struct FailedBatch: Error {
    let failure: BatchFailure
    let number: Int64
    let attempts: Int
    let started: String
}

/// What the batches of a catchup share: how much the source gives at once, the numbers of the pieces they are cut into, and how
/// many are at work.
final class CatchupWork: Sendable {
    private struct State {
        var size = AskableSize()
        var lastNumber: Int64
    }

    /// How many parts are at work at once, at least one.
    let partsAtOnce: Int
    /// How many batches of a part are fetched at once, at least one.
    let batchesAtOnce: Int
    /// How many answers may be held at once, at least one.
    let heldCount: Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - parts: have numbered their batches without holes.
    ///   - width: how many batches may be fetched at once.
    init(_ parts: [CatchupPart], width: Int) {
        partsAtOnce = max(1, min(width, parts.count))
        batchesAtOnce = max(1, width / partsAtOnce)
        heldCount = max(1, partsAtOnce * (parts.map(\.batches.count).max() ?? 1))
        state = Mutex(State(lastNumber: parts.last?.numbers.last ?? 0))
    }

    func withSize<Value: Sendable>(_ body: (inout AskableSize) -> Value) -> Value {
        state.withLock { body(&$0.size) }
    }

    /// A number that no batch has.
    func number() -> Int64 {
        state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
    }
}

extension RunReport {
    /// Adds what a part of a catchup came to.
    mutating func add(_ part: CaughtUp) {
        if part.result.isChanged { committed += part.batches } else { unchanged += part.batches }
        fetched += part.fetched
        inserted += part.result.inserted
        updated += part.result.updated
        deleted += part.result.deleted
        emptied += part.result.emptied
        accepted += part.result.accepted
        settled += part.result.settled
    }
}
