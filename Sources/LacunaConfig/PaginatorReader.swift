import LacunaSources

/// Reads how the pages of a window follow each other.
struct PaginatorReader {
    let section: Section
    let format: HTTPFormat

    func settings() -> PaginatorSettings {
        let type = section.text("type") ?? ""
        section.reading.reportForeign(
            to: type, in: section,
            owners: [
                "page_number": ["page_param", "base_page", "page_size_param", "page_size"],
                "offset": ["offset_param", "limit_param", "limit"],
                "cursor": ["cursor_path", "cursor_param"],
                "json_link": ["next_path"],
            ])
        var settings = PaginatorSettings(kind(type))
        settings.totalPath = path("total_path")
        settings.totalPagesPath = path("total_pages_path")
        settings.hasMorePath = path("has_more_path")
        if let limit = section.integer("max_pages") { settings.maxPages = Int(limit) }
        return settings
    }

    private func kind(_ type: String) -> PaginatorSettings.Kind {
        switch type {
        case "page_number":
            let size = number("page_size", with: "page_size_param")
            return .pageNumber(
                parameter: section.text("page_param") ?? "page", base: section.integer("base_page") ?? 1,
                sizeParameter: section.text("page_size_param"), size: size)
        case "offset":
            let limit = number("limit", with: "limit_param")
            return .offset(
                parameter: section.text("offset_param") ?? "offset", limitParameter: section.text("limit_param"),
                limit: limit)
        case "cursor":
            guard let path = required(path("cursor_path"), "cursor_path"),
                let parameter = required(section.text("cursor_param"), "cursor_param")
            else { return .undeclared }
            return .cursor(path: path, parameter: parameter)
        case "json_link":
            return required(path("next_path"), "next_path").map { .jsonLink(path: $0) } ?? .undeclared
        case "header_link": return .headerLink
        case "single_page": return .singlePage
        default: return .undeclared
        }
    }

    private func number(_ name: String, with parameter: String) -> Int? {
        let number = section.integer(name).map { Int($0) }
        if number == nil, let node = section[parameter] {
            section.reading.report("'\(parameter)' needs '\(name)'", at: node.position)
        }
        return number
    }

    private func required<Value>(_ value: Value?, _ name: String) -> Value? {
        if value == nil { section.reading.report("'paginator' of this type needs '\(name)'", at: section.position) }
        return value
    }

    private func path(_ name: String) -> JSONPath? {
        guard let node = section[name] else { return nil }
        if format != .json { section.reading.report("'\(name)' is for pages of JSON", at: node.position) }
        return node.scalar.flatMap { JSONPath($0.text) }
    }
}
