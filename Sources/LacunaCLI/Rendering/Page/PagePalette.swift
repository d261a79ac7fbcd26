/// The colours of the page, light and dark.
///
/// Every two states differ by shape, or by a contrast of at least 3; text has one of at least 4.5 to what is behind it
/// (<https://www.w3.org/TR/WCAG22/#contrast-minimum>, <https://www.w3.org/TR/WCAG22/#non-text-contrast>).
struct PagePalette: Sendable {
    /// Behind everything, behind sections, and behind code.
    let page: Int
    let card: Int
    let code: Int
    /// Text, and text that matters less.
    let ink: Int
    let soft: Int
    /// Text that says that something lacks, or that nothing does; and links.
    let bad: Int
    let good: Int
    let link: Int
    /// Lines between things.
    let line: Int
    /// Behind the stripes and dots of states.
    let ground: Int
    let states: [UnitState: Int]

    static let light = PagePalette(
        page: 0xF8F8F6, card: 0xFFFFFF, code: 0xF0F0ED, ink: 0x1B1F24, soft: 0x565C64, bad: 0xB01E26, good: 0x17683F,
        link: 0x1B5CAB, line: 0xDFE1E4, ground: 0xEEF0EE,
        states: [
            .missing: 0xB3141F, .thin: 0xB0470B, .marked: 0x2456C4, .provisional: 0x6E4BB0, .behind: 0x8A5A00,
            .accepted: 0x7A6A10,
            .empty: 0x3F9168, .covered: 0x93D1B2, .unexpected: 0xFFFFFF, .notDue: 0x8A9098,
        ])

    static let dark = PagePalette(
        page: 0x101214, card: 0x191C1F, code: 0x272B30, ink: 0xECEEF0, soft: 0xA3AAB2, bad: 0xFF9A9A, good: 0x6AD9A6,
        link: 0x8FBFFF, line: 0x33383E, ground: 0x23272B,
        states: [
            .missing: 0xFF9C9C, .thin: 0xFFB070, .marked: 0x7FAEFF, .provisional: 0xC3A6FF, .behind: 0xE8B04A,
            .accepted: 0xCDBB5A,
            .empty: 0x48B283, .covered: 0x256B4C, .unexpected: 0x191C1F, .notDue: 0x7A828A,
        ])

    /// The custom properties of the style.
    var properties: String {
        var pairs = [
            ("page", page), ("card", card), ("code", code), ("ink", ink), ("soft", soft), ("bad", bad), ("good", good),
            ("link", link), ("line", line), ("ground", ground),
        ]
        for state in UnitState.allCases { pairs.append((state.rawValue, states[state] ?? ink)) }
        return pairs.map { "--\($0): \(PagePalette.hex($1));" }.joined(separator: " ")
    }

    private static func hex(_ colour: Int) -> String {
        let digits = String(colour, radix: 16)
        return "#" + String(repeating: "0", count: 6 - digits.count) + digits
    }
}
