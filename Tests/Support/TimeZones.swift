import Foundation

extension TimeZone {
    /// A zone that changes its clock in March and October.
    public static let london = TimeZone(identifier: "Europe/London") ?? .gmt
    /// A zone half an hour off.
    public static let kolkata = TimeZone(identifier: "Asia/Kolkata") ?? .gmt
    /// A zone that changed its clock at midnight, so that some days had no first hour.
    public static let saoPaulo = TimeZone(identifier: "America/Sao_Paulo") ?? .gmt
}

/// This machine does not know a time zone.
public struct UnknownZone: Error {
    /// The zone that was asked for.
    public let name: String
}

/// The time zone of a name.
///
/// - Throws: ``UnknownZone``.
public func zone(_ name: String) throws -> TimeZone {
    guard let zone = TimeZone(identifier: name) else { throw UnknownZone(name: name) }
    return zone
}
