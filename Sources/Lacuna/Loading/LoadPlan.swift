import LacunaModel
import LacunaRecords
import Postgres

/// How the records of one batch reach the table.
///
/// Pure: made from the records' fields and the table's columns, before anything is sent.
struct LoadPlan: Sendable {
    /// A column that the batch writes.
    struct Target: Sendable {
        let column: TableDescription.Column
        /// The record's field; nil if the value is the partition's.
        let field: String?
        let constant: String?
    }

    let stream: ResolvedStream
    let format: RecordFormat
    let fields: [String]
    private(set) var targets: [Target]
    let runsScripts: Bool
    /// Fields of written columns that some records have and others have not.
    let unevenFields: [String]
    /// The uneven fields that the records of this part have; nil: the part is all records.
    private var presentFields: [String]?

    /// Plans the load.
    ///
    /// - Throws: ``StreamError`` if the records lack what the table needs.
    init(_ records: SpooledRecords, partition: Partition, stream: ResolvedStream) throws {
        self.stream = stream
        format = records.format
        fields = records.fields
        runsScripts = !stream.definition.load.isEmpty
        let known = Set(records.fields)
        let lacking = Set(records.lacksPartitionFields)
        var targets: [Target] = []
        for column in stream.table.columns where !column.isGenerated {
            let field = stream.definition.field(of: column.name)
            if let index = stream.definition.partitions.columns.firstIndex(of: column.name), lacking.contains(field) {
                targets.append(Target(column: column, field: nil, constant: partition.values[index]))
            } else if known.contains(field) {
                targets.append(Target(column: column, field: field, constant: nil))
            } else if format == .csv, stream.definition.columns[column.name] != nil, !runsScripts {
                throw StreamError.invalid(
                    "the records have no field '\(field)', which columns.\(column.name) names; they have "
                        + records.fields.joined(separator: ", "))
            }
        }
        self.targets = targets
        unevenFields = records.unevenFields.filter { field in targets.contains { $0.field == field } }.sorted()
        guard !runsScripts else { return }
        guard !stream.primaryKey.isEmpty else {
            throw StreamError.noUniqueIndex(table: stream.table.name, columns: [])
        }
        let written = Set(targets.map(\.column.name))
        for column in stream.primaryKey where !written.contains(column) {
            throw StreamError.invalid(
                "the records have no field '\(stream.definition.field(of: column))' for the primary key column "
                    + "'\(column)' of table \(stream.table.name); they have \(records.fields.joined(separator: ", "))")
        }
    }

    /// The part of the load that concerns the records with exactly these of the uneven fields: a column without a field
    /// keeps what it has.
    func part(withFields present: [String]) -> LoadPlan {
        var part = self
        let absent = Set(unevenFields).subtracting(present)
        part.targets.removeAll { $0.field.map(absent.contains) ?? false }
        part.presentFields = present
        return part
    }

    /// Which of the uneven fields a record has, as `text[]`.
    var presence: SQLFragment {
        get throws {
            let names = try SQLFragment(literal: TextArray.literal(unevenFields))
            return SQLFragment(
                trusted: "ARRAY(SELECT field FROM pg_catalog.unnest(\(names)::pg_catalog.text[]) AS field "
                    + "WHERE pg_catalog.jsonb_exists(doc, field))")
        }
    }

    /// Whether the records can be copied directly into the table: CSV in which every field has a column of its own, and
    /// JSON whose records all have the same fields.
    var canLoadDirectly: Bool {
        guard !runsScripts else { return false }
        switch format {
        case .csv:
            return targets.allSatisfy { $0.field != nil }
                && targets.compactMap(\.field).sorted() == fields.sorted()
        case .ndjson:
            // A column of type `json` keeps the text that it is given, and the staging table gives it what jsonb made of the
            // text. The column of an array takes a JSON array and no text.
            return unevenFields.isEmpty
                && targets.allSatisfy { $0.column.baseType != "json" && !$0.column.baseType.hasSuffix("[]") }
        }
    }

    /// Where the values of the written columns come from, for JSON that is loaded directly.
    var rowColumns: [JSONRowWriter.Column] {
        targets.map { target in
            JSONRowWriter.Column(
                field: target.field, constant: target.constant, isJSON: target.column.baseType == "jsonb")
        }
    }

    /// The columns in the order of the records' fields, for COPY directly into the table.
    var columnsInFieldOrder: SQLFragment {
        get throws {
            let columns = try fields.compactMap { field in
                try targets.first { $0.field == field }.map { try SQLFragment(identifier: $0.column.name).description }
            }
            return SQLFragment(trusted: columns.joined(separator: ", "))
        }
    }

    /// Names and types of the temporary table.
    ///
    /// For the user's scripts a CSV field is text; otherwise it has its column's type at once, so that a bad value is
    /// named with its line and field.
    var batchColumns: SQLFragment {
        get throws {
            if format == .ndjson { return SQLFragment(trusted: "doc jsonb") }
            let columns = try fields.map { field in
                let type =
                    runsScripts ? "text" : targets.first { $0.field == field }?.column.typeName.description ?? "text"
                return "\(try SQLFragment(identifier: field)) \(type)"
            }
            return SQLFragment(trusted: columns.joined(separator: ", "))
        }
    }

    /// The fields, for COPY into the temporary table.
    var batchFields: SQLFragment {
        get throws {
            let columns = try fields.map { try SQLFragment(identifier: $0).description }
            return SQLFragment(trusted: columns.joined(separator: ", "))
        }
    }

    /// The columns that are written.
    var writtenColumns: SQLFragment {
        get throws { try list(targets.map(\.column.name)) }
    }

    /// The primary key's columns.
    var primaryKeyColumns: SQLFragment {
        get throws { try list(stream.primaryKey) }
    }

    /// A table expression over the temporary table with the written columns under their names and in their types.
    var records: SQLFragment {
        get throws { try records(and: nil) }
    }

    /// ``records`` with one more column.
    func records(and column: String?) throws -> SQLFragment {
        let values =
            try targets.map { target in
                let name = try SQLFragment(identifier: target.column.name)
                guard let field = target.field else {
                    return "\(try SQLFragment(literal: target.constant ?? ""))::\(target.column.typeName) AS \(name)"
                }
                let source = try SQLFragment(identifier: field)
                let cast = format == .csv && runsScripts ? "::\(target.column.typeName)" : ""
                return "record.\(source)\(cast) AS \(name)"
            } + [column].compactMap(\.self)
        guard format == .ndjson else {
            return SQLFragment(
                trusted: "(SELECT \(values.joined(separator: ", ")) FROM pg_temp.batch AS record) AS record")
        }
        let types = try targets.compactMap { target in
            try target.field.map { "\(try SQLFragment(identifier: $0)) \(target.column.typeName)" }
        }
        return SQLFragment(
            trusted: "(SELECT \(values.joined(separator: ", ")) FROM pg_temp.batch, "
                + "LATERAL pg_catalog.jsonb_to_record(doc) AS record (\(types.joined(separator: ", ")))"
                + (try partCondition) + ") AS record")
    }

    private var partCondition: String {
        get throws {
            guard let presentFields else { return "" }
            let fields = try SQLFragment(literal: TextArray.literal(presentFields))
            return " WHERE \(try presence) OPERATOR(pg_catalog.=) \(fields)::pg_catalog.text[]"
        }
    }

    /// What becomes of a row that is there already: it is written if its stored image differs.
    var conflictAction: SQLFragment {
        get throws {
            let others = targets.map(\.column.name).filter { !stream.primaryKey.contains($0) }
            guard !others.isEmpty else { return SQLFragment(trusted: "DO NOTHING") }
            let columns = try others.map { try SQLFragment(identifier: $0).description }
            let assignments = columns.map { "\($0) = EXCLUDED.\($0)" }.joined(separator: ", ")
            let old = columns.map { "target.\($0)" }.joined(separator: ", ")
            let new = columns.map { "EXCLUDED.\($0)" }.joined(separator: ", ")
            // The function behind the operator *<>: Citus writes the statement anew for each shard, and loses the casts that the
            // operator would need.
            return SQLFragment(
                trusted: "DO UPDATE SET \(assignments) WHERE pg_catalog.record_image_ne(ROW(\(old)), ROW(\(new)))")
        }
    }

    private func list(_ columns: [String]) throws -> SQLFragment {
        SQLFragment(trusted: try columns.map { try SQLFragment(identifier: $0).description }.joined(separator: ", "))
    }
}
