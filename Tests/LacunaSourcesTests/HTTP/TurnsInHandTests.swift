import LacunaModel
import LacunaRecords
import TestSupport
import Testing

@testable import LacunaSources

/// Processes that share a limit, against a book that works as the database does. Everything is counted; no clock is read.
@Suite("Turns that processes share")
struct TurnsInHandTests {
    /// The book: what sql/statements/take_turns.sql and return_turns.sql do, at an instant.
    private struct Book {
        var freeAt: [ContinuousClock.Instant]
        var leases: [Int]
        var takers: [Int]
        var count = 0
        var seen: [Int: (at: ContinuousClock.Instant, isWaiting: Bool)] = [:]

        init(_ turns: Int, at start: ContinuousClock.Instant) {
            freeAt = Array(repeating: start - .seconds(10_000), count: turns)
            leases = Array(repeating: 0, count: turns)
            takers = Array(repeating: -1, count: turns)
        }

        mutating func exchange(_ wish: TurnWish, by taker: Int, at now: ContinuousClock.Instant) -> TurnsTaken {
            for turn in wish.returned where String(leases[turn.number - 1]) == turn.lease {
                freeAt[turn.number - 1] = now + turn.wait
            }
            let others = seen.filter { $0.key != taker && $0.value.at > now - .milliseconds(500) }.values
            let active = others.count + 1
            var share = min(wish.wanted, (wish.together + active - 1) / active)
            if others.contains(where: \.isWaiting) {
                let mine = freeAt.indices.count { takers[$0] == taker && freeAt[$0] > now }
                share = min(share, max((wish.turns + active - 1) / active - mine, 0))
            }
            let free = freeAt.indices.filter { freeAt[$0] <= now + wish.ahead }.sorted { freeAt[$0] < freeAt[$1] }
            var turns: [TurnsTaken.Turn] = []
            for index in free.prefix(share) {
                count += 1
                leases[index] = count
                turns.append(.init(number: index + 1, lease: String(count), wait: max(.zero, freeAt[index] - now)))
                freeAt[index] = now + wish.ahead + wish.hold
                takers[index] = taker
            }
            seen[taker] = (now, turns.isEmpty)
            let taken = Set(turns.map { $0.number - 1 })
            let next = freeAt.indices.filter { !taken.contains($0) }.map { freeAt[$0] }.min()
            return TurnsTaken(turns: turns, next: next.map { max(.zero, $0 - now) })
        }
    }

    /// A process: what it has in hand, and when it does something next.
    private struct Member {
        var hand: TurnsInHand
        var wakes: ContinuousClock.Instant
        /// The answer of the book that is on its way.
        var answer: (TurnsTaken, sent: ContinuousClock.Instant, received: ContinuousClock.Instant)?
        /// When the answers of requests begin.
        var replies: [(number: Int, at: ContinuousClock.Instant)] = []
        var count = 0
    }

    /// How a trial goes.
    struct Course: Sendable, CustomTestStringConvertible {
        var requests: Int
        var period: Duration
        var members: Int
        /// How long the book takes to answer, at most.
        var latency: Duration
        /// How long the source takes to answer, at most.
        var reply: Duration
        /// After how long one of the processes dies and another takes its place; nil: never.
        var death: Duration?
        var use: Double

        var testDescription: String {
            "\(requests) per \(period), \(members) processes, book \(latency), source \(reply), death \(death as Any)"
        }
    }

    static let courses = [
        Course(
            requests: 20, period: .seconds(1), members: 1, latency: .milliseconds(2), reply: .milliseconds(5), use: 0.97
        ),
        Course(
            requests: 20, period: .seconds(1), members: 3, latency: .milliseconds(2), reply: .milliseconds(5), use: 0.97
        ),
        Course(
            requests: 20, period: .seconds(1), members: 3, latency: .milliseconds(2), reply: .milliseconds(5),
            death: .seconds(20), use: 0.97),
        Course(
            requests: 1, period: .seconds(1), members: 4, latency: .milliseconds(3), reply: .milliseconds(9), use: 0.97),
        Course(
            requests: 100, period: .seconds(1), members: 5, latency: .milliseconds(2), reply: .milliseconds(2),
            use: 0.97),
        Course(
            requests: 10, period: .milliseconds(100), members: 3, latency: .milliseconds(1), reply: .milliseconds(1),
            use: 0.9),
        Course(
            requests: 30, period: .seconds(60), members: 3, latency: .milliseconds(5), reply: .milliseconds(200),
            use: 0.97),
        // A database that answers after seconds costs speed, and breaks nothing.
        Course(requests: 20, period: .seconds(1), members: 3, latency: .seconds(2), reply: .seconds(1), use: 0.2),
        Course(
            requests: 20, period: .seconds(1), members: 6, latency: .milliseconds(80), reply: .milliseconds(900),
            death: .seconds(3), use: 0.5),
    ]

    @Test("never let more through than the limit, whoever dies, and use it", arguments: courses)
    func shared(course: Course) {
        var generator = SeededGenerator("shared turns, \(course.testDescription)")
        func random(upTo most: Duration) -> Duration { most * Double.random(in: 0...1, using: &generator) }
        let start = ContinuousClock.now
        let end = start + course.period * 30
        let limit = RateLimit(requests: course.requests, period: course.period, onExhausted: .wait, isShared: true)
        var book = Book(course.requests, at: start)
        func member(at instant: ContinuousClock.Instant) -> Member {
            Member(hand: TurnsInHand(limit, source: "api"), wakes: instant)
        }
        var members = (0..<course.members).map { _ in member(at: start + random(upTo: course.period)) }
        var names = Array(0..<course.members)
        var arrivals: [ContinuousClock.Instant] = []
        var counts: [Int: Int] = [:]
        var nextDeath = course.death.map { start + $0 }
        var number = 0

        while let index = members.indices.min(by: { members[$0].wakes < members[$1].wakes }), members[index].wakes < end
        {
            let now = members[index].wakes
            if let death = nextDeath, now >= death {
                let victim = Int.random(in: members.indices, using: &generator)
                // What it has sent is on its way all the same.
                members[victim] = member(at: now + random(upTo: .milliseconds(200)))
                names[victim] = names.max()! + 1
                nextDeath = death + course.death!
                continue
            }
            if let (taken, sent, received) = members[index].answer {
                members[index].answer = nil
                members[index].hand.take(taken, sent: sent, received: received)
                if taken.turns.isEmpty {
                    members[index].wakes = now + members[index].hand.pause(next: taken.next)
                    continue
                }
            }
            for reply in members[index].replies where reply.at <= now {
                members[index].hand.answer(reply.number, at: reply.at)
            }
            members[index].replies.removeAll { $0.at <= now }
            switch members[index].hand.next(at: now) {
            case .now:
                number += 1
                members[index].hand.start(number, isCold: false, at: now)
                let answered = now + random(upTo: course.reply)
                // It reaches the server between its start and its answer, and not later than is taken for sure.
                let way = min(answered - now, limit.slack)
                arrivals.append(now + random(upTo: way))
                members[index].replies.append((number, answered))
                counts[names[index], default: 0] += 1
            case .at(let instant): members[index].wakes = instant
            case .ask:
                let wish = members[index].hand.wish(at: now)
                let way = random(upTo: course.latency)
                let arrived = now + way
                let received = arrived + random(upTo: course.latency)
                members[index].answer = (book.exchange(wish, by: names[index], at: arrived), now, received)
                members[index].wakes = received
            }
        }

        arrivals.sort()
        for index in arrivals.indices.dropFirst(course.requests) {
            let spacing = arrivals[index] - arrivals[index - course.requests]
            #expect(spacing >= course.period, "request \(index) came \(spacing) after one \(course.requests) before it")
        }
        let paid = max(arrivals.count - course.requests, 0)
        let use = Double(paid) / Double(course.requests) / ((end - start) / course.period - 2)
        #expect(use >= course.use, "\(use) of the allowance was used")
        // If the book answers slower than turns become free, or all of them can be seen at once, who gets one is chance.
        if course.death == nil, course.members > 1, course.latency * 20 < course.period, course.period >= .seconds(1) {
            let (least, most) = (counts.values.min() ?? 0, counts.values.max() ?? 0)
            #expect(counts.count == course.members && most * 2 <= least * 3 + 8, "\(counts)")
        }
    }

    @Test("A turn that lapsed is not used, and one that others have by now is not given back")
    func lapsed() {
        let limit = RateLimit(requests: 1, period: .seconds(1), isShared: true)
        var hand = TurnsInHand(limit, source: "api")
        let start = ContinuousClock.now
        _ = hand.wish(at: start)
        hand.take(
            TurnsTaken(turns: [.init(number: 1, lease: "a", wait: .zero)], next: nil), sent: start, received: start)
        #expect(hand.next(at: start) == .now)
        #expect(hand.next(at: start + .milliseconds(499)) == .now)
        #expect(hand.next(at: start + .milliseconds(501)) == .ask)
        var book = Book(1, at: start)
        book.leases[0] = 7
        book.freeAt[0] = start + .seconds(3)
        let wish = hand.wish(at: start + .seconds(1))
        #expect(wish.returned == [ReturnedTurn(number: 1, lease: "a", wait: .zero)])
        #expect(book.exchange(wish, by: 1, at: start + .seconds(1)).turns.isEmpty)
        #expect(book.freeAt[0] == start + .seconds(3))
    }

    @Test("A request on a new connection keeps its turn until its answer begins, however late")
    func cold() {
        let limit = RateLimit(requests: 1, period: .seconds(1), isShared: true)
        var hand = TurnsInHand(limit, source: "api")
        let start = ContinuousClock.now
        _ = hand.wish(at: start)
        hand.take(
            TurnsTaken(turns: [.init(number: 1, lease: "a", wait: .zero)], next: nil), sent: start, received: start)
        hand.start(1, isCold: true, at: start)
        #expect(hand.wish(at: start + .milliseconds(200)).returned.isEmpty)
        hand.answer(1, at: start + .milliseconds(400))
        let returned = hand.wish(at: start + .milliseconds(500)).returned
        #expect(returned.map(\.wait) == [limit.spacing - .milliseconds(100)])
    }

    @Test("A quota that is used up for long defers the run; what others have in hand for a moment does not")
    func quota() {
        let hand = TurnsInHand(RateLimit(requests: 5, period: .seconds(86_400), isShared: true), source: "api")
        #expect(hand.isExhausted(next: .seconds(80_000)))
        #expect(!hand.isExhausted(next: .seconds(1)))
        #expect(!hand.isExhausted(next: nil))
        let waiting = TurnsInHand(RateLimit(requests: 5, period: .seconds(1), isShared: true), source: "api")
        #expect(!waiting.isExhausted(next: .seconds(80_000)))
    }
}
