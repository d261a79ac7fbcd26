import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// How ids are looked for in a table whose rows are on other nodes, which cannot be joined with `lacuna.key`: by name. Only ids
/// that something is to be done about are known by name, and only these are asked for.
extension ResolvedStream {
    /// The ids that are known by name, if rows have to be asked for by them; nil if the server joins them itself.
    var keysAskedByName: TextKeys? {
        guard table.spread.isRemote, case .text(let keys) = definition.keyType else { return nil }
        return keys
    }

    /// The statement that tells which of some ids have a row (`sql/statements/find_present_keys.sql`).
    ///
    /// - Throws: ``PostgresError``.
    func presentKeys(_ keys: TextKeys, range: Range<Int64>, partition: Partition?) throws -> BoundStatement {
        let type = table.column(definition.keyColumn)?.typeName.description ?? "pg_catalog.text"
        let names = try SQLFragment(literal: TextArray.literal(keys.names(in: range)))
        return try Statements.findPresentKeys.bound(
            identifiers: identifiers,
            fragments: [
                "partition_values": try partitionValues, "in_partition": try inPartition(partition ?? .whole),
                "key": try column, "keys": SQLFragment(trusted: "\(names)::\(type)[]"),
            ])
    }
}

extension TextKeys {
    /// What `find_present_keys.sql` answered.
    func result(of rows: Rows, range: Range<Int64>) throws -> GapScanResult {
        var found: [Partition: [Range<Int64>]] = [:]
        for row in rows {
            guard let partition = try row.get(at: 0, as: TextArray.self).partition,
                let unit = ordinal(of: try row.get(at: 1, as: String.self)), range.contains(unit)
            else { continue }
            found[partition, default: []].append(unit..<unit + 1)
        }
        let present = found.mapValues { units in
            PresentUnits(range, missing: UnitSet(range).subtracting(UnitSet(units)))
        }
        return GapScanResult(range: range, present: present)
    }
}
