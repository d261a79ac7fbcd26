import LacunaModel
import LacunaRecords

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The number of files this process may have open.
package enum OpenFileLimit {
    #if canImport(Glibc)
        private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
        private static let resource = RLIMIT_NOFILE
    #endif

    /// Raises the soft limit as far as it goes: a catchup of many batches holds a spool file for each large one.
    static func raise() {
        raise { $0 }
    }

    /// Raises the soft limit to `count` if it is lower, and as far as it goes if that is less.
    ///
    /// - Returns: what it is then.
    package static func raise(toAtLeast count: UInt64) -> UInt64 {
        raise { min($0, rlim_t(count)) }
    }

    /// - Parameter wanted: takes how far it goes.
    @discardableResult
    private static func raise(_ wanted: (rlim_t) -> rlim_t) -> UInt64 {
        var limit = rlimit()
        // Without an answer nothing is known against it.
        guard getrlimit(resource, &limit) == 0 else { return .max }
        let before = limit.rlim_cur
        #if canImport(Darwin)
            // Darwin refuses more than OPEN_MAX even if the hard limit says infinity.
            limit.rlim_cur = max(before, wanted(min(limit.rlim_max, rlim_t(OPEN_MAX))))
        #else
            limit.rlim_cur = max(before, wanted(limit.rlim_max))
        #endif
        guard limit.rlim_cur > before else { return UInt64(before) }
        return UInt64(setrlimit(resource, &limit) == 0 ? limit.rlim_cur : before)
    }
}
