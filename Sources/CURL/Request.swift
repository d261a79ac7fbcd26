/// A name and a value of a request or an answer, in its order.
public struct Header: Sendable, Hashable {
    /// The name as it was written.
    public let name: String
    /// The value, without the blanks around it.
    public let value: String

    /// A header.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// What is asked.
public struct Request: Sendable {
    /// What is done.
    public enum Method: Sendable, Hashable {
        /// A GET.
        case get
        /// A POST of a body.
        case post([UInt8])
    }

    /// A server that passes requests on.
    public struct Proxy: Sendable, Hashable {
        /// Its name or address.
        public var host: String
        /// Its port.
        public var port: Int
        /// User and password; nil: it asks for none.
        public var credentials: Credentials?

        /// A proxy.
        public init(host: String, port: Int, credentials: Credentials? = nil) {
            self.host = host
            self.port = port
            self.credentials = credentials
        }
    }

    /// A user and a password.
    public struct Credentials: Sendable, Hashable {
        /// The user.
        public var username: String
        /// The password.
        public var password: String

        /// Credentials.
        public init(username: String, password: String) {
            self.username = username
            self.password = password
        }
    }

    /// The address, with http or https.
    public var url: String
    /// What is done.
    public var method: Method
    /// The headers.
    public var headers: [Header]
    /// What may be done to the answer's body on the way. An answer in another coding is decoded all the same.
    public var acceptEncoding: String = "identity"
    /// The proxy; nil: none, whatever the environment says. A request over https goes through a tunnel (CONNECT).
    public var proxy: Proxy?
    /// The path of the Unix socket to connect to in place of the URL's host.
    public var socket: String?

    /// A request.
    public init(_ url: String, method: Method = .get, headers: [Header] = []) {
        self.url = url
        self.method = method
        self.headers = headers
    }
}
