import LacunaModel
import LacunaRecords

extension Diagnosis {
    /// Asks a source for its tip and for the newest unit that is due.
    ///
    /// - Parameter now: seconds since the epoch.
    static func source(_ stream: ResolvedStream, _ source: any Source, now: Int64) async -> [Finding] {
        let definition = stream.definition
        guard definition.keyType.isOrdered else { return [] }
        guard let declared = definition.partitions.declared else {
            return [Finding(level: .good, text: "the source was not asked: its partitions come from a query")]
        }
        let partition = declared.first ?? .whole
        let fetcher = Fetcher(stream: stream, source: source)
        var findings: [Finding] = []
        var tip: Int64?
        if definition.expect.to == .tip {
            do {
                tip = try await fetcher.tip(of: partition)
            } catch {
                return [Finding(level: .bad, text: "the source does not give its tip: \(error.message)")]
            }
            guard let tip else { return [Finding(level: .warning, text: "the source answers, but has no tip yet")] }
            findings.append(
                Finding(level: .good, text: "the source answers; its tip is \(definition.keyType.text(tip))"))
        }
        guard let unit = newestDueUnit(of: definition, partition, tip: tip, now: now) else { return findings }
        return findings + (await answer(for: unit, partition, fetcher, isTip: unit == tip))
    }

    private static func newestDueUnit(
        of definition: StreamDefinition, _ partition: Partition, tip: Int64?, now: Int64
    ) -> Int64? {
        guard let last = tip ?? definition.unit(of: definition.expect.to, now: now) else { return nil }
        let end = min(last.adding(saturating: 1), definition.dueEnd(now: now, newest: tip))
        // A season ends within a year.
        let start =
            definition.expect.calendar == .everyDay ? end - 1 : definition.keyType.ordinal(end, minus: .days(400))
        let first = definition.expect.from.flatMap { definition.unit(of: $0, now: now) } ?? start
        guard max(start, first) < end else { return nil }
        let due = definition.calendarUnits(in: max(start, first)..<end, partition: partition)
        return due.hull.map { $0.upperBound - 1 }
    }

    /// What the source's answers prove of units without rows.
    private static func emptiness(_ summary: FetchSummary, _ definition: StreamDefinition) -> [Finding] {
        guard definition.empty != .error else { return [] }
        var findings: [Finding] = []
        if let objection = summary.objection { findings.append(Finding(level: .warning, text: objection)) }
        if let note = summary.note { findings.append(Finding(level: .warning, text: note)) }
        let text =
            switch (summary.end, definition.empty) {
            case (_, .trust): "its answers are believed: what they have nothing for is taken for empty"
            case (.proven, _): "the end of its answer is proven"
            case (.open, _) where summary.declaredRecords != nil: "the end of its answer is proven, by a total"
            case (.open, _): "a limit of the source would not show in its answer: empty edges are asked for once more"
            case (.unproven, _): "its answer may have been cut: only what lies between its records is taken for empty"
            }
        return findings + [Finding(level: .good, text: text)]
    }

    private static func answer(
        for unit: Int64, _ partition: Partition, _ fetcher: Fetcher, isTip: Bool
    ) async -> [Finding] {
        let definition = fetcher.stream.definition
        let name = definition.keyType.text(unit)
        do {
            let window = unit..<unit + 1
            let (records, summary) = try await fetcher.fetch(
                PlannedBatch(partition: partition, window: window, request: window, reason: .gap))
            guard records.recordCount > 0 else {
                return [
                    Finding(level: isTip ? .warning : .good, text: "asked for \(name), the source gives no records")
                ]
            }
            _ = try LoadPlan(records, partition: partition, stream: fetcher.stream)
            let use = FieldUse()
            use.note(records)
            let count = records.recordCount == 1 ? "one record" : "\(records.recordCount) records"
            return [
                Finding(
                    level: .good,
                    text: "asked for \(name), the source gives \(count) of \(records.fields.joined(separator: ", "))")
            ] + emptiness(summary, definition)
                + (use.notes(of: fetcher.stream)
                + [FieldMatch(records, stream: fetcher.stream).problem].compactMap(\.self))
                .map { Finding(level: .warning, text: $0) }
        } catch {
            return [Finding(level: .bad, text: "asked for \(name), the source fails: \(error.message)")]
        }
    }
}
