import Dispatch
import Foundation
import Lacuna
import LacunaSources

/// Turns SIGINT, SIGTERM and SIGHUP into a tidy end; a second one ends the program at once, and the programs that it runs.
final class SignalWatch {
    private let sources: [any DispatchSourceSignal]

    /// - Parameter stop: given with the first signal; nil: already the first one ends the program.
    init(_ stop: StopSignal? = nil) {
        sources = [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                guard let stop, !stop.isGiven else {
                    // The server rolls back what is open when the connection closes.
                    RunningPrograms.kill()
                    _exit(128 + number)
                }
                stop.give()
                Console.shared.message(
                    "stopping: no new batch starts; those in flight finish or are rolled back (again: end at once)")
            }
            source.resume()
            return source
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }
}
