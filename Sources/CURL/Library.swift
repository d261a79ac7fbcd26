import CLibCURL

/// The libcurl that the program runs on.
package enum Library {
    /// Its version: `7.88.1`.
    package static var version: String { String(cString: information.pointee.version) }

    /// The content codings that it decodes, as `Accept-Encoding` lists them.
    package static var codings: [String] {
        [
            ("gzip", lacuna_curl_has_zlib), ("deflate", lacuna_curl_has_zlib), ("br", lacuna_curl_has_brotli),
            ("zstd", lacuna_curl_has_zstd),
        ].filter { has($0.1) }.map(\.0)
    }

    static var hasHTTP2: Bool { has(lacuna_curl_has_http2) }

    /// The file of the system's certificates that it was built for; nil: there is none.
    static var authorityFile: String? { information.pointee.cainfo.map { String(cString: $0) } }

    /// Readies the library, once: <https://curl.se/libcurl/c/curl_global_init.html>.
    static func ready() throws(CURLError) {
        guard initialization == CURLE_OK else { throw CURLError(initialization, "") }
    }

    private static let initialization = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

    /// Static data of the library: <https://curl.se/libcurl/c/curl_version_info.html>.
    private static var information: UnsafePointer<curl_version_info_data> { lacuna_version_info() }

    private static func has(_ feature: Int32) -> Bool { information.pointee.features & feature != 0 }
}
