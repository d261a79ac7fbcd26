import Foundation
import LacunaModel
import TestSupport
import Testing

@testable import LacunaCLI

@Suite("The axis of a stream")
struct PageAxisTests {
    @Test("Ticks of numbers are the finest round ones that fit, as by trying all of them")
    func numbers() {
        var random = SeededGenerator("ticks of numbers")
        for _ in 0..<300 {
            let step = ([1, 5, 7, 1000] as [Int64]).randomElement(using: &random) ?? 1
            let lower = Int64.random(in: -100_000...100_000, using: &random)
            let range = lower..<lower + Int64.random(in: 1...200_000, using: &random)
            let keys = range.lowerBound * step...(range.upperBound - 1) * step
            var expected: [Int64] = []
            for distance in (0...12).flatMap({ power in [1, 2, 5].map { $0 * Int64(pow(10, Double(power))) } }) {
                let first = Int64((Double(keys.lowerBound) / Double(distance)).rounded(.up)) * distance
                let count = first > keys.upperBound ? 0 : (keys.upperBound - first) / distance + 1
                guard count <= PageAxis.tickLimit else { continue }
                expected = (0..<count).map { first + $0 * distance }
                break
            }
            let ticks = PageAxis.ticks(range, .integer(step: step))
            #expect(ticks.map(\.text) == expected.map { Numbers.grouped($0) }, "\(range) × \(step)")
            #expect(ticks.allSatisfy { range.contains($0.unit) })
        }
    }

    @Test("Ticks of days and times are few, inside, ascending and say when they are")
    func times() throws {
        var random = SeededGenerator("ticks of times")
        let zone = TimeZone.london
        let types: [KeyType] = [
            .date(timezone: .utc), .timestamp(step: 1, timezone: .utc), .timestamp(step: 900, timezone: zone),
            .timestamp(step: 3600, timezone: zone), .timestamp(step: 86_400, timezone: .utc),
        ]
        for type in types {
            for _ in 0..<60 {
                let middle = try #require(type.unit(at: Int64.random(in: 0...1_800_000_000, using: &random)))
                let length = Int64(pow(10, Double.random(in: 0.5...4, using: &random)))
                let range = middle..<middle + length
                let ticks = PageAxis.ticks(range, type)
                #expect(!ticks.isEmpty || length < 10, "\(type) \(range)")
                #expect(ticks.count <= PageAxis.tickLimit)
                #expect(zip(ticks, ticks.dropFirst()).allSatisfy { $0.unit < $1.unit })
                for tick in ticks {
                    #expect(range.contains(tick.unit))
                    let local = try #require(type.localStart(of: tick.unit))
                    #expect(
                        tick.text.contains("\(local.date.year)")
                            || tick.text.contains(UnitWords.clock(local.secondOfDay)))
                }
            }
        }
        let years = PageFixture.day(2021, 6, 1)..<PageFixture.day(2025, 6, 1)
        #expect(PageAxis.ticks(years, .date(timezone: .utc)).map(\.text) == ["2022", "2023", "2024", "2025"])
    }

    @Test(
        "The ends of what a key can be are no trouble",
        arguments: [
            KeyType.integer(step: 1), .integer(step: .max), .integer(step: 1000), .date(timezone: .utc),
            .timestamp(step: 1, timezone: .utc), .timestamp(step: 86_400, timezone: .utc),
        ])
    func limits(_ type: KeyType) {
        let limits = type.limits
        let axis = PageAxis(limits, type)
        #expect(axis.ticks.count <= PageAxis.tickLimit)
        #expect(axis.position(limits.lowerBound) == 0 && axis.position(limits.upperBound) == 1)
        let units = UnitSet([limits.lowerBound..<limits.lowerBound + 1, limits.upperBound - 1..<limits.upperBound])
        #expect(Strip.marks(units, .missing, on: axis, cells: 1000).map(\.unitCount).reduce(0, +) == units.count)
    }

    @Test("What lies far ahead does not press the history together")
    func tail() throws {
        let stream = PageFixture.stream(expect: Expectation(to: .unit(PageFixture.day(2099, 1, 1)), delay: .days(1)))
        let coverage = PageFixture.coverage([], PageFixture.day(2025, 1, 1)..<PageFixture.day(2025, 6, 1), of: stream)
        let axis = try #require(PageAxis([coverage], of: stream.keyType))
        #expect(axis.range.upperBound < PageFixture.day(2025, 7, 1))
    }
}
