import Foundation
import Testing

/// The files of `sql/statements` as they stand.
struct StatementFile: Sendable, CustomTestStringConvertible {
    let url: URL
    let text: String

    var name: String { url.deletingPathExtension().lastPathComponent }
    var testDescription: String { name }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../sql/statements").standardizedFileURL

    static let all: [StatementFile] = {
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.filter { $0.pathExtension == "sql" }.sorted { $0.path < $1.path }.compactMap { url in
            (try? String(contentsOf: url, encoding: .utf8)).map { StatementFile(url: url, text: $0) }
        }
    }()

    /// The comment that the file begins with.
    var header: String {
        text.split(separator: "\n", omittingEmptySubsequences: false).prefix { $0.hasPrefix("--") }
            .joined(separator: "\n")
    }

    /// The variables of the statement: the name and what stands before it, `"`, `'` or nothing.
    var variables: Set<[String]> {
        let body = text.split(separator: "\n").filter { !$0.hasPrefix("--") }.joined(separator: "\n")
        var found: Set<[String]> = []
        for match in body.matches(of: /(?:^|[^:\w])'[^']*'|::|:(["']?)([a-z_]+)/) {
            if let name = match.output.2 { found.insert([String(match.output.1 ?? ""), String(name)]) }
        }
        return found
    }
}
