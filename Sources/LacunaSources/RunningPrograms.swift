import Foundation
import Synchronization

/// The programs that sources run now, each the leader of a process group of its own.
package enum RunningPrograms {
    private struct State {
        /// The leaders by number of announcement; nil: the program is being started, and may be there already.
        var leaders: [Int: pid_t?] = [:]
        var announced = 0
        var isEnding = false
    }

    private static let state = Mutex(State())

    /// Says that a program is about to be started.
    ///
    /// - Returns: the number that it is known by until ``forget(_:)``.
    /// - Throws: `CancellationError` if all programs were ended, and no other may start.
    static func announce() throws -> Int {
        OrphanWatch.begin()
        return try state.withLock { state in
            guard !state.isEnding else { throw CancellationError() }
            state.announced += 1
            state.leaders[state.announced] = .some(nil)
            return state.announced
        }
    }

    /// Says that an announced program is there.
    static func started(_ number: Int, leader: pid_t) {
        state.withLock { state in
            state.leaders[number] = leader
            OrphanWatch.add(leader)
            if state.isEnding { _ = Foundation.kill(-leader, SIGKILL) }
        }
    }

    /// Says that an announced program was not started, or is about to be waited for.
    static func forget(_ number: Int) {
        state.withLock { state in
            if let leader = state.leaders.removeValue(forKey: number) ?? nil { OrphanWatch.remove(leader) }
        }
    }

    /// Ends them at once with all that they started: for a process that is about to exit without waiting for them. Those
    /// that are being started are waited for, up to a second.
    package static func kill() {
        // Under the lock no program is waited for and forgotten, whose number could then be somebody else's.
        state.withLock { state in
            state.isEnding = true
            for leader in state.leaders.values.compactMap(\.self) { _ = Foundation.kill(-leader, SIGKILL) }
        }
        for _ in 0..<1000 where state.withLock({ $0.leaders.values.contains(nil) }) { usleep(1000) }
    }
}
