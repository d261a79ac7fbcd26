extension Schedule {
    /// A unit file.
    struct UnitFile {
        let name: String
        let text: String
    }

    /// A service and a timer for each job.
    func units(prefix: String) -> [UnitFile] {
        jobs.flatMap { job in
            let name = "\(prefix)-\(job.rawValue)"
            return [
                UnitFile(name: "\(name).service", text: service(job)),
                UnitFile(name: "\(name).timer", text: timer(job)),
            ]
        }
    }

    private func service(_ job: Job) -> String {
        // The unit has failed when a command failed: work that remains (2) and a deferred run (3) are no failures.
        let steps = commands(of: job).map { "run \(Quoting.shell($0))" }.joined(separator: "; ")
        let script =
            "status=0; run() { \"$@\"; code=$?; case $code in 0|2|3) ;; *) status=$code ;; esac; }; \(steps); exit $status"
        let command = locked(script, job: job)
        var lines = ["[Unit]", "Description=Lacuna \(description(of: job))", "Wants=network-online.target"]
        lines += ["After=network-online.target", "", "[Service]", "Type=oneshot"]
        lines.append("# In /etc/systemd/system, say whom it runs as:")
        lines.append("#User=")
        if !variables.isEmpty {
            lines.append("# A file that sets \(variables.joined(separator: ", ")):")
            lines.append("#EnvironmentFile=")
        }
        if flock != nil {
            lines.append(
                job == .sync
                    ? "# Leaves it at that where the sweep holds the lock."
                    : "# Waits for up to an hour where the sync holds the lock.")
        }
        lines.append("ExecStart=" + command.map(Quoting.systemd).joined(separator: " "))
        return lines.joined(separator: "\n") + "\n"
    }

    private func timer(_ job: Job) -> String {
        """
        [Unit]
        Description=Lacuna \(description(of: job))

        [Timer]
        OnCalendar=\(calendar(of: job))
        Persistent=true

        [Install]
        WantedBy=timers.target

        """
    }

    private func description(of job: Job) -> String {
        let path = config.replacing("%", with: "%%")
        return switch job {
        case .sync: "catchup and reconcile of \(path)"
        case .sweep: "reconcile of \(path), reading far back"
        }
    }

    private func calendar(of job: Job) -> String {
        func clock(_ hour: String, _ minute: Int) -> String { "*-*-* \(hour):\(minute < 10 ? "0" : "")\(minute):00" }
        return switch (job, every) {
        case (.sweep, _): clock("0\(Job.sweepHour)", Job.sweepMinute)
        case (.sync, .minutes(let count)): "*-*-* *:00/\(count):00"
        case (.sync, .hours(1)): clock("*", Job.minute)
        case (.sync, .hours(24)): clock("00", Job.minute)
        case (.sync, .hours(let count)): clock("00/\(count)", Job.minute)
        }
    }
}
