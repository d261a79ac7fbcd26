extension ServerError {
    /// Whether the same transaction may succeed in a moment.
    package var isTransient: Bool { sqlState.isTransient || isOfAnotherNode }

    /// Whether another node of a Citus cluster went away while the statement ran, or gave a shard to a third one.
    ///
    /// Citus has no code for that. What libpq says of a lost connection comes as an internal error or an error of input and output, and
    /// a shard that was moved or split meanwhile as a table that is not there. Codes of other meaning are never taken for it.
    var isOfAnotherNode: Bool {
        switch sqlState.rawValue {
        case "XX000", "58000", "58030": ServerError.signsOfLostNodes.contains(where: message.contains)
        case "42P01": context?.contains("while executing command on ") == true
        default: false
        }
    }

    /// What libpq and Citus say if the connection to a node is lost, or a shard is not where it was.
    private static let signsOfLostNodes = [
        "server closed the connection unexpectedly", "connection to the remote node", "connection not open",
        "terminating connection", "could not receive data from server", "could not send data to server",
        "could not connect to server", "connection to server at", "SSL connection has been closed unexpectedly",
        "could not find valid entry for shard", "could not find any shard placements",
        "could not find any healthy placement",
    ]
}
