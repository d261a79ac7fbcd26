/// The names of a stream's text keys: which key stands behind an ordinal, and back.
///
/// Text keys are a set without an order. Each gets an ordinal when a run first sees it (`lacuna.key`), so that the same
/// algebra, plans and evidence hold for ids as for numbers. Only keys that something is to be done about are in here.
public final class TextKeys: Sendable, Hashable {
    /// No keys.
    public static let none = TextKeys([:])

    /// Ordinals from here on are given to keys that are not registered yet, for one look; nothing is kept under them.
    package static let firstTemporary: Int64 = 1 << 62

    private let names: [Int64: String]
    /// By bytes: Swift holds two ways to write an accent for one string, to PostgreSQL they are two keys.
    private let ordinals: [[UInt8]: Int64]

    /// Keys by ordinal.
    package init(_ names: [Int64: String]) {
        self.names = names
        ordinals = Dictionary(names.map { (Array($1.utf8), $0) }) { first, _ in first }
    }

    /// Only the keys of a batch: an answer may hold no other.
    package func only(_ units: UnitSet) -> TextKeys {
        TextKeys(
            Dictionary(
                uniqueKeysWithValues: units.ranges.joined().compactMap { unit in names[unit].map { (unit, $0) } }))
    }

    /// The key with an ordinal; nil if it is not known here.
    package func name(of ordinal: Int64) -> String? { names[ordinal] }

    /// The keys with ordinals in a range, by ordinal.
    package func names(in range: Range<Int64>) -> [String] {
        names.filter { range.contains($0.key) }.sorted { $0.key < $1.key }.map(\.value)
    }

    /// The ordinal of a key; nil if it is not known here.
    func ordinal(of key: UnsafeBufferPointer<UInt8>) -> Int64? { ordinals[Array(key)] }

    /// The ordinal of a key; nil if it is not known here.
    package func ordinal(of key: String) -> Int64? { ordinals[Array(key.utf8)] }

    /// Whether both are one object: what is known of a stream's keys changes from snapshot to snapshot.
    public static func == (lhs: TextKeys, rhs: TextKeys) -> Bool { lhs === rhs }

    /// Hashes the identity.
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
