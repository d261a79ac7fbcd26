import LacunaModel
import LacunaRecords

/// What an answer means whose body holds something at a place: a code or a text of the API's own.
public struct HTTPErrorRule: Sendable, Hashable {
    /// What is made of the answer.
    public enum Action: String, Sendable, Hashable, CaseIterable {
        /// The window, or what follows the last page, has no records.
        case empty
        /// The source does not have this history.
        case unavailable
        /// It may work in a moment.
        case retry
        /// The window is too large: the batch is halved without a wait.
        case halve
        /// The source wants to be left alone: the run ends as deferred.
        case `defer`
        /// The same request would fail again.
        case fail
        /// It is no error.
        case ignore
    }

    /// When the rule holds.
    public enum Condition: Sendable, Hashable {
        /// There is anything but null, false, 0, or an empty text, list or object.
        case present
        /// The value is this text, number or word.
        case equals(String)
        /// The value holds this text, in whatever case.
        case contains(String)
    }

    /// The most rules of a source: all paths of a page are found in one walk.
    package static let limit = 20

    /// Where a page holds the value.
    public var path: JSONPath
    /// When the rule holds.
    public var condition: Condition
    /// What is made of the answer.
    public var action: Action

    /// A rule.
    public init(path: JSONPath, condition: Condition = .present, action: Action) {
        self.path = path
        self.condition = condition
        self.action = action
    }
}

/// What the body of an answer says went wrong though its status says nothing, as JSON-RPC 2.0 and GraphQL do it. Pure.
struct BodyFault: Sendable, Hashable {
    /// What is to be done about it.
    enum Action: Sendable, Hashable {
        /// As about status 429.
        case limit
        /// It may work in a moment.
        case retry
        /// It may work in a moment, or never for this window.
        case unknown
        /// The window is too large.
        case tooLarge
        /// The same request would fail again.
        case fail
        /// There is nothing, and that is an answer.
        case empty
        /// The source does not have this history.
        case unavailable
        /// The source wants to be left alone.
        case deferral
    }

    let action: Action
    /// Where it stands.
    let path: String
    /// What the server says, as it was written.
    let words: String

    /// What an error means by its code and its text, whichever API it is of.
    ///
    /// The text decides first: several nodes have one code for calls that come too fast and for answers that are too large.
    static func action(code: String?, text: String) -> Action {
        let text = text.lowercased()
        func says(_ phrases: [String]) -> Bool { phrases.contains { text.contains($0) } }
        let isLimit = code.map { limitCodes.contains($0.uppercased()) } ?? false
        if says(limitPhrases) { return .limit }
        // What lies beyond the newest block, or ends before it begins, is not too large.
        if says(sizePhrases), !says(["invalid", "beyond"]) { return .tooLarge }
        // By itself that may be either.
        if says(["limit exceeded", "exceeds limit", "exceeds the limit"]) { return isLimit ? .unknown : .tooLarge }
        if isLimit { return .limit }
        return isPassing(code) || says(passingPhrases) ? .unknown : .fail
    }

    private static let limitCodes: Set = [
        "-32005", "-32029", "429", "TOO_MANY_REQUESTS", "RATE_LIMITED", "RATE_LIMIT_EXCEEDED", "THROTTLED",
    ]

    private static let limitPhrases = [
        "rate limit", "rate-limit", "ratelimit", "too many requests", "request limit reached", "requests per second",
        "per second capacity", "request rate", "request count exceeded", "throttled", "quota",
    ]

    private static let sizePhrases = [
        "range too large", "range is too large", "block range", "range limit", "returned more than", "response size",
        "too many results", "too many blocks", "too many logs", "max results", "limit the query", "limited to a",
        "window too large", "window is too large", "result set too large",
    ]

    private static let passingPhrases = [
        "timeout", "timed out", "took too long", "try again", "temporarily", "unavailable", "overloaded", "busy",
        "internal error", "internal server error", "warming up",
    ]

    /// Whether a code is one of a server's own troubles: what JSON-RPC leaves to implementations, a node that starts up.
    private static func isPassing(_ code: String?) -> Bool {
        guard let code else { return false }
        if let number = Int(code) {
            return number == -32603 || number == -28 || (-32099 ... -32000).contains(number)
                || (500...599).contains(number)
        }
        return ["INTERNAL_SERVER_ERROR", "INTERNAL", "SERVICE_UNAVAILABLE", "TIMEOUT"].contains(code.uppercased())
    }
}

/// The places in a page where it may say that something failed. Made once a source; they are found with all others of a
/// page.
struct BodyFaultPaths: Sendable {
    private struct Place: Sendable {
        let text: String
        let number: Int
        /// The number of a message beside it.
        let message: Int
    }

    private let rules: [(rule: HTTPErrorRule, number: Int)]
    /// `error` and `errors`, beside what is selected and beside what it lies in.
    private let errors: [Place]
    /// Of a page that is itself the records: the whole of it, and what shows that they are answers to calls.
    private let batch: (whole: Int, version: Int)?

    /// - Parameters:
    ///   - selected: what is read of the page; nil or the page itself: its own fields are data, and say nothing of it.
    ///   - isTip: whether that is the newest key. The object that holds it is data.
    ///   - set: takes the paths.
    init(_ rules: [HTTPErrorRule], selected: JSONPath?, isTip: Bool = false, in set: inout JSONPathSet) {
        precondition(rules.count <= HTTPErrorRule.limit, "more rules than a page is looked through for")
        var numbers: [[String]: Int] = [:]
        func number(of path: [String]) -> Int {
            if let known = numbers[path] { return known }
            let number = set.add(path)
            numbers[path] = number
            return number
        }
        self.rules = rules.map { ($0, number(of: $0.path.names)) }
        let names = selected?.names ?? []
        // The outermost object, the answer to one call of several, and what the records lie in.
        let depths = names.indices.filter { depth in
            depth == 0 || Int(names[depth - 1]) != nil || !isTip && depth + 3 >= names.count
        }.prefix(6)
        errors = depths.flatMap { depth in
            ["error", "errors"].compactMap { name in
                let path = Array(names[..<depth]) + [name]
                guard !names.starts(with: path) else { return nil }
                return Place(
                    text: path.joined(separator: "."), number: number(of: path),
                    message: number(of: Array(names[..<depth]) + ["message"]))
            }
        }
        batch = names.isEmpty && !isTip ? (number(of: []), number(of: ["0", "jsonrpc"])) : nil
    }

    /// What a page says went wrong; nil if it says nothing.
    func fault(in document: JSONDocument) -> BodyFault? {
        let said = errors.lazy.compactMap { place in document[place.number].map { (place, $0) } }
            .first { !document.isNothing($0.1) }
        for (rule, number) in rules {
            guard let value = document[number], rule.holds(for: value, in: document) else { continue }
            guard let action = rule.action.bodyAction else { return nil }
            let words = said.map { described($0.1, at: $0.0, in: document).text } ?? document.shown(value)
            return BodyFault(action: action, path: rule.path.description, words: words)
        }
        if let (place, value) = said {
            let words = described(value, at: place, in: document)
            return BodyFault(
                action: BodyFault.action(code: words.code, text: words.text), path: place.text, words: words.text)
        }
        return batchFault(in: document)
    }

    private func described(_ value: JSONDocument.Value, at place: Place, in document: JSONDocument) -> ErrorWords {
        var words = ErrorWords(value, in: document)
        // `true`, or a bare code: what it means stands beside it.
        if words.isBare, let message = document[place.message], message.kind == .string {
            words.text += ": " + document.text(message)
        }
        return words
    }

    /// The first error among the answers to a list of JSON-RPC calls that are themselves the records.
    private func batchFault(in document: JSONDocument) -> BodyFault? {
        guard let batch, document[batch.version]?.kind == .string, let whole = document[batch.whole],
            whole.kind == .array
        else { return nil }
        var paths = JSONPathSet()
        let error = paths.add(["error"])
        var index = 0
        var found: BodyFault?
        document.forEachElement(of: whole) { bytes in
            defer { index += 1 }
            guard found == nil, let answer = try? JSONDocument(Array(bytes), finding: paths),
                let value = answer[error], !answer.isNothing(value)
            else { return }
            let words = ErrorWords(value, in: answer)
            found = BodyFault(
                action: BodyFault.action(code: words.code, text: words.text), path: "\(index).error", words: words.text)
        }
        return found
    }
}

extension HTTPErrorRule {
    fileprivate func holds(for value: JSONDocument.Value, in document: JSONDocument) -> Bool {
        switch condition {
        case .present: !document.isNothing(value)
        case .equals(let text): document.text(value) == text
        case .contains(let text): document.text(value).lowercased().contains(text.lowercased())
        }
    }
}

extension HTTPErrorRule.Action {
    /// What is to be done; nil: nothing is wrong.
    fileprivate var bodyAction: BodyFault.Action? {
        switch self {
        case .empty: .empty
        case .unavailable: .unavailable
        case .retry: .retry
        case .halve: .tooLarge
        case .defer: .deferral
        case .fail: .fail
        case .ignore: nil
        }
    }
}

extension JSONDocument {
    /// Whether a value in the place of an error says that there is none.
    fileprivate func isNothing(_ value: Value) -> Bool {
        switch value.kind {
        case .null: true
        case .boolean: text(value) == "false"
        case .number: Double(text(value)) == 0
        case .string: text(value).trimmingWhitespace.isEmpty
        case .array, .object: withBytes(of: value) { $0.dropFirst().dropLast().allSatisfy { $0 <= 0x20 } }
        }
    }

    /// A value as a person is shown it.
    fileprivate func shown(_ value: Value) -> String {
        value.kind == .object || value.kind == .array ? ErrorWords(value, in: self).text : text(value)
    }
}

/// What an error in a body says: JSON-RPC's object, GraphQL's list of objects, a text, a list of texts.
private struct ErrorWords {
    /// Where code and text are in an object, in the order in which they are looked for.
    private struct Details {
        let set: JSONPathSet
        let codes: [Int]
        let texts: [Int]
        let more: [Int]

        init(of prefix: [String]) {
            var set = JSONPathSet()
            func numbers(_ paths: [[String]]) -> [Int] { paths.map { set.add(prefix + $0) } }
            codes = numbers([["code"], ["extensions", "code"], ["type"], ["status"]])
            texts = numbers([
                ["message"], ["msg"], ["detail"], ["description"], ["title"], ["reason"], ["error"], [],
            ])
            more = numbers([["data"], ["data", "message"]])
            self.set = set
        }
    }

    private static let ofObject = Details(of: [])
    private static let ofList = Details(of: ["0"])

    private(set) var code: String?
    var text: String
    /// Whether it is a number or a word, which mean nothing by themselves.
    private(set) var isBare = false

    init(_ value: JSONDocument.Value, in document: JSONDocument) {
        text = document.text(value)
        switch value.kind {
        case .object, .array: break
        case .string: return
        default:
            isBare = true
            code = text
            return
        }
        // Read only now, because something failed: pages without an error are walked once.
        let details = value.kind == .object ? ErrorWords.ofObject : ErrorWords.ofList
        guard let error = try? JSONDocument(document.withBytes(of: value) { Array($0) }, finding: details.set) else {
            return
        }
        func first(_ numbers: [Int]) -> String? {
            numbers.lazy.compactMap { error[$0] }.first { $0.kind == .string || $0.kind == .number }
                .map(error.text)
        }
        code = first(details.codes)
        let parts = [code, first(details.texts), first(details.more)].compactMap(\.self).filter { !$0.isEmpty }
        if !parts.isEmpty { text = parts.joined(separator: ": ") }
    }
}
