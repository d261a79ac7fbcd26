import LacunaModel
import LacunaRecords

/// How numbers, times and switches are written.
enum Written {
    /// A decimal number, digits groupable as in `1_000_000`.
    static func integer(_ text: String) -> Int64? {
        guard text.utf8.first.map({ $0 != UInt8(ascii: "_") }) ?? false else { return nil }
        return Int64(text.filter { $0 != "_" })
    }

    static func boolean(_ text: String) -> Bool? {
        switch text {
        case "true", "True", "TRUE": true
        case "false", "False", "FALSE": false
        default: nil
        }
    }

    /// A length of at most ten thousand years; a number of units may be any.
    static func length(_ text: String) -> HistoryLength? {
        let dayLimit: Int64 = 3_660_000
        switch HistoryLength(text) {
        case .seconds(let count)? where count > dayLimit * 86_400: return nil
        case .days(let count)? where count > dayLimit: return nil
        case let length: return length
        }
    }

    /// An exact time in seconds.
    static func seconds(_ text: String) -> Int64? {
        switch length(text) {
        case .seconds(let count): count
        case .days(let count): count * 86_400
        default: nil
        }
    }

    /// A share in percent; `off` is all.
    static func share(_ text: String) -> Int? {
        if text == "off" { return 100 }
        guard text.last == "%", let share = integer(String(text.dropLast())), 0...100 ~= share else { return nil }
        return Int(share)
    }

    static func duration(_ text: String) -> Duration? {
        seconds(text).map { .seconds($0) }
    }
}
