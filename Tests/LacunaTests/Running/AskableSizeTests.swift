import TestSupport
import Testing

@testable import Lacuna
@testable import LacunaModel

@Suite("How much a source gives at once")
struct AskableSizeTests {
    /// What a source was asked for, one batch after the other.
    private struct Calls {
        var answered: [Range<Int64>] = []
        var refused: [Range<Int64>] = []
        var count: Int { answered.count + refused.count }
    }

    /// Asks for batches as one worker does.
    private func ask(
        _ batches: [PlannedBatch], _ size: inout AskableSize, limit: (Range<Int64>) -> UInt64
    ) -> Calls {
        var calls = Calls()
        for batch in batches {
            var rest = BatchRest([batch])
            while let whole = rest.take() {
                let (part, left) = size.cut(whole)
                rest.keep(left)
                guard part.askedCount > limit(part.window) else {
                    size.answer(part.askedCount)
                    calls.answered.append(part.window)
                    continue
                }
                calls.refused.append(part.request)
                guard let again = size.refuse(part) else { return calls }
                rest.putBack(again)
            }
        }
        return calls
    }

    private func batches(_ count: Int64, of size: Int64, overlap: Int64 = 0) -> [PlannedBatch] {
        (0..<count).map { index in
            let window = index * size..<(index + 1) * size
            return PlannedBatch(
                partition: .whole, window: window, request: window.lowerBound - overlap..<window.upperBound + overlap,
                reason: .gap)
        }
    }

    @Test("A batch is asked for whole as long as nothing was refused")
    func whole() {
        var size = AskableSize()
        let calls = ask(batches(50, of: 100), &size) { _ in .max }
        #expect(calls.answered.count == 50)
        #expect(calls.refused.isEmpty)
        #expect(size.refused == nil)
    }

    @Test("Of 30 batches of 100 each takes four calls where 30 are given at once, and few more are lost in finding out")
    func thirty() {
        var size = AskableSize()
        let calls = ask(batches(30, of: 100), &size) { _ in 30 }
        #expect(UnitSet(calls.answered).ranges == [0..<3000])
        #expect(calls.answered.allSatisfy { $0.count <= 30 })
        #expect(calls.answered.suffix(100).allSatisfy { $0.count >= 17 })
        print("a source that gives 30 of 100 at once: \(calls.count) calls, \(calls.refused.count) of them refused")
        // Four for each batch is the least.
        #expect(calls.count <= 130, "\(calls.count)")
    }

    @Test("Whatever a source gives at once, all is asked for once, and little more often than need be")
    func anyLimit() {
        var random = SeededGenerator("askable size")
        for _ in 0..<2000 {
            let batch = Int64.random(in: 1...200, using: &random)
            let limit = UInt64.random(in: 1...220, using: &random)
            let count = Int64.random(in: 1...40, using: &random)
            var size = AskableSize()
            let calls = ask(batches(count, of: batch), &size) { _ in limit }
            #expect(UnitSet(calls.answered).ranges == [0..<count * batch])
            #expect(calls.answered.reduce(0) { $0 + $1.count } == Int(count * batch))
            let least = Int(count) * Int((UInt64(batch) + limit - 1) / limit)
            // A search by halves, and a try more now and then.
            #expect(calls.count <= least + least / 8 + 24, "batch \(batch), limit \(limit), \(count): \(calls.count)")
        }
    }

    @Test("A limit that depends on what is in a window is followed down and up again")
    func density() {
        var size = AskableSize()
        let dense = ask(batches(10, of: 100), &size) { _ in 10 }
        #expect(dense.answered.allSatisfy { $0.count <= 10 })
        let sparse = ask(batches(400, of: 100), &size) { _ in 100 }
        #expect(sparse.answered.suffix(20).allSatisfy { $0.count == 100 })
        let again = ask(batches(10, of: 100), &size) { _ in 10 }
        #expect(UnitSet(again.answered).ranges == [0..<1000])
    }

    @Test("What is asked for around a window counts, and is left out of a part that is refused")
    func overlap() {
        var size = AskableSize()
        let calls = ask(batches(5, of: 20, overlap: 30), &size) { _ in 10 }
        #expect(UnitSet(calls.answered).ranges == [0..<100])
    }

    @Test("One unit that is refused cannot be cut")
    func single() {
        var size = AskableSize()
        let calls = ask(batches(1, of: 8), &size) { _ in 0 }
        #expect(calls.answered.isEmpty)
        #expect(calls.refused.last?.count == 1)
    }

    @Test("Of ids a batch is cut by how many are asked for, not by how far apart they are")
    func ids() {
        let units = UnitSet((0..<10).map { $0 * 1000..<$0 * 1000 + 1 })
        let batch = PlannedBatch(partition: .whole, window: 0..<9001, units: units, request: 0..<9001, reason: .gap)
        var size = AskableSize()
        let calls = ask([batch], &size) { window in UInt64(units.count(in: window) <= 3 ? UInt64.max : 0) }
        #expect(calls.answered.reduce(0) { $0 + Int(units.count(in: $1)) } == 10)
    }
}
