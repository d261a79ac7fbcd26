import Foundation

/// Which proxy leads to which host, as the environment says it: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
public struct ProxyRules: Sendable, Hashable {
    /// A proxy that speaks HTTP.
    struct Proxy: Sendable, Hashable {
        let host: String
        let port: Int
        let username: String?
        let password: String?
    }

    private var byScheme: [String: Proxy] = [:]
    private var direct: [String] = []

    /// No proxy for anything.
    public init() {}

    /// The rules of an environment; names in lower case go first. What is no proxy's address is passed over.
    public init(environment: [String: String]) {
        func value(_ name: String) -> String? {
            let text = environment[name.lowercased()] ?? environment[name]
            return text?.isEmpty == false ? text : nil
        }
        for scheme in ["http", "https"] {
            guard let text = value("\(scheme.uppercased())_PROXY") ?? value("ALL_PROXY") else { continue }
            let url = URLComponents(string: text.contains("://") ? text : "http://\(text)")
            guard let url, url.scheme == "http", let host = url.host, !host.isEmpty else { continue }
            byScheme[scheme] = Proxy(host: host, port: url.port ?? 80, username: url.user, password: url.password)
        }
        direct = (value("NO_PROXY") ?? "").split(separator: ",").map {
            String($0).trimmingWhitespace.lowercased()
        }
    }

    /// The proxy for an origin; nil: none.
    func proxy(for origin: Origin) -> Proxy? {
        guard origin.socket == nil else { return nil }
        let isDirect = direct.contains { rule in
            let name = rule.hasPrefix(".") ? String(rule.dropFirst()) : rule
            return rule == "*" || name == origin.host || origin.host.hasSuffix("." + name)
        }
        return isDirect ? nil : byScheme[origin.scheme]
    }
}
