import CURL
import Postgres

/// What `lacuna --version` prints.
enum ProgramVersion {
    /// The version of the program.
    static let number = "0.1.0"

    /// The version, and those of the libraries that it runs on.
    static var text: String {
        "lacuna \(number) (libpq \(ClientLibrary.version), libcurl \(CURL.Library.version))"
    }
}
