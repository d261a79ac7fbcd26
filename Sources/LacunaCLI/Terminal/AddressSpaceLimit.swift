import Foundation
import Synchronization

/// Ends the program with a message and its exit status if a limit of its address space (`ulimit -v`) is too small.
///
/// The runtime ends a program by a signal if there is no memory. libdispatch takes a thread that cannot be started for a
/// shortage that passes, and waits for ever: a run from cron would never end. A thread of its own, which is there from the
/// start, sees that nothing runs any more.
enum AddressSpaceLimit {
    private static let beats = Atomic<Int>(0)
    /// For so many seconds nothing may run: no thread waits for another that long while there is memory.
    private static let patience = 10

    /// Watches from now on, if there is such a limit.
    static func watch() {
        var limit = rlimit()
        #if canImport(Darwin)
            let isLimited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != rlim_t.max >> 1
        #else
            let isLimited =
                getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 && limit.rlim_cur != rlim_t.max
        #endif
        guard isLimited else { return }
        catchSignals()
        #if !canImport(Darwin)
            guard reserveThreads() else { end("no thread can be started") }
        #endif
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, 128 << 10)
        defer { pthread_attr_destroy(&attributes) }
        #if canImport(Darwin)
            var thread: pthread_t?
        #else
            var thread = pthread_t()
        #endif
        let result = pthread_create(
            &thread, &attributes,
            { _ in
                AddressSpaceLimit.watchThreads()
                return nil
            }, nil)
        guard result == 0 else { AddressSpaceLimit.end("no thread can be started") }
        Task.detached {
            while true {
                beats.add(1, ordering: .relaxed)
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    private static func watchThreads() {
        var known = -1
        var silence = 0
        var failures = 0
        while true {
            sleep(1)
            let now = beats.load(ordering: .relaxed)
            silence = now == known ? silence + 1 : 0
            known = now
            // Some threads may go on while another waits for one that cannot be started.
            failures = canStartThread() ? 0 : failures + 1
            if max(silence, failures) >= patience { end("no thread can be started") }
        }
    }

    /// Whether there is room for a thread as the runtime starts them.
    private static func canStartThread() -> Bool {
        #if canImport(Darwin)
            var thread: pthread_t?
            guard pthread_create(&thread, nil, { _ in nil }, nil) == 0, let thread else { return false }
        #else
            var thread = pthread_t()
            guard pthread_create(&thread, nil, { _ in nil }, nil) == 0 else { return false }
        #endif
        pthread_join(thread, nil)
        return true
    }

    #if !canImport(Darwin)
        /// The threads of a run with a few workers.
        private static let threadCount = 24

        /// Makes room for the threads of a run: what starts one later may take no for an answer and wait for it all the same.
        ///
        /// The C library keeps the stacks of threads that have ended, up to 40 MiB, and gives them to the next ones.
        ///
        /// - Returns: false if there is no room.
        private static func reserveThreads() -> Bool {
            var attributes = pthread_attr_t()
            pthread_attr_init(&attributes)
            pthread_attr_setstacksize(&attributes, 1 << 20)
            // An extension of the GNU C library, whose declaration Swift does not see.
            typealias SetDefault = @convention(c) (UnsafePointer<pthread_attr_t>) -> Int32
            guard let function = dlsym(nil, "pthread_setattr_default_np") else { return true }
            _ = unsafeBitCast(function, to: SetDefault.self)(&attributes)
            pthread_attr_destroy(&attributes)
            let gate = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
            pthread_mutex_init(gate, nil)
            pthread_mutex_lock(gate)
            var threads: [pthread_t] = []
            for _ in 0..<threadCount {
                var thread = pthread_t()
                let result = pthread_create(
                    &thread, nil,
                    { context in
                        guard let gate = context?.assumingMemoryBound(to: pthread_mutex_t.self) else { return nil }
                        pthread_mutex_lock(gate)
                        pthread_mutex_unlock(gate)
                        return nil
                    }, gate)
                guard result == 0 else { return false }
                threads.append(thread)
            }
            pthread_mutex_unlock(gate)
            for thread in threads { pthread_join(thread, nil) }
            gate.deallocate()
            return true
        }
    #endif

    /// Ends the program by its exit status where the runtime would by a signal, because it got no memory.
    private static func catchSignals() {
        let size = max(Int(SIGSTKSZ), 64 << 10)
        // The stack of the main thread grows, and may be what found no room.
        var stack = stack_t()
        stack.ss_sp = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        stack.ss_size = size
        sigaltstack(&stack, nil)
        for signal in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS] {
            var action = sigaction()
            action.sa_flags = SA_ONSTACK
            #if canImport(Darwin)
                action.__sigaction_u.__sa_handler = { _ in
                    AddressSpaceLimit.end("the runtime gave up, as it does without memory")
                }
            #else
                action.__sigaction_handler.sa_handler = { _ in
                    AddressSpaceLimit.end("the runtime gave up, as it does without memory")
                }
            #endif
            sigaction(signal, &action, nil)
        }
    }

    /// No memory may be needed for it.
    private static func end(_ reason: StaticString) -> Never {
        write("error: ")
        write(reason)
        write(": the limit of the address space (ulimit -v) is too small; raise it\n")
        _exit(ExitStatus.failed.rawValue)
    }

    private static func write(_ text: StaticString) {
        _ = Foundation.write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
    }
}
