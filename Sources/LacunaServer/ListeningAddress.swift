/// Where a server listens: an address of this machine and a port.
package struct ListeningAddress: Sendable, Hashable, CustomStringConvertible {
    /// An IP address, without brackets.
    package let host: String
    /// The port; zero: one that is free.
    package let port: UInt16

    /// Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `8080`; nil if it is none of these.
    package init?(_ text: String) {
        let colon = text.lastIndex(of: ":")
        guard let port = UInt16(colon.map { text[text.index(after: $0)...] } ?? text[...]) else { return nil }
        var host = colon.map { String(text[..<$0]) } ?? "127.0.0.1"
        if host == "localhost" { host = "127.0.0.1" }
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty, host.contains(":") == isBracketed else { return nil }
        let digits = isBracketed ? "0123456789abcdefABCDEF:." : "0123456789."
        guard host.allSatisfy({ digits.contains($0) }) else { return nil }
        (self.host, self.port) = (host, port)
    }

    /// The same address with the port that was found for it.
    package func listening(on port: UInt16) -> ListeningAddress { ListeningAddress(host: host, port: port) }

    private init(host: String, port: UInt16) { (self.host, self.port) = (host, port) }

    /// Whether it is one of IP version 6.
    package var isVersion6: Bool { host.contains(":") }

    /// Whether only programs of this machine reach it.
    package var isLoopback: Bool { host == "::1" || (!isVersion6 && host.hasPrefix("127.")) }

    /// As in a URL.
    package var description: String { (isVersion6 ? "[\(host)]" : host) + ":\(port)" }

    /// Whether a header `Host` names this address, and not a name that somebody lets lead here.
    func isMeant(by header: String?) -> Bool {
        guard var name = header?.lowercased() else { return false }
        if let colon = name.lastIndex(of: ":"), !name.hasSuffix("]") { name = String(name[..<colon]) }
        return name == "localhost" || name == (isVersion6 ? "[\(host)]" : host)
    }
}
