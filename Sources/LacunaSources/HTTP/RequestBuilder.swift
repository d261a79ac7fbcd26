import Foundation
import LacunaModel
import LacunaRecords

/// A request that is ready to be sent, without credentials.
struct HTTPCall: Sendable {
    var address: Address
    var method: HTTPRequestSettings.Method = .get
    /// Names in lower case.
    var headers: [(name: String, value: String)] = []
    var body: [UInt8]?
    /// Off for what does not show by itself that it is whole: of a compressed body nobody says if it ends too early.
    var mayBeCompressed = true
}

/// Puts requests together. Each value is escaped for its context, so that none can change what surrounds it.
package struct RequestBuilder: Sendable {
    private let settings: HTTPSettings

    /// A builder for a source.
    package init(_ settings: HTTPSettings) {
        self.settings = settings
    }

    /// Holds the templates of a source against a stream, before anything is asked for.
    ///
    /// - Throws: ``TemplateError``.
    package func check(_ stream: StreamDefinition) throws(TemplateError) {
        let partition = Partition(stream.partitions.columns.map { _ in "1" })
        let keys = stream.keyType.isOrdered ? [] : ["1"]
        let sample = FetchRequest(stream: stream, partition: partition, window: 0..<1, keys: keys)
        _ = try call(settings.request, Rendering(subject: Subject(sample), isSample: true))
        if let count = settings.count {
            _ = try call(count.request, Rendering(subject: Subject(sample), isSample: true))
        }
        if let tip = settings.tip {
            let subject = Subject(TipRequest(stream: stream, partition: partition))
            _ = try call(tip.request, Rendering(subject: subject, isSample: true))
        }
    }

    /// The request for a window's first page.
    func call(_ request: FetchRequest) throws(TemplateError) -> HTTPCall {
        let subject = Subject(request)
        try subject.requireSeparableKeys()
        return try call(settings.request, Rendering(subject: subject))
    }

    /// The request for the tip.
    func call(_ request: TipRequest) throws(TemplateError) -> HTTPCall {
        var call = try call(settings.tip?.request ?? HTTPRequestSettings(), Rendering(subject: Subject(request)))
        if settings.tip?.select == nil { call.mayBeCompressed = false }
        return call
    }

    /// The request for the number of a window's records.
    func countCall(_ request: FetchRequest) throws(TemplateError) -> HTTPCall {
        var call = try call(settings.count?.request ?? HTTPRequestSettings(), Rendering(subject: Subject(request)))
        if settings.count?.select == nil { call.mayBeCompressed = false }
        return call
    }

    private func call(_ request: HTTPRequestSettings, _ render: Rendering) throws(TemplateError) -> HTTPCall {
        var call = HTTPCall(address: try address(request, render), method: request.method)
        call.mayBeCompressed = settings.format == .json
        let own = Set(request.headers.map { $0.name.lowercased() })
        for header in settings.headers.filter({ !own.contains($0.name.lowercased()) }) + request.headers {
            call.headers.append((header.name.lowercased(), try render.header(header.value)))
        }
        if let body = request.body {
            let type = call.headers.first { $0.name == "content-type" }?.value.lowercased() ?? "application/json"
            if !call.headers.contains(where: { $0.name == "content-type" }) {
                call.headers.append(("content-type", type))
            }
            call.body = Array(try render.body(body, isJSON: type.contains("json")).utf8)
        }
        if !call.headers.contains(where: { $0.name == "accept" }) {
            let accept =
                switch settings.format {
                case .json: "application/json"
                case .ndjson: "application/x-ndjson, application/json;q=0.9, */*;q=0.1"
                case .csv: "text/csv, */*;q=0.1"
                }
            call.headers.append(("accept", accept))
        }
        return call
    }

    /// Rejects a host that the config does not list, if it lists any.
    private func requireListed(_ origin: Origin) throws(TemplateError) {
        guard !settings.hosts.isEmpty, origin.socket == nil else { return }
        for text in settings.hosts {
            guard let pattern = HostPattern(text) else {
                throw TemplateError("hosts: '\(text)' is neither a host nor *. and a domain, as *.example.com")
            }
            if pattern.matches(origin.host) { return }
        }
        throw TemplateError("the host '\(origin.host)' is none of those under 'hosts', so that it is not asked")
    }

    private func address(_ request: HTTPRequestSettings, _ render: Rendering) throws(TemplateError) -> Address {
        let baseURL = BaseURL(settings.baseURL)
        if let problem = baseURL.problem { throw TemplateError(problem) }
        if settings.hosts.isEmpty, let problem = baseURL.openHostProblem { throw TemplateError(problem) }
        let base = try render.url(settings.baseURL)
        let path = try request.path.map { path throws(TemplateError) in try render.path(path) } ?? ""
        var url = base
        // A colon ends the path of a Unix socket.
        let afterScheme = base.dropFirst(Address.socketScheme.count)
        if base.hasPrefix(Address.socketScheme), !afterScheme.contains(":") { url += ":" }
        if !path.isEmpty {
            while url.hasSuffix("/") { url.removeLast() }
            url += path.hasPrefix("/") || path.hasPrefix("?") ? path : "/" + path
        }
        guard let address = Address(url) else {
            throw TemplateError(
                "'\(settings.baseURL.text)' and the path make no address; write base_url as https://host/path, "
                    + "without a user, and a port, where there is one, from 1 to 65535; or as unix:/path/of/socket")
        }
        if !(render.isSample && baseURL.choosesHost) { try requireListed(address.origin) }
        let parameters = try request.parameters.map { parameter throws(TemplateError) in
            Paginator.Parameter(name: parameter.name, value: try render.plain(parameter.value))
        }
        return address.adding(parameters)
    }
}

/// Renders templates for one stream, partition and window.
private struct Rendering {
    let subject: Subject
    /// Whether the values only stand for others: nothing is asked.
    var isSample = false

    func plain(_ template: Template) throws(TemplateError) -> String {
        try template.render(subject) { _, value throws(TemplateError) in
            value
        }
    }

    func header(_ template: Template) throws(TemplateError) -> String {
        let value = try plain(template)
        guard !value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) else {
            throw TemplateError("a header's value holds a line end or another control character, in '\(template.text)'")
        }
        return value
    }

    /// A base URL. Up to the first slash behind the scheme a value is part of the host.
    func url(_ template: Template) throws(TemplateError) -> String {
        var before = ""
        var starts: [String] = []
        for segment in template.segments {
            starts.append(before)
            if case .literal(let literal) = segment { before += literal } else { before += "x" }
        }
        return try template.render(subject) {
            index, value throws(TemplateError) in
            let start = starts[index]
            if template.text.hasPrefix(Address.socketScheme) {
                if start.dropFirst(Address.socketScheme.count).contains(":") { return try segment(value, template) }
                throw TemplateError("a placeholder cannot be part of a socket's path, in '\(template.text)'")
            }
            guard let scheme = start.range(of: "://") else {
                throw TemplateError("a placeholder cannot be the scheme, in '\(template.text)'")
            }
            if start[scheme.upperBound...].contains("/") { return try segment(value, template) }
            guard Origin.isHost(value), !value.hasPrefix("[") else {
                throw TemplateError(
                    "'\(value)' cannot be part of a host: only letters, digits, hyphens and dots, in '\(template.text)'"
                )
            }
            return value
        }
    }

    func path(_ template: Template) throws(TemplateError) -> String {
        try template.render(subject) { _, value throws(TemplateError) in
            try segment(value, template)
        }
    }

    private func segment(_ value: String, _ template: Template) throws(TemplateError) -> String {
        // Percent-encoded dots are dots too (RFC 3986, section 6.2.2.2), and would climb out of the path.
        guard value != ".", value != "..", !value.isEmpty else {
            throw TemplateError("'\(value)' cannot be part of a path, in '\(template.text)'")
        }
        return PercentEncoding.encode(value)
    }

    func body(_ template: Template, isJSON: Bool) throws(TemplateError) -> String {
        let isInside = template.isInsideJSONString
        let text = try template.render(subject) {
            index, value throws(TemplateError) in
            guard isJSON else { return PercentEncoding.encode(value) }
            if isInside[index] { return Template.jsonEscaped(value) }
            // Ids without quotes around them are the elements of a list.
            if case .placeholder(.keys, _) = template.segments[index] { return "\"\(Template.jsonEscaped(value))\"" }
            guard Template.isJSONNumber(value) else {
                throw TemplateError("'\(value)' is no number; put the placeholder in quotes, in '\(template.text)'")
            }
            return value
        }
        guard isJSON else { return text }
        do {
            _ = try JSONDocument(Array(text.utf8))
        } catch {
            throw TemplateError("the body is not JSON: \(error.reason), in '\(template.text)'")
        }
        return text
    }
}
