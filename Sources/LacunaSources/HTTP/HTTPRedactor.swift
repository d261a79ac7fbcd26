import Foundation

/// Makes text that comes from requests and answers fit to be shown: without secrets, on one line, short.
struct HTTPRedactor: Sendable {
    /// Parameters and headers that hold a secret whatever it is.
    fileprivate static let names: Set<String> = [
        "access_token", "api_key", "apikey", "authorization", "cookie", "key", "password", "proxy-authorization",
        "secret", "sig", "signature", "token", "x-api-key", "x-auth-token",
    ]

    private let secrets: Set<String>
    private let mask: SecretMask
    private let parameter: String?

    init(_ settings: HTTPSettings) {
        var secrets = settings.secrets
        var parameter: String?
        switch settings.authentication {
        case .none: break
        case .bearer(let token): secrets.insert(token)
        case .keyHeader(_, let value): secrets.insert(value)
        case .keyParameter(let name, let value):
            secrets.insert(value)
            parameter = name.lowercased()
        case .basic(let username, let password):
            secrets.formUnion([password, BasicCredentials.text(username, password)])
        case .clientCredentials(let credentials):
            secrets.formUnion([
                credentials.clientSecret,
                BasicCredentials.text(
                    PercentEncoding.encode(credentials.clientID), PercentEncoding.encode(credentials.clientSecret)),
            ])
        }
        self.init(secrets: secrets, parameter: parameter)
    }

    /// Masks these texts.
    ///
    /// - Parameter parameter: the name of a parameter whose value is one, in lower case.
    init(secrets: Set<String>, parameter: String? = nil) {
        self.secrets = secrets
        self.parameter = parameter
        mask = SecretMask(secrets, shortest: 3)
    }

    /// The same, which masks a token too that was given out meanwhile.
    func masking(_ token: String?) -> HTTPRedactor {
        token.map { HTTPRedactor(secrets: secrets.union([$0]), parameter: parameter) } ?? self
    }

    /// An address without the values of its secret parameters.
    func url(_ url: String) -> String {
        let parts = url.split(separator: "?", maxSplits: 1)
        guard parts.count == 2 else { return text(url, limit: 400) }
        let query = parts[1].split(separator: "&").map { pair in
            let name = pair.prefix { $0 != "=" }
            let isSecret = name.lowercased() == parameter || HTTPRedactor.names.contains(name.lowercased())
            return isSecret ? "\(name)=\(SecretMask.mark)" : String(pair)
        }
        return text("\(parts[0])?\(query.joined(separator: "&"))", limit: 400)
    }

    /// The beginning of a text, without secrets and without what a terminal would obey.
    func text(_ text: String, limit: Int) -> String {
        let result = mask(text)
        let shown = result.unicodeScalars.prefix(limit).map { scalar -> Character in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse: " "
            default: Character(scalar)
            }
        }
        return String(shown) + (result.unicodeScalars.count > limit ? "…" : "")
    }

    /// What a server says in the body of an answer that is none; empty if that is not for reading.
    func sentence(_ body: [UInt8], contentType: String?) -> String {
        let type = contentType?.lowercased() ?? ""
        guard type.contains("json") || type.hasPrefix("text/plain"),
            let said = String(validating: body.prefix(100_000), as: UTF8.self)
        else { return "" }
        let words = self.words(said)
        return words.isEmpty ? "" : ", saying: \(words)"
    }

    /// What a server says, on one line, short, and without secrets.
    func words(_ said: String) -> String {
        // Masked before anything is cut or joined: half a secret would not be recognised.
        text(mask(said).split(whereSeparator: \.isWhitespace).joined(separator: " "), limit: 200)
    }
}

extension HTTPSettings {
    /// Whether a header or parameter of this name holds a secret whatever it is.
    package static func namesSecret(_ name: String) -> Bool { HTTPRedactor.names.contains(name.lowercased()) }
}
