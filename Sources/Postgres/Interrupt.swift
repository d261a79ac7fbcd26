import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Wakes a thread that waits for a socket, from any other thread.
///
/// It has effect only while armed: a task that is cancelled after its statement was answered, or during a COMMIT,
/// disturbs nothing.
final class Interrupt: Interruption {
    private enum State {
        case disarmed
        case armed
        case fired
    }

    private let state = Mutex(State.disarmed)
    /// The end of the pipe to poll for reading.
    let readDescriptor: Int32
    private let writeDescriptor: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw PostgresError.connectionFailed("no pipe: \(String(cString: strerror(errno)))")
        }
        for end in ends {
            _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        readDescriptor = ends[0]
        writeDescriptor = ends[1]
    }

    deinit {
        close(readDescriptor)
        close(writeDescriptor)
    }

    /// Whether it fired since it was armed.
    var isFired: Bool { state.withLock { $0 == .fired } }

    func arm() {
        state.withLock { $0 = .armed }
    }

    /// Ends the armed phase and empties the pipe.
    func disarm() {
        state.withLock { state in
            state = .disarmed
            var buffer: [UInt8] = [0, 0, 0, 0]
            while read(readDescriptor, &buffer, buffer.count) > 0 {}
        }
    }

    func fire() {
        state.withLock { state in
            guard state == .armed else { return }
            state = .fired
            var byte: UInt8 = 1
            _ = write(writeDescriptor, &byte, 1)
        }
    }
}
