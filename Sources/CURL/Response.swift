/// The head of an answer.
package struct Head: Sendable {
    /// The status, from 200 on.
    package fileprivate(set) var status: Int
    /// The words behind the status; empty in HTTP/2.
    package fileprivate(set) var reason: String
    /// The version: `1.1`, `2`.
    package fileprivate(set) var version: String
    /// The headers in the order in which they came.
    package fileprivate(set) var headers: [Header] = []

    /// The values of a header, whatever the case of its name.
    package func values(of name: String) -> [String] {
        headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    /// The length of the body as it is sent; nil: it was not announced.
    package var announcedLength: Int? { values(of: "content-length").first.flatMap { Int($0) } }

    /// Whether the end of the body is marked: a body that is cut short cannot be taken for whole.
    ///
    /// HTTP/2 marks it always, HTTP/1.1 by a length or by chunks (RFC 9112, section 6.3).
    package var marksEnd: Bool {
        !version.hasPrefix("1.") || announcedLength != nil
            || values(of: "transfer-encoding").joined(separator: ",").lowercased().hasSuffix("chunked")
    }

    /// Whether the body is compressed on the way. libcurl does not say if a compressed body ends too early.
    package var isCoded: Bool {
        values(of: "content-encoding").contains { !["", "identity"].contains($0.lowercased()) }
    }
}

/// Reads the head of an answer line by line, and those of informational answers before it.
struct HeadReader {
    /// What a line was.
    enum Step {
        case more
        case complete(Head)
        case malformed(String)
    }

    private var head: Head?
    private var isComplete = false

    /// Takes a line with its end.
    mutating func take(_ line: UnsafeRawBufferPointer) -> Step {
        // Behind the head there are only trailers, which nobody asks for.
        if isComplete { return .more }
        let text = line.prefix { $0 != 0x0D && $0 != 0x0A }
        if text.isEmpty { return end() }
        if head == nil {
            head = HeadReader.statusLine(String(decoding: text, as: UTF8.self))
            return head == nil ? .malformed("the answer does not begin with a status from 100 to 999") : .more
        }
        add(text)
        return .more
    }

    private mutating func end() -> Step {
        guard let head else { return .malformed("the answer has no status") }
        if head.status == 101 { return .malformed("the server switches to another protocol") }
        if head.status < 200 {
            self.head = nil
            return .more
        }
        isComplete = true
        guard Set(head.values(of: "content-length")).count <= 1 else {
            return .malformed("the answer announces two lengths")
        }
        return .complete(head)
    }

    private mutating func add(_ line: Slice<UnsafeRawBufferPointer>) {
        guard let last = head?.headers.indices.last ?? nil, line.first == 0x20 || line.first == 0x09 else {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return }
            head?.headers.append(Header(HeadReader.trimmed(line[..<colon]), HeadReader.trimmed(line[(colon + 1)...])))
            return
        }
        // A value that was folded (RFC 9112, section 5.2).
        let header = head?.headers[last] ?? Header("", "")
        head?.headers[last] = Header(header.name, header.value + " " + HeadReader.trimmed(line))
    }

    private static func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        let end = bytes.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? bytes.startIndex
        return String(decoding: bytes[..<end].drop(while: isBlank), as: UTF8.self)
    }

    /// `HTTP/1.1 200 OK`; `HTTP/2 200`
    private static func statusLine(_ line: String) -> Head? {
        let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0].hasPrefix("HTTP/"), parts[1].utf8.count == 3,
            let status = Int(parts[1]), (100...999).contains(status)
        else { return nil }
        return Head(
            status: status, reason: parts.count == 3 ? String(parts[2]) : "", version: String(parts[0].dropFirst(5)))
    }
}
