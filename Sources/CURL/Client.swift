/// Sends requests over connections that it keeps.
///
/// One thread of its own, which begins with the first request, runs all transfers
/// (<https://curl.se/libcurl/c/libcurl-multi.html>). A task that waits for an answer blocks no thread.
package final class Client: Sendable {
    /// What holds for all requests of a client.
    package struct Settings: Sendable, Hashable {
        /// The longest wait for a connection, lookup of the name and TLS included.
        package var connect: Duration = .seconds(10)
        /// The longest wait for a byte of the answer once the request is sent.
        package var idle: Duration = .seconds(30)
        /// The longest wait for the whole answer.
        package var total: Duration = .seconds(120)
        /// How large the status line and the headers may be together.
        package var headByteLimit = 256 << 10
        /// How large a body may be after decompression.
        package var bodyByteLimit = 64 << 20
        /// How many connections to one host there may be, and how many in all are kept.
        package var connections = 8
        /// A file of certificates (PEM) that are trusted beside the system's.
        package var authorityFile: String?
        /// Who the client is; nil: it does not say.
        package var identity: Identity?

        /// The settings above.
        package init() {}
    }

    /// A certificate and its key, by which a server knows the client.
    package struct Identity: Sendable, Hashable {
        /// The file of the certificate and those that lead to its authority (PEM).
        package var certificateFile: String
        /// The file of the key (PEM, without a password).
        package var keyFile: String

        /// An identity.
        package init(certificateFile: String, keyFile: String) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    private let settings: Settings
    private let runner: Runner

    /// A client. It opens nothing before its first request.
    package init(_ settings: Settings) {
        self.settings = settings
        runner = Runner(connections: settings.connections, authorityFile: settings.authorityFile)
    }

    deinit {
        runner.stop()
    }

    /// Sends a request and waits for the whole answer. Nothing is asked twice, and no redirect is followed.
    ///
    /// - Parameters:
    ///   - onHead: takes the head as soon as it is there. Called on the client's thread: it must not wait.
    ///   - onChunk: takes the decompressed body chunk by chunk, likewise. The bytes are gone when it returns.
    /// - Returns: the head, once the body is complete.
    /// - Throws: ``CURLError``; `CancellationError` as soon as the task is cancelled.
    package func perform(
        _ request: Request, onHead: @escaping @Sendable (Head) -> Void = { _ in },
        onChunk: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async throws -> Head {
        let authorities = try runner.start()
        let transfer = try Transfer(request, settings, authorities, onHead: onHead, onChunk: onChunk)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                transfer.await(continuation)
                runner.submit(transfer)
            }
        } onCancel: {
            runner.cancel(transfer)
        }
    }
}
