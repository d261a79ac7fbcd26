import LacunaModel
import LacunaRecords
import Postgres

/// What a run did.
public enum RunMode: String, Sendable, Hashable {
    /// Closing gaps up to `latest`, durable batch by batch.
    case reconcile
    /// From `latest` to the tip, all or nothing.
    case catchup
    /// Moving extents back.
    case rewind
    /// Declaring units wrong.
    case mark
    /// Declaring units missing for good.
    case accept
    /// Forgetting a stream's registration, extents and evidence.
    case forget
    /// Giving a stream another name.
    case rename
    /// Holding the table against the source.
    case verify
}

/// A batch that failed, or that something else kept from being done.
public struct BatchFailure: Error, Sendable, Hashable {
    /// The partition.
    public let partition: Partition
    /// The window.
    public let window: Range<Int64>
    /// What happened and what to do.
    public let message: String
    /// The server's condition code, if the server rejected the batch.
    package let sqlState: SQLState?

    /// A failure.
    package init(partition: Partition, window: Range<Int64>, message: String, sqlState: SQLState? = nil) {
        self.partition = partition
        self.window = window
        self.message = message
        self.sqlState = sqlState
    }

    /// What is the same in the messages of all windows that fail alike.
    package var kind: String { FailureKind.text(of: message) }
}

/// What a run came to.
public struct RunReport: Sendable {
    /// How a run ended.
    public enum State: String, Sendable, Hashable {
        /// Everything that was to be done is done.
        case done
        /// Something failed.
        case failed
        /// Work remains: a limit was hit, the run was stopped, or another run holds part of it.
        case incomplete
        /// Another catchup is running, or a source wants to be left alone.
        case deferred
        /// A transaction's outcome is unknown.
        case unknown
    }

    /// The stream's name.
    public let stream: String
    /// What kind of run it was.
    public let mode: RunMode
    /// How the windows of the report are written, the names of text keys included; nil if the run ended before it looked.
    public var keyType: KeyType?
    /// Its number in the journal; nil if it left no row there.
    public var runID: Int64?
    /// The number of batches that were planned.
    public var planned = 0
    /// The number of batches that were committed.
    public var committed = 0
    /// The number of batches that turned out to change nothing, because another run had closed them or the source's answer
    /// was what is there already.
    public var unchanged = 0
    /// The number of batches that another run was fetching.
    public var heldElsewhere = 0
    /// Records that came from the source.
    public var fetched = 0
    /// Rows that are new.
    public var inserted = 0
    /// Rows that were there and differ now.
    public var updated = 0
    /// Rows that were there and went, because the source no longer has them.
    public var deleted = 0
    /// Units recorded as verified empty.
    public var emptied: UInt64 = 0
    /// Units recorded as missing for good, as the source said.
    public var accepted: UInt64 = 0
    /// Units whose answer was as thin as before: the source has no more of them.
    public var settled: UInt64 = 0
    /// Units that were answered with nothing and wait for a newer record or for another look, after the run.
    public var provisional: UInt64 = 0
    /// Units that wait because they failed in earlier runs.
    public var waiting: UInt64 = 0
    /// Why a run ended early, if it did.
    public var stopReason: String?
    /// The batches and partitions that failed.
    public var failures: [BatchFailure] = []
    /// Failures of the stream as a whole.
    public var streamFailures: [String] = []
    /// The units that are missing after the run, up to `latest`, of those that it was to see to; nil if they could not be
    /// counted.
    public var missing: UInt64?
    /// The units that are due beyond the newest one and still not there after the run; nil if that is not known.
    public var behind: UInt64?
    /// What the run has to say beside its figures.
    public var notes: [String] = []
    /// How it ended.
    public var state: State = .done
    /// Why it is left to a later run, if it is.
    var deferral: String?
    /// When the run began.
    let began: ContinuousClock.Instant

    /// An empty report of a run that begins now.
    package init(stream: String, mode: RunMode) {
        self.stream = stream
        self.mode = mode
        began = Timing.now
    }

    /// Leaves the run, or the rest of it, to a later one.
    ///
    /// - Parameter message: why.
    mutating func deferRun(_ message: String) {
        state = .deferred
        deferral = message
        notes.append(message)
    }

    /// Whether rows or evidence were written.
    public var changedSomething: Bool { committed > 0 }
}

/// What happens during a run, for a display.
public enum RunEvent: Sendable {
    /// Batches were planned: how many, how many units their windows hold, and how units are written.
    case planned(batches: Int, units: UInt64, keyType: KeyType)
    /// A batch was committed, or needed nothing.
    case finished(window: Range<Int64>, partition: Partition, rows: Int, isCommitted: Bool)
    /// A batch failed for good in this run.
    case failed(BatchFailure)
    /// A batch is tried again; with an empty window: the source is asked for its tip again.
    case retrying(window: Range<Int64>, partition: Partition, message: String, wait: Duration)
    /// A batch was cut in two.
    case halved(window: Range<Int64>, partition: Partition, message: String)
    /// Something worth saying.
    case note(String)
}
