import LacunaModel
import LacunaRecords

extension RunReport {
    /// Decides how the run ended from what it knows.
    mutating func conclude() {
        guard state == .done || state == .deferred else { return }
        if !failures.isEmpty || !streamFailures.isEmpty {
            state = .failed
        } else if state == .deferred {
            return
        } else if let missing, missing > 0 {
            state = .incomplete
        } else if mode == .catchup, let behind, behind > 0 {
            // The source was asked for all of them and did not give them.
            state = .incomplete
        } else if stopReason != nil {
            state = .incomplete
        }
    }
}
