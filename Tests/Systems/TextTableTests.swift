import TestSupport
import Testing

@testable import LacunaCLI

@Suite("A table of text")
struct TextTableTests {
    private func lines(
        _ columns: [(title: String, alignment: TextTable.Alignment)], _ rows: some Sequence<[String]>
    ) -> [String] {
        var lines: [String] = []
        TextTable(columns, rows).write(indent: "  ") { lines.append($0) }
        return lines
    }

    @Test("is as wide as its widest cells in characters, wherever they stand, and ends no line with a space")
    func widths() {
        let columns: [(title: String, alignment: TextTable.Alignment)] = [
            ("NAME", .left), ("N", .right), ("", .left), ("", .right),
        ]
        let rows = [
            ["a", "1", "", ""], ["東京", "1,000", "██▒", ""], ["", "", "x", "100 %"],
            ["e\u{301}le\u{300}ves", "–", "", "new"], ["", "", "", ""],
        ]
        #expect(
            lines(columns, rows) == [
                "  NAME        N", "  a           1", "  東京      1,000  ██▒", "                 x    100 %",
                "  e\u{301}le\u{300}ves      –         new", "",
            ])
    }

    @Test("has no line for titles where there are none, and only that line where there are no rows")
    func titles() {
        #expect(lines([("", .left), ("", .right)], [["a", "1"], ["bc", "10"]]) == ["  a    1", "  bc  10"])
        #expect(lines([("A", .left), ("B", .right)], []) == ["  A  B"])
        #expect(lines([("", .left)], []) == [])
    }

    @Test("writes what a table writes that keeps all its lines, whatever the widths", arguments: [1, 2, 3] as [UInt64])
    func sameAsKept(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let pieces = ["", " ", "a", "bc", "é", "e\u{301}", "東", "👩‍👩‍👧", "\u{1B}[31mgap\u{1B}[0m", "1,234", "–"]
        for _ in 0..<300 {
            let columns = (0..<Int.random(in: 1...5, using: &random)).map { column in
                let alignment: TextTable.Alignment = Bool.random(using: &random) ? .left : .right
                return (title: column == 0 ? "T" : pieces.randomElement(using: &random) ?? "", alignment: alignment)
            }
            let rows = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                columns.map { _ in
                    (0..<Int.random(in: 0...3, using: &random))
                        .map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
                }
            }
            let all = [columns.map(\.title)] + rows
            let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
            let expected = all.map { row in
                let cells = row.enumerated().map { column, cell in
                    let space = String(repeating: " ", count: widths[column] - cell.count)
                    return columns[column].alignment == .left ? cell + space : space + cell
                }
                let text = "  " + cells.joined(separator: "  ")
                return String(text.reversed().drop { $0 == " " }.reversed())
            }
            #expect(lines(columns, rows) == expected)
        }
    }
}
