extension Schedule {
    /// The lines of a crontab.
    var crontab: [String] {
        var lines = ["# Lacuna: \(config)"]
        if !variables.isEmpty {
            lines.append("# Set these variables above, as NAME=value: \(variables.joined(separator: ", "))")
        }
        lines.append("# cron's PATH is short: set PATH above if the config's own commands need more.")
        lines.append(
            flock == nil
                ? "# There is no flock here. Runs that overlap do no harm; they only share the work."
                : "# A sync that finds the lock taken leaves it at that; the sweep waits for up to an hour.")
        for job in jobs {
            let script = commands(of: job).map(Quoting.shell).joined(separator: "; ")
            let command = Quoting.shell(locked(script, job: job)) + (log.map { " >> \(Quoting.shell($0)) 2>&1" } ?? "")
            lines.append("\(time(of: job)) \(Quoting.cron(command))")
        }
        return lines
    }

    private func time(of job: Job) -> String {
        switch (job, every) {
        case (.sweep, _): "\(Job.sweepMinute) \(Job.sweepHour) * * *"
        case (.sync, .minutes(let count)): "*/\(count) * * * *"
        case (.sync, .hours(1)): "\(Job.minute) * * * *"
        case (.sync, .hours(24)): "\(Job.minute) 0 * * *"
        case (.sync, .hours(let count)): "\(Job.minute) */\(count) * * *"
        }
    }
}
