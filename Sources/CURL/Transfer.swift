import CLibCURL

/// One request on its way.
///
/// Made by the task that asks, then handed to the client's thread with ``Runner/submit(_:)``: nobody else touches it from there
/// on, which is why it may be sent there.
final class Transfer: @unchecked Sendable {
    typealias Settings = Client.Settings

    private let easy: EasyHandle
    private let authorities: Authorities?
    private let settings: Settings
    private let onHead: @Sendable (Head) -> Void
    private let onChunk: @Sendable (UnsafeRawBufferPointer) -> Void
    private var continuation: CheckedContinuation<Head, any Error>?

    private var reader = HeadReader()
    private var head: Head?
    private var headByteCount = 0
    private var bodyByteCount = 0
    /// Why a callback ended the transfer.
    private var failure: CURLError?
    private let began = ContinuousClock.now
    /// When it was sent, or the last byte came.
    private var heard: ContinuousClock.Instant?

    init(
        _ request: Request, _ settings: Settings, _ authorities: Authorities?,
        onHead: @escaping @Sendable (Head) -> Void,
        onChunk: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) throws(CURLError) {
        self.settings = settings
        self.authorities = authorities
        self.onHead = onHead
        self.onChunk = onChunk
        var easy = try EasyHandle()
        try Transfer.prepare(&easy, request, settings)
        try authorities?.set(easy)
        self.easy = easy
        try prepareCallbacks()
    }

    var handle: UnsafeMutableRawPointer { easy.pointer }

    func await(_ continuation: CheckedContinuation<Head, any Error>) {
        self.continuation = continuation
    }

    // MARK: The end

    func finish(_ error: any Error) {
        continuation?.resume(throwing: error)
        continuation = nil
    }

    /// Ends with libcurl's verdict.
    func finish(_ code: CURLcode) {
        guard let continuation else { return }
        self.continuation = nil
        if let failure { return continuation.resume(throwing: failure) }
        // The only limit of time that libcurl knows of.
        if code == CURLE_OPERATION_TIMEDOUT { return continuation.resume(throwing: CURLError.late(.connect)) }
        guard code == CURLE_OK else { return continuation.resume(throwing: CURLError(code, easy.message)) }
        guard let head else { return continuation.resume(throwing: CURLError(CURLE_GOT_NOTHING, "")) }
        continuation.resume(returning: head)
    }

    /// The deadline that comes first.
    var deadline: (at: ContinuousClock.Instant, of: CURLError.Deadline) {
        let total = (began + settings.total, head == nil ? CURLError.Deadline.answer : .whole)
        guard let heard, heard + settings.idle < total.0 else { return total }
        return (heard + settings.idle, .idle)
    }

    // MARK: Options

    private static func prepare(
        _ easy: inout EasyHandle, _ request: Request, _ settings: Settings
    ) throws(CURLError) {
        try easy.set(CURLOPT_URL, request.url)
        try easy.check(lacuna_set_protocols(easy.pointer))
        try easy.check(lacuna_set_close_on_exec(easy.pointer))
        // What was checked is what is sent: https://curl.se/libcurl/c/CURLOPT_PATH_AS_IS.html
        try easy.set(CURLOPT_PATH_AS_IS, 1)
        try easy.set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        try easy.set(CURLOPT_FOLLOWLOCATION, 0)
        try easy.set(CURLOPT_NOSIGNAL, 1)
        try easy.set(CURLOPT_CONNECTTIMEOUT_MS, settings.connect.milliseconds)
        try easy.set(CURLOPT_BUFFERSIZE, 64 << 10)
        try easy.set(CURLOPT_HTTP_VERSION, Library.hasHTTP2 ? lacuna_http_2_over_tls : lacuna_http_1_1)
        try easy.set(CURLOPT_ACCEPT_ENCODING, request.acceptEncoding)
        try prepareTLS(easy, settings)
        try prepareRoute(easy, request)
        var suppressed = ["Expect"]
        switch request.method {
        case .get: try easy.set(CURLOPT_HTTPGET, 1)
        case .post(let body):
            try easy.set(CURLOPT_POST, 1)
            try easy.set(body: body)
            // Of a body that is a form.
            if !request.headers.contains(where: { $0.name.lowercased() == "content-type" }) {
                suppressed.append("Content-Type")
            }
        }
        try easy.set(request.headers, suppressed: suppressed)
    }

    private static func prepareTLS(_ easy: borrowing EasyHandle, _ settings: Settings) throws(CURLError) {
        try easy.set(CURLOPT_SSL_VERIFYPEER, 1)
        // 2: the certificate must name the host (https://curl.se/libcurl/c/CURLOPT_SSL_VERIFYHOST.html).
        try easy.set(CURLOPT_SSL_VERIFYHOST, 2)
        guard let identity = settings.identity else { return }
        try easy.set(CURLOPT_SSLCERT, identity.certificateFile)
        try easy.set(CURLOPT_SSLKEY, identity.keyFile)
        // Without one, the terminal would be asked for the password of a key that has one.
        try easy.set(CURLOPT_KEYPASSWD, "")
    }

    private static func prepareRoute(_ easy: borrowing EasyHandle, _ request: Request) throws(CURLError) {
        // Set in any case, or libcurl would read the environment: https://curl.se/libcurl/c/CURLOPT_PROXY.html
        try easy.set(CURLOPT_PROXY, request.proxy.map { "http://\($0.host):\($0.port)" } ?? "")
        try easy.set(CURLOPT_NOPROXY, "")
        // The headers of the proxy's answer to CONNECT are not the server's.
        try easy.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        if let credentials = request.proxy?.credentials {
            try easy.set(CURLOPT_PROXYAUTH, Int(lacuna_auth_basic))
            try easy.set(CURLOPT_PROXYUSERNAME, credentials.username)
            try easy.set(CURLOPT_PROXYPASSWORD, credentials.password)
        }
        if let socket = request.socket { try easy.set(CURLOPT_UNIX_SOCKET_PATH, socket) }
    }

    // MARK: Callbacks, on the client's thread

    private func prepareCallbacks() throws(CURLError) {
        // Not retained: the client's thread keeps the transfer as long as libcurl has the handle.
        let own = Unmanaged.passUnretained(self).toOpaque()
        try easy.check(
            lacuna_set_receivers(
                easy.pointer,
                { bytes, size, count, transfer in
                    Transfer.of(transfer)?.take(head: UnsafeRawBufferPointer(start: bytes, count: size * count)) == true
                        ? size * count : 0
                },
                { bytes, size, count, transfer in
                    Transfer.of(transfer)?.take(body: UnsafeRawBufferPointer(start: bytes, count: size * count)) == true
                        ? size * count : 0
                }, own))
        let code = lacuna_set_begin(
            easy.pointer, { transfer, _, _, _, _ in Transfer.of(transfer)?.begin() == true ? 0 : 1 }, own)
        if code != CURLE_OK { heard = began + settings.connect }
    }

    private static func of(_ pointer: UnsafeMutableRawPointer?) -> Transfer? {
        pointer.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    /// The connection stands, the request goes out: <https://curl.se/libcurl/c/CURLOPT_PREREQFUNCTION.html>.
    ///
    /// - Returns: false if it went out before. libcurl would send a request again whose connection was closed without an
    ///   answer; the server may have acted on it, and the caller's limits count each request once.
    private func begin() -> Bool {
        guard heard == nil else {
            failure = CURLError(CURLE_GOT_NOTHING, "the server closed the connection without an answer")
            return false
        }
        heard = .now
        return true
    }

    private func take(head line: UnsafeRawBufferPointer) -> Bool {
        heard = .now
        headByteCount += line.count
        guard headByteCount <= settings.headByteLimit else { return stop(.tooLarge(.head)) }
        switch reader.take(line) {
        case .more: return true
        case .malformed(let what): return stop(.malformed(what))
        case .complete(let head):
            self.head = head
            onHead(head)
            guard head.announcedLength ?? 0 <= settings.bodyByteLimit else { return stop(.tooLarge(.body)) }
            return true
        }
    }

    private func take(body chunk: UnsafeRawBufferPointer) -> Bool {
        heard = .now
        bodyByteCount += chunk.count
        guard bodyByteCount <= settings.bodyByteLimit else { return stop(.tooLarge(.body)) }
        onChunk(chunk)
        return true
    }

    private func stop(_ failure: CURLError) -> Bool {
        self.failure = failure
        return false
    }
}

extension Duration {
    /// In whole milliseconds, at least one, at most some eleven days: no number that libcurl takes for none.
    var milliseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds < 1_000_000 else { return 1_000_000_000 }
        return max(Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000), 1)
    }
}
