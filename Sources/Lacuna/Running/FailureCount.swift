/// How often batches failed without one between them that says that source and table are well. Pure.
///
/// A batch that had rows says so. An empty one says so of other failures only: where the records of every window are wrong in
/// the same way, a window without records fails at nothing.
struct FailureCount: Sendable {
    private var inARow = 0
    private var alike: [String: Int] = [:]

    /// The most failures of either kind.
    var most: Int { max(inARow, alike.values.max() ?? 0) }

    mutating func succeeded(withRows hasRows: Bool) {
        inARow = 0
        if hasRows { alike = [:] }
    }

    /// - Returns: how many failed in a row now, and how many in this way.
    mutating func failed(_ message: String) -> (inARow: Int, alike: Int) {
        inARow += 1
        let kind = FailureKind.text(of: message)
        alike[kind, default: 0] += 1
        return (inARow, alike[kind] ?? 0)
    }
}
