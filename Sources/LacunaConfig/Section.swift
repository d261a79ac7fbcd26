import LacunaModel
import LacunaRecords
import LacunaSources

/// A map of settings whose shape was checked, with readers for their values.
///
/// Where a value cannot be read its reader reports that and answers nil, or the default.
struct Section {
    let reading: Reading
    /// The name of its ``SettingsGroup``.
    let group: String
    /// Where it stands, for what is missing in it.
    let position: Position
    /// The settings by name. Where one was taken over from the defaults or the source, it keeps its own place.
    let values: [String: ConfigNode]

    init(_ node: ConfigNode, group: String, reading: Reading) {
        self.init(node.map ?? [], group: group, position: node.position, reading: reading)
    }

    init(_ entries: [ConfigEntry], group: String, position: Position, reading: Reading) {
        self.reading = reading
        self.group = group
        self.position = position
        values = Dictionary(entries.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    subscript(name: String) -> ConfigNode? {
        reading.consulted.insert("\(group).\(name)")
        return values[name]
    }

    func text(_ name: String) -> String? {
        self[name]?.scalar?.text
    }

    func texts(_ name: String) -> [String] {
        self[name]?.oneOrMany.compactMap(\.scalar?.text) ?? []
    }

    func integer(_ name: String) -> Int64? {
        text(name).flatMap(Written.integer)
    }

    func boolean(_ name: String) -> Bool? {
        text(name).flatMap(Written.boolean)
    }

    func seconds(_ name: String) -> Int64? {
        text(name).flatMap(Written.seconds)
    }

    func duration(_ name: String) -> Duration? {
        text(name).flatMap(Written.duration)
    }

    func choice<Choice: RawRepresentable>(_ name: String) -> Choice? where Choice.RawValue == String {
        text(name).flatMap(Choice.init)
    }

    /// The pairs of a map of texts.
    func pairs(_ name: String) -> [String: String] {
        let entries = self[name]?.map ?? []
        return Dictionary(
            entries.compactMap { entry in entry.value.scalar.map { (entry.name, $0.text) } },
            uniquingKeysWith: { first, _ in first })
    }

    /// The SQL files that a setting names.
    func scripts(_ name: String) -> [SQLScript] {
        (self[name]?.oneOrMany ?? []).compactMap { script($0, name: name) }
    }

    private func script(_ node: ConfigNode, name: String) -> SQLScript? {
        guard let path = node.scalar else { return nil }
        let shown = Shown.text(path.shown)
        do {
            let text = try Reading.text(ofFile: reading.resolve(path.text), limit: 16 << 20, limitText: "16 MiB")
            if text.contains(where: { !$0.isWhitespace }) { return SQLScript(path: path.text, text: text) }
            reading.report("'\(name)': the file '\(shown)' is empty", at: node.position)
        } catch {
            reading.report(
                "'\(name)': cannot read '\(shown)': \(error.reason) (relative paths start from the config's directory)",
                at: node.position)
        }
        return nil
    }
}
