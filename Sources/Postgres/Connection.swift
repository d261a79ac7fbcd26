import CLibPQ
import Dispatch

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Owns a `PGconn` and does all waiting for it: every call takes a deadline, because libpq has none of its own
/// (<https://www.postgresql.org/docs/current/libpq-async.html>).
///
/// It is not Sendable: the actor that owns it calls it from its own queue.
final class Connection {
    let pointer: OpaquePointer
    let interrupt: Interrupt
    /// Set when the protocol's state is unknown: nothing more can be said on this connection.
    private(set) var isBroken = false
    /// How long the server has to end a statement that was cancelled.
    private let cancelGrace: Duration
    private let notices: NoticeBox
    /// What was prepared of the statements that go in pipelines.
    var prepared: PreparedStatements

    /// Why a wait ended without the socket being ready.
    enum WaitFailure: Error {
        case deadline
        case interrupted
    }

    /// Connects.
    ///
    /// - Parameter prepares: whether statements that come again and again are prepared.
    /// - Throws: ``PostgresError/connectionFailed(_:)``.
    init(
        parameters: [(String, String)], deadline: Duration, cancelGrace: Duration,
        prepares: Bool, onNotice: @escaping @Sendable (Notice) -> Void
    ) throws {
        let interrupt = try Interrupt()
        var keywords: [UnsafePointer<CChar>?] = parameters.map { UnsafePointer(strdup($0.0)) }
        var values: [UnsafePointer<CChar>?] = parameters.map { UnsafePointer(strdup($0.1)) }
        keywords.append(nil)
        values.append(nil)
        defer {
            for text in keywords + values { free(UnsafeMutableRawPointer(mutating: text)) }
        }
        guard let pointer = PQconnectStartParams(keywords, values, 1) else {
            throw PostgresError.connectionFailed("out of memory")
        }
        let limit = ContinuousClock.now + deadline
        var status = PGRES_POLLING_WRITING
        while status != PGRES_POLLING_OK {
            if status == PGRES_POLLING_FAILED || PQstatus(pointer) == CONNECTION_BAD {
                let message = Connection.message(pointer)
                PQfinish(pointer)
                throw PostgresError.connectionFailed(message)
            }
            do {
                try Connection.wait(
                    PQsocket(pointer), for: status == PGRES_POLLING_READING ? POLLIN : POLLOUT, until: limit,
                    interrupt: nil)
            } catch {
                PQfinish(pointer)
                throw PostgresError.connectionFailed("no answer within \(deadline)")
            }
            status = PQconnectPoll(pointer)
        }
        PQsetnonblocking(pointer, 1)
        self.pointer = pointer
        self.interrupt = interrupt
        self.cancelGrace = cancelGrace
        prepared = PreparedStatements(isOn: prepares)
        notices = NoticeBox(handler: onNotice)
        PQsetNoticeReceiver(pointer, NoticeBox.receive, Unmanaged.passUnretained(notices).toOpaque())
    }

    deinit {
        PQfinish(pointer)
    }

    /// libpq's last message, on one line.
    var errorMessage: String { Connection.message(pointer) }

    private static func message(_ pointer: OpaquePointer) -> String {
        String(cString: PQerrorMessage(pointer)).split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    func markBroken() {
        isBroken = true
    }

    /// Sends what libpq has buffered.
    func flush(until deadline: ContinuousClock.Instant, interrupt: Interrupt?) throws {
        while true {
            switch PQflush(pointer) {
            case 0: return
            case 1:
                try Connection.wait(PQsocket(pointer), for: POLLOUT | POLLIN, until: deadline, interrupt: interrupt)
                // The server may be talking while we send; unread, both sides could block for ever.
                if PQconsumeInput(pointer) == 0 { throw lost() }
            default: throw lost()
            }
        }
    }

    /// The next result of what was sent, nil after the last.
    func nextResult(until deadline: ContinuousClock.Instant, interrupt: Interrupt?) throws -> ResultHandle? {
        while PQisBusy(pointer) == 1 {
            try Connection.wait(PQsocket(pointer), for: POLLIN, until: deadline, interrupt: interrupt)
            if PQconsumeInput(pointer) == 0 { throw lost() }
        }
        return PQgetResult(pointer).map(ResultHandle.init)
    }

    /// Waits until the server has sent something, and reads it.
    func awaitInput(until deadline: ContinuousClock.Instant, interrupt: Interrupt?) throws {
        try Connection.wait(PQsocket(pointer), for: POLLIN, until: deadline, interrupt: interrupt)
        if PQconsumeInput(pointer) == 0 { throw lost() }
    }

    /// Asks the server to cancel the running statement.
    ///
    /// `PQcancel` opens a connection of its own and may block as long as the network likes, so it runs on a queue that
    /// nobody waits for longer than the grace time.
    ///
    /// - Returns: until when the server has time to end the statement; nil if it could not be asked, which breaks the
    ///   connection: a request that is still under way could end a later statement.
    func requestCancel() -> ContinuousClock.Instant? {
        let request = CancelRequest(pointer)
        let work = DispatchWorkItem { request.send() }
        DispatchQueue.global().async(execute: work)
        guard work.wait(timeout: .now() + .milliseconds(Int(cancelGrace / .milliseconds(1)))) == .success else {
            isBroken = true
            return nil
        }
        return ContinuousClock.now + cancelGrace
    }

    /// Asks the server to cancel the running statement, then reads everything that is still to come. When the server does
    /// not end the statement in time, the connection is broken.
    func cancelAndDrain() {
        guard let limit = requestCancel() else { return }
        do {
            if PQpipelineStatus(pointer) != PQ_PIPELINE_OFF { return try drainPipeline(until: limit) }
            while let result = try nextResult(until: limit, interrupt: nil) {
                if result.status == PGRES_COPY_IN || result.status == PGRES_COPY_BOTH {
                    _ = PQputCopyEnd(pointer, "cancelled")
                    try flush(until: limit, interrupt: nil)
                } else if result.status == PGRES_COPY_OUT {
                    var buffer: UnsafeMutablePointer<CChar>?
                    while true {
                        let length = PQgetCopyData(pointer, &buffer, 1)
                        if length > 0 {
                            PQfreemem(buffer)
                        } else if length == 0 {
                            try awaitInput(until: limit, interrupt: nil)
                        } else {
                            break
                        }
                    }
                }
            }
        } catch {
            isBroken = true
        }
    }

    func lost() -> PostgresError {
        isBroken = true
        return .connectionLost(statement: "", message: errorMessage)
    }

    private static func wait(
        _ socket: Int32, for events: Int32, until deadline: ContinuousClock.Instant, interrupt: Interrupt?
    ) throws {
        guard socket >= 0 else { return }
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { throw WaitFailure.deadline }
            var descriptors = [
                pollfd(fd: socket, events: Int16(events), revents: 0),
                pollfd(fd: interrupt?.readDescriptor ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            let milliseconds = min(Int64(left / .milliseconds(1)) + 1, 3_600_000)
            let ready = poll(&descriptors, nfds_t(descriptors.count), Int32(milliseconds))
            if ready < 0 && errno != EINTR { return }
            if descriptors[1].revents != 0, ready > 0 { throw WaitFailure.interrupted }
            if descriptors[0].revents != 0, ready > 0 { return }
        }
    }
}

/// A request to cancel whatever a connection is doing.
///
/// `@unchecked Sendable`: `PQcancel` may be called from any thread
/// (<https://www.postgresql.org/docs/current/libpq-cancel.html>).
private final class CancelRequest: @unchecked Sendable {
    private let pointer: OpaquePointer?

    init(_ connection: OpaquePointer) {
        pointer = PQgetCancel(connection)
    }

    deinit {
        PQfreeCancel(pointer)
    }

    func send() {
        var buffer = [CChar](repeating: 0, count: 256)
        _ = PQcancel(pointer, &buffer, Int32(buffer.count))
    }
}

/// Passes libpq's notices on.
private final class NoticeBox {
    let handler: @Sendable (Notice) -> Void

    init(handler: @escaping @Sendable (Notice) -> Void) {
        self.handler = handler
    }

    static let receive: PQnoticeReceiver = { context, result in
        guard let context, let result else { return }
        let box = Unmanaged<NoticeBox>.fromOpaque(context).takeUnretainedValue()
        func field(_ code: Int32) -> String {
            PQresultErrorField(result, code).map { String(cString: $0) } ?? ""
        }
        box.handler(Notice(severity: field(lacuna_diag_severity), message: field(lacuna_diag_message)))
    }
}
