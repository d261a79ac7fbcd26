import CLibPQ

/// Statements over libpq. Every call blocks its thread until the server has answered.
extension Connection: Transport {
    var interruption: any Interruption { interrupt }

    var isUsable: Bool { !isBroken && PQstatus(pointer) == CONNECTION_OK }

    var transactionState: TransactionState {
        switch PQtransactionStatus(pointer) {
        case PQTRANS_IDLE: .idle
        case PQTRANS_INTRANS: .open
        default: .other
        }
    }

    var serverVersion: Int { Int(PQserverVersion(pointer)) }

    var backendProcessID: Int { Int(PQbackendPID(pointer)) }

    var warning: String? { ServerRoute(pointer)?.warning }

    func giveUp() {
        markBroken()
    }

    // MARK: Statements

    func query(_ statement: BoundStatement, deadline: Duration, cancellable: Bool) async throws -> Rows {
        if !cancellable { interrupt.disarm() }
        return try exchange(statement.name, deadline) { limit in
            try send(statement)
            try flush(until: limit, interrupt: interrupt)
            guard let rows = try collect(statement.name, limit).last else { throw lost(statement.name) }
            return rows
        }
    }

    func forEachRow(_ statement: BoundStatement, deadline: Duration, _ body: (Row) throws -> Void) async throws {
        try exchange(statement.name, deadline) { limit in
            try send(statement)
            PQsetSingleRowMode(pointer)
            try flush(until: limit, interrupt: interrupt)
            var failure: (any Error)?
            while let result = try nextResult(until: limit, interrupt: interrupt) {
                guard failure == nil else { continue }
                do {
                    try check(result, statement.name)
                    for index in 0..<result.rowCount {
                        try body(Row(handle: result, index: index, statement: statement.name))
                    }
                } catch {
                    failure = error
                    cancelAndDrain()
                    if isBroken { break }
                }
            }
            if let failure { throw failure }
        }
    }

    func script(_ text: String, name: String, deadline: Duration) async throws -> [Rows] {
        try exchange(name, deadline) { limit in
            guard !text.utf8.contains(0) else { throw PostgresError.invalidValue("\(name) contains a NUL") }
            guard PQsendQuery(pointer, text) == 1 else { throw lost(name) }
            try flush(until: limit, interrupt: interrupt)
            return try collect(name, limit)
        }
    }

    // MARK: COPY

    func copyIn(
        _ statement: BoundStatement, deadline: Duration,
        _ body: (_ put: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) async throws -> Int {
        try exchange(statement.name, deadline) { limit in
            try begin(copy: statement, expecting: PGRES_COPY_IN, limit)
            var failure: (any Error)?
            do {
                try body { chunk in
                    guard chunk.count > 0 else { return }
                    let start = chunk.baseAddress?.assumingMemoryBound(to: CChar.self)
                    guard PQputCopyData(pointer, start, Int32(chunk.count)) == 1 else {
                        throw lost(statement.name)
                    }
                    try flush(until: limit, interrupt: interrupt)
                    if interrupt.isFired { throw WaitFailure.interrupted }
                }
            } catch let error as WaitFailure {
                throw error
            } catch let error as PostgresError {
                if isBroken { throw error }
                failure = error
            } catch {
                failure = error
            }
            guard PQputCopyEnd(pointer, failure == nil ? nil : "the data ended early") >= 0 else {
                throw lost(statement.name)
            }
            try flush(until: limit, interrupt: interrupt)
            do {
                let results = try collect(statement.name, limit)
                if let failure { throw failure }
                return results.last?.affectedRows ?? 0
            } catch let error as PostgresError {
                throw failure ?? error
            }
        }
    }

    func copyOut(
        _ statement: BoundStatement, deadline: Duration, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) async throws {
        try exchange(statement.name, deadline) { limit in
            try begin(copy: statement, expecting: PGRES_COPY_OUT, limit)
            var buffer: UnsafeMutablePointer<CChar>?
            var sinceCheck = 0
            while true {
                let length = PQgetCopyData(pointer, &buffer, 1)
                if length > 0 {
                    defer { PQfreemem(buffer) }
                    do {
                        try body(UnsafeRawBufferPointer(start: buffer, count: Int(length)))
                    } catch {
                        cancelAndDrain()
                        throw error
                    }
                    sinceCheck += Int(length)
                    if sinceCheck > 1 << 20 {
                        sinceCheck = 0
                        if interrupt.isFired { throw WaitFailure.interrupted }
                    }
                } else if length == 0 {
                    try awaitInput(until: limit, interrupt: interrupt)
                } else {
                    break
                }
            }
            _ = try collect(statement.name, limit)
        }
    }

    // MARK: The exchange with the server

    /// Runs one exchange: deadline and interruption cancel it at the server, a lost connection is named.
    func exchange<Value>(
        _ name: String, _ deadline: Duration, _ body: (ContinuousClock.Instant) throws -> Value
    ) throws -> Value {
        guard !isBroken else {
            throw PostgresError.connectionLost(statement: name, message: "the session was given up earlier")
        }
        do {
            return try body(ContinuousClock.now + deadline)
        } catch WaitFailure.deadline {
            cancelAndDrain()
            throw PostgresError.deadlineExceeded(statement: name, deadline: deadline)
        } catch WaitFailure.interrupted {
            cancelAndDrain()
            throw CancellationError()
        } catch PostgresError.connectionLost(let statement, let message) where statement.isEmpty {
            throw PostgresError.connectionLost(statement: name, message: message)
        }
    }

    func requireNoNUL(_ statement: BoundStatement) throws {
        guard let bad = statement.values.compactMap({ $0 }).first(where: { $0.utf8.contains(0) }) else { return }
        throw PostgresError.invalidValue("a value with a NUL at byte \(bad.utf8.prefix { $0 != 0 }.count)")
    }

    /// Sends a statement, or the name that it was prepared under in its place, with its values.
    func send(_ statement: BoundStatement, preparedAs name: String? = nil) throws {
        try requireNoNUL(statement)
        let copies = statement.values.map { value in value.map { Array($0.utf8CString) } }
        let sent = Connection.withPointers(to: copies[...], []) { pointers in
            let count = Int32(pointers.count)
            return if let name {
                PQsendQueryPrepared(pointer, name, count, pointers, nil, nil, 0)
            } else {
                PQsendQueryParams(pointer, statement.sql, count, nil, pointers, nil, nil, 0)
            }
        }
        guard sent == 1 else { throw lost(statement.name) }
    }

    private static func withPointers(
        to values: ArraySlice<[CChar]?>, _ pointers: [UnsafePointer<CChar>?],
        _ body: ([UnsafePointer<CChar>?]) -> Int32
    ) -> Int32 {
        guard let first = values.first else { return body(pointers) }
        guard let first else { return withPointers(to: values.dropFirst(), pointers + [nil], body) }
        return first.withUnsafeBufferPointer {
            withPointers(to: values.dropFirst(), pointers + [$0.baseAddress], body)
        }
    }

    private func begin(
        copy statement: BoundStatement, expecting status: ExecStatusType, _ limit: ContinuousClock.Instant
    ) throws {
        guard statement.values.isEmpty else { throw PostgresError.misuse("COPY takes no values") }
        try send(statement)
        try flush(until: limit, interrupt: interrupt)
        guard let result = try nextResult(until: limit, interrupt: interrupt) else { throw lost(statement.name) }
        if result.status == status { return }
        while try nextResult(until: limit, interrupt: interrupt) != nil {}
        try check(result, statement.name)
        throw PostgresError.unexpectedResult(statement: statement.name, message: "it is not a COPY statement")
    }

    /// Reads all results; the first error wins, but all is read so that the session stays usable.
    private func collect(_ name: String, _ limit: ContinuousClock.Instant) throws -> [Rows] {
        var rows: [Rows] = []
        var failure: (any Error)?
        while let result = try nextResult(until: limit, interrupt: interrupt) {
            switch result.status {
            case PGRES_COPY_IN:
                _ = PQputCopyEnd(pointer, "COPY FROM STDIN has no data here")
                try flush(until: limit, interrupt: interrupt)
            case PGRES_COPY_OUT:
                failure = failure ?? PostgresError.misuse("\(name): COPY TO STDOUT is not possible here")
                cancelAndDrain()
            default:
                do {
                    try check(result, name)
                    rows.append(Rows(handle: result, statement: name))
                } catch {
                    failure = failure ?? error
                }
            }
        }
        if let failure { throw failure }
        return rows
    }

    func check(_ result: ResultHandle, _ name: String) throws {
        switch result.status {
        case PGRES_TUPLES_OK, PGRES_SINGLE_TUPLE, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: return
        default:
            let error = result.error(statement: name)
            guard !error.sqlState.rawValue.isEmpty else {
                // libpq made the error up itself: the connection is gone.
                markBroken()
                throw PostgresError.connectionLost(statement: name, message: error.message)
            }
            throw PostgresError.server(error)
        }
    }

    func lost(_ name: String) -> PostgresError {
        if PQstatus(pointer) != CONNECTION_OK { markBroken() }
        return .connectionLost(statement: name, message: errorMessage)
    }
}
