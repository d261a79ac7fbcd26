import Foundation

/// Reads a page as a strict parser does: what is opened is closed in order, attributes stand in quotes, ids are there once
/// and links lead to one.
///
/// All by Unicode scalars, as HTML is read: a quote and a combining mark after it are one `Character`.
struct PageMarkupChecker {
    private(set) var problems: [String] = []
    private(set) var tags: Set<String> = []
    private var text = ""

    private static let void: Set<String> = ["meta", "br", "wbr"]

    init(_ page: String) {
        let pattern = /\s+([A-Za-z0-9:-]+)(?:="([^"<]*)")?/.matchingSemantics(.unicodeScalar)
        var open: [String] = []
        var ids: Set<String> = []
        var links: Set<String> = []
        var rest = page.unicodeScalars[...]
        while let begin = rest.firstIndex(of: "<") {
            add(String(rest[..<begin]), in: open.last)
            guard let end = rest[begin...].firstIndex(of: ">") else {
                problems.append("a tag that does not end: \(String(rest[begin...].prefix(80)))")
                return
            }
            let scalars = rest[rest.index(after: begin)..<end]
            let tag = String(scalars)
            rest = rest[rest.index(after: end)...]
            if tag.hasPrefix("!DOCTYPE") { continue }
            if scalars.first == "/" {
                let name = String(scalars.dropFirst())
                if open.popLast() != name { problems.append("</\(name)> ends something else") }
                continue
            }
            let isClosed = scalars.last == "/"
            let name = String(scalars.prefix { $0.properties.isAlphabetic || ("0"..."9").contains($0) })
            tags.insert(name)
            let attributes = String(scalars.dropFirst(name.unicodeScalars.count).dropLast(isClosed ? 1 : 0))
            var seen: Set<Substring> = []
            for match in attributes.matches(of: pattern) {
                if !seen.insert(match.output.1).inserted { problems.append("\(match.output.1) twice in <\(tag)>") }
                let value = String(match.output.2 ?? "")
                if match.output.1 == "id", !ids.insert(value).inserted { problems.append("id \(value) twice") }
                if match.output.1 == "href" { links.insert(String(value.dropFirst())) }
                if ["title", "aria-label"].contains(match.output.1) { add(value, in: nil) }
            }
            if !attributes.replacing(pattern, with: "").isEmpty { problems.append("<\(tag)>") }
            if !isClosed, !Self.void.contains(name) { open.append(name) }
        }
        if !open.isEmpty { problems.append("not closed: \(open)") }
        for link in links.subtracting(ids) { problems.append("a link to nothing: \(link)") }
    }

    /// Whether a reader sees a text, or finds it in a tooltip or a label.
    func shows(_ part: String) -> Bool { text.range(of: part, options: .literal) != nil }

    private mutating func add(_ raw: String, in element: String?) {
        guard element != "style" else { return }
        var shown = raw
        for (name, character) in [("lt", "<"), ("gt", ">"), ("quot", "\""), ("#39", "'"), ("amp", "&")] {
            if name == "amp" {
                let others = shown.replacingOccurrences(of: "&amp;", with: "", options: .literal)
                if others.range(of: "&", options: .literal) != nil { problems.append("a bare & in \(raw.prefix(80))") }
            }
            shown = shown.replacingOccurrences(of: "&\(name);", with: character, options: .literal)
        }
        text += shown
    }
}
