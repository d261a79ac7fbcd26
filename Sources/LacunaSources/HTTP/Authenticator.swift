import Foundation
import LacunaModel
import LacunaRecords

/// Puts credentials on requests. A token is asked for once for all workers, and renewed before it expires.
actor Authenticator {
    private struct Token {
        let value: String
        let renewal: ContinuousClock.Instant
    }

    private let authentication: HTTPAuthentication
    private let transport: HTTPTransport
    private var token: Token?
    private var request: Task<Token, any Error>?

    init(_ authentication: HTTPAuthentication, transport: HTTPTransport) {
        self.authentication = authentication
        self.transport = transport
    }

    /// Adds the credentials.
    ///
    /// - Returns: the token that was used, if it is one that can be renewed.
    /// - Throws: ``SourceError`` if no token can be had.
    func authenticate(_ call: inout HTTPCall) async throws -> String? {
        switch authentication {
        case .none: break
        case .bearer(let token): call.headers.append(("authorization", "Bearer \(token)"))
        case .keyHeader(let name, let value): call.headers.append((name.lowercased(), value))
        case .keyParameter(let name, let value):
            call.address = call.address.adding([Paginator.Parameter(name: name, value: value)])
        case .basic(let username, let password):
            call.headers.append(("authorization", BasicCredentials.header(username, password)))
        case .clientCredentials(let credentials):
            let token = try await validToken(credentials)
            call.headers.append(("authorization", "Bearer \(token)"))
            return token
        }
        return nil
    }

    /// Forgets a token that the source rejected.
    func rejected(_ value: String) {
        if token?.value == value { token = nil }
    }

    private func validToken(_ credentials: ClientCredentials) async throws -> String {
        if let token, token.renewal > .now { return token.value }
        if let request { return try await request.value.value }
        let transport = transport
        // A task of its own: it serves everyone who waits, and must not end with the first one's cancellation.
        let request = Task { try await Authenticator.fetch(credentials, transport) }
        self.request = request
        defer { self.request = nil }
        let fresh = try await request.value
        token = fresh
        return fresh.value
    }

    private static func fetch(_ credentials: ClientCredentials, _ transport: HTTPTransport) async throws -> Token {
        guard let address = Address(credentials.tokenURL) else {
            throw SourceError(.rejected, "auth: token_url is no address like https://host/path")
        }
        var call = HTTPCall(address: address, method: .post)
        var form = "grant_type=client_credentials"
        if let scope = credentials.scope { form += "&scope=\(PercentEncoding.encode(scope))" }
        call.body = Array(form.utf8)
        call.headers = [
            ("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json"),
            // Encoded first, as section 2.3.1 of RFC 6749 wants it.
            (
                "authorization",
                BasicCredentials.header(
                    PercentEncoding.encode(credentials.clientID), PercentEncoding.encode(credentials.clientSecret))
            ),
        ]
        let redactor = HTTPRedactor(secrets: [credentials.clientSecret])
        let answer: HTTPAnswer
        do {
            answer = try await transport.send(call, onHead: {})
        } catch let error as TransportError {
            throw SourceError(
                .transient, "auth: no token from \(address.origin): \(redactor.text("\(error)", limit: 300))")
        }
        guard answer.status == 200 else {
            let isTransient = answer.status >= 500 || answer.status == 429 || answer.status == 408
            throw SourceError(
                isTransient ? .transient : .rejected,
                "auth: \(address.origin) answered \(answer.status) \(redactor.text(answer.reason, limit: 80)) to the request for a token; "
                    + "check client_id, client_secret and scope",
                retryAfter: RetryAfter.wait(header: answer.header))
        }
        var paths = JSONPathSet()
        let accessToken = paths.add(["access_token"])
        let lifetime = paths.add(["expires_in"])
        guard let document = try? JSONDocument(answer.body, finding: paths),
            let value = document[accessToken].map(document.text), !value.isEmpty,
            !value.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F })
        else {
            throw SourceError(.rejected, "auth: the answer of \(address.origin) holds no usable access_token")
        }
        let seconds = document[lifetime].flatMap(document.integer) ?? 300
        // Early by a tenth, at most half a minute, so that a token does not expire on its way.
        let life = Double(max(seconds, 0))
        return Token(value: value, renewal: .now + .seconds(life - min(life / 10, 30)))
    }
}

/// Credentials as the scheme Basic sends them (RFC 7617).
enum BasicCredentials {
    /// User and password, as one text.
    static func text(_ username: String, _ password: String) -> String { "\(username):\(password)" }

    /// The value of the header `Authorization`.
    static func header(_ username: String, _ password: String) -> String {
        "Basic " + Data(text(username, password).utf8).base64EncodedString()
    }
}
