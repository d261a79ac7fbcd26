import Lacuna

/// Holds every commit, every crash and every report against what must be true. It goes by what is
/// stored and what the source had, and shares nothing with Lacuna but the reports that it is given.
///
/// `@unchecked Sendable`: as with ``Scheduler``.
final class Invariants: @unchecked Sendable {
    private let history: SimulatedHistory
    private let server: SimulatedServer
    private let first: Int64
    /// Whether the windows of two batches may hold the same row.
    private let windowsOverlap: Bool
    /// Whether the source may give fewer records than there are.
    private let isCapped: Bool
    private(set) var violations: [String] = []
    /// What a catchup commits all or nothing.
    private let atomic: Atomicity
    /// Whether rows go that the source no longer has.
    private let replaces: Bool
    /// The runs whose batches were committed already; with the partition, if each has a transaction of its own.
    private var committedCatchups: Set<String> = []
    /// The commits that wrote something besides rows of runs.
    private(set) var commits = 0

    init(
        history: SimulatedHistory, server: SimulatedServer, first: Int64, windowsOverlap: Bool, isCapped: Bool,
        atomic: Atomicity, replaces: Bool
    ) {
        self.history = history
        self.server = server
        self.first = first
        self.windowsOverlap = windowsOverlap
        self.isCapped = isCapped
        self.atomic = atomic
        self.replaces = replaces
    }

    func violated(_ text: String) {
        violations.append(text)
    }

    // MARK: A commit

    /// Checks a transaction that was committed.
    func committed(_ backend: Backend, _ writes: Writes, before: StoredState) {
        if !writes.isOfJournal { commits += 1 }
        let after = server.state
        let batches = writes.batches.filter { $0.value.state == "committed" }
        checkRows(backend, writes, before, Array(batches.values))
        checkEvidence(writes, before, after, Array(batches.values))
        guard !batches.isEmpty else { return }
        checkFigures(backend, writes, before, after, batches)
        for (token, batch) in batches { checkWindow(backend, token, batch, after) }
        checkRun(batches, after)
    }

    /// Rows come from the source, for a window of their transaction, and are not written where they are equal.
    private func checkRows(_ backend: Backend, _ writes: Writes, _ before: StoredState, _ batches: [BatchRow]) {
        for (key, value) in writes.facts {
            guard let value else {
                if !replaces || !history.isWithdrawn(key) {
                    violated("row \(key) was deleted, but the source has it")
                }
                if !SimulatedServer.holds(batches, key.partition, key.unit) {
                    violated("row \(key) was deleted outside the windows of the transaction")
                }
                continue
            }
            if before.facts[key] == value, !windowsOverlap || batches.count == 1 {
                violated("row \(key) was equal and was written again")
            }
            if !history.had(key, value) { violated("row \(key) = \(value) was never in the source") }
            let isAsked = history.answers[backend.client]?[key.partition]?.contains { answer in
                answer.window.contains(key.unit)
                    && batches.contains { $0.partition == key.partition && answer.window.overlaps($0.units) }
            }
            if isAsked != true { violated("row \(key) was written without a batch that asked for it") }
        }
    }

    /// Verified units are empty and known to the source; marks and verified ranges change inside the windows only.
    private func checkEvidence(_ writes: Writes, _ before: StoredState, _ after: StoredState, _ batches: [BatchRow]) {
        let gone = writes.verified.keys.compactMap { before.verified[$0]?.partition }
        for partition in Set(writes.verified.values.compactMap { $0?.partition } + gone) {
            let old = before.verifiedUnits(of: partition)
            let new = after.verifiedUnits(of: partition)
            for unit in old.symmetricDifference(new) where !SimulatedServer.holds(batches, partition, unit) {
                violated("verified \(partition) \(unit) changed outside the windows of the transaction")
            }
            for unit in new.subtracting(old) {
                if history.has(partition, unit) {
                    violated("verified empty \(partition) \(unit), but the source has it")
                }
                if unit > history.tips[partition] ?? .min {
                    violated("verified empty \(partition) \(unit) beyond the tip")
                }
            }
        }
        for row in writes.provisional.values.compactMap(\.self) {
            let old = before.provisionalUnits(of: row.partition)
            for unit in row.units where !old.contains(unit) {
                // A refused answer is remembered in a transaction of its own, and its units have rows.
                if replaces, batches.isEmpty || before.provisionalUnits(of: row.partition).contains(unit) { continue }
                if !SimulatedServer.holds(batches, row.partition, unit) {
                    violated("provisional \(row.partition) \(unit) outside the windows of the transaction")
                }
                if isCovered(row.partition, unit, after), !replaces {
                    violated("provisional \(row.partition) \(unit) is covered")
                }
            }
        }
        let isMark = writes.runs.values.contains { $0.mode == "mark" }
        if !writes.refetch.isEmpty, !isMark {
            for partition in Set(before.refetch.values.map(\.partition)) {
                let gone = before.markedUnits(of: partition).subtracting(after.markedUnits(of: partition))
                for unit in gone where !SimulatedServer.holds(batches, partition, unit) {
                    violated("the mark of \(partition) \(unit) was removed outside the windows of the transaction")
                }
                for unit in gone where unit > history.tips[partition] ?? .min {
                    violated("the mark of \(partition) \(unit) was removed, of which the source says nothing yet")
                }
            }
        }
        for (partition, row) in writes.extents {
            if let old = before.extents[partition], row.oldest > old.oldest || row.latest < old.latest {
                violated("the extents of \(partition) were moved back from \(old) to \(row)")
            }
            if batches.isEmpty { violated("extents of \(partition) without a batch of their transaction") }
            for unit in [row.oldest, row.latest] where !isCovered(partition, unit, after) {
                if before.extents[partition].map({ $0.oldest == unit || $0.latest == unit }) != true {
                    violated("the extents of \(partition) reach \(unit), which is not covered")
                }
            }
        }
    }

    private func isCovered(_ partition: String, _ unit: Int64, _ state: StoredState) -> Bool {
        for part in 0..<3 where state.facts[FactKey(partition: partition, unit: unit, part: part)] != nil {
            return true
        }
        return state.verified.values.contains { $0.partition == partition && $0.units.contains(unit) }
    }

    /// The journal says what the transaction did, and it did something.
    private func checkFigures(
        _ backend: Backend, _ writes: Writes, _ before: StoredState, _ after: StoredState,
        _ batches: [Token: BatchRow]
    ) {
        let new = writes.facts.count { before.facts[$0.key] == nil && $0.value != nil }
        let deleted = writes.facts.count { $0.value == nil }
        let changed = writes.facts.count - new - deleted
        var empty = 0
        for partition in Set(batches.values.map(\.partition)) {
            empty += after.verifiedUnits(of: partition).subtracting(before.verifiedUnits(of: partition)).count
        }
        func expect(_ what: String, _ said: Int, _ done: Int) {
            guard said != done else { return }
            let run = batches.keys.first?.run ?? 0
            violated("the journal of run \(run) says \(said) \(what), but it were \(done)")
        }
        // A row that two windows of one transaction hold may be written twice.
        if !windowsOverlap || batches.count == 1 {
            expect("rows inserted", batches.values.reduce(0) { $0 + $1.inserted }, new)
            expect("rows updated", batches.values.reduce(0) { $0 + $1.updated }, changed)
            expect("rows deleted", batches.values.reduce(0) { $0 + $1.deleted }, deleted)
        }
        expect("units emptied", batches.values.reduce(0) { $0 + $1.empty }, empty)
        // Extents that were reached meanwhile, marks that came meanwhile, and rows that a neighbour's wider window brought
        // meanwhile are found out by writing.
        let hasMarks = before.refetch.values.contains { mark in
            batches.values.contains { $0.partition == mark.partition && $0.units.overlaps(mark.units) }
        }
        if new + changed + deleted + empty == 0, !hasMarks, !windowsOverlap, writes.extents.isEmpty,
            writes.verified.isEmpty,
            writes.provisional.isEmpty
        {
            violated("a transaction wrote nothing but the journal")
        }
    }

    /// The window was answered whole, and all of it is there.
    private func checkWindow(_ backend: Backend, _ token: Token, _ batch: BatchRow, _ after: StoredState) {
        let answers = history.answers[backend.client]?[batch.partition] ?? []
        let covering = answers.last {
            $0.window.lowerBound <= batch.units.lowerBound && $0.window.upperBound >= batch.units.upperBound
        }
        guard let answer = covering else {
            return violated("batch \(token) \(batch.partition) \(batch.units) was committed without a whole answer")
        }
        for unit in batch.units where unit >= first && unit <= answer.tip {
            let parts = history.units[batch.partition]?[unit] ?? [:]
            for (part, versions) in parts {
                let key = FactKey(partition: batch.partition, unit: unit, part: part)
                // It may stay until the answer proves that it is gone, and then its mark does too.
                if history.isWithdrawn(key) { continue }
                guard let value = after.facts[key] else {
                    // What a cap cut off, and could not be asked for once more, stays a gap.
                    if !isCapped || isCovered(batch.partition, unit, after) {
                        violated("batch \(token) left out row \(key)")
                    }
                    continue
                }
                let valid = versions.indices.contains { index in
                    versions[index].value == value
                        && (index == versions.count - 1 || versions[index + 1].since > answer.time)
                }
                if !valid { violated("batch \(token) left row \(key) = \(value), out of date when it was asked for") }
            }
        }
        for unit in batch.units where isCovered(batch.partition, unit, after) {
            guard let extents = after.extents[batch.partition], unit >= extents.oldest, unit <= extents.latest else {
                violated("batch \(token) covers \(batch.partition) \(unit) outside the extents")
                continue
            }
        }
    }

    /// A catchup is one transaction, or one for each partition.
    private func checkRun(_ batches: [Token: BatchRow], _ after: StoredState) {
        for run in Set(batches.keys.map(\.run)) {
            // Of several workers one writes the run's row, and the others do not wait for it.
            guard let row = after.runs[run], row.mode == "catchup" else { continue }
            let partitions = Set(batches.filter { $0.key.run == run }.values.map(\.partition)).sorted()
            if atomic == .partition, partitions.count != 1 {
                violated("catchup \(run) committed \(partitions) at once")
            }
            let part = atomic == .partition ? "\(run) of \(partitions)" : "\(run)"
            if !committedCatchups.insert(part).inserted { violated("catchup \(part) came in parts") }
            let count = batches.keys.count { $0.run == run }
            if atomic == .stream, count != row.planned {
                violated("catchup \(run) committed \(count) of \(row.planned) batches")
            }
        }
    }

    // MARK: A crash

    /// What must be true of everything that is committed, whatever was under way.
    func crashed() {
        let state = server.state
        for (key, value) in state.facts where !history.had(key, value) {
            violated("row \(key) = \(value) was never in the source")
        }
        for row in state.verified.values {
            for unit in row.units where history.has(row.partition, unit) {
                violated("verified empty \(row.partition) \(unit), but the source has it")
            }
        }
    }

    // MARK: A report

    /// Checks what a run that was not killed says of itself.
    func ended(_ report: RunReport) {
        guard let runID = report.runID else { return }
        let state = server.state
        let batches = state.batches.filter { $0.key.run == runID && $0.value.state == "committed" }
        let name = "run \(runID) (\(report.mode.rawValue))"
        func expect(_ what: String, _ said: Int, _ stored: Int) {
            if said != stored { violated("\(name) reports \(said) \(what), stored are \(stored)") }
        }
        if report.state == .unknown {
            if batches.count < report.committed { expect("batches", report.committed, batches.count) }
        } else {
            expect("batches", report.committed, batches.count)
            expect("rows inserted", report.inserted, batches.values.reduce(0) { $0 + $1.inserted })
            expect("rows updated", report.updated, batches.values.reduce(0) { $0 + $1.updated })
            expect("rows deleted", report.deleted, batches.values.reduce(0) { $0 + $1.deleted })
            expect("units emptied", Int(report.emptied), batches.values.reduce(0) { $0 + $1.empty })
        }
        if report.state == .done {
            if !report.failures.isEmpty || !report.streamFailures.isEmpty {
                violated("\(name) is done with failures")
            }
            if report.mode == .reconcile, report.missing != 0 { violated("\(name) is done with units missing") }
        }
        if let row = state.runs[runID], row.isEnded {
            if row.state != report.state.rawValue {
                violated("\(name) reports \(report.state), the journal says \(row.state)")
            }
            if row.committed != report.committed {
                violated("\(name) reports \(report.committed) batches, the journal says \(row.committed)")
            }
        }
    }

    // MARK: The end

    /// What must be true once faults are over and everything has run.
    func healed(_ partitions: [String]) {
        let state = server.state
        for partition in partitions {
            let tip = history.tips[partition] ?? first - 1
            let rows = history.rows(partition, first..<tip + 1)
            for row in rows where state.facts[row.key] != row.value {
                violated("after healing row \(row.key) is \(state.facts[row.key] ?? "missing") instead of \(row.value)")
            }
            if state.facts.count(where: { $0.key.partition == partition }) != rows.count {
                violated("after healing \(partition) has rows beyond the source's")
            }
            for unit in first..<tip + 1 where !isCovered(partition, unit, state) {
                violated("after healing \(partition) \(unit) is neither there nor verified empty")
            }
        }
        if !state.refetch.isEmpty { violated("after healing there are marks: \(state.refetch.values.map(\.units))") }
        if server.hasAdvisoryLocks { violated("an advisory lock is left over") }
        if !server.backends.isEmpty { violated("\(server.backends.count) sessions are left over") }
    }

    /// What must be true of a run when nothing changed.
    func idle(before: StoredState, commits: Int) {
        let after = server.state
        if self.commits != commits { violated("a run wrote though nothing had changed") }
        if before.facts != after.facts || before.verified != after.verified
            || before.provisional != after.provisional || before.extents != after.extents
            || before.batches != after.batches || before.runs.contains(where: { after.runs[$0] != $1 })
        {
            violated("a run changed something though there was nothing to do")
        }
        let left = after.runs.filter { before.runs[$0.key] == nil }.sorted { $0.key < $1.key }.map(\.value)
        if left.map(\.mode) != ["reconcile", "catchup"] || left.contains(where: { !$0.isEnded || $0.state != "done" }) {
            violated("runs that had nothing to do left \(left)")
        }
    }
}

extension SimulatedServer {
    /// Whether one of the windows holds a unit.
    static func holds(_ batches: [BatchRow], _ partition: String, _ unit: Int64) -> Bool {
        batches.contains { $0.partition == partition && $0.units.contains(unit) }
    }
}
