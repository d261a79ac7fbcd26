import LacunaModel
import LacunaRecords
import LacunaSources

/// Reads a source's settings as one stream sees them, its overrides applied.
struct SourceReader {
    let reading: Reading
    /// The variables that the config takes values from, which a command inherits only where it names them itself.
    let withheld: Set<String>

    /// The settings of a source of `type`.
    ///
    /// - Parameters:
    ///   - section: the source's settings, overlaid with the stream's.
    ///   - definition: the stream; what templates name must exist there.
    func settings(_ section: Section, type: SourceType, definition: StreamDefinition) -> SourceSettings? {
        switch type {
        case .command:
            let command = templates(section["command"], definition)
            guard section["command"] != nil else { return missing("command", section, definition) }
            var settings = CommandSettings(command: command)
            settings.tip = templates(section["tip"], definition)
            settings.format = section.choice("format") ?? settings.format
            settings.environment = section.pairs("environment")
            let own = ["command", "tip", "environment"].compactMap { section[$0]?.variables }
            settings.withheld = own.reduce(withheld) { $0.subtracting($1) }
            settings.secrets = reading.secrets
            settings.directory = reading.directory
            settings.timeout = section.duration("timeout") ?? settings.timeout
            return .command(settings)
        case .file:
            guard definition.keyType.isOrdered else {
                reading.report(
                    "stream '\(Shown.text(definition.name))': text keys are asked for by name, which a file does not answer; "
                        + "they need a command, postgres or http source", at: section.position)
                return nil
            }
            guard let path = section["path"] else { return missing("path", section, definition) }
            guard let template = template(path, definition) else { return nil }
            var settings = FileSettings(path: template)
            settings.format = section.choice("format")
            settings.directory = reading.directory
            if settings.format == nil, !["csv", "ndjson", "jsonl"].contains(where: settings.path.text.hasExtension) {
                reading.report(
                    "'path': the name does not say what the file holds; write 'format: csv' or 'format: ndjson'",
                    at: path.position)
            }
            if let problem = settings.problem(of: definition) {
                reading.report(foreign: "stream '\(Shown.text(definition.name))': \(problem)", at: path.position)
            }
            return .file(settings)
        case .postgres:
            guard let query = section["query"] else { return missing("query", section, definition) }
            guard let template = template(query, definition) else { return nil }
            var settings = PostgresSettings(query: template)
            settings.database = section.text("database")
            settings.tip = section["tip"].flatMap { self.template($0, definition) }
            settings.timeout = section.duration("timeout") ?? settings.timeout
            return .postgres(settings)
        case .http:
            guard let url = section["base_url"] else { return missing("base_url", section, definition) }
            guard let template = template(url, definition) else { return nil }
            return HTTPReader(reading: reading, section: section, definition: definition).settings(baseURL: template)
                .map(SourceSettings.http)
        }
    }

    private func missing(_ name: String, _ section: Section, _ definition: StreamDefinition) -> SourceSettings? {
        reading.report(
            "neither stream '\(Shown.text(definition.name))' nor its source has '\(name)'", at: section.position)
        return nil
    }

    private func templates(_ node: ConfigNode?, _ definition: StreamDefinition) -> [Template] {
        (node?.list ?? []).compactMap { template($0, definition) }
    }

    private func template(_ node: ConfigNode, _ definition: StreamDefinition) -> Template? {
        node.scalar.flatMap { SourceReader.template($0.template, at: node.position, definition, reading) }
    }

    /// Reads a template and renders it once, so that what does not fit the stream is found before anything runs.
    static func template(
        _ text: String, at position: Position, _ definition: StreamDefinition, _ reading: Reading
    ) -> Template? {
        let stream = Shown.text(definition.name)
        do {
            let template = try Template(text)
            let columns = definition.partitions.columns
            let unknown = template.partitionColumns.subtracting(columns).sorted()
            for column in unknown {
                let known =
                    columns.isEmpty ? "no partitions" : "the partition columns \(columns.joined(separator: ", "))"
                reading.report(
                    foreign: "'{partition.\(column)}': stream '\(stream)' has \(known)", at: position,
                    suggestion: Suggestion.nearest(to: column, among: columns))
            }
            guard unknown.isEmpty else { return nil }
            if let problem = misplaced(template, definition) {
                reading.report(foreign: "stream '\(stream)': \(problem)", at: position)
                return nil
            }
            let request = FetchRequest(
                stream: definition, partition: Partition(columns.map { _ in "" }), window: 0..<1,
                keys: definition.keyType.isOrdered ? [] : [""])
            _ = try template.render(request)
            return template
        } catch {
            reading.report(foreign: "stream '\(stream)': \(error.description)", at: position)
            return nil
        }
    }
}

extension SourceReader {
    /// Ordered keys are asked for by windows, text keys by name.
    private static func misplaced(_ template: Template, _ definition: StreamDefinition) -> String? {
        if definition.keyType.isOrdered {
            return template.usesKeys ? "'{keys}' is for text keys; write {window.first} and {window.last}" : nil
        }
        return template.usesWindow ? "text keys have no window; write {keys}" : nil
    }
}

extension String {
    fileprivate func hasExtension(_ name: String) -> Bool {
        lowercased().hasSuffix("." + name)
    }
}
