import Foundation
import Synchronization

/// The programs that sources run now, each the leader of a process group of its own.
public enum RunningPrograms {
    private static let leaders = Mutex<Set<pid_t>>([])

    static func insert(_ leader: pid_t) {
        leaders.withLock { _ = $0.insert(leader) }
    }

    static func remove(_ leader: pid_t) {
        leaders.withLock { _ = $0.remove(leader) }
    }

    /// Ends them at once with all that they started: for a process that is about to exit without waiting for them.
    public static func kill() {
        // Under the lock no program is waited for and forgotten, whose number could then be somebody else's.
        leaders.withLock { leaders in
            for leader in leaders { _ = Foundation.kill(-leader, SIGKILL) }
        }
    }
}
