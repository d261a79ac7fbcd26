import LacunaModel
import LacunaRecords
import Postgres

/// What is to be done about a batch that failed: the one place where errors are weighed.
enum BatchFault: Sendable {
    /// Try again with backoff; give up after the last attempt.
    case retry
    /// Try again with backoff; after the last attempt look for the units at fault.
    case retryThenHalve
    /// The batch itself is at fault: look for the units.
    case halve
    /// The batch is too large for the source: ask for it in parts, and for later ones too.
    case cut
    /// The batch or everything that could be loaded is at fault: its parts show which.
    case judge
    /// Nothing will help in this run, but other batches may do better.
    case fail
    /// Nothing of the partition will do better in this run, and no window is at fault.
    case sourceRejects
    /// The source wants to be left alone: no batch will do better before a later run.
    case deferRun
    /// The stream as a whole cannot go on.
    case stop

    init(_ error: any Error) {
        switch error {
        case let error as SourceError:
            switch error.kind {
            case .transient: self = .retry
            case .unknown: self = .retryThenHalve
            case .permanent: self = .halve
            case .tooLarge: self = .cut
            case .rejected: self = .sourceRejects
            case .unavailable: self = .fail
            case .deferred: self = .deferRun
            }
        case is RecordError, is ProofError: self = .halve
        case is SpoolError, is StreamError: self = .stop
        // Its halves would be refused too, or would slip through.
        case is StaleFetch, is ShrinkRefused: self = .fail
        case let error as PostgresError: self = BatchFault(error)
        default: self = .halve
        }
    }

    /// Whether another attempt at the same may do better after an error.
    static func mayPass(_ error: any Error) -> Bool {
        switch BatchFault(error) {
        case .retry, .retryThenHalve: true
        default: false
        }
    }

    private init(_ error: PostgresError) {
        if error.isTransient {
            self = .retry
            return
        }
        guard let state = error.sqlState else {
            if case .deadlineExceeded = error { self = .halve } else { self = .stop }
            return
        }
        switch state.conditionClass {
        // Data exceptions, constraints, and what a trigger raises are the batch's own.
        case "21", "22", "23", "44", "P0": self = .halve
        // The server, its resources, its settings, the session and its transaction are everybody's.
        case "08", "25", "26", "28", "3D", "3F", "53", "57", "58", "F0", "XX":
            self = state == .queryCanceled ? .halve : .stop
        // Without a table or a column nothing can be loaded. A privilege may be one that a policy refuses for one row.
        case "42": self = state == .insufficientPrivilege ? .judge : .stop
        // Limits that one row exceeds, codes of a trigger's own, and what else there may be.
        default: self = .judge
        }
    }
}

extension Error {
    /// The server's condition code, if the error carries one.
    var sqlState: SQLState? { (self as? PostgresError)?.sqlState }

    /// The error as a person is told.
    var message: String {
        String(describing: self)
    }
}
