import Lacuna

/// When Lacuna is run for a config, and how: every few hours a catchup and a reconcile, and at night a reconcile that reads
/// far back.
struct Schedule {
    /// How far apart runs begin: a part of an hour or of a day, so that they begin at the same times every day.
    enum Interval: Equatable {
        case minutes(Int)
        case hours(Int)

        /// Reads `5m`, `4h` or `1d`; nil if it divides neither an hour nor a day.
        init?(_ text: String) {
            let seconds: Int64
            switch HistoryLength(text) {
            case .seconds(let count): seconds = count
            case .days(1): seconds = 86_400
            default: return nil
            }
            switch seconds {
            case 60..<3600 where 3600 % seconds == 0 && seconds % 60 == 0: self = .minutes(Int(seconds / 60))
            case 3600...86_400 where 86_400 % seconds == 0 && seconds % 3600 == 0: self = .hours(Int(seconds / 3600))
            default: return nil
            }
        }
    }

    /// Streams that are read so far back at night.
    struct Sweep: Equatable {
        /// Empty: all of the config.
        var streams: [String]
        let lookback: HistoryLength
    }

    /// Both run under one lock. The sweep waits for it, because there is only one a night.
    enum Job: String, CaseIterable {
        case sync, sweep

        /// When the interval does not say: beside the full hour, at which everybody else asks.
        static let minute = 7
        static let sweepHour = 3
        static let sweepMinute = 37
        static let longestSweepWait = 3600
    }

    /// Absolute paths.
    let program: String
    let config: String
    let lock: String
    /// Where cron's output goes; nil: failures are printed, and cron mails them.
    let log: String?
    /// The page that shows how things stand after each run; nil if there is none.
    let report: String?
    /// The program `flock`; nil if there is none.
    let flock: String?
    let every: Interval
    let sweeps: [Sweep]
    /// What the config takes from the environment, by name.
    let variables: [String]

    /// What the streams of a config are read back by at night.
    ///
    /// - Parameter lookback: what was asked for; streams whose keys have no such length, and all if it is nil, are read
    ///   back by 30 days, or by ten batches where their keys are integers.
    static func sweeps(of streams: [StreamDefinition], lookback: HistoryLength?) -> [Sweep] {
        var sweeps: [Sweep] = []
        // Text keys have no order, and so nothing that is far back.
        let ordered = streams.filter { if case .text = $0.keyType { false } else { true } }
        for stream in ordered {
            let length = lookback.flatMap { $0.fits(stream.keyType) ? $0 : nil } ?? standard(of: stream)
            if let index = sweeps.firstIndex(where: { $0.lookback == length }) {
                sweeps[index].streams.append(stream.name)
            } else {
                sweeps.append(Sweep(streams: [stream.name], lookback: length))
            }
        }
        if sweeps.count == 1, ordered.count == streams.count { sweeps[0].streams = [] }
        return sweeps
    }

    private static func standard(of stream: StreamDefinition) -> HistoryLength {
        guard case .integer = stream.keyType else { return .days(30) }
        guard case .units(let count) = stream.batch, count <= Int64.max / 10 else { return .units(10_000) }
        return .units(count * 10)
    }

    /// The jobs that have something to do.
    var jobs: [Job] { sweeps.isEmpty ? [.sync] : Job.allCases }

    /// The commands of a job, as argument vectors.
    func commands(of job: Job) -> [[String]] {
        runs(of: job)
            + (report.map { [[program, "gaps", "--config", config, "--format", "html", "--output", $0]] } ?? [])
    }

    private func runs(of job: Job) -> [[String]] {
        let quiet = log == nil ? ["--quiet"] : []
        return switch job {
        case .sync: ["catchup", "reconcile"].map { [program, $0, "--config", config] + quiet }
        case .sweep:
            sweeps.map { sweep in
                let names = sweep.streams.isEmpty ? [] : ["--"] + sweep.streams
                return [program, "reconcile", "--config", config, "--lookback", "\(sweep.lookback)"] + quiet + names
            }
        }
    }

    /// The argument vector that runs a shell script under the lock; none of it if there is no `flock`.
    func locked(_ script: String, job: Job) -> [String] {
        let shell = ["/bin/sh", "-c", script]
        guard let flock else { return shell }
        let waiting = job == .sync ? ["-n"] : ["-w", "\(Job.longestSweepWait)"]
        return [flock] + waiting + ["-E", "0", lock] + shell
    }
}

/// Quotes for the places that a command passes on its way.
enum Quoting {
    /// A word for a shell. It has no backslash that was not there before, because cron has its own mind about those.
    static func shell(_ word: String) -> String {
        isPlain(word) ? word : "'" + word.replacing("'", with: "'\"'\"'") + "'"
    }

    private static func isPlain(_ word: String) -> Bool {
        !word.isEmpty
            && word.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "/._-+,:@".utf8.contains(byte)
                }
            }
    }

    static func shell(_ words: [String]) -> String {
        words.map { shell($0) }.joined(separator: " ")
    }

    /// A command for the sixth field of a crontab, where a percent sign ends the command and a backslash keeps it:
    /// <https://man7.org/linux/man-pages/man5/crontab.5.html>.
    static func cron(_ command: String) -> String {
        command.replacing("%", with: "\\%")
    }

    /// A word of a command line of systemd:
    /// <https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Command%20lines>.
    static func systemd(_ word: String) -> String {
        isPlain(word)
            ? word
            : "\""
                + word.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("%", with: "%%")
                .replacing("$", with: "$$") + "\""
    }
}
