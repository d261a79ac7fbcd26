import LacunaSources

/// A value that must not be shown. Printing, interpolating or dumping it gives `***`.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What is shown in a secret's place.
    public static let mask = SecretMask.mark

    /// The value itself, for the one who needs it.
    public let value: String

    /// Wraps a value.
    public init(_ value: String) {
        self.value = value
    }

    /// `***`.
    public var description: String { Secret.mask }
    /// `***`.
    public var debugDescription: String { Secret.mask }
    /// A mirror without children, so that `dump` shows nothing either.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
