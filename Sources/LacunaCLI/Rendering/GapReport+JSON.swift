import Lacuna

extension GapReport {
    /// The document of several streams, with what kept others from being looked at.
    static func document(_ reports: [GapReport], failures: [String], explains: Bool) -> JSONOutput {
        .object([
            ("streams", .list(reports) { $0.json(explains: explains) }),
            ("errors", .list(failures) { .text(Console.shared.masked($0)) }),
        ])
    }

    /// The form that JSON is written in. Field names are stable.
    func json(explains: Bool = false) -> JSONOutput {
        .object([
            ("stream", .text(definition.name)),
            ("table", .text(table)),
            ("key", .text(definition.keyColumn)), ("scan", explains ? scan : nil),
            ("expected_units", .number(expectedCount)), ("missing_units", .number(missingCount)),
            ("thin_units", .number(thinCount)), ("settled_units", .number(settledCount)),
            ("provisional_units", .number(provisionalCount)), ("accepted_units", .number(acceptedCount)),
            ("gap_count", .number(gapCount)), ("clean", .flag(isClean)),
            ("partitions", .list(partitions, json)),
        ])
    }

    /// A partition's values by their columns.
    func json(_ partition: Partition) -> JSONOutput {
        .object(zip(columns, partition.values).map { ($0, .text($1)) })
    }

    private var scan: JSONOutput {
        let account = survey.scan
        var strategy = account.strategy.rawValue
        var readAgain: (units: UInt64, since: String)?
        var wholeBecause: String?
        switch account.changes {
        case .readAgain(let units, let since): (strategy, readAgain) = ("changes", (units, since))
        case .scannedWhole(let reason): wholeBecause = reason
        case nil: break
        }
        return .object([
            ("strategy", .text(strategy)), ("reason", .text(account.reason)),
            ("estimated_rows", account.rowEstimate.map(JSONOutput.number)),
            ("spanned_units", account.spannedUnits.map(JSONOutput.number)),
            ("seconds", .number(account.duration / .seconds(1))),
            ("units_read_again", readAgain.map { .number($0.units) }),
            ("changes_since", readAgain.map { .text($0.since) }), ("whole_because", wholeBecause.map(JSONOutput.text)),
        ])
    }

    private func json(_ coverage: PartitionCoverage) -> JSONOutput {
        let type = definition.keyType
        func key(_ unit: Int64?) -> JSONOutput? { unit.map { .text(type.text($0)) } }
        func span(_ range: Range<Int64>) -> JSONOutput {
            .line([
                ("first", key(range.lowerBound)), ("last", key(range.upperBound - 1)),
                ("units", .number(range.unitCount)),
            ])
        }
        func gap(_ range: Range<Int64>) -> JSONOutput {
            .line(
                [
                    ("first", key(range.lowerBound)), ("last", key(range.upperBound - 1)),
                    ("units", .number(range.unitCount)), ("kind", .text(isThin(range, coverage) ? "thin" : "missing")),
                ] + GapReport.fields(of: story(of: range, coverage)))
        }
        func accepted(_ accepted: AcceptedRange) -> JSONOutput {
            .line([
                ("first", key(accepted.range.lowerBound)), ("last", key(accepted.range.upperBound - 1)),
                ("units", .number(accepted.range.unitCount)), ("reason", .text(accepted.reason)),
                ("until", accepted.end.map { .text(KeyType.timestamp(step: 1, timezone: .gmt).text($0)) }),
            ])
        }
        return .object([
            ("partition", json(coverage.partition)), ("oldest", key(coverage.oldest)),
            ("latest", key(coverage.latest)), ("expected_units", .number(coverage.expected.count)),
            ("covered_units", .number(coverage.coveredCount)), ("missing_units", .number(coverage.gaps.count)),
            ("thin_units", .number(coverage.thin.count)), ("settled_units", .number(coverage.settled.count)),
            ("verified_empty_units", .number(coverage.verified.count)),
            ("provisional_units", .number(coverage.provisional.count)),
            ("accepted_units", .number(coverage.accepted.count)),
            ("refetch_units", .number(coverage.refetch.count)), ("contiguous", coverage.contiguous.map(span)),
            ("complete_through", key(coverage.completeThrough)),
            ("gaps", .list(gaps(of: coverage), gap)), ("accepted", .list(coverage.acceptedRanges, accepted)),
            ("tail", coverage.tail.map { .list($0.ranges, span) }),
        ])
    }

    /// Since when a gap is there, and why: of several causes the most telling one.
    private static func fields(of story: GapStory?) -> [(name: String, value: JSONOutput?)] {
        guard let story else { return [] }
        func time(_ seconds: Int64?) -> JSONOutput? {
            seconds.map { .text(KeyType.timestamp(step: 1, timezone: .utc).text($0)) }
        }
        let cause = story.causes.first?.cause
        let detail = cause.flatMap { $0.detail.isEmpty ? nil : JSONOutput.text(Console.shared.masked($0.detail)) }
        return [
            ("since", time(story.since)), ("had_rows_until", time(story.hadRowsUntil)),
            ("cause", cause.map { .text($0.kind.rawValue) }), ("cause_at", time(cause?.at)), ("detail", detail),
            ("tries", cause?.tries.map(JSONOutput.number)), ("next_try", time(cause?.nextTry)),
            ("marked_by", cause?.markedBy.map(JSONOutput.text)),
        ]
    }
}
