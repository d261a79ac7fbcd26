import Postgres

/// Every statement that Lacuna runs, one a file of `sql/statements`. Each file says what it does and what it takes, and
/// psql runs it as it stands.
package enum Statements {
    /// `analyze_batch.sql`
    package static let analyzeBatch = statement("analyze_batch", PackageResources.analyze_batch_sql)
    /// `announce_write.sql`
    package static let announceWrite = statement("announce_write", PackageResources.announce_write_sql)
    /// `arm_guard.sql`
    package static let armGuard = statement("arm_guard", PackageResources.arm_guard_sql)
    /// `check_deferred_constraints.sql`
    package static let checkDeferredConstraints = statement(
        "check_deferred_constraints", PackageResources.check_deferred_constraints_sql)
    /// `copy_batch_csv.sql`
    package static let copyBatchCsv = statement("copy_batch_csv", PackageResources.copy_batch_csv_sql)
    /// `copy_batch_json.sql`
    package static let copyBatchJson = statement("copy_batch_json", PackageResources.copy_batch_json_sql)
    /// `copy_table_csv.sql`
    package static let copyTableCsv = statement("copy_table_csv", PackageResources.copy_table_csv_sql)
    /// `copy_table_text.sql`
    package static let copyTableText = statement("copy_table_text", PackageResources.copy_table_text_sql)
    /// `count_new_records.sql`
    package static let countNewRecords = statement("count_new_records", PackageResources.count_new_records_sql)
    /// `count_segments.sql`
    package static let countSegments = statement("count_segments", PackageResources.count_segments_sql)
    /// `count_unit_rows.sql`
    package static let countUnitRows = statement("count_unit_rows", PackageResources.count_unit_rows_sql)
    /// `count_unit_shortfalls.sql`
    package static let countUnitShortfalls = statement(
        "count_unit_shortfalls", PackageResources.count_unit_shortfalls_sql)
    /// `count_units.sql`
    package static let countUnits = statement("count_units", PackageResources.count_units_sql)
    /// `count_withdrawn.sql`
    package static let countWithdrawn = statement("count_withdrawn", PackageResources.count_withdrawn_sql)
    /// `create_batch_table.sql`
    package static let createBatchTable = statement("create_batch_table", PackageResources.create_batch_table_sql)
    /// `create_guard.sql`
    package static let createGuard = statement("create_guard", PackageResources.create_guard_sql)
    /// `create_tracking_trigger.sql`
    package static let createTrackingTrigger = statement(
        "create_tracking_trigger", PackageResources.create_tracking_trigger_sql)
    /// `delete_changes.sql`
    package static let deleteChanges = statement("delete_changes", PackageResources.delete_changes_sql)
    /// `delete_gaps.sql`
    package static let deleteGaps = statement("delete_gaps", PackageResources.delete_gaps_sql)
    /// `delete_owed_after.sql`
    package static let deleteOwedAfter = statement("delete_owed_after", PackageResources.delete_owed_after_sql)
    /// `delete_evidence_outside.sql`
    package static let deleteEvidenceOutside = statement(
        "delete_evidence_outside", PackageResources.delete_evidence_outside_sql)
    /// `delete_extents.sql`
    package static let deleteExtents = statement("delete_extents", PackageResources.delete_extents_sql)
    /// `delete_summary.sql`
    package static let deleteSummary = statement("delete_summary", PackageResources.delete_summary_sql)
    /// `delete_tracking.sql`
    package static let deleteTracking = statement("delete_tracking", PackageResources.delete_tracking_sql)
    /// `delete_withdrawn.sql`
    package static let deleteWithdrawn = statement("delete_withdrawn", PackageResources.delete_withdrawn_sql)
    /// `delete_withdrawn_by_key.sql`
    package static let deleteWithdrawnByKey = statement(
        "delete_withdrawn_by_key", PackageResources.delete_withdrawn_by_key_sql)
    /// `describe_columns.sql`
    package static let describeColumns = statement("describe_columns", PackageResources.describe_columns_sql)
    /// `describe_relation.sql`
    package static let describeRelation = statement("describe_relation", PackageResources.describe_relation_sql)
    /// `describe_scan.sql`
    package static let describeScan = statement("describe_scan", PackageResources.describe_scan_sql)
    /// `describe_spread.sql`
    package static let describeSpread = statement("describe_spread", PackageResources.describe_spread_sql)
    /// `describe_source.sql`
    package static let describeSource = statement("describe_source", PackageResources.describe_source_sql)
    /// `describe_tracking.sql`
    package static let describeTracking = statement("describe_tracking", PackageResources.describe_tracking_sql)
    /// `digest_source.sql`
    package static let digestSource = statement("digest_source", PackageResources.digest_source_sql)
    /// `digest_table.sql`
    package static let digestTable = statement("digest_table", PackageResources.digest_table_sql)
    /// `disarm_guard.sql`
    package static let disarmGuard = statement("disarm_guard", PackageResources.disarm_guard_sql)
    /// `drop_batch_table.sql`
    package static let dropBatchTable = statement("drop_batch_table", PackageResources.drop_batch_table_sql)
    /// `drop_tracking_trigger.sql`
    package static let dropTrackingTrigger = statement(
        "drop_tracking_trigger", PackageResources.drop_tracking_trigger_sql)
    /// `enable_tracking_trigger.sql`
    package static let enableTrackingTrigger = statement(
        "enable_tracking_trigger", PackageResources.enable_tracking_trigger_sql)
    /// `export_snapshot.sql`
    package static let exportSnapshot = statement("export_snapshot", PackageResources.export_snapshot_sql)
    /// `extend_extents.sql`
    package static let extendExtents = statement("extend_extents", PackageResources.extend_extents_sql)
    /// `find_cluster.sql`
    package static let findCluster = statement("find_cluster", PackageResources.find_cluster_sql)
    /// `find_conflicting_record.sql`
    package static let findConflictingRecord = statement(
        "find_conflicting_record", PackageResources.find_conflicting_record_sql)
    /// `find_differences.sql`
    package static let findDifferences = statement("find_differences", PackageResources.find_differences_sql)
    /// `find_field_sets.sql`
    package static let findFieldSets = statement("find_field_sets", PackageResources.find_field_sets_sql)
    /// `find_gaps.sql`
    package static let findGaps = statement("find_gaps", PackageResources.find_gaps_sql)
    /// `find_leading_index.sql`
    package static let findLeadingIndex = statement("find_leading_index", PackageResources.find_leading_index_sql)
    /// `find_moved_rows.sql`
    package static let findMovedRows = statement("find_moved_rows", PackageResources.find_moved_rows_sql)
    /// `find_newer_batches.sql`
    package static let findNewerBatches = statement("find_newer_batches", PackageResources.find_newer_batches_sql)
    /// `find_odd_partition.sql`
    package static let findOddPartition = statement("find_odd_partition", PackageResources.find_odd_partition_sql)
    /// `find_present_keys.sql`
    package static let findPresentKeys = statement("find_present_keys", PackageResources.find_present_keys_sql)
    /// `find_short_segments.sql`
    package static let findShortSegments = statement("find_short_segments", PackageResources.find_short_segments_sql)
    /// `find_stray_record.sql`
    package static let findStrayRecord = statement("find_stray_record", PackageResources.find_stray_record_sql)
    /// `find_unique_index.sql`
    package static let findUniqueIndex = statement("find_unique_index", PackageResources.find_unique_index_sql)
    /// `finish_batch.sql`
    package static let finishBatch = statement("finish_batch", PackageResources.finish_batch_sql)
    /// `finish_run.sql`
    package static let finishRun = statement("finish_run", PackageResources.finish_run_sql)
    /// `finish_summary.sql`
    package static let finishSummary = statement("finish_summary", PackageResources.finish_summary_sql)
    /// `forget_stream.sql`
    package static let forgetStream = statement("forget_stream", PackageResources.forget_stream_sql)
    /// `group_shard_units.sql`
    package static let groupShardUnits = statement("group_shard_units", PackageResources.group_shard_units_sql)
    /// `group_units.sql`
    package static let groupUnits = statement("group_units", PackageResources.group_units_sql)
    /// `import_snapshot.sql`
    package static let importSnapshot = statement("import_snapshot", PackageResources.import_snapshot_sql)
    /// `insert_accepted.sql`
    package static let insertAccepted = statement("insert_accepted", PackageResources.insert_accepted_sql)
    /// `insert_batch.sql`
    package static let insertBatch = statement("insert_batch", PackageResources.insert_batch_sql)
    /// `insert_failed_batch.sql`
    package static let insertFailedBatch = statement("insert_failed_batch", PackageResources.insert_failed_batch_sql)
    /// `insert_finished_run.sql`
    package static let insertFinishedRun = statement("insert_finished_run", PackageResources.insert_finished_run_sql)
    /// `insert_migration.sql`
    package static let insertMigration = statement("insert_migration", PackageResources.insert_migration_sql)
    /// `insert_owed_after.sql`
    package static let insertOwedAfter = statement("insert_owed_after", PackageResources.insert_owed_after_sql)
    /// `insert_refetch.sql`
    package static let insertRefetch = statement("insert_refetch", PackageResources.insert_refetch_sql)
    /// `insert_run.sql`
    package static let insertRun = statement("insert_run", PackageResources.insert_run_sql)
    /// `insert_summary.sql`
    package static let insertSummary = statement("insert_summary", PackageResources.insert_summary_sql)
    /// `insert_tracking.sql`
    package static let insertTracking = statement("insert_tracking", PackageResources.insert_tracking_sql)
    /// `insert_turns.sql`
    package static let insertTurns = statement("insert_turns", PackageResources.insert_turns_sql)
    /// `limit_statement_time.sql`
    package static let limitStatementTime = statement(
        "limit_statement_time", PackageResources.limit_statement_time_sql)
    /// `list_commits_under_way.sql`
    package static let listCommitsUnderWay = statement(
        "list_commits_under_way", PackageResources.list_commits_under_way_sql)
    /// `list_nodes.sql`
    package static let listNodes = statement("list_nodes", PackageResources.list_nodes_sql)
    /// `lock_evidence.sql`
    package static let lockEvidence = statement("lock_evidence", PackageResources.lock_evidence_sql)
    /// `lock_summary.sql`
    package static let lockSummary = statement("lock_summary", PackageResources.lock_summary_sql)
    /// `lock_tracked_table.sql`
    package static let lockTrackedTable = statement("lock_tracked_table", PackageResources.lock_tracked_table_sql)
    /// `lock_window.sql`
    package static let lockWindow = statement("lock_window", PackageResources.lock_window_sql)
    /// `measure_journal.sql`
    package static let measureJournal = statement("measure_journal", PackageResources.measure_journal_sql)
    /// `measure_partition.sql`
    package static let measurePartition = statement("measure_partition", PackageResources.measure_partition_sql)
    /// `measure_partitions.sql`
    package static let measurePartitions = statement("measure_partitions", PackageResources.measure_partitions_sql)
    /// `measure_table.sql`
    package static let measureTable = statement("measure_table", PackageResources.measure_table_sql)
    /// `next_run.sql`
    package static let nextRun = statement("next_run", PackageResources.next_run_sql)
    /// `probe_units.sql`
    package static let probeUnits = statement("probe_units", PackageResources.probe_units_sql)
    /// `prune_journal.sql`
    package static let pruneJournal = statement("prune_journal", PackageResources.prune_journal_sql)
    /// `register_keys.sql`
    package static let registerKeys = statement("register_keys", PackageResources.register_keys_sql)
    /// `relation_exists.sql`
    package static let relationExists = statement("relation_exists", PackageResources.relation_exists_sql)
    /// `release_lease.sql`
    package static let releaseLease = statement("release_lease", PackageResources.release_lease_sql)
    /// `remove_accepted.sql`
    package static let removeAccepted = statement("remove_accepted", PackageResources.remove_accepted_sql)
    /// `remove_refetch.sql`
    package static let removeRefetch = statement("remove_refetch", PackageResources.remove_refetch_sql)
    /// `rename_stream.sql`
    package static let renameStream = statement("rename_stream", PackageResources.rename_stream_sql)
    /// `replace_provisional.sql`
    package static let replaceProvisional = statement("replace_provisional", PackageResources.replace_provisional_sql)
    /// `replace_settled.sql`
    package static let replaceSettled = statement("replace_settled", PackageResources.replace_settled_sql)
    /// `replace_verification.sql`
    package static let replaceVerification = statement(
        "replace_verification", PackageResources.replace_verification_sql)
    /// `replace_verified.sql`
    package static let replaceVerified = statement("replace_verified", PackageResources.replace_verified_sql)
    /// `return_turns.sql`
    package static let returnTurns = statement("return_turns", PackageResources.return_turns_sql)
    /// `rewind_extents.sql`
    package static let rewindExtents = statement("rewind_extents", PackageResources.rewind_extents_sql)
    /// `scan_changed_chunks.sql`
    package static let scanChangedChunks = statement("scan_changed_chunks", PackageResources.scan_changed_chunks_sql)
    /// `schema_exists.sql`
    package static let schemaExists = statement("schema_exists", PackageResources.schema_exists_sql)
    /// `select_accepted.sql`
    package static let selectAccepted = statement("select_accepted", PackageResources.select_accepted_sql)
    /// `select_change_times.sql`
    package static let selectChangeTimes = statement("select_change_times", PackageResources.select_change_times_sql)
    /// `select_changes.sql`
    package static let selectChanges = statement("select_changes", PackageResources.select_changes_sql)
    /// `select_clock.sql`
    package static let selectClock = statement("select_clock", PackageResources.select_clock_sql)
    /// `select_expected_keys.sql`
    package static let selectExpectedKeys = statement("select_expected_keys", PackageResources.select_expected_keys_sql)
    /// `select_extents.sql`
    package static let selectExtents = statement("select_extents", PackageResources.select_extents_sql)
    /// `select_failures.sql`
    package static let selectFailures = statement("select_failures", PackageResources.select_failures_sql)
    /// `select_gap_record.sql`
    package static let selectGapRecord = statement("select_gap_record", PackageResources.select_gap_record_sql)
    /// `select_gaps.sql`
    package static let selectGaps = statement("select_gaps", PackageResources.select_gaps_sql)
    /// `select_last_runs.sql`
    package static let selectLastRuns = statement("select_last_runs", PackageResources.select_last_runs_sql)
    /// `select_live_sessions.sql`
    package static let selectLiveSessions = statement("select_live_sessions", PackageResources.select_live_sessions_sql)
    /// `select_migrations.sql`
    package static let selectMigrations = statement("select_migrations", PackageResources.select_migrations_sql)
    /// `select_partitions.sql`
    package static let selectPartitions = statement("select_partitions", PackageResources.select_partitions_sql)
    /// `select_provisional.sql`
    package static let selectProvisional = statement("select_provisional", PackageResources.select_provisional_sql)
    /// `select_recent_runs.sql`
    package static let selectRecentRuns = statement("select_recent_runs", PackageResources.select_recent_runs_sql)
    /// `select_refetch.sql`
    package static let selectRefetch = statement("select_refetch", PackageResources.select_refetch_sql)
    /// `select_run_before.sql`
    package static let selectRunBefore = statement("select_run_before", PackageResources.select_run_before_sql)
    /// `select_settled.sql`
    package static let selectSettled = statement("select_settled", PackageResources.select_settled_sql)
    /// `select_stream.sql`
    package static let selectStream = statement("select_stream", PackageResources.select_stream_sql)
    /// `select_stream_names.sql`
    package static let selectStreamNames = statement("select_stream_names", PackageResources.select_stream_names_sql)
    /// `select_summary.sql`
    package static let selectSummary = statement("select_summary", PackageResources.select_summary_sql)
    /// `select_tracked_tables.sql`
    package static let selectTrackedTables = statement(
        "select_tracked_tables", PackageResources.select_tracked_tables_sql)
    /// `select_tracking.sql`
    package static let selectTracking = statement("select_tracking", PackageResources.select_tracking_sql)
    /// `select_tracking_triggers.sql`
    package static let selectTrackingTriggers = statement(
        "select_tracking_triggers", PackageResources.select_tracking_triggers_sql)
    /// `select_unit_record.sql`
    package static let selectUnitRecord = statement("select_unit_record", PackageResources.select_unit_record_sql)
    /// `select_units.sql`
    package static let selectUnits = statement("select_units", PackageResources.select_units_sql)
    /// `select_verification.sql`
    package static let selectVerification = statement("select_verification", PackageResources.select_verification_sql)
    /// `select_verified.sql`
    package static let selectVerified = statement("select_verified", PackageResources.select_verified_sql)
    /// `select_window_evidence.sql`
    package static let selectWindowEvidence = statement(
        "select_window_evidence", PackageResources.select_window_evidence_sql)
    /// `set_on_shards.sql`
    package static let setOnShards = statement("set_on_shards", PackageResources.set_on_shards_sql)
    /// `set_parameter.sql`
    package static let setParameter = statement("set_parameter", PackageResources.set_parameter_sql)
    /// `set_pass_parameters.sql`
    package static let setPassParameters = statement("set_pass_parameters", PackageResources.set_pass_parameters_sql)
    /// `set_scan_parameters.sql`
    package static let setScanParameters = statement("set_scan_parameters", PackageResources.set_scan_parameters_sql)
    /// `set_transaction_parameters.sql`
    package static let setTransactionParameters = statement(
        "set_transaction_parameters", PackageResources.set_transaction_parameters_sql)
    /// `skip_units.sql`
    package static let skipUnits = statement("skip_units", PackageResources.skip_units_sql)
    /// `take_turns.sql`
    package static let takeTurns = statement("take_turns", PackageResources.take_turns_sql)
    /// `survey_is_newest.sql`
    package static let surveyIsNewest = statement("survey_is_newest", PackageResources.survey_is_newest_sql)
    /// `tracking_readable.sql`
    package static let trackingReadable = statement("tracking_readable", PackageResources.tracking_readable_sql)
    /// `truncate_batch_table.sql`
    package static let truncateBatchTable = statement(
        "truncate_batch_table", PackageResources.truncate_batch_table_sql)
    /// `try_lease.sql`
    package static let tryLease = statement("try_lease", PackageResources.try_lease_sql)
    /// `upsert_batch.sql`
    package static let upsertBatch = statement("upsert_batch", PackageResources.upsert_batch_sql)
    /// `upsert_batch_plainly.sql`
    package static let upsertBatchPlainly = statement("upsert_batch_plainly", PackageResources.upsert_batch_plainly_sql)
    /// `upsert_gaps.sql`
    package static let upsertGaps = statement("upsert_gaps", PackageResources.upsert_gaps_sql)
    /// `upsert_stream.sql`
    package static let upsertStream = statement("upsert_stream", PackageResources.upsert_stream_sql)
    /// `write_survey.sql`
    package static let writeSurvey = statement("write_survey", PackageResources.write_survey_sql)

    /// All of them, by name.
    package static let all: [StatementTemplate] = [
        analyzeBatch, announceWrite, armGuard, checkDeferredConstraints, copyBatchCsv, copyBatchJson, copyTableCsv,
        copyTableText, countNewRecords, countSegments, countUnitRows, countUnitShortfalls, countUnits, countWithdrawn,
        createBatchTable, createGuard, createTrackingTrigger, deleteChanges, deleteEvidenceOutside, deleteExtents,
        deleteGaps, deleteOwedAfter, deleteSummary, deleteTracking, deleteWithdrawn, deleteWithdrawnByKey,
        describeColumns, describeRelation, describeScan, describeSource, describeSpread, describeTracking,
        digestSource, digestTable, disarmGuard, dropBatchTable, dropTrackingTrigger, enableTrackingTrigger,
        exportSnapshot, extendExtents, findCluster, findConflictingRecord, findDifferences, findFieldSets, findGaps,
        findLeadingIndex, findMovedRows, findNewerBatches, findOddPartition, findPresentKeys, findShortSegments,
        findStrayRecord, findUniqueIndex, finishBatch, finishRun, finishSummary, forgetStream, groupShardUnits,
        groupUnits, importSnapshot, insertAccepted, insertBatch, insertFailedBatch, insertFinishedRun,
        insertMigration, insertOwedAfter, insertRefetch, insertRun, insertSummary, insertTracking, insertTurns,
        limitStatementTime, listCommitsUnderWay, listNodes, lockEvidence, lockSummary, lockTrackedTable, lockWindow,
        measureJournal, measurePartition, measurePartitions, measureTable, nextRun, probeUnits, pruneJournal,
        registerKeys, relationExists, releaseLease, removeAccepted, removeRefetch, renameStream, replaceProvisional,
        replaceSettled, replaceVerification, replaceVerified, returnTurns, rewindExtents, scanChangedChunks,
        schemaExists, selectAccepted, selectChangeTimes, selectChanges, selectClock, selectExpectedKeys,
        selectExtents, selectFailures, selectGapRecord, selectGaps, selectLastRuns, selectLiveSessions,
        selectMigrations, selectPartitions, selectProvisional, selectRecentRuns, selectRefetch, selectRunBefore,
        selectSettled, selectStream, selectStreamNames, selectSummary, selectTrackedTables, selectTracking,
        selectTrackingTriggers, selectUnitRecord, selectUnits, selectVerification, selectVerified,
        selectWindowEvidence, setOnShards, setParameter, setPassParameters, setScanParameters,
        setTransactionParameters, skipUnits, surveyIsNewest, takeTurns, trackingReadable, truncateBatchTable,
        tryLease, upsertBatch, upsertBatchPlainly, upsertGaps, upsertStream, writeSurvey,
    ]

    private static func statement(_ name: String, _ bytes: [UInt8]) -> StatementTemplate {
        StatementTemplate(name: name, text: String(decoding: bytes, as: UTF8.self))
    }
}

/// A numbered change of the `lacuna` schema, a file of `sql/migrations`.
package struct Migration: Sendable {
    /// Its number, counted from 1 without holes.
    package let number: Int
    /// What it does, as its file is named.
    package let name: String
    /// The script.
    package let sql: String

    /// All migrations, in order.
    package static let all: [Migration] = [
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
        Migration(
            number: 6, name: "remember_provisional_units",
            sql: String(decoding: PackageResources._006_remember_provisional_units_sql, as: UTF8.self)),
        Migration(
            number: 7, name: "hold_streams_to_their_tables",
            sql: String(decoding: PackageResources._007_hold_streams_to_their_tables_sql, as: UTF8.self)),
        Migration(
            number: 8, name: "accept_missing_units",
            sql: String(decoding: PackageResources._008_accept_missing_units_sql, as: UTF8.self)),
        Migration(
            number: 9, name: "remember_settled_units",
            sql: String(decoding: PackageResources._009_remember_settled_units_sql, as: UTF8.self)),
        Migration(
            number: 10, name: "replace_rows",
            sql: String(decoding: PackageResources._010_replace_rows_sql, as: UTF8.self)),
        Migration(
            number: 11, name: "remember_gaps",
            sql: String(decoding: PackageResources._011_remember_gaps_sql, as: UTF8.self)),
        Migration(
            number: 12, name: "remember_verification",
            sql: String(decoding: PackageResources._012_remember_verification_sql, as: UTF8.self)),
        Migration(
            number: 13, name: "share_limits",
            sql: String(decoding: PackageResources._013_share_limits_sql, as: UTF8.self)),
        Migration(
            number: 14, name: "rename_streams",
            sql: String(decoding: PackageResources._014_rename_streams_sql, as: UTF8.self)),
    ]
}
