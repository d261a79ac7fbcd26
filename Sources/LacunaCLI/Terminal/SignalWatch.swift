import Dispatch
import Foundation
import Lacuna
import LacunaSources

/// Turns SIGINT, SIGTERM and SIGHUP into a tidy end; a second one ends the program at once.
final class SignalWatch {
    private let sources: [any DispatchSourceSignal]

    init(_ stop: StopSignal) {
        sources = [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                if stop.isGiven {
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
