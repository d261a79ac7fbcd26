import Foundation

extension Reading {
    /// Why a file could not be read, for the end of a sentence.
    struct FileProblem: Error {
        let reason: String
    }

    /// A path as the config means it: relative to its directory.
    func resolve(_ file: String) -> String {
        file.hasPrefix("/") ? file : URL(fileURLWithPath: directory).appendingPathComponent(file).path
    }

    /// The text of a file, at most `limit` bytes of UTF-8.
    static func text(ofFile path: String, limit: Int, limitText: String) throws(FileProblem) -> String {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw FileProblem(reason: "there is no such file")
        }
        if isDirectory.boolValue { throw FileProblem(reason: "it is a directory") }
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            data = try bytes(of: handle, limit: limit)
        } catch {
            throw FileProblem(reason: "it cannot be opened for reading; check its permissions")
        }
        if data.count > limit { throw FileProblem(reason: "it is larger than \(limitText)") }
        guard let text = String(data: data, encoding: .utf8) else {
            throw FileProblem(reason: "it is not UTF-8 text")
        }
        return text
    }

    /// At most one byte more than `limit`, so that an endless device ends too.
    private static func bytes(of handle: FileHandle, limit: Int) throws -> Data {
        var data = Data()
        while data.count <= limit, let chunk = try handle.read(upToCount: limit + 1 - data.count), !chunk.isEmpty {
            data += chunk
        }
        return data
    }
}
