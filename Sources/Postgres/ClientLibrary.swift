import CLibPQ

/// The libpq that the program runs on.
package enum ClientLibrary {
    /// Its version, as in `17.5`: <https://www.postgresql.org/docs/current/libpq-misc.html#LIBPQ-PQLIBVERSION>.
    package static var version: String {
        let number = PQlibVersion()
        return "\(number / 10_000).\(number % 10_000)"
    }
}
