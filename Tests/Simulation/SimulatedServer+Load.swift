import Postgres

/// `COPY` and the upsert.
extension SimulatedServer {
    func load(_ values: Values, _ data: [UInt8]?, _ backend: Backend) async throws -> Reply {
        let statement = values.statement
        switch statement.name {
        case "create_batch_table":
            backend.batchTable = BatchRows(columns: SimulatedServer.names(in: statement.sql))
            return Reply(tag: "CREATE TABLE")
        case "truncate_batch_table":
            backend.batchTable?.rows = []
            return Reply(tag: "TRUNCATE TABLE")
        case "drop_batch_table":
            backend.batchTable = nil
            return Reply(tag: "DROP TABLE")
        case "copy_batch_csv":
            let rows = SimulatedServer.rows(data ?? [])
            guard backend.batchTable != nil else { throw SimulatedServer.error("42P01", "there is no table batch") }
            backend.batchTable?.rows += rows
            return Reply(tag: "COPY \(rows.count)")
        case "copy_table_csv": return try await copyDirectly(statement, data ?? [], backend)
        case "find_conflicting_record": return try findConflict(statement, backend)
        case "count_withdrawn": return try countWithdrawn(values, backend)
        case "delete_withdrawn": return try await deleteWithdrawn(values, backend)
        default: return try await upsert(statement, backend)
        }
    }

    private func copyDirectly(_ statement: BoundStatement, _ data: [UInt8], _ backend: Backend) async throws -> Reply {
        let batch = BatchRows(columns: SimulatedServer.names(in: statement.sql), rows: SimulatedServer.rows(data))
        let records = try SimulatedServer.records(batch, partition: nil)
        for (key, value) in records {
            try await lock(.fact(key), backend)
            if visible(key, to: backend) != nil {
                throw SimulatedServer.error("23505", "duplicate key value violates unique constraint")
            }
            backend.writes.facts[key] = .some(value)
        }
        return Reply(tag: "COPY \(records.count)")
    }

    private func upsert(_ statement: BoundStatement, _ backend: Backend) async throws -> Reply {
        let sql = statement.sql
        let isDistinct = sql.contains("DISTINCT ON")
        var seen: Set<FactKey> = []
        var written: Set<FactKey> = []
        var inserted = 0
        var updated = 0
        let keepsOld = sql.contains("DO NOTHING")
        let keepsEqual = sql.contains("record_image_ne")
        for (key, value) in try records(of: statement, backend).sorted(by: { $0.0 < $1.0 }) {
            if !seen.insert(key).inserted, isDistinct { continue }
            try await lock(.fact(key), backend)
            guard let old = visible(key, to: backend) else {
                backend.writes.facts[key] = .some(value)
                written.insert(key)
                inserted += 1
                continue
            }
            if keepsOld { continue }
            if written.contains(key) {
                throw SimulatedServer.error("21000", "ON CONFLICT DO UPDATE command cannot affect row a second time")
            }
            if keepsEqual && old == value { continue }
            backend.writes.facts[key] = .some(value)
            written.insert(key)
            updated += 1
        }
        return Reply(columns: ["inserted", "updated"], rows: [[String(inserted), String(updated)]])
    }

    private func findConflict(_ statement: BoundStatement, _ backend: Backend) throws -> Reply {
        var known: [FactKey: String] = [:]
        for (key, value) in try records(of: statement, backend) {
            if let other = known.updateValue(value, forKey: key), other != value {
                return Reply(columns: ["key"], rows: [["(\(key.partition),\(key.unit),\(key.part))"]])
            }
        }
        return Reply(columns: ["key"])
    }

    /// The rows of a window, and those of them in some units that no record has.
    private func withdrawn(_ values: Values, _ backend: Backend) throws -> (rows: Int, keys: [FactKey]) {
        let sql = values.statement.sql
        let range = try values.range
        let partition = SimulatedServer.literal(after: "\"region\" OPERATOR(pg_catalog.=) '", in: sql) ?? ""
        let units = try SimulatedServer.ranges(in: values["units"])
        let isEmpty = sql.contains("WHERE false")
        let known = Set(isEmpty ? [] : try records(of: values.statement, backend).map(\.0))
        let rows = visible(to: backend).facts.keys.filter { $0.partition == partition && range.contains($0.unit) }
        let gone = rows.filter { key in !known.contains(key) && units.contains { $0.contains(key.unit) } }
        return (rows.count, gone.sorted())
    }

    private func countWithdrawn(_ values: Values, _ backend: Backend) throws -> Reply {
        let (rows, keys) = try withdrawn(values, backend)
        let free = try SimulatedServer.ranges(in: values["unguarded"])
        let guarded = keys.count { key in !free.contains { $0.contains(key.unit) } }
        return Reply(
            columns: ["rows", "withdrawn", "guarded"], rows: [[String(rows), String(keys.count), String(guarded)]])
    }

    private func deleteWithdrawn(_ values: Values, _ backend: Backend) async throws -> Reply {
        var deleted = 0
        for key in try withdrawn(values, backend).keys {
            try await lock(.fact(key), backend)
            guard visible(key, to: backend) != nil else { continue }
            backend.writes.facts[key] = .some(nil)
            deleted += 1
        }
        return Reply(columns: ["deleted"], rows: [[String(deleted)]])
    }

    private func visible(_ key: FactKey, to backend: Backend) -> String? {
        if let own = backend.writes.facts[key] { return own }
        return state.facts[key]
    }

    private func records(of statement: BoundStatement, _ backend: Backend) throws -> [(FactKey, String)] {
        guard let batch = backend.batchTable else { throw SimulatedServer.error("42P01", "there is no table batch") }
        // A partition that no record carries is written into the statement: 'a'::pg_catalog.text AS "region".
        var partition: String?
        if !batch.columns.contains("region"), let end = statement.sql.firstRange(of: " AS \"region\"") {
            let quoted = statement.sql[..<end.lowerBound].split(separator: "'", omittingEmptySubsequences: false)
            partition = quoted.dropLast().last.map(String.init)
        }
        return try SimulatedServer.records(batch, partition: partition)
    }

    private static func records(_ batch: BatchRows, partition: String?) throws -> [(FactKey, String)] {
        func column(_ name: String) -> Int? { batch.columns.firstIndex(of: name) }
        guard let unit = column("n"), let part = column("part"), let value = column("v") else {
            throw unknown("records of \(batch.columns)")
        }
        return try batch.rows.map { row in
            guard let n = Int64(row[unit]), let number = Int(row[part]),
                let partition = column("region").map({ row[$0] }) ?? partition
            else { throw error("22P02", "invalid input syntax") }
            return (FactKey(partition: partition, unit: n, part: number), row[value])
        }
    }

    /// The quoted names in the first parentheses of a statement.
    private static func names(in sql: String) -> [String] {
        let list = sql.drop { $0 != "(" }.dropFirst().prefix { $0 != ")" }
        return list.split(separator: ",").compactMap { item in
            item.split(separator: "\"", omittingEmptySubsequences: false).dropFirst().first.map(String.init)
        }
    }

    /// Rows of CSV without quotes.
    private static func rows(_ data: [UInt8]) -> [[String]] {
        String(decoding: data, as: UTF8.self).split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
    }
}
