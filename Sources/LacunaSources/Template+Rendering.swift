import LacunaModel
import LacunaRecords

extension Template {
    /// The text with every placeholder replaced.
    ///
    /// - Parameters:
    ///   - request: gives the window and the partition.
    ///   - encode: escapes each value for its context.
    /// - Throws: ``TemplateError`` if the stream has no such partition column, or a format does not fit the key.
    package func render(
        _ request: FetchRequest,
        encode: (String) throws(TemplateError) -> String = { value throws(TemplateError) in value }
    ) throws(TemplateError) -> String {
        try render(Subject(request)) { _, value throws(TemplateError) in try encode(value) }
    }

    /// The text with every placeholder replaced, for a request that has no window.
    ///
    /// - Throws: ``TemplateError`` also if the template names the window.
    package func render(
        _ request: TipRequest,
        encode: (String) throws(TemplateError) -> String = { value throws(TemplateError) in value }
    ) throws(TemplateError) -> String {
        try render(Subject(request)) { _, value throws(TemplateError) in try encode(value) }
    }

    /// The text with every placeholder replaced, if the encoding depends on the place.
    ///
    /// - Parameter encode: takes the index of the segment and its value.
    func render(
        _ subject: Subject, encode: (Int, String) throws(TemplateError) -> String
    ) throws(TemplateError) -> String {
        let stream = subject.stream
        var result = ""
        for (index, segment) in segments.enumerated() {
            switch segment {
            case .literal(let literal): result += literal
            case .placeholder(.partition(let column), _):
                guard let position = stream.partitions.columns.firstIndex(of: column) else {
                    throw TemplateError("stream \(stream.name) has no partition column '\(column)', in '\(text)'")
                }
                result += try encode(index, subject.partition.values[position])
            case .placeholder(.keys, _):
                guard !subject.keys.isEmpty else {
                    throw TemplateError("'\(text)' names the keys, but none are asked for")
                }
                var keys: [String] = []
                for key in subject.keys { keys.append(try encode(index, key)) }
                result += keys.joined(separator: ",")
            case .placeholder(let placeholder, let format):
                guard let window = subject.window else {
                    throw TemplateError("'\(text)' names the window, but a tip has none")
                }
                switch placeholder {
                case .size: result += try encode(index, String(window.unitCount))
                case .last:
                    let text = try format.map { format throws(TemplateError) in
                        try KeyFormat(format).text(endOf: window.upperBound - 1, type: stream.keyType)
                    }
                    result += try encode(index, text ?? stream.keyType.lastText(window.upperBound - 1))
                default:
                    let unit = placeholder == .first ? window.lowerBound : window.upperBound
                    let text = try format.map { format throws(TemplateError) in
                        try KeyFormat(format).text(startOf: unit, type: stream.keyType)
                    }
                    result += try encode(index, text ?? stream.keyType.text(unit))
                }
            }
        }
        return result
    }
}

/// What a template is rendered for.
struct Subject {
    let stream: StreamDefinition
    let partition: Partition
    /// Nil if the tip is asked for.
    let window: Range<Int64>?
    /// The ids that are asked for.
    let keys: [String]

    init(_ request: FetchRequest) {
        (stream, partition, window, keys) = (request.stream, request.partition, request.window, request.keys)
    }

    init(_ request: TipRequest) {
        (stream, partition, window, keys) = (request.stream, request.partition, nil, [])
    }

    /// Rejects ids that could not be told apart once they are joined by commas.
    func requireSeparableKeys() throws(TemplateError) {
        // Whatever the batch holds now: a single one with a comma looks like two.
        guard stream.batch != .units(1), let key = keys.first(where: { $0.utf8.contains(UInt8(ascii: ",")) }) else {
            return
        }
        throw TemplateError("the key '\(key)' holds a comma, which {keys} is joined by: set batch: 1")
    }
}

/// How a date or time is written: `yyyy`, `yy`, `MM`, `dd`, `HH`, `mm`, `ss` and any other characters as they stand,
/// or `epoch` / `epoch_ms` for a count since 1970 in seconds / milliseconds. Letters in 'quotes' stand for themselves.
struct KeyFormat: Sendable, Hashable {
    private enum Part: Sendable, Hashable {
        case literal(Character)
        case field(Character, width: Int)
    }

    private let parts: [Part]
    private let epochFactor: Int64?

    init(_ format: String) throws(TemplateError) {
        switch format {
        case "epoch": epochFactor = 1
        case "epoch_ms": epochFactor = 1000
        default: epochFactor = nil
        }
        var parts: [Part] = []
        var rest = epochFactor == nil ? format[...] : ""
        while let character = rest.first {
            if character == "'" {
                rest.removeFirst()
                guard let close = rest.firstIndex(of: "'") else {
                    throw TemplateError("unclosed quote in the format '\(format)'")
                }
                parts += rest[..<close].map(Part.literal)
                rest = rest[rest.index(after: close)...]
                continue
            }
            let run = rest.prefix { $0 == character }.count
            rest.removeFirst(run)
            switch (character, run) {
            case ("y", 4), ("y", 2), ("M", 2), ("d", 2), ("H", 2), ("m", 2), ("s", 2):
                parts.append(.field(character, width: run))
            case _ where character.isLetter:
                throw TemplateError(
                    "unknown field '\(String(repeating: character, count: run))' in the format '\(format)'; known are "
                        + "yyyy yy MM dd HH mm ss, or epoch, epoch_ms alone")
            default:
                parts += Array(repeating: .literal(character), count: run)
            }
        }
        if parts.isEmpty, epochFactor == nil { throw TemplateError("an empty format; leave out the colon") }
        self.parts = parts
    }

    /// The instant at which a unit begins.
    func text(startOf unit: Int64, type: KeyType) throws(TemplateError) -> String {
        guard let local = type.localStart(of: unit), let start = type.start(of: unit) else {
            throw TemplateError("a date format on an integer key")
        }
        return text(local, instant: start)
    }

    /// The last day of a unit of days, the last second of a unit of time.
    func text(endOf unit: Int64, type: KeyType) throws(TemplateError) -> String {
        guard case .timestamp(_, let timezone) = type, let end = type.start(of: unit + 1) else {
            return try text(startOf: unit, type: type)
        }
        let seconds = KeyType.timestamp(step: 1, timezone: timezone)
        guard let last = seconds.unit(at: end - 1) else { throw TemplateError("a time out of range") }
        return try text(startOf: last, type: seconds)
    }

    private func text(_ local: (date: CivilDate, secondOfDay: Int64), instant: Int64) -> String {
        if let epochFactor { return String(instant * epochFactor) }
        var result = ""
        let second = Int(local.secondOfDay)
        for part in parts {
            switch part {
            case .literal(let character): result.append(character)
            case .field("y", width: 2): result += pad(local.date.year % 100, 2)
            case .field("y", _): result += pad(local.date.year, 4)
            case .field("M", _): result += pad(local.date.month, 2)
            case .field("d", _): result += pad(local.date.day, 2)
            case .field("H", _): result += pad(second / 3600, 2)
            case .field("m", _): result += pad(second / 60 % 60, 2)
            case .field: result += pad(second % 60, 2)
            }
        }
        return result
    }

    private func pad(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
