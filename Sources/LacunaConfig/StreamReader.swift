import LacunaModel
import LacunaRecords
import LacunaSources

/// Reads one stream with its defaults and its source.
struct StreamReader {
    let reading: Reading
    let sources: [ConfigEntry]
    let defaults: [ConfigEntry]
    let withheld: Set<String>

    /// The stream; nil if it cannot be read, which was reported.
    func stream(_ entry: ConfigEntry) -> StreamConfiguration? {
        let own = entry.value.map ?? []
        let shown = Shown.text(entry.name)
        let section = Section(
            own + defaults, group: SettingsTable.stream.name, position: entry.position, reading: reading)
        for setting in SettingsTable.stream.settings
        where setting.isRequired && section.values[setting.name] == nil {
            reading.report("stream '\(shown)' has no '\(setting.name)'", at: entry.position)
        }
        let source = source(of: section)
        guard let name = section.text("source"), let table = section.text("table"), let keyNode = section["key"],
            let key = KeyReader(section: Section(keyNode, group: SettingsTable.key.name, reading: reading)).key()
        else { return nil }
        var definition = StreamDefinition(name: entry.name, table: table, keyColumn: key.column, keyType: key.type)
        read(section, into: &definition)
        if definition.rows == .upsert, let node = own.first(where: { $0.name == "shrink_guard" })?.value {
            reading.report("'shrink_guard' is for rows: replace; an upsert deletes nothing", at: node.position)
        }
        guard let source, let type = source.value.sourceType else { return nil }
        let settings = sourceSection(own: own, source: source, type: type, at: entry.position)
        if let retry = settings["retry"] {
            definition.retry = policy(Section(retry, group: SettingsTable.retry.name, reading: reading))
        }
        let reader = SourceReader(reading: reading, withheld: withheld)
        return reader.settings(settings, type: type, definition: definition).map {
            StreamConfiguration(definition: definition, sourceName: name, source: $0)
        }
    }

    private func read(_ section: Section, into definition: inout StreamDefinition) {
        let lengths = LengthReader(section: section, keyType: definition.keyType)
        definition.primaryKey = primaryKey(section)
        definition.partitions = PartitionReader(reading: reading, keyColumn: definition.keyColumn)
            .partitions(section["partitions"])
        if let node = section["expect"] {
            let expect = Section(node, group: SettingsTable.expect.name, reading: reading)
            definition.expect = ExpectationReader(
                section: expect, keyType: definition.keyType, partitions: definition.partitions
            ).expectation()
        }
        if !definition.keyType.isOrdered { readIds(section, into: &definition) }
        if let batch = lengths.batch("batch") { definition.batch = batch }
        if let order: FetchOrder = section.choice("order") { definition.order = order }
        if let atomic: Atomicity = section.choice("atomic") { definition.atomic = atomic }
        definition.overlap = lengths.length("overlap")
        definition.lookback = lengths.length("lookback")
        if let coalesce = section.integer("coalesce") { definition.coalesce = coalesce }
        if let empty: EmptyPolicy = section.choice("empty") { definition.empty = empty }
        if let confirm = section.duration("confirm") { definition.confirm = confirm.components.seconds }
        if let rows: RowPolicy = section.choice("rows") { definition.rows = rows }
        if let share = section.text("shrink_guard").flatMap(Written.share) { definition.shrinkGuard = share }
        if let moved: MovedRowPolicy = section.choice("moved_rows") { definition.movedRows = moved }
        if let workers = section.integer("workers") { definition.workers = Int(workers) }
        definition.load = section.scripts("load")
        definition.columns = section.pairs("columns")
        if let snakeCase = section.boolean("snake_case") { definition.snakeCase = snakeCase }
        if let unknown: UnknownFieldPolicy = section.choice("on_unknown_field") { definition.unknownFields = unknown }
        definition.after = section.scripts("after")
        definition.check = section.scripts("check").first
        if let node = section["complete"] {
            definition.complete = CompletenessReader(
                section: Section(node, group: SettingsTable.complete.name, reading: reading),
                keyType: definition.keyType
            ).completeness()
        }
        if let tracks = section.boolean("track_changes") { definition.tracksChanges = tracks }
        if let leases = section.boolean("leases") { definition.leases = leases }
    }

    /// What holds only for ids.
    private func readIds(_ section: Section, into definition: inout StreamDefinition) {
        definition.batch = .units(1)
        if definition.expect.query == nil {
            reading.report(
                "stream '\(Shown.text(definition.name))' has text keys and needs 'expect: {query: SELECT …}', a query for the "
                    + "ids that there should be", at: section.position)
        }
        for name in ["overlap", "lookback", "coalesce"] {
            guard let node = section[name] else { continue }
            reading.report("'\(name)' is for ordered keys; ids have no neighbours", at: node.position)
        }
    }

    private func source(of section: Section) -> ConfigEntry? {
        guard let node = section["source"], let name = node.scalar?.text else { return nil }
        if let source = sources.first(where: { $0.name == name }) { return source }
        reading.report(
            "there is no source \(node.found)", at: node.position,
            suggestion: Suggestion.nearest(to: name, among: sources.map(\.name)))
        return nil
    }

    /// The settings of a stream's source: the stream's override the source's, and those the defaults.
    private func sourceSection(own: [ConfigEntry], source: ConfigEntry, type: SourceType, at position: Position)
        -> Section
    {
        let group = SettingsTable.source(type)
        let applicable = defaults.filter { group[$0.name] != nil }
        let checker = ShapeChecker(reading: reading)
        for entry in applicable {
            // As a default it was only held against what any source takes.
            guard let setting = group[entry.name] else { continue }
            checker.check(entry.value, setting.kind, name: entry.name, place: "defaults")
        }
        let overrides = own.filter { group[$0.name] != nil }
        let entries = overrides + (source.value.map ?? []) + applicable
        return Section(entries, group: group.name, position: position, reading: reading)
    }

    private func primaryKey(_ section: Section) -> [String] {
        var names: [String] = []
        var seen: Set<String> = []
        for node in section["primary_key"]?.oneOrMany ?? [] {
            guard let name = node.scalar?.text else { continue }
            if seen.insert(name).inserted {
                names.append(name)
            } else {
                reading.report("\(node.found) stands twice in 'primary_key'", at: node.position)
            }
        }
        return names
    }

    private func policy(_ section: Section) -> RetryPolicy {
        var policy = RetryPolicy()
        if let attempts = section.integer("attempts") { policy.attempts = Int(attempts) }
        if let backoff = section.duration("backoff") { policy.backoff = backoff }
        if let ceiling = section.duration("max_backoff") {
            policy.maxBackoff = ceiling
            if section["backoff"] == nil { policy.backoff = min(policy.backoff, ceiling) }
            if ceiling < policy.backoff {
                reading.report("'max_backoff' is shorter than 'backoff'", at: section["max_backoff"]?.position)
            }
        } else {
            policy.maxBackoff = max(policy.maxBackoff, policy.backoff)
        }
        return policy
    }
}

extension ConfigNode {
    /// The type that a source's settings name.
    var sourceType: SourceType? { SourceType(rawValue: self["type"]?.scalar?.text ?? "") }
}
