import CLibCURL

/// Why a request has no answer.
package enum CURLError: Error, Sendable, Hashable {
    /// What ran out.
    package enum Deadline: Sendable, Hashable {
        /// No connection stood in time.
        case connect
        /// No byte came for too long.
        case idle
        /// There was no answer in time.
        case answer
        /// The answer was not complete in time.
        case whole
    }

    /// What grew too large.
    package enum Part: Sendable, Hashable {
        /// The status line and the headers, trailers included.
        case head
        /// The body, after decompression.
        case body
    }

    /// libcurl's own verdict. The codes are those of <https://curl.se/libcurl/c/libcurl-errors.html>.
    case failed(code: Int32, message: String)
    /// The body is not in the coding that its head names.
    case undecodable(String)
    /// A deadline passed.
    case late(Deadline)
    /// The answer is larger than it may be.
    case tooLarge(Part)
    /// The request or the answer is not HTTP.
    case malformed(String)

    init(_ code: CURLcode, _ message: String) {
        let text = message.isEmpty ? String(cString: curl_easy_strerror(code)) : message
        self =
            code == CURLE_BAD_CONTENT_ENCODING
            ? .undecodable(text) : .failed(code: Int32(code.rawValue), message: text)
    }
}
