import Foundation
import Postgres
import TestSupport
import Testing

/// Random values as a document writes them.
private struct RandomValues {
    var random: SeededGenerator

    mutating func pick<Value>(_ values: [Value]) -> Value { values[Int.random(in: 0..<values.count, using: &random)] }

    mutating func digits(_ count: Int) -> String {
        String((0..<count).map { _ in Character(String(Int.random(in: 0...9, using: &random))) })
    }

    /// A text of any characters that PostgreSQL stores, mostly of those that formats give a meaning.
    mutating func text() -> String {
        let special = Array(
            "\\\"',;\t\n\r {}[]()$%&/.-_:|~^`\u{8}\u{C}\u{1}\u{7F}\u{85}\u{A0}\u{2028}\u{202E}\u{FEFF}\u{FFFD}"
                .unicodeScalars)
        var result = String.UnicodeScalarView()
        for _ in 0..<pick([0, 1, 2, 5, 12, 40]) {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: result.append(contentsOf: String(Int.random(in: 0...99, using: &random)).unicodeScalars)
            case 1: result.append(pick(special))
            case 2:
                result.append(
                    contentsOf: pick(["\\N", "\\.", "null", "NULL", "é", "e\u{301}", "🐎", "a b", "\r\n"]).unicodeScalars
                )
            default:
                if let scalar = Unicode.Scalar(UInt32.random(in: 1...0x10FFFF, using: &random)) {
                    result.append(scalar)
                }
            }
        }
        return String(result)
    }

    mutating func integer() -> String {
        pick([
            "0", "1", "-1", "9223372036854775807", "-9223372036854775808",
            String(Int64.random(in: .min ... .max, using: &random)),
            String(Int64.random(in: -100...100, using: &random)), "9007199254740993",
        ])
    }

    /// - Parameter isPlain: whether it has no exponent.
    mutating func decimal(isPlain: Bool) -> String {
        var text = pick(["", "", "-"])
        text += pick(["0", String(Int.random(in: 1...999, using: &random)), "1" + digits(pick([17, 40, 150]))])
        if Bool.random(using: &random) { text += "." + digits(pick([1, 2, 16, 90])) }
        if !isPlain {
            text += pick(["", "e", "E", "e+", "e-"]).appendingDigits(String(Int.random(in: 0...120, using: &random)))
        }
        // A zero with a sign, too, is read in another way than it is written.
        return isPlain && text.hasPrefix("-0") ? String(text.dropFirst()) : text
    }

    mutating func double() -> String {
        let value = Double(bitPattern: UInt64.random(in: 0 ... .max, using: &random))
        return value.isFinite ? "\(value)" : pick(["0.1", "-2.5e-7", "1e300"])
    }

    mutating func time() -> String {
        let day =
            "\(pick(["0001", "1582", "1969", "2000", "2024", "9999"]))-\(pick(["01-31", "02-28", "06-30", "12-31"]))"
        let clock = "\(pick(["00", "07", "23"])):\(pick(["00", "59"])):\(pick(["00", "30", "59.999999", "01.5"]))"
        return pick([
            "\(day)T\(clock)Z", "\(day) \(clock)+02", "\(day) \(clock)-05:30", day, "infinity", "\(day) \(clock)",
        ])
    }

    mutating func bytes() -> String {
        "\\x"
            + (0..<Int.random(in: 0...20, using: &random)).map { _ in
                let byte = String(UInt8.random(in: 0...255, using: &random), radix: 16)
                return byte.count == 1 ? "0\(byte)" : byte
            }.joined()
    }

    // MARK: As JSON

    /// A JSON string of a text, with escapes here and there where none are needed.
    mutating func string(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            let mustEscape = scalar.value < 32 || scalar == "\"" || scalar == "\\"
            if mustEscape || Int.random(in: 0..<12, using: &random) == 0 {
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16, uppercase: Bool.random(using: &random))
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            } else if scalar == "/", Bool.random(using: &random) {
                result += "\\/"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Any JSON.
    mutating func json(depth: Int = 0) -> String {
        switch Int.random(in: 0..<(depth < 3 ? 8 : 5), using: &random) {
        case 0: return pick(["true", "false"])
        case 1: return "null"
        case 2: return integer()
        case 3: return decimal(isPlain: false)
        case 4: return string(text())
        case 5, 6:
            return "["
                + (0..<Int.random(in: 0...3, using: &random)).map { _ in json(depth: depth + 1) }.joined(
                    separator: ", ") + "]"
        default:
            return "{"
                + (0..<Int.random(in: 0...3, using: &random)).map { _ in "\(string(text())): \(json(depth: depth + 1))"
                }
                .joined(separator: ",") + "}"
        }
    }

    mutating func orNull(_ value: String) -> String { Int.random(in: 0..<8, using: &random) == 0 ? "null" : value }

    /// A record of the columns of ``RoundTripTests``.
    ///
    /// - Parameter isPlain: whether the server is not needed to read it, so that it may be loaded directly.
    mutating func record(_ number: Int, isPlain: Bool) -> String {
        var fields = [
            ("n", Bool.random(using: &random) ? "\(number)" : "\"\(number)\""),
            ("i", orNull(Bool.random(using: &random) ? integer() : string(integer()))),
            ("x", orNull(Bool.random(using: &random) ? decimal(isPlain: isPlain) : string(decimal(isPlain: false)))),
            ("d", orNull(isPlain ? string(double()) : double())),
            ("s", orNull(string(text()))),
            ("j", json()),
            ("b", orNull(string(bytes()))),
            ("at", orNull(string(time()))),
            ("day", orNull(string(pick(["0001-01-01", "1999-12-31", "2024-02-29", "infinity", "9999-12-31"])))),
            ("yes", orNull(pick(["true", "false", "\"t\"", "\"off\"", "\"1\""]))),
        ]
        if !isPlain {
            let texts = (0..<Int.random(in: 0...4, using: &random)).map { _ in orNull(string(text())) }
            let numbers = (0..<Int.random(in: 0...4, using: &random)).map { _ in orNull(integer()) }
            fields += [
                ("texts", orNull("[\(texts.joined(separator: ","))]")),
                ("numbers", orNull("[\(numbers.joined(separator: ", "))]")),
            ]
        }
        fields.shuffle(using: &random)
        let space = pick(["", " ", "\t"])
        return "{" + fields.map { "\"\($0)\"\(space):\(space)\($1)" }.joined(separator: ",\(space)") + "}"
    }
}

extension String {
    fileprivate func appendingDigits(_ digits: String) -> String { isEmpty ? "" : self + digits }
}

/// Documents of random values go through the program into a table; what is there must be what the server itself makes of
/// each value of the document. `LACUNA_FUZZ` says how many records; 1,000 where it does not.
@Suite("Numbers and texts arrive as the document has them", .timeLimit(.minutes(30)))
struct RoundTripTests {
    private static let columns = [
        ("i", "bigint"), ("x", "numeric"), ("d", "double precision"), ("s", "text"), ("j", "jsonb"), ("b", "bytea"),
        ("at", "timestamptz"), ("day", "date"), ("yes", "boolean"),
    ]
    private static let lists = [("texts", "text[]"), ("numbers", "bigint[]")]
    private static let batch = 100

    private static func schema(_ columns: [(String, String)]) -> String {
        let list = columns.map { "\($0) \($1)" }.joined(separator: ", ")
        return """
            CREATE TABLE public.t (n bigint PRIMARY KEY, \(list));
            CREATE TABLE public.meant (n bigint PRIMARY KEY, \(list));
            CREATE TABLE public.way (statement text);
            CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN INSERT INTO public.way VALUES (substring(current_query(), 'COPY|INSERT')); RETURN NULL; END $$;
            CREATE TRIGGER note AFTER INSERT ON public.t FOR EACH STATEMENT EXECUTE FUNCTION public.note();
            """
    }

    private static func config(count: Int, source: String, more: String = "") -> String {
        """
        sources: {origin: \(source)}
        streams:
          t:
            source: origin
            table: public.t
            key: {column: n, type: integer}
            expect: {from: 1, to: \(count)}
            batch: \(batch)
            coalesce: 1
            \(more)
        """
    }

    /// Reads a record by the server's own `jsonb`, field by field.
    private static func meaning(_ columns: [(String, String)]) -> String {
        let values = columns.map { name, type -> String in
            switch type {
            case "jsonb": return "NULLIF(doc -> '\(name)', 'null')"
            case _ where type.hasSuffix("[]"):
                let element = type.dropLast(2)
                return "CASE WHEN jsonb_typeof(doc -> '\(name)') = 'array' THEN ARRAY(SELECT e.value::\(element) "
                    + "FROM jsonb_array_elements_text(doc -> '\(name)') WITH ORDINALITY AS e (value, place) ORDER BY place) END"
            default: return "(doc ->> '\(name)')::\(type)"
            }
        }
        return "INSERT INTO public.meant SELECT (doc ->> 'n')::bigint, \(values.joined(separator: ", ")) "
            + "FROM (SELECT $1::jsonb AS doc) AS record"
    }

    /// Puts what is meant beside the table, runs the program, and compares the two, image by image.
    private func check(
        _ installation: Installation, meant: [(sql: String, values: [String?])], usesStaging: Bool, way: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let session = try await installation.database.connect()
        try await session.withTransaction { session in
            for row in meant {
                try await session.query(BoundStatement(name: "meant", sql: row.sql, values: row.values))
            }
        }
        await session.close()
        if usesStaging {
            // A row in each window, so that none may be loaded directly; what is in it is overwritten.
            try await installation.database.execute(
                "INSERT INTO public.t (n) SELECT n FROM generate_series(2, \(meant.count), \(Self.batch)) AS n "
                    + "UNION SELECT \(meant.count); "
                    + "TRUNCATE public.way")
            #expect(try await installation.lacuna("mark", "t", "--all").status == 0, sourceLocation: sourceLocation)
        }
        let run = try await installation.lacuna("reconcile")
        #expect(run.status == 0, "\(run.errors.prefix(2000))", sourceLocation: sourceLocation)
        let database = installation.database
        #expect(
            try await database.column("SELECT DISTINCT statement FROM public.way") == [way],
            sourceLocation: sourceLocation)
        let differing = try await database.column(
            "SELECT COALESCE(t::text, 'missing') || ' is not ' || COALESCE(m::text, 'meant') FROM public.t FULL JOIN public.meant AS m "
                + "USING (n) WHERE t IS NULL OR m IS NULL OR t::record *<> m::record ORDER BY n LIMIT 3")
        #expect(differing == [], sourceLocation: sourceLocation)
        #expect(
            try await database.number("SELECT count(*) FROM public.t") == meant.count, sourceLocation: sourceLocation)
    }

    @Test(
        "from NDJSON, loaded directly or through the staging table",
        arguments: [(true, false), (true, true), (false, false)])
    func ndjson(isPlain: Bool, usesStaging: Bool) async throws {
        var values = RandomValues(random: SeededGenerator("NDJSON round trip"))
        let records = (1...Fuzzing.rounds(1000)).map { values.record($0, isPlain: isPlain) }
        let columns = Self.columns + (isPlain ? [] : Self.lists)
        try await Installation.with(
            Self.schema(columns),
            config: Self.config(count: records.count, source: "{type: file, path: records.ndjson}"),
            files: ["records.ndjson": records.map { $0 + "\n" }.joined()]
        ) { installation in
            let meaning = Self.meaning(columns)
            try await check(
                installation, meant: records.map { (meaning, [$0]) }, usesStaging: usesStaging,
                way: isPlain && !usesStaging ? "COPY" : "INSERT")
        }
    }

    @Test("from pages of JSON over HTTP", arguments: [true, false])
    func json(isPlain: Bool) async throws {
        var values = RandomValues(random: SeededGenerator("JSON round trip"))
        let records = (1...Fuzzing.rounds(1000)).map { values.record($0, isPlain: isPlain) }
        let columns = Self.columns + (isPlain ? [] : Self.lists)
        try await HTTPServer.with { request in
            guard let first = request["first"].flatMap({ Int($0) }), let last = request["last"].flatMap({ Int($0) })
            else {
                return .init("", status: 400)
            }
            let page = records[(first - 1)..<last].joined(separator: ",\n")
            return .init("{\"page\": {\"records\": [\(page)], \"more\": null}}")
        } _: { server in
            let config = Self.config(
                count: records.count, source: "{type: http, base_url: \"\(server.url)\", proxy: none}",
                more: """
                    record_selector: page.records
                        request: {path: /, params: {first: "{window.first}", last: "{window.last}"}}
                    """)
            try await Installation.with(Self.schema(columns), config: config) { installation in
                let meaning = Self.meaning(columns)
                try await check(
                    installation, meant: records.map { (meaning, [$0]) }, usesStaging: false,
                    way: isPlain ? "COPY" : "INSERT")
            }
        }
    }

    @Test("from CSV, loaded directly or through the staging table", arguments: [false, true])
    func csv(usesStaging: Bool) async throws {
        var values = RandomValues(random: SeededGenerator("CSV round trip"))
        let columns = Self.columns + Self.lists
        var document = "n," + columns.map(\.0).joined(separator: ",") + "\n"
        var meant: [(sql: String, values: [String?])] = []
        let places = columns.indices.map { "$\($0 + 2)::text::\(columns[$0].1)" }.joined(separator: ", ")
        for number in 1...Fuzzing.rounds(1000) {
            let row = Self.row(&values)
            document += "\(number),"
            document += row.map { Self.field($0, &values) }.joined(separator: ",")
            document += values.pick(["\n", "\n", "\r\n"])
            meant.append(("INSERT INTO public.meant VALUES ($1::text::bigint, \(places))", [String(number)] + row))
        }
        try await Installation.with(
            Self.schema(columns), config: Self.config(count: meant.count, source: "{type: file, path: rows.csv}"),
            files: ["rows.csv": document]
        ) { installation in
            try await check(installation, meant: meant, usesStaging: usesStaging, way: usesStaging ? "INSERT" : "COPY")
        }
    }

    /// The values of a row's columns, as texts that PostgreSQL reads; nil for NULL.
    private static func row(_ values: inout RandomValues) -> [String?] {
        let array = TextArray.literal((0..<Int.random(in: 0...3, using: &values.random)).map { _ in values.text() })
        let row = [
            values.integer(), values.decimal(isPlain: false), values.double(), values.text(), jsonb(&values),
            values.bytes(),
            values.time(), values.pick(["1999-12-31", "infinity", "2024-02-29"]), values.pick(["t", "false", "on"]),
            array,
            "{\(values.integer()),NULL,\(values.integer())}",
        ]
        return row.map { Int.random(in: 0..<8, using: &values.random) == 0 ? nil : $0 }
    }

    private static func jsonb(_ values: inout RandomValues) -> String { values.json() }

    /// A field as CSV writes it: an empty text in quotes, NULL without.
    private static func field(_ value: String?, _ values: inout RandomValues) -> String {
        guard let value else { return "" }
        let mustQuote =
            value.isEmpty || value.unicodeScalars.contains { ",\"\n\r".unicodeScalars.contains($0) }
            || value == "\\."
        guard mustQuote || Bool.random(using: &values.random) else { return value }
        return "\"" + value.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
    }
}
