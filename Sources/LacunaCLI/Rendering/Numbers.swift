/// Numbers as people read them.
enum Numbers {
    /// With a comma between groups of three digits.
    static func grouped(_ number: some BinaryInteger) -> String {
        let digits = String(number.magnitude)
        var groups: [Substring] = []
        var rest = digits[...]
        while rest.count > 3 {
            groups.insert(rest.suffix(3), at: 0)
            rest = rest.dropLast(3)
        }
        groups.insert(rest, at: 0)
        return (number < 0 ? "-" : "") + groups.joined(separator: ",")
    }

    /// With one decimal, never rounded up to 100 % nor down to 0 %.
    static func percent(_ fraction: Double) -> String {
        var tenths = (fraction * 1000).rounded()
        if fraction < 1 { tenths = min(tenths, 999) }
        if fraction > 0 { tenths = max(tenths, 1) }
        let number = Int(tenths)
        return number % 10 == 0 && (number == 1000 || number == 0)
            ? "\(number / 10) %" : "\(number / 10).\(number % 10) %"
    }

    /// `3 units`, `1 unit`.
    static func count(_ number: some BinaryInteger, _ noun: String, _ plural: String? = nil) -> String {
        "\(grouped(number)) \(number == 1 ? noun : plural ?? noun + "s")"
    }

    /// `2 h 5 min`, `40 s`.
    static func time(seconds: Double) -> String {
        let whole = Int(min(seconds.rounded(.up), 1e9))
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }
}
