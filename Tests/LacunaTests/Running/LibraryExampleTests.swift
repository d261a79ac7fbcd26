import TestSupport
import Testing

// README begin
import Lacuna

/// A source that makes its blocks up.
struct Chain: Source {
    let height: Int64

    func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        for block in request.window where block <= height {
            try sink.append(json: #"{"height": \#(block), "hash": "h\#(block)"}"#)
        }
        return FetchSummary()
    }

    func tip(_ request: TipRequest) async throws -> String? { String(height) }
}

/// Keeps the table `blocks` complete from block 1 on.
func keeper(of url: String, height: Int64) -> Reconciler {
    var stream = StreamDefinition(
        name: "blocks", table: "blocks", keyColumn: "height", keyType: .integer(step: 1))
    stream.expect.from = .unit(1)
    stream.batch = .units(100)
    return Reconciler(
        stream: stream, source: Chain(height: height), database: Database(connectionString: url))
}
// README end

@Suite("A Swift service")
struct LibraryExampleTests {
    @Test("declares a stream with a source of its own and keeps it complete")
    func service() async throws {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            _ = try await SchemaInstaller.install(on: session)
            _ = try await session.script("CREATE TABLE blocks (height bigint PRIMARY KEY, hash text)", name: "test")
            await session.close()
            let url = database.connectionString

            let filled = await keeper(of: url, height: 950).reconcile()
            #expect(filled.state == .done)
            #expect(filled.committed == 10)
            #expect(try await database.number("SELECT count(*) FROM blocks") == 950)

            let caughtUp = await keeper(of: url, height: 1200).catchup()
            #expect(caughtUp.state == .done)
            #expect(caughtUp.inserted == 250)

            try await database.execute("DELETE FROM blocks WHERE height % 100 = 7")
            let healed = await keeper(of: url, height: 1200).reconcile()
            #expect(healed.inserted == 12)
            #expect(healed.missing == 0)
            #expect(try await database.number("SELECT count(*) FROM blocks WHERE hash = 'h' || height") == 1200)
        }
    }
}
