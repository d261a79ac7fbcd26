import Foundation
import TestSupport
import Testing

@testable import LacunaSources

@Suite("A notifier")
struct NotifierTests {
    private func send(
        _ settings: NotificationSettings, text: String = "hello", document: String = "{}"
    ) async -> [String] {
        await Notifier(settings).send(text: text, document: Array(document.utf8))
    }

    private func settings(webhook: String) -> NotificationSettings {
        var settings = NotificationSettings()
        settings.webhook = webhook
        return settings
    }

    @Test("posts what Slack takes, its control characters escaped")
    func posts() async throws {
        try await HTTPServer.with { _ in
            .init("ok", type: "text/plain")
        } _: { server in
            #expect(
                await send(settings(webhook: "\(server.url)/services/T0?x=1"), text: "<!channel> a & b\n\"c\"") == [])
            let request = try #require(server.requests.first)
            #expect(server.requests.count == 1)
            #expect(request.method == "POST")
            #expect(request.target == "/services/T0?x=1")
            #expect(request.headers["content-type"] == "application/json")
            #expect(request.body == #"{"mrkdwn":false,"text":"&lt;!channel&gt; a &amp; b\n\"c\""}"#)
        }
    }

    @Test(
        "tells what a webhook answered, and never its address; a redirect is not followed", arguments: [404, 500, 302])
    func refused(status: Int) async throws {
        try await HTTPServer.with { request in
            .init(
                "no_service for \(request.target)", status: status, type: "text/plain",
                headers: status == 302 ? [("location", "/elsewhere")] : [])
        } _: { server in
            let problems = await send(settings(webhook: "\(server.url)/services/canary-1"))
            #expect(problems.count == 1)
            #expect(problems.first?.contains("the webhook could not be told: it answered \(status)") == true)
            #expect(problems.first?.contains("saying: no_service for ***") == true, "\(problems)")
            #expect(server.requests.count == 1)
        }
    }

    @Test("does not wait for a webhook that does not answer")
    func slow() async throws {
        try await HTTPServer.with { _ in
            var response = HTTPServer.Response("ok")
            response.delay = LongestWait.duration
            return response
        } _: { server in
            var settings = settings(webhook: "\(server.url)/canary-1")
            settings.timeout = .milliseconds(200)
            let problems = await send(settings)
            #expect(problems.count == 1)
            #expect(problems.first?.contains("canary") == false)
        }
        let closed = await send(settings(webhook: "http://127.0.0.1:1/canary-1"))
        #expect(closed.count == 1)
        #expect(closed.first?.contains("canary") == false)
    }

    private func program(
        _ script: String, in directory: TestDirectory, change: (inout NotificationSettings) -> Void = { _ in }
    ) throws -> NotificationSettings {
        try directory.write("#!/bin/sh\n\(script)\n", to: "page-me", executable: true)
        var settings = NotificationSettings()
        settings.command = ["./page-me", "a b", "$HOME"]
        settings.directory = directory.url.path
        change(&settings)
        return settings
    }

    @Test("gives a program the message on its standard input, without a shell and without secrets of others")
    func runs() async throws {
        try await TestDirectory.with { directory in
            let script = #"cat > message; echo "$#|$1|$2|${HOME+set}|${PATH:+set}" > arguments"#
            let settings = try program(script, in: directory) { $0.withheld = ["HOME"] }
            // More than a pipe holds.
            let document = String(repeating: "x", count: 200_000)
            #expect(await send(settings, document: document) == [])
            let file = { try String(contentsOf: directory.url.appendingPathComponent($0), encoding: .utf8) }
            #expect(try file("message") == document)
            #expect(try file("arguments") == "2|a b|$HOME||set\n")
        }
    }

    @Test(
        "tells of a program that fails, and does not mind one that does not read",
        arguments: [
            ("echo 'no modem' >&2; exit 3", "`./page-me` ended with status 3, saying: no modem"),
            ("exit 0", nil), ("exec <&-; echo much", nil),
        ] as [(String, String?)])
    func fails(script: String, problem: String?) async throws {
        try await TestDirectory.with { directory in
            let document = String(repeating: "x", count: 200_000)
            let problems = await send(try program(script, in: directory), document: document)
            #expect(problems == (problem.map { ["the command could not be told: \($0)"] } ?? []))
        }
    }

    @Test("ends a program that hangs, even one that ignores the signal and leaves a child behind")
    func hangs() async throws {
        try await TestDirectory.with { directory in
            let long = LongestWait.seconds
            let script = "trap '' TERM; echo $$ > leader; sleep \(long) & echo $! > child; wait; sleep \(long)"
            // A machine that takes longer to start the program than it may run has not shown anything.
            var limit = Duration.seconds(1)
            try await LongestWait.until("the program has come far enough") {
                let time = limit
                limit *= 2
                let problems = await send(try program(script, in: directory) { $0.timeout = time })
                #expect(problems.count == 1, "\(problems)")
                return number(in: "child", of: directory) != nil
            }
            for name in ["leader", "child"] {
                let found = number(in: name, of: directory)
                let leftover = try #require(found)
                try await LongestWait.until("the \(name) is gone") { kill(leftover, 0) != 0 }
            }
        }
    }

    /// The number that a program has written down whole; nil: not yet.
    private func number(in name: String, of directory: TestDirectory) -> Int32? {
        let file = directory.url.appendingPathComponent(name)
        guard let text = try? String(contentsOf: file, encoding: .utf8), text.hasSuffix("\n") else { return nil }
        return Int32(text.dropLast())
    }
}
