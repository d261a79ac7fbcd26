import TestSupport

/// Everything about an episode that is decided beforehand: drawn from its seed, the same in every run.
struct Schedule: CustomStringConvertible {
    /// What is done to the runs while they work.
    enum Fault: String, CaseIterable {
        case kill, terminate, cut, swallow, commits, restart, badAnswers
    }

    struct Row {
        let unit: Int
        let part: Int
        var text: String { "\(unit),\(part),v\(unit)x\(part)" }
    }

    let seed: UInt64
    let first: Int
    let unitCount: Int
    /// The history: units without rows, with one and with several.
    let rows: [Row]
    /// The rows that are there when the episode begins: part of the history with holes.
    let ingested: [Row]
    /// The source's tip when the episode begins; a live writer raises it.
    let firstTip: Int
    let batch: Int
    let overlap: Int
    let workers: Int
    let reconcilers: Int
    let catchups: Int
    let hasWriter: Bool
    let hasPruner: Bool
    let hasReader: Bool
    let faults: Set<Fault>
    let chaosMilliseconds: Int
    let pauseMilliseconds: Int
    /// Units that were ingested as they once were and are marked wrong before the first run; none in a third of the episodes.
    let stale: Set<Int>
    /// Whether triggers record what changes, so that scans need not start over.
    let tracksChanges: Bool

    var last: Int { rows.last?.unit ?? first }

    init(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        self.seed = seed
        first =
            [0, 1, -37, 1_000_003, 9_007_199_254_740_985, 9_223_372_036_854_775_000].randomElement(using: &random) ?? 0
        unitCount = Int.random(in: 60...220, using: &random)
        // Without gaps it is the mark alone that has stale rows fetched again.
        let isDense = Int.random(in: 0..<3, using: &random) == 0
        let emptyShare = isDense ? 0 : Int.random(in: 0...5, using: &random)
        var rows: [Row] = []
        for offset in 0..<unitCount {
            // The first and the last unit have rows, so that the source's end is the history's.
            let isEdge = offset == 0 || offset == unitCount - 1
            if !isEdge, Int.random(in: 0..<10, using: &random) < emptyShare { continue }
            for part in 0..<[1, 1, 1, 2, 3][Int.random(in: 0..<5, using: &random)] {
                rows.append(Row(unit: first + offset, part: part))
            }
        }
        self.rows = rows
        let start = first
        let tipOffset = unitCount * Int.random(in: 40...70, using: &random) / 100
        firstTip = rows.last { $0.unit - start <= tipOffset }?.unit ?? first
        let ingestedEnd = unitCount * Int.random(in: 10...40, using: &random) / 100
        var kept: Set<Int> = []
        for offset in 0...ingestedEnd where isDense || Int.random(in: 0..<3, using: &random) > 0 { kept.insert(offset) }
        ingested = rows.filter { kept.contains($0.unit - start) }
        batch = Int.random(in: 1...17, using: &random)
        overlap = Int.random(in: 0..<4, using: &random) == 0 ? Int.random(in: 1...3, using: &random) : 0
        workers = Int.random(in: 1...4, using: &random)
        reconcilers = [1, 1, 2, 2, 3, 4, 5, 8].randomElement(using: &random) ?? 1
        catchups = Int.random(in: 0...2, using: &random)
        hasWriter = Bool.random(using: &random)
        hasPruner = Int.random(in: 0..<3, using: &random) == 0
        hasReader = Int.random(in: 0..<3, using: &random) > 0
        faults = Set(Fault.allCases.filter { _ in Int.random(in: 0..<3, using: &random) > 0 }).union([.kill])
        chaosMilliseconds = Int.random(in: 1000...3000, using: &random)
        pauseMilliseconds = [0, 0, 5, 30].randomElement(using: &random) ?? 0
        var stale: Set<Int> = []
        if isDense || Bool.random(using: &random) {
            for row in ingested where row.part == 0 && Bool.random(using: &random) {
                stale.insert(row.unit)
            }
        }
        self.stale = stale
        tracksChanges = Bool.random(using: &random)
    }

    var description: String {
        """
        seed \(seed): \(unitCount) units from \(first), \(rows.count) rows, \(ingested.count) ingested, \
        \(stale.count) units stale, tip \(firstTip), batch \(batch), overlap \(overlap), \
        workers \(workers), reconcilers \(reconcilers), catchups \(catchups)\
        \(hasWriter ? ", writer" : "")\(hasPruner ? ", pruner" : "")\(hasReader ? ", reader" : "")\
        \(tracksChanges ? ", tracked" : ""), \
        \(chaosMilliseconds) ms of \(faults.map(\.rawValue).sorted().joined(separator: " "))
        """
    }
}
