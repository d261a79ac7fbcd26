import LacunaModel
import LacunaRecords

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Paths of files. What a database or a source says may choose a file in a folder, and none outside of it.
extension Template {
    /// The path with every placeholder replaced. The value of a partition or an id is one component, or a part of one.
    ///
    /// - Throws: ``TemplateError`` also for a value that would lead elsewhere.
    func renderPath(_ subject: Subject) throws(TemplateError) -> String {
        try render(subject) { index, value throws(TemplateError) in
            guard segments[index].isChosenByData else { return value }
            guard !value.isEmpty, value != ".", value != "..", !value.utf8.contains(where: { $0 == 0x2F || $0 == 0 })
            else {
                throw TemplateError(
                    "'\(value)' cannot be the name of a file or folder: it must not be empty, '.' or '..', nor hold a "
                        + "slash, in '\(text)'")
            }
            return value
        }
    }

    /// The folder that the path names before its first placeholder; empty if it names none. Nil if no partition and no id
    /// chooses the file.
    var folderOfChoice: String? {
        guard segments.contains(where: \.isChosenByData) else { return nil }
        guard case .literal(let literal)? = segments.first, let slash = literal.lastIndex(of: "/") else { return "" }
        return slash == literal.startIndex ? "/" : String(literal[..<slash])
    }
}

extension Template.Segment {
    /// Whether its value comes from rows or queries, and not from the config's own dates and numbers.
    fileprivate var isChosenByData: Bool {
        switch self {
        case .placeholder(.partition, _), .placeholder(.keys, _): true
        case .placeholder, .literal: false
        }
    }
}

/// A path as the file system resolves it.
enum RealPath {
    /// The path without symbolic links and dots; nil if there is no such file, or it may not be looked for.
    static func of(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Whether a resolved path lies in a resolved folder.
    static func isBelow(_ path: String, _ folder: String) -> Bool {
        path.hasPrefix(folder.hasSuffix("/") ? folder : folder + "/")
    }
}
