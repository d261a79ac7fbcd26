/// How the pages of a window follow each other.
public struct PaginatorSettings: Sendable, Hashable {
    /// How the next page is asked for.
    public enum Kind: Sendable, Hashable {
        /// Nothing is said of pages: one is asked for, and a sign that there are more is an error.
        case undeclared
        /// There is one page, whatever it says.
        case singlePage
        /// By the number of the page, from `base` on.
        case pageNumber(parameter: String, base: Int64, sizeParameter: String?, size: Int?)
        /// By the number of records before it.
        case offset(parameter: String, limitParameter: String?, limit: Int?)
        /// By a text that the page before it holds.
        case cursor(path: JSONPath, parameter: String)
        /// By an address in the page before it.
        case jsonLink(path: JSONPath)
        /// By the address that the header `Link` of the page before it calls `next` (RFC 8288).
        case headerLink
    }

    /// How the next page is asked for.
    public var kind: Kind
    /// Where a page says how many records there are in all.
    public var totalPath: JSONPath?
    /// Where a page says how many pages there are in all.
    public var totalPagesPath: JSONPath?
    /// Where a page says whether another follows.
    public var hasMorePath: JSONPath?
    /// More pages than this are an error.
    public var maxPages = 10_000

    /// Pages that follow each other in this way.
    public init(_ kind: Kind = .undeclared) {
        self.kind = kind
    }
}
