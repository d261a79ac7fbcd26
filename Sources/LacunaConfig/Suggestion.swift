/// The valid name that was probably meant by one that is not.
enum Suggestion {
    /// The nearest of `names` by Damerau-Levenshtein distance, at most 2, or one that begins like `name`.
    ///
    /// Upper case and hyphens do not count as differences. Of several equally near the first wins.
    static func nearest(to name: String, among names: some Sequence<String>) -> String? {
        let written = normal(name)
        guard written.count > 1, written.count <= 64 else { return nil }
        var best: (name: String, score: Int)?
        for candidate in names {
            let valid = normal(candidate)
            guard !valid.isEmpty, valid.count <= 256 else { continue }
            var score: Int?
            if abs(valid.count - written.count) <= 2 {
                let distance = distance(written, valid)
                // Two changes in a word of three letters leave nothing in common.
                if distance <= 2, distance < min(valid.count, written.count) - 1 || distance == 0 { score = distance }
            }
            if score == nil, valid.starts(with: written) || (valid.count > 2 && written.starts(with: valid)) {
                score = 3
            }
            if let score, score < best?.score ?? .max { best = (candidate, score) }
        }
        return best?.name
    }

    /// The optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours.
    static func distance(_ lhs: [Character], _ rhs: [Character]) -> Int {
        guard !lhs.isEmpty, !rhs.isEmpty else { return max(lhs.count, rhs.count) }
        var beforePrevious: [Int] = []
        var previous = Array(0...rhs.count)
        for i in 1...lhs.count {
            var current = [i]
            for j in 1...rhs.count {
                var cost = min(
                    previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (lhs[i - 1] == rhs[j - 1] ? 0 : 1))
                if i > 1, j > 1, lhs[i - 1] == rhs[j - 2], lhs[i - 2] == rhs[j - 1] {
                    cost = min(cost, beforePrevious[j - 2] + 1)
                }
                current.append(cost)
            }
            (beforePrevious, previous) = (previous, current)
        }
        return previous[rhs.count]
    }

    private static func normal(_ name: String) -> [Character] {
        name.lowercased().map { $0 == "-" ? "_" : $0 }
    }
}
