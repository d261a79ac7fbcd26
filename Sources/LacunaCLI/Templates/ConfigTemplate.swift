import ArgumentParser
import Foundation

/// A whole example to start from: a commented lacuna.yaml, the tables it fills and the SQL that loads them.
///
/// The files lie in `Templates/Files`, each named `TEMPLATE.PATH` with the path's slashes written as dots.
struct ConfigTemplate: Sendable {
    /// A file of a template.
    struct File: Sendable {
        /// Where it is written, relative to the directory; its last part is the file's name.
        let path: String
        /// Its text.
        let bytes: [UInt8]
    }

    /// What `--template` takes.
    enum Name: String, CaseIterable, ExpressibleByArgument {
        case ledgers, library, meetings, racing, sports

        var template: ConfigTemplate {
            switch self {
            case .ledgers: .ledgers
            case .library: .library
            case .meetings: .meetings
            case .racing: .racing
            case .sports: .sports
            }
        }
    }

    /// What it is for, in a line.
    let summary: String
    /// Everything it writes.
    let files: [File]
    /// The variables of the environment that its config reads, and what they hold.
    let variables: [(name: String, meaning: String)]

    /// Writes the files.
    ///
    /// - Throws: ``CommandFailure`` if one of them is there already, or cannot be written; then nothing is left behind.
    func write(to directory: URL) throws {
        let targets = files.map { (url: directory.appendingPathComponent($0.path), file: $0) }
        for target in targets where FileManager.default.fileExists(atPath: target.url.path) {
            throw CommandFailure(
                .usage,
                "\(target.file.path) is there already: nothing was written; move it away, or use another directory")
        }
        var written: [URL] = []
        do {
            for target in targets {
                try FileManager.default.createDirectory(
                    at: target.url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(target.file.bytes).write(to: target.url, options: .withoutOverwriting)
                written.append(target.url)
            }
        } catch {
            // The first error is the one to see.
            for url in written { try? FileManager.default.removeItem(at: url) }
            throw CommandFailure(.failed, "the template could not be written: \(error.localizedDescription)")
        }
    }
}
