/// A name and a value of a request or an answer, in its order.
package struct Header: Sendable, Hashable {
    /// The name as it was written.
    package let name: String
    /// The value, without the blanks around it.
    package let value: String

    /// A header.
    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// What is asked.
package struct Request: Sendable {
    /// What is done.
    package enum Method: Sendable, Hashable {
        /// A GET.
        case get
        /// A POST of a body.
        case post([UInt8])
    }

    /// A server that passes requests on.
    package struct Proxy: Sendable, Hashable {
        /// Its name or address.
        package var host: String
        /// Its port.
        package var port: Int
        /// User and password; nil: it asks for none.
        package var credentials: Credentials?

        /// A proxy.
        package init(host: String, port: Int, credentials: Credentials? = nil) {
            self.host = host
            self.port = port
            self.credentials = credentials
        }
    }

    /// A user and a password.
    package struct Credentials: Sendable, Hashable {
        /// The user.
        package var username: String
        /// The password.
        package var password: String

        /// Credentials.
        package init(username: String, password: String) {
            self.username = username
            self.password = password
        }
    }

    /// The address, with http or https.
    package var url: String
    /// What is done.
    package var method: Method
    /// The headers.
    package var headers: [Header]
    /// What may be done to the answer's body on the way. An answer in another coding is decoded all the same.
    package var acceptEncoding: String = "identity"
    /// The proxy; nil: none, whatever the environment says. A request over https goes through a tunnel (CONNECT).
    package var proxy: Proxy?
    /// The path of the Unix socket to connect to in place of the URL's host.
    package var socket: String?

    /// A request.
    package init(_ url: String, method: Method = .get, headers: [Header] = []) {
        self.url = url
        self.method = method
        self.headers = headers
    }
}
