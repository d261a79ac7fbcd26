import LacunaModel
import LacunaRecords
import Synchronization

/// Which fields the JSON records of a run had: a record may leave a field out, but one that none has is taken for a mistake.
final class FieldUse: Sendable {
    private let fields = Mutex<Set<String>>([])

    /// Notes the fields of a batch. CSV that lacks a field is rejected before.
    func note(_ records: SpooledRecords) {
        guard records.format == .ndjson, records.recordCount > 0 else { return }
        fields.withLock { $0.formUnion(records.fields) }
    }

    /// What is to be said of the fields that the stream names and no record had.
    func notes(of stream: StreamDefinition) -> [String] {
        let known = fields.withLock { $0 }
        guard !known.isEmpty, stream.load.isEmpty else { return [] }
        let columns = stream.partitions.columns
        return stream.columns.filter { !known.contains($0.value) && !columns.contains($0.key) }.sorted {
            $0.key < $1.key
        }
        .map { column, field in
            "no record had the field '\(field)', which columns.\(column) names, so that the column got nothing; the "
                + "records have \(known.sorted().prefix(20).joined(separator: ", "))"
        }
    }
}
