import LacunaSources

/// A scalar's text, in which what came from the environment or a file stays apart from what was written.
///
/// A value from outside is data: it is never read again as YAML, as an interpolation or as a template.
struct WrittenText: Sendable, Hashable {
    enum Piece: Sendable, Hashable {
        /// Text that stands in the config.
        case literal(String)
        /// Text that stands in the config with its braces meant literally: `$${…}`.
        case escaped(String)
        /// A value from the environment, with its variable's name, or from a file.
        case secret(String, variable: String?)
    }

    var pieces: [Piece]

    init(_ pieces: [Piece]) {
        self.pieces = pieces
    }

    /// The value.
    var text: String {
        pieces.map(\.text).joined()
    }

    /// The value with the secrets in it masked.
    var shown: String {
        pieces.map { if case .secret = $0 { Secret.mask } else { $0.text } }.joined()
    }

    /// The value as a template's text, in which only what was written can be a placeholder.
    var template: String {
        pieces.map { piece in
            if case .literal(let text) = piece { return text }
            return piece.text.replacing("{", with: "{{").replacing("}", with: "}}")
        }
        .joined()
    }

    /// The value as a body's text: as ``template``, but braces that belong to no placeholder stand for themselves.
    var body: String {
        pieces.map { piece in
            if case .literal(let text) = piece { return Template.escapingBraces(of: text) }
            return piece.text.replacing("{", with: "{{").replacing("}", with: "}}")
        }
        .joined()
    }

    var hasSecrets: Bool {
        pieces.contains { if case .secret = $0 { true } else { false } }
    }

    /// The environment variables in it.
    var variables: [String] {
        pieces.compactMap { if case .secret(_, let variable) = $0 { variable } else { nil } }
    }
}

extension WrittenText.Piece {
    fileprivate var text: String {
        switch self {
        case .literal(let text), .escaped(let text), .secret(let text, _): text
        }
    }
}
