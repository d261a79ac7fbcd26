import Foundation
import TestSupport

/// A server of JSON pages for scripts/bench-http, and the same records as CSV: `page-server PAGES FILE.csv`.
///
/// It writes the file, listens on the loopback interface, prints its address and runs until its standard input ends. A page
/// has a thousand records; `/items?page=N&from=A&to=B` gives those of the ids from A to B, which hold whole pages.
@main
enum PageServer {
    private static let pageSize = 1000
    private static let kinds = ["card", "cash", "transfer"]

    static func main() async throws {
        guard CommandLine.arguments.count == 3, let pages = Int(CommandLine.arguments[1]), pages > 0 else {
            FileHandle.standardError.write(Data("usage: page-server PAGES FILE.csv\n".utf8))
            exit(64)
        }
        let last = pages * pageSize - 1
        var csv = "id,account,amount,kind,created,note\n"
        for id in 0...last { csv += record(id).joined(separator: ",") + "\n" }
        try Data(csv.utf8).write(to: URL(fileURLWithPath: CommandLine.arguments[2]))
        // Made before anything is measured; a page begins with a multiple of its size.
        let bodies = (0..<pages).map { page in
            let ids = (page * pageSize)..<((page + 1) * pageSize)
            return Array("{\"items\": [\(ids.map { json(record($0)) }.joined(separator: ","))]".utf8)
        }
        try await HTTPServer.with { request in
            guard let page = request["page"].flatMap({ Int($0) }), let first = request["from"].flatMap({ Int($0) }),
                let end = request["to"].flatMap({ Int($0) }).map({ $0 + 1 }), page > 0, 0 <= first, first < end,
                end <= last + 1, first % pageSize == 0, end % pageSize == 0, first / pageSize + page <= end / pageSize
            else { return .init("", status: 400) }
            return .init(bodies[first / pageSize + page - 1] + Array(", \"total\": \(end - first)}".utf8))
        } _: { server in
            print(server.url)
            fflush(nil)
            while readLine() != nil {}
        }
    }

    /// The values of a record, the same on every machine. None needs quotes.
    private static func record(_ id: Int) -> [String] {
        let cents = id * 7919 % 1_000_003
        let fraction = cents % 100
        let seconds = id * 37
        let day = 1 + seconds / 86_400 % 28
        let month = 1 + seconds / 86_400 / 28 % 12
        let created =
            "2020-\(padded(month))-\(padded(day))T\(padded(seconds / 3600 % 24)):\(padded(seconds / 60 % 60)):"
            + "\(padded(seconds % 60))+00:00"
        let note = String(UInt64(id) &* 0x9E37_79B9_7F4A_7C15, radix: 16) + String(id &* 0x51_7C_C1, radix: 16)
        return [
            "\(id)", "account-\(id % 9973)", "\(cents / 100).\(padded(fraction))", kinds[id % 3], created, note,
        ]
    }

    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    private static func json(_ values: [String]) -> String {
        """
        {"id": \(values[0]), "account": "\(values[1])", "amount": \(values[2]), "kind": "\(values[3])", \
        "created": "\(values[4])", "note": "\(values[5])"}
        """
    }
}
