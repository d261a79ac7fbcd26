import Foundation
import LacunaModel
import LacunaRecords
import Postgres

/// The SQL that maps a key column, or an expression of its type, to units and back.
package struct KeyExpression: Sendable, Hashable {
    /// What the column stores.
    enum Storage: Sendable, Hashable {
        case integer
        case date
        case timestamp
        case timestampWithTimeZone
        /// Any other type, by its name: an id.
        case id(String)

        init?(baseType: String) {
            switch baseType {
            case "smallint", "integer", "bigint": self = .integer
            case "date": self = .date
            case "timestamp without time zone": self = .timestamp
            case "timestamp with time zone": self = .timestampWithTimeZone
            default: return nil
            }
        }
    }

    let expression: SQLFragment
    let storage: Storage
    let type: KeyType
    /// The stream whose ids are meant, if the key is text.
    private let stream: String

    /// The expression of a table's key column.
    ///
    /// - Parameter stream: the stream, for ids: their ordinals are kept under its name.
    /// - Throws: ``StreamError/noSuchColumn(_:table:nearest:)``, ``StreamError/keyTypeMismatch(column:type:declared:)``.
    package init(column name: String, of table: TableDescription, type: KeyType, stream: String) throws {
        guard let column = table.column(name) else {
            throw StreamError.noSuchColumn(name, table: table.name, nearest: table.columns.map(\.name))
        }
        try self.init(try SQLFragment(identifier: name), column: column, type: type, stream: stream)
    }

    /// An expression that is of the type of `column`.
    init(_ expression: SQLFragment, column: TableDescription.Column, type: KeyType, stream: String) throws {
        self.stream = stream
        if case .text = type {
            self.expression = expression
            storage = .id(column.typeName.description)
            self.type = type
            return
        }
        let mismatch = StreamError.keyTypeMismatch(column: column.name, type: column.type, declared: type.name)
        guard let storage = Storage(baseType: column.baseType) else { throw mismatch }
        switch (type, storage) {
        case (.integer, .integer), (.date, .date), (.date, .timestamp), (.date, .timestampWithTimeZone),
            (.timestamp, .timestamp), (.timestamp, .timestampWithTimeZone):
            break
        default: throw mismatch
        }
        self.expression = expression
        self.storage = storage
        self.type = type
    }

    /// The ordinal of a row, `bigint`; NULL if the key is NULL. It means the same with any search path, as beside a
    /// query of the user's.
    package var unit: SQLFragment {
        get throws {
            let zone = try zoneLiteral
            let epoch = "pg_catalog.date '1970-01-01'"
            let sql =
                switch (type, storage) {
                case (.text, _):
                    "(SELECT lacuna_key.ordinal FROM lacuna.key AS lacuna_key "
                        + "WHERE lacuna_key.stream OPERATOR(pg_catalog.=) \(try SQLFragment(literal: stream)) "
                        + "AND lacuna_key.key OPERATOR(pg_catalog.=) "
                        + "((\(expression))::pg_catalog.text COLLATE pg_catalog.\"C\"))"
                case (.integer(step: 1), _): "\(expression)::bigint"
                case (.integer(let step), _):
                    "(CASE WHEN \(expression) OPERATOR(pg_catalog.>=) 0 "
                        + "THEN \(expression)::bigint OPERATOR(pg_catalog./) \(step) "
                        + "ELSE (\(expression)::bigint OPERATOR(pg_catalog.+) 1) OPERATOR(pg_catalog./) \(step) "
                        + "OPERATOR(pg_catalog.-) 1 END)"
                case (.date, .timestampWithTimeZone):
                    "((\(expression) AT TIME ZONE \(zone))::pg_catalog.date OPERATOR(pg_catalog.-) \(epoch))::bigint"
                case (.date, _): "(\(expression)::pg_catalog.date OPERATOR(pg_catalog.-) \(epoch))::bigint"
                case (.timestamp(let step, _), .timestamp):
                    unit(of: isInUTC ? "\(expression)" : "(\(expression) AT TIME ZONE \(zone))", "timestamp", step)
                case (.timestamp(let step, _), _): unit(of: "\(expression)", "timestamptz", step)
                }
            return SQLFragment(trusted: sql)
        }
    }

    /// The unit of a moment. Its seconds are counted as a double where that is exact, for microseconds from 1685 to 2255:
    /// PostgreSQL's own way with numbers of any size takes twice as long.
    ///
    /// - Parameter stored: the type of the column.
    private func unit(of moment: String, _ stored: String, _ step: Int64) -> String {
        let anchor = type.anchorSeconds
        let exact =
            "pg_catalog.floor((EXTRACT(epoch FROM \(moment)) OPERATOR(pg_catalog.+) \(anchor)) "
            + "OPERATOR(pg_catalog./) \(step))::bigint"
        return "(CASE WHEN \(expression) OPERATOR(pg_catalog.>=) '1700-01-01 00:00:00+00'::pg_catalog.\(stored) "
            + "AND \(expression) OPERATOR(pg_catalog.<) '2200-01-01 00:00:00+00'::pg_catalog.\(stored) "
            + "THEN pg_catalog.floor((pg_catalog.floor(pg_catalog.date_part('epoch', \(moment))) "
            + "OPERATOR(pg_catalog.+) \(anchor)) OPERATOR(pg_catalog./) \(step))::bigint ELSE \(exact) END)"
    }

    /// What is equal and ordered as the units are: the key itself where it is one, because an index has it in that order.
    var ordering: SQLFragment {
        get throws { isOneKeyPerUnit ? expression : try unit }
    }

    /// The ordinal of ``ordering``, by the name it was given.
    func unit(ofOrdering name: String) throws -> SQLFragment {
        let named = SQLFragment(trusted: name)
        guard isOneKeyPerUnit else { return named }
        return try KeyExpression(expression: named, storage: storage, type: type, stream: stream).unit
    }

    /// Whether a row's unit lies in `lower ..< upper`, as an index on the column serves it.
    ///
    /// - Parameters:
    ///   - lower: the name of the value of the first unit.
    ///   - upper: the name of the value of the unit after the last.
    ///   - includesLargestKey: whether the key 2^63−1 is let in where `upper` is that number.
    package func inRange(
        lower: String = "lower", upper: String = "upper", includesLargestKey: Bool = false
    ) throws -> SQLFragment {
        try inRange(
            from: ":'\(lower)'::bigint", to: ":'\(upper)'::bigint", includesLargestKey: includesLargestKey)
    }

    /// Whether a row's unit lies between two expressions of type `bigint`, the second one not included.
    func inRange(from low: String, to high: String, includesLargestKey: Bool = false) throws -> SQLFragment {
        let zone = try zoneLiteral
        let sql: String
        switch (type, storage) {
        case (.text, let storage):
            guard case .id(let name) = storage else { throw StreamError.invalid("a text key of no type") }
            sql =
                "\(expression) IN (SELECT lacuna_key.key::\(name) FROM lacuna.key AS lacuna_key "
                + "WHERE lacuna_key.stream = \(try SQLFragment(literal: stream)) "
                + "AND lacuna_key.ordinal >= \(low) AND lacuna_key.ordinal < \(high))"
        case (.integer(let step), _):
            let factor = step == 1 ? "" : " * \(step)"
            let below = includesLargestKey && step == 1 ? "<=" : "<"
            sql = "\(expression) >= (\(low))\(factor) AND \(expression) \(below) (\(high))\(factor)"
        case (.date, .date), (.date, .integer), (.date, .id):
            sql =
                "\(expression) >= date '1970-01-01' + (\(low))::integer "
                + "AND \(expression) < date '1970-01-01' + (\(high))::integer"
        case (.date, .timestamp):
            sql =
                "\(expression) >= (date '1970-01-01' + (\(low))::integer)::timestamp "
                + "AND \(expression) < (date '1970-01-01' + (\(high))::integer)::timestamp"
        case (.date, .timestampWithTimeZone) where isInUTC:
            sql =
                "\(expression) >= (date '1970-01-01' + (\(low))::integer)::timestamp AT TIME ZONE 'UTC' "
                + "AND \(expression) < (date '1970-01-01' + (\(high))::integer)::timestamp AT TIME ZONE 'UTC'"
        case (.date, .timestampWithTimeZone):
            // A day's edges in a zone with summer time are found by the exact test; the index only has to come near.
            sql =
                "\(expression) >= (date '1970-01-01' + (\(low))::integer - 1)::timestamp AT TIME ZONE \(zone) "
                + "AND \(expression) < (date '1970-01-01' + (\(high))::integer + 1)::timestamp AT TIME ZONE \(zone) "
                + "AND \(try unit) >= \(low) AND \(try unit) < \(high)"
        case (.timestamp(let step, _), .timestamp) where isInUTC:
            let anchor = type.anchorSeconds
            sql =
                "\(expression) >= (pg_catalog.to_timestamp((\(low)) * \(step) - \(anchor)) AT TIME ZONE 'UTC') "
                + "AND \(expression) < (pg_catalog.to_timestamp((\(high)) * \(step) - \(anchor)) AT TIME ZONE 'UTC')"
        case (.timestamp(let step, _), .timestamp):
            sql =
                "\(expression) >= (pg_catalog.to_timestamp((\(low)) * \(step) - 172800) AT TIME ZONE 'UTC') "
                + "AND \(expression) < (pg_catalog.to_timestamp((\(high)) * \(step) + 172800) AT TIME ZONE 'UTC') "
                + "AND \(try unit) >= \(low) AND \(try unit) < \(high)"
        case (.timestamp(let step, _), _):
            let anchor = type.anchorSeconds
            sql =
                "\(expression) >= pg_catalog.to_timestamp((\(low)) * \(step) - \(anchor)) "
                + "AND \(expression) < pg_catalog.to_timestamp((\(high)) * \(step) - \(anchor))"
        }
        return SQLFragment(trusted: sql)
    }

    /// Whether a row's unit is an expression of type `bigint` or lies behind it, as an index serves it. For keys that are a
    /// unit each.
    func from(_ low: String) throws -> SQLFragment {
        guard isOneKeyPerUnit else { return try inRange(from: low, to: String(Int64.max)) }
        return SQLFragment(trusted: "\(expression) >= \(onlyKey(low))")
    }

    /// Whether a row's unit is an expression of type `bigint`, as an index serves it.
    func equals(_ unit: String) throws -> SQLFragment {
        guard isOneKeyPerUnit else { return try inRange(from: unit, to: "\(unit) + 1") }
        // One comparison for each row of the unit instead of two.
        return SQLFragment(trusted: "\(expression) = \(onlyKey(unit))")
    }

    /// The key of a unit that is one key.
    private func onlyKey(_ unit: String) -> String {
        storage == .date ? "date '1970-01-01' + (\(unit))::integer" : "(\(unit))"
    }

    /// Whether a unit is one key: rows with different keys have different units.
    var isOneKeyPerUnit: Bool {
        switch (type, storage) {
        case (.integer(step: 1), _), (.date, .date): true
        default: false
        }
    }

    /// Whether ``inRange(from:to:includesLargestKey:)`` is the index's own range, and units grow with keys. A day of a
    /// zone that turns its clock back at midnight can come twice.
    var hasExactBounds: Bool {
        switch (type, storage) {
        case (.integer, _), (.date, .date), (.date, .timestamp), (.timestamp, .timestampWithTimeZone): true
        case (.text, _): false
        default: isInUTC
        }
    }

    /// The same over the smallest or the largest key.
    ///
    /// - Parameter function: the name of an aggregate.
    func aggregated(by function: String) -> KeyExpression {
        KeyExpression(
            expression: SQLFragment(trusted: "pg_catalog.\(function)(\(expression))"), storage: storage, type: type,
            stream: stream)
    }

    private init(expression: SQLFragment, storage: Storage, type: KeyType, stream: String) {
        self.expression = expression
        self.storage = storage
        self.type = type
        self.stream = stream
    }

    private var isInUTC: Bool { type.timezone.sqlName == "UTC" }

    /// Whether PostgreSQL reads an exact key text as the same unit that ``KeyType/read(_:)`` does.
    ///
    /// A time with offset loses it in a column without time zone, so there only the server knows.
    var acceptsExactText: Bool {
        switch (type, storage) {
        case (.text, _), (.integer, _), (.date, .date), (.date, .timestamp), (.timestamp, .timestampWithTimeZone): true
        default: false
        }
    }

    private var zoneLiteral: SQLFragment {
        get throws { try SQLFragment(literal: type.timezone.sqlName) }
    }
}
