import Foundation
import Postgres

/// Scheme, host and port, or a Unix socket: requests, redirects and next pages of a source never leave it.
struct Origin: Sendable, Hashable, CustomStringConvertible {
    let scheme: String
    let host: String
    let port: Int
    /// The path of the Unix socket that takes the place of host and port; nil: there is none.
    var socket: String?

    var description: String {
        if let socket { return "unix:\(socket)" }
        return web
    }

    /// As a URL of http or https names it.
    fileprivate var web: String {
        let isDefault = port == (scheme == "https" ? 443 : 80)
        return "\(scheme)://\(host)\(isDefault ? "" : ":\(port)")"
    }

    /// The origin of an absolute URL; nil if it has none, names a user, or a port that no server can have.
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
        scheme == "http" && socket == nil
            && !ServerRoute.isOnThisMachine(host.trimmingCharacters(in: CharacterSet(charactersIn: "[]")))
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
///
/// `https://host/path`, or `unix:/run/api.sock:/path`: what listens at a Unix socket is asked as `http://localhost/path`.
struct Address: Sendable, Hashable {
    let origin: Origin
    /// Path and query, percent-encoded; starts with a slash.
    var target: String

    /// As it is written in the config and in messages.
    var url: String { origin.description + (origin.socket == nil ? "" : ":") + target }

    /// As it is asked for: of a Unix socket without its path.
    var requestURL: String { origin.web + target }

    init?(_ url: String) {
        var url = url
        var socket: String?
        if url.hasPrefix(Address.socketScheme) {
            let parts = url.dropFirst(Address.socketScheme.count).split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts[0].hasPrefix("/"), !parts[0].utf8.contains(0) else { return nil }
            socket = String(parts[0])
            let target = parts.count == 2 ? String(parts[1]) : ""
            guard target.isEmpty || target.hasPrefix("/") || target.hasPrefix("?") else { return nil }
            url = "http://localhost" + target
        }
        guard let components = URLComponents(string: url), var origin = Origin(components) else { return nil }
        origin.socket = socket
        self.origin = origin
        target = Address.target(of: components)
    }

    /// What the address of a Unix socket begins with.
    static let socketScheme = "unix:"

    /// What a link in the answer to this address leads to; nil if it cannot be read.
    func resolving(_ link: String) -> Address? {
        guard !link.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") }),
            let base = URL(string: requestURL), let resolved = URL(string: link, relativeTo: base),
            let components = URLComponents(url: resolved, resolvingAgainstBaseURL: true),
            let written = components.string, !written.hasPrefix(Address.socketScheme),
            let address = Address(written)
        else { return nil }
        // The server at a socket calls itself by the name in the request.
        guard origin.socket != nil, address.origin.web == origin.web else { return address }
        var own = self
        own.target = address.target
        return own
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
