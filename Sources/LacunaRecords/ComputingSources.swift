import LacunaModel

/// A source that can say how many records it has of a window without sending them.
package protocol CountingSource: Source {
    /// Whether it is told how.
    var canCount: Bool { get }

    /// How many records the source has of a window.
    ///
    /// - Throws: ``SourceError``; `CancellationError`.
    func count(_ request: FetchRequest) async throws -> Int64
}

/// A source that is a database, in which queries over a window's rows can be run.
package protocol QueriedSource: Source {
    /// Whether the query gives all rows of a window. One with a limit may leave some out.
    var givesAllRows: Bool { get }

    /// The query for a window's rows, as SQL without parameters.
    ///
    /// - Throws: ``SourceError``.
    func query(_ request: FetchRequest) throws -> String

    /// Opens a session.
    ///
    /// - Throws: ``SourceError``.
    func open(_ stream: StreamDefinition) async throws -> any SourceSession
}

/// An open session of a ``QueriedSource``. It fetches as its source does.
package protocol SourceSession: Source {
    /// Runs a query.
    ///
    /// - Parameters:
    ///   - sql: the query, with `$1` and so on for its values.
    ///   - values: as texts, nil for NULL.
    /// - Returns: the names of the columns, and the rows as texts, nil for NULL.
    /// - Throws: ``SourceError``.
    func rows(_ sql: String, _ values: [String?]) async throws -> (columns: [String], rows: [[String?]])

    /// Ends the session.
    func close() async
}
