/// Who is told of runs, and of which.
public struct NotificationSettings: Sendable, Hashable {
    /// A kind of run that is worth telling of.
    public enum Occasion: String, Sendable, Hashable, CaseIterable {
        /// Something failed, or the outcome of a commit is unknown.
        case failure
        /// Everything is complete again, after a run that was not.
        case healed
        /// Something was committed or failed.
        case finished
    }

    /// Where the message is posted to, an absolute URL. It is a secret: who knows it can post.
    public var webhook: String?
    /// The argument vector of a program that takes the message; empty: there is none.
    public var command: [String] = []
    /// Which runs are told of.
    public var occasions: Set<Occasion> = [.failure, .healed]
    /// Variables that the program does not inherit, because they hold secrets of others.
    public var withheld: Set<String> = []
    /// Values that must not be shown of what the program says.
    public var secrets: Set<String> = []
    /// The directory that the program runs in: that of the config.
    public var directory = "."
    /// The proxies that the webhook is reached through.
    public var proxies = ProxyRules()
    /// How long a notification may take.
    public var timeout: Duration = .seconds(10)

    /// Settings that tell nobody.
    public init() {}

    /// Whether a text can be a webhook: an absolute http or https URL without a user.
    public static func isWebhook(_ text: String) -> Bool {
        Address(text).map { $0.origin.socket == nil } ?? false
    }
}
