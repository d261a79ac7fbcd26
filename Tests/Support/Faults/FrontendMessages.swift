import NIOCore

/// Cuts what a client of PostgreSQL sends into chunks, none of which holds more than one message, and finds each `COMMIT`.
///
/// See <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
struct FrontendMessages {
    /// A message, or a part of a long one.
    struct Chunk {
        var bytes: ByteBuffer
        /// Whether a message begins here that asks the server to commit.
        var isCommit: Bool
    }

    private var pending = ByteBuffer()
    /// What is still to come of a message whose beginning was handed out.
    private var rest = 0
    private var isStarted = false

    /// Takes the next bytes and returns what can be told of them by now.
    mutating func take(_ bytes: ByteBuffer) -> [Chunk] {
        pending.writeImmutableBuffer(bytes)
        var chunks: [Chunk] = []
        while let chunk = next() { chunks.append(chunk) }
        pending.discardReadBytes()
        return chunks
    }

    private mutating func next() -> Chunk? {
        if rest > 0 {
            let length = min(rest, pending.readableBytes)
            guard length > 0, let bytes = pending.readSlice(length: length) else { return nil }
            rest -= length
            return Chunk(bytes: bytes, isCommit: false)
        }
        guard isStarted else { return startup() }
        let start = pending.readerIndex
        guard let type = pending.getInteger(at: start, as: UInt8.self),
            let length = pending.getInteger(at: start + 1, as: UInt32.self)
        else { return nil }
        let whole = Int(length) + 1
        // A simple Query, or the Parse of an extended one. The text of a COMMIT is short.
        let mayCommit = whole <= 64 && (type == UInt8(ascii: "Q") || type == UInt8(ascii: "P"))
        if mayCommit, pending.readableBytes < whole { return nil }
        let taken = min(whole, pending.readableBytes)
        guard let bytes = pending.readSlice(length: taken) else { return nil }
        rest = whole - taken
        return Chunk(bytes: bytes, isCommit: mayCommit && FrontendMessages.commits(bytes, type: type))
    }

    /// The first messages have no type: a request for encryption, a request to cancel, or the startup itself.
    private mutating func startup() -> Chunk? {
        guard let length = pending.getInteger(at: pending.readerIndex, as: UInt32.self),
            let code = pending.getInteger(at: pending.readerIndex + 4, as: UInt32.self),
            let bytes = pending.readSlice(length: Int(length))
        else { return nil }
        let encryptionRequests: [UInt32] = [80_877_103, 80_877_104]
        isStarted = !encryptionRequests.contains(code)
        return Chunk(bytes: bytes, isCommit: false)
    }

    private static func commits(_ message: ByteBuffer, type: UInt8) -> Bool {
        var message = message
        message.moveReaderIndex(forwardBy: 5)
        if type == UInt8(ascii: "P") { _ = message.readNullTerminatedString() }
        return message.readNullTerminatedString()?.uppercased() == "COMMIT"
    }
}
