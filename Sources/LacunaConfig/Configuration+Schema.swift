import LacunaSources

extension Configuration {
    /// The JSON Schema (draft 2020-12) of lacuna.yaml, for editors; made from the table that the reader reads by.
    package static let schema = JSONSchema.document.text() + "\n"
}

/// Makes a JSON Schema of the table of settings.
enum JSONSchema {
    static var document: JSONValue {
        var members: [(String, JSONValue)] = [
            ("$schema", "https://json-schema.org/draft/2020-12/schema"),
            ("title", "lacuna.yaml"),
        ]
        members += object(SettingsTable.document)
        members.append(
            (
                "$defs",
                .object([
                    ("interpolated", .object([("type", "string"), ("pattern", "\\$\\{(env|file):[^}]+\\}")])),
                    ("span", .object(scalar(pattern: "^[0-9_ ]+([a-zA-Z]+)? *$"))),
                    ("source", .object([("anyOf", .array(SourceType.allCases.map(source)))])),
                    ("stream", .object(object(SettingsTable.stream(overriding: nil), requires: false))),
                ])
            ))
        return .object(members)
    }

    private static func source(_ type: SourceType) -> JSONValue {
        let group = SettingsTable.source(type)
        let word = Setting("type", .choice([type.rawValue]), SettingsTable.sourceType.summary, required: true)
        return .object(object(SettingsGroup(name: group.name, settings: [word] + group.settings)))
    }

    private static func object(_ group: SettingsGroup, requires: Bool = true) -> [(String, JSONValue)] {
        let properties = group.settings.map { setting in
            (
                setting.name,
                JSONValue.object([("description", .string(setting.description))] + members(of: setting.kind))
            )
        }
        var result: [(String, JSONValue)] = [("type", "object"), ("additionalProperties", false)]
        let required = group.settings.filter(\.isRequired).map { JSONValue.string($0.name) }
        if requires, !required.isEmpty { result.append(("required", .array(required))) }
        result.append(("properties", .object(properties)))
        return result
    }

    private static func members(of kind: SettingKind) -> [(String, JSONValue)] {
        switch kind {
        case .text, .template, .body, .path, .script, .bound: scalar()
        case .value: [("type", ["string", "number", "boolean"])]
        case .version: [("const", .number(1))]
        case .integer(let range): interpolated(integer(range))
        case .boolean: interpolated([("type", "boolean")])
        case .duration, .length: [("anyOf", [.object([("$ref", "#/$defs/span")]), reference("interpolated")])]
        case .share: interpolated([("type", "string"), ("pattern", "^(100|[0-9]{1,2})%$|^off$")])
        case .season: [("type", "string"), ("pattern", "^[0-9]{2}-[0-9]{2}\\.\\.[0-9]{2}-[0-9]{2}$")]
        case .choice(let words): interpolated([("enum", .array(words.map(JSONValue.string)))])
        case .arguments: array(of: scalar())
        case .list(let kind): array(of: members(of: kind))
        case .oneOrMany(let kind): [("anyOf", [.object(members(of: kind)), .object(array(of: members(of: kind)))])]
        case .map(let kind, _): map(of: members(of: kind))
        case .group(let group): object(group)
        case .source: [("$ref", "#/$defs/source")]
        case .stream, .defaults: [("$ref", "#/$defs/stream")]
        case .seasons:
            [
                (
                    "anyOf",
                    [
                        .object(members(of: .oneOrMany(.season))),
                        .object(map(of: members(of: .oneOrMany(.season)))),
                    ]
                )
            ]
        case .partitions:
            [
                (
                    "anyOf",
                    [.object(object(SettingsTable.partitionQuery)), .object(map(of: members(of: .list(.value))))]
                )
            ]
        case .either(let kinds): [("anyOf", .array(kinds.map { .object(members(of: $0)) }))]
        }
    }

    private static func scalar(pattern: String? = nil) -> [(String, JSONValue)] {
        [("type", ["string", "number", "boolean"]), ("minLength", .number(1))]
            + (pattern.map { [("pattern", .string($0))] } ?? [])
    }

    private static func integer(_ range: ClosedRange<Int64>) -> [(String, JSONValue)] {
        let upper: [(String, JSONValue)] = range.upperBound == .max ? [] : [("maximum", .number(range.upperBound))]
        return [("type", "integer"), ("minimum", .number(range.lowerBound))] + upper
    }

    private static func interpolated(_ members: [(String, JSONValue)]) -> [(String, JSONValue)] {
        [("anyOf", [.object(members), reference("interpolated")])]
    }

    private static func reference(_ name: String) -> JSONValue {
        .object([("$ref", .string("#/$defs/" + name))])
    }

    private static func array(of members: [(String, JSONValue)]) -> [(String, JSONValue)] {
        [("type", "array"), ("minItems", .number(1)), ("items", .object(members))]
    }

    private static func map(of members: [(String, JSONValue)]) -> [(String, JSONValue)] {
        [("type", "object"), ("minProperties", .number(1)), ("additionalProperties", .object(members))]
    }
}
