import Postgres
import SQLStatements

/// What a statement is answered with.
struct Reply {
    var columns: [String] = []
    var rows: [[String?]] = []
    var tag = "SELECT"

    func rows(of statement: String) throws -> Rows {
        try Rows(columns: columns, rows: rows, commandTag: tag, statement: statement)
    }
}

/// The values of a statement by their names in its file.
struct Values {
    let statement: BoundStatement

    subscript(name: String) -> String {
        get throws {
            guard let value = try optional(name) else {
                throw SimulatedServer.unknown("\(statement.name) with \(name) NULL")
            }
            return value
        }
    }

    func optional(_ name: String) throws -> String? {
        guard let index = statement.variables.firstIndex(of: name) else {
            throw SimulatedServer.unknown("\(statement.name) has no variable \(name)")
        }
        return statement.values[index]
    }

    func int(_ name: String) throws -> Int64 {
        guard let value = Int64(try self[name]) else { throw SimulatedServer.unknown("\(statement.name): \(name)") }
        return value
    }

    /// The window or range of `lower` and `upper`.
    var range: Range<Int64> { get throws { try int("lower")..<int("upper") } }

    /// The partition that `values` names: streams of a simulation have one partition column.
    var partition: String { get throws { String(try self["values"].dropFirst(2).dropLast(2)) } }

    /// A time in microseconds.
    func time(_ name: String, now: Int64) throws -> Int64 {
        switch try self[name] {
        case "now": now
        case "infinity": .max
        case let text: Int64(text) ?? .max
        }
    }
}

extension SimulatedServer {
    /// A statement that the simulation does not know, or not in this form.
    static func unknown(_ what: String) -> PostgresError {
        error("0A000", "the simulation does not know \(what)")
    }

    /// Runs a statement in the session's transaction, or in one of its own.
    func run(_ statement: BoundStatement, data: [UInt8]? = nil, on backend: Backend) async throws -> Reply {
        do {
            let reply = try await carryOut(statement, data, backend)
            onEvent(.statement(backend: backend.number, statement, data: data, .success(reply)))
            return reply
        } catch {
            onEvent(.statement(backend: backend.number, statement, data: data, .failure(error)))
            throw error
        }
    }

    private func carryOut(_ statement: BoundStatement, _ data: [UInt8]?, _ backend: Backend) async throws -> Reply {
        switch statement.sql {
        case "COMMIT": return Reply(tag: commit(backend) ? "COMMIT" : "ROLLBACK")
        case "COMMIT AND CHAIN":
            let isCommitted = commit(backend)
            begin(backend, isSnapshot: false)
            return Reply(tag: isCommitted ? "COMMIT" : "ROLLBACK")
        case "ROLLBACK":
            rollback(backend)
            return Reply(tag: "ROLLBACK")
        case let sql where sql.hasPrefix("ROLLBACK TO SAVEPOINT "):
            try rollback(to: String(sql.dropFirst(22)), backend)
            return Reply(tag: "ROLLBACK")
        default: break
        }
        if backend.isFailed { throw SimulatedServer.error("25P02", "current transaction is aborted") }
        let isAlone = !backend.isInTransaction
        do {
            if let fault = fault(backend, statement) {
                throw SimulatedServer.error(fault.rawValue, "a fault of the simulation")
            }
            let reply = try await perform(statement, data, backend)
            if isAlone, !backend.isInTransaction { _ = commit(backend) }
            return reply
        } catch {
            if isAlone { rollback(backend) } else { backend.isFailed = true }
            throw error
        }
    }

    private func rollback(to name: String, _ backend: Backend) throws {
        guard let index = backend.savepoints.lastIndex(where: { $0.name == name }) else {
            throw SimulatedServer.error("3B001", "savepoint does not exist")
        }
        backend.writes = backend.savepoints[index].writes
        backend.savepoints.removeLast(backend.savepoints.count - index - 1)
        backend.isFailed = false
    }

    private func perform(_ statement: BoundStatement, _ data: [UInt8]?, _ backend: Backend) async throws -> Reply {
        let values = Values(statement: statement)
        switch statement.name {
        case "BEGIN":
            begin(backend, isSnapshot: statement.sql.contains("REPEATABLE READ"))
            return Reply(tag: "BEGIN")
        case "SAVEPOINT", "savepoint":
            guard statement.sql.hasPrefix("SAVEPOINT ") else { break }
            backend.savepoints.append((String(statement.sql.dropFirst(10)), backend.writes))
            return Reply(tag: "SAVEPOINT")
        // The simulated table has no constraint that could wait.
        case "check_deferred_constraints": return Reply(tag: "SET CONSTRAINTS")
        case "set_parameter", "set_scan_parameters": return Reply(columns: ["set_config"], rows: [[""]])
        case "set_transaction_parameters":
            backend.lockTimeout = (Int64(try values["lock_timeout"].dropLast()) ?? 0) * 1_000_000
            return Reply(columns: ["set_config"], rows: [[""]])
        case "search path": return Reply(columns: ["user_path"], rows: [["public"]])
        case "select_clock":
            return Reply(
                columns: ["epoch", "now", "in_recovery", "reads_only"],
                rows: [[String(scheduler.microseconds / 1_000_000), String(scheduler.tick()), "f", "f"]])
        case "try_lease":
            return Reply(
                columns: ["leased", "now"],
                rows: [[tryLock(try values["lease"], backend) ? "t" : "f", String(scheduler.tick())]])
        case "release_lease":
            return Reply(columns: ["released"], rows: [[unlock(try values["lease"], backend) ? "t" : "f"]])
        case "lock_window":
            try await lock(try values["window"], backend)
            return Reply(columns: ["lock"], rows: [[""]])
        case "lock_evidence":
            try await lock("lacuna.evidence/\(try values["stream"])/\(try values.partition)", backend)
            return Reply(columns: ["lock"], rows: [[""]])
        case "describe_relation", "describe_columns", "measure_table", "find_odd_partition", "find_unique_index",
            "schema_exists", "select_migrations":
            return catalog(statement.name)
        case "find_gaps": return findGaps(values.statement, try values.range, visible(to: backend))
        // What is missing is found anew by each survey; nothing that is kept of it decides anything.
        case "select_gap_record":
            return Reply(columns: ["kind", "number", "lower", "upper", "at", "detail", "tries", "who"])
        case "measure_journal": return Reply(columns: ["whole", "since", "deferral"], rows: [["t", nil, nil]])
        case "survey_is_newest": return Reply(columns: ["newest"], rows: [["t"]])
        case "select_gaps": return Reply(columns: ["partition_values", "lower", "upper"])
        case "delete_gaps", "upsert_gaps", "write_survey": return Reply(tag: "INSERT 0 0")
        // Nobody there declares units missing for good.
        case "select_accepted": return Reply(columns: ["partition_values", "lower", "upper", "reason", "ends"])
        case "select_extents", "select_verified", "select_provisional", "select_refetch", "select_window_evidence":
            return try evidence(values, visible(to: backend))
        case "select_stream", "select_failures", "next_run", "insert_run", "finish_run", "insert_finished_run",
            "prune_journal", "find_newer_batches", "insert_batch", "finish_batch", "insert_failed_batch",
            "upsert_stream":
            return try await journal(values, backend)
        case "replace_verified", "replace_provisional", "remove_refetch", "insert_refetch", "extend_extents":
            return try await writeEvidence(values, backend)
        case "create_batch_table", "truncate_batch_table", "drop_batch_table", "copy_batch_csv", "copy_table_csv",
            "upsert_batch", "find_conflicting_record", "count_withdrawn", "delete_withdrawn":
            return try await load(values, data, backend)
        default: break
        }
        throw SimulatedServer.unknown("the statement \(statement.name)")
    }

    // MARK: The catalog

    /// What the table is: `facts (region text, n bigint, part integer, v text, PRIMARY KEY (region, n, part))`.
    private func catalog(_ name: String) -> Reply {
        switch name {
        case "describe_relation":
            return Reply(
                columns: [
                    "schema", "name", "kind", "row_estimate", "can_select", "can_insert", "can_update", "can_delete",
                    "oid", "is_columnar", "is_hypertable", "in_cluster",
                ],
                rows: [["public", "facts", "r", "-1", "t", "t", "t", "t", "16384", "f", "f", "f"]])
        case "describe_columns":
            return Reply(
                columns: [
                    "name", "type", "base_type", "not_null", "is_generated", "has_default", "primary_key_position",
                    "collation",
                ],
                rows: [
                    ["region", "text", "text", "t", "f", "f", "0", nil],
                    ["n", "bigint", "bigint", "t", "f", "f", "1", nil],
                    ["part", "integer", "integer", "t", "f", "f", "2", nil],
                    ["v", "text", "text", "t", "f", "f", nil, nil],
                ])
        case "measure_table": return Reply(columns: ["most_rows"], rows: [["290"]])
        case "find_unique_index": return Reply(columns: ["found"], rows: [["t"]])
        case "schema_exists":
            let tables =
                "{accepted,batch,change,cursor,gap,key,migration,owed_after,provisional,refetch,run,settled,shared_turn,"
                + "shared_turn_taker,stream,summary,survey,survey_partition,tracking,verification,verified_empty}"
            return Reply(columns: ["installed", "readable", "writable", "tables"], rows: [["t", "t", "t", tables]])
        case "select_migrations": return Reply(columns: ["number"], rows: Migration.all.map { [String($0.number)] })
        default: return Reply(columns: ["given", "written"])
        }
    }

    // MARK: Gaps

    /// `find_gaps.sql`: of each partition with a row the gaps, and a range that ends at the upper edge.
    private func findGaps(_ statement: BoundStatement, _ range: Range<Int64>, _ state: StoredState) -> Reply {
        var partitions: [String: Set<Int64>] = [:]
        for key in state.facts.keys where range.contains(key.unit) {
            partitions[key.partition, default: []].insert(key.unit)
        }
        if let only = SimulatedServer.literal(after: "\"region\" OPERATOR(pg_catalog.=) '", in: statement.sql) {
            partitions = partitions.filter { $0.key == only }
        }
        var reply = Reply(columns: ["partition_values", "lower", "upper"])
        for (partition, units) in partitions.sorted(by: { $0.key < $1.key }) {
            func gap(_ lower: Int64, _ upper: Int64) {
                if lower < upper || upper == range.upperBound {
                    reply.rows.append(["{\(partition)}", String(lower), String(upper)])
                }
            }
            var next = range.lowerBound
            for unit in units.sorted() {
                if next < unit { gap(next, unit) }
                next = unit + 1
            }
            gap(next, range.upperBound)
        }
        if partitions.isEmpty { reply.rows.append([nil, String(range.lowerBound), String(range.upperBound)]) }
        return reply
    }

    /// The text of a literal between its opening mark and the next quote.
    static func literal(after prefix: String, in sql: String) -> String? {
        guard let start = sql.firstRange(of: prefix) else { return nil }
        return String(sql[start.upperBound...].prefix { $0 != "'" })
    }
}
