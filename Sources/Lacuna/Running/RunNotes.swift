import Synchronization

/// What the batches of a run have to say beside its figures, each thing once.
final class RunNotes: Sendable {
    private static let limit = 20
    private let texts = Mutex<[String]>([])

    var all: [String] { texts.withLock { $0 } }

    func add(_ text: String) {
        texts.withLock { texts in
            guard texts.count < RunNotes.limit, !texts.contains(text) else { return }
            texts.append(text)
        }
    }
}
