import Foundation
import LacunaModel
import LacunaRecords
import LacunaSources

/// Reads the settings of an HTTP source as one stream sees them.
struct HTTPReader {
    let reading: Reading
    let section: Section
    let definition: StreamDefinition

    func settings(baseURL: Template) -> HTTPSettings? {
        var settings = HTTPSettings(baseURL: baseURL)
        settings.secrets = reading.secrets.filter { $0.count >= 3 }
        settings.authentication = section["auth"].flatMap(authentication) ?? .none
        settings.headers = named("headers", in: section)
        settings.limits = limits()
        settings.timeouts = section["timeout"].map(timeouts) ?? settings.timeouts
        settings.onStatus = statuses()
        settings.onError = errorRules()
        if let limit = section.integer("max_page_bytes") { settings.pageByteLimit = Int(limit) }
        if let node = section["tls"] { readTLS(node, into: &settings) }
        settings.format = section.choice("format") ?? settings.format
        settings.recordSelector = path("record_selector", in: section)
        if section.text("proxy") != "none" { settings.proxies = ProxyRules(environment: reading.environment) }
        if let node = section["request"] {
            settings.request = request(Section(node, group: SettingsTable.request.name, reading: reading))
        }
        if let node = section["tip"] {
            let tip = Section(node, group: SettingsTable.tip.name, reading: reading)
            settings.tip = HTTPTipSettings(request: request(tip), select: path("select", in: tip))
        }
        if let node = section["verify"].map({ Section($0, group: SettingsTable.verify.name, reading: reading) })?[
            "count"]
        {
            let count = Section(node, group: SettingsTable.count.name, reading: reading)
            settings.count = HTTPTipSettings(request: request(count), select: path("select", in: count))
        }
        if let node = section["paginator"] {
            let reader = PaginatorReader(
                section: Section(node, group: SettingsTable.paginator.name, reading: reading), format: settings.format)
            settings.paginator = reader.settings()
        }
        for name in ["record_selector", "on_error"] where settings.format != .json {
            if let node = section[name] { reading.report("'\(name)' is for pages of JSON", at: node.position) }
        }
        for node in section["hosts"]?.oneOrMany ?? [] {
            guard let text = node.scalar?.text else { continue }
            settings.hosts.append(text)
            if HostPattern(text) == nil {
                reading.report(
                    "'hosts': expected a host, or *. and a domain, as *.example.com; found '\(Shown.text(text))'",
                    at: node.position)
            }
        }
        let shape = BaseURL(baseURL)
        if let problem = shape.problem ?? (settings.hosts.isEmpty ? shape.openHostProblem : nil) {
            reading.report(problem, at: section["base_url"]?.position)
        }
        guard !reading.hasProblems else { return settings }
        do {
            try RequestBuilder(settings).check(definition)
        } catch {
            let place = section["request"]?.position ?? section["base_url"]?.position ?? section.position
            reading.report(foreign: "stream '\(definition.name)': \(error.description)", at: place)
        }
        return settings
    }

    // MARK: Requests

    private func request(_ section: Section) -> HTTPRequestSettings {
        var request = HTTPRequestSettings()
        request.body = section["body"].flatMap { template($0, \.body) }
        request.method = section.choice("method") ?? (request.body == nil ? .get : .post)
        if request.method == .get, let body = section["body"] {
            reading.report("'body' needs 'method: POST'", at: body.position)
        }
        request.path = section["path"].flatMap { template($0, \.template) }
        request.parameters = named("params", in: section)
        request.headers = named("headers", in: section)
        return request
    }

    private func named(_ name: String, in section: Section) -> [NamedTemplate] {
        (section[name]?.map ?? []).compactMap { entry in
            if name == "headers", !entry.name.utf8.allSatisfy(HTTPReader.isHeaderByte) {
                reading.report("'\(Shown.text(entry.name))' cannot be the name of a header", at: entry.position)
                return nil
            }
            return template(entry.value, \.template).map { NamedTemplate(entry.name, $0) }
        }
    }

    private static func isHeaderByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private func template(_ node: ConfigNode, _ text: KeyPath<WrittenText, String>) -> Template? {
        node.scalar.flatMap { SourceReader.template($0[keyPath: text], at: node.position, definition, reading) }
    }

    private func path(_ name: String, in section: Section) -> JSONPath? {
        section.text(name).flatMap(JSONPath.init)
    }

    // MARK: Manners

    private func limits() -> HTTPLimits {
        var limits = HTTPLimits()
        limits.rates = (section["rate_limit"]?.oneOrMany ?? []).compactMap { node in
            let limit = Section(node, group: SettingsTable.rateLimit.name, reading: reading)
            let exhaustion: RateLimit.Exhaustion? = limit.choice("on_exhausted")
            guard let requests = limit.integer("requests"), let period = limit.duration("per") else { return nil }
            let isShared = limit.boolean("shared") ?? false
            if isShared, requests > RateLimit.mostSharedRequests {
                reading.report(
                    "a limit that is shared has at most \(RateLimit.mostSharedRequests) requests, because each is a row of the "
                        + "database; take a shorter period", at: limit["requests"]?.position)
            }
            return RateLimit(requests: Int(requests), period: period, onExhausted: exhaustion, isShared: isShared)
        }
        limits.concurrency = section.integer("concurrency").map { Int($0) }
        limits.stagger = section.duration("stagger") ?? .zero
        return limits
    }

    private func timeouts(_ node: ConfigNode) -> HTTPTimeouts {
        var timeouts = HTTPTimeouts()
        if let total = node.scalar.flatMap({ Written.duration($0.text) }) {
            return HTTPTimeouts(connect: min(timeouts.connect, total), idle: total, total: total)
        }
        let parts = Section(node, group: SettingsTable.timeouts.name, reading: reading)
        if let connect = parts.duration("connect") { timeouts.connect = connect }
        if let idle = parts.duration("idle") { timeouts.idle = idle }
        if let total = parts.duration("total") { timeouts.total = total }
        return timeouts
    }

    private func statuses() -> [Int: HTTPStatusAction] {
        var statuses: [Int: HTTPStatusAction] = [:]
        for entry in section["on_status"]?.map ?? [] {
            guard let status = Int(entry.name), (200...599).contains(status) else {
                reading.report(
                    "'on_status': expected a status from 200 to 599, found '\(Shown.text(entry.name))'",
                    at: entry.position)
                continue
            }
            statuses[status] = entry.value.scalar.flatMap { HTTPStatusAction(rawValue: $0.text) }
        }
        return statuses
    }

    private func errorRules() -> [HTTPErrorRule] {
        let nodes = section["on_error"]?.oneOrMany ?? []
        if nodes.count > HTTPErrorRule.limit {
            reading.report(
                "'on_error' has \(nodes.count) rules; at most \(HTTPErrorRule.limit) are allowed",
                at: section["on_error"]?.position)
            return []
        }
        return nodes.compactMap { node in
            let rule = Section(node, group: SettingsTable.onError.name, reading: reading)
            let action: HTTPErrorRule.Action? = rule.choice("do")
            let (equal, part) = (rule.text("equals"), rule.text("contains"))
            if equal != nil, let node = rule["contains"] {
                reading.report("'on_error' takes either 'equals' or 'contains'", at: node.position)
            }
            guard let path = path("path", in: rule), let action else { return nil }
            let condition: HTTPErrorRule.Condition? =
                equal.map(HTTPErrorRule.Condition.equals) ?? part.map(HTTPErrorRule.Condition.contains)
            return HTTPErrorRule(path: path, condition: condition ?? .present, action: action)
        }
    }

    private func readTLS(_ node: ConfigNode, into settings: inout HTTPSettings) {
        let tls = Section(node, group: SettingsTable.tls.name, reading: reading)
        func file(_ name: String) -> String? {
            guard let file = tls.text(name).map(reading.resolve) else { return nil }
            if !FileManager.default.isReadableFile(atPath: file) {
                reading.report("'\(name)': there is no file that could be read", at: tls[name]?.position)
            }
            return file
        }
        settings.certificateFile = file("ca_file")
        switch (file("cert_file"), file("key_file")) {
        case (let certificate?, let key?):
            settings.clientCertificate = ClientCertificate(certificateFile: certificate, keyFile: key)
        case (nil, nil): break
        case (nil, _): reading.report("'key_file' needs 'cert_file'", at: tls["key_file"]?.position)
        case (_, nil): reading.report("'cert_file' needs 'key_file'", at: tls["cert_file"]?.position)
        }
    }

    // MARK: Credentials

    private func authentication(_ node: ConfigNode) -> HTTPAuthentication? {
        let auth = Section(node, group: SettingsTable.auth.name, reading: reading)
        let type = auth.text("type") ?? ""
        let wanted: [String: [String]] = [
            "bearer": ["token"], "api_key": ["key", "header", "param"], "http_basic": ["username", "password"],
            "oauth2_client_credentials": ["token_url", "client_id", "client_secret", "scope"],
        ]
        reading.reportForeign(to: type, in: auth, owners: wanted)
        func text(_ name: String) -> String? {
            let value = auth.text(name)
            if value == nil { reading.report("'auth' of type \(type) needs '\(name)'", at: auth.position) }
            return value
        }
        switch type {
        case "bearer":
            return text("token").map { .bearer(token: $0) }
        case "api_key":
            guard let key = text("key") else { return nil }
            let header = auth.text("header")
            let parameter = auth.text("param")
            if let header, parameter == nil { return .keyHeader(name: header, value: key) }
            if let parameter, header == nil { return .keyParameter(name: parameter, value: key) }
            reading.report("'auth' of type api_key needs either 'header' or 'param'", at: auth.position)
            return nil
        case "http_basic":
            return text("username").map { .basic(username: $0, password: auth.text("password") ?? "") }
        default:
            guard let url = text("token_url"), let id = text("client_id"), let secret = text("client_secret") else {
                return nil
            }
            if URL(string: url)?.host == nil {
                reading.report("'token_url': expected https://host/path", at: auth["token_url"]?.position)
            }
            let scope = auth.text("scope")
            return .clientCredentials(
                ClientCredentials(tokenURL: url, clientID: id, clientSecret: secret, scope: scope))
        }
    }
}

extension Reading {
    /// Reports settings that belong to another `type` than the one that is written. Asks for all of them.
    func reportForeign(to type: String, in section: Section, owners: [String: [String]]) {
        let own = Set(owners[type] ?? [])
        for (owner, names) in owners.sorted(by: { $0.key < $1.key }) {
            for name in names {
                guard let node = section[name], !own.contains(name) else { continue }
                report(
                    "'\(name)' is for '\(section.group)' of type \(owner), not of type \(Shown.text(type))",
                    at: node.position)
            }
        }
    }
}
