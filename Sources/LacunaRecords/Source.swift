import LacunaModel

/// Where a stream's rows come from: something slow and unreliable that can be asked for a window of units.
///
/// A source is asked for windows by several tasks at once and keeps no progress of its own. It either hands over a
/// window's records whole or throws; after a throw everything it wrote is thrown away.
///
/// ```swift
/// struct Blocks: Source {
///     func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
///         for block in try await node.blocks(request.first, request.last) {
///             try sink.append(json: block.json)
///         }
///         return FetchSummary()
///     }
///
///     func tip(_ request: TipRequest) async throws -> String? { try await node.height() }
/// }
/// ```
public protocol Source: Sendable {
    /// Fetches the records of one window.
    ///
    /// - Parameters:
    ///   - request: what is asked for.
    ///   - sink: takes the records, checks them against the request and spools them.
    /// - Returns: what the source says of its own answer.
    /// - Throws: ``SourceError``; what `sink` throws is passed on. When the task is cancelled, `CancellationError`.
    func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary

    /// The key of the newest unit the source has now; nil if it has none.
    ///
    /// - Throws: ``SourceError``.
    func tip(_ request: TipRequest) async throws -> String?

    /// What becomes of records that lie outside the window.
    var strayRecords: StrayRecordPolicy { get }
}

extension Source {
    /// Records outside the window are rejected, and the batch with them.
    public var strayRecords: StrayRecordPolicy { .reject }
}

/// What becomes of a record that lies outside the window or belongs to another partition.
public enum StrayRecordPolicy: Sendable, Hashable {
    /// The whole batch is rejected.
    case reject
    /// The record is passed over: for files, which hold more than the window.
    case skip
}

/// What a source is asked for.
public struct FetchRequest: Sendable, Hashable {
    /// The stream that asks.
    public let stream: StreamDefinition
    /// The partition.
    public let partition: Partition
    /// The units asked for, overlap included.
    public let window: Range<Int64>
    /// The ids asked for, if the stream's keys are text; else none.
    public let keys: [String]

    /// A request for `window` of `partition`.
    package init(stream: StreamDefinition, partition: Partition, window: Range<Int64>, keys: [String] = []) {
        self.stream = stream
        self.partition = partition
        self.window = window
        self.keys = keys
    }

    /// The first unit's key as text.
    public var first: String { stream.keyType.text(window.lowerBound) }
    /// The last key of the last unit as text.
    public var last: String { stream.keyType.lastText(window.upperBound - 1) }
}

/// Whose tip is asked for.
public struct TipRequest: Sendable, Hashable {
    /// The stream that asks.
    public let stream: StreamDefinition
    /// The partition.
    public let partition: Partition

    /// A request for the tip of `partition`.
    package init(stream: StreamDefinition, partition: Partition) {
        self.stream = stream
        self.partition = partition
    }
}

/// What a source says of an answer it gave completely.
public struct FetchSummary: Sendable, Hashable {
    /// What is known of the end of an answer.
    public enum End: Sendable, Hashable {
        /// It is known that nothing was left out: by a total, by the source's word that there is no more, by a page shorter than
        /// one before, or because the source never leaves anything out.
        case proven
        /// The answer came whole, but one that was cut by a limit of the source's would look the same.
        case open
        /// It may have been cut anywhere: it proves its records and nothing else.
        case unproven
    }

    /// How many records the source declared for the window; nil if it declares none. It is proven before the commit.
    public var declaredRecords: Int?
    /// How many pages or calls the answer took.
    public var pages: Int
    /// The units that the answer says something about; nil: all that were asked for. A file that ends before the window
    /// does says nothing of what lies behind its end, so that it is not taken for empty.
    public var answered: Range<Int64>?
    /// What is known of the answer's end: how far it proves that units are empty.
    public var end: End
    /// Whether the source said only by a status that it has nothing, as with 404 or 204.
    public var isEmptyByStatus = false
    /// Why the source will never have the window, as it said itself; nil: it did not.
    public var goneReason: String?
    /// What has to be set right before anything is taken for empty by this answer; nil: nothing.
    package var objection: String?
    /// What is to be said of the answer beside that.
    package var note: String?

    /// A summary.
    public init(
        declaredRecords: Int? = nil, pages: Int = 1, answered: Range<Int64>? = nil, end: End = .open
    ) {
        self.declaredRecords = declaredRecords
        self.pages = pages
        self.answered = answered
        self.end = end
    }
}

/// Why a source could not answer.
public struct SourceError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What to do about it.
    public enum Kind: Sendable, Hashable {
        /// It may work in a moment: retried with backoff.
        case transient
        /// It may work in a moment, or never for this window: retried with backoff, then the batch is halved.
        case unknown
        /// The same request would fail again. The batch is halved to find the units at fault.
        case permanent
        /// The window is too large to be asked for at once. The batch is halved without a wait, and the rest of the run asks
        /// for less.
        case tooLarge
        /// The source rejects us: who we are, or how we ask. The window does not matter. The run leaves the partition alone
        /// and fails. No window waits before the next run asks for it.
        case rejected
        /// The source does not have this history and says so: nothing is halved or retried in this run.
        case unavailable
        /// The source wants to be left alone for longer than a run waits, as when a quota is used up: the run ends as
        /// deferred.
        case deferred
    }

    /// What to do about it.
    public let kind: Kind
    /// What happened, where, and what to do; without secrets.
    public let message: String
    /// How long the source asked to be left alone.
    public let retryAfter: Duration?

    /// An error of a source.
    public init(_ kind: Kind, _ message: String, retryAfter: Duration? = nil) {
        self.kind = kind
        self.message = message
        self.retryAfter = retryAfter
    }

    /// The message.
    public var description: String { message }
}
