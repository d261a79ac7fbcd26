import LacunaSources

/// A scalar's text, in which what came from the environment or a file stays apart from what was written.
///
/// A value from outside is data: it is never read again as YAML, as an interpolation or as a template.
struct WrittenText: Sendable, Hashable {
    enum Fragment: Sendable, Hashable {
        /// Text that stands in the config.
        case literal(String)
        /// Text that stands in the config with its braces meant literally: `$${…}`.
        case escaped(String)
        /// A value from the environment, with its variable's name, or from a file.
        case secret(String, variable: String?)
    }

    var fragments: [Fragment]

    init(_ fragments: [Fragment]) {
        self.fragments = fragments
    }

    /// The value.
    var text: String {
        fragments.map(\.text).joined()
    }

    /// The value with the secrets in it masked.
    var shown: String {
        fragments.map { if case .secret = $0 { Secret.mask } else { $0.text } }.joined()
    }

    /// The value as a template's text, in which only what was written can be a placeholder.
    var template: String {
        fragments.map { fragment in
            if case .literal(let text) = fragment { return text }
            return fragment.text.replacing("{", with: "{{").replacing("}", with: "}}")
        }
        .joined()
    }

    /// The value as a body's text: as ``template``, but braces that belong to no placeholder stand for themselves.
    var body: String {
        fragments.map { fragment in
            if case .literal(let text) = fragment { return Template.escapingBraces(of: text) }
            return fragment.text.replacing("{", with: "{{").replacing("}", with: "}}")
        }
        .joined()
    }

    var hasSecrets: Bool {
        fragments.contains { if case .secret = $0 { true } else { false } }
    }

    /// The environment variables in it.
    var variables: [String] {
        fragments.compactMap { if case .secret(_, let variable) = $0 { variable } else { nil } }
    }
}

extension WrittenText.Fragment {
    fileprivate var text: String {
        switch self {
        case .literal(let text), .escaped(let text), .secret(let text, _): text
        }
    }
}
