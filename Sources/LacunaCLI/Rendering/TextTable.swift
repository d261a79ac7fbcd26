/// Columns of text, aligned. The rows are made twice, to be measured and to be written, so that a table of any length takes no
/// memory.
struct TextTable {
    /// How a column is aligned.
    enum Alignment {
        case left
        case right
    }

    private let columns: [(title: String, alignment: Alignment)]
    private let rows: AnySequence<[String]>

    /// - Parameter rows: a cell for each column.
    init(_ columns: [(title: String, alignment: Alignment)], _ rows: some Sequence<[String]>) {
        self.columns = columns
        self.rows = AnySequence(rows)
    }

    /// A table without titles, all of it aligned left, and without the columns that are empty.
    init(_ rows: [[String]]) {
        let filled = (rows.first ?? []).indices.filter { column in rows.contains { !$0[column].isEmpty } }
        self.init(filled.map { _ in ("", .left) }, rows.map { row in filled.map { row[$0] } })
    }

    /// Writes the lines: the titles, if there are any, and the rows. Two spaces stand between columns and none at the ends.
    ///
    /// - Parameter put: takes each line.
    func write(indent: String = "", _ put: (String) -> Void) {
        var widths = columns.map(\.title.count)
        for row in rows {
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) }
        }
        let titles = columns.map(\.title)
        if !titles.allSatisfy(\.isEmpty) { put(line(titles, widths, indent)) }
        for row in rows { put(line(row, widths, indent)) }
    }

    private func line(_ cells: [String], _ widths: [Int], _ indent: String) -> String {
        var line = indent
        for (column, cell) in cells.enumerated() {
            if column > 0 { line += "  " }
            let space = String(repeating: " ", count: widths[column] - cell.count)
            line += columns[column].alignment == .left ? cell + space : space + cell
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}
