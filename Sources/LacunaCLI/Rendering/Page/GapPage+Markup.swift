import Foundation
import Lacuna

extension GapPage {
    /// Writes the page. It needs nothing else: no script, no font, no address.
    ///
    /// - Parameter put: takes each line; there may be millions.
    func write(_ put: (String) -> Void) {
        let escape = HTMLText.escape
        put(
            """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" \
            content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
            <title>\(escape(verdict)) – gaps</title>
            <style>
            \(PageStyle.css)
            </style>
            </head>
            <body>
            \(PageStyle.patterns)
            <main>
            <h1 class="\(isClean ? "good" : "bad")">\(escape(verdict))</h1>
            """)
        if let time {
            let date = Date(timeIntervalSince1970: Double(time)).formatted(.iso8601)
            let shown = date.replacing("T", with: " ").replacing("Z", with: " UTC")
            put("<p class=\"soft\">As of <time datetime=\"\(date)\">\(shown)</time></p>")
        }
        put("<ul class=\"tiles\" aria-label=\"Figures\">")
        for figure in figures {
            let style = figure.isGood.map { $0 ? "good" : "bad" } ?? "soft"
            put(
                "<li><strong class=\"\(style)\">\(escape(figure.value ?? "not known"))</strong> "
                    + "<span class=\"soft\">\(escape(figure.caption))</span></li>")
        }
        put("</ul>")
        if !failures.isEmpty {
            put("<section class=\"card\"><h2 class=\"bad\">Not looked at</h2><ul>")
            for failure in failures { put("<li>\(escape(failure))</li>") }
            put("</ul></section>")
        }
        index(put)
        for stream in streams { stream.write(put) }
        rest(put)
        put("</main>")
        put("</body>")
        put("</html>")
    }

    /// Links to the streams, if there is more than one.
    private func index(_ put: (String) -> Void) {
        guard streams.count > 1 else { return }
        put("<nav aria-label=\"Streams\"><ul>")
        for stream in streams {
            put(
                "<li><a href=\"#\(stream.id)\">\(HTMLText.name(stream.name))</a> "
                    + "<span class=\"\(stream.isClean ? "good" : "bad")\">\(HTMLText.escape(stream.badge))</span></li>")
        }
        put("</ul></nav>")
    }

    private func rest(_ put: (String) -> Void) {
        guard !lines.isEmpty else { return }
        put("<section class=\"card\"><h2>\(Numbers.count(lines.count + hiddenStreamCount, "more stream"))</h2><ul>")
        for line in lines { put("<li>\(HTMLText.name(line.name)): \(HTMLText.escape(line.text))</li>") }
        put("</ul>")
        if hiddenStreamCount > 0 {
            put("<p>… and \(Numbers.count(hiddenStreamCount, "more stream")), none of them worse</p>")
        }
        put("</section>")
    }
}

extension PageStream {
    /// Writes the section.
    func write(_ put: (String) -> Void) {
        let escape = HTMLText.escape
        put("<section class=\"card\" aria-labelledby=\"\(id)\">")
        put(
            "<div class=\"head\"><h2 id=\"\(id)\">\(HTMLText.name(name))</h2> "
                + "<span class=\"badge \(isClean ? "good" : "bad")\">\(escape(badge))</span></div>")
        put("<p class=\"soft\">\(escape(description))</p>")
        if !sentence.isEmpty { put("<p>\(escape(sentence))</p>") }
        strips(put)
        legend(put)
        for (index, partition) in partitions.enumerated() where partition.detail != nil {
            partition.write(isOpen: index < PageStream.openDetails && !partition.isClean, words, put)
        }
        if let hiddenDetails { put("<p class=\"soft\">\(escape(hiddenDetails))</p>") }
        runs(put)
        put("</section>")
    }

    /// So many of the worst partitions tell their gaps without being opened.
    private static let openDetails = 2

    private func strips(_ put: (String) -> Void) {
        guard !partitions.isEmpty else { return }
        let isAlone = partitions.count == 1 && partitions[0].name.isEmpty
        put("<ul class=\"strips\(isAlone ? " alone" : "")\">")
        for partition in partitions { partition.line(words, put) }
        if let rest {
            put("<li><span class=\"name\">others</span>")
            rest.strip?.write(rest.text, words, put)
            put("<span class=\"share\"></span><span class=\"text\">\(HTMLText.escape(rest.text))</span></li>")
        }
        put("</ul>")
        guard let axis, !axis.ticks.isEmpty else { return }
        put("<ul class=\"strips\(isAlone ? " alone" : "")\" aria-hidden=\"true\"><li>")
        put("<svg class=\"axis\" focusable=\"false\">")
        for (index, tick) in axis.ticks.enumerated() {
            let position = axis.position(tick.unit)
            let place = HTMLText.percentage(position)
            let anchor = position < 0.06 ? "first" : position > 0.94 ? "last" : "middle"
            let group = index.isMultiple(of: 2) ? "" : " second"
            put(
                "<line x1=\"\(place)\" x2=\"\(place)\" y1=\"0\" y2=\"6\"/>"
                    + "<text class=\"\(anchor)\(group)\" x=\"\(place)\" y=\"20\">\(HTMLText.escape(tick.text))</text>")
        }
        put("</svg></li></ul>")
    }

    private func legend(_ put: (String) -> Void) {
        put("<ul class=\"legend\" aria-label=\"Legend\">")
        for state in states {
            let key =
                state == .missing
                ? "<rect class=\"u-missing\" y=\"0\" width=\"20\" height=\"24\"/>"
                : state == .unexpected
                    ? "<rect y=\"11.5\" width=\"20\" height=\"1\" style=\"fill:var(--line)\"/>"
                    : "<rect class=\"\(state.styleClass)\" y=\"4\" width=\"20\" height=\"16\"/>"
            put("<li><svg aria-hidden=\"true\" focusable=\"false\">\(key)</svg>\(HTMLText.escape(state.words))</li>")
        }
        put("</ul>")
    }

    private func runs(_ put: (String) -> Void) {
        if let runsUnknown { return put("<p class=\"soft\">\(HTMLText.escape(runsUnknown))</p>") }
        guard !runs.isEmpty else { return }
        put(
            "<details class=\"more\"><summary>The last \(Numbers.count(runs.count, "run"))</summary><ul class=\"runs\">"
        )
        for run in runs {
            put("<li>\(HTMLText.escape(run.text))</li>")
        }
        put("</ul></details>")
    }
}

extension PagePartition {
    /// Where the part with its gaps is.
    private var detailID: String { "\(id)/gaps" }

    /// Writes the line with the strip.
    func line(_ words: UnitWords, _ put: (String) -> Void) {
        put("<li id=\"\(id)\">")
        if !name.isEmpty {
            let shown = HTMLText.name(name)
            put("<span class=\"name\">\(detail == nil ? shown : "<a href=\"#\(detailID)\">\(shown)</a>")</span>")
        }
        strip?.write(([name, "\(percent) covered", text].filter { !$0.isEmpty }).joined(separator: ", "), words, put)
        put(
            "<span class=\"share \(isClean ? "good" : "bad")\">\(HTMLText.escape(percent))</span>"
                + "<span class=\"text\">\(HTMLText.escape(text))</span></li>")
    }

    /// Writes what is told on demand.
    func write(isOpen: Bool, _ words: UnitWords, _ put: (String) -> Void) {
        guard let detail else { return }
        let escape = HTMLText.escape
        let heading = name.isEmpty ? "" : "\(HTMLText.name(name)) · "
        put("<details class=\"more\"\(isOpen ? " open" : "")><summary>\(heading)\(escape(text))</summary>")
        put("<div id=\"\(detailID)\">")
        if !detail.gaps.isEmpty || detail.rest != nil {
            put("<ul class=\"gaps\" aria-label=\"Gaps\">")
            for gap in detail.gaps {
                let age = gap.age.map { "\(escape($0)) old" } ?? ""
                put(
                    "<li><b>\(HTMLText.range(gap.range, isOrdered: words.type.isOrdered))</b><span>\(escape(gap.length))</span>"
                        + "<span class=\"soft\">\(age)</span><span class=\"cause\">\(escape(gap.cause))</span></li>")
            }
            if let rest = detail.rest { put("<li><b>\(escape(rest))</b></li>") }
            put("</ul>")
        }
        if let command = detail.command { put("<p>To close them: <code>\(escape(command))</code></p>") }
        if let noCommand = detail.noCommand { put("<p class=\"soft\">\(escape(noCommand))</p>") }
        put("<dl>")
        for fact in detail.facts { put("<dt>\(escape(fact.name))</dt><dd>\(escape(fact.text))</dd>") }
        put("</dl>")
        detail.pictures?.write(name, words, put)
        put("</div></details>")
    }
}
