import Postgres

/// Extents, verified-empty ranges and refetch marks.
extension SimulatedServer {
    func evidence(_ values: Values, _ state: StoredState) throws -> Reply {
        let name = values.statement.name
        if name == "select_extents" {
            let rows = state.extents.sorted { $0.key < $1.key }.map { partition, row -> [String?] in
                ["{\(partition)}", String(row.oldest), String(row.latest)]
            }
            return Reply(columns: ["partition_values", "oldest", "latest"], rows: rows)
        }
        let range = try values.range
        let waiting = state.provisional.values.filter {
            $0.units.lowerBound < range.upperBound && $0.units.upperBound > range.lowerBound
        }.sorted { ($0.partition, $0.units.lowerBound) < ($1.partition, $1.units.lowerBound) }
        if name == "select_provisional" {
            return Reply(
                columns: ["partition_values", "lower", "upper", "asked"],
                rows: waiting.map { row in
                    [
                        "{\(row.partition)}", String(row.units.lowerBound), String(row.units.upperBound),
                        String(row.askedAt / 1_000_000),
                    ]
                })
        }
        func touches(_ units: Range<Int64>) -> Bool {
            units.lowerBound < range.upperBound && units.upperBound > range.lowerBound
        }
        let marks = state.refetch.values.filter { touches($0.units) }.map { (partition: $0.partition, units: $0.units) }
        let empty = state.verified.values.filter { touches($0.units) }.map {
            (partition: $0.partition, units: $0.units)
        }
        func sorted(_ rows: [(partition: String, units: Range<Int64>)]) -> [(partition: String, units: Range<Int64>)] {
            rows.sorted { ($0.partition, $0.units.lowerBound) < ($1.partition, $1.units.lowerBound) }
        }
        guard name == "select_window_evidence" else {
            let rows = sorted(name == "select_verified" ? empty : marks).map { row -> [String?] in
                ["{\(row.partition)}", String(row.units.lowerBound), String(row.units.upperBound)]
            }
            return Reply(columns: ["partition_values", "lower", "upper"], rows: rows)
        }
        let partition = try values.partition
        var reply = Reply(columns: ["kind", "lower", "upper"])
        let askedBefore = try confirmedBefore(values)
        for kind in ["confirmable", "provisional"] {
            for row in waiting
            where row.partition == partition && (row.askedAt <= askedBefore) == (kind == "confirmable") {
                reply.rows.append([kind, String(row.units.lowerBound), String(row.units.upperBound)])
            }
        }
        let replacing = state.refetch.values.filter { touches($0.units) && $0.replaces }.map {
            (partition: $0.partition, units: $0.units)
        }
        for (kind, rows) in [
            ("refetch", sorted(marks)), ("replacing", sorted(replacing)), ("verified", sorted(empty)),
        ] {
            for row in rows where row.partition == partition {
                reply.rows.append([kind, String(row.units.lowerBound), String(row.units.upperBound)])
            }
        }
        return reply
    }

    /// Up to when a unit must have been answered with nothing, if nothing once more is to prove it empty.
    private func confirmedBefore(_ values: Values) throws -> Int64 {
        try values.time("before", now: scheduler.tick()) - (try values.int("confirm")) * 1_000_000
    }

    func writeEvidence(_ values: Values, _ backend: Backend) async throws -> Reply {
        switch values.statement.name {
        case "replace_verified": try await replaceVerified(values, backend)
        case "replace_provisional": try replaceProvisional(values, backend)
        case "remove_refetch": try await removeRefetch(values, backend)
        case "insert_refetch":
            let row = RefetchRow(
                partition: try values.partition, units: try values.range, reason: try values["reason"],
                markedAt: scheduler.tick(), replaces: try values["replaces"] == "true")
            backend.writes.refetch[makeID()] = row
        default: try await extendExtents(values, backend)
        }
        return Reply(tag: "INSERT 0 1")
    }

    /// Deletes what touches the window and inserts what is left of it, and what is empty now.
    ///
    /// A row that somebody else has locked is waited for, and passed over where it is gone then, as READ COMMITTED does.
    private func replaceVerified(_ values: Values, _ backend: Backend) async throws {
        let range = try values.range
        let partition = try values.partition
        let seen = visible(to: backend).verified
        var units: Set<Int64> = []
        for (id, row) in seen.sorted(by: { $0.key < $1.key })
        where row.partition == partition && row.units.lowerBound <= range.upperBound
            && row.units.upperBound >= range.lowerBound
        {
            try await lock(.verified(id), backend)
            guard backend.writes.verified[id] != nil || state.verified[id] != nil else { continue }
            backend.writes.verified[id] = .some(nil)
            units.formUnion(row.units)
        }
        units.subtract(range)
        for part in try SimulatedServer.ranges(in: values["empty"]) { units.formUnion(part) }
        for part in SimulatedServer.ranges(of: units) {
            let id = makeID()
            for other in backends where other !== backend {
                let clash = other.writes.verified.values.contains {
                    $0?.partition == partition && $0?.units.lowerBound == part.lowerBound
                }
                if clash { try await waitForEnd(of: other, backend) }
            }
            let clash = visible(to: backend).verified.values.contains {
                $0.partition == partition && $0.units.lowerBound == part.lowerBound
            }
            if clash { throw SimulatedServer.error("23505", "duplicate key in verified_empty") }
            backend.writes.verified[id] = VerifiedRow(partition: partition, units: part)
        }
    }

    /// Takes the window out of what is provisional, and puts in what is so now. A unit that stays so keeps its time.
    private func replaceProvisional(_ values: Values, _ backend: Backend) throws {
        let range = try values.range
        let partition = try values.partition
        let askedBefore = try confirmedBefore(values)
        let now = scheduler.tick()
        let provisional = try SimulatedServer.ranges(in: values["provisional"]).reduce(into: Set<Int64>()) {
            $0.formUnion($1)
        }
        var times: [Int64: Int64] = [:]
        for unit in provisional { times[unit] = now }
        for (id, row) in visible(to: backend).provisional
        where row.partition == partition && row.units.overlaps(range) {
            backend.writes.provisional[id] = .some(nil)
            for unit in row.units {
                if !range.contains(unit) {
                    times[unit] = row.askedAt
                } else if provisional.contains(unit), row.askedAt > askedBefore {
                    times[unit] = row.askedAt
                }
            }
        }
        for (time, units) in Dictionary(grouping: times, by: \.value) {
            for part in SimulatedServer.ranges(of: Set(units.map(\.key))) {
                backend.writes.provisional[makeID()] = ProvisionalRow(partition: partition, units: part, askedAt: time)
            }
        }
    }

    private func removeRefetch(_ values: Values, _ backend: Backend) async throws {
        let range = try values.range
        let partition = try values.partition
        let before = try values.time("before", now: scheduler.tick())
        let seen = visible(to: backend).refetch
        for (id, row) in seen.sorted(by: { $0.key < $1.key })
        where row.partition == partition && row.units.overlaps(range) && row.markedAt <= before {
            try await lock(.refetch(id), backend)
            guard backend.writes.refetch[id] != nil || state.refetch[id] != nil else { continue }
            backend.writes.refetch[id] = .some(nil)
            for part in [
                row.units.lowerBound..<max(row.units.lowerBound, range.lowerBound),
                min(row.units.upperBound, range.upperBound)..<row.units.upperBound,
            ] where !part.isEmpty {
                backend.writes.refetch[makeID()] = RefetchRow(
                    partition: partition, units: part, reason: row.reason, markedAt: row.markedAt,
                    replaces: row.replaces)
            }
        }
    }

    private func extendExtents(_ values: Values, _ backend: Backend) async throws {
        let partition = try values.partition
        let oldest = try values.int("oldest")
        let latest = try values.int("latest")
        try await lock(.extents(partition), backend)
        var row = visible(to: backend).extents[partition] ?? ExtentsRow(oldest: oldest, latest: latest)
        row.oldest = min(row.oldest, oldest)
        row.latest = max(row.latest, latest)
        backend.writes.extents[partition] = row
    }

    /// `{[1,3),[5,6)}`
    static func ranges(in literal: String) -> [Range<Int64>] {
        literal.split(separator: "[").dropFirst().compactMap { part in
            let ends = part.prefix { $0 != ")" }.split(separator: ",")
            guard let lower = ends.first.flatMap({ Int64($0) }), let upper = ends.last.flatMap({ Int64($0) }) else {
                return nil
            }
            return lower..<upper
        }
    }

    /// The units as ranges as long as can be.
    static func ranges(of units: Set<Int64>) -> [Range<Int64>] {
        var ranges: [Range<Int64>] = []
        for unit in units.sorted() {
            if let last = ranges.last, last.upperBound == unit {
                ranges[ranges.count - 1] = last.lowerBound..<unit + 1
            } else {
                ranges.append(unit..<unit + 1)
            }
        }
        return ranges
    }
}
