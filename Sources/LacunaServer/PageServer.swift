import FlyingFox
import FlyingSocks
import Foundation

/// Serves a few documents over HTTP, to whoever may read them. It changes nothing, and knows nothing of what they hold.
package struct PageServer: Sendable {
    /// What stands at a path.
    package struct Document: Sendable {
        /// The status: 200, or 503 for what is not there yet.
        package let status: Int
        /// The media type.
        package let type: String
        /// The bytes.
        package let body: Data
        /// Whether it tells nothing, so that no token is asked for.
        package let isPublic: Bool
        /// After how many seconds a browser asks for it again; nil: never.
        package let refresh: Int?

        /// A document.
        package init(status: Int = 200, type: String, body: Data, isPublic: Bool = false, refresh: Int? = nil) {
            self.status = status
            self.type = type
            self.body = body
            self.isPublic = isPublic
            self.refresh = refresh
        }
    }

    /// Where it listens.
    package let address: ListeningAddress
    /// What readers have to show: as a bearer token, or as the password of HTTP's basic scheme with any name.
    private let token: String?
    private let document: @Sendable (String) async -> Document?

    /// A server.
    ///
    /// - Parameters:
    ///   - token: nil: everybody who reaches the address may read.
    ///   - document: what stands at a path; nil: nothing.
    package init(
        at address: ListeningAddress, token: String?, document: @escaping @Sendable (String) async -> Document?
    ) {
        self.address = address
        self.token = token
        self.document = document
    }

    /// Serves until the task is cancelled.
    ///
    /// - Parameter listening: told when the server listens, and on which port.
    /// - Throws: what keeps it from listening, for a person; `CancellationError`.
    package func run(listening: @escaping @Sendable (UInt16) -> Void) async throws {
        let server: HTTPServer
        do {
            let port = address.port
            server =
                address.isVersion6
                ? HTTPServer(address: try sockaddr_in6.inet6(ip6: address.host, port: port), logger: .disabled)
                : HTTPServer(address: try sockaddr_in.inet(ip4: address.host, port: port), logger: .disabled)
        } catch {
            throw PageServerError(description: "\(address) is no address of this machine")
        }
        await server.appendRoute("*") { await answer($0) }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                group.addTask {
                    try await server.waitUntilListening(timeout: 60)
                    listening(await server.port ?? address.port)
                }
                try await group.waitForAll()
            }
        } catch {
            try Task.checkCancellation()
            throw PageServerError(description: "\(address) cannot be listened on: \(reason(error))")
        }
    }

    private func reason(_ error: any Error) -> String {
        if case .failed(_, let number, _)? = error as? SocketError { return String(cString: strerror(number)) }
        return "\(error)"
    }

    // MARK: A request

    private func answer(_ request: HTTPRequest) async -> HTTPResponse {
        guard request.method == .GET || request.method == .HEAD else {
            return plain(HTTPStatusCode(405, phrase: "Method Not Allowed"), "only GET and HEAD", ["Allow": "GET, HEAD"])
        }
        // A page of somebody else's, whose name leads here, may not read this one.
        guard token != nil || address.isMeant(by: request.headers[.host]) else {
            return plain(HTTPStatusCode(421, phrase: "Misdirected Request"), "no such host here")
        }
        guard let document = await document(request.path) else { return plain(.notFound, "nothing is here") }
        guard document.isPublic || isAuthorized(request.headers[.authorization]) else {
            return plain(.unauthorized, "a token is needed", ["WWW-Authenticate": "Basic realm=\"lacuna\""])
        }
        var headers = PageServer.headers
        headers[.contentType] = document.type
        if let refresh = document.refresh { headers[HTTPHeader("Refresh")] = String(refresh) }
        return HTTPResponse(
            statusCode: document.status == 200 ? .ok : HTTPStatusCode(document.status, phrase: "Unavailable"),
            headers: headers, body: request.method == .HEAD ? Data() : document.body)
    }

    private static let headers = HTTPHeaders([
        HTTPHeader("Cache-Control"): "no-store", HTTPHeader("X-Content-Type-Options"): "nosniff",
        HTTPHeader("Referrer-Policy"): "no-referrer", HTTPHeader("X-Frame-Options"): "DENY",
    ])

    private func plain(
        _ status: HTTPStatusCode, _ text: String, _ more: [String: String] = [:]
    ) -> HTTPResponse {
        var headers = PageServer.headers
        headers[.contentType] = "text/plain; charset=utf-8"
        for (name, value) in more { headers[HTTPHeader(name)] = value }
        return HTTPResponse(statusCode: status, headers: headers, body: Data("\(text)\n".utf8))
    }

    /// Whether a header shows the token. It takes as long for a token that is nearly right as for any other.
    private func isAuthorized(_ header: String?) -> Bool {
        guard let token else { return true }
        let parts = (header ?? "").split(separator: " ", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return false }
        var shown = parts[1]
        if parts[0].lowercased() == "basic" {
            let decoded = Data(base64Encoded: shown).map { String(decoding: $0, as: UTF8.self) } ?? ""
            shown =
                decoded.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).last.map(String.init)
                ?? ""
        }
        let (given, wanted) = (Array(shown.utf8), Array(token.utf8))
        var difference = given.count ^ wanted.count
        for (index, byte) in wanted.enumerated() { difference |= Int(byte ^ (index < given.count ? given[index] : 0)) }
        return difference == 0
    }
}

extension HTTPServer {
    fileprivate var port: UInt16? {
        switch listeningAddress {
        case .ip4(_, let port), .ip6(_, let port): port
        default: nil
        }
    }
}

/// Why a server does not serve.
package struct PageServerError: Error, CustomStringConvertible {
    /// For a person.
    package let description: String
}
