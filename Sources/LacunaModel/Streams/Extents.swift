/// The hull of everything that was committed to a partition, as ordinals.
///
/// Not a claim that what lies between is complete: that is computed from the data.
public struct Extents: Sendable, Hashable {
    /// The smallest unit that was committed.
    public let oldest: Int64
    /// The largest unit that was committed.
    public let latest: Int64

    /// Extents.
    package init(oldest: Int64, latest: Int64) {
        self.oldest = oldest
        self.latest = latest
    }
}
