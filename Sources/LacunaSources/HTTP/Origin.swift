import Foundation
import Postgres

/// Scheme, host and port: requests, redirects and next pages of a source never leave it.
struct Origin: Sendable, Hashable, CustomStringConvertible {
    let scheme: String
    let host: String
    let port: Int

    var description: String {
        let isDefault = port == (scheme == "https" ? 443 : 80)
        return "\(scheme)://\(host)\(isDefault ? "" : ":\(port)")"
    }

    /// The origin of an absolute URL; nil where it has none, names a user, or a port that no server can have.
    init?(_ components: URLComponents) {
        guard let scheme = components.scheme?.lowercased(), scheme == "http" || scheme == "https",
            let host = components.encodedHost?.lowercased(), Origin.isHost(host),
            components.user == nil, components.password == nil
        else { return nil }
        self.scheme = scheme
        self.host = host
        // `port` is nil for a number that is too large, too: what was written must not become the default.
        let written = components.rangeOfPort.flatMap { components.string?[$0] } ?? ""
        guard !written.isEmpty else {
            port = scheme == "https" ? 443 : 80
            return
        }
        guard let number = components.port, (1...65535).contains(number) else { return nil }
        port = number
    }

    /// Whether others can read what is said to it on the way.
    var isInTheClear: Bool {
        scheme == "http" && !ServerRoute.isOnThisMachine(host.trimmingCharacters(in: CharacterSet(charactersIn: "[]")))
    }

    /// A name of letters, digits, dots and hyphens, or an IPv6 address in brackets.
    static func isHost(_ host: String) -> Bool {
        if host.hasPrefix("["), host.hasSuffix("]") {
            return host.dropFirst().dropLast().allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
        }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        return labels.allSatisfy { label in
            !label.isEmpty && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy {
                    switch $0 {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                        true
                    default: false
                    }
                }
        }
    }
}

/// An address inside an origin. The URL is always put together from the origin itself, never from what a server wrote.
struct Address: Sendable, Hashable {
    let origin: Origin
    /// Path and query, percent-encoded; starts with a slash.
    var target: String

    var url: String { origin.description + target }

    init?(_ url: String) {
        guard let components = URLComponents(string: url), let origin = Origin(components) else { return nil }
        self.origin = origin
        target = Address.target(of: components)
    }

    /// What a link in the answer to this address leads to; nil where it cannot be read.
    func resolving(_ link: String) -> Address? {
        guard !link.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") }),
            let base = URL(string: url), let resolved = URL(string: link, relativeTo: base),
            let components = URLComponents(url: resolved, resolvingAgainstBaseURL: true)
        else { return nil }
        return components.string.flatMap(Address.init)
    }

    /// The same address with parameters added to its query; one of the same name is replaced.
    func adding(_ parameters: [Paginator.Parameter]) -> Address {
        guard !parameters.isEmpty else { return self }
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let added = parameters.map { (PercentEncoding.encode($0.name), PercentEncoding.encode($0.value)) }
        let kept = (parts.count == 2 ? parts[1] : "").split(separator: "&").filter { pair in
            !added.contains { $0.0 == pair.prefix { $0 != "=" } }
        }
        var copy = self
        let query = kept.map(String.init) + added.map { "\($0.0)=\($0.1)" }
        copy.target = parts[0] + "?" + query.joined(separator: "&")
        return copy
    }

    private static func target(of components: URLComponents) -> String {
        let path = components.percentEncodedPath.isEmpty ? "/" : components.percentEncodedPath
        return path + (components.percentEncodedQuery.map { "?\($0)" } ?? "")
    }
}

/// Percent-encoding that leaves only the unreserved characters (RFC 3986, section 2.3).
enum PercentEncoding {
    static func encode(_ text: String) -> String {
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.append(byte)
            default:
                result += [UInt8(ascii: "%"), hex(byte >> 4), hex(byte & 15)]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func hex(_ digit: UInt8) -> UInt8 {
        digit < 10 ? digit + UInt8(ascii: "0") : digit - 10 + UInt8(ascii: "A")
    }
}
