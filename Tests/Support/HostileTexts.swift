/// Texts that break careless quoting: as names, as values, as elements of arrays.
public let hostileTexts: [String] = [
    "plain", "two words", "a'b", "''", "'", "\"", "\"\"", "a\"b", "\\", "\\'", "'\\", "a\\\\b", "$$", "$1", "$x$",
    ";--", "'; DROP TABLE victim; --", "\"; DROP TABLE victim; --", ":'x'", ":x", ":\"x\"", "::text", "/* ", "*/",
    "-- ",
    "a\nb", "a\r\nb", "\t", "{a,b}", "NULL", "null", "", " ", "%s", "🐘", "é", "e\u{301}", "\u{301}", "'\u{301}",
    "'\u{301}; DROP TABLE victim; --", "\"\u{301}", "\"\u{301}; DROP TABLE victim; --", "\\\u{301}", "\\'\u{301}",
    "\u{301}'", ":\u{301}", ":'\u{301}x'", "\u{200D}", "\u{202E}abc", "\u{FEFF}", "select", "\u{1}",
]
