import LacunaModel
import LacunaRecords

/// One request of a source brought to its answer: in its turn, with credentials, through redirects, with what went wrong
/// in words.
struct HTTPExchange: Sendable {
    /// An answer that can be used.
    enum Outcome: Sendable {
        /// A page, where it came from, and what masks the secrets that it may repeat.
        case page(HTTPAnswer, from: Address, HTTPRedactor)
        case empty
        /// What was asked for is lost for good.
        case gone(status: Int)
    }

    private static let redirectLimit = 5

    private let limiter: RateLimiter
    private let transport: HTTPTransport
    private let authenticator: Authenticator
    private let check: ResponseCheck
    let redactor: HTTPRedactor

    init(_ settings: HTTPSettings, source: String, connections: HTTPConnections) {
        limiter = connections.limiter(of: source, settings)
        transport = connections.transport(settings)
        authenticator = connections.authenticator(settings)
        check = ResponseCheck(settings)
        redactor = HTTPRedactor(settings)
    }

    /// Sends a request.
    ///
    /// - Parameters:
    ///   - page: the number of the page, for messages.
    ///   - longestWait: the longest wait that a run has time for.
    /// - Throws: ``SourceError``; `CancellationError`.
    func outcome(of call: HTTPCall, page: Int, longestWait: Duration) async throws -> Outcome {
        var call = call
        var redirects = 0
        var mayRenew = true
        while true {
            let sent = try await send(call, page: page)
            let answer = sent.answer
            if answer.status == 401, let token = sent.token, mayRenew {
                mayRenew = false
                await authenticator.rejected(token)
                continue
            }
            let verdict = check.verdict(status: answer.status, header: answer.header, longestWait: longestWait)
            switch verdict {
            case .page: return .page(answer, from: call.address, redactor.masking(sent.token))
            case .empty: return .empty
            case .gone: return .gone(status: answer.status)
            case .redirect(let target):
                call.address = try redirected(call, to: target, answer, page: page)
                redirects += 1
                guard redirects <= HTTPExchange.redirectLimit else {
                    throw error(.permanent, "\(answer.status), one redirect too many", call, page: page)
                }
            case .failure(let kind, let advice, let retryAfter):
                let isLimit = ResponseCheck.isLimit(status: answer.status, header: answer.header)
                slowDown(for: retryAfter, longestWait, isLimit: isLimit)
                let what = rejection(answer, advice, redactor.masking(sent.token))
                throw error(kind, what, call, page: page, retryAfter: retryAfter)
            }
        }
    }

    /// The error that a page is whose body says that something failed; nil if that means that there is nothing.
    ///
    /// - Parameter redactor: masks what the page may repeat.
    func error(
        _ fault: BodyFault, _ answer: HTTPAnswer, _ call: HTTPCall, page: Int, longestWait: Duration,
        _ redactor: HTTPRedactor
    ) -> SourceError? {
        let verdict = check.verdict(of: fault, header: answer.header, longestWait: longestWait)
        guard case .failure(let kind, let advice, let retryAfter) = verdict else { return nil }
        slowDown(for: retryAfter, longestWait, isLimit: fault.action == .limit)
        let what = "answered \(answer.status), but '\(fault.path)' says: \(redactor.words(fault.words))"
        return error(
            kind, what + (advice.isEmpty ? "" : "; \(advice)"), call, page: page, retryAfter: retryAfter)
    }

    /// Notes that an answer was what was asked for, so that the source may be asked as fast as now.
    func accept() { limiter.succeeded() }

    /// Starts no request of the source for as long as it asked to be left alone, and fewer if it was asked too fast.
    private func slowDown(for wait: Duration?, _ longestWait: Duration, isLimit: Bool) {
        let wait = wait.map { min($0, longestWait) }
        if isLimit { return limiter.refused(wait: wait) }
        if let wait { limiter.pause(for: wait) }
    }

    /// An error with its place.
    func error(
        _ kind: SourceError.Kind, _ what: String, _ call: HTTPCall, page: Int, retryAfter: Duration? = nil
    ) -> SourceError {
        SourceError(
            kind, "page \(page), \(call.method.rawValue) \(redactor.url(call.address.url)): \(what)",
            retryAfter: retryAfter)
    }

    private func send(_ call: HTTPCall, page: Int) async throws -> (answer: HTTPAnswer, token: String?) {
        try await limiter.withPermit { permit in
            var authenticated = call
            let token = try await authenticator.authenticate(&authenticated)
            do {
                let answer = try await transport.send(authenticated) { limiter.answered(permit) }
                return (answer, token)
            } catch let failure as TransportError {
                throw error(failure, call, page: page)
            }
        }
    }

    private func error(_ failure: TransportError, _ call: HTTPCall, page: Int) -> SourceError {
        switch failure {
        // A window that is too much for the server takes too long each time, and its halves do not.
        case .timeout: error(.unknown, "\(failure); `timeout` sets how long it may take", call, page: page)
        case .unreachable: error(.transient, "\(failure); `timeout` sets how long it may take", call, page: page)
        case .connection: error(.transient, redactor.text("\(failure)", limit: 300), call, page: page)
        case .tooLarge:
            error(
                .permanent, "\(failure); ask for smaller pages or raise `max_page_bytes`", call, page: page)
        case .decompression: error(.permanent, "\(failure)", call, page: page)
        }
    }

    private func rejection(_ answer: HTTPAnswer, _ advice: String, _ redactor: HTTPRedactor) -> String {
        let contentType = answer.header("content-type")
        let said = answer.status < 300 ? "" : redactor.sentence(answer.body, contentType: contentType)
        return "answered \(answer.status) \(redactor.text(answer.reason, limit: 80))\(said)"
            + (advice.isEmpty ? "" : "; \(advice)")
    }

    private func redirected(
        _ call: HTTPCall, to target: String, _ answer: HTTPAnswer, page: Int
    ) throws(SourceError) -> Address {
        guard let address = call.address.resolving(target) else {
            throw error(.permanent, "\(answer.status) to an address that cannot be read", call, page: page)
        }
        guard address.origin == call.address.origin else {
            throw error(
                .permanent,
                "\(answer.status) to another origin, \(address.origin), which is not followed; if it is right, put it "
                    + "into `base_url`", call, page: page)
        }
        guard call.method == .get || answer.status == 307 || answer.status == 308 else {
            throw error(.permanent, "\(answer.status), a redirect of a POST", call, page: page)
        }
        return address
    }
}
