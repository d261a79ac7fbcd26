import CLibCURL
import Foundation
import Synchronization

/// The thread of a client, and what it is told to do.
final class Runner: Sendable {
    private enum Order {
        case start(Transfer)
        case cancel(Transfer)
    }

    private struct State {
        var multi: MultiHandle?
        var authorities: Authorities?
        var orders: [Order] = []
        var isStopped = false
    }

    private let connections: Int
    private let authorityFile: String?
    private let state = Mutex(State())

    init(connections: Int, authorityFile: String?) {
        self.connections = connections
        self.authorityFile = authorityFile
    }

    /// Starts the thread, if it does not run.
    func start() throws(CURLError) -> Authorities? {
        try state.withLock { state throws(CURLError) in
            guard state.multi == nil else { return state.authorities }
            state.authorities = try authorityFile.map { file throws(CURLError) in try Authorities(file: file) }
            let multi = try MultiHandle(connections: connections)
            state.multi = multi
            let thread = Thread { self.run(multi) }
            thread.name = "curl"
            thread.stackSize = 1 << 20
            thread.start()
            return state.authorities
        }
    }

    /// Has a transfer begun.
    func submit(_ transfer: Transfer) {
        let multi = state.withLock { state -> MultiHandle? in
            // A cancellation that comes after this line has to take the lock, and its order stands behind this one.
            if Task.isCancelled || state.isStopped { return nil }
            state.orders.append(.start(transfer))
            return state.multi
        }
        guard let multi else { return transfer.finish(CancellationError()) }
        multi.wake()
    }

    func cancel(_ transfer: Transfer) {
        state.withLock { state in
            state.orders.append(.cancel(transfer))
            return state.multi
        }?.wake()
    }

    /// Ends the thread, and with it all connections.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            return state.multi
        }?.wake()
    }

    // MARK: On the thread

    private func run(_ multi: MultiHandle) {
        blockBrokenPipes()
        var transfers: [UnsafeMutableRawPointer: Transfer] = [:]
        while true {
            let (orders, isStopped) = state.withLock { state in
                defer { state.orders = [] }
                return (state.orders, state.isStopped)
            }
            for order in orders {
                switch order {
                case .start(let transfer):
                    transfers[transfer.handle] = transfer
                    if let error = multi.add(transfer) { end(transfer, error) }
                case .cancel(let transfer):
                    guard transfers[transfer.handle] != nil else { continue }
                    end(transfer, CancellationError())
                }
            }
            if isStopped {
                for transfer in transfers.values { end(transfer, CancellationError()) }
                // What waits for nothing cannot be woken: the handle goes with its last owner.
                state.withLock { $0.multi = nil }
                return
            }
            var trouble = multi.perform()
            while let (handle, code) = multi.nextDone() {
                guard let transfer = transfers.removeValue(forKey: handle) else { continue }
                multi.remove(handle)
                transfer.finish(code)
            }
            var timeout = Duration.seconds(60)
            let now = ContinuousClock.now
            for transfer in transfers.values {
                let deadline = transfer.deadline
                if deadline.at <= now {
                    end(transfer, CURLError.late(deadline.of))
                } else {
                    timeout = min(timeout, deadline.at - now)
                }
            }
            trouble = trouble ?? multi.poll(timeout)
            if let trouble {
                for transfer in transfers.values { end(transfer, trouble) }
                // Trouble that stays must not take a processor.
                Thread.sleep(forTimeInterval: 0.01)
            }
        }

        func end(_ transfer: Transfer, _ error: any Error) {
            multi.remove(transfer.handle)
            transfers[transfer.handle] = nil
            transfer.finish(error)
        }
    }

    /// Of a connection that the server closed the caller learns by an error, not by a signal.
    private func blockBrokenPipes() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }
}

/// A multi handle.
///
/// ``wake()`` may be called by any thread (<https://curl.se/libcurl/c/curl_multi_wakeup.html>); all else only by the thread that
/// runs it. It is freed with its last owner, when nobody can be in a call.
private final class MultiHandle: @unchecked Sendable {
    private let pointer: UnsafeMutableRawPointer

    init(connections: Int) throws(CURLError) {
        try Library.ready()
        guard let pointer = curl_multi_init() else { throw CURLError(CURLE_OUT_OF_MEMORY, "") }
        // Without descriptors there is a handle, but nothing to wake it by.
        guard curl_multi_wakeup(pointer) == CURLM_OK else {
            curl_multi_cleanup(pointer)
            throw CURLError(CURLE_FAILED_INIT, "there are no descriptors left (ulimit -n)")
        }
        self.pointer = pointer
        lacuna_multi_set_long(pointer, CURLMOPT_MAX_HOST_CONNECTIONS, connections)
        lacuna_multi_set_long(pointer, CURLMOPT_MAXCONNECTS, connections)
    }

    deinit {
        curl_multi_cleanup(pointer)
    }

    func wake() {
        curl_multi_wakeup(pointer)
    }

    func add(_ transfer: Transfer) -> CURLError? {
        error(curl_multi_add_handle(pointer, transfer.handle))
    }

    func remove(_ handle: UnsafeMutableRawPointer) {
        curl_multi_remove_handle(pointer, handle)
    }

    /// Moves all transfers on as far as they can be without waiting.
    func perform() -> CURLError? {
        var running: Int32 = 0
        return error(curl_multi_perform(pointer, &running))
    }

    /// A transfer that is done, and how it ended.
    func nextDone() -> (UnsafeMutableRawPointer, CURLcode)? {
        var left: Int32 = 0
        while let message = curl_multi_info_read(pointer, &left) {
            var code = CURLE_OK
            if let handle = lacuna_done(message, &code) { return (handle, code) }
        }
        return nil
    }

    /// Waits until there is something to do: <https://curl.se/libcurl/c/curl_multi_poll.html>.
    func poll(_ timeout: Duration) -> CURLError? {
        // One more, as a wait that ends before the deadline would be followed by others of no length.
        error(curl_multi_poll(pointer, nil, 0, Int32(clamping: timeout.milliseconds + 1), nil))
    }

    private func error(_ code: CURLMcode) -> CURLError? {
        code == CURLM_OK ? nil : CURLError(CURLE_FAILED_INIT, String(cString: curl_multi_strerror(code)))
    }
}
