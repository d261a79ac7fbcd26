import LacunaModel
import LacunaRecords
import Synchronization

/// Which fields the records of a run had. A record may leave a field out, but one that none has is taken for a mistake; and a
/// field that no column takes may be a column that is to come.
final class FieldUse: Sendable {
    /// More fields than any table has columns; names beyond them are not told.
    private static let limit = 4 * FieldNames.limit

    private struct Fields {
        /// Those of JSON records. CSV that lacks a field is rejected before.
        var optional: Set<String> = []
        var all: Set<String> = []
    }

    private let fields = Mutex(Fields())

    /// Notes the fields of a batch.
    func note(_ records: SpooledRecords) {
        guard records.recordCount > 0 else { return }
        fields.withLock { fields in
            if fields.all.count < Self.limit { fields.all.formUnion(records.fields) }
            if records.format == .ndjson, fields.optional.count < Self.limit {
                fields.optional.formUnion(records.fields)
            }
        }
    }

    /// What is to be said of the fields that the stream names and no record had, and of those that no column takes.
    func notes(of stream: ResolvedStream) -> [String] {
        let definition = stream.definition
        guard definition.load.isEmpty else { return [] }
        let known = fields.withLock { $0 }
        var notes: [String] = []
        if !known.optional.isEmpty {
            let columns = definition.partitions.columns
            notes = definition.columns.filter { !known.optional.contains($0.value) && !columns.contains($0.key) }
                .sorted { $0.key < $1.key }
                .map { column, field in
                    "no record had the field '\(field)', which columns.\(column) names, so that the column got nothing; the "
                        + "records have \(known.optional.sorted().prefix(20).joined(separator: ", "))"
                }
        }
        if definition.unknownFields == .note, let told = stream.untakenFields(of: known.all.sorted()) {
            notes.append("no column takes \(told)")
        }
        return notes
    }
}

extension ResolvedStream {
    /// The fields that no column takes, in words; nil if there are none, or if scripts read the records.
    func untakenFields(of fields: [String]) -> String? {
        guard definition.load.isEmpty else { return nil }
        let taken = Set(table.columns.map { definition.field(of: $0.name) })
        let untaken = fields.filter { !taken.contains($0) }
        guard !untaken.isEmpty else { return nil }
        let more = untaken.count > 20 ? " and \(untaken.count - 20) more" : ""
        return "the field\(untaken.count == 1 ? "" : "s") \(untaken.prefix(20).joined(separator: ", "))\(more)"
    }
}
