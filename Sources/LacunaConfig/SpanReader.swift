import LacunaModel
import LacunaRecords

/// Reads lengths of history and holds them against the key they are applied to.
struct SpanReader {
    let section: Section
    let keyType: KeyType

    /// A length that may be shorter than a unit, which then counts as one.
    func span(_ name: String) -> Span? {
        guard let node = section[name], let span = node.scalar.flatMap({ Written.span($0.text) }) else { return nil }
        return fits(span, name: name, node: node) ? span : nil
    }

    /// The size of a batch: above zero and a whole number of units.
    func batch(_ name: String) -> Span? {
        guard let node = section[name], let span = node.scalar.flatMap({ Written.span($0.text) }) else { return nil }
        guard fits(span, name: name, node: node) else { return nil }
        if span.isZero {
            section.reading.report("'\(name)' must be above zero", at: node.position)
            return nil
        }
        switch (keyType, span) {
        case (.date, .seconds(let seconds)):
            guard seconds % 86_400 == 0 else {
                section.reading.report("'\(name)': \(node.found) is not a number of whole days", at: node.position)
                return nil
            }
            return .days(seconds / 86_400)
        case (.timestamp(let step, _), .seconds(let seconds)) where seconds % step != 0:
            section.reading.report(
                "'\(name)': \(node.found) is not a whole number of units, each \(Span.seconds(step))", at: node.position
            )
            return nil
        default: return span
        }
    }

    private func fits(_ span: Span, name: String, node: ConfigNode) -> Bool {
        guard !span.fits(keyType) else { return true }
        section.reading.report(
            "'\(name)': \(node.found) is a time, but \(keyType.name) keys take a number of units", at: node.position)
        return false
    }
}
