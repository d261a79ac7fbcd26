import LacunaModel
import LacunaRecords
import LacunaSources

/// Every setting of lacuna.yaml, in the order in which the schema shows them.
enum SettingsTable {
    static let document = SettingsGroup(
        name: "config",
        settings: [
            Setting("version", .version, "The version of this language: 1.", required: true),
            Setting(
                "database", .text,
                "A libpq connection string.", absent: "libpq's own environment (PGHOST, PGSERVICE and so on)"),
            Setting(
                "statement_timeout", .duration,
                "How long a statement may take before the run gives it up. Connecting takes 15s at most, or less if this is less.",
                absent: "10m"),
            Setting("defaults", .defaults, "Settings of every stream that does not set them itself."),
            Setting("sources", .map(.source, of: "source"), "Where rows come from, by name.", required: true),
            Setting("streams", .map(.stream, of: "stream"), "The declared histories, by name.", required: true),
            Setting("notify", .group(notify), "Who is told of runs."),
        ])

    static let notify = SettingsGroup(
        name: "notify",
        settings: [
            Setting("webhook", .text, "The address that a message is posted to, as JSON that Slack accepts."),
            Setting(
                "command", .list(.text),
                "The argument vector of a program that reads the message from its standard input. Never a shell."),
            Setting(
                "ping", .text,
                "The address of a dead man's switch. It is asked with /start when a run begins and with /STATUS, the exit status, when it ends."
            ),
            Setting(
                "on", .oneOrMany(.choice(NotificationSettings.Occasion.allCases.map(\.rawValue))),
                "Which runs are told of.", absent: "failure and healed"),
        ])

    static let key = SettingsGroup(
        name: "key",
        settings: [
            Setting("column", .text, "The column that orders the stream.", required: true),
            Setting(
                "type", .choice(["integer", "date", "timestamp", "text"]),
                "What the column holds; text: ids without an order, named by expect.query.",
                required: true),
            Setting(
                "step", .either([.integer(1...Int64.max), .duration]),
                "How much one unit holds: a whole number for integer keys, a time like 1h that divides a day for timestamp keys.",
                absent: "1 for integer keys; timestamp keys need it"),
            Setting("timezone", .text, "The IANA name of the zone that days are counted in.", absent: "UTC"),
        ])

    static let expect = SettingsGroup(
        name: "expect",
        settings: [
            Setting(
                "from", .bound(allowsTip: false), "The first expected unit: a key, or today - 90d.",
                absent: "the first unit that is there"),
            Setting(
                "to", .bound(allowsTip: true), "The last expected unit: tip, a key, today - 1d or now.", absent: "tip"),
            Setting("delay", .length, "Units younger than this are not due yet."),
            Setting("weekdays", .oneOrMany(.choice(Weekday.allCases.map(\.rawValue))), "The days that have units."),
            Setting("seasons", .seasons, "The parts of the year that have units, as 10-01..06-30."),
            Setting(
                "query", .text, "A query for the expected units: the partition columns and one named like the key."),
        ])

    static let complete = SettingsGroup(
        name: "complete",
        settings: [
            Setting(
                "rows", .either([.integer(1...Int64.max), .group(completeRows)]),
                "How many rows a unit has at least: 24, or {at_least: 24}, which is the same."),
            Setting("where", .text, "A condition in SQL that each row of a unit satisfies."),
            Setting("any", .boolean, "If true, one row that satisfies where is enough.", absent: "false"),
            Setting(
                "query", .text,
                "A query for how many rows units have at least: the partition columns, one named like the key, and the number."
            ),
        ])

    static let completeRows = SettingsGroup(
        name: "rows",
        settings: [
            Setting("at_least", .integer(1...Int64.max), "How many rows a unit has at least.", required: true)
        ])

    static let retry = SettingsGroup(
        name: "retry",
        settings: [
            Setting("attempts", .integer(1...100), "How often a batch is tried in one run.", absent: "5"),
            Setting("backoff", .duration, "The longest first wait.", absent: "1s"),
            Setting("max_backoff", .duration, "The longest wait.", absent: "1m"),
        ])

    static let partitionQuery = SettingsGroup(
        name: "partitions",
        settings: [
            Setting("query", .text, "A query for the partitions.", required: true),
            Setting("columns", .list(.text), "The partition columns that it returns.", required: true),
        ])

    static let stream = SettingsGroup(
        name: "stream",
        settings: [
            Setting("source", .text, "The name of the source that the rows come from.", required: true),
            Setting("table", .text, "The table, as table or schema.table.", required: true),
            Setting(
                "primary_key", .oneOrMany(.text), "The columns that identify a row.", absent: "the table's primary key"),
            Setting("key", .group(key), "The column that orders the stream.", required: true),
            Setting(
                "partitions", .partitions, "The partitions: values by column, or a query.",
                absent: "one partition, the whole table"),
            Setting("expect", .group(expect), "Which units should be there."),
            Setting("batch", .length, "Units per window: a number, 30d or 1 month.", absent: "1000; 1 for text keys"),
            Setting(
                "order", .choice(FetchOrder.allCases.map(\.rawValue)), "Which end is fetched first.", absent: "newest"),
            Setting(
                "atomic", .choice(Atomicity.allCases.map(\.rawValue)),
                "What a catchup commits all or nothing: stream, or partition, by which a partition that fails holds up no other.",
                absent: "stream"),
            Setting("overlap", .length, "How far each window is widened on both sides."),
            Setting("lookback", .length, "How much behind the newest unit is read again on every run."),
            Setting(
                "coalesce", .integer(0...Int64.max), "Gaps at most this many covered units apart are fetched as one.",
                absent: "0"),
            Setting(
                "empty", .choice(EmptyPolicy.allCases.map(\.rawValue)),
                "What it takes to call a unit empty: confirm, verify, trust, or error, by which every unit must have rows.",
                absent: "confirm"),
            Setting(
                "confirm", .duration,
                "How far apart two empty answers prove a unit empty if the source has shown nothing newer.",
                absent: "1d for dates, 10m for other keys, and never less than delay"),
            Setting(
                "rows", .choice(RowPolicy.allCases.map(\.rawValue)),
                "Rows that the source no longer has: upsert keeps them, replace deletes them as far as the answer proves that they are gone.",
                absent: "upsert"),
            Setting(
                "shrink_guard", .share,
                "The largest share of a window's rows that rows: replace takes away at once; below 100% never all of them. off allows everything.",
                absent: "20%"),
            Setting(
                "moved_rows", .choice(MovedRowPolicy.allCases.map(\.rawValue)),
                "A record that would take its row out of another unit: error fails the batch, allow moves the row.",
                absent: "error"),
            Setting("workers", .integer(1...64), "How many batches are in flight at once.", absent: "4"),
            Setting(
                "load", .oneOrMany(.script), "SQL files that load the temporary table batch.",
                absent: "an upsert by column name"),
            Setting("columns", .map(.text, of: "column"), "The record's field for a column, if the names differ."),
            Setting(
                "snake_case", .boolean,
                "If true, the column block_hash takes the field blockHash. A field named in columns wins.",
                absent: "false"),
            Setting(
                "on_unknown_field", .choice(UnknownFieldPolicy.allCases.map(\.rawValue)),
                "A field that no column takes: note names it once a run, ignore does not, fail lets the run fail.",
                absent: "note"),
            Setting("after", .oneOrMany(.script), "SQL files that run once after a run that changed something."),
            Setting("check", .script, "A SQL file that returns units which are present but wrong."),
            Setting(
                "complete", .group(complete),
                "When a unit has all its rows: one that falls short is a gap until the source has shown that it has no more.",
                absent: "one row is enough"),
            Setting(
                "track_changes", .boolean,
                "Whether triggers on the table record what changes, so that a scan need not start over. lacuna init installs them.",
                absent: "false"),
            Setting(
                "leases", .boolean, "Whether batches are leased. Turn it off behind a proxy that pools transactions.",
                absent: "true"),
        ])
}
