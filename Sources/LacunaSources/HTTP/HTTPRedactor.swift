import Foundation

/// Makes text that comes from requests and answers fit to be shown: without secrets, on one line, short.
struct HTTPRedactor: Sendable {
    private static let mask = "***"
    /// Parameters that hold a secret whatever they are called here.
    private static let names: Set<String> = [
        "access_token", "api_key", "apikey", "key", "password", "secret", "sig", "signature", "token",
    ]

    private let secrets: [String]
    private let parameter: String?

    init(_ settings: HTTPSettings) {
        var secrets = settings.secrets
        parameter = if case .keyParameter(let name, _) = settings.authentication { name.lowercased() } else { nil }
        switch settings.authentication {
        case .none: break
        case .bearer(let token): secrets.insert(token)
        case .keyHeader(_, let value), .keyParameter(_, let value): secrets.insert(value)
        case .basic(_, let password): secrets.insert(password)
        case .clientCredentials(let credentials): secrets.insert(credentials.clientSecret)
        }
        secrets.formUnion(secrets.map(PercentEncoding.encode))
        self.secrets = HTTPRedactor.ordered(secrets)
    }

    /// Masks these texts.
    init(secrets: Set<String>) {
        self.secrets = HTTPRedactor.ordered(secrets)
        parameter = nil
    }

    private static func ordered(_ secrets: Set<String>) -> [String] {
        secrets.filter { $0.count >= 3 }.sorted { $0.count > $1.count }
    }

    /// An address without the values of its secret parameters.
    func url(_ url: String) -> String {
        let parts = url.split(separator: "?", maxSplits: 1)
        guard parts.count == 2 else { return text(url, limit: 400) }
        let query = parts[1].split(separator: "&").map { pair in
            let name = pair.prefix { $0 != "=" }
            let isSecret = name.lowercased() == parameter || HTTPRedactor.names.contains(name.lowercased())
            return isSecret ? "\(name)=\(HTTPRedactor.mask)" : String(pair)
        }
        return text("\(parts[0])?\(query.joined(separator: "&"))", limit: 400)
    }

    /// The beginning of a text, without secrets and without what a terminal would obey.
    func text(_ text: String, limit: Int) -> String {
        var result = text
        for secret in secrets { result = result.replacing(secret, with: HTTPRedactor.mask) }
        let shown = result.unicodeScalars.prefix(limit).map { scalar -> Character in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse: " "
            default: Character(scalar)
            }
        }
        return String(shown) + (result.unicodeScalars.count > limit ? "…" : "")
    }

    /// What a server says in the body of an answer that is none; empty where that is not for reading.
    func sentence(_ body: [UInt8], contentType: String?) -> String {
        let type = contentType?.lowercased() ?? ""
        guard type.contains("json") || type.hasPrefix("text/plain"),
            let said = String(validating: body.prefix(2000), as: UTF8.self) ?? nil
        else { return "" }
        let words = said.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return words.isEmpty ? "" : ", saying: " + text(words, limit: 200)
    }
}
