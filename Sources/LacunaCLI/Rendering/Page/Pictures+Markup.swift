import Lacuna

extension Strip {
    /// Writes the strip.
    func write(_ label: String, _ words: UnitWords, _ put: (String) -> Void) {
        put("<svg class=\"strip\" role=\"img\" aria-label=\"\(HTMLText.escape(label))\">")
        for mark in marks {
            // Gaps stand out above and below. One mark for many narrow gaps is as high as they are dense.
            let full: Double = mark.state == .missing ? 24 : 16
            let height = max((full * mark.share).rounded(), 8)
            let bottom: Double = mark.state == .missing ? 24 : 20
            let width = max(mark.upper - mark.lower, 0.0001)
            let rect =
                "<rect class=\"\(mark.state.styleClass)\" x=\"\(HTMLText.percentage(mark.lower))\" "
                + "y=\"\(Int(bottom - height))\" width=\"\(HTMLText.percentage(width))\" height=\"\(Int(height))\""
            put(
                mark.state.hasTooltip
                    ? "\(rect)><title>\(HTMLText.escape(mark.text(words)))</title></rect>" : "\(rect)/>")
        }
        put("</svg>")
    }
}

extension Strip.Mark {
    /// `missing: 2024-01-16–2024-01-29, 14 days`
    fileprivate func text(_ words: UnitWords) -> String {
        let count = words.count(unitCount)
        if !words.type.isOrdered { return "\(state.words): \(count)" }
        let what = rangeCount > 1 ? "\(count) of" : ""
        return rangeCount > 1
            ? "\(state.words): \(what) \(words.text(hull))" : "\(state.words): \(words.text(hull)), \(count)"
    }
}

extension CellGrids {
    /// Writes the pictures, to be opened.
    func write(_ name: String, _ words: UnitWords, _ put: (String) -> Void) {
        guard !grids.isEmpty else { return }
        put("<details><summary>\(HTMLText.escape(title))</summary><div class=\"grids\">")
        for grid in grids { grid.write(name, words, put) }
        put("</div>")
        if let rest { put("<p class=\"soft\">\(HTMLText.escape(rest))</p>") }
        put("</details>")
    }
}

extension CellGrid {
    /// Cells lie so far apart. The style's dashes part them.
    private static let pitch = 12
    private static let top = 20

    fileprivate func write(_ name: String, _ words: UnitWords, _ put: (String) -> Void) {
        let left = (rowLabels.map(\.text.count).max() ?? 0) * 6 + 16
        let width = left + columnCount * CellGrid.pitch
        let height = (columnLabels.isEmpty ? 4 : CellGrid.top) + rowCount * CellGrid.pitch
        let top = columnLabels.isEmpty ? 2 : CellGrid.top - 2
        let missing = cells.reduce(0) { $0 + ($1.state == .missing || $1.state == .marked ? $1.count : 0) }
        let label = [name, title, "\(words.count(missing)) missing"].filter { !$0.isEmpty }.joined(separator: ", ")
        put("<figure class=\"grid\(columnCount > 40 ? " year" : "")\">")
        if !title.isEmpty { put("<figcaption>\(HTMLText.escape(title))</figcaption>") }
        put(
            "<svg viewBox=\"0 0 \(width) \(height)\" style=\"width:\(Double(width) / 12)rem;max-width:100%\" role=\"img\" "
                + "aria-label=\"\(HTMLText.escape(label))\">")
        for label in columnLabels where label.index < columnCount {
            put(
                "<text x=\"\(left + label.index * CellGrid.pitch)\" y=\"\(top - 5)\">\(HTMLText.escape(label.text))</text>"
            )
        }
        for label in rowLabels {
            put(
                "<text class=\"row\" x=\"\(left - 5)\" y=\"\(top + label.index * CellGrid.pitch + 10)\">"
                    + "\(HTMLText.escape(label.text))</text>")
        }
        var calm: [UnitState: String] = [:]
        var urgent: [String] = []
        for run in CellRun.runs(of: cells) {
            guard let cell = run.cells.first else { continue }
            if run.cells.count == 1, !cell.isWhole, run.state.isUrgent {
                // Under what lacks lies what is there.
                calm[.covered, default: ""] += CellGrid.path(run.cells, left: left, top: top)
                let size = max((12 * (Double(cell.count) / Double(cell.total)).squareRoot()).rounded(), 5)
                let x = left + cell.column * CellGrid.pitch + 6
                let y = Double(top + cell.row * CellGrid.pitch + 6) - size / 2
                urgent.append(
                    "<path class=\"\(run.state.styleClass)\" style=\"stroke-width:\(Int(size))\" "
                        + "d=\"M\(x) \(y)v\(Int(size))\"><title>\(HTMLText.escape(run.text(words, of: cell)))</title></path>"
                )
            } else if run.state.hasTooltip {
                urgent.append(
                    "<path class=\"\(run.state.styleClass)\" d=\"\(CellGrid.path(run.cells, left: left, top: top))\">"
                        + "<title>\(HTMLText.escape(run.text(words, of: nil)))</title></path>")
            } else {
                calm[run.state, default: ""] += CellGrid.path(run.cells, left: left, top: top)
            }
        }
        for state in UnitState.allCases {
            if let path = calm[state] { put("<path class=\"\(state.styleClass)\" d=\"\(path)\"/>") }
        }
        for path in urgent { put(path) }
        put("</svg></figure>")
    }

    /// One line a column, for cells below each other.
    private static func path(_ cells: [Cell], left: Int, top: Int) -> String {
        var path = ""
        var open: (column: Int, first: Int, last: Int)?
        func close() {
            guard let line = open else { return }
            let x = left + line.column * pitch + pitch / 2
            path += "M\(x) \(top + line.first * pitch + 1)v\((line.last - line.first + 1) * pitch - 2)"
        }
        for cell in cells {
            if let line = open, line.column == cell.column, line.last + 1 == cell.row {
                open = (line.column, line.first, cell.row)
            } else {
                close()
                open = (cell.column, cell.row, cell.row)
            }
        }
        close()
        return path
    }
}

extension CellRun {
    /// - Parameter cell: the only one, if it is not in the state as a whole.
    fileprivate func text(_ words: UnitWords, of cell: CellGrid.Cell?) -> String {
        guard let cell else { return "\(state.words): \(words.text(units)), \(words.count(unitCount))" }
        return "\(state.words): \(Numbers.grouped(cell.count)) of \(words.count(cell.total)), \(words.text(units))"
    }
}
