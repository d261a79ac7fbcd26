import Testing

@testable import LacunaConfig

@Suite("A wrong setting is refused with its place")
struct SettingProblemTests {
    static let top: [WrongConfig] = [
        WrongConfig("version: 2\nsources: {}\nstreams: {}", at: "1:10", "version '2' is not known"),
        WrongConfig("version: 1", at: "1:1", "has no 'sources'"),
        WrongConfig("version: 1\nsources: {}\nstreams: {}", at: "3:10", "'streams' is empty", "at least one stream"),
        WrongConfig("sources: {a: {type: file}}", at: "1:1", "has no 'version'"),
        WrongConfig(
            integerConfig(top: "streems: {}"), at: "13:1", "unknown setting 'streems'", "did you mean 'streams'?"),
        WrongConfig(integerConfig(top: "notify: {on: failure}"), at: "13:9", "'notify' tells nobody"),
        WrongConfig(integerConfig(top: "notify: {webhok: x}"), at: "13:10", "did you mean 'webhook'?"),
        WrongConfig(integerConfig(top: "notify: {webhook: ftp://h/x}"), at: "13:19", "expected an address like https"),
        WrongConfig(integerConfig(top: "notify: {ping: ping}"), at: "13:16", "'ping': expected an address like https"),
        WrongConfig(integerConfig(top: "notify: {webhook: hooks}"), at: "13:19", "expected an address like https"),
        WrongConfig(integerConfig(top: "notify: {command: ./page-me}"), at: "13:19", "expected a list"),
        WrongConfig(integerConfig(top: "notify: {command: [./x], on: []}"), at: "13:30", "'on' is an empty list"),
        WrongConfig(
            integerConfig(top: "notify: {command: [./x], on: [failur]}"), at: "13:31",
            "expected failure, healed or finished", "did you mean 'failure'?"),
        WrongConfig(integerConfig(top: "database:"), at: "13:1", "'database' of lacuna.yaml has no value"),
        WrongConfig(integerConfig(top: "database: ~"), at: "13:1", "has no value"),
        WrongConfig(integerConfig(top: "database: \"\""), at: "13:11", "'database' is empty"),
        WrongConfig(integerConfig(top: "database: [x]"), at: "13:11", "expected text, found a list"),
        WrongConfig(integerConfig(top: "defaults: {wrkers: 3}"), at: "13:12", "'wrkers' in defaults", "'workers'?"),
        WrongConfig(integerConfig(top: "defaults: {workers: 0}"), at: "13:21", "from 1 to 64, found '0'"),
        WrongConfig(integerConfig(top: "defaults: {batch: 30d}"), at: "13:19", "integer keys take a number of units"),
        WrongConfig(integerConfig(top: "defaults: {tip: SELECT 1}"), at: "13:17", "an argument vector"),
        WrongConfig(integerConfig(top: "defaults: {timeout: x}"), at: "13:21", "expected a time like 30s"),
    ]

    static let sources: [WrongConfig] = [
        WrongConfig(
            integerConfig(source: "path: x"), at: "6:5", "'path' belongs to sources of type file",
            "'node' is of type command"),
        WrongConfig(integerConfig(source: "tiip: [x]"), at: "6:5", "unknown setting 'tiip' in source 'node'", "'tip'?"),
        WrongConfig(integerConfig(source: "base_url: x"), at: "6:5", "'base_url' belongs to sources of type http"),
        WrongConfig(integerConfig(source: "format: xml"), at: "6:13", "expected ndjson or csv, found 'xml'"),
        WrongConfig(integerConfig(source: "timeout: 30"), at: "6:14", "'timeout': expected a time like 30s"),
        WrongConfig(integerConfig(source: "timeout: 0s"), at: "6:14", "'timeout' must be above zero"),
        WrongConfig(integerConfig(source: "timeout: 1 month"), at: "6:14", "expected a time"),
        WrongConfig(integerConfig(source: "tip: ./fetch --tip"), at: "6:10", "argument vector, never a shell"),
        WrongConfig(integerConfig(source: "tip: []"), at: "6:10", "empty list"),
        WrongConfig(integerConfig(source: "tip: [a, ~]"), at: "6:14", "element without a value"),
        WrongConfig(integerConfig(source: "tip: [a, {b: c}]"), at: "6:14", "expected text, found a map"),
        WrongConfig(integerConfig(source: "tip: [\"{window.first}\"]"), at: "6:11", "a tip has none"),
        WrongConfig(
            integerConfig(source: "tip: [\"{window.frist}\"]"), at: "6:11", "unknown placeholder '{window.frist}'"),
        WrongConfig(integerConfig(source: "environment: {A: [b]}"), at: "6:22", "'A': expected text, found a list"),
        WrongConfig(integerConfig(source: "environment: x"), at: "6:18", "expected a map by variable name"),
        WrongConfig(
            integerConfig(source: "retry: {attemts: 3}"), at: "6:13",
            "unknown setting 'attemts' in 'retry' of source 'node'", "'attempts'?"),
        WrongConfig(integerConfig(source: "retry: {attempts: 0}"), at: "6:23", "from 1 to 100"),
        WrongConfig(
            integerConfig(source: "retry: {backoff: 5s, max_backoff: 1s}"), at: "6:39", "shorter than 'backoff'"),
        WrongConfig(integerConfig(source: "retry: 3"), at: "6:12", "expected a map of settings, found '3'"),
        WrongConfig("version: 1\nsources: {a: {type: comand}}\nstreams: {}", at: "2:21", "did you mean 'command'?"),
        WrongConfig("version: 1\nsources: {a: {path: x}}\nstreams: {}", at: "2:11", "source 'a' has no 'type'"),
        WrongConfig("version: 1\nsources: {a: }\nstreams: {}", at: "2:11", "source 'a' has no value"),
        WrongConfig("version: 1\nsources: {a: 5}\nstreams: {}", at: "2:14", "source 'a': expected a map of settings"),
        WrongConfig(
            "version: 1\nsources: {\"\": {type: file}}\nstreams: {}", at: "2:11",
            "a source's name must have 1 to 200 bytes"),
        WrongConfig(
            "version: 1\nsources: {\"a\\e[31m\": {type: file}}\nstreams: {}", at: "2:11", "no control characters"),
    ]

    static let streams: [WrongConfig] = [
        WrongConfig(
            integerConfig().replacing("source: node", with: "source: nod"), at: "9:13", "there is no source 'nod'",
            "did you mean 'node'?"),
        WrongConfig(
            integerConfig().replacing("table: blocks", with: "order: newest"), at: "8:3",
            "stream 'blocks' has no 'table'"),
        WrongConfig(
            integerConfig().replacing("source: node", with: "order: newest"), at: "8:3",
            "stream 'blocks' has no 'source'"),
        WrongConfig(
            integerConfig().replacing("key: {column: number, type: integer}", with: "order: newest"), at: "8:3",
            "has no 'key'"),
        WrongConfig(
            integerConfig().replacing("    command: [./fetch]\n", with: ""), at: "7:3",
            "neither stream 'blocks' nor its source has 'command'"),
        WrongConfig(
            integerConfig("path: x"), at: "12:5", "'path' belongs to sources of type file",
            "source 'node' of stream 'blocks' is of type command"),
        WrongConfig(integerConfig("request: {}"), at: "12:5", "'request' belongs to sources of type http"),
        WrongConfig(integerConfig("primary_key: []"), at: "12:18", "empty list"),
        WrongConfig(integerConfig("primary_key: [a, a]"), at: "12:22", "'a' stands twice"),
        WrongConfig(integerConfig("workers: 65"), at: "12:14", "a number from 1 to 64, found '65'"),
        WrongConfig(integerConfig("workers: four"), at: "12:14", "a number from 1 to 64, found 'four'"),
        WrongConfig(integerConfig("coalesce: -1"), at: "12:15", "a number, 0 or more"),
        WrongConfig(integerConfig("leases: no"), at: "12:13", "expected true or false, found 'no'"),
        WrongConfig(
            integerConfig("empty: verfy"), at: "12:12", "expected confirm, verify, trust or error",
            "did you mean 'verify'?"),
        WrongConfig(
            integerConfig("rows: replac"), at: "12:11", "expected upsert or replace", "did you mean 'replace'?"),
        WrongConfig(
            integerConfig("rows: replace\nshrink_guard: 20"), at: "13:19", "expected a share like 20%, or off"),
        WrongConfig(integerConfig("rows: replace\nshrink_guard: 101%"), at: "13:19", "expected a share like 20%"),
        WrongConfig(
            integerConfig("complete: {rows: 24, where: a > 1}"), at: "12:15", "'complete' takes one of 'rows', 'where'"),
        WrongConfig(integerConfig("complete: {rows: 24, any: true}"), at: "12:31", "'any' goes with 'where'"),
        WrongConfig(integerConfig("complete: {rows: 0}"), at: "12:22", "rows"),
        WrongConfig(integerConfig("complete: {rows: {at_most: 3}}"), at: "12:23", "unknown setting 'at_most'"),
        WrongConfig(integerConfig("shrink_guard: 20%"), at: "12:19", "'shrink_guard' is for rows: replace"),
        WrongConfig(integerConfig("batch: 0"), at: "12:12", "'batch' must be above zero"),
        WrongConfig(integerConfig("batch: -5"), at: "12:12", "expected a length like 500"),
        WrongConfig(integerConfig("batch: 30d"), at: "12:12", "integer keys take a number of units"),
        WrongConfig(integerConfig("overlap: 1 month"), at: "12:14", "integer keys take a number of units"),
        WrongConfig(integerConfig("lookback: 1h"), at: "12:15", "integer keys take a number of units"),
        WrongConfig(dateConfig("batch: 36h"), at: "12:12", "'36h' is not a number of whole days"),
        WrongConfig(dateConfig("batch: 99999999999d"), at: "12:12", "expected a length"),
        WrongConfig(timestampConfig("batch: 90m"), at: "12:12", "not a whole number of units, each 1h"),
        WrongConfig(
            integerConfig("load: sql/none.sql"), at: "12:11", "cannot read 'sql/none.sql': there is no such file"),
        WrongConfig(integerConfig("after: [sql/races.sql, sql]"), at: "12:28", "cannot read 'sql': it is a directory"),
        WrongConfig(integerConfig("check: /dev/null"), at: "12:12", "'/dev/null' is empty"),
        WrongConfig(integerConfig("load: {a: b}"), at: "12:11", "expected text, found a map"),
        WrongConfig(integerConfig("columns: [a]"), at: "12:14", "expected a map by column name"),
        WrongConfig(
            integerConfig("command: [\"{partition.regon}\"]\npartitions: {region: [a]}"), at: "12:15",
            "has the partition columns region", "did you mean 'region'?"),
        WrongConfig(
            integerConfig("command: [\"{partition.region}\"]"), at: "12:15", "stream 'blocks' has no partitions"),
        WrongConfig(
            integerConfig("command: [\"{window.first:yyyy}\"]"), at: "12:15", "a date format on an integer key"),
        WrongConfig(integerConfig("command: [\"{window.first\"]"), at: "12:15", "'{' without '}'"),
    ]

    static let keys: [WrongConfig] = [
        WrongConfig(key("{column: n}"), at: "11:10", "has no 'type'"),
        WrongConfig(key("{type: integer}"), at: "11:10", "has no 'column'"),
        WrongConfig(key("{column: n, type: text}"), at: "8:3", "text keys and needs 'expect: {query: SELECT …}'"),
        WrongConfig(key("{column: n, type: text, step: 2}"), at: "11:40", "'step' is for ordered keys"),
        WrongConfig(text("overlap: 2"), at: "13:14", "'overlap' is for ordered keys; ids have no neighbours"),
        WrongConfig(text("lookback: 2"), at: "13:15", "'lookback' is for ordered keys"),
        WrongConfig(text("batch: 30d"), at: "13:12", "text keys take a number of units"),
        WrongConfig(text("command: [x, \"{window.first}\"]"), at: "13:18", "text keys have no window; write {keys}"),
        WrongConfig(text("tip: [x, \"{keys}\"]"), at: "13:14", "a tip has none"),
        WrongConfig(text("expect: {query: SELECT 1, from: 3}"), at: "13:37", "'from' is for ordered keys"),
        WrongConfig(
            integerConfig("command: [x, \"{keys}\"]"), at: "12:18", "'{keys}' is for text keys; write {window.first}"),
        WrongConfig(
            key("{column: n, type: int}"), at: "11:28", "integer, date, timestamp or text", "did you mean 'integer'?"),
        WrongConfig(key("{column: n, type: integer, step: 0}"), at: "11:43", "expected a positive number, found '0'"),
        WrongConfig(key("{column: n, type: integer, step: 1h}"), at: "11:43", "expected a positive number"),
        WrongConfig(key("{column: n, type: integer, step: [1]}"), at: "11:43", "found a list"),
        WrongConfig(key("{column: n, type: integer, timezone: UTC}"), at: "11:47", "for date and timestamp keys"),
        WrongConfig(key("{column: n, type: date, step: 1d}"), at: "11:40", "a date key's unit is a day"),
        WrongConfig(key("{column: n, type: timestamp}"), at: "11:10", "a timestamp key needs 'step'"),
        WrongConfig(key("{column: n, type: timestamp, step: 7h}"), at: "11:45", "that divides a day, found '7h'"),
        WrongConfig(key("{column: n, type: timestamp, step: 2d}"), at: "11:45", "from 1s to 1d"),
        WrongConfig(key("{column: n, type: timestamp, step: 0s}"), at: "11:45", "from 1s to 1d"),
        WrongConfig(key("{column: n, type: timestamp, step: 60}"), at: "11:45", "expected a time"),
        WrongConfig(
            key("{column: n, type: date, timezone: Europe/Lundon}"), at: "11:44", "not an IANA time zone",
            "did you mean 'Europe/London'?"),
        WrongConfig(key("{column: n, type: date, timezone: EST5}"), at: "11:44", "not an IANA time zone"),
    ]

    static let expectations: [WrongConfig] = [
        WrongConfig(dateConfig("expect: {from: tip}"), at: "12:20", "'from' cannot be tip"),
        WrongConfig(dateConfig("expect: {from: 2015-02-30}"), at: "12:20", "'2015-02-30' is not a key", "a date like"),
        WrongConfig(dateConfig("expect: {to: todya}"), at: "12:18", "did you mean 'today'?"),
        WrongConfig(dateConfig("expect: {to: today - 90}"), at: "12:18", "needs a unit"),
        WrongConfig(dateConfig("expect: {to: today * 2}"), at: "12:18", "expected today, today - 90d or today + 7d"),
        WrongConfig(dateConfig("expect: {to: today - 5h}"), at: "12:18", "not a number of whole days"),
        WrongConfig(
            dateConfig("expect: {from: 2015-01-02, to: 2015-01-01}"), at: "12:36",
            "'to' (2015-01-01) lies before 'from' (2015-01-02)"),
        WrongConfig(integerConfig("expect: {to: now}"), at: "12:18", "now is for date and timestamp keys"),
        WrongConfig(integerConfig("expect: {to: 99999999999999999999}"), at: "12:18", "is not a key"),
        WrongConfig(integerConfig("expect: {delay: 1d}"), at: "12:21", "integer keys take a number of units"),
        WrongConfig(
            integerConfig("expect: {weekdays: [sat]}"), at: "12:24", "'weekdays' is for date and timestamp keys"),
        WrongConfig(
            integerConfig("expect: {seasons: 10-01..06-30}"), at: "12:23", "'seasons' is for date and timestamp keys"),
        WrongConfig(dateConfig("expect: {weekdays: [saturday]}"), at: "12:25", "did you mean 'sat'?"),
        WrongConfig(dateConfig("expect: {weekdays: [sat], seasons: 10-01..06-30}"), at: "12:40", "exclude each other"),
        WrongConfig(dateConfig("expect: {seasons: 10-01..02-30}"), at: "12:23", "expected a season like"),
        WrongConfig(dateConfig("expect: {seasons: {}}"), at: "12:23", "'seasons' is empty"),
        WrongConfig(dateConfig("expect: {seasons: {NBA: 10-01..06-30}}"), at: "12:23", "has no partitions"),
        WrongConfig(
            dateConfig("expect: {seasons: {NBB: 10-01..06-30}}\npartitions: {league: [NBA1, NFL]}"), at: "12:24",
            "not a partition value of this stream"),
        WrongConfig(
            dateConfig("expect: {seasons: {NFLL: 10-01..06-30}}\npartitions: {league: [NBA, NFL]}"), at: "12:24",
            "did you mean 'NFL'?"),
        WrongConfig(
            dateConfig("expect: {form: 2015-01-01}"), at: "12:14", "in 'expect' of stream 'blocks'",
            "did you mean 'from'?"),
        WrongConfig(
            dateConfig("expect: {query: }"), at: "12:14", "'query' of 'expect' of stream 'blocks' has no value"),
    ]

    static let partitions: [WrongConfig] = [
        WrongConfig(dateConfig("partitions: [a]"), at: "12:17", "expected a map of values by column"),
        WrongConfig(dateConfig("partitions: {}"), at: "12:17", "'partitions' is empty"),
        WrongConfig(dateConfig("partitions: {a: b}"), at: "12:21", "expected a list of values, found 'b'"),
        WrongConfig(dateConfig("partitions: {a: }"), at: "12:18", "partition column 'a' has no values"),
        WrongConfig(dateConfig("partitions: {a: []}"), at: "12:21", "empty list"),
        WrongConfig(dateConfig("partitions: {a: [~]}"), at: "12:22", "element without a value"),
        WrongConfig(dateConfig("partitions: {a: [1, \"1\"]}"), at: "12:25", "'1' stands twice"),
        WrongConfig(dateConfig("partitions: {a: [[1]]}"), at: "12:22", "found a list"),
        WrongConfig(dateConfig("partitions: {number: [1]}"), at: "12:18", "is the key column"),
        WrongConfig(dateConfig("partitions: {query: SELECT 1}"), at: "12:17", "has no 'columns'"),
        WrongConfig(dateConfig("partitions: {query: SELECT 1, columns: a}"), at: "12:44", "expected a list, found 'a'"),
        WrongConfig(dateConfig("partitions: {query: SELECT 1, columns: [a, a]}"), at: "12:48", "stands here twice"),
        WrongConfig(dateConfig("partitions: {query: SELECT 1, columns: [number]}"), at: "12:45", "is the key column"),
    ]

    @Test("at the top level", arguments: top)
    func topLevel(_ wrong: WrongConfig) throws { try expectRefusal(wrong) }

    @Test("of a source", arguments: sources)
    func source(_ wrong: WrongConfig) throws { try expectRefusal(wrong) }

    @Test("of a stream", arguments: streams)
    func stream(_ wrong: WrongConfig) throws { try expectRefusal(wrong) }

    @Test("of a key", arguments: keys)
    func key(_ wrong: WrongConfig) throws { try expectRefusal(wrong) }

    @Test("of what is expected", arguments: expectations)
    func expectation(_ wrong: WrongConfig) throws { try expectRefusal(wrong) }

    @Test("of partitions", arguments: partitions)
    func partition(_ wrong: WrongConfig) throws { try expectRefusal(wrong) }

    /// A config whose stream has text keys, and `more` in line 13.
    private static func text(_ more: String) -> String {
        let query = more.hasPrefix("expect") ? "workers: 1" : "expect: {query: SELECT 1 AS number}"
        return integerConfig("\(query)\n\(more)").replacing("type: integer", with: "type: text")
    }

    private static func key(_ text: String) -> String {
        integerConfig().replacing("{column: number, type: integer}", with: text)
    }
}
