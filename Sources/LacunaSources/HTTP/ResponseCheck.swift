import LacunaModel
import LacunaRecords

/// What a status and the headers say of an answer, before its body is read as records.
struct ResponseCheck: Sendable {
    /// What is to be done with an answer.
    enum Verdict: Sendable, Hashable {
        /// Its body is a page.
        case page
        /// There is nothing, and that is an answer.
        case empty
        /// What was asked for is lost for good.
        case gone
        /// Ask elsewhere on the same origin.
        case redirect(String)
        /// It is none.
        case failure(SourceError.Kind, String, retryAfter: Duration?)
    }

    private let onStatus: [Int: HTTPStatusAction]

    init(_ settings: HTTPSettings) {
        onStatus = settings.onStatus
    }

    /// Weighs an answer.
    ///
    /// - Parameter longestWait: the longest wait that a run has time for; a source that asks for more is left alone.
    func verdict(status: Int, header: (String) -> String?, longestWait: Duration) -> Verdict {
        let isLimit = ResponseCheck.isLimit(status: status, header: header)
        let asked = ResponseCheck.wait(header: header, isLimit: isLimit)
        switch onStatus[status] {
        case .empty: return .empty
        case .accept: return .gone
        case .unavailable: return .failure(.unavailable, "which `on_status` calls unavailable", retryAfter: nil)
        case .retry: return transient("which `on_status` retries", asked, longestWait)
        case .fail: return .failure(.permanent, "which `on_status` calls a failure", retryAfter: nil)
        case nil: break
        }
        switch status {
        case 202: return transient("not ready yet", asked, longestWait)
        case 204: return .empty
        case 206: return .failure(.permanent, "only a part of the answer", retryAfter: nil)
        case 200..<300: return content(header("content-type"))
        case 301, 302, 303, 307, 308:
            guard let target = header("location") else {
                return .failure(.permanent, "a redirect that leads nowhere", retryAfter: nil)
            }
            return .redirect(target)
        case 403 where isLimit: return transient(ResponseCheck.limitAdvice, asked, longestWait)
        case 401, 403: return .failure(.rejected, "check `auth`", retryAfter: nil)
        case 408: return transient("", asked, longestWait)
        case 413: return .failure(.tooLarge, "the window is too large; lower `batch`", retryAfter: nil)
        case 429: return transient(ResponseCheck.limitAdvice, asked, longestWait)
        case 500..<600: return transient("", asked, longestWait)
        default:
            return .failure(.permanent, "check `request`; `on_status` can give a status a meaning", retryAfter: nil)
        }
    }

    /// Weighs what the body of an answer says went wrong.
    ///
    /// - Parameter longestWait: the longest wait that a run has time for.
    func verdict(of fault: BodyFault, header: (String) -> String?, longestWait: Duration) -> Verdict {
        let asked = ResponseCheck.wait(header: header, isLimit: fault.action == .limit)
        switch fault.action {
        case .limit: return transient(ResponseCheck.limitAdvice, asked, longestWait)
        case .retry: return transient("", asked, longestWait)
        case .unknown: return .failure(.unknown, "", retryAfter: asked)
        case .tooLarge: return .failure(.tooLarge, "the window is too large; lower `batch`", retryAfter: nil)
        case .fail: return .failure(.permanent, "`on_error` can give an error a meaning", retryAfter: nil)
        case .empty: return .empty
        case .unavailable: return .failure(.unavailable, "which `on_error` calls unavailable", retryAfter: nil)
        case .deferral: return .failure(.deferred, "which `on_error` defers the run for", retryAfter: asked)
        }
    }

    /// Whether an answer says that requests come too fast. Some answer with 403 what others answer with 429.
    static func isLimit(status: Int, header: (String) -> String?) -> Bool {
        status == 429 || status == 403 && RetryAfter.isUsedUp(header: header)
    }

    private static let limitAdvice = "lower `rate_limit`"

    /// How long the headers ask to be left alone.
    private static func wait(header: (String) -> String?, isLimit: Bool) -> Duration? {
        RetryAfter.wait(header: header) ?? (isLimit ? RetryAfter.reset(header: header) : nil)
    }

    private func transient(_ advice: String, _ asked: Duration?, _ longestWait: Duration) -> Verdict {
        guard let asked, asked > longestWait else { return .failure(.transient, advice, retryAfter: asked) }
        return .failure(
            .deferred,
            "and asks to be left alone until \(Wait.instant(after: asked)), for \(Wait.text(asked)), which is longer "
                + "than `max_backoff`", retryAfter: asked)
    }

    private func content(_ type: String?) -> Verdict {
        guard let type = type?.lowercased() else { return .page }
        let parts = type.split(separator: ";").map { String($0).trimmingWhitespace }
        if let media = parts.first, ["text/html", "application/xhtml+xml"].contains(media) {
            return .failure(
                .permanent, "but with a page of HTML, not data: a login, a proxy or an error page", retryAfter: nil)
        }
        for part in parts.dropFirst() where part.hasPrefix("charset=") {
            let charset = part.dropFirst(8).filter { $0 != "\"" }
            guard ["utf-8", "utf8", "us-ascii", "ascii"].contains(charset) else {
                return .failure(.permanent, "but in the charset \(charset.prefix(40)), not UTF-8", retryAfter: nil)
            }
        }
        return .page
    }
}
