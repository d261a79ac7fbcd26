/// The rows that a statement returned, in its order.
package struct Rows: Sendable, RandomAccessCollection {
    let handle: ResultHandle
    let statement: String

    init(handle: ResultHandle, statement: String) {
        self.handle = handle
        self.statement = statement
    }

    /// Rows that no server sent: what a ``Transport`` of another kind answers with.
    ///
    /// - Parameters:
    ///   - columns: the columns' names.
    ///   - rows: the values as texts, nil for NULL; as many as there are columns.
    ///   - commandTag: the command's tag.
    /// - Throws: ``PostgresError/misuse(_:)`` if there is no memory for them.
    package init(columns: [String], rows: [[String?]], commandTag: String, statement: String) throws {
        guard let handle = ResultHandle(columns: columns, rows: rows, commandTag: commandTag) else {
            throw PostgresError.misuse("\(statement): no memory for \(rows.count) rows")
        }
        self.init(handle: handle, statement: statement)
    }

    /// The index of the first row.
    package var startIndex: Int { 0 }
    /// The number of rows.
    package var endIndex: Int { handle.rowCount }
    /// The columns' names.
    package var columns: [String] { (0..<handle.columnCount).map(handle.columnName) }
    /// The number of rows that the statement wrote, for `INSERT`, `UPDATE`, `DELETE` and `COPY`.
    package var affectedRows: Int { handle.affectedRows }
    /// The command's tag, as in `INSERT 0 5`.
    package var commandTag: String { handle.commandTag }

    /// One row.
    package subscript(index: Int) -> Row {
        Row(handle: handle, index: index, statement: statement)
    }

    /// The only row.
    ///
    /// - Throws: ``PostgresError/unexpectedResult(statement:message:)`` if there is none, or more than one.
    package func only() throws -> Row {
        guard count == 1 else {
            throw PostgresError.unexpectedResult(statement: statement, message: "\(count) rows instead of one")
        }
        return self[0]
    }
}

/// One row of a result.
package struct Row: Sendable {
    let handle: ResultHandle
    let index: Int
    let statement: String

    /// The value of a column.
    ///
    /// - Throws: ``PostgresError/unexpectedResult(statement:message:)`` if there is no such column, it is NULL, or it
    ///   does not read as `Value`.
    package func get<Value: PostgresDecodable>(_ column: String, as type: Value.Type = Value.self) throws -> Value {
        guard let value = try getIfPresent(column, as: type) else {
            throw PostgresError.unexpectedResult(statement: statement, message: "column \(column) is NULL")
        }
        return value
    }

    /// The value of a column, nil if it is NULL.
    ///
    /// - Throws: ``PostgresError/unexpectedResult(statement:message:)`` if there is no such column or it does not
    ///   read as `Value`.
    package func getIfPresent<Value: PostgresDecodable>(
        _ column: String, as type: Value.Type = Value.self
    ) throws -> Value? {
        guard let position = handle.columnIndex(column) else {
            throw PostgresError.unexpectedResult(statement: statement, message: "there is no column \(column)")
        }
        return try getIfPresent(at: position, as: type)
    }

    /// The value of the column at a position, counted from 0.
    ///
    /// - Throws: ``PostgresError/unexpectedResult(statement:message:)`` if it is NULL, or does not read as `Value`.
    package func get<Value: PostgresDecodable>(at position: Int, as type: Value.Type = Value.self) throws -> Value {
        guard let value = try getIfPresent(at: position, as: type) else {
            throw PostgresError.unexpectedResult(
                statement: statement, message: "column \(handle.columnName(position)) is NULL")
        }
        return value
    }

    /// The value of the column at a position, counted from 0; nil if it is NULL.
    ///
    /// - Throws: ``PostgresError/unexpectedResult(statement:message:)`` if it does not read as `Value`.
    package func getIfPresent<Value: PostgresDecodable>(
        at position: Int, as type: Value.Type = Value.self
    ) throws -> Value? {
        if handle.isNull(row: index, column: position) { return nil }
        guard let value = Value(postgresText: handle.bytes(row: index, column: position)) else {
            throw PostgresError.unexpectedResult(
                statement: statement, message: "column \(handle.columnName(position)) does not read as \(Value.self)")
        }
        return value
    }
}

/// A type that reads PostgreSQL's text form of a value.
package protocol PostgresDecodable {
    /// Reads the text form; nil if it is none of this type.
    init?(postgresText: UnsafeBufferPointer<UInt8>)
}

extension String: PostgresDecodable {
    /// Reads UTF-8; nil if it is not valid.
    package init?(postgresText: UnsafeBufferPointer<UInt8>) {
        guard let text = String(validating: postgresText, as: UTF8.self) else { return nil }
        self = text
    }
}

extension Int64: PostgresDecodable {
    /// Reads a decimal integer.
    package init?(postgresText bytes: UnsafeBufferPointer<UInt8>) {
        let isNegative = bytes.first == UInt8(ascii: "-")
        var value: Int64 = 0
        let digits = isNegative ? bytes.dropFirst() : bytes[...]
        guard !digits.isEmpty else { return nil }
        for byte in digits {
            guard (48...57).contains(byte) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let digit = Int64(byte) - 48
            let (sum, carried) =
                isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            if overflow || carried { return nil }
            value = sum
        }
        self = value
    }
}

extension Int: PostgresDecodable {
    /// Reads a decimal integer.
    package init?(postgresText: UnsafeBufferPointer<UInt8>) {
        guard let value = Int64(postgresText: postgresText) else { return nil }
        self.init(exactly: value)
    }
}

extension Double: PostgresDecodable {
    /// Reads a number.
    package init?(postgresText: UnsafeBufferPointer<UInt8>) {
        self.init(String(decoding: postgresText, as: UTF8.self))
    }
}

extension Bool: PostgresDecodable {
    /// Reads `t` or `f`.
    package init?(postgresText: UnsafeBufferPointer<UInt8>) {
        switch (postgresText.first, postgresText.count) {
        case (UInt8(ascii: "t"), 1): self = true
        case (UInt8(ascii: "f"), 1): self = false
        default: return nil
        }
    }
}

/// The text array of a value like `{gb,"a ""quoted"" one",NULL}`.
package struct TextArray: PostgresDecodable, Sendable, Hashable {
    /// The elements; nil for NULL.
    package let elements: [String?]

    /// Reads a one-dimensional array.
    package init?(postgresText bytes: UnsafeBufferPointer<UInt8>) {
        guard bytes.first == UInt8(ascii: "{"), bytes.last == UInt8(ascii: "}"), bytes.count >= 2 else { return nil }
        var elements: [String?] = []
        var index = 1
        let end = bytes.count - 1
        while index < end {
            var element: [UInt8] = []
            let isQuoted = bytes[index] == UInt8(ascii: "\"")
            if isQuoted { index += 1 }
            while index < end {
                let byte = bytes[index]
                if isQuoted && byte == UInt8(ascii: "\"") { break }
                if !isQuoted && byte == UInt8(ascii: ",") { break }
                if byte == UInt8(ascii: "\\") { index += 1 }
                guard index < end else { return nil }
                element.append(bytes[index])
                index += 1
            }
            if isQuoted { index += 1 }
            guard let text = String(validating: element, as: UTF8.self) else { return nil }
            elements.append(!isQuoted && text == "NULL" ? nil : text)
            if index < end {
                guard bytes[index] == UInt8(ascii: ",") else { return nil }
                index += 1
            }
        }
        self.elements = elements
    }

    /// The literal of a one-dimensional array of texts, fit for a parameter.
    package static func literal(_ values: some Sequence<String>) -> String {
        let quoted = values.map { value in
            var text = "\""
            for character in value.unicodeScalars {
                if character == "\"" || character == "\\" { text.unicodeScalars.append("\\") }
                text.unicodeScalars.append(character)
            }
            return text + "\""
        }
        return "{" + quoted.joined(separator: ",") + "}"
    }
}
