import Foundation

/// The built `lacuna`, run as a process.
public final class LacunaProcess: @unchecked Sendable {
    /// What a process left behind.
    public struct Result: Sendable {
        /// The exit status; minus the signal's number where a signal ended it.
        public let status: Int32
        /// Standard output.
        public let output: String
        /// Standard error.
        public let errors: String
    }

    private let process = Process()
    private let outputFile: URL
    private let errorFile: URL

    /// Starts `lacuna`.
    ///
    /// - Parameters:
    ///   - arguments: the command and its options.
    ///   - directory: where it runs; `lacuna.yaml` is looked for there.
    ///   - environment: added to the environment of the test.
    public init(_ arguments: [String], in directory: URL, environment: [String: String] = [:]) throws {
        outputFile = directory.appendingPathComponent("out-\(UUID().uuidString)")
        errorFile = directory.appendingPathComponent("err-\(UUID().uuidString)")
        for file in [outputFile, errorFile] { try Data().write(to: file) }
        process.executableURL = LacunaProcess.executable
        process.arguments = arguments
        process.currentDirectoryURL = directory
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        let output = try FileHandle(forWritingTo: outputFile)
        let errors = try FileHandle(forWritingTo: errorFile)
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        // `Process` would hold them for ever, and a crash test starts thousands of programs.
        try output.close()
        try errors.close()
    }

    /// Runs `lacuna` to its end.
    public static func run(
        _ arguments: String..., in directory: URL, environment: [String: String] = [:]
    ) async throws -> Result {
        try await LacunaProcess(arguments, in: directory, environment: environment).wait()
    }

    /// Waits for the end.
    public func wait() async throws -> Result {
        while process.isRunning { try await Task.sleep(for: .milliseconds(5)) }
        defer {
            try? FileManager.default.removeItem(at: outputFile)
            try? FileManager.default.removeItem(at: errorFile)
        }
        return Result(
            status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: String(decoding: try Data(contentsOf: outputFile), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: errorFile), as: UTF8.self))
    }

    /// What it has said on its standard error so far.
    public var errorsSoFar: String {
        String(decoding: FileManager.default.contents(atPath: errorFile.path) ?? Data(), as: UTF8.self)
    }

    /// Sends a signal.
    public func send(signal: Int32) {
        kill(process.processIdentifier, signal)
    }

    #if os(Linux)
        /// The most memory that it has held at once so far, in KiB; nil once it has ended.
        public var peakResidentKiB: Int? {
            let status = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
            let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
            return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
        }
    #endif

    /// Its number, which the journal knows it by.
    public var processID: Int32 { process.processIdentifier }

    /// Whether it still runs.
    public var isRunning: Bool { process.isRunning }

    /// The program beside the test bundle.
    public static var executable: URL {
        #if os(macOS)
            let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") } ?? .main
            return bundle.bundleURL.deletingLastPathComponent().appendingPathComponent("lacuna")
        #else
            return URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
                .appendingPathComponent("lacuna")
        #endif
    }
}

/// A directory of a test's own, removed afterwards.
public struct TestDirectory: Sendable {
    /// Where it is.
    public let url: URL

    /// Runs `body` with a fresh, empty directory.
    public static func with<Value>(_ body: (TestDirectory) async throws -> Value) async throws -> Value {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("lacuna-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: url) }
        return try await body(TestDirectory(url: url))
    }

    /// Writes a file that is finished: an hour old.
    ///
    /// - Parameter fresh: whether it is of now, so that more may follow.
    /// - Returns: its path.
    @discardableResult
    public func write(
        _ text: String, to name: String, executable: Bool = false, fresh: Bool = false
    ) throws -> String {
        let file = url.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
        if !fresh {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -3600)], ofItemAtPath: file.path)
        }
        if executable { try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path) }
        return file.path
    }
}
