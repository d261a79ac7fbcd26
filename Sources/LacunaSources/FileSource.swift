import LacunaModel
import LacunaRecords
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Reads windows from files that hold more than the window: records outside it are passed over.
///
/// A file is read once to learn which of its blocks hold which units; a window reads only the blocks that can hold some of
/// its own. A file that changes is read anew.
///
/// A file whose path names the window and that no other units share is the window's own: it answers for all of it, also where
/// it holds nothing, and records of others are an error. Any other file answers from its smallest key to its largest.
///
/// A file that was written to less than `confirm`, or ten minutes, ago may still be written: a last line without its end is no record then, and
/// only between two keys of a file whose keys do not fall is it taken for whole.
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
    /// - Throws: ``SourceError`` if the file cannot be read; what `sink` throws.
    public func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        let isOwn = try isOwnFile(of: request)
        let path = try path(Subject(request))
        let format = try format(of: path)
        let file = try open(path, for: request.stream)
        let index = try index(of: file, format: format, stream: request.stream)
        try sink.begin(format)
        try sink.write(index.header)
        var buffer = [UInt8](repeating: 0, count: FileIndex.chunkSize)
        // Where the lines that the sink counts stand in the file.
        var lines: [(sink: Int, file: Int)] = [(1, 1)]
        var written = index.header.isEmpty ? 1 : 2
        do {
            for part in index.parts(holding: request.window) {
                lines.append((written, part.firstLine))
                try file.read(part.bytes, buffer: &buffer) { chunk in
                    try Task.checkCancellation()
                    try sink.write(chunk)
                    // A task that talks to the database meanwhile waits for a core no longer than a chunk takes.
                    sched_yield()
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
        guard file.isUnchanged() else {
            throw SourceError(.transient, "\(path) was changed while it was read")
        }
        try requireNoStrangers(request, path, isOwn: isOwn, sink)
        let between = index.isAscending ? index.hull : request.window.lowerBound..<request.window.lowerBound
        let whole = isOwn ? request.window : index.hull
        var summary = FetchSummary(answered: file.isFresh ? between : whole, end: .proven)
        if file.isFresh, whole.clamped(to: request.window) != between.clamped(to: request.window) {
            summary.note =
                "\(path) was written to a short while ago and may grow: what it has nothing for is not taken for empty yet"
        }
        if file.leavesLastLine {
            summary.note = "\(path) has a last line without its end, which may still be written: it is no record yet"
        }
        return summary
    }

    /// The instant from which on a file that was written to counts as fresh, seconds since the epoch.
    private static func settledBefore(_ stream: StreamDefinition) -> Int64 {
        stream.empty == .trust ? .max : Int64(time(nil)) - (stream.confirm ?? 600)
    }

    /// Whether the file holds the units of the request's window and no others, as its path says.
    private func isOwnFile(of request: FetchRequest) throws(SourceError) -> Bool {
        guard settings.path.usesWindow else { return false }
        let window = request.window
        let limits = request.stream.keyType.limits
        if settings.path.usesBothWindowEnds {
            let name = try path(of: window, request)
            if window.lowerBound > limits.lowerBound,
                try path(of: window.lowerBound - 1..<window.upperBound, request) == name
            {
                return false
            }
            guard window.upperBound < limits.upperBound else { return true }
            return try path(of: window.lowerBound..<window.upperBound + 1, request) != name
        }
        let name = try path(ofUnit: window.lowerBound, request)
        guard try path(ofUnit: window.upperBound - 1, request) == name else {
            throw SourceError(.permanent, settings.severalFiles)
        }
        if window.lowerBound > limits.lowerBound, try path(ofUnit: window.lowerBound - 1, request) == name {
            return false
        }
        if window.upperBound < limits.upperBound, try path(ofUnit: window.upperBound, request) == name { return false }
        return true
    }

    private func path(ofUnit unit: Int64, _ request: FetchRequest) throws(SourceError) -> String {
        try path(of: unit..<unit + 1, request)
    }

    private func path(of window: Range<Int64>, _ request: FetchRequest) throws(SourceError) -> String {
        let other = FetchRequest(stream: request.stream, partition: request.partition, window: window)
        return try path(Subject(other))
    }

    /// Rejects records that a file named after the partition, or after the window, cannot hold.
    private func requireNoStrangers(_ request: FetchRequest, _ path: String, isOwn: Bool, _ sink: RecordSink) throws {
        let columns = request.stream.partitions.columns
        let namesPartition = settings.path.partitionColumns.isSuperset(of: columns)
        if namesPartition, sink.otherPartitionCount > 0 {
            throw SourceError(
                .permanent,
                "\(path) is named after \(request.partition.label(columns: columns)), but \(sink.otherPartitionCount) of "
                    + "its records are of another partition")
        }
        if isOwn, namesPartition, sink.skippedCount > 0 {
            throw SourceError(
                .permanent,
                "\(path) is named after \(request.stream.keyType.text(request.window)), but \(sink.skippedCount) of its "
                    + "records lie outside")
        }
    }

    /// The largest key in the file.
    ///
    /// - Returns: nil if the file has no records.
    /// - Throws: ``SourceError``; of kind `unavailable` if the path names the window, which a tip has not.
    public func tip(_ request: TipRequest) async throws -> String? {
        guard !settings.path.usesWindow else {
            throw SourceError(
                .unavailable,
                "the path '\(settings.path.text)' names the window, so that no file tells the newest key: say where the "
                    + "history ends, as in expect: {to: today - 1d}")
        }
        let path = try path(Subject(request))
        let file = try open(path, for: request.stream)
        let index = try index(of: file, format: try format(of: path), stream: request.stream)
        if index.hull.isEmpty, let record = index.blocks.lazy.compactMap(\.unreadable).first {
            throw SourceError(.permanent, "\(path), line \(record.line): \(record.reason.sentence(of: request.stream))")
        }
        return index.hull.isEmpty ? nil : request.stream.keyType.text(index.hull.upperBound - 1)
    }

    private func path(_ subject: Subject) throws(SourceError) -> String {
        do {
            return inDirectory(try settings.path.renderPath(subject))
        } catch {
            throw SourceError(.permanent, "\(error)")
        }
    }

    private func inDirectory(_ path: String) -> String {
        path.hasPrefix("/") ? path : "\(settings.directory)/\(path)"
    }

    /// Opens a file; one that a partition chose only if it lies in the folder that the config names. Nothing is told of
    /// a file that a symbolic link elsewhere leads to.
    private func open(_ path: String, for stream: StreamDefinition) throws(SourceError) -> InputFile {
        let settledBefore = FileSource.settledBefore(stream)
        guard let folder = settings.path.folderOfChoice.map({ inDirectory($0.isEmpty ? "." : $0) }),
            let place = RealPath.of(path), let root = RealPath.of(folder)
        else { return try InputFile(path, settledBefore: settledBefore) }
        guard RealPath.isBelow(place, root) else {
            throw SourceError(
                .permanent,
                "\(path) leads out of \(folder), the folder that '\(settings.path.text)' names before its first placeholder"
            )
        }
        return try InputFile(path, at: place, settledBefore: settledBefore)
    }

    private func format(of path: String) throws(SourceError) -> RecordFormat {
        if let format = settings.format { return format }
        let name = path.lowercased()
        if name.hasSuffix(".csv") { return .csv }
        if name.hasSuffix(".ndjson") || name.hasSuffix(".jsonl") { return .ndjson }
        throw SourceError(.permanent, "\(path): set `format: csv` or `format: ndjson`, the name does not tell")
    }

    private func index(of file: InputFile, format: RecordFormat, stream: StreamDefinition) throws -> FileIndex {
        let identity = "\(file.identity)/\(file.size)/\(stream.keyType)/\(stream.field(of: stream.keyColumn))"
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

extension FileIndex.Unreadable.Reason {
    /// What is told of a file of which no key could be read.
    fileprivate func sentence(of stream: StreamDefinition) -> String {
        let field = stream.field(of: stream.keyColumn)
        return switch self {
        case .noRecord: "what stands there is no record, and no other record has a key that can be read"
        case .tooManyFields:
            "up to this record there are more than \(FieldNames.limit) different fields, which is more than is read; no record "
                + "before it has a key"
        case .noKey: "the record has no field '\(field)', and no other record has a key that can be read"
        case .otherKey:
            "no record has a key that can be read; expected \(stream.keyType.example) in the field '\(field)'"
        }
    }
}

extension FileSettings {
    fileprivate var severalFiles: String {
        "the path '\(path.text)' names one end of the window only, and a batch holds units of several such files: set a "
            + "`batch` that one file holds whole, as 1, and no `overlap`"
    }

    /// Why the windows of a stream cannot be read from these files; nil if nothing is known against it.
    package func problem(of stream: StreamDefinition) -> String? {
        guard path.usesWindow, !path.usesBothWindowEnds else { return nil }
        guard stream.overlap?.isZero ?? true else { return severalFiles }
        let grid = BatchGrid(type: stream.keyType, batch: stream.batch)
        func name(_ unit: Int64) -> String? {
            try? path.render(
                FetchRequest(
                    stream: stream, partition: Partition(stream.partitions.columns.map { _ in "" }),
                    window: unit..<unit + 1))
        }
        var unit: Int64 = 0
        for _ in 0..<36 {
            let cell = grid.cell(of: unit)
            if name(cell.lowerBound) != name(cell.upperBound - 1) { return severalFiles }
            unit = cell.upperBound
        }
        return nil
    }
}
