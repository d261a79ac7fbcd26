import TestSupport

/// The ways in which somebody deletes rows, tricks against triggers included.
enum Pruning: CaseIterable {
    case plainly, inPart, slowly, asReplica, withoutTrigger, byRewriting, wholly

    /// Those that the episode allows.
    static func ways(tracked: Bool) -> [Pruning] {
        // Most are plain, so that a scan of what has changed has something to go on from.
        tracked ? [.plainly, .plainly, .plainly, .plainly] + allCases : [.plainly]
    }

    /// Deletes the rows from unit `lower` to unit `upper`, and maybe others.
    func sql(_ lower: Int, _ upper: Int) -> String {
        let delete = "DELETE FROM facts WHERE n >= \(lower) AND n <= \(upper);"
        return switch self {
        case .plainly: delete
        case .inPart: "BEGIN; SAVEPOINT a; DELETE FROM facts; ROLLBACK TO a; \(delete) COMMIT"
        case .slowly: "BEGIN; \(delete) SELECT pg_sleep(0.4); COMMIT"
        case .asReplica: "SET session_replication_role = replica; \(delete)"
        case .withoutTrigger:
            """
            BEGIN; SET LOCAL lock_timeout = '1s'; ALTER TABLE facts DISABLE TRIGGER lacuna_change_1_delete; \(delete)
            ALTER TABLE facts ENABLE ALWAYS TRIGGER lacuna_change_1_delete; COMMIT
            """
        case .byRewriting: "SET lock_timeout = '1s'; \(delete) CLUSTER facts USING facts_pkey"
        case .wholly: "SET lock_timeout = '1s'; TRUNCATE facts"
        }
    }

    /// Deletes all units from `lower` to `upper`, `size` of them in each transaction, which then stays open for a moment;
    /// takes three seconds.
    static func stepwise(_ lower: Int, _ upper: Int, by size: Int) -> String {
        """
        DO $$
        DECLARE u bigint;
        BEGIN
            FOR u IN SELECT generate_series(\(lower)::bigint, \(upper)::bigint, \(size)) LOOP
                DELETE FROM facts WHERE n >= u AND n < u + \(size);
                PERFORM pg_sleep(3.0 * \(size) / \(upper - lower + 1));
                COMMIT;
            END LOOP;
        END $$
        """
    }
}
