import LacunaRecords

/// What a source looks for in its pages and in the answer to its tip request. Made once a source.
struct PagePaths: Sendable {
    /// All paths of a page: one walk finds them.
    let set: JSONPathSet
    /// The records: what `record_selector` names, or the page itself.
    let records: WantedPath
    /// How many records there are in all.
    let total: WantedPath?
    /// How many pages there are in all.
    let totalPages: WantedPath?
    /// Whether another page follows.
    let hasMore: WantedPath?
    /// The cursor or the address of the next page.
    let next: WantedPath?
    /// Signs that there is more.
    let signs: MoreSigns
    /// Where a page says that something failed.
    let faults: BodyFaultPaths
    /// The newest key, in the answer to the tip request, and where that says that something failed.
    let tip: ValuePaths?
    /// The number of records, in the answer to the count request.
    let count: ValuePaths?

    /// Where an answer holds the one value that was asked for, and where it says that something failed.
    typealias ValuePaths = (set: JSONPathSet, key: WantedPath, faults: BodyFaultPaths)

    init(_ settings: HTTPSettings) {
        var set = JSONPathSet()
        records = set.want(settings.recordSelector ?? .document)
        let paginator = settings.paginator
        total = paginator.totalPath.map { set.want($0) }
        totalPages = paginator.totalPagesPath.map { set.want($0) }
        hasMore = paginator.hasMorePath.map { set.want($0) }
        switch paginator.kind {
        case .cursor(let path, _), .jsonLink(let path): next = set.want(path)
        default: next = nil
        }
        faults = BodyFaultPaths(settings.onError, selected: settings.recordSelector, in: &set)
        signs = MoreSigns(adding: &set, selector: settings.recordSelector)
        self.set = set
        func value(_ asked: HTTPTipSettings?) -> ValuePaths? {
            asked?.select.map { path in
                var set = JSONPathSet()
                let key = set.want(path)
                let faults = BodyFaultPaths(settings.onError, selected: path, isTip: true, in: &set)
                return (set, key, faults)
            }
        }
        tip = value(settings.tip)
        count = value(settings.count)
    }
}
