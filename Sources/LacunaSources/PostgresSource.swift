import LacunaModel
import LacunaRecords
import Postgres

/// Queries another PostgreSQL database for each window. The rows are copied as CSV, byte for byte.
public struct PostgresSource: Source {
    private let settings: PostgresSettings
    private let onWarning: @Sendable (String) -> Void

    /// A source from its settings.
    ///
    /// - Parameter onWarning: takes what is wrong with the way to the server, for each session that is opened.
    public init(_ settings: PostgresSettings, onWarning: @escaping @Sendable (String) -> Void = { _ in }) {
        self.settings = settings
        self.onWarning = onWarning
    }

    /// Runs the query for a window.
    ///
    /// - Throws: ``SourceError`` if the database cannot be reached or rejects the query; what `sink` throws.
    public func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        let query = try query(request)
        return try await withSession(request.stream) { session in
            try await copy(query, into: sink, on: session)
        }
    }

    /// The query for a window's rows.
    ///
    /// - Throws: ``SourceError``.
    package func query(_ request: FetchRequest) throws -> String {
        try render { template throws(TemplateError) in
            try template.render(request) { value throws(TemplateError) in try PostgresSource.literal(value) }
        }
    }

    private func copy(_ query: String, into sink: RecordSink, on session: Session) async throws -> FetchSummary {
        let statement = BoundStatement(
            name: "source query", sql: "COPY (\n\(query)\n) TO STDOUT (FORMAT csv, HEADER)")
        try sink.begin(.csv)
        let writer = SinkWriter(sink)
        try await session.copyOut(statement, deadline: settings.timeout) { try writer.write($0) }
        try writer.flush()
        // COPY was answered to its end, so the last row is whole.
        try sink.endOfDocument(lengthIsProven: true)
        return FetchSummary(end: isLimited ? .open : .proven)
    }

    /// Whether the query itself may leave rows out.
    private var isLimited: Bool {
        let words = settings.query.text.lowercased().split { !$0.isLetter }
        return words.contains("limit") || words.contains("fetch")
    }

    /// Runs the query for the tip.
    ///
    /// - Returns: the first column of its row; nil if it is NULL or there is none.
    /// - Throws: ``SourceError``.
    public func tip(_ request: TipRequest) async throws -> String? {
        guard let template = settings.tip else {
            throw SourceError(.unavailable, "the source has no `tip` query, \(TipRequest.need)")
        }
        let query: String
        do {
            query = try template.render(request) { value throws(TemplateError) in try PostgresSource.literal(value) }
        } catch {
            throw SourceError(.permanent, "\(error)")
        }
        return try await withSession(request.stream) { session in
            let rows = try await session.query(
                BoundStatement(name: "tip query", sql: query), deadline: settings.timeout)
            guard rows.count <= 1 else { throw SourceError(.permanent, "the tip query returned \(rows.count) rows") }
            return try rows.first?.getIfPresent(at: 0, as: String.self)
        }
    }

    private func render(_ render: (Template) throws(TemplateError) -> String) throws(SourceError) -> String {
        do {
            var text = try render(settings.query)[...]
            while let last = text.last, last.isWhitespace || last == ";" { text = text.dropLast() }
            return String(text)
        } catch {
            throw SourceError(.permanent, "\(error)")
        }
    }

    private func withSession<Value: Sendable>(
        _ stream: StreamDefinition, _ body: (Session) async throws -> Value
    ) async throws -> Value {
        do {
            return try await connect(stream).closedAfter(body)
        } catch let error as PostgresError {
            throw error.ofSource
        }
    }

    private func connect(_ stream: StreamDefinition) async throws -> Session {
        var options = SessionOptions(connectionString: settings.database, applicationName: "lacuna source")
        options.parameters = [
            ("default_transaction_read_only", "on"), ("DateStyle", "ISO, YMD"), ("IntervalStyle", "postgres"),
            ("extra_float_digits", "3"), ("bytea_output", "hex"), ("TimeZone", stream.keyType.timezone.identifier),
        ]
        let session = try await Session.connect(options)
        if let warning = session.transportWarning { onWarning(warning) }
        return session
    }

    private static func literal(_ value: String) throws(TemplateError) -> String {
        do {
            return try SQLFragment(literal: value).description
        } catch {
            throw TemplateError("a value that PostgreSQL cannot take")
        }
    }
}

extension PostgresSource: QueriedSource {
    package var givesAllRows: Bool { !isLimited }

    package func open(_ stream: StreamDefinition) async throws -> any SourceSession {
        do {
            return OpenSession(source: self, session: try await connect(stream))
        } catch let error as PostgresError {
            throw error.ofSource
        }
    }

    /// A session for several windows.
    private struct OpenSession: SourceSession {
        let source: PostgresSource
        let session: Session

        func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
            let query = try source.query(request)
            do {
                return try await source.copy(query, into: sink, on: session)
            } catch let error as PostgresError {
                throw error.ofSource
            }
        }

        func tip(_ request: TipRequest) async throws -> String? { try await source.tip(request) }

        func rows(_ sql: String, _ values: [String?]) async throws -> (columns: [String], rows: [[String?]]) {
            do {
                let rows = try await session.query(
                    BoundStatement(name: "source query", sql: sql, values: values),
                    deadline: source.settings.timeout)
                let columns = rows.columns
                return (
                    columns,
                    try rows.map { row in
                        try columns.indices.map { try row.getIfPresent(at: $0, as: String.self) }
                    }
                )
            } catch let error as PostgresError {
                throw error.ofSource
            }
        }

        func close() async { await session.close() }
    }
}

extension PostgresError {
    fileprivate var ofSource: SourceError { SourceError(kind, "the source database: \(self)") }

    fileprivate var kind: SourceError.Kind {
        if isTransient { return .transient }
        switch self {
        case .deadlineExceeded: return .unknown
        case .server(let error) where ["28", "3D", "42", "25"].contains(error.sqlState.conditionClass): return .rejected
        default: return .permanent
        }
    }
}

/// Carries a sink into the session's queue. Rows, which come one by one, reach it many at once.
///
/// `@unchecked Sendable`: the task that fetches waits while the session writes, so that the two never meet.
private final class SinkWriter: @unchecked Sendable {
    private let sink: RecordSink
    private let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    private var count = 0

    init(_ sink: RecordSink) {
        self.sink = sink
    }

    deinit { chunk.deallocate() }

    func write(_ row: UnsafeRawBufferPointer) throws {
        if count + row.count > chunk.count { try flush() }
        guard row.count <= chunk.count else { return try sink.write(row) }
        UnsafeMutableRawBufferPointer(rebasing: chunk[count...]).copyMemory(from: row)
        count += row.count
    }

    func flush() throws {
        try sink.write(UnsafeRawBufferPointer(rebasing: chunk[..<count]))
        count = 0
    }
}
