import LacunaModel

/// How many units a source gives at once, as its refusals in this run have shown. Pure.
///
/// Between the largest size that worked and the smallest that was refused it searches by halves, one try at a time. It tries
/// a size only if that spares a part. After many answers in a row the refusal is believed less: what a source gives may
/// depend on how much there is in a window.
struct AskableSize: Sendable {
    /// The largest size that worked; 0: none is known to.
    private(set) var worked: UInt64 = 0
    /// The smallest size that was refused; nil: none was.
    private(set) var refused: UInt64?
    /// A size that is being tried and may be refused.
    private var tried: UInt64?
    /// The answers since the last refusal.
    private var answers = 0
    /// After so many answers larger sizes may be tried again.
    private var patience = 64
    /// Whether the refusal is believed less than it was.
    private var hasGrown = false

    /// How many parts of about equal size a request of so many units is to be cut into.
    func partCount(of units: UInt64) -> UInt64 {
        guard let refused, units > worked else { return 1 }
        if tried == nil {
            let middle = units.dividedUp(by: max((worked + refused) / 2, 1))
            // Parts of equal size may be as small as what worked already, and one part fewer not too large.
            for count in [middle, middle - 1] where count > 0 {
                let size = units.dividedUp(by: count)
                if size > worked, size < refused { return count }
            }
        }
        return units.dividedUp(by: worked > 0 ? worked : max(refused / 2, 1))
    }

    /// Notes that so many units are asked for.
    mutating func ask(_ units: UInt64) {
        if refused != nil, units > worked { tried = units }
    }

    /// Notes that a request of so many units was answered.
    mutating func answer(_ units: UInt64) {
        forget(units)
        guard let limit = refused else { return }
        worked = max(worked, units)
        answers += 1
        if units >= limit {
            refused = worked.grown
        } else if answers >= patience {
            answers = 0
            hasGrown = true
            refused = limit.grown
        }
    }

    /// Notes that a request was refused because it was for so many units.
    mutating func refuse(_ units: UInt64) {
        forget(units)
        refused = min(refused ?? .max, units)
        // What worked before held less.
        if worked >= units { worked = 0 }
        answers = 0
        if hasGrown { patience = min(patience * 2, 4096) }
        hasGrown = false
    }

    /// Notes that a request of so many units came to nothing that says something of its size.
    mutating func forget(_ units: UInt64) {
        if tried == units { tried = nil }
    }
}

extension AskableSize {
    /// Notes that a batch is asked for next, or its first part if it is too large.
    ///
    /// - Returns: what is asked for, and what is left.
    mutating func cut(_ batch: PlannedBatch) -> (part: PlannedBatch, rest: PlannedBatch?) {
        let count = partCount(of: batch.askedCount)
        guard count > 1, let parts = batch.split(after: batch.units.count.dividedUp(by: count)) else {
            ask(batch.askedCount)
            return (batch, nil)
        }
        ask(parts.first.askedCount)
        return (parts.first, parts.rest)
    }

    /// Notes that a batch was refused because it is too large.
    ///
    /// - Returns: what is to be cut; nil if it cannot be.
    mutating func refuse(_ batch: PlannedBatch) -> PlannedBatch? {
        guard batch.units.count > 1 || batch.request != batch.window else {
            forget(batch.askedCount)
            return nil
        }
        refuse(batch.askedCount)
        // What `overlap` adds would be asked for with each part, however small.
        return batch.withoutOverlap()
    }
}

/// What is left of batches that were cut.
struct BatchRest: Sendable {
    private var batches: [PlannedBatch]

    init(_ batches: [PlannedBatch] = []) {
        self.batches = batches
    }

    var isEmpty: Bool { batches.isEmpty }

    /// Takes what was left last.
    mutating func take() -> PlannedBatch? { batches.popLast() }

    /// Keeps what is left of a batch.
    mutating func keep(_ batch: PlannedBatch?) {
        if let batch { batches.append(batch) }
    }

    /// Keeps a part that was refused: together with the rest of its batch it is cut into fewer parts than by itself.
    mutating func putBack(_ batch: PlannedBatch) {
        for index in batches.indices {
            guard let whole = batches[index].joined(with: batch) else { continue }
            batches[index] = whole
            return
        }
        batches.append(batch)
    }
}

extension UInt64 {
    fileprivate func dividedUp(by divisor: UInt64) -> UInt64 {
        self / divisor + (isMultiple(of: divisor) ? 0 : 1)
    }

    /// Half as much again, and at least one more; nil: more than a window can hold.
    fileprivate var grown: UInt64? {
        self > UInt64(Int64.max) ? nil : self + Swift.max(self / 2, 1)
    }
}
