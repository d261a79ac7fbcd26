import LacunaSources

/// A value that must not be shown. Printing, interpolating or dumping it gives `***`.
package struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What is shown in a secret's place.
    package static let mask = SecretMask.mark

    /// The value itself, for the one who needs it.
    package let value: String

    /// Wraps a value.
    package init(_ value: String) {
        self.value = value
    }

    /// `***`.
    package var description: String { Secret.mask }
    /// `***`.
    package var debugDescription: String { Secret.mask }
    /// A mirror without children, so that `dump` shows nothing either.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
