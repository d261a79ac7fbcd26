/// The statements that one connection has parsed at the server, so that a statement which comes again and again is parsed
/// once for several executions (<https://www.postgresql.org/docs/current/sql-prepare.html>).
///
/// From its sixth execution on the server may keep to one plan, made perhaps while a table was empty that has a million rows
/// soon after. So a statement is prepared anew before that, and every execution is planned for what is there.
struct PreparedStatements {
    /// What goes over the connection for a statement of the caller's.
    enum Step: Equatable {
        /// The statement itself, unprepared.
        case run
        /// The statement, which has been prepared under this name.
        case execute(String)
        case prepare(String)
        case deallocate(String)

        /// Whether its result is the statement's.
        var isAnswer: Bool {
            switch self {
            case .run, .execute: true
            case .prepare, .deallocate: false
            }
        }
    }

    private struct Entry {
        var name: String?
        var executions = 0
    }

    /// How often the server plans a prepared statement anew at least.
    private static let executions = 5
    /// The most statements that are looked out for.
    private static let mostEntries = 200

    private let isOn: Bool
    private var entries: [String: Entry] = [:]
    private var lastNumber = 0

    /// - Parameter isOn: whether statements may be prepared: only where the next transaction has the same server session.
    init(isOn: Bool) {
        self.isOn = isOn
    }

    /// How to run a statement: what is new to the connection is run as it is, what comes again is prepared.
    mutating func steps(for statement: BoundStatement) -> [Step] {
        // What takes values is one of those that can be prepared.
        guard isOn, !statement.values.isEmpty else { return [.run] }
        guard var entry = entries[statement.sql] else {
            if entries.count < PreparedStatements.mostEntries { entries[statement.sql] = Entry() }
            return [.run]
        }
        var steps: [Step] = []
        if let name = entry.name, entry.executions == PreparedStatements.executions {
            steps.append(.deallocate(name))
            entry = Entry()
        }
        let name: String
        if let known = entry.name {
            name = known
        } else {
            lastNumber += 1
            name = "lacuna_\(lastNumber)"
            steps.append(.prepare(name))
        }
        entry.name = name
        entry.executions += 1
        entries[statement.sql] = entry
        return steps + [.execute(name)]
    }

    /// Takes back what ``steps(for:)`` noted of steps that the server did not take.
    mutating func takeBack(_ steps: ArraySlice<Step>, of statement: BoundStatement) {
        for step in steps {
            switch step {
            case .deallocate(let name):
                entries[statement.sql] = Entry(name: name, executions: PreparedStatements.executions)
                return
            case .prepare:
                entries[statement.sql] = Entry()
                return
            case .run, .execute: break
            }
        }
    }

    /// Forgets what was prepared: nobody knows how far the server got. Names are never used twice.
    mutating func forget() {
        entries = entries.mapValues { _ in Entry() }
    }
}
