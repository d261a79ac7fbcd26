import LacunaModel
import LacunaRecords

/// What a base URL says by itself, before a value is put in.
package struct BaseURL: Sendable {
    private let template: Template
    /// The text with an `x` for each placeholder.
    private let shape: String

    /// What a template says.
    package init(_ template: Template) {
        self.template = template
        shape = template.segments.map { if case .literal(let literal) = $0 { literal } else { "x" } }.joined()
    }

    /// Why no path can follow it; nil if one can.
    ///
    /// What is appended behind a query or a fragment is a part of that, and the server is asked for another path.
    package var problem: String? {
        var written = shape[...]
        if written.hasPrefix(Address.socketScheme) {
            // Before its colon it is a file's path, which may have any character.
            written = written.dropFirst(Address.socketScheme.count)
            written = written[(written.firstIndex(of: ":") ?? written.endIndex)...]
        }
        guard let mark = written.first(where: { $0 == "?" || $0 == "#" }) else { return nil }
        return mark == "?"
            ? "base_url ends before a query: write what follows the '?' under request.params"
            : "base_url ends before a fragment: leave out the '#', which a server never sees"
    }

    /// Whether a placeholder is a part of the host.
    var choosesHost: Bool { host?.contains(BaseURL.placeholder) ?? false }

    /// Why requests might go anywhere; nil if the config says where they go.
    ///
    /// What the host ends with is the domain that is asked, whatever stands before it: `{partition.x}.example.com`.
    package var openHostProblem: String? {
        guard let host, let last = host.lastIndex(of: BaseURL.placeholder) else { return nil }
        let ending = host[host.index(after: last)...]
        guard let dot = ending.firstIndex(of: "."), HostPattern.isDomain(ending[ending.index(after: dot)...]) else {
            return
                "base_url leaves it to a placeholder which host is asked, and given the credentials: end the host with "
                + "your own domain, as in https://{partition.x}.example.com, or list the hosts that it may be, as in "
                + "hosts: [\"*.example.com\"]"
        }
        return nil
    }

    /// Stands for a placeholder: no host has it.
    private static let placeholder: Character = "\0"

    /// The host as it is written, without a port; nil if there is none, as of a Unix socket.
    private var host: Substring? {
        let text = template.segments.map {
            if case .literal(let literal) = $0 { literal } else { String(BaseURL.placeholder) }
        }.joined()
        guard let scheme = text.firstRange(of: "://") else { return nil }
        let authority = text[scheme.upperBound...].prefix { !"/?#".contains($0) }
        // An address of IPv6 has colons of its own.
        guard let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") else { return authority }
        return authority[..<colon]
    }
}

/// A host that requests may go to: one by its name or address, or `*.` and a domain for all hosts below it.
package struct HostPattern: Sendable {
    private let text: Substring
    private let isDomain: Bool

    /// Reads one; nil if it is none.
    package init?(_ written: String) {
        let lower = written.lowercased()
        isDomain = lower.hasPrefix("*.")
        text = isDomain ? lower.dropFirst(2) : lower[...]
        guard isDomain ? HostPattern.isDomain(text) : Origin.isHost(String(text)) else { return nil }
    }

    /// Whether it means a host. An address is meant by itself alone.
    func matches(_ host: String) -> Bool {
        isDomain ? host.hasSuffix(".\(text)") : host == text
    }

    /// Names under which nobody but the network's owner can make hosts, though they have no dot.
    private static let privateDomains: Set<Substring> = [
        "localhost", "local", "internal", "intranet", "private", "lan", "home", "corp", "test", "invalid", "example",
    ]

    /// Whether a name is somebody's domain: `example.com`, and neither `com`, under which everybody has one, nor the end of an
    /// address.
    static func isDomain(_ name: Substring) -> Bool {
        let labels = name.lowercased().split(separator: ".", omittingEmptySubsequences: false)
        guard Origin.isHost(String(name)), !name.hasPrefix("["), let last = labels.last else { return false }
        guard !last.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), !last.hasPrefix("0x")
        else {
            return false
        }
        return labels.count > 1 || privateDomains.contains(last)
    }
}
