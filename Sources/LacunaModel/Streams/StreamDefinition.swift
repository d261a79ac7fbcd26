/// One declared history: a table, its key, what should be there and how it is fetched.
///
/// It is a value: where the rows come from is a ``Source``, given beside it.
public struct StreamDefinition: Sendable, Hashable {
    /// The stream's name, unique in its database: extents, evidence and journal are kept under it.
    public var name: String
    /// The table that holds the history, as `table` or `schema.table`, quoted as in SQL where it needs to be.
    public var table: String
    /// The columns that identify a row, for the upsert. Empty: the table's own primary key.
    public var primaryKey: [String] = []
    /// The column that orders the stream.
    public var keyColumn: String
    /// How its values map to units.
    public var keyType: KeyType
    /// The independent partitions.
    public var partitions: PartitionSet = .whole
    /// What should be there.
    public var expect = Expectation()
    /// The grid that batches are cut on: windows never cross its lines.
    public var batch: HistoryLength = .units(1000)
    /// Which end of a partition is fetched first.
    public var order: FetchOrder = .newest
    /// What a catchup commits all or nothing.
    public var atomic: Atomicity = .stream
    /// How far each window is widened on both sides; rows that come twice are upserted.
    public var overlap: HistoryLength?
    /// How much behind the newest unit is read again on every run, for rows that are published late.
    public var lookback: HistoryLength?
    /// Gaps that are at most this many covered units apart are fetched as one.
    public var coalesce: Int64 = 0
    /// What it takes to call a unit empty.
    public var empty: EmptyPolicy = .confirm
    /// How far apart the two empty answers lie, in seconds, that prove a unit empty if the source has shown nothing newer; nil:
    /// a day for dates, ten minutes for other keys, and never less than `delay`.
    public var confirm: Int64?
    /// What becomes of rows that the source no longer has.
    public var rows: RowPolicy = .upsert
    /// With ``RowPolicy/replace``, the largest share of a window's rows, in percent, that an answer may take away. Below 100 it
    /// may not take away all of them either.
    public var shrinkGuard = 20
    /// What becomes of records that would take rows out of other units.
    public var movedRows: MovedRowPolicy = .error
    /// How many batches are in flight at once, at least one.
    public var workers: Int = 4
    /// SQL scripts that run over the temporary table `batch` instead of the upsert by column name.
    public var load: [SQLScript] = []
    /// The record's field for a column, if the names differ: column → field.
    public var columns: [String: String] = [:]
    /// What becomes of fields that no column takes.
    public var unknownFields: UnknownFieldPolicy = .note
    /// Whether a column that ``columns`` does not name takes the field of its name in camel case: `block_hash` takes
    /// `blockHash`.
    public var snakeCase = false
    /// Scripts that run once, in one transaction, at the end of a run that changed something.
    public var after: [SQLScript] = []
    /// A query that returns units which are present but wrong: the key column and the partition columns.
    public var check: SQLScript?
    /// When a unit that has rows has all of them; nil: one row is enough.
    public var complete: Completeness?
    /// The only rows that count, by a condition in SQL over the columns of the table: for looking at tables.
    package var rowCondition: String?
    /// How transient faults are retried.
    public var retry = RetryPolicy()
    /// Whether batches are leased with session-level advisory locks. Off behind a proxy that pools transactions.
    public var leases = true
    /// Whether triggers on the table record what changes, so that a scan need not start over.
    public var tracksChanges = false

    /// A stream with every setting at its default.
    public init(name: String, table: String, keyColumn: String, keyType: KeyType) {
        self.name = name
        self.table = table
        self.keyColumn = keyColumn
        self.keyType = keyType
    }

    /// The field of a record that holds `column`.
    package func field(of column: String) -> String {
        columns[column] ?? (snakeCase ? Self.camelCase(column) : column)
    }

    /// `block_hash` as `blockHash`. Underscores at either end stay, and so does a name without any.
    package static func camelCase(_ column: String) -> String {
        var field = ""
        var underscores = 0
        for character in column {
            if character == "_" {
                underscores += 1
            } else if underscores > 0, !field.isEmpty {
                field += character.uppercased()
                underscores = 0
            } else {
                field += String(repeating: "_", count: underscores)
                field.append(character)
                underscores = 0
            }
        }
        return field + String(repeating: "_", count: underscores)
    }
}

/// Which end of a partition is fetched first.
public enum FetchOrder: String, Sendable, Hashable, CaseIterable {
    /// From the newest unit backwards.
    case newest
    /// From the oldest unit forwards.
    case oldest
}

/// What a catchup commits all or nothing.
public enum Atomicity: String, Sendable, Hashable, CaseIterable {
    /// The whole stream: if a partition fails, nothing is written.
    case stream
    /// Each partition by itself: one that fails holds up no other.
    case partition
}

/// What it takes to call a unit empty that the source answered without rows. An answer that came whole is needed always.
public enum EmptyPolicy: String, Sendable, Hashable, CaseIterable {
    /// Edges of an answer that may be cut are asked for again, and what lies beyond the newest record is asked for once more
    /// after a while.
    case confirm
    /// Edges of an answer that may be cut are asked for again.
    case verify
    /// The answer is believed.
    case trust
    /// Every expected unit must have rows: the batch fails.
    case error
}

/// What becomes of rows that are in the table and no longer in the source.
public enum RowPolicy: String, Sendable, Hashable, CaseIterable {
    /// They stay.
    case upsert
    /// They are deleted in the batch's transaction, as far as the answer proves that they are gone.
    case replace
}

/// What becomes of fields that no column of the table takes.
public enum UnknownFieldPolicy: String, Sendable, Hashable, CaseIterable {
    /// A run says once which they are.
    case note
    /// They are passed over.
    case ignore
    /// The run fails before it writes such a record: a new field is to be looked at.
    case fail
}

/// What becomes of records whose primary key is that of a row in another unit.
public enum MovedRowPolicy: String, Sendable, Hashable, CaseIterable {
    /// The batch fails: mostly the primary key does not identify a row, and the units would be emptied in turns.
    case error
    /// The row moves: its source gives it another key now and then.
    case allow
}

extension StreamDefinition {
    /// How far apart two empty answers must lie, in seconds, to prove what nothing newer proves.
    package var confirmSeconds: Int64 {
        if let confirm { return confirm }
        let least: Int64 = if case .date = keyType { 86_400 } else { 600 }
        let delay: Int64 =
            switch expect.delay {
            case .seconds(let seconds): seconds
            case .days(let days): days * 86_400
            case .months(let months): Int64(months) * 31 * 86_400
            case .units, nil: 0
            }
        return max(least, delay)
    }
}

/// A SQL file of the user's.
public struct SQLScript: Sendable, Hashable {
    /// Where it was read from, for messages.
    public let path: String
    /// Its text: one or more statements without transaction control.
    public let text: String

    /// A script.
    public init(path: String, text: String) {
        self.path = path
        self.text = text
    }
}

/// How transient faults of a source or the server are retried: exponential backoff with full jitter
/// (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
public struct RetryPolicy: Sendable, Hashable {
    /// How often a batch is tried in one run, at least once.
    public var attempts: Int
    /// The upper bound of the first wait.
    public var backoff: Duration
    /// The upper bound of any wait.
    public var maxBackoff: Duration

    /// A policy; by default 5 attempts, from 1 s up to 1 min.
    public init(attempts: Int = 5, backoff: Duration = .seconds(1), maxBackoff: Duration = .seconds(60)) {
        self.attempts = attempts
        self.backoff = backoff
        self.maxBackoff = maxBackoff
    }

    /// The longest wait before attempt number `attempt + 1`, where `attempt` (1, 2, …) just failed.
    package func ceiling(afterAttempt attempt: Int) -> Duration {
        var ceiling = backoff
        for _ in 1..<max(attempt, 1) {
            ceiling = ceiling * 2
            if ceiling >= maxBackoff { return maxBackoff }
        }
        return min(ceiling, maxBackoff)
    }
}
