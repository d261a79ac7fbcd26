import Foundation

/// What is secret in a libpq connection string, in either of its forms.
///
/// See <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>.
enum ConnectionString {
    private static let secretParameters: Set<String> = ["password", "sslpassword", "oauth_client_secret"]

    /// The passwords in it, as written and as meant.
    static func passwords(in text: String) -> Set<String> {
        let found = text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") ? uri(text) : keywords(text)
        return found.filter { !$0.isEmpty }
    }

    private static func uri(_ text: String) -> Set<String> {
        var found: Set<String> = []
        guard let scheme = text.firstRange(of: "://") else { return found }
        let rest = text[scheme.upperBound...]
        // libpq looks for the first '@' before a '/', people write passwords with one: everything up to the last is the
        // user's, but not what stands behind a '?'.
        let authority = rest.prefix { $0 != "/" }
        let withoutQuery = authority.prefix { $0 != "?" }
        for end in [authority.firstIndex(of: "@"), withoutQuery.lastIndex(of: "@")].compactMap(\.self) {
            let user = authority[..<end]
            if let colon = user.firstIndex(of: ":") { found.insert(String(user[user.index(after: colon)...])) }
        }
        // Which '?' begins the parameters depends on what stands before it; a value may hold one too.
        for question in rest.indices where rest[question] == "?" {
            for parameter in rest[question...].dropFirst().split(separator: "&") {
                let parts = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                if parts.count == 2, secretParameters.contains(parts[0].lowercased()) { found.insert(String(parts[1])) }
            }
        }
        return found.union(found.compactMap(\.removingPercentEncoding))
    }

    /// `keyword = 'value with \' escapes'`.
    private static func keywords(_ text: String) -> Set<String> {
        var found: Set<String> = []
        var rest = text[...]
        while let equals = rest.firstIndex(of: "=") {
            let keyword = rest[..<equals].split(whereSeparator: \.isWhitespace).last.map(String.init) ?? ""
            rest = rest[equals...].dropFirst().drop(while: \.isWhitespace)
            let isQuoted = rest.first == "'"
            if isQuoted { rest.removeFirst() }
            let start = rest.startIndex
            var value = ""
            while let character = rest.first, isQuoted ? character != "'" : !character.isWhitespace {
                rest.removeFirst()
                if character == "\\" {
                    // One at the very end stands for nothing.
                    if let escaped = rest.popFirst() { value.append(escaped) }
                } else {
                    value.append(character)
                }
            }
            if secretParameters.contains(keyword.lowercased()) {
                found.formUnion([value, String(text[start..<rest.startIndex])])
            }
            if isQuoted { rest = rest.dropFirst() }
        }
        return found
    }
}
