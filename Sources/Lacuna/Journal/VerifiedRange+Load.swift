import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

extension VerifiedRange {
    /// What was held against the source before, by partition; ascending.
    ///
    /// - Returns: none if the schema is of an older program, or if there is none.
    /// - Throws: ``PostgresError``.
    package static func load(
        of definition: StreamDefinition, on session: Session
    ) async throws -> [Partition: [VerifiedRange]] {
        let access = try await SchemaAccess.load(on: session)
        guard access.isReadable, access.tables.contains("verification") else { return [:] }
        var ranges: [Partition: [VerifiedRange]] = [:]
        let statement = try Statements.selectVerification.bound(values: [
            "stream": definition.name, "columns": TextArray.literal(definition.partitions.columns),
        ])
        for row in try await session.query(statement) {
            guard let partition = try row.get("partition_values", as: TextArray.self).partition,
                let proof = VerificationProof(rawValue: try row.get("proof"))
            else { continue }
            let lower: Int64 = try row.get("lower")
            let upper: Int64 = try row.get("upper")
            ranges[partition, default: []].append(
                VerifiedRange(
                    range: lower..<upper, proof: proof, isEqual: try row.get("is_equal"),
                    verified: try row.get("verified")))
        }
        return ranges
    }
}
