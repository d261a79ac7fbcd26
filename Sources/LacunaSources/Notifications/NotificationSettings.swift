/// Who is told of runs, and of which.
package struct NotificationSettings: Sendable, Hashable {
    /// A kind of run that is worth telling of.
    package enum Occasion: String, Sendable, Hashable, CaseIterable {
        /// Something failed, or the outcome of a commit is unknown.
        case failure
        /// Everything is complete again, after a run that was not.
        case healed
        /// Something was committed or failed.
        case finished
    }

    /// Where the message is posted to, an absolute URL. It is a secret: who knows it can post.
    package var webhook: String?
    /// What is asked for when a run begins and when it ends, an absolute URL; a secret, too.
    package var ping: String?
    /// The argument vector of a program that takes the message; empty: there is none.
    package var command: [String] = []
    /// Which runs are told of.
    package var occasions: Set<Occasion> = [.failure, .healed]
    /// Variables that the program does not inherit, because they hold secrets of others.
    package var withheld: Set<String> = []
    /// Values that must not be shown of what the program says.
    package var secrets: Set<String> = []
    /// The directory that the program runs in: that of the config.
    package var directory = "."
    /// The proxies that the webhook is reached through.
    package var proxies = ProxyRules()
    /// How long a notification may take.
    package var timeout: Duration = .seconds(10)

    /// Settings that tell nobody.
    package init() {}

    /// Whether a text can be a webhook: an absolute http or https URL without a user.
    package static func isWebhook(_ text: String) -> Bool {
        Address(text).map { $0.origin.socket == nil } ?? false
    }
}
