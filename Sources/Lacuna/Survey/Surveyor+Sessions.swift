import Foundation
import LacunaModel
import Postgres

extension Surveyor {
    /// Looks at a stream. Asks only the database, and needs only SELECT on the table.
    ///
    /// It opens a session of its own and closes it; on another one it starts over where the connection is lost meanwhile.
    ///
    /// - Throws: ``StreamError``; an error of the connection or the server; `CancellationError`.
    public func survey(_ definition: StreamDefinition) async throws -> Survey {
        try await database.reading(definition.name, stream: definition) { session in
            try await survey(try await ResolvedStream.resolve(definition, on: session), on: session)
        }
    }

    /// Looks at a table that nobody has declared. Nothing has to be installed, and nothing but its rows counts.
    ///
    /// - Parameters:
    ///   - table: the table, and how it is read.
    ///   - declare: says more of the stream that it is taken for, such as its first and last unit.
    /// - Throws: ``StreamError``; an error of the connection or the server; `CancellationError`; what `declare` throws.
    public func survey(
        _ table: AnyTable, declaring declare: @Sendable (inout StreamDefinition) throws -> Void = { _ in }
    ) async throws -> Survey {
        var surveyor = Surveyor(database, for: .anyTable)
        surveyor.scan = scan
        surveyor.now = now
        return try await database.reading("gaps") { session in
            var (definition, description) = try await StreamDefinition.looking(at: table, on: session)
            try declare(&definition)
            let leavesRows = try await definition.hasRowsOutsidePartitions(of: description, on: session)
            var survey = try await surveyor.survey(try ResolvedStream(definition, table: description), on: session)
            survey.leavesRows = leavesRows
            return survey
        }
    }
}
