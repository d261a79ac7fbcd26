import Testing

@testable import Lacuna
@testable import LacunaModel

@Suite("What the workers of a run share")
struct RunStateTests {
    private func state(
        batches count: Int64 = 5, partitions: [Partition] = [.whole], _ change: (inout RunOptions) -> Void = { _ in }
    ) -> RunState {
        var stream = StreamDefinition(name: "s", table: "t", keyColumn: "k", keyType: .integer(step: 1))
        stream.batch = .units(10)
        stream.order = .oldest
        let demands = partitions.map {
            Planner.Demand(partition: $0, units: UnitSet(0..<count * 10), reason: .gap, bounds: 0..<count * 10)
        }
        var options = RunOptions()
        change(&options)
        return RunState(
            Planner(stream).schedule(for: demands), report: RunReport(stream: "s", mode: .reconcile), options: options)
    }

    private func failure(_ partition: Partition = .whole, _ message: String = "no") -> BatchFailure {
        BatchFailure(partition: partition, window: 0..<10, message: message)
    }

    @Test("gives each batch once, and each a number of its own")
    func order() {
        let state = state()
        var windows: [Range<Int64>] = []
        while let batch = state.next() { windows.append(batch.window) }
        #expect(windows == [0..<10, 10..<20, 20..<30, 30..<40, 40..<50])
        #expect((1...3).map { _ in state.number() } == [1, 2, 3])
        #expect(state.report.stopReason == nil)
    }

    @Test("gives no batch beyond the limit, and says why")
    func limit() {
        let state = state { $0.maxBatches = 2 }
        #expect(state.next() != nil)
        #expect(state.next() != nil)
        #expect(state.next() == nil)
        #expect(state.report.stopReason == "the limit of 2 batches was reached")
        #expect(state.isEnded)
    }

    @Test("gives a batch once more for what was answered before anything newer was shown, once that is, and only then")
    func unshown() throws {
        let state = state(batches: 2) { $0.maxBatches = 2 }
        let first = try #require(state.next())
        #expect(state.next() != nil)
        state.askAgain(for: UnitSet(4..<8), of: first)
        #expect(state.next() == nil, "nothing newer was shown")
        #expect(state.next { $0.units.intersection(0..<4) } == nil)
        let again = try #require(state.next { $0.units.intersection(0..<6) })
        #expect(again.window == 4..<6)
        #expect(again.units == UnitSet(4..<6))
        #expect(again.isAskedAgain)
        #expect(state.next { $0.units } == nil, "once")
        #expect(state.report.stopReason == nil)
    }

    @Test("counts in the report what was committed, and apart from it what changed nothing")
    func figures() {
        let state = state()
        state.committed(CommittedBatch(inserted: 3, updated: 2, emptied: 5, isChanged: true), fetched: 7)
        state.committed(CommittedBatch(), fetched: 9)
        state.heldElsewhere()
        let report = state.report
        #expect(report.committed == 1)
        #expect(report.unchanged == 1)
        #expect(report.heldElsewhere == 1)
        #expect(report.fetched == 7)
        #expect(report.inserted == 3)
        #expect(report.updated == 2)
        #expect(report.emptied == 5)
    }

    @Test("ends the run after so many failures in a row, and a success between them begins anew")
    func failuresInARow() {
        let state = state { $0.failureLimit = 3 }
        state.failed(failure())
        state.failed(failure())
        state.committed(CommittedBatch(isChanged: true), fetched: 1)
        state.failed(failure())
        state.failed(failure())
        #expect(!state.isEnded)
        state.failed(failure())
        #expect(state.isEnded)
        #expect(state.failuresAreTooMany)
        #expect(state.report.failures.count == 5)
        #expect(state.next() == nil)
    }

    @Test("ends the run after so many failures that are alike, even if batches without rows succeed between them")
    func failuresAlike() {
        let state = state { $0.failureLimit = 3 }
        for day in 1...3 {
            #expect(!state.isEnded)
            state.failed(failure(.whole, "page 1, GET https://h/days?day=2025-01-0\(day): record \(day): no key"))
            state.committed(CommittedBatch(emptied: 1, isChanged: true), fetched: 0)
        }
        #expect(state.report.stopReason?.hasPrefix("3 batches failed alike") == true)
        #expect(state.failuresAreTooMany)
    }

    @Test("goes on after failures that are alike if batches with rows succeed between them, and after different ones")
    func failuresThatDiffer() {
        let state = state { $0.failureLimit = 3 }
        for message in ["one", "one", "rows", "one", "two", "three", "one", "rows", "one", "one"] {
            if message == "rows" {
                state.committed(CommittedBatch(inserted: 1, isChanged: true), fetched: 1)
            } else {
                state.failed(failure(.whole, message))
                state.committed(CommittedBatch(emptied: 1, isChanged: true), fetched: 0)
            }
        }
        #expect(!state.isEnded)
        for _ in 0..<9 { state.failed(failure(), isIsolated: true) }
        #expect(!state.isEnded)
    }

    @Test(
        "takes failures for alike whose messages differ in numbers, in what they quote and in what was asked for",
        arguments: [
            ("line 17 of x.csv", "line 4 of x.csv", true), ("key '1' is no day", "key 'a b' is no day", true),
            (
                "page 1, GET https://h/v1?a=1&b=x: answered 500", "page 12, GET https://h/v1?a=2: answered 500", true
            ),
            ("the source's tip is 7", "the source's tip is 8", true),
            ("GET https://h/a: 500", "GET https://h/b: 500", false),
            ("answered with HTML", "answered with nothing", false), ("", "", true),
        ] as [(String, String, Bool)])
    func kinds(one: String, other: String, areAlike: Bool) {
        #expect((FailureKind.text(of: one) == FailureKind.text(of: other)) == areAlike)
    }

    @Test(
        "cuts batches to what the source gives, gives the rest of one before the next, and takes none back when it ended"
    )
    func cut() throws {
        let state = state(batches: 3) { $0.maxBatches = 2 }
        let first = try #require(state.next())
        #expect(first.window == 0..<10)
        #expect(state.refused(first))
        #expect(state.hasRest)
        var windows: [Range<Int64>] = []
        while let batch = state.next() {
            state.noteSize(of: batch, isAnswered: true)
            windows.append(batch.window)
        }
        // The limit of batches is one of whole ones.
        #expect(windows == [0..<5, 5..<10, 10..<15, 15..<20])
        #expect(state.report.stopReason == "the limit of 2 batches was reached")
        #expect(!state.hasRest)
        let single = PlannedBatch(partition: .whole, window: 0..<1, request: 0..<1, reason: .gap)
        #expect(!state.refused(single))
    }

    @Test("leaves a partition alone that the source rejects, and counts it once")
    func rejected() {
        let (one, other) = (Partition(["a"]), Partition(["b"]))
        let state = state(batches: 2, partitions: [one, other])
        #expect(state.rejected(failure(one)))
        #expect(!state.rejected(failure(one)))
        var left: [Partition] = []
        while let batch = state.next() { left.append(batch.partition) }
        #expect(left == [other, other])
        #expect(state.report.failures.count == 1)
    }

    @Test("keeps the first reason why a run ended")
    func firstReason() {
        let state = state { $0.failFast = true }
        state.failed(failure())
        state.interrupted()
        state.deferred("a quota is used up")
        #expect(state.report.stopReason == "a batch failed and --fail-fast is set")
        #expect(state.report.notes == ["a quota is used up"])
    }
}
