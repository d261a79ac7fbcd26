import LacunaModel
import LacunaRecords
import Synchronization

/// Asks an HTTP API for each window, page by page, inside the limits that all streams of the source share.
public struct HTTPSource: Source {
    private let settings: HTTPSettings
    private let exchange: HTTPExchange
    private let paths: PagePaths
    private let pages = SeenPages()
    private let name: String
    private let onWarning: @Sendable (String) -> Void

    /// A source from its settings.
    ///
    /// - Parameters:
    ///   - name: the source's name; streams of one name share its limits.
    ///   - connections: what the streams of a program share.
    ///   - onWarning: takes what is wrong with the way to the server, for each window and tip that is asked for.
    public init(
        _ settings: HTTPSettings, name: String = "source", connections: HTTPConnections = HTTPConnections(),
        onWarning: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.settings = settings
        self.name = name
        self.onWarning = onWarning
        exchange = HTTPExchange(settings, source: name, connections: connections)
        paths = PagePaths(settings)
    }

    /// Fetches the pages of a window.
    ///
    /// A first page that fails is the retry policy's of the batch. A later one is asked for again here, as often as the
    /// policy allows, so that one bad page of many does not cost those before it.
    ///
    /// - Throws: ``SourceError`` with status, address and page; what `sink` throws; `CancellationError`.
    public func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        let first = try rendered { builder throws(TemplateError) in try builder.call(request) }
        let policy = request.stream.retry
        let known = pages.known
        var paginator = Paginator(
            settings.paginator, longestPage: known.recordCount, nextWasNamed: known.nextWasNamed)
        var reading = WindowReading()
        var step: Paginator.Step? = paginator.first
        var address = first.address
        switch settings.format {
        case .json, .ndjson: try sink.begin(.ndjson)
        case .csv: try sink.begin(.csv)
        }
        while let current = step {
            try Task.checkCancellation()
            let number = paginator.pageCount + 1
            var call = first
            switch current {
            case .parameters(let parameters): call.address = first.address.adding(parameters)
            case .link(let link): call.address = try next(link, from: address, first, page: number)
            }
            var page: Paginator.Page?
            var place = PagePlace(exchange: exchange, call: call, number: number)
            let read: ReadPage?
            do {
                read = try await self.page(number, of: call, policy)
            } catch let gone as Gone {
                // Of a later page it would say that what came before is lost too.
                guard number == 1 else { throw place.error(.unknown, "page \(number) answered \(gone.status)") }
                var summary = FetchSummary()
                summary.goneReason = "the source answered \(gone.status)"
                return summary
            }
            if let read {
                address = read.address
                place.status = read.answer.status
                do {
                    page = try take(read, at: place, into: sink, &reading)
                } catch let error as RecordError {
                    throw place.error(.permanent, "\(error)")
                }
            } else if number == 1 {
                reading.isEmptyByStatus = true
            }
            do throws(Paginator.Fault) {
                if let page {
                    step = try paginator.next(after: page)
                } else {
                    try paginator.end()
                    step = nil
                }
            } catch {
                throw place.error(error.kind, error.reason)
            }
            pages.note(paginator.longestPage, nextWasNamed: paginator.nextWasNamed)
            if step == nil { try requireWhole(paginator, reading, at: place) }
        }
        return summary(paginator, reading)
    }

    /// Rejects an answer that contradicts what it says of itself.
    private func requireWhole(
        _ paginator: Paginator, _ reading: WindowReading, at place: PagePlace
    ) throws(SourceError) {
        if let total = paginator.total, total == Int64(paginator.recordCount),
            reading.distinctCount < paginator.recordCount
        {
            throw place.error(
                .unknown,
                "the source declared \(total) records and sent \(reading.distinctCount) different ones: records moved "
                    + "between the pages while they were read, and the window is to be read again")
        }
        if paginator.total == nil, reading.repeatsRecords {
            throw place.error(
                .unknown,
                "a record came in two pages: records moved between them while they were read, another one may have come in "
                    + "none, and the window is to be read again")
        }
        guard paginator.mindsSigns, let sign = reading.sign else { return }
        throw place.error(
            .rejected,
            "there is more than what came: \(sign.place) is \(exchange.redactor.text(sign.text, limit: 80)) after "
                + "\(paginator.recordCount) records; declare \(sign.advice), or {type: single_page} if that is all of a "
                + "window whatever it says")
    }

    private func summary(_ paginator: Paginator, _ reading: WindowReading) -> FetchSummary {
        var summary = FetchSummary(
            declaredRecords: paginator.total.map(Int.init), pages: paginator.pageCount,
            end: reading.isProvenWhole ? paginator.answerEnd : .unproven)
        summary.isEmptyByStatus = reading.isEmptyByStatus
        if paginator.skipsRecords {
            summary.note =
                "the source gives fewer records a page than `page_size`, so that some may be in no page; set it to what it gives"
        }
        if let path = paginator.unseenPath {
            summary.objection =
                "no page had '\(path)', where the next one is to be named, so that nothing says whether there is more; "
                + "check the path, in which a name with a dot stands in quotes, declare total_path or has_more_path, "
                + "or say empty: trust if the source leaves it out on its last page"
        }
        return summary
    }

    /// Asks for the newest key.
    ///
    /// - Returns: the key; nil if the source answers `null`, or with nothing.
    /// - Throws: ``SourceError``.
    public func tip(_ request: TipRequest) async throws -> String? {
        guard settings.tip != nil else {
            throw SourceError(.unavailable, "the source has no `tip` request, \(TipRequest.need)")
        }
        let call = try rendered { builder throws(TemplateError) in try builder.call(request) }
        return try await value(
            of: call, paths.tip, .tip, request.stream.retry.maxBackoff)
    }

    /// The one value that an answer holds; nil if it is `null`, or there is nothing.
    private func value(
        of call: HTTPCall, _ wanted: PagePaths.ValuePaths?, _ kind: ValueKind, _ longestWait: Duration
    ) async throws -> String? {
        let outcome = try await exchange.outcome(of: call, page: 1, longestWait: longestWait)
        if case .gone(let status) = outcome {
            throw exchange.error(.permanent, "answered \(status), which says nothing of \(kind.name)", call, page: 1)
        }
        guard case .page(let answer, _, let redactor) = outcome else { return nil }
        let place = PagePlace(exchange: exchange, call: call, number: 1, status: answer.status)
        guard let wanted else { return try plainValue(answer.body, kind, place) }
        let document = try document(answer.body, finding: wanted.set, at: place)
        if let fault = wanted.faults.fault(in: document) {
            let error = exchange.error(fault, answer, call, page: 1, longestWait: longestWait, redactor)
            guard let error else { return nil }
            throw error
        }
        guard let value = document[wanted.key] else {
            throw place.error(.permanent, "the answer has no '\(wanted.key.path)'; check `\(kind.setting)`")
        }
        switch value.kind {
        case .null: return nil
        case .string, .number: return document.text(value)
        default:
            throw place.error(.permanent, "'\(wanted.key.path)' is not \(kind.form); check `\(kind.setting)`")
        }
    }

    private func plainValue(
        _ body: [UInt8], _ kind: ValueKind, _ place: PagePlace
    ) throws -> String? {
        guard let text = String(validating: body, as: UTF8.self)?.trimmingWhitespace, text.utf8.count <= 4096 else {
            throw place.error(.permanent, "the answer is more than \(kind.form); name its place as `\(kind.setting)`")
        }
        let isQuoted = text.count >= 2 && text.first == "\"" && text.last == "\""
        let key = isQuoted ? String(text.dropFirst().dropLast()) : text
        return key.isEmpty || key == "null" ? nil : key
    }

    private func rendered(
        _ body: (RequestBuilder) throws(TemplateError) -> HTTPCall
    ) throws(SourceError) -> HTTPCall {
        let call: HTTPCall
        do throws(TemplateError) { call = try body(RequestBuilder(settings)) } catch {
            throw SourceError(.permanent, error.description)
        }
        warn(of: call.address.origin)
        return call
    }

    /// Warns where credentials can be read on the way.
    private func warn(of origin: Origin) {
        switch settings.authentication {
        case .none: return
        case .clientCredentials(let credentials) where Address(credentials.tokenURL)?.origin.isInTheClear == true:
            onWarning(
                "source \(name) sends the secret of its client to its token endpoint without encryption: write "
                    + "token_url with https")
        default:
            guard origin.isInTheClear else { return }
            onWarning("source \(name) sends its credentials without encryption: write base_url with https")
        }
    }

    /// The answer that a window is lost for good.
    private struct Gone: Error {
        let status: Int
    }

    /// A page as it came.
    private struct ReadPage {
        let answer: HTTPAnswer
        /// Where it came from.
        let address: Address
        /// Its JSON, with all that is looked for in it; nil if it is none.
        let document: JSONDocument?
    }

    /// Asks for a page; nil if there is nothing in its place.
    private func page(_ number: Int, of call: HTTPCall, _ policy: RetryPolicy) async throws -> ReadPage? {
        var attempt = 1
        while true {
            do {
                return try await page(number, of: call, longestWait: policy.maxBackoff)
            } catch let error as SourceError
                where [.transient, .unknown].contains(error.kind) && number > 1 && attempt < policy.attempts
            {
                let jitter = policy.ceiling(afterAttempt: attempt) * Double.random(in: 0...1)
                try await Task.sleep(for: max(jitter, min(error.retryAfter ?? .zero, policy.maxBackoff)))
                attempt += 1
            }
        }
    }

    private func page(_ number: Int, of call: HTTPCall, longestWait: Duration) async throws -> ReadPage? {
        let outcome = try await exchange.outcome(of: call, page: number, longestWait: longestWait)
        if case .gone(let status) = outcome { throw Gone(status: status) }
        guard case .page(let answer, let address, let redactor) = outcome else { return nil }
        guard settings.format == .json else {
            exchange.accept()
            return ReadPage(answer: answer, address: address, document: nil)
        }
        let place = PagePlace(exchange: exchange, call: call, number: number, status: answer.status)
        let document = try document(answer.body, finding: paths.set, at: place)
        // Before anything is looked for: an answer that is an error lacks the rest.
        if let fault = paths.faults.fault(in: document) {
            let error = exchange.error(fault, answer, call, page: number, longestWait: longestWait, redactor)
            guard let error else { return nil }
            throw error
        }
        exchange.accept()
        return ReadPage(answer: answer, address: address, document: document)
    }

    /// The address of the next page, held to the origin of the first.
    private func next(_ link: String, from address: Address, _ first: HTTPCall, page: Int) throws -> Address {
        guard let next = address.resolving(link) else {
            throw exchange.error(.permanent, "the page before it gives no address that can be read", first, page: page)
        }
        guard next.origin == first.address.origin else {
            throw exchange.error(
                .permanent, "the page before it leads to another origin, \(next.origin), which is not followed", first,
                page: page)
        }
        return next
    }
}

// MARK: Pages

/// What was seen of the pages of a source, over all of its windows.
private final class SeenPages: Sendable {
    struct Known {
        /// The most records of a page.
        var recordCount = 0
        /// Whether a page had the place where the next one is named.
        var nextWasNamed = false
    }

    private let state = Mutex(Known())

    var known: Known { state.withLock { $0 } }

    func note(_ count: Int, nextWasNamed: Bool) {
        state.withLock { known in
            known.recordCount = max(known.recordCount, count)
            known.nextWasNamed = known.nextWasNamed || nextWasNamed
        }
    }
}

/// What is gathered while the pages of one window are read.
private struct WindowReading {
    /// Whether the source said only by a status that it has nothing.
    var isEmptyByStatus = false
    /// Whether the end of each page was announced.
    var isProvenWhole = true
    /// A sign in the last page that there is more.
    var sign: MoreSigns.Sign?
    /// The records that came so far.
    var received = 0
    private var hashes: Set<Int> = []
    private var page: Set<Int> = []
    private(set) var repeatsRecords = false

    /// How many different records came.
    var distinctCount: Int { hashes.union(page).count }

    /// Notes a record, by its text.
    mutating func note(_ record: UnsafeRawBufferPointer) {
        var hasher = Hasher()
        hasher.combine(bytes: record)
        let hash = hasher.finalize()
        if hashes.contains(hash) { repeatsRecords = true }
        page.insert(hash)
    }

    /// Ends a page. The same record twice in one is the source's own affair.
    mutating func endPage() {
        if hashes.isEmpty { swap(&hashes, &page) } else { hashes.formUnion(page) }
        page.removeAll(keepingCapacity: true)
    }
}

/// What is asked for by itself, in the words of errors.
private struct ValueKind {
    let name: String
    let form: String
    /// What says where an answer holds it.
    let setting: String

    static let tip = ValueKind(name: "a tip", form: "a key", setting: "tip.select")
    static let count = ValueKind(name: "a count", form: "a number", setting: "verify.count.select")
}

/// Where something is wrong with an answer: what its errors begin with.
private struct PagePlace {
    let exchange: HTTPExchange
    let call: HTTPCall
    let number: Int
    /// nil: what `on_status` takes for an empty page.
    var status: Int?

    func error(_ kind: SourceError.Kind, _ what: String) -> SourceError {
        exchange.error(kind, (status.map { "answered \($0), but " } ?? "") + what, call, page: number)
    }
}

extension HTTPSource: CountingSource {
    package var canCount: Bool { settings.count != nil }

    package func count(_ request: FetchRequest) async throws -> Int64 {
        let call = try rendered { builder throws(TemplateError) in try builder.countCall(request) }
        // Nothing in its place is no record.
        let text = try await value(
            of: call, paths.count, .count, request.stream.retry.maxBackoff)
        guard let text else { return 0 }
        guard let count = Int64(text), count >= 0 else {
            throw exchange.error(
                .permanent, "answered with no number of records; check `verify.count.select`", call, page: 1)
        }
        return count
    }
}

extension HTTPSource {
    /// Hands a page's records to the sink and reads what the page says of itself.
    private func take(
        _ read: ReadPage, at place: PagePlace, into sink: RecordSink, _ reading: inout WindowReading
    ) throws -> Paginator.Page {
        let answer = read.answer
        var page = Paginator.Page()
        reading.sign = nil
        let before = sink.receivedCount
        if let document = read.document {
            try self.read(document, into: &page, place)
            let records = try records(in: document, place)
            page.digest = document.withBytes(of: records, hash)
            try append(records, of: document, to: sink, &reading)
            try sink.endOfDocument()
            page.recordCount = sink.receivedCount - before
            let isLinked = page.recordCount > 0 && page.hasMore == nil
            reading.received += page.recordCount
            reading.sign = paths.signs.first(in: document, received: reading.received, links: isLinked && !readsNext)
        } else {
            page.digest = answer.body.withUnsafeBytes(hash)
            if !answer.isWhole {
                reading.isProvenWhole = false
                guard !answer.body.isEmpty else {
                    throw place.error(
                        .transient, "with not a byte and no word on its length, so that nothing says it is whole")
                }
            }
            try sink.write(answer.body)
            if settings.format == .ndjson || !answer.body.isEmpty {
                try sink.endOfDocument(lengthIsProven: answer.isWhole)
            }
        }
        let link = LinkHeader.next(in: answer.headers["link"])
        page.recordCount = sink.receivedCount - before
        if case .headerLink = settings.paginator.kind {
            page.next = link
            page.namesNext = !answer.headers["link"].isEmpty
        } else if let link, reading.sign == nil, page.recordCount > 0, !readsNext, page.hasMore == nil {
            reading.sign = MoreSigns.Sign(
                place: "the header Link: rel=next", text: link, advice: "paginator: {type: header_link}")
        }
        reading.endPage()
        return page
    }

    /// Whether the source's own word on a next page is read.
    private var readsNext: Bool {
        switch settings.paginator.kind {
        case .cursor, .jsonLink, .headerLink: true
        case .undeclared, .singlePage, .pageNumber, .offset: false
        }
    }

    private func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: bytes)
        return hasher.finalize()
    }

    private func document(
        _ bytes: [UInt8], finding paths: JSONPathSet, at place: PagePlace
    ) throws(SourceError) -> JSONDocument {
        do throws(JSONDocument.Fault) {
            return try JSONDocument(bytes, finding: paths)
        } catch {
            throw place.error(.permanent, "the answer is not one whole JSON document: \(error.reason)")
        }
    }

    private func records(
        in document: JSONDocument, _ place: PagePlace
    ) throws(SourceError) -> JSONDocument.Value {
        guard let value = document[paths.records] else {
            throw place.error(.permanent, "the page has no '\(paths.records.path)'; check `record_selector`")
        }
        if settings.recordSelector != nil, value.kind == .null {
            throw place.error(
                .transient,
                "'\(paths.records.path)' is null, which says nothing of the window; if it means that there are no records, "
                    + "write `on_error: {path: \(paths.records.path), equals: \"null\", do: empty}`")
        }
        // Of a page that is itself the records the sink says what is wrong.
        guard settings.recordSelector == nil || value.kind == .object || value.kind == .array else {
            throw place.error(
                .permanent,
                "'\(paths.records.path)' is neither a list of records nor a record; check `record_selector`")
        }
        return value
    }

    private func append(
        _ records: JSONDocument.Value, of document: JSONDocument, to sink: RecordSink, _ reading: inout WindowReading
    ) throws {
        guard records.kind == .array else {
            return try document.withBytes(of: records) { try sink.append(json: $0) }
        }
        // Records that come twice tell of pages that moved: of one page alone only a total tells.
        let isCounted = settings.paginator.totalPath != nil || !(readsNext || isOnePage)
        try document.forEachElement(of: records) { record in
            if isCounted { reading.note(record) }
            try sink.append(json: record)
        }
    }

    private var isOnePage: Bool {
        settings.paginator.kind == .undeclared || settings.paginator.kind == .singlePage
    }

    private func read(
        _ document: JSONDocument, into page: inout Paginator.Page, _ place: PagePlace
    ) throws(SourceError) {
        page.total = try integer(paths.total, in: document, place)
        page.totalPages = try integer(paths.totalPages, in: document, place)
        if let hasMore = paths.hasMore {
            guard let value = document[hasMore], value.kind == .boolean else {
                throw place.error(
                    .permanent, "the page has no true or false at '\(hasMore.path)'; check `has_more_path`")
            }
            page.hasMore = document.text(value) == "true"
        }
        if let next = paths.next, let value = document[next] {
            page.namesNext = true
            switch value.kind {
            case .string, .number: page.next = document.text(value)
            // Some say with false that there is no more.
            case .null, .boolean: break
            default:
                throw place.error(.permanent, "'\(next.path)' is neither a text nor a number")
            }
        }
    }

    private func integer(
        _ wanted: WantedPath?, in document: JSONDocument, _ place: PagePlace
    ) throws(SourceError) -> Int64? {
        guard let wanted else { return nil }
        guard let value = document[wanted].flatMap(document.integer) else {
            throw place.error(
                .permanent, "the page has no whole number at '\(wanted.path)', where it is to declare a total")
        }
        return value
    }
}
