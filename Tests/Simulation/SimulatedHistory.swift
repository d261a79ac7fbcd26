import Lacuna

/// What the source has, in every version that it ever had.
///
/// `@unchecked Sendable`: as with ``Scheduler``.
public final class SimulatedHistory: @unchecked Sendable {
    struct Version {
        let since: Int64
        /// Nil: the row is gone.
        let value: String?
    }

    /// An answer that was given whole.
    struct Answer {
        let window: Range<Int64>
        let time: Int64
        let tip: Int64
        let count: Int
    }

    private(set) var units: [String: [Int64: [Int: [Version]]]] = [:]
    /// The newest unit of each partition.
    private(set) var tips: [String: Int64] = [:]
    /// The whole answers, by process and partition, the latest last.
    private(set) var answers: [Int: [String: [Answer]]] = [:]
    /// Units that the source cannot deliver.
    var sick: Set<Int64> = []

    /// Publishes units up to `tip`.
    ///
    /// - Parameter parts: the number of rows of each unit; units that are not in it have none.
    func publish(_ partition: String, upTo tip: Int64, _ parts: [Int64: Int], now: Int64) {
        for (unit, count) in parts where !has(partition, unit) {
            for part in 0..<count {
                units[partition, default: [:]][unit, default: [:]][part] = [
                    Version(since: now, value: "\(partition)\(unit).\(part).0")
                ]
            }
        }
        tips[partition] = tip
    }

    /// Decides what a unit beyond the tip will have, and returns it.
    func foresee(_ partition: String, _ unit: Int64, now: Int64) -> [FactKey: String] {
        let tip = tips[partition]
        publish(partition, upTo: unit, [unit: 1], now: now)
        tips[partition] = tip
        return units[partition]?[unit]?.reduce(into: [:]) { rows, row in
            rows[FactKey(partition: partition, unit: unit, part: row.key)] = row.value.last?.value
        } ?? [:]
    }

    /// Gives every row of a unit another value.
    func correct(_ partition: String, _ unit: Int64, now: Int64) {
        guard let parts = units[partition]?[unit] else { return }
        for (part, versions) in parts where versions.last?.value != nil {
            units[partition]?[unit]?[part]?.append(
                Version(since: now, value: "\(partition)\(unit).\(part).\(versions.count)"))
        }
    }

    /// Takes a row of a unit away.
    func withdraw(_ partition: String, _ unit: Int64, part: Int, now: Int64) {
        guard units[partition]?[unit]?[part] != nil else { return }
        units[partition]?[unit]?[part]?.append(Version(since: now, value: nil))
    }

    /// Whether a row was there and is gone.
    func isWithdrawn(_ key: FactKey) -> Bool {
        guard let last = units[key.partition]?[key.unit]?[key.part]?.last else { return false }
        return last.value == nil
    }

    /// The rows of a window as they are now, in order.
    func rows(_ partition: String, _ window: Range<Int64>) -> [(key: FactKey, value: String)] {
        guard let units = units[partition], let tip = tips[partition] else { return [] }
        var rows: [(FactKey, String)] = []
        for unit in window where unit <= tip {
            for (part, versions) in units[unit] ?? [:] {
                guard let value = versions.last?.value else { continue }
                rows.append((FactKey(partition: partition, unit: unit, part: part), value))
            }
        }
        return rows.sorted { $0.0 < $1.0 }
    }

    /// Whether a row ever had a value.
    func had(_ key: FactKey, _ value: String) -> Bool {
        units[key.partition]?[key.unit]?[key.part]?.contains { $0.value == value } ?? false
    }

    /// Whether a unit has any row.
    func has(_ partition: String, _ unit: Int64) -> Bool {
        units[partition]?[unit]?.values.contains { $0.last?.value != nil } == true
    }

    func note(_ answer: Answer, of client: Int, _ partition: String) {
        answers[client, default: [:]][partition, default: []].append(answer)
    }

    func forget(_ client: Int) {
        answers[client] = nil
    }
}

/// The source, as one process reaches it: slow, and wrong in every way that a source can be.
public struct SimulatedSource: Source {
    let history: SimulatedHistory
    let client: SimulatedClient
    let scheduler: Scheduler
    /// One answer in so many is a bad one; 0: none.
    let badAnswers: @Sendable () -> Int
    /// Whether records carry their partition.
    let namesPartition: Bool
    /// How it lies for as long as it does.
    let lies: @Sendable () -> Lies

    /// What a source leaves out without a word.
    struct Lies: Sendable {
        /// The most units that it gives rows of at once; 0: any number.
        var cap = 0
        /// Whether it gives the newest of them.
        var capsNewest = false
        /// How far it lags behind its tip.
        var lag: Int64 = 0

        func left(of rows: [(key: FactKey, value: String)], tip: Int64) -> [(key: FactKey, value: String)] {
            let there = rows.filter { $0.key.unit <= tip - lag }
            let units = Set(there.map(\.key.unit)).sorted()
            guard cap > 0, units.count > cap else { return there }
            let kept = Set(capsNewest ? units.suffix(cap) : units.prefix(cap))
            return there.filter { kept.contains($0.key.unit) }
        }
    }

    private func travel() async throws {
        guard !client.isDead else { throw CancellationError() }
        if scheduler.oneIn(2) {
            await scheduler.pause()
        } else {
            try await client.sleep(.milliseconds(scheduler.draw(0..<3_000)))
        }
        guard !client.isDead else { throw CancellationError() }
    }

    /// Fetches a window.
    ///
    /// - Throws: ``SourceError``; `CancellationError` where the process was killed.
    public func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        let partition = request.partition.values.first ?? ""
        try await travel()
        let now = scheduler.tick()
        let lies = lies()
        let tip = (history.tips[partition] ?? .min).subtracting(saturating: lies.lag)
        let there = history.rows(partition, request.window)
        let rows = lies.left(of: there, tip: history.tips[partition] ?? .max)
        let isCut = rows.count < there.count { $0.key.unit <= tip }
        if badAnswers() > 0, let unit = request.window.first(where: history.sick.contains) {
            throw SourceError(.permanent, "unit \(unit) is sick")
        }
        let isBad = scheduler.oneIn(badAnswers())
        let kind = isBad ? scheduler.draw(0..<7) : -1
        if kind == 0 { throw SourceError(.transient, "come again") }
        if kind == 1 { throw SourceError(.deferred, "leave me alone") }
        // Half an answer, unless it is to be whole.
        let sent = (2...4).contains(kind) ? Array(rows.prefix(rows.count / 2)) : rows
        let start = namesPartition ? "\(partition)," : ""
        var text = namesPartition ? "region,n,part,v\n" : "n,part,v\n"
        for row in sent { text += "\(start)\(row.key.unit),\(row.key.part),\(row.value)\n" }
        if kind == 5 { text += "\(start)\(request.window.lowerBound - 100_000),0,stray\n" }
        if kind == 3, let last = rows.last { text += "\(start)\(last.key.unit),\(last.key.part)" }
        // A row that comes twice is one.
        if kind == 6, let last = rows.last { text += "\(start)\(last.key.unit),\(last.key.part),\(last.value)\n" }
        try sink.begin(.csv)
        try sink.write(Array(text.utf8))
        try await travel()
        if kind == 2 { throw SourceError(.unknown, "the answer broke off") }
        try sink.endOfDocument()
        let count = rows.count + (kind == 6 && !rows.isEmpty ? 1 : 0)
        if kind == 4, sent.count < rows.count { return FetchSummary(declaredRecords: rows.count) }
        if !(2...5).contains(kind) || sent.count == rows.count {
            history.note(
                SimulatedHistory.Answer(window: request.window, time: now, tip: tip, count: count),
                of: client.number, partition)
        }
        return FetchSummary(declaredRecords: scheduler.oneIn(2) && !isCut ? count : nil)
    }

    /// The newest unit.
    ///
    /// - Throws: ``SourceError``; `CancellationError` where the process was killed.
    public func tip(_ request: TipRequest) async throws -> String? {
        try await travel()
        if scheduler.oneIn(badAnswers()) { throw SourceError(.transient, "come again") }
        return history.tips[request.partition.values.first ?? ""].map { String($0) }
    }
}
