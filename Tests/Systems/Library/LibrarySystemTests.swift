import Foundation
import TestSupport
import Testing

@Suite("The system library: a catalogue by publication day backwards, and new input with a sweep")
struct LibrarySystemTests {
    /// The newest day that is due.
    private let last = SystemDay.today.advanced(by: -2)

    /// Where a history of about so many windows begins: at a line of the grid.
    private func beginning(windows: Int) -> SystemDay {
        SystemDay(number: (last.number / 30 - windows + 1) * 30)
    }

    private func with(
        _ api: LibraryServer, from first: SystemDay, _ body: (Installation, HTTPServer) async throws -> Void
    ) async throws {
        try await HTTPServer.with {
            api.answer($0)
        } _: { server in
            let environment = LibraryServer.environment.merging(["LIBRARY_URL": server.url + "/seoji"]) { $1 }
            try await Installation.with(template: "library", environment: environment) { installation in
                // The newest part of the history, a library that allows more, and no time to wait for one that is down.
                for file in ["lacuna.yaml", "dashboard/percent_done.sql", "dashboard/windows_left.sql"] {
                    try installation.edit(file, "2000-01-01", to: first.iso)
                }
                try installation.edit(
                    "lacuna.yaml", "rate_limit: {requests: 10, per: 1s}", to: "rate_limit: {requests: 100, per: 1s}")
                try installation.edit(
                    "lacuna.yaml", "retry: {attempts: 5, backoff: 1s, max_backoff: 1m}",
                    to: "retry: {attempts: 3, backoff: 1s, max_backoff: 1s}")
                try await body(installation, server)
            }
        }
    }

    /// The rows of a query of the dashboard, as text.
    private func dashboard(_ name: String, _ columns: String, _ installation: Installation) async throws -> [String] {
        let file = installation.directory.url.appendingPathComponent("dashboard/\(name).sql")
        let query = try String(contentsOf: file, encoding: .utf8)
        let end = try #require(query.lastIndex(of: ";"))
        return try await installation.database.column(
            "SELECT concat_ws(' ', \(columns)) FROM (\(query[..<end])) AS dashboard")
    }

    private func expectBooks(
        _ books: [LibraryServer.Book], in table: String, _ installation: Installation,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await installation.expectRows(
            "SELECT \(LibraryServer.rowOfTable) FROM public.\(table)",
            books.map { $0.row.replacing("\\\"", with: "\"") }, sourceLocation: sourceLocation)
    }

    @Test(
        "Filled through bad moments, killed in mid-window and resumed, with right numbers on the dashboard all the time"
    )
    func fills() async throws {
        let first = beginning(windows: 16)
        let api = LibraryServer(from: first.advanced(by: -40), through: SystemDay.today, badMoments: true)
        try await with(api, from: first) { installation, server in
            let database = installation.database
            var random = SeededGenerator("library killed")
            let windows = first.distance(to: last) / 30 + 1
            #expect(
                try await dashboard("percent_done", "windows, done, percent_done", installation) == ["\(windows) 0 0.0"]
            )

            // One window stops after its first page: the kill is sure to come in the middle of it.
            let stalled = first.advanced(by: 30 * Int.random(in: 2...windows - 3, using: &random))
            api.set(.stalls(stalled.advanced(by: 15)))
            let process = try installation.start(["reconcile", "books"])
            let wanted = Int.random(in: windows...windows + 8, using: &random)
            try await installation.waitUntil("a window is half read, and others are done") {
                server.requests.count >= wanted
                    && server.requests.contains {
                        $0["page_no"] == "2" && $0["start_publish_date"] == stalled.advanced(by: -2).compact
                    }
            }
            process.send(signal: SIGKILL)
            _ = try await process.wait()
            try await installation.waitUntilBackendsAreGone()
            #expect(try await installation.leftovers() == [])
            let inside = "BETWEEN date '\(stalled.advanced(by: 2).iso)' AND '\(stalled.advanced(by: 27).iso)'"
            #expect(try await database.number("SELECT count(*) FROM books WHERE published_on \(inside)") == 0)

            // A window is done when its batch was committed: the journal and the dashboard count apart from each other.
            let done = try await database.number("SELECT count(DISTINCT lower) FROM lacuna.batch")
            #expect(done > 0 && done < windows)
            let tenths = (1000 * done + windows / 2) / windows
            #expect(
                try await dashboard("percent_done", "windows, done, percent_done", installation)
                    == ["\(windows) \(done) \(tenths / 10).\(tenths % 10)"])
            let left = try await dashboard("windows_left", "window_start, window_end, days_missing", installation)
            #expect(left.count == windows - done)
            // Nothing but the days that its neighbours' overlap reaches is there of the window in which the kill came.
            let half = try #require(
                left.first { $0.hasPrefix("\(stalled.iso) \(stalled.advanced(by: 29).iso) ") })
            #expect((26...30).contains(Int(half.split(separator: " ")[2]) ?? 0), "\(half)")

            api.set()
            try await installation.run("reconcile")
            try await expectBooks(api.books.filter { (first...last).contains($0.published) }, in: "books", installation)
            let floor = SystemDay.today.advanced(by: -90)
            try await expectBooks(api.books.filter { (floor...last).contains($0.input) }, in: "arrivals", installation)
            try await installation.expectComplete(["books", "arrivals"])
            try await installation.run("catchup")
            #expect(
                try await dashboard("percent_done", "windows, done, percent_done, days_missing", installation)
                    == ["\(windows) \(windows) 100.0 0"])
            #expect(try await dashboard("windows_left", "window_start", installation) == [])

            try await expectCounts(api, from: first, installation)
            #expect(api.refusedCount == 0)
            let shown = try await installation.run("config").output
            #expect(!shown.contains("s3cret"))
        }
    }

    /// Each window's counts against the catalogue's: the books of the window and of the days of overlap were fetched, and
    /// all windows together inserted each book once.
    private func expectCounts(
        _ api: LibraryServer, from first: SystemDay, _ installation: Installation
    ) async throws {
        let rows = try await dashboard(
            "windows", "window_start, window_end, state, pages, fetched, inserted, updated", installation)
        let books = rows.map { $0.split(separator: " ").map(String.init) }
        var inserted = 0
        var known: Set<String> = []
        for row in books {
            let start = try #require(SystemDay(row[0]))
            let end = try #require(SystemDay(row[1]))
            guard start.number.isMultiple(of: 30), end < last, known.insert(row[0]).inserted else { continue }
            let asked = max(start.advanced(by: -2), first)...min(end.advanced(by: 2), last)
            let count = api.books.count { asked.contains($0.published) }
            #expect(row[2] == "committed")
            #expect(row[3] == String(max((count + 99) / 100, 1)), "pages of \(row)")
            #expect(row[4] == String(count), "fetched of \(row)")
            #expect(row[6] == "0", "updated of \(row)")
            inserted += Int(row[5]) ?? 0
        }
        #expect(!known.isEmpty)
        let total = try await installation.database.number(
            "SELECT sum(rows_inserted) FROM lacuna.batch WHERE stream = 'books'")
        #expect(total == api.books.count { (first...last).contains($0.published) })
        #expect(inserted <= total)
    }

    @Test("A window that fails and a total that lies stay gaps and heal; pages that shift are read again at once")
    func faults() async throws {
        let first = beginning(windows: 7)
        let api = LibraryServer(from: first, through: SystemDay.today)
        try await with(api, from: first) { installation, _ in
            let down = first.advanced(by: 60)
            let lying = first.advanced(by: 167)
            let shifting = first.advanced(by: 135)
            api.set(.down(down.advanced(by: 15)), .lyingTotal(lying), .shift(shifting))
            let failing = try await installation.run("reconcile", "books", status: 1)
            #expect(failing.errors.contains("answered 500 Internal Server Error, saying"), "\(failing.errors)")
            #expect(failing.errors.contains("the source declared"), "\(failing.errors)")
            #expect(!failing.errors.contains("s3cret"))
            let gaps = try await installation.run("gaps", "books")
            let missing = Set(
                try gaps.output.split(separator: "\n").flatMap { line in
                    let ends = line.split(separator: " ")[1].split(separator: "–").compactMap { SystemDay(String($0)) }
                    return try #require(ends.first)...#require(ends.last)
                })
            // The neighbours' overlap reaches two days into the window that is down; of the other one day is at fault.
            #expect(missing.isSuperset(of: Set(down.advanced(by: 2)...down.advanced(by: 27)).union([lying])))
            #expect(missing.isSubset(of: Set(down...down.advanced(by: 29)).union([lying])), "\(gaps.output)")
            // The book that pushed the others to the next page is there, and so are they.
            #expect(
                try await installation.database.value(
                    "SELECT max(attempts) FROM lacuna.batch WHERE state = 'committed'") == "2")
            let left = try await dashboard("windows_left", "window_start, last_error", installation)
            #expect(left.count == 2)
            #expect(left.last?.hasPrefix("\(down.iso) page 1, GET") == true, "\(left)")
            #expect(left.first?.contains("the source declared") == true, "\(left)")

            api.set()
            try await installation.run("reconcile", "books", "--retry-now")
            try await expectBooks(api.books.filter { (first...last).contains($0.published) }, in: "books", installation)
            try await installation.run("gaps", "books", "--exit-code")
            #expect(try await dashboard("windows_left", "window_start", installation) == [])
        }
    }

    @Test(
        "A book that moves across the line of two windows while they are read is found with overlap, and only with it",
        arguments: [true, false])
    func overlap(isDeclared: Bool) async throws {
        let first = beginning(windows: 3)
        let api = LibraryServer(from: first, through: SystemDay.today)
        try await with(api, from: first) { installation, _ in
            if !isDeclared { try installation.edit("lacuna.yaml", "overlap: 2d", to: "overlap: 0d") }
            // The newer window is read first; then its book arrives from the older one, which is read next.
            let line = first.advanced(by: 30)
            let book = LibraryServer.book(900_000, published: line.advanced(by: -1), input: line)
            api.enter(book)
            api.set(.moves(line.advanced(by: 10), isbn: book.isbn, to: line))
            try await installation.run("reconcile", "books", "--workers", "1")
            #expect(
                try await installation.database.column(
                    "SELECT published_on::text FROM books WHERE isbn = '\(book.isbn)'")
                    == (isDeclared ? [line.iso] : []))
            let rest = api.books.filter {
                (first...last).contains($0.published) && (isDeclared || $0.isbn != book.isbn)
            }
            try await expectBooks(rest, in: "books", installation)
        }
    }

    @Test("Days that are not due are not asked for, late entries and corrections are found by the sweep")
    func changes() async throws {
        let first = beginning(windows: 2)
        let api = LibraryServer(from: first, through: SystemDay.today)
        let today = SystemDay.today
        try await with(api, from: first) { installation, server in
            // As if it were some days ago: what was entered since is not due yet.
            try installation.edit("lacuna.yaml", "delay: 1d", to: "delay: 4d")
            try await installation.run("reconcile")
            let due = today.advanced(by: -5)
            let newestAsked = server.requests.compactMap { $0["end_input_date"] ?? $0["end_publish_date"] }.max()
            #expect(newestAsked == due.compact)
            try await installation.expectComplete(["books", "arrivals"])

            // A day that is not due gets another book. One that is due long since gets a book of a day that is there
            // already, entered late; and one of its books is corrected.
            let pending = LibraryServer.book(910_000, published: first, input: today.advanced(by: -3))
            let late = LibraryServer.book(920_000, published: first.advanced(by: 3), input: due.advanced(by: -6))
            api.enter(pending)
            api.enter(late)
            let corrected = try #require(api.books.first { $0.input == due.advanced(by: -8) })
            api.correct(corrected.isbn, title: "A better title", on: today)
            try await installation.run("reconcile")
            #expect(try await installation.database.number(count(pending)) == 0)
            #expect(try await installation.database.number(count(late)) == 1)
            #expect(
                try await installation.database.value(
                    "SELECT title FROM catalogue WHERE isbn = '\(corrected.isbn)'") == "A better title")

            // Days pass.
            try installation.edit("lacuna.yaml", "delay: 4d", to: "delay: 1d")
            try await installation.run("catchup")
            try await installation.run("reconcile")
            #expect(try await installation.database.number(count(pending)) == 1)
            let floor = today.advanced(by: -90)
            try await expectBooks(api.books.filter { (floor...last).contains($0.input) }, in: "arrivals", installation)
            try await expectBooks(
                api.books.filter { (first...last).contains($0.published) || (floor...last).contains($0.input) },
                in: "catalogue", installation)
            try await installation.expectComplete(["books", "arrivals"])
        }
    }

    private func count(_ book: LibraryServer.Book) -> String {
        "SELECT count(*) FROM catalogue WHERE isbn = '\(book.isbn)'"
    }
}
