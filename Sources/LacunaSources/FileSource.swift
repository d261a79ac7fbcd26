import Lacuna
import Synchronization

/// Reads windows from files that hold more than the window: records outside it are passed over.
///
/// A file is read once to learn which of its blocks hold which units; a window reads only the blocks that can hold some of
/// its own. A file that changes is read anew.
public final class FileSource: Source {
    /// Records outside the window belong to other windows.
    public var strayRecords: StrayRecordPolicy { .skip }

    private let settings: FileSettings
    private let indexes = Mutex<[String: FileIndex]>([:])

    /// A source from its settings.
    public init(_ settings: FileSettings) {
        self.settings = settings
    }

    /// Reads a window's records.
    ///
    /// - Throws: ``SourceError`` where the file cannot be read; what `sink` throws.
    public func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        let path = try path { template throws(TemplateError) in try template.render(request) }
        let format = try format(of: path)
        let file = try InputFile(path)
        let index = try index(of: file, format: format, stream: request.stream)
        try sink.begin(format)
        try sink.write(index.header)
        var buffer = [UInt8](repeating: 0, count: FileIndex.pieceSize)
        // Where the lines that the sink counts stand in the file.
        var lines: [(sink: Int, file: Int)] = [(1, 1)]
        var written = index.header.isEmpty ? 1 : 2
        do {
            for part in index.parts(holding: request.window) {
                lines.append((written, part.firstLine))
                try file.read(part.bytes, buffer: &buffer) { piece in
                    try Task.checkCancellation()
                    try sink.write(piece)
                }
                written += part.lineCount
            }
            // Whole lines of a file of known length: a last one without a line end is whole too.
            try sink.endOfDocument(lengthIsProven: true)
        } catch let error as RecordError {
            guard let line = error.line, let start = lines.last(where: { $0.sink <= line }) else { throw error }
            throw SourceError(
                .permanent, "\(path), line \(line - start.sink + start.file): \(error.explanation)")
        }
        return FetchSummary(answered: index.hull)
    }

    /// The largest key in the file.
    ///
    /// - Returns: nil where the file has no records.
    /// - Throws: ``SourceError``.
    public func tip(_ request: TipRequest) async throws -> String? {
        let path = try path { template throws(TemplateError) in try template.render(request) }
        let file = try InputFile(path)
        let index = try index(of: file, format: try format(of: path), stream: request.stream)
        return index.hull.isEmpty ? nil : request.stream.keyType.text(index.hull.upperBound - 1)
    }

    private func path(_ render: (Template) throws(TemplateError) -> String) throws(SourceError) -> String {
        do {
            let path = try render(settings.path)
            return path.hasPrefix("/") ? path : "\(settings.directory)/\(path)"
        } catch {
            throw SourceError(.permanent, "\(error)")
        }
    }

    private func format(of path: String) throws(SourceError) -> RecordFormat {
        if let format = settings.format { return format }
        let name = path.lowercased()
        if name.hasSuffix(".csv") { return .csv }
        if name.hasSuffix(".ndjson") || name.hasSuffix(".jsonl") { return .ndjson }
        throw SourceError(.permanent, "\(path): set `format: csv` or `format: ndjson`, the name does not tell")
    }

    private func index(of file: InputFile, format: RecordFormat, stream: StreamDefinition) throws -> FileIndex {
        let identity = "\(file.identity)/\(stream.keyType)/\(stream.field(of: stream.keyColumn))"
        // One task builds, the others wait for it: they would all read the same bytes.
        return try indexes.withLock { indexes in
            if let known = indexes[file.path], known.identity == identity { return known }
            let index = try FileIndex(
                file, identity: identity, format: format, keyField: stream.field(of: stream.keyColumn),
                keyType: stream.keyType)
            if indexes.count >= 64 { indexes.removeAll() }
            indexes[file.path] = index
            return index
        }
    }
}
