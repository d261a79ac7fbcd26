extension Reading {
    /// Replaces `${env:NAME}` and `${file:PATH}` in a scalar; `$${` stands for `${` itself.
    func interpolate(_ raw: String, at position: Position) -> WrittenText {
        guard expandsValues else { return WrittenText([.literal(raw)]) }
        var fragments: [WrittenText.Fragment] = []
        var rest = raw[...]
        while let opening = rest.firstRange(of: "${") {
            var before = rest[..<opening.lowerBound]
            rest = rest[opening.upperBound...]
            if before.last == "$" {
                before.removeLast()
                fragments.append(.literal(String(before)))
                // The closing brace belongs to the escape, so that `$${HOME}` is literal in a template as well.
                let inner = rest.prefix { $0 != "{" && $0 != "}" }
                rest = rest[inner.endIndex...]
                let isClosed = rest.first == "}"
                if isClosed { rest.removeFirst() }
                fragments.append(.escaped("${\(inner)\(isClosed ? "}" : "")"))
                continue
            }
            fragments.append(.literal(String(before)))
            guard let close = rest.firstIndex(of: "}") else {
                report("'${' without '}'; a literal '${' is written '$${'", at: position)
                return WrittenText([.literal(raw)])
            }
            let inner = rest[..<close]
            rest = rest[rest.index(after: close)...]
            let variable = inner.hasPrefix("env:") ? String(inner.dropFirst(4)) : nil
            let value = value(ofInterpolation: inner, at: position) ?? ""
            addSecret(value)
            fragments.append(.secret(value, variable: variable))
        }
        fragments.append(.literal(String(rest)))
        return WrittenText(fragments.filter { $0 != .literal("") })
    }

    private func value(ofInterpolation inner: Substring, at position: Position) -> String? {
        if inner.hasPrefix("env:") {
            let name = String(inner.dropFirst(4))
            if let value = environment[name], !name.isEmpty { return value }
            report(
                "environment variable \(Shown.text(name)) is not set; set it, or write the value in its place",
                at: position)
            return nil
        }
        if inner.hasPrefix("file:"), inner.count > 5 {
            let file = String(inner.dropFirst(5))
            do {
                var text = try Reading.text(ofFile: resolve(file), limit: 1 << 20, limitText: "1 MiB")
                if text.last?.isNewline == true { text.removeLast() }
                if !text.unicodeScalars.contains("\0") { return text }
                report("cannot use '\(Shown.text(file))': it holds a NUL character", at: position)
            } catch {
                report("cannot read '\(Shown.text(file))': \(error.reason)", at: position)
            }
            return nil
        }
        report(
            "'${\(Shown.text(String(inner)))}' is not known; write ${env:NAME} or ${file:PATH}, or '$${' for a literal '${'",
            at: position)
        return nil
    }
}
