import CLibCURL
import Foundation

/// Certificates of a file beside the system's, as one text of PEM.
///
/// Its memory is never written after `init`, and libcurl only reads it: it may be shared by all threads.
final class Authorities: @unchecked Sendable {
    private let bytes: UnsafeMutableRawBufferPointer
    private let file: String

    /// Reads the files.
    init(file: String) throws(CURLError) {
        self.file = file
        guard let own = FileManager.default.contents(atPath: file) else {
            throw CURLError(CURLE_SSL_CACERT_BADFILE, "the certificates of \(file) cannot be read")
        }
        guard own.range(of: Data("-----BEGIN ".utf8)) != nil else {
            throw CURLError(CURLE_SSL_CACERT_BADFILE, "\(file) holds no certificate (PEM)")
        }
        let system = Library.authorityFile.flatMap(FileManager.default.contents(atPath:))
        // Without a file of the system's its directory is read beside this one.
        let text = system.map { $0 + Data("\n".utf8) + own } ?? Data()
        bytes = .allocate(byteCount: text.count, alignment: 1)
        text.withUnsafeBytes { bytes.copyMemory(from: $0) }
    }

    deinit {
        bytes.deallocate()
    }

    /// Has a handle trust them. They must outlive it.
    func set(_ easy: borrowing EasyHandle) throws(CURLError) {
        // https://curl.se/libcurl/c/CURLOPT_CAINFO_BLOB.html: takes the place of CURLOPT_CAINFO, not of CURLOPT_CAPATH.
        if bytes.count > 0, lacuna_set_authorities(easy.pointer, bytes.baseAddress, bytes.count) == CURLE_OK { return }
        try easy.set(CURLOPT_CAINFO, file)
    }
}
