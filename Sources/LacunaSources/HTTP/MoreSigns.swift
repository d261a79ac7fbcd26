import LacunaModel
import LacunaRecords

/// Signs in an answer that there is more than it holds, for sources whose pages nobody declared, or not fully.
///
/// The names are those that public APIs and their client libraries use: JSON:API, HAL, OData, Google's AIP-158, GraphQL
/// connections, AWS, Stripe, Slack, Datasette, Django REST framework.
struct MoreSigns: Sendable {
    /// What says so.
    struct Sign: Hashable {
        /// Where it stands.
        let place: String
        /// What it says.
        let text: String
        /// What to declare.
        let advice: String
    }

    private enum Kind: Sendable {
        /// An address or a token of the next page.
        case next(isAddress: Bool)
        /// Whether more follows.
        case flag
        /// How many records there are in all.
        case total
    }

    private static let names: [(name: String, kind: Kind)] =
        ["next", "next_url", "nextUrl", "next_page_url", "nextPageUrl", "next_link", "nextLink", "@odata.nextLink"]
        .map { ($0, .next(isAddress: true)) }
        + ["next_page_token", "nextPageToken", "nextToken", "next_token", "next_cursor", "nextCursor", "next_page"]
        .map { ($0, .next(isAddress: false)) }
        + ["continuationToken", "NextToken", "endCursor"].map { ($0, .next(isAddress: false)) }
        + [
            "has_more", "hasMore", "has_next", "hasNext", "hasNextPage", "isTruncated", "truncated",
            "incomplete_results",
        ]
        .map { ($0, .flag) }
        + ["total", "total_count", "totalCount", "total_results", "totalResults", "@odata.count"].map { ($0, .total) }
    private static let containers = [
        "links", "_links", "meta", "metadata", "pagination", "paging", "page_info", "pageInfo", "response_metadata",
    ]

    private struct Wanted: Sendable {
        let path: [String]
        let kind: Kind
        let number: Int
    }

    private var wanted: [Wanted] = []
    private var nested: [Wanted] = []
    private static let inContainer: (set: JSONPathSet, wanted: [Wanted]) = {
        var set = JSONPathSet()
        let wanted = names.map { Wanted(path: [$0.name], kind: $0.kind, number: set.add([$0.name])) }
        return (set, wanted)
    }()

    /// Looks for the signs beside the records, in the walk that looks for them.
    ///
    /// - Parameters:
    ///   - set: what a page is searched for; signs are left out if there is no room.
    ///   - selector: where the records stand. If they are the page itself, its fields are data.
    init(adding set: inout JSONPathSet, selector: JSONPath?) {
        guard let selector, !selector.names.isEmpty else { return }
        var places = [[String]()]
        if selector.names.count > 1 { places.append(Array(selector.names.dropLast())) }
        for place in places {
            for container in MoreSigns.containers where set.hasRoom {
                let path = place + [container]
                nested.append(Wanted(path: path, kind: .flag, number: set.add(path)))
            }
        }
        for (name, kind) in MoreSigns.names where set.hasRoom && selector.names.first != name {
            wanted.append(Wanted(path: [name], kind: kind, number: set.add([name])))
        }
        if let parent = places.dropFirst().first, set.hasRoom {
            nested.append(Wanted(path: parent, kind: .flag, number: set.add(parent)))
        }
    }

    /// The first sign in a page; nil if there is none.
    ///
    /// - Parameters:
    ///   - received: the records that came in all.
    ///   - links: whether an address or token of a next page counts: behind the last record some sources name one for ever.
    ///   - flags: whether a flag counts: not if it is the one that was declared, and was read.
    func first(in document: JSONDocument, received: Int, links: Bool) -> Sign? {
        for sign in wanted {
            guard let value = document[sign.number] else { continue }
            if let text = text(value, sign.kind, document, received, links) {
                return self.sign(sign.path, sign.kind, text)
            }
        }
        for container in nested {
            guard let value = document[container.number], value.kind == .object else { continue }
            let bytes = document.withBytes(of: value) { Array($0) }
            // The parent of a long list is walked only if it is small: its list is no sign.
            guard bytes.count <= 4096,
                let inner = try? JSONDocument(bytes, finding: MoreSigns.inContainer.set)
            else { continue }
            for sign in MoreSigns.inContainer.wanted {
                guard let value = inner[sign.number] else { continue }
                if let text = text(value, sign.kind, inner, received, links) {
                    return self.sign(container.path + sign.path, sign.kind, text)
                }
            }
        }
        return nil
    }

    private func text(
        _ value: JSONDocument.Value, _ kind: Kind, _ document: JSONDocument, _ received: Int, _ links: Bool
    ) -> String? {
        let text = document.text(value)
        switch kind {
        case .next:
            guard links, received > 0 else { return nil }
            switch value.kind {
            case .string: return text.isEmpty ? nil : text
            case .number: return Int64(text).map { $0 > 0 } == true ? text : nil
            // HAL and JSON:API write an object with the address in it.
            case .object: return text.contains("href") ? text : nil
            default: return nil
            }
        case .flag: return value.kind == .boolean && text == "true" && links ? text : nil
        case .total:
            guard value.kind == .number, let total = Int64(text), total > Int64(received) else { return nil }
            return text
        }
    }

    private func sign(_ path: [String], _ kind: Kind, _ text: String) -> Sign {
        let place = path.map(JSONPath.text).joined(separator: ".")
        let advice =
            switch kind {
            case .next(isAddress: true): "paginator: {type: json_link, next_path: '\(place)'}"
            case .next(isAddress: false): "paginator: {type: cursor, cursor_path: '\(place)', cursor_param: …}"
            case .flag: "a paginator with has_more_path: '\(place)'"
            case .total: "a paginator with total_path: '\(place)'"
            }
        return Sign(place: place, text: text, advice: advice)
    }
}
