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

    /// What the journal says of a run that did not end well: its first failure, or why it ended early.
    ///
    /// - Parameter columns: the stream's partition columns.
    func reason(columns: [String]) -> String {
        switch state {
        case .done: return ""
        case .deferred: return deferral ?? stopReason ?? ""
        case .incomplete: return stopReason ?? ""
        case .failed, .unknown: break
        }
        let messages = streamFailures + failures.map { text(of: $0, columns: columns) }
        guard let first = messages.first else { return stopReason ?? "" }
        return messages.count == 1 ? first : "\(first) (and \(messages.count - 1) more)"
    }

    private func text(of failure: BatchFailure, columns: [String]) -> String {
        var place = failure.partition.label(columns: columns)
        if !failure.window.isEmpty, let keyType {
            place += (place.isEmpty ? "" : " ") + keyType.text(failure.window)
        }
        return place.isEmpty ? failure.message : "\(place): \(failure.message)"
    }
}
