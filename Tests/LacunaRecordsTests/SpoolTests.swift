import TestSupport
import Testing

@testable import LacunaModel
@testable import LacunaRecords

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

@Suite("Records: spool")
struct SpoolTests {
    private func records(_ count: Int64, memoryLimit: Int) throws -> (SpooledRecords, String) {
        let text = (0..<count).map { "\($0),row number \($0)\n" }.joined()
        let spooled = try intake(
            .csv, [Array(("id,name\n" + text).utf8)],
            layout: layout(0..<count, spoolMemoryLimit: memoryLimit), chunks: [10_000])
        return (spooled, text)
    }

    @Test("Records beyond the memory limit go to a file and are read twice", arguments: [0, 1, 1000, 100_000])
    func spilling(memoryLimit: Int) throws {
        let (spooled, text) = try records(20_000, memoryLimit: memoryLimit)
        #expect(spooled.isInFile)
        #expect(try spooled.text() == text)
        #expect(try spooled.text() == text)
        #expect(spooled.byteCount == text.utf8.count)
    }

    @Test("Records below the memory limit stay in memory")
    func inMemory() throws {
        let (spooled, text) = try records(20_000, memoryLimit: 4 << 20)
        #expect(!spooled.isInFile)
        #expect(try spooled.text() == text)
        #expect(try spooled.text() == text)
    }

    @Test("Chunks have 64 KiB, the last one what is left", arguments: [0, 4 << 20])
    func chunks(memoryLimit: Int) throws {
        let (spooled, text) = try records(20_000, memoryLimit: memoryLimit)
        var sizes: [Int] = []
        try spooled.forEachChunk { sizes.append($0.count) }
        #expect(sizes.dropLast().allSatisfy { $0 == 65_536 })
        #expect(sizes.reduce(0, +) == text.utf8.count)
        #expect(sizes.count > 5)
    }

    @Test("Two readers do not disturb each other, and one that was left early starts anew", arguments: [0, 4 << 20])
    func readers(memoryLimit: Int) throws {
        let (spooled, text) = try records(20_000, memoryLimit: memoryLimit)
        var left: [UInt8] = []
        var right: [UInt8] = []
        var abandoned = spooled.makeReader()
        _ = try abandoned.next { _ in }
        var first = spooled.makeReader()
        var second = spooled.makeReader()
        _ = try first.next { left.append(contentsOf: $0) }
        while try second.next({ right.append(contentsOf: $0) }) {}
        while try first.next({ left.append(contentsOf: $0) }) {}
        #expect(left == Array(text.utf8))
        #expect(right == left)
        #expect(try first.next { _ in } == false)
    }

    @Test("A random sequence of appends comes back as it went in", arguments: [0, 100, 300_000, 2_000_000])
    func randomAppends(memoryLimit: Int) throws {
        var generator = SeededGenerator(seed: UInt64(memoryLimit))
        let spool = Spool(memoryLimit: memoryLimit)
        var expected: [UInt8] = []
        for _ in 0..<60 {
            let size = [0, 1, 100, 70_000, 262_144, 400_000].randomElement(using: &generator) ?? 1
            let chunk = [UInt8](repeating: UInt8.random(in: 0...255, using: &generator), count: size)
            try chunk.withUnsafeBytes { try spool.append($0) }
            expected.append(contentsOf: chunk)
            #expect(spool.byteCount == expected.count)
        }
        let contents = try spool.finish()
        var scratch = RawBuffer()
        var found: [UInt8] = []
        while found.count < contents.byteCount {
            try contents.withBytes(at: found.count, size: 50_000, scratch: &scratch) { found.append(contentsOf: $0) }
        }
        #expect(found == expected)
    }

    @Test("A directory that does not exist is named in the error")
    func missingDirectory() {
        let error = #expect(throws: SpoolError.self) { try SpoolFile.temporary(in: "/nonexistent/lacuna") }
        #expect(error?.operation == .create)
        #expect(error?.code == ENOENT)
        #expect(
            error?.description == "the spool file in /nonexistent/lacuna could not be created: "
                + "No such file or directory; TMPDIR names the directory to use")
    }

    @Test("The file has no name, so that nothing can be left behind")
    func unlinked() throws {
        var template = Array("/tmp/lacuna-spool-test-XXXXXX".utf8CString)
        let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
        let file = try SpoolFile.temporary(in: directory)
        try withUnsafeBytes(of: 7) { try file.write($0, at: 0) }
        // Only an empty directory can be removed.
        #expect(rmdir(directory) == 0)
    }

    #if os(Linux)
        @Test("A full disk is an error that says so, and the sink stays refused")
        func diskFull() throws {
            let sink = RecordSink(
                layout: layout(0..<1_000_000),
                spool: Spool(memoryLimit: 100) {
                    SpoolFile(descriptor: open("/dev/full", O_RDWR | O_CLOEXEC), directory: "/somewhere")
                })
            let error = #expect(throws: SpoolError.self) {
                for id in 0..<1_000_000 { try sink.append(json: "{\"id\":\(id)}") }
            }
            #expect(error?.isDiskFull == true)
            #expect(
                error?.description == "the spool file in /somewhere could not be written: No space left on device"
                    + "; TMPDIR names the directory to use")
            #expect(throws: SpoolError.self) { try sink.finish() }
        }
    #endif

    @Test("A file that became shorter is an error, not fewer records")
    func shortFile() throws {
        let file = try SpoolFile.temporary()
        try withUnsafeBytes(of: 7) { try file.write($0, at: 0) }
        let contents = SpoolContents(memory: RawBuffer(), file: file, fileByteCount: 100)
        var scratch = RawBuffer()
        let error = #expect(throws: SpoolError.self) {
            try contents.withBytes(at: 0, size: 100, scratch: &scratch) { _ in }
        }
        #expect(error?.operation == .read)
    }
}
