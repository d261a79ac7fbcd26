import LacunaModel

/// How records are written.
public enum RecordFormat: String, Sendable, Hashable, CaseIterable {
    /// One JSON object a line.
    case ndjson
    /// Comma-separated values (RFC 4180) with a header. An empty field without quotes is NULL.
    case csv
}
