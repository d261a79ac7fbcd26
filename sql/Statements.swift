import Postgres

/// Every statement that Lacuna runs, one a file of `sql/statements`. Each file says what it does and what it takes, and
/// psql runs it as it stands.
public enum Statements {
    /// `analyze_batch.sql`
    public static let analyzeBatch = statement("analyze_batch", PackageResources.analyze_batch_sql)
    /// `arm_guard.sql`
    public static let armGuard = statement("arm_guard", PackageResources.arm_guard_sql)
    /// `copy_batch_csv.sql`
    public static let copyBatchCsv = statement("copy_batch_csv", PackageResources.copy_batch_csv_sql)
    /// `copy_batch_json.sql`
    public static let copyBatchJson = statement("copy_batch_json", PackageResources.copy_batch_json_sql)
    /// `copy_table_csv.sql`
    public static let copyTableCsv = statement("copy_table_csv", PackageResources.copy_table_csv_sql)
    /// `copy_table_text.sql`
    public static let copyTableText = statement("copy_table_text", PackageResources.copy_table_text_sql)
    /// `count_new_records.sql`
    public static let countNewRecords = statement("count_new_records", PackageResources.count_new_records_sql)
    /// `count_segments.sql`
    public static let countSegments = statement("count_segments", PackageResources.count_segments_sql)
    /// `count_units.sql`
    public static let countUnits = statement("count_units", PackageResources.count_units_sql)
    /// `create_batch_table.sql`
    public static let createBatchTable = statement("create_batch_table", PackageResources.create_batch_table_sql)
    /// `create_guard.sql`
    public static let createGuard = statement("create_guard", PackageResources.create_guard_sql)
    /// `create_tracking_trigger.sql`
    public static let createTrackingTrigger = statement(
        "create_tracking_trigger", PackageResources.create_tracking_trigger_sql)
    /// `delete_changes.sql`
    public static let deleteChanges = statement("delete_changes", PackageResources.delete_changes_sql)
    /// `delete_owed_after.sql`
    public static let deleteOwedAfter = statement("delete_owed_after", PackageResources.delete_owed_after_sql)
    /// `delete_extents.sql`
    public static let deleteExtents = statement("delete_extents", PackageResources.delete_extents_sql)
    /// `delete_summary.sql`
    public static let deleteSummary = statement("delete_summary", PackageResources.delete_summary_sql)
    /// `delete_tracking.sql`
    public static let deleteTracking = statement("delete_tracking", PackageResources.delete_tracking_sql)
    /// `describe_columns.sql`
    public static let describeColumns = statement("describe_columns", PackageResources.describe_columns_sql)
    /// `describe_relation.sql`
    public static let describeRelation = statement("describe_relation", PackageResources.describe_relation_sql)
    /// `describe_scan.sql`
    public static let describeScan = statement("describe_scan", PackageResources.describe_scan_sql)
    /// `describe_tracking.sql`
    public static let describeTracking = statement("describe_tracking", PackageResources.describe_tracking_sql)
    /// `disarm_guard.sql`
    public static let disarmGuard = statement("disarm_guard", PackageResources.disarm_guard_sql)
    /// `drop_batch_table.sql`
    public static let dropBatchTable = statement("drop_batch_table", PackageResources.drop_batch_table_sql)
    /// `drop_tracking_trigger.sql`
    public static let dropTrackingTrigger = statement(
        "drop_tracking_trigger", PackageResources.drop_tracking_trigger_sql)
    /// `enable_tracking_trigger.sql`
    public static let enableTrackingTrigger = statement(
        "enable_tracking_trigger", PackageResources.enable_tracking_trigger_sql)
    /// `export_snapshot.sql`
    public static let exportSnapshot = statement("export_snapshot", PackageResources.export_snapshot_sql)
    /// `extend_extents.sql`
    public static let extendExtents = statement("extend_extents", PackageResources.extend_extents_sql)
    /// `find_conflicting_record.sql`
    public static let findConflictingRecord = statement(
        "find_conflicting_record", PackageResources.find_conflicting_record_sql)
    /// `find_field_sets.sql`
    public static let findFieldSets = statement("find_field_sets", PackageResources.find_field_sets_sql)
    /// `find_gaps.sql`
    public static let findGaps = statement("find_gaps", PackageResources.find_gaps_sql)
    /// `find_leading_index.sql`
    public static let findLeadingIndex = statement("find_leading_index", PackageResources.find_leading_index_sql)
    /// `find_newer_batches.sql`
    public static let findNewerBatches = statement("find_newer_batches", PackageResources.find_newer_batches_sql)
    /// `find_odd_partition.sql`
    public static let findOddPartition = statement("find_odd_partition", PackageResources.find_odd_partition_sql)
    /// `find_short_segments.sql`
    public static let findShortSegments = statement("find_short_segments", PackageResources.find_short_segments_sql)
    /// `find_stray_record.sql`
    public static let findStrayRecord = statement("find_stray_record", PackageResources.find_stray_record_sql)
    /// `find_unique_index.sql`
    public static let findUniqueIndex = statement("find_unique_index", PackageResources.find_unique_index_sql)
    /// `finish_batch.sql`
    public static let finishBatch = statement("finish_batch", PackageResources.finish_batch_sql)
    /// `finish_run.sql`
    public static let finishRun = statement("finish_run", PackageResources.finish_run_sql)
    /// `finish_summary.sql`
    public static let finishSummary = statement("finish_summary", PackageResources.finish_summary_sql)
    /// `group_units.sql`
    public static let groupUnits = statement("group_units", PackageResources.group_units_sql)
    /// `import_snapshot.sql`
    public static let importSnapshot = statement("import_snapshot", PackageResources.import_snapshot_sql)
    /// `insert_batch.sql`
    public static let insertBatch = statement("insert_batch", PackageResources.insert_batch_sql)
    /// `insert_failed_batch.sql`
    public static let insertFailedBatch = statement("insert_failed_batch", PackageResources.insert_failed_batch_sql)
    /// `insert_finished_run.sql`
    public static let insertFinishedRun = statement("insert_finished_run", PackageResources.insert_finished_run_sql)
    /// `insert_migration.sql`
    public static let insertMigration = statement("insert_migration", PackageResources.insert_migration_sql)
    /// `insert_owed_after.sql`
    public static let insertOwedAfter = statement("insert_owed_after", PackageResources.insert_owed_after_sql)
    /// `insert_refetch.sql`
    public static let insertRefetch = statement("insert_refetch", PackageResources.insert_refetch_sql)
    /// `insert_run.sql`
    public static let insertRun = statement("insert_run", PackageResources.insert_run_sql)
    /// `insert_summary.sql`
    public static let insertSummary = statement("insert_summary", PackageResources.insert_summary_sql)
    /// `insert_tracking.sql`
    public static let insertTracking = statement("insert_tracking", PackageResources.insert_tracking_sql)
    /// `limit_statement_time.sql`
    public static let limitStatementTime = statement(
        "limit_statement_time", PackageResources.limit_statement_time_sql)
    /// `lock_evidence.sql`
    public static let lockEvidence = statement("lock_evidence", PackageResources.lock_evidence_sql)
    /// `lock_summary.sql`
    public static let lockSummary = statement("lock_summary", PackageResources.lock_summary_sql)
    /// `lock_tracked_table.sql`
    public static let lockTrackedTable = statement("lock_tracked_table", PackageResources.lock_tracked_table_sql)
    /// `lock_window.sql`
    public static let lockWindow = statement("lock_window", PackageResources.lock_window_sql)
    /// `measure_partition.sql`
    public static let measurePartition = statement("measure_partition", PackageResources.measure_partition_sql)
    /// `measure_partitions.sql`
    public static let measurePartitions = statement("measure_partitions", PackageResources.measure_partitions_sql)
    /// `measure_table.sql`
    public static let measureTable = statement("measure_table", PackageResources.measure_table_sql)
    /// `next_run.sql`
    public static let nextRun = statement("next_run", PackageResources.next_run_sql)
    /// `probe_units.sql`
    public static let probeUnits = statement("probe_units", PackageResources.probe_units_sql)
    /// `prune_journal.sql`
    public static let pruneJournal = statement("prune_journal", PackageResources.prune_journal_sql)
    /// `register_keys.sql`
    public static let registerKeys = statement("register_keys", PackageResources.register_keys_sql)
    /// `release_lease.sql`
    public static let releaseLease = statement("release_lease", PackageResources.release_lease_sql)
    /// `remove_refetch.sql`
    public static let removeRefetch = statement("remove_refetch", PackageResources.remove_refetch_sql)
    /// `replace_verified.sql`
    public static let replaceVerified = statement("replace_verified", PackageResources.replace_verified_sql)
    /// `rewind_extents.sql`
    public static let rewindExtents = statement("rewind_extents", PackageResources.rewind_extents_sql)
    /// `scan_changed_chunks.sql`
    public static let scanChangedChunks = statement("scan_changed_chunks", PackageResources.scan_changed_chunks_sql)
    /// `schema_exists.sql`
    public static let schemaExists = statement("schema_exists", PackageResources.schema_exists_sql)
    /// `select_changes.sql`
    public static let selectChanges = statement("select_changes", PackageResources.select_changes_sql)
    /// `select_clock.sql`
    public static let selectClock = statement("select_clock", PackageResources.select_clock_sql)
    /// `select_expected_keys.sql`
    public static let selectExpectedKeys = statement("select_expected_keys", PackageResources.select_expected_keys_sql)
    /// `select_extents.sql`
    public static let selectExtents = statement("select_extents", PackageResources.select_extents_sql)
    /// `select_failures.sql`
    public static let selectFailures = statement("select_failures", PackageResources.select_failures_sql)
    /// `select_live_sessions.sql`
    public static let selectLiveSessions = statement("select_live_sessions", PackageResources.select_live_sessions_sql)
    /// `select_migrations.sql`
    public static let selectMigrations = statement("select_migrations", PackageResources.select_migrations_sql)
    /// `select_partitions.sql`
    public static let selectPartitions = statement("select_partitions", PackageResources.select_partitions_sql)
    /// `select_recent_runs.sql`
    public static let selectRecentRuns = statement("select_recent_runs", PackageResources.select_recent_runs_sql)
    /// `select_refetch.sql`
    public static let selectRefetch = statement("select_refetch", PackageResources.select_refetch_sql)
    /// `select_run_before.sql`
    public static let selectRunBefore = statement("select_run_before", PackageResources.select_run_before_sql)
    /// `select_stream.sql`
    public static let selectStream = statement("select_stream", PackageResources.select_stream_sql)
    /// `select_summary.sql`
    public static let selectSummary = statement("select_summary", PackageResources.select_summary_sql)
    /// `select_tracked_tables.sql`
    public static let selectTrackedTables = statement(
        "select_tracked_tables", PackageResources.select_tracked_tables_sql)
    /// `select_tracking.sql`
    public static let selectTracking = statement("select_tracking", PackageResources.select_tracking_sql)
    /// `select_tracking_triggers.sql`
    public static let selectTrackingTriggers = statement(
        "select_tracking_triggers", PackageResources.select_tracking_triggers_sql)
    /// `select_units.sql`
    public static let selectUnits = statement("select_units", PackageResources.select_units_sql)
    /// `select_verified.sql`
    public static let selectVerified = statement("select_verified", PackageResources.select_verified_sql)
    /// `select_window_evidence.sql`
    public static let selectWindowEvidence = statement(
        "select_window_evidence", PackageResources.select_window_evidence_sql)
    /// `set_parameter.sql`
    public static let setParameter = statement("set_parameter", PackageResources.set_parameter_sql)
    /// `set_pass_parameters.sql`
    public static let setPassParameters = statement("set_pass_parameters", PackageResources.set_pass_parameters_sql)
    /// `set_scan_parameters.sql`
    public static let setScanParameters = statement("set_scan_parameters", PackageResources.set_scan_parameters_sql)
    /// `set_transaction_parameters.sql`
    public static let setTransactionParameters = statement(
        "set_transaction_parameters", PackageResources.set_transaction_parameters_sql)
    /// `skip_units.sql`
    public static let skipUnits = statement("skip_units", PackageResources.skip_units_sql)
    /// `tracking_readable.sql`
    public static let trackingReadable = statement("tracking_readable", PackageResources.tracking_readable_sql)
    /// `truncate_batch_table.sql`
    public static let truncateBatchTable = statement(
        "truncate_batch_table", PackageResources.truncate_batch_table_sql)
    /// `try_lease.sql`
    public static let tryLease = statement("try_lease", PackageResources.try_lease_sql)
    /// `upsert_batch.sql`
    public static let upsertBatch = statement("upsert_batch", PackageResources.upsert_batch_sql)
    /// `upsert_batch_plainly.sql`
    public static let upsertBatchPlainly = statement("upsert_batch_plainly", PackageResources.upsert_batch_plainly_sql)
    /// `upsert_stream.sql`
    public static let upsertStream = statement("upsert_stream", PackageResources.upsert_stream_sql)

    /// All of them, by name.
    public static let all: [StatementTemplate] = [
        analyzeBatch, armGuard, copyBatchCsv, copyBatchJson, copyTableCsv, copyTableText, countNewRecords,
        countSegments, countUnits, createBatchTable, createGuard, createTrackingTrigger, deleteChanges, deleteExtents,
        deleteOwedAfter, deleteSummary, deleteTracking, describeColumns, describeRelation, describeScan,
        describeTracking, disarmGuard, dropBatchTable, dropTrackingTrigger, enableTrackingTrigger, exportSnapshot,
        extendExtents, findConflictingRecord, findFieldSets, findGaps, findLeadingIndex, findNewerBatches,
        findOddPartition, findShortSegments, findStrayRecord, findUniqueIndex, finishBatch, finishRun, finishSummary,
        groupUnits, importSnapshot, insertBatch, insertFailedBatch, insertFinishedRun, insertMigration, insertOwedAfter,
        insertRefetch, insertRun, insertSummary, insertTracking, limitStatementTime, lockEvidence, lockSummary,
        lockTrackedTable, lockWindow, measurePartition, measurePartitions, measureTable, nextRun, probeUnits,
        pruneJournal,
        registerKeys,
        releaseLease, removeRefetch, replaceVerified, rewindExtents, scanChangedChunks, schemaExists, selectChanges,
        selectClock, selectExpectedKeys, selectExtents, selectFailures, selectLiveSessions, selectMigrations,
        selectPartitions, selectRecentRuns, selectRefetch, selectRunBefore, selectStream, selectSummary,
        selectTrackedTables, selectTracking, selectTrackingTriggers, selectUnits, selectVerified, selectWindowEvidence,
        setParameter, setPassParameters, setScanParameters, setTransactionParameters, skipUnits, trackingReadable,
        truncateBatchTable, tryLease, upsertBatch, upsertBatchPlainly, upsertStream,
    ]

    private static func statement(_ name: String, _ bytes: [UInt8]) -> StatementTemplate {
        StatementTemplate(name: name, text: String(decoding: bytes, as: UTF8.self))
    }
}

/// A numbered change of the `lacuna` schema, a file of `sql/migrations`.
public struct Migration: Sendable {
    /// Its number, counted from 1 without holes.
    public let number: Int
    /// What it does, as its file is named.
    public let name: String
    /// The script.
    public let sql: String

    /// All migrations, in order.
    public static let all: [Migration] = [
        Migration(
            number: 1, name: "create_evidence_and_journal",
            sql: String(decoding: PackageResources._001_create_evidence_and_journal_sql, as: UTF8.self)),
        Migration(
            number: 2, name: "register_text_keys",
            sql: String(decoding: PackageResources._002_register_text_keys_sql, as: UTF8.self)),
        Migration(
            number: 3, name: "remember_owed_scripts",
            sql: String(decoding: PackageResources._003_remember_owed_scripts_sql, as: UTF8.self)),
        Migration(
            number: 4, name: "track_changes",
            sql: String(decoding: PackageResources._004_track_changes_sql, as: UTF8.self)),
        Migration(
            number: 5, name: "pass_rows_as_they_are",
            sql: String(decoding: PackageResources._005_pass_rows_as_they_are_sql, as: UTF8.self)),
    ]
}
