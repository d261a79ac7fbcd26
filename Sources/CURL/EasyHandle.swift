import CLibCURL

/// An easy handle and what it refers to, freed together: <https://curl.se/libcurl/c/libcurl-easy.html>.
struct EasyHandle: ~Copyable {
    let pointer: UnsafeMutableRawPointer
    private var headers: UnsafeMutablePointer<curl_slist>?
    private let said: UnsafeMutablePointer<CChar>

    init() throws(CURLError) {
        try Library.ready()
        guard let pointer = curl_easy_init() else { throw CURLError(CURLE_OUT_OF_MEMORY, "") }
        self.pointer = pointer
        said = .allocate(capacity: Int(CURL_ERROR_SIZE))
        said.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        lacuna_set_pointer(pointer, CURLOPT_ERRORBUFFER, said)
        lacuna_set_quick_exit(pointer)
    }

    deinit {
        curl_easy_cleanup(pointer)
        curl_slist_free_all(headers)
        said.deallocate()
    }

    /// What libcurl said of a failure.
    var message: String { String(cString: said) }

    func set(_ option: CURLoption, _ value: Int) throws(CURLError) {
        try check(lacuna_set_long(pointer, option, value))
    }

    /// Sets a text, which libcurl copies.
    func set(_ option: CURLoption, _ value: String) throws(CURLError) {
        // As a text of C it would end there.
        guard !value.utf8.contains(0) else { throw .malformed("a NUL byte where none can be") }
        try check(lacuna_set_text(pointer, option, value))
    }

    /// Sets the body of a POST, which libcurl copies: <https://curl.se/libcurl/c/CURLOPT_COPYPOSTFIELDS.html>.
    func set(body: [UInt8]) throws(CURLError) {
        try check(lacuna_set_size(pointer, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
        let code = body.withUnsafeBytes { bytes in
            // Without an address libcurl would read the body from standard input.
            let start = bytes.baseAddress ?? UnsafeRawPointer(said)
            return lacuna_set_pointer(pointer, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: start))
        }
        try check(code)
    }

    /// Sets the headers. One whose value is empty takes a semicolon: <https://curl.se/libcurl/c/CURLOPT_HTTPHEADER.html>.
    ///
    /// - Parameter suppressed: names of headers that libcurl would add.
    mutating func set(_ added: [Header], suppressed: [String]) throws(CURLError) {
        let lines = added.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
        for line in lines + suppressed.map({ "\($0):" }) {
            guard !line.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) else {
                throw .malformed("a header holds a control character")
            }
            guard let longer = curl_slist_append(headers, line) else { throw CURLError(CURLE_OUT_OF_MEMORY, "") }
            headers = longer
        }
        try check(lacuna_set_list(pointer, headers))
    }

    func check(_ code: CURLcode) throws(CURLError) {
        guard code == CURLE_OK else { throw CURLError(code, message) }
    }
}
