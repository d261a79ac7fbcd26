import LacunaSources

/// Holds a config's tree against the table of settings: names, shapes, and values that can be judged on their own.
///
/// What depends on other settings (whether a length fits its key, whether a source exists) is left to the readers.
struct ShapeChecker {
    let reading: Reading
    /// The types of the sources by name; nil if a source does not say, which is reported at the source.
    private var sourceTypes: [String: SourceType?] = [:]
    private var defaultSource: String?

    init(reading: Reading) {
        self.reading = reading
    }

    /// Checks the whole document.
    mutating func check(document root: ConfigNode) {
        guard root.map != nil else {
            reading.report(
                "expected a map of settings that starts with 'version: 1', found \(root.found)", at: root.position)
            return
        }
        for entry in root["sources"]?.map ?? [] {
            sourceTypes[entry.name] = .some(SourceType(rawValue: entry.value["type"]?.scalar?.text ?? ""))
        }
        defaultSource = root["defaults"]?["source"]?.scalar?.text
        check(root, group: SettingsTable.document, place: "lacuna.yaml", name: nil, at: root.position)
    }

    /// Checks the settings in a map.
    ///
    /// - Parameters:
    ///   - place: how messages call the map: `stream 'blocks'`.
    ///   - requires: whether settings that are required must be there.
    ///   - explain: another account of a name that is not in `group`; nil if there is none.
    func check(
        _ node: ConfigNode,
        group: SettingsGroup,
        place: String,
        name: String?,
        at position: Position,
        requires: Bool = true,
        explain: (String) -> String? = { _ in nil }
    ) {
        guard let entries = node.map else {
            reading.report("\(place): expected a map of settings, found \(node.found)", at: node.position)
            return
        }
        for entry in entries {
            let shown = Shown.text(entry.name)
            guard let setting = group[entry.name] else {
                if let account = explain(entry.name) {
                    reading.report(account, at: entry.position)
                } else {
                    reading.report(
                        "unknown setting '\(shown)' in \(place)", at: entry.position,
                        suggestion: Suggestion.nearest(to: entry.name, among: group.names))
                }
                continue
            }
            guard !entry.value.isNull else {
                reading.report("'\(shown)' of \(place) has no value; give it one or remove it", at: entry.position)
                continue
            }
            check(entry.value, setting.kind, name: entry.name, place: place)
        }
        guard requires else { return }
        for setting in group.settings where setting.isRequired && !entries.contains(where: { $0.name == setting.name })
        {
            reading.report("\(place) has no '\(setting.name)': \(firstSentence(of: setting))", at: position)
        }
    }

    /// Checks one value. `name` is the setting's, for messages; `place` is where the setting stands.
    func check(_ node: ConfigNode, _ kind: SettingKind, name: String, place: String) {
        switch kind {
        case .map(let kind, let subject): check(node, mapOf: kind, subject: subject, name: name)
        case .group(let group):
            check(node, group: group, place: "'\(name)' of \(place)", name: name, at: node.position)
        case .list(let kind):
            guard let list = node.list else { return expected("a list", node, name) }
            check(elements: list, of: node, kind, name: name, place: place)
        case .oneOrMany(let kind): check(elements: node.oneOrMany, of: node, kind, name: name, place: place)
        case .arguments(let window):
            if node.scalar != nil {
                return reading.report(
                    "'\(name)' is an argument vector, never a shell: write a list, as in [./fetch, \"{window.first}\"]",
                    at: node.position)
            }
            guard let list = node.list else { return expected("a list of arguments", node, name) }
            check(elements: list, of: node, .template(window: window), name: name, place: place)
        case .defaults:
            check(
                node, group: SettingsTable.stream(overriding: nil), place: "defaults", name: name, at: node.position,
                requires: false)
        case .seasons: checkSeasons(node, name: name, place: place)
        case .partitions: checkPartitions(node, name: name)
        case .either(let kinds):
            let fitting = kinds.filter { shape(of: $0) == shape(of: node) }
            // Several that fit cannot be told apart here; the readers do.
            if fitting.count > 1, node.scalar != nil { return }
            let wanted = fitting.first ?? kinds[0]
            check(node, wanted, name: name, place: place)
        case .source, .stream: break
        default: check(scalar: node, kind, name: name)
        }
    }

    private func check(elements: [ConfigNode], of node: ConfigNode, _ kind: SettingKind, name: String, place: String) {
        if elements.isEmpty { reading.report("'\(name)' is an empty list; remove it or fill it", at: node.position) }
        for element in elements {
            if element.isNull {
                reading.report("'\(name)' has an element without a value", at: element.position)
            } else {
                check(element, kind, name: name, place: place)
            }
        }
    }

    private func check(_ node: ConfigNode, mapOf kind: SettingKind, subject: String, name: String) {
        guard let entries = node.map else { return expected("a map by \(subject) name", node, name) }
        if entries.isEmpty { reading.report("'\(name)' is empty; it needs at least one \(subject)", at: node.position) }
        for entry in entries {
            check(nameOf: entry, subject: subject)
            let place = "\(subject) '\(Shown.text(entry.name))'"
            guard !entry.value.isNull else {
                reading.report("\(place) has no value; give it one or remove it", at: entry.position)
                continue
            }
            switch kind {
            case .source: check(source: entry, place: place)
            case .stream: check(stream: entry, place: place)
            default: check(entry.value, kind, name: entry.name, place: place)
            }
        }
    }

    private func check(nameOf entry: ConfigEntry, subject: String) {
        let isPrintable = entry.name.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
        if entry.name.isEmpty || entry.name.utf8.count > 200 || !isPrintable {
            reading.report(
                "a \(subject)'s name must have 1 to 200 bytes and no control characters", at: entry.position)
        }
    }

    private func check(source entry: ConfigEntry, place: String) {
        let node = entry.value
        guard node.map != nil else {
            return reading.report("\(place): expected a map of settings, found \(node.found)", at: node.position)
        }
        let typeSetting = SettingsTable.sourceType
        guard let typeNode = node["type"], !typeNode.isNull else {
            let types = ShapeChecker.list(SourceType.allCases.map(\.rawValue))
            return reading.report("\(place) has no 'type': write \(types)", at: entry.position)
        }
        guard let type = SourceType(rawValue: typeNode.scalar?.text ?? "") else {
            return check(typeNode, typeSetting.kind, name: "type", place: place)
        }
        let own = SettingsTable.source(type)
        let group = SettingsGroup(
            name: own.name, settings: [typeSetting] + own.settings)
        check(node, group: group, place: place, name: entry.name, at: entry.position) { name in
            foreign(name, to: place, of: type)
        }
    }

    private func check(stream entry: ConfigEntry, place: String) {
        let source = entry.value["source"]?.scalar?.text ?? defaultSource
        let type = source.flatMap { sourceTypes[$0] ?? nil }
        check(
            entry.value, group: SettingsTable.stream(overriding: type), place: place, name: entry.name,
            at: entry.position, requires: false
        ) { name in
            type.flatMap { foreign(name, to: "source '\(Shown.text(source ?? ""))' of \(place)", of: $0) }
        }
    }

    /// The account of a setting that only other types of source have.
    private func foreign(_ name: String, to place: String, of type: SourceType) -> String? {
        let owners = SettingsTable.types(having: name).map(\.rawValue)
        guard !owners.isEmpty else { return nil }
        return
            "'\(name)' belongs to sources of type \(ShapeChecker.list(owners)), but \(place) is of type \(type.rawValue)"
    }

    func expected(_ what: String, _ node: ConfigNode, _ name: String) {
        reading.report("'\(Shown.text(name))': expected \(what), found \(node.found)", at: node.position)
    }

    private enum Shape {
        case scalar, list, map
    }

    private func shape(of kind: SettingKind) -> Shape {
        switch kind {
        case .list, .arguments: .list
        case .map, .group: .map
        default: .scalar
        }
    }

    private func shape(of node: ConfigNode) -> Shape {
        node.list != nil ? .list : node.map != nil ? .map : .scalar
    }

    private func firstSentence(of setting: Setting) -> String {
        let text = setting.summary
        return text.prefix(1).lowercased() + text.dropFirst().prefix { $0 != "." }
    }
}
