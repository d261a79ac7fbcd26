#if os(Linux)
    import Foundation
    import TestSupport
    import Testing

    @Suite("A page that is small only while it is compressed", .timeLimit(.minutes(30)))
    struct BombTests {
        /// 300 MB of blanks, compressed.
        private func bomb(_ program: String, in directory: TestDirectory) async throws -> [UInt8] {
            let file = directory.url.appendingPathComponent("bomb").path
            let blanks = "head -c 300000000 /dev/zero | tr '\\0' ' '"
            #expect(try await Command.shell("\(blanks) | \(program) -c > \(file)") == 0)
            return Array(try Data(contentsOf: URL(fileURLWithPath: file)))
        }

        /// In KiB: 64 MiB for the program as people build it. Without optimization its own code alone takes more.
        private static var bound: Int {
            #if DEBUG
                80 << 10
            #else
                64 << 10
            #endif
        }

        @Test(
            "ends at max_page_bytes, in little memory",
            arguments: [("gzip", "gzip"), ("brotli -4", "br"), ("zstd", "zstd")])
        func bombs(program: String, coding: String) async throws {
            try await TestDirectory.with { directory in
                let bomb = try await bomb(program, in: directory)
                #expect(bomb.count < 1_000_000)
                try await HTTPServer.with { _ in
                    .init(bomb, headers: [("content-encoding", coding)])
                } _: { server in
                    let config = """
                        sources:
                          api: {type: http, base_url: "\(server.url)", proxy: none, max_page_bytes: 4194304, retry: {attempts: 1}}
                        streams:
                          t: {source: api, table: public.t, key: {column: n, type: integer}, expect: {from: 1, to: 1}, request: {path: /}}

                        """
                    let schema = "CREATE TABLE public.t (n bigint PRIMARY KEY)"
                    try await Installation.with(schema, config: config, files: [:]) { installation in
                        let process = try installation.start(["reconcile"])
                        var peak = 0
                        while process.isRunning {
                            peak = max(peak, process.peakResidentKiB ?? 0)
                            try await Task.sleep(for: .milliseconds(2))
                        }
                        let result = try await process.wait()
                        #expect(result.status == 1)
                        let said = result.errors
                        #expect(said.contains("larger than 4194304 bytes after decompression"), "\(said)")
                        print("\(coding): \(bomb.count) bytes of 300,000,000 took \(peak / 1024) MiB")
                        #expect(peak > 0 && peak < Self.bound)
                    }
                }
            }
        }
    }
#endif
