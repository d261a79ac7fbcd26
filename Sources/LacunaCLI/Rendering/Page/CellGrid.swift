import Lacuna

/// A picture of single units, or of small parts of equal length: a cell each, in columns.
struct CellGrid: Sendable {
    /// A unit, or a few.
    struct Cell: Hashable, Sendable {
        let column: Int
        let row: Int
        let units: Range<Int64>
        let state: UnitState
        /// How many of its units are in that state, and how many there are.
        let count: UInt64
        let total: UInt64

        var isWhole: Bool { count == total }
    }

    /// A text at a column or a row.
    struct Label: Hashable, Sendable {
        let index: Int
        let text: String
    }

    let title: String
    let columnCount: Int
    let rowCount: Int
    let columnLabels: [Label]
    let rowLabels: [Label]
    /// By unit.
    let cells: [Cell]
}

/// The pictures of one partition, and what they leave out.
struct CellGrids: Sendable {
    /// What a reader opens.
    let title: String
    let grids: [CellGrid]
    /// What is left out; nil: nothing.
    let rest: String?

    /// How many years, months and bricks are drawn of a partition at most. Bricks stand in rows of some.
    private static let (yearLimit, monthLimit, brickLimit, brickColumns): (Int, Int, UInt64, UInt64) = (8, 6, 500, 25)

    /// Day by day, hour by hour or in bricks; nil if there is no order, or nothing to draw.
    init?(_ units: PartitionUnits, on axis: PageAxis, of type: KeyType) {
        guard let hull = units.hull?.clamped(to: axis.range), !hull.isEmpty else { return nil }
        switch type {
        case .date, .timestamp(step: 86_400, _): self.init(daysOf: units, hull, type)
        case .timestamp(let step, _) where step >= 3600 || Int64(3600).isMultiple(of: step):
            self.init(hoursOf: units, hull, type, step)
        case .integer, .timestamp: self.init(bricksOf: units, hull, type)
        case .text: return nil
        }
    }

    private init?(daysOf units: PartitionUnits, _ hull: Range<Int64>, _ type: KeyType) {
        guard let first = type.localStart(of: hull.lowerBound)?.date.year,
            let last = type.localStart(of: hull.upperBound - 1)?.date.year
        else { return nil }
        let periods = (first...last).compactMap { year -> (year: Int, units: Range<Int64>)? in
            guard let date = CivilDate(year: year, month: 1, day: 1), let lower = type.firstUnit(on: date) else {
                return nil
            }
            let next = CivilDate(year: year + 1, month: 1, day: 1).flatMap(type.firstUnit)
            let range = (lower..<max(next ?? hull.upperBound, lower)).clamped(to: hull)
            return range.isEmpty ? nil : (year, range)
        }
        let chosen = CellGrids.chosen(periods.map(\.units), of: units, limit: CellGrids.yearLimit)
        title = "Day by day"
        grids = chosen.shown.map { CellGrid(year: periods[$0].year, periods[$0].units, units, type) }
        rest = chosen.rest(UnitWords(type), "year")
    }

    private init?(hoursOf units: PartitionUnits, _ hull: Range<Int64>, _ type: KeyType, _ step: Int64) {
        guard let first = type.localStart(of: hull.lowerBound)?.date,
            let last = type.localStart(of: hull.upperBound - 1)?.date
        else { return nil }
        var periods: [(month: CivilDate, units: Range<Int64>)] = []
        var month = first.startOfMonth
        while month <= last {
            let next = month.adding(months: 1)
            guard let lower = type.firstUnit(on: month), let upper = type.firstUnit(on: next), next > month else {
                break
            }
            let range = (lower..<max(upper, lower)).clamped(to: hull)
            if !range.isEmpty { periods.append((month, range)) }
            month = next
        }
        let chosen = CellGrids.chosen(periods.map(\.units), of: units, limit: CellGrids.monthLimit)
        title = step > 3600 ? "Day by day" : "Hour by hour"
        grids = chosen.shown.map { CellGrid(month: periods[$0].month, periods[$0].units, units, type, step) }
        rest = chosen.rest(UnitWords(type), "month")
    }

    private init(bricksOf units: PartitionUnits, _ hull: Range<Int64>, _ type: KeyType) {
        // A brick holds 1, 2, 5, 10, … units.
        var (size, factors): (UInt64, [UInt64]) = (1, [2, 5, 10])
        var power: UInt64 = 1
        while hull.unitCount / size >= CellGrids.brickLimit, size < 1 << 60 {
            if factors.isEmpty { (power, factors) = (power * 10, [2, 5, 10]) }
            size = power * factors.removeFirst()
        }
        let length = Int64(size)
        let words = UnitWords(type)
        title = "Brick by brick"
        grids = [CellGrid(bricksOf: length, hull, units, type, columns: Int(CellGrids.brickColumns))]
        rest = size == 1 ? "A brick is a \(words.noun)." : "A brick is \(words.count(size))."
    }

    /// The newest period, and those that lack most.
    private struct Chosen {
        let shown: [Int]
        let hidden: Int
        let missing: UInt64

        func rest(_ words: UnitWords, _ period: String) -> String? {
            guard hidden > 0 else { return nil }
            let which = Numbers.count(hidden, "more \(period)")
            return missing == 0
                ? "Not drawn: \(which) without gaps." : "Not drawn: \(which) with \(words.count(missing)) missing."
        }
    }

    private static func chosen(_ periods: [Range<Int64>], of units: PartitionUnits, limit: Int) -> Chosen {
        let (missing, marked) = (units[.missing], units[.marked])
        let counts = periods.map { missing.count(in: $0) + marked.count(in: $0) }
        let order = periods.indices.sorted { (counts[$0], $0) > (counts[$1], $1) }
        // Without gaps the newest years and only one month are enough.
        var shown = Array(order.prefix(limit))
        if let newest = periods.indices.last, !shown.contains(newest) { shown[shown.count - 1] = newest }
        let hidden = Set(periods.indices).subtracting(shown)
        return Chosen(shown: shown.sorted(), hidden: hidden.count, missing: hidden.reduce(0) { $0 + counts[$1] })
    }
}

extension CellGrid {
    /// A year: weeks from left to right, from Monday down to Sunday.
    fileprivate init(year: Int, _ range: Range<Int64>, _ units: PartitionUnits, _ type: KeyType) {
        let firstDay = CivilDate(year: year, month: 1, day: 1)
        let start = firstDay?.daysSinceEpoch ?? 0
        // 1970-01-05 was a Monday.
        let monday = start - ((start - 4) % 7 + 7) % 7
        var cells: [Cell] = []
        for unit in range {
            guard let day = type.localStart(of: unit)?.date.daysSinceEpoch,
                let standing = units.standing(of: unit..<unit + 1)
            else { continue }
            cells.append(
                Cell(
                    column: Int((day - monday) / 7), row: Int((day - monday) % 7), units: unit..<unit + 1,
                    state: standing.state, count: 1, total: 1))
        }
        self.init(
            title: "\(year)", columnCount: 54, rowCount: 7,
            columnLabels: (1...12).compactMap { month in
                CivilDate(year: year, month: month, day: 1).map { date in
                    // The first whole week of the month.
                    Label(index: Int((date.daysSinceEpoch - monday + 6) / 7), text: date.monthName)
                }
            }, rowLabels: [Label(index: 0, text: "Mon"), Label(index: 2, text: "Wed"), Label(index: 4, text: "Fri")],
            cells: cells)
    }

    /// A month: days from left to right, hours or longer units downwards.
    fileprivate init(
        month: CivilDate, _ range: Range<Int64>, _ units: PartitionUnits, _ type: KeyType, _ step: Int64
    ) {
        let chunk = max(3600 / step, 1)
        let seconds = max(3600, step)
        var cells: [Cell] = []
        var unit = range.lowerBound
        while unit < range.upperBound {
            // Up to the next full hour, as the first chunk may begin inside one.
            guard let local = type.localStart(of: unit) else { break }
            let offset = local.secondOfDay % seconds / step
            let end = min(unit + max(chunk - offset, 1), range.upperBound)
            let place = (column: local.date.day - 1, row: Int(local.secondOfDay / seconds))
            if let standing = units.standing(of: unit..<end) {
                cells.append(
                    Cell(
                        column: place.column, row: place.row, units: unit..<end, state: standing.state,
                        count: standing.count, total: standing.total))
            }
            unit = end
        }
        let rows = Int((86_400 + seconds - 1) / seconds)
        self.init(
            title: "\(month.monthName) \(month.year)",
            columnCount: CivilDate.length(ofMonth: month.month, year: month.year),
            rowCount: rows,
            columnLabels: stride(from: 0, to: 31, by: 5).map { Label(index: $0, text: "\($0 + 1)") },
            rowLabels: stride(from: 0, to: rows, by: max(rows / 4, 1)).map {
                Label(index: $0, text: UnitWords.clock(Int64($0) * seconds))
            }, cells: cells)
    }

    /// Bricks of some units, in rows.
    fileprivate init(
        bricksOf length: Int64, _ hull: Range<Int64>, _ units: PartitionUnits, _ type: KeyType, columns: Int
    ) {
        // On round numbers, so that pictures of two days can be compared.
        let remainder = (hull.lowerBound % length + length) % length
        let (start, overflows) = hull.lowerBound.subtractingReportingOverflow(remainder)
        let begin = overflows ? hull.lowerBound : start
        var cells: [Cell] = []
        var labels: [Label] = []
        var index = 0
        var lower = begin
        while lower < hull.upperBound {
            let upper = min(lower.adding(saturating: length), hull.upperBound)
            let brick = max(lower, hull.lowerBound)..<upper
            if index.isMultiple(of: columns) {
                labels.append(Label(index: index / columns, text: Console.printable(type.text(brick.lowerBound))))
            }
            if let standing = units.standing(of: brick) {
                cells.append(
                    Cell(
                        column: index % columns, row: index / columns, units: brick, state: standing.state,
                        count: standing.count, total: standing.total))
            }
            index += 1
            lower = upper
        }
        self.init(
            title: "", columnCount: min(columns, max(index, 1)), rowCount: (index + columns - 1) / columns,
            columnLabels: [], rowLabels: labels, cells: cells)
    }

    /// How many elements it takes to draw it, about.
    var markCount: Int { CellRun.runs(of: cells).count }
}

/// Neighbours in one state: what is missing as one gap is told as one.
struct CellRun: Hashable, Sendable {
    let state: UnitState
    let units: Range<Int64>
    let unitCount: UInt64
    let cells: [CellGrid.Cell]

    /// The runs of cells, by unit. Cells that are only partly in their state stand alone.
    static func runs(of cells: [CellGrid.Cell]) -> [CellRun] {
        var runs: [CellRun] = []
        var open: [CellGrid.Cell] = []
        func close() {
            guard let first = open.first, let last = open.last else { return }
            runs.append(
                CellRun(
                    state: first.state, units: first.units.lowerBound..<last.units.upperBound,
                    unitCount: open.reduce(0) { $0 + $1.count }, cells: open))
            open = []
        }
        for cell in cells {
            if let last = open.last,
                !cell.isWhole || !last.isWhole || last.state != cell.state
                    || last.units.upperBound != cell.units.lowerBound
            {
                close()
            }
            open.append(cell)
        }
        close()
        return runs
    }
}
