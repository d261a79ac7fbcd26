import CLibPQ

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Owns a `PGresult`.
///
/// `@unchecked Sendable`: libpq never changes a result once it is complete, and says that it may be passed between
/// threads (<https://www.postgresql.org/docs/current/libpq-threading.html>).
final class ResultHandle: @unchecked Sendable {
    let pointer: OpaquePointer
    private let givenTag: String?

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
        givenTag = nil
    }

    /// A result that no server sent; nil if there is no memory for it.
    ///
    /// See <https://www.postgresql.org/docs/current/libpq-misc.html>.
    init?(columns: [String], rows: [[String?]], commandTag: String) {
        guard let pointer = PQmakeEmptyPGresult(nil, PGRES_TUPLES_OK) else { return nil }
        self.pointer = pointer
        givenTag = commandTag
        let names = columns.map { strdup($0) }
        defer { for name in names { free(name) } }
        var attributes = names.map {
            PGresAttDesc(name: $0, tableid: 0, columnid: 0, format: 0, typid: 0, typlen: -1, atttypmod: -1)
        }
        let isSet = attributes.isEmpty || PQsetResultAttrs(pointer, Int32(attributes.count), &attributes) == 1
        guard isSet else { return nil }
        for (index, row) in rows.enumerated() {
            for (column, value) in row.enumerated() {
                var bytes = Array((value ?? "").utf8CString)
                let length = value == nil ? -1 : Int32(bytes.count - 1)
                guard PQsetvalue(pointer, Int32(index), Int32(column), &bytes, length) == 1 else { return nil }
            }
        }
    }

    deinit {
        PQclear(pointer)
    }

    var status: ExecStatusType { PQresultStatus(pointer) }
    var rowCount: Int { Int(PQntuples(pointer)) }
    var columnCount: Int { Int(PQnfields(pointer)) }

    /// The command's tag, as in `INSERT 0 5`.
    var commandTag: String { givenTag ?? String(cString: PQcmdStatus(pointer)) }

    /// The number of rows that the command wrote or returned, 0 if it has none.
    var affectedRows: Int { Int(String(cString: PQcmdTuples(pointer))) ?? 0 }

    func columnName(_ index: Int) -> String {
        PQfname(pointer, Int32(index)).map { String(cString: $0) } ?? ""
    }

    func columnIndex(_ name: String) -> Int? {
        (0..<columnCount).first { columnName($0) == name }
    }

    func isNull(row: Int, column: Int) -> Bool {
        PQgetisnull(pointer, Int32(row), Int32(column)) == 1
    }

    func bytes(row: Int, column: Int) -> UnsafeBufferPointer<UInt8> {
        let start = UnsafeRawPointer(PQgetvalue(pointer, Int32(row), Int32(column)))
        let length = Int(PQgetlength(pointer, Int32(row), Int32(column)))
        return UnsafeBufferPointer(start: start?.assumingMemoryBound(to: UInt8.self), count: length)
    }

    func error(statement: String) -> ServerError {
        func field(_ code: Int32) -> String? {
            PQresultErrorField(pointer, code).map { String(cString: $0) }
        }
        return ServerError(
            severity: field(lacuna_diag_severity) ?? "ERROR",
            sqlState: SQLState(rawValue: field(lacuna_diag_sqlstate) ?? ""),
            message: field(lacuna_diag_message) ?? String(cString: PQresultErrorMessage(pointer)),
            detail: field(lacuna_diag_detail),
            hint: field(lacuna_diag_hint),
            context: field(lacuna_diag_context),
            table: field(lacuna_diag_table),
            column: field(lacuna_diag_column),
            constraint: field(lacuna_diag_constraint),
            statement: statement)
    }
}
