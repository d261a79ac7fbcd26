import LacunaModel
import Postgres
import SQLStatements

/// How a table's rows lie on the nodes of a Citus cluster: all that Lacuna knows of Citus begins here.
///
/// A query over several shards has no single snapshot, and a commit over several nodes has no single moment. What follows of
/// that for a stream is told by the properties below, so that nobody else has to know the kinds of tables.
package struct TableSpread: Sendable, Hashable {
    /// Where the rows are.
    package enum Kind: Sendable, Hashable {
        /// In the table itself, on the node that the session is connected to.
        case local
        /// In a shard of the coordinator's own: a local table that Citus manages.
        case managed
        /// In a copy on each node.
        case copies
        /// In one shard on one node, as by schema-based sharding.
        case oneShard
        /// In shards by the value of a column.
        case shards(column: String)
        /// In shards to which rows are only added: Citus takes no upsert there.
        case appended
    }

    /// A table outside of any cluster.
    package static let local = TableSpread(kind: .local)

    /// Where the rows are.
    package var kind: Kind
    /// Whether another node coordinates the cluster: evidence and locks are there.
    package var isWorker = false
    /// The address of that node, if it is known.
    package var coordinator: String?

    /// Reads how a table lies.
    ///
    /// - Parameters:
    ///   - oid: the table's number; nil asks for the node alone.
    ///   - session: on a database that belongs to a cluster.
    /// - Throws: ``PostgresError``.
    package static func load(_ oid: Int64?, on session: Session) async throws -> TableSpread {
        let row = try await session.query(
            try Statements.describeSpread.bound(values: ["oid": oid.map { String($0) }])
        ).only()
        return TableSpread(
            kind: kind(
                method: try row.getIfPresent("method"), model: try row.getIfPresent("model"),
                column: try row.getIfPresent("column"), colocation: try row.getIfPresent("colocation") ?? 0),
            isWorker: try row.get("is_worker"), coordinator: try row.getIfPresent("coordinator"))
    }

    private static func kind(method: String?, model: String?, column: String?, colocation: Int) -> Kind {
        switch method {
        case nil: .local
        case "n" where model == "t": .copies
        case "n": colocation == 0 ? .managed : .oneShard
        case "a": .appended
        default: column.map { .shards(column: $0) } ?? .appended
        }
    }

    /// Whether Citus plans what is asked of the table: its own files are empty, and its statistics say nothing.
    package var isKnownToCluster: Bool { kind != .local }

    /// Whether rows are on other nodes. There a commit is seen later than in the evidence, and half of one may be seen.
    package var isRemote: Bool {
        switch kind {
        case .local, .managed: false
        case .copies, .oneShard, .shards, .appended: true
        }
    }

    /// Whether all rows of a partition are in one shard, so that they are seen in one snapshot and committed at one moment.
    package func keepsPartitionsWhole(_ columns: [String]) -> Bool {
        switch kind {
        case .local, .managed, .copies, .oneShard: true
        case .shards(let column): columns.contains(column)
        case .appended: false
        }
    }

    /// Whether partitions of one table may be on different nodes.
    package var hasShards: Bool {
        switch kind {
        case .shards, .appended: true
        case .local, .managed, .copies, .oneShard: false
        }
    }

    /// How rows lie, as the end of a sentence; nil if there is nothing to tell.
    package var description: String? {
        switch kind {
        case .local: nil
        case .managed: "it is a local table that Citus manages"
        case .copies: "it is a reference table, with a copy on each node"
        case .oneShard: "it is one shard"
        case .shards(let column): "it is distributed by \(column)"
        case .appended: "it is distributed by append"
        }
    }

    /// Why a session on this node must not work for a stream; nil if it may.
    package var nodeProblem: String? {
        guard isWorker else { return nil }
        let address = coordinator.map { " (\($0))" } ?? ""
        return
            "this node is a worker of a Citus cluster. Evidence, extents and locks of streams are on the coordinator\(address), "
            + "and a worker has none of its own that would hold for the others: connect there"
    }

    // MARK: Transactions

    /// How long a session of another node may keep its transaction open if it hears nothing: longer than a coordinator waits
    /// between two statements for the same node.
    private static let idleTimeout = "600s"

    /// What a transaction sets so that its limits hold on the nodes with the shards too: nobody else ends a session there whose
    /// coordinator has gone.
    ///
    /// - Parameter lockTimeout: how long a lock may be waited for.
    /// - Throws: ``PostgresError``.
    func limits(lockTimeout: String) throws -> [BoundStatement] {
        guard isRemote else { return [] }
        return try [
            ("citus.propagate_set_commands", "local"), ("lock_timeout", lockTimeout),
            ("idle_in_transaction_session_timeout", TableSpread.idleTimeout),
        ].map { name, value in
            try Statements.setOnShards.bound(fragments: [
                "name": SQLFragment(trusted: name), "value": try SQLFragment(literal: value),
            ])
        }
    }

    /// What a migration of the schema sets, so that its tables are plain ones of the coordinator: rows that are committed with the
    /// evidence in one transaction need it on the node that commits last.
    package static func keepingTablesLocal() throws -> [BoundStatement] {
        try ["citus.use_citus_managed_tables", "citus.enable_schema_based_sharding"].map { name in
            try Statements.setParameter.bound(values: ["name": name, "value": "off"])
        }
    }
}

extension ResolvedStream {
    /// What a transaction writes before it looks at the table, so that Citus prepares the transaction on each node that it writes
    /// to; nothing for a table whose rows are here.
    ///
    /// - Parameter partitions: the partitions that are written to.
    /// - Throws: ``PostgresError``.
    func announcingWrites(to partitions: Set<Partition>) throws -> [BoundStatement] {
        guard table.spread.isRemote, table.privileges.canUpdate,
            let column = table.columns.first(where: { !$0.isGenerated })
        else { return [] }
        // A statement over all shards costs less than one for each of many partitions.
        let isNarrow = table.spread.hasShards && keepsPartitionsWhole && partitions.count <= 8
        let concerned = isNarrow ? try partitions.sorted().map { try inPartition($0) } : [SQLFragment(trusted: "true")]
        let name = try SQLFragment(identifier: column.name)
        let writes = try concerned.map { rows in
            try Statements.announceWrite.bound(
                identifiers: identifiers, fragments: ["column": name, "in_partition": rows])
        }
        // It changes no row, so that two of them cannot wait for each other.
        func preventingDeadlocks(_ value: String) throws -> BoundStatement {
            try Statements.setParameter.bound(values: ["name": "citus.enable_deadlock_prevention", "value": value])
        }
        return try [preventingDeadlocks("off")] + writes + [preventingDeadlocks("on")]
    }

    /// Whether all rows of a partition are in one shard.
    package var keepsPartitionsWhole: Bool { table.spread.keepsPartitionsWhole(definition.partitions.columns) }

    /// What a catchup commits all or nothing. If the partitions are on several shards, one transaction over all of them would be seen
    /// shard by shard: each partition has its own.
    package var atomicity: Atomicity {
        table.spread.hasShards && keepsPartitionsWhole ? .partition : definition.atomic
    }

    /// What is not promised of a stream on such a table; nil if everything is.
    package var spreadWarning: String? {
        guard case .shards(let column) = table.spread.kind, !keepsPartitionsWhole else { return nil }
        return
            "\(table.name) is distributed by \(column), which is no partition column: a reader may see a part of a catchup "
            + "while it commits, shard by shard. Distributed by a partition column it would not"
    }

    /// Why rows cannot be loaded into such a table; nil if they can.
    package var loadProblem: String? {
        if definition.rows == .replace, !definition.keyType.isOrdered, table.spread.isRemote {
            return
                "rows: replace joins rows with the ids that are known, and \(table.name) has its rows on other nodes: Citus "
                + "does not join them"
        }
        guard definition.load.isEmpty else { return nil }
        if table.isColumnar {
            return
                "\(table.name) is columnar: it takes new rows and changes none, so that no upsert can work. Keep the table "
                + "as a heap, or write the rows by `load`"
        }
        if table.spread.kind == .appended {
            return
                "\(table.name) is distributed by append, and Citus takes no upsert there: distribute it by hash, or write "
                + "the rows by `load`"
        }
        return nil
    }
}
