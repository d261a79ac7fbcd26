import LacunaRecords

/// The turns of a shared limit that this process has taken, and those that it has used and not yet given back. Pure: it reads
/// no clock.
///
/// No clock is compared with another machine's. The book says in how long a turn is free, and this process counts from when
/// it has heard that, so that it rather starts late. A turn lapses here so long after the question was *sent*, and in the book
/// so long after the question *came*, so that nobody else has it before.
struct TurnsInHand {
    /// What there is to do for the next request.
    enum Next: Equatable {
        case now
        case at(ContinuousClock.Instant)
        /// There is no turn in hand: the book has to be asked.
        case ask
    }

    private struct Unused {
        let turn: TurnsTaken.Turn
        let readyAt: ContinuousClock.Instant
        let lapsesAt: ContinuousClock.Instant
    }

    private struct Used {
        let turn: TurnsTaken.Turn
        let isCold: Bool
        var reachedAt: ContinuousClock.Instant
        var isAnswered = false
        /// When others may take it although it was not given back.
        let freeAt: ContinuousClock.Instant
    }

    /// How long ahead turns are taken at least: long enough to be asked for without haste, and short enough because it is what
    /// a process that dies costs.
    private static let shortestLook: Duration = .milliseconds(300)
    private static let shortestLease: Duration = .milliseconds(200)
    private static let longest: Duration = .seconds(30)

    let limit: RateLimit
    private let name: String
    /// The turns that can be used, by when.
    private var unused: [Unused] = []
    /// By the number of the request.
    private var used: [Int: Used] = [:]
    /// How many requests were started since the book was asked.
    private var startsSinceAsked = 0
    /// How long ahead turns are taken, and how long after that they are this process's own.
    private var ahead = shortestLook
    private var lease = shortestLease

    /// No turns yet.
    ///
    /// - Parameter source: processes share the limits of sources that have the same name.
    init(_ limit: RateLimit, source: String) {
        self.limit = limit
        name = "\(source), per \(Wait.text(limit.period))"
    }

    private var hold: Duration { lease + limit.slack + limit.spacing }

    /// What there is to do for the next request. What has lapsed is no turn any more.
    func next(at now: ContinuousClock.Instant) -> Next {
        guard let first = unused.first(where: { $0.lapsesAt > max(now, $0.readyAt) }) else { return .ask }
        return first.readyAt <= now ? .now : .at(first.readyAt)
    }

    /// Uses a turn for the request with this number. ``next(at:)`` has said that there is one.
    mutating func start(_ number: Int, isCold: Bool, at now: ContinuousClock.Instant) {
        guard let index = unused.firstIndex(where: { $0.lapsesAt > now && $0.readyAt <= now }) else {
            preconditionFailure("a request was started without a turn")
        }
        let taken = unused.remove(at: index)
        startsSinceAsked += 1
        used[number] = Used(
            turn: taken.turn, isCold: isCold, reachedAt: now + limit.slack,
            freeAt: taken.lapsesAt + limit.slack + limit.spacing)
    }

    /// Notes that the answer to a request has begun.
    mutating func answer(_ number: Int, at now: ContinuousClock.Instant) {
        guard var turn = used[number] else { return }
        turn.reachedAt = turn.isCold ? now : min(now, turn.reachedAt)
        turn.isAnswered = true
        used[number] = turn
    }

    /// What to ask the book for. What is given back is forgotten.
    mutating func wish(at now: ContinuousClock.Instant) -> TurnWish {
        var returned = unused.map {
            ReturnedTurn(number: $0.turn.number, lease: $0.turn.lease, wait: max(.zero, $0.readyAt - now))
        }
        unused = []
        for (number, turn) in used where turn.isAnswered || !turn.isCold || turn.freeAt <= now {
            let wait = max(.zero, turn.reachedAt + limit.spacing - now)
            returned.append(ReturnedTurn(number: turn.turn.number, lease: turn.turn.lease, wait: wait))
            used[number] = nil
        }
        let wanted = 2 + 2 * startsSinceAsked
        startsSinceAsked = 0
        // So many become free while turns are looked ahead for; of a quota for a long time rather more at once.
        let soon = Double(limit.requests) * min(1, ahead / limit.period)
        return TurnWish(
            name: name, turns: limit.requests, returned: returned.sorted { $0.number < $1.number }, wanted: wanted,
            together: max(Int(soon.rounded(.up)), limit.requests / 50, 1), ahead: ahead, hold: hold)
    }

    /// Takes what the book gave.
    ///
    /// - Parameters:
    ///   - sent: when the book was asked.
    ///   - received: when the answer was there.
    mutating func take(
        _ taken: TurnsTaken, sent: ContinuousClock.Instant, received: ContinuousClock.Instant
    ) {
        let lapsesAt = sent + ahead + lease
        unused += taken.turns.map { Unused(turn: $0, readyAt: received + $0.wait, lapsesAt: lapsesAt) }
        unused.sort { $0.readyAt < $1.readyAt }
        // From a book that answers slowly a turn that lapsed as soon as ever would come too late.
        let slow = min((received - sent) * 2, TurnsInHand.longest)
        (ahead, lease) = (max(slow, TurnsInHand.shortestLook), max(slow, TurnsInHand.shortestLease))
    }

    /// How long to wait before the book is asked again if it had no turn: others may give turns back at any time.
    func pause(next: Duration?) -> Duration {
        let longest = max(TurnsInHand.shortestLook / 3, min(limit.period / 100, .seconds(5)))
        return min(max((next ?? longest) - ahead, .milliseconds(5)), longest)
    }

    /// Whether a limit is used up for so long that a run is rather deferred.
    func isExhausted(next: Duration?) -> Bool {
        guard limit.onExhausted == .defer, let next else { return false }
        return next > min(limit.period / 2, ahead + lease + .seconds(2))
    }
}
