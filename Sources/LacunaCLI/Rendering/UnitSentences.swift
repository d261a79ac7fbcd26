import Foundation
import Lacuna

/// What is known of a unit, in a few sentences.
struct UnitSentences {
    private let account: UnitAccount
    private let definition: StreamDefinition

    init(_ account: UnitAccount, _ definition: StreamDefinition) {
        self.account = account
        self.definition = definition
    }

    /// The sentences, fit for a terminal.
    var text: String { Console.shared.line([standing, history].compactMap(\.self).joined(separator: " ")) }

    private var isFailing: Bool { account.last(.committed, .failed)?.kind == .failed }

    private var rows: String { account.rows == 0 ? "no rows" : Numbers.count(account.rows, "row") }

    private var standing: String {
        switch account.standing {
        case .present: return "\(rows)."
        case .verifiedEmpty: return "verified empty\(since(.verified))."
        case .accepted(let accepted):
            return "accepted as missing\(since(.accepted)): \(accepted.explanation(in: definition))."
        case .provisional:
            return
                "provisional\(since(.provisional)): answered without rows when the source had shown nothing newer. It is asked "
                + "for again if a newer record is seen, or \(Numbers.time(seconds: Double(definition.confirmSeconds))) later."
        case .missing: return isFailing ? "missing." : "missing. The next reconcile asks for it."
        case .thin:
            let next = isFailing ? "" : " The next reconcile asks for it."
            return "thin: \(rows), and `complete` asks for more.\(next)"
        case .settled:
            return
                "\(rows), which `complete` does not take for all; but the source has no more, and is asked again after a while."
        case .marked:
            let reason = account.last(.refetch).map(\.detail) ?? ""
            return
                "marked\(since(.refetch))\(reason.isEmpty ? "" : ": \(reason)"). It has \(rows) and is fetched again."
        case .flagged: return "\(rows), which the stream's check finds wrong. It is fetched again."
        case .behind: return "beyond the newest unit. `lacuna catchup` asks for it."
        case .ahead: return "not over yet, with \(rows). Runs ask for it all the same."
        case .unexpected: return "not expected, with \(rows)."
        case .before(let first):
            return "before the first expected unit, \(definition.keyType.text(first)), with \(rows)."
        case .beyond(let latest):
            guard let latest else { return "nothing of this partition is there yet." }
            return "beyond the newest unit, \(definition.keyType.text(latest)). It is not known to be due."
        }
    }

    private func since(_ kind: UnitAccount.Event.Kind) -> String {
        account.last(kind).map { " since \($0.since) UTC" } ?? ""
    }

    /// Who asked for it, and what comes next.
    private var history: String? {
        if let refused = account.last(.committed, .failed, .refused), refused.kind == .refused {
            return "Run \(refused.run) asked for it at \(refused.since) UTC, and the source refused: \(refused.detail)"
        }
        guard let last = account.last(.committed, .failed) else {
            return account.standing == .missing || account.standing == .present
                ? "No run that the journal knows has asked for it." : nil
        }
        guard last.kind == .failed else {
            let got = Numbers.count(last.fetched, "record")
            return "Run \(last.run) fetched a window that holds it at \(last.since) UTC, and got \(got) for all of it."
        }
        let times = Numbers.count(last.failures, "time")
        switch account.standing {
        case .missing, .thin, .marked, .flagged: break
        default: return "It failed \(times) before, last in run \(last.run) at \(last.since) UTC: \(last.detail)"
        }
        let wait = UnitAccount.secondsToWait(last)
        let next =
            wait > 0 ? "is tried again in \(Numbers.time(seconds: Double(wait)))" : "is tried again by the next run"
        return
            "It failed \(times), last in run \(last.run) at \(last.since) UTC, and \(next): "
            + last.detail
    }
}
