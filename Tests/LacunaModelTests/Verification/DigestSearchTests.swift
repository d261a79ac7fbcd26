import TestSupport
import Testing

@testable import LacunaModel

@Suite("A search by digests")
struct DigestSearchTests {
    /// Rows of units, by unit.
    private typealias Side = [Int64: [UInt64]]

    private func digest(_ range: Range<Int64>, _ side: Side) -> DigestSearch.Digest {
        var (rows, sum): (Int64, UInt64) = (0, 0)
        for (unit, own) in side where range.contains(unit) {
            rows += Int64(own.count)
            for row in own {
                var generator = SeededGenerator(seed: row &+ UInt64(bitPattern: unit) &* 31)
                sum &+= generator.next()
            }
        }
        return DigestSearch.Digest(rows: rows, sum: String(sum))
    }

    /// Searches to the end.
    private func search(
        _ parts: [Range<Int64>], _ here: Side, _ there: Side
    ) -> (search: DigestSearch, digests: Int) {
        var search = DigestSearch(parts)
        var digests = 0
        while let question = search.question {
            digests += question.count
            search.take(question.map { digest($0, here) }, question.map { digest($0, there) })
        }
        return (search, digests)
    }

    @Test(
        "has every unit that differs compared, calls none of them equal, and asks about each part once",
        arguments: 0..<200)
    func complete(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let size = Int64.random(in: 1...300, using: &random)
        let start: Int64 = [0, -150, .max - 301, .min].randomElement(using: &random) ?? 0
        let rows = Int.random(in: 1...20, using: &random)
        let whole = start..<start + size
        var here: Side = [:]
        for unit in whole where Int.random(in: 0..<5, using: &random) > 0 {
            here[unit] = (0..<Int.random(in: 1...rows, using: &random)).map(UInt64.init)
        }
        var there = here
        var differing: Set<Int64> = []
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            let unit = Int64.random(in: whole, using: &random)
            there[unit, default: []].append(UInt64.random(in: 1000...UInt64.max, using: &random))
            differing.insert(unit)
        }
        let parts = BatchGrid(type: .integer(step: 1), batch: .units(37)).windows(of: whole)
        let (found, _) = search(parts, here, there)
        for unit in differing {
            #expect(found.toCompare.contains { $0.contains(unit) }, "\(unit)")
            #expect(!found.equal.contains(unit), "\(unit)")
        }
        let compared = UnitSet(found.toCompare)
        #expect(found.equal.union(compared) == UnitSet(whole))
        #expect(compared.count == found.toCompare.reduce(0) { $0 + $1.unitCount }, "no unit is compared twice")
        #expect(found.toCompare.allSatisfy { range in parts.contains { $0.clamped(to: range) == range } })
        if differing.isEmpty { #expect(found.toCompare.isEmpty) }
    }

    @Test("costs little: of a million units, one that differs takes a few digests and the rows of a few units")
    func cost() {
        let parts = BatchGrid(type: .integer(step: 1), batch: .units(100_000)).windows(of: 0..<1_000_000)
        var search = DigestSearch(parts)
        var digests = 0
        while let question = search.question {
            digests += question.count
            let here = question.map { DigestSearch.Digest(rows: Int64($0.unitCount), sum: "1") }
            search.take(
                here,
                zip(question, here).map { range, digest in
                    range.contains(654_321) ? DigestSearch.Digest(rows: digest.rows, sum: "2") : digest
                })
        }
        #expect(digests <= 10 + 5 * 16)
        #expect(search.toCompare.count == 1)
        #expect(search.toCompare[0].contains(654_321))
        #expect(search.toCompare[0].unitCount <= UInt64(DigestSearch.fewRows))
    }

    @Test("compares the rows at once if most parts of a range differ")
    func scattered() {
        var search = DigestSearch([0..<1000])
        let here = [DigestSearch.Digest(rows: 1000, sum: "1")]
        search.take(here, [DigestSearch.Digest(rows: 1000, sum: "2")])
        let parts = search.question ?? []
        #expect(parts.count == 16)
        let ones = parts.map { DigestSearch.Digest(rows: Int64($0.unitCount), sum: "1") }
        var others = parts.map { DigestSearch.Digest(rows: Int64($0.unitCount), sum: "2") }
        others[0] = ones[0]
        search.take(ones, others)
        #expect(search.question == nil)
        #expect(search.toCompare == [parts[1].lowerBound..<1000])
        #expect(search.equal == UnitSet(parts[0]))
    }
}
