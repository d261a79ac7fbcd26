import Lacuna
import TestSupport
import Testing

@testable import LacunaSources

@Suite("How long an answer asks to be left alone")
struct RetryAfterTests {
    /// 2025-01-31 00:00:00 UTC.
    private static let now = 1_738_281_600.0

    @Test(
        "Retry-After is read as the standard and as servers write it, and rubbish is passed over",
        arguments: [
            ("0", 0), ("120", 120), ("99999999999999999999", 604_800), ("Fri, 31 Jan 2025 00:00:20 GMT", 20),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Fri, 31 Feb 2025 00:02:00 GMT", nil), ("soon", nil), ("-5", nil),
            ("1.5", 1.5), ("0.25", 0.25), ("1.", nil), (".5", nil), ("1.2.3", nil), ("1e3", nil), ("2, 3", 3),
            ("3,2", 3), ("1.5, 2", 2), ("2, soon", nil), ("2,", nil), ("1738281630", 30), ("1738281500", 0),
            ("1738281630000", 30), ("2738281630", 604_800), ("1738281630.5", 30.5), ("", nil), (nil, nil),
        ] as [(String?, Double?)])
    func retryAfter(header: String?, seconds: Double?) {
        #expect(RetryAfter.wait(header, now: Self.now) == seconds.map { .seconds($0) })
    }

    @Test(
        "A wait in milliseconds is more exact than one in seconds",
        arguments: [
            (["retry-after-ms": "1500", "retry-after": "2"], 1.5), (["retry-after-ms": "250"], 0.25),
            (["retry-after-ms": "soon", "retry-after": "2"], 2), (["retry-after": "2"], 2), ([:], nil),
        ] as [([String: String], Double?)])
    func milliseconds(headers: [String: String], seconds: Double?) {
        #expect(RetryAfter.wait(header: { headers[$0] }, now: Self.now) == seconds.map { .seconds($0) })
    }

    @Test(
        "A rate limit says when it begins anew, as a wait or as an instant",
        arguments: [
            (["x-ratelimit-reset": "1738281640"], 40), (["x-ratelimit-reset": "1738281640000"], 40),
            (["x-ratelimit-reset": "30"], 30), (["ratelimit-reset": "50"], 50),
            (["ratelimit-reset": "50", "ratelimit-remaining": "0"], 50),
            // Something is left: the answer is about another limit.
            (["ratelimit-reset": "50", "ratelimit-remaining": "12"], nil),
            // Two limits, of which the first is used up.
            (["x-ratelimit-reset": "1, 1419704", "x-ratelimit-remaining": "0, 1000"], 1),
            (["x-ratelimit-reset": "5, 7", "x-ratelimit-remaining": "0"], 7),
            // Neither near now nor a wait.
            (["x-ratelimit-reset": "938281640"], nil), (["x-ratelimit-reset": "99999999999999999999"], nil),
            (["x-ratelimit-reset": "2025-01-31"], nil), (["x-ratelimit-remaining": "0"], nil), ([:], nil),
        ] as [([String: String], Double?)])
    func reset(headers: [String: String], seconds: Double?) {
        #expect(RetryAfter.reset(header: { headers[$0] }, now: Self.now) == seconds.map { .seconds($0) })
    }

    @Test(
        "A limit is told from a login",
        arguments: [
            (403, [:], .rejected, nil), (403, ["x-ratelimit-remaining": "12"], .rejected, nil),
            (403, ["x-ratelimit-remaining": "0"], .transient, nil),
            (403, ["ratelimit-remaining": "0", "retry-after": "2"], .transient, 2),
            (403, ["x-ratelimit-remaining": "0", "x-ratelimit-reset": "3"], .transient, 3),
            (403, ["x-ratelimit-remaining": "0", "x-ratelimit-reset": "3000"], .deferred, 3000),
            (401, ["x-ratelimit-remaining": "0"], .rejected, nil),
            (429, ["x-ratelimit-reset": "4"], .transient, 4), (429, ["retry-after-ms": "1500"], .transient, 1.5),
            (429, ["retry-after": "1, 2"], .transient, 2),
            // Of an overloaded server the limit is not at fault.
            (503, ["x-ratelimit-reset": "4"], .transient, nil), (503, ["retry-after": "1.5"], .transient, 1.5),
            (413, [:], .tooLarge, nil),
        ] as [(Int, [String: String], SourceError.Kind, Double?)])
    func verdicts(status: Int, headers: [String: String], kind: SourceError.Kind, seconds: Double?) throws {
        let check = ResponseCheck(HTTPSettings(baseURL: try Template("https://h")))
        let verdict = check.verdict(status: status, header: { headers[$0] }, longestWait: .seconds(60))
        guard case .failure(let found, _, let wait) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect(found == kind)
        #expect(wait == seconds.map { .seconds($0) })
    }
}
