import LacunaModel
import LacunaRecords

/// Reads lengths of history and holds them against the key they are applied to.
struct LengthReader {
    let section: Section
    let keyType: KeyType

    /// A length that may be shorter than a unit, which then counts as one.
    func length(_ name: String) -> HistoryLength? {
        guard let node = section[name], let length = node.scalar.flatMap({ Written.length($0.text) }) else {
            return nil
        }
        return fits(length, name: name, node: node) ? length : nil
    }

    /// The size of a batch: above zero and a whole number of units.
    func batch(_ name: String) -> HistoryLength? {
        guard let node = section[name], let length = node.scalar.flatMap({ Written.length($0.text) }) else {
            return nil
        }
        guard fits(length, name: name, node: node) else { return nil }
        if length.isZero {
            section.reading.report("'\(name)' must be above zero", at: node.position)
            return nil
        }
        switch (keyType, length) {
        case (.date, .seconds(let seconds)):
            guard seconds % 86_400 == 0 else {
                section.reading.report("'\(name)': \(node.found) is not a number of whole days", at: node.position)
                return nil
            }
            return .days(seconds / 86_400)
        case (.timestamp(let step, _), .seconds(let seconds)) where seconds % step != 0:
            section.reading.report(
                "'\(name)': \(node.found) is not a whole number of units, each \(HistoryLength.seconds(step))",
                at: node.position
            )
            return nil
        default: return length
        }
    }

    private func fits(_ length: HistoryLength, name: String, node: ConfigNode) -> Bool {
        guard !length.fits(keyType) else { return true }
        section.reading.report(
            "'\(name)': \(node.found) is a time, but \(keyType.name) keys take a number of units", at: node.position)
        return false
    }
}
