import Foundation

/// Takes secrets out of texts that are shown: as they are, and in the forms in which servers, programs and encoders
/// repeat them.
///
/// A secret that is shorter than ``init(_:shortest:)`` says stays: masking `1` everywhere would tell more than it hides.
package struct SecretMask: Sendable {
    /// What is shown in a secret's place.
    package static let mark = "***"

    /// The longest first, so that no part of one is left.
    private let forms: [[UInt8]]

    /// A mask of these secrets.
    ///
    /// - Parameter shortest: how many characters a secret has at least.
    package init(_ secrets: some Sequence<String>, shortest: Int = 4) {
        var forms: Set<String> = []
        for secret in secrets where secret.count >= shortest {
            forms.formUnion(SecretMask.forms(of: secret).filter { $0.count >= shortest })
        }
        self.forms = forms.map { Array($0.utf8) }.sorted { $0.count > $1.count }
    }

    /// The text with every secret masked.
    package func callAsFunction(_ text: String) -> String {
        guard !forms.isEmpty else { return text }
        var bytes = Array(text.utf8)
        var isChanged = false
        for form in forms where SecretMask.replace(form, in: &bytes) { isChanged = true }
        return isChanged ? String(decoding: bytes, as: UTF8.self) : text
    }

    /// Byte by byte: as characters, a secret with a combining mark behind it would be another text.
    private static func replace(_ form: [UInt8], in bytes: inout [UInt8]) -> Bool {
        guard let first = form.first, bytes.count >= form.count else { return false }
        var result: [UInt8] = []
        var index = 0
        var copied = 0
        while index + form.count <= bytes.count {
            if bytes[index] == first, bytes[index..<index + form.count].elementsEqual(form) {
                result += bytes[copied..<index]
                result += mark.utf8
                index += form.count
                copied = index
            } else {
                index += 1
            }
        }
        guard copied > 0 else { return false }
        bytes = result + bytes[copied...]
        return true
    }

    private static func forms(of secret: String) -> Set<String> {
        let percent = PercentEncoding.encode(secret)
        let words = secret.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        var forms: Set<String> = [
            secret, percent, percent.replacing("%20", with: "+"), percent.lowercased(), words,
            Data(secret.utf8).base64EncodedString(),
            secret.replacing("'", with: "''"), secret.replacing("\\", with: "\\\\").replacing("'", with: "\\'"),
        ]
        for slash in ["/", "\\/"] {
            forms.formUnion([json(secret, slash: slash, isASCII: false), json(secret, slash: slash, isASCII: true)])
        }
        // A key that is written on several lines is shown line by line. A short line may be any word.
        let lines = secret.split(whereSeparator: \.isNewline)
        if lines.count > 1 { forms.formUnion(lines.map(String.init).filter { $0.count >= 8 }) }
        return forms
    }

    /// The secret inside a JSON string.
    private static func json(_ secret: String, slash: String, isASCII: Bool) -> String {
        var result = ""
        for unit in secret.unicodeScalars {
            switch unit {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "/": result += slash
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where unit.value < 32 || isASCII && unit.value > 126:
                for code in String(unit).utf16 {
                    let digits = String(code, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            default: result.unicodeScalars.append(unit)
            }
        }
        return result
    }
}
