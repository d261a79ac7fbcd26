/// Units that a person, or the source itself, declared missing for good.
public struct AcceptedRange: Sendable, Hashable {
    /// The units.
    public var range: Range<Int64>
    /// Why, for people.
    public var reason: String
    /// From when on they are gaps again, seconds since the epoch; nil: never.
    public var end: Int64?

    /// Accepted units.
    package init(range: Range<Int64>, reason: String, end: Int64? = nil) {
        self.range = range
        self.reason = reason
        self.end = end
    }
}
