/// How many requests a second a source takes that says no more of it than that they come too fast. Pure: it reads no clock.
///
/// What it took in its best second is believed once it has refused twice within a short time: a single refusal may have
/// another cause. After many answers the rate grows a little, so that a limit which was lifted is noticed.
struct LearnedRate: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The period that requests are counted in, and the wait after a refusal that names none.
    static let period = Duration.seconds(1)
    /// How long answers are remembered.
    private static let memory = Duration.seconds(10)
    /// Refusals further apart have different causes.
    private static let proximity = Duration.seconds(3)

    /// The most requests in any second; nil: nothing is known.
    private(set) var limit: Int?
    private var answers: [Instant] = []
    private var lastRefusal: Instant?
    /// The answers since the last refusal.
    private var streak = 0

    /// Notes an answer.
    ///
    /// - Returns: whether the limit has changed.
    mutating func answered(at now: Instant) -> Bool {
        answers.append(now)
        if answers.count >= 4096 { answers.removeFirst(2048) }
        streak += 1
        guard let limit, streak >= 20 * limit else { return false }
        streak = 0
        self.limit = limit + max(limit / 8, 1)
        return true
    }

    /// Notes a refusal.
    ///
    /// - Parameter isWaiting: whether the source is left alone already, so that this is one of several at once.
    /// - Returns: whether the limit has changed.
    mutating func refused(at now: Instant, isWaiting: Bool) -> Bool {
        streak = 0
        defer { lastRefusal = now }
        guard let lastRefusal, now - lastRefusal < LearnedRate.proximity else { return false }
        // Requests that were under way together are refused for one reason.
        if isWaiting, limit != nil { return false }
        let best = max(bestSecond(before: now), 1)
        limit = min(best, limit.map { max($0 * 3 / 4, 1) } ?? best)
        return true
    }

    /// The most answers in one period of late.
    private func bestSecond(before now: Instant) -> Int {
        let recent = answers.filter { now - $0 < LearnedRate.memory }
        var best = 0
        var first = 0
        for (index, answer) in recent.enumerated() {
            while answer - recent[first] >= LearnedRate.period { first += 1 }
            best = max(best, index - first + 1)
        }
        return best
    }
}
