import Foundation
import LacunaModel
import LacunaRecords
import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// Tells people of a run: by a webhook that takes what Slack takes, and by a program.
package struct Notifier: Sendable {
    private let settings: NotificationSettings

    /// A notifier from its settings.
    package init(_ settings: NotificationSettings) {
        self.settings = settings
    }

    /// Sends one message to each.
    ///
    /// - Parameters:
    ///   - text: plain text of some lines.
    ///   - document: the message as the program reads it from its standard input.
    /// - Returns: what went wrong, for a person; empty if nothing did. It takes little longer than
    ///   ``NotificationSettings/timeout``, whatever they do.
    package func send(text: String, document: [UInt8]) async -> [String] {
        async let posted = bounded("the webhook") { try await post(text) }
        async let ran = bounded("the command") { try await run(document) }
        return await [posted, ran].compactMap(\.self)
    }

    // MARK: The webhook

    private func post(_ text: String) async throws {
        guard let webhook = settings.webhook, let address = Address(webhook) else { return }
        try await send(
            HTTPCall(
                address: address, method: .post, headers: [("content-type", "application/json")],
                body: try WebhookBody(text).bytes),
            secret: webhook)
    }

    private func send(_ call: HTTPCall, secret: String) async throws {
        let transport = HTTPTransport(
            HTTPTransport.Configuration(
                timeouts: HTTPTimeouts(connect: settings.timeout, idle: settings.timeout, total: settings.timeout),
                proxies: settings.proxies, bodyByteLimit: 1 << 20))
        // Anybody who knows the path can post.
        let target = call.address.target
        let parts = target.split(whereSeparator: { "/?&=".contains($0) }).map(String.init)
        let redactor = HTTPRedactor(secrets: Set([secret, target] + parts.filter { $0.count >= 6 }))
        let answer: HTTPAnswer
        do {
            answer = try await transport.send(call) {}
        } catch let error as TransportError {
            throw NotificationFailure(redactor.text("\(error)", limit: 300))
        }
        guard (200..<300).contains(answer.status) else {
            let said = redactor.sentence(answer.body, contentType: answer.header("content-type"))
            throw NotificationFailure("it answered \(answer.status) \(redactor.text(answer.reason, limit: 80))\(said)")
        }
    }

    // MARK: The dead man's switch

    /// Tells the dead man's switch that a run begins or ends. Nothing is sent if there is none.
    ///
    /// - Parameter word: `start`, or the exit status; it becomes the last component of the path.
    /// - Returns: what went wrong, for a person; nil if nothing did.
    package func ping(_ word: String) async -> String? {
        guard let ping = settings.ping, var address = Address(ping) else { return nil }
        let parts = address.target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts[0].hasSuffix("/") ? parts[0].dropLast() : parts[0]
        address.target = "\(path)/\(word)" + (parts.count > 1 ? "?\(parts[1])" : "")
        let call = HTTPCall(address: address, method: .get, headers: [], body: nil)
        return await bounded("the dead man's switch") { try await send(call, secret: ping) }
    }

    // MARK: The program

    private func run(_ document: [UInt8]) async throws {
        guard !settings.command.isEmpty else { return }
        let program = Program(
            arguments: settings.command, directory: settings.directory, added: [:], withheld: settings.withheld,
            secrets: settings.secrets, timeout: settings.timeout)
        try await program.run(
            input: .fileDescriptor(try Notifier.file(document), closeAfterSpawningProcess: true)
        ) { _ in }
    }

    /// A file without a name that holds `bytes`: unlike a pipe it is no matter whether the program reads it.
    private static func file(_ bytes: [UInt8]) throws -> FileDescriptor {
        let name = FileManager.default.temporaryDirectory.appendingPathComponent("lacuna-\(UUID().uuidString)").path
        let file = try FileDescriptor.open(
            FilePath(name), .readWrite, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
        do {
            try FileManager.default.removeItem(atPath: name)
            try file.writeAll(bytes)
            try file.seek(offset: 0, from: .start)
        } catch {
            try file.close()
            throw error
        }
        return file
    }

    // MARK: The time

    /// What went wrong with `body`, which is left alone where it does not end in time.
    private func bounded(_ who: String, _ body: @escaping @Sendable () async throws -> Void) async -> String? {
        let (results, continuation) = AsyncStream.makeStream(of: String?.self)
        // Unstructured: a child task would have to be waited for.
        let work = Task {
            do {
                try await body()
                continuation.yield(nil)
            } catch {
                continuation.yield("\(who) could not be told: \((error as? SourceError)?.message ?? "\(error)")")
            }
        }
        // A program that is told to end gets another three seconds for that.
        let limit = settings.timeout + .seconds(4)
        let clock = Task {
            try await Task.sleep(for: limit)
            continuation.yield("\(who) could not be told: it took more than \(Wait.text(limit))")
        }
        defer {
            work.cancel()
            clock.cancel()
        }
        for await result in results { return result }
        return nil
    }
}

/// Why somebody could not be told.
private struct NotificationFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// A message as Slack's incoming webhooks take it: <https://api.slack.com/messaging/webhooks>.
struct WebhookBody: Encodable {
    let text: String
    /// Off: names may hold what Slack would take for emphasis.
    let mrkdwn = false

    /// Escapes the three characters that Slack reads as control characters:
    /// <https://api.slack.com/reference/surfaces/formatting#escaping>.
    init(_ plain: String) {
        text = plain.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }

    /// The body.
    var bytes: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(self))
        }
    }
}
