/// What carries the statements of one session to a server and brings back the answers.
///
/// ``Connection`` does it with libpq. A simulation of a server puts itself in its place, so that all that is built on
/// sessions runs without one. The session's actor makes all calls, one at a time.
package protocol Transport: AnyObject {
    /// Ends the statement that is under way; shared with the tasks that may cancel it.
    var interruption: any Interruption { get }
    /// Whether another statement can be sent.
    var isUsable: Bool { get }
    /// Where the server stands.
    var transactionState: TransactionState { get }
    /// The server's version, as in 150004 for 15.4.
    var serverVersion: Int { get }
    /// The process id of the server's side.
    var backendProcessID: Int { get }

    /// What is wrong with the way to the server, for a person; nil if nothing is.
    var warning: String? { get }

    /// Runs one statement and returns its rows.
    ///
    /// - Parameter cancellable: whether an interruption ends it.
    func query(_ statement: BoundStatement, deadline: Duration, cancellable: Bool) async throws -> Rows

    /// Runs statements one after the other, up to the first that fails.
    ///
    /// - Parameter cancellable: how many of them, from the first on, an interruption ends. Where others follow, it throws
    ///   nothing: the answers tell what was carried out, and what an interruption that came too late did not end.
    /// - Returns: the rows of those that succeeded, and the error of the one that did not.
    func query(_ statements: [BoundStatement], deadline: Duration, cancellable: Int) async throws -> Answers

    /// Runs one statement and hands over its rows one by one.
    func forEachRow(_ statement: BoundStatement, deadline: Duration, _ body: (Row) throws -> Void) async throws

    /// Runs a script of any number of statements and returns the result of each.
    func script(_ text: String, name: String, deadline: Duration) async throws -> [Rows]

    /// Runs `COPY … FROM STDIN` with the data that `body` puts, and returns the number of rows.
    func copyIn(
        _ statement: BoundStatement, deadline: Duration,
        _ body: (_ put: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) async throws -> Int

    /// Runs `COPY … TO STDOUT` and hands over its data, one row a chunk.
    func copyOut(
        _ statement: BoundStatement, deadline: Duration, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) async throws

    /// Notes that nothing more can be said here.
    func giveUp()
}

extension Transport {
    package typealias Answers = (rows: [Rows], failure: (any Error)?)

    /// Runs statements one by one, if there is no faster way.
    package func query(
        _ statements: [BoundStatement], deadline: Duration, cancellable: Int
    ) async throws -> Answers {
        var rows: [Rows] = []
        for (index, statement) in statements.enumerated() {
            do {
                rows.append(try await query(statement, deadline: deadline, cancellable: index < cancellable))
            } catch {
                return (rows, error)
            }
        }
        return (rows, nil)
    }

    /// Nothing.
    package var warning: String? { nil }
}

/// Ends a statement from outside. It has effect only while armed.
package protocol Interruption: Sendable {
    /// Begins the time in which the statement may be ended.
    func arm()
    /// Ends it.
    func disarm()
    /// Ends the statement, where armed.
    func fire()
}

/// Where the server stands between two statements.
package enum TransactionState: Sendable {
    /// No transaction is open.
    case idle
    /// One is open and can still be committed.
    case open
    /// One is open that can only be rolled back, or nobody knows.
    case other
}
