import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements
import Synchronization

/// Who reads the chunks of a table: the session that asks, and helpers that read from its snapshot.
///
/// See <https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION>.
struct ParallelReaders: Sendable {
    /// The session that asks is alone.
    static let alone = ParallelReaders(helpers: 0, snapshot: "")
    /// From how many units on it pays to open sessions for a scan that reads rows, and for one that asks for each unit.
    static let unitsWorthReading: UInt64 = 250_000
    static let unitsWorthProbing: UInt64 = 20_000
    /// How long a helper may take to get ready, before the others do without.
    private static let longestWait = Duration.seconds(1)

    /// How many helpers there are at most.
    let helpers: Int
    /// The name of the snapshot.
    private let snapshot: String

    private init(helpers: Int, snapshot: String) {
        self.helpers = helpers
        self.snapshot = snapshot
    }

    /// Readers of the session's open snapshot.
    ///
    /// - Parameter helpers: how many helpers may be opened at most.
    /// - Throws: ``PostgresError``.
    static func assemble(helpers: Int, on session: isolated Session) async throws -> ParallelReaders {
        // Behind a proxy that pools transactions a helper might wait for the very connection that waits for it; and of
        // a savepoint's snapshot PostgreSQL lets nobody else read.
        guard helpers > 0, !session.isPooled, !session.isInSavepoint else { return .alone }
        let row = try await session.query(try Statements.exportSnapshot.bound()).only()
        guard let snapshot = try row.getIfPresent("snapshot", as: String.self) else { return .alone }
        return ParallelReaders(helpers: helpers, snapshot: snapshot)
    }

    /// Works on what is there to share, in a session of its own, until nothing is left.
    ///
    /// A helper that cannot be opened, or fails, is done without: what it has not finished is left to the others.
    fileprivate func help(_ session: Session, with chunks: SharedChunks, _ reading: MeasuredTable.Reading) async {
        guard !chunks.isEmpty, let helper = try? await session.openAnother(deadline: ParallelReaders.longestWait) else {
            return
        }
        _ = try? await helper.closedAfter { helper in
            try await helper.withTransaction(.snapshot) { helper in
                let name = try SQLFragment(literal: snapshot)
                try helper.enqueue(try Statements.importSnapshot.bound(fragments: ["snapshot": name]))
                try helper.useLacunaSearchPath()
                try await helper.query(try Statements.setScanParameters.bound(), deadline: ParallelReaders.longestWait)
                try await chunks.work(on: helper, reading)
            }
        }
    }
}

extension MeasuredTable {
    /// How many chunks one statement takes.
    private static let statementChunks = 65_536

    /// Reads chunks part by part, each part by the next reader that is free.
    ///
    /// - Parameter known: what is known already, partition by partition.
    /// - Returns: that and what was read, partition by partition, in any order.
    /// - Throws: what `reading` throws on the session that asks.
    func share(
        _ chunks: [Chunk], besides known: [[Range<Int64>]], among readers: ParallelReaders,
        on session: isolated Session,
        _ reading: @escaping Reading
    ) async throws -> [[Range<Int64>]] {
        // A few parts for each, so that nobody waits long for the slowest.
        let partCount = readers.helpers == 0 ? 1 : 4 * (readers.helpers + 1)
        let partSize = min(max(1, (chunks.count + partCount - 1) / partCount), MeasuredTable.statementChunks)
        let shared = SharedChunks(
            stride(from: 0, to: chunks.count, by: partSize).map { chunks[$0..<min($0 + partSize, chunks.count)] },
            found: known, limit: limit)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<min(readers.helpers, max(chunks.count - 1, 0) / partSize) {
                group.addTask { await readers.help(session, with: shared, reading) }
            }
            try await shared.work(on: session, reading)
            try await group.waitForAll()
            // What a helper took and did not finish.
            try await shared.work(on: session, reading)
        }
        return shared.takeFound()
    }
}

/// A way to scan took far longer than a table of this size lets expect: another one is better.
struct ScanTookTooLong: Error {}

/// Parts of chunks that sessions take one by one, and what they found in them.
private final class SharedChunks: Sendable {
    private struct State {
        var parts: [ArraySlice<MeasuredTable.Chunk>]
        var found: [[Range<Int64>]]
    }

    private let state: Mutex<State>
    /// When all parts should have been read; nil: no matter when.
    private let limit: ContinuousClock.Instant?

    init(
        _ parts: [ArraySlice<MeasuredTable.Chunk>], found: [[Range<Int64>]], limit: ContinuousClock.Instant?
    ) {
        state = Mutex(State(parts: parts.reversed(), found: found))
        self.limit = limit
    }

    var isEmpty: Bool { state.withLock { $0.parts.isEmpty } }

    /// Reads part after part until none is left. A part that could not be read is there again.
    ///
    /// - Throws: ``ScanTookTooLong`` once the limit is past.
    func work(on session: isolated Session, _ reading: MeasuredTable.Reading) async throws {
        while let part = state.withLock({ $0.parts.popLast() }) {
            do {
                try limitNextStatement(of: session)
                let found = try await reading(part, session)
                state.withLock { state in
                    for chunk in found { state.found[chunk.partitionIndex].append(chunk.units) }
                }
            } catch {
                state.withLock { $0.parts.append(part) }
                // The server counts from a later moment than the limit was taken at: what it ended came too late.
                if case PostgresError.server(let failure) = error, failure.sqlState == .queryCanceled, isPastLimit {
                    throw ScanTookTooLong()
                }
                throw error
            }
        }
    }

    private var isPastLimit: Bool { limit.map { $0 <= .now } ?? false }

    /// Has the server end the statement at the limit.
    private func limitNextStatement(of session: isolated Session) throws {
        guard let limit else { return }
        if isPastLimit { throw ScanTookTooLong() }
        let left = min(Int64(ContinuousClock.now.duration(to: limit) / .milliseconds(1)) + 1, Int64(Int32.max))
        try session.enqueue(try Statements.limitStatementTime.bound(values: ["milliseconds": String(left)]))
    }

    /// What was found. It is moved from here: there may be millions of ranges.
    func takeFound() -> [[Range<Int64>]] {
        state.withLock { state in
            var found: [[Range<Int64>]] = []
            swap(&found, &state.found)
            return found
        }
    }
}
