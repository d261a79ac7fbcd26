import ArgumentParser
import Foundation
import Lacuna
import LacunaConfig
import LacunaServer

/// `lacuna serve`
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Shows how things stand to browsers and monitors, read-only.",
        discussion: """
            Looks at the streams again and again, and serves what it found: / is the page of `gaps --format html`, /metrics \
            is for Prometheus, /gaps.json is the report as JSON. /healthz answers while the program runs, and /readyz while \
            the last look went well. The database is asked once in the given time, however many readers there are:
              lacuna serve
              lacuna serve --listen 0.0.0.0:8080 --token-file /etc/lacuna/token
            Readers show the token as a bearer token, or as a password with any name. Put a proxy in front for TLS.
            """)

    @Argument(help: "The streams; all of the config if none is named.", completion: .streams)
    var streams: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "An address of this machine and a port. Beyond the machine itself it needs --token-file.",
            valueName: "address"))
    var listen: String = "127.0.0.1:8080"

    @Option(name: .long, help: ArgumentHelp("How often it looks: 10s, 1m, 1h.", valueName: "time"))
    var every: String = "1m"

    @Option(
        name: .customLong("token-file"),
        help: ArgumentHelp("A file with the token that readers have to show.", valueName: "file"),
        completion: .file())
    var tokenFile: String?

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard ListeningAddress(listen) != nil else {
            throw ValidationError("--listen \(listen): expected an address and a port, as 127.0.0.1:8080 or [::1]:8080")
        }
        guard period != nil else { throw ValidationError("--every \(every): expected a time like 10s, 1m or 1h") }
    }

    /// How often it looks; nil if that is no time.
    private var period: Duration? {
        switch HistoryLength(every) {
        case .seconds(let seconds) where seconds >= 1: .seconds(seconds)
        case .days(let days) where (1...365).contains(days): .seconds(days * 86_400)
        default: nil
        }
    }

    func run() async throws {
        guard let address = ListeningAddress(listen), let period else {
            throw CommandFailure(.usage, "--listen, --every")
        }
        let token = try tokenFile.map(token)
        guard address.isLoopback || token != nil else {
            throw CommandFailure(
                .usage,
                "--listen \(listen) can be reached from other machines: --token-file names the token that readers have to "
                    + "show")
        }
        let project = try Project(global)
        let chosen = try project.streams(streams)
        let watch = SignalWatch()
        defer { withExtendedLifetime(watch) {} }
        let shelf = DocumentShelf(period: period)
        let server = PageServer(at: address, token: token) { await shelf.document(at: $0) }
        let (config, log) = (global.config, global.log)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await server.run { port in
                        Console.shared.message("serving at http://\(address.listening(on: port))")
                    }
                }
                group.addTask {
                    while true {
                        let look = await StreamLook(at: chosen, of: project)
                        for failure in look.failures { log.warning("\(failure)") }
                        await shelf.put(ServedDocuments(look, config: config))
                        try await Task.sleep(for: period)
                    }
                }
                try await group.next()
                group.cancelAll()
            }
        } catch let error as PageServerError {
            throw CommandFailure(.failed, error.description)
        }
    }

    private func token(_ path: String) throws -> String {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw CommandFailure(.usage, "--token-file \(path): it cannot be read")
        }
        let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard token.count >= 16, !token.contains(where: \.isWhitespace) else {
            throw CommandFailure(
                .usage, "--token-file \(path): expected a token of 16 characters or more, without spaces")
        }
        return token
    }
}

/// One look at the streams, as readers get it.
private struct ServedDocuments: Sendable {
    let page: Data
    let metrics: Data
    let json: Data
    /// Whether all streams could be looked at.
    let isWhole: Bool

    init(_ look: StreamLook, config: String?) {
        func text(_ write: ((String) -> Void) -> Void) -> Data {
            var data = Data()
            write {
                data.append(contentsOf: $0.utf8)
                data.append(UInt8(ascii: "\n"))
            }
            return data
        }
        let failures = look.failures.map(Console.shared.masked)
        page = text { put in GapPage(look.inputs, failures: failures, config: config).write(put) }
        metrics = text { put in
            GapMetrics.write(look.reports, put)
            GapMetrics.writeCauses(look.reports, put)
            GapMetrics.write(look.runs, put)
        }
        json = text { $0(GapReport.document(look.reports, failures: look.failures, explains: false).description) }
        isWhole = failures.isEmpty
    }
}

/// What is served at each path: the last look.
private actor DocumentShelf {
    private let period: Duration
    private var documents: ServedDocuments?

    init(period: Duration) {
        self.period = period
    }

    func put(_ documents: ServedDocuments) { self.documents = documents }

    func document(at path: String) -> PageServer.Document? {
        switch path {
        case "/healthz": PageServer.Document(type: "text/plain; charset=utf-8", body: Data("ok\n".utf8), isPublic: true)
        case "/readyz":
            PageServer.Document(
                status: documents?.isWhole == true ? 200 : 503, type: "text/plain; charset=utf-8",
                body: Data((documents?.isWhole == true ? "ok\n" : "not ready\n").utf8), isPublic: true)
        case "/": served(\.page, "text/html; charset=utf-8", refreshes: true)
        case "/metrics": served(\.metrics, "text/plain; version=0.0.4; charset=utf-8")
        case "/gaps.json": served(\.json, "application/json")
        default: nil
        }
    }

    private func served(
        _ part: KeyPath<ServedDocuments, Data>, _ type: String, refreshes: Bool = false
    ) -> PageServer.Document {
        guard let documents else {
            return PageServer.Document(
                status: 503, type: "text/plain; charset=utf-8", body: Data("the first look is not over yet\n".utf8),
                refresh: 1)
        }
        return PageServer.Document(
            type: type, body: documents[keyPath: part],
            refresh: refreshes ? Int(max(1, period.components.seconds)) : nil)
    }
}
