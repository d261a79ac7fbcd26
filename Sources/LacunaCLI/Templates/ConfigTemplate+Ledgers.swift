extension ConfigTemplate {
    /// Dense integers from a node that speaks JSON-RPC, with a live ingester beside Lacuna.
    static let ledgers = ConfigTemplate(
        summary: "blocks and ledgers by number, from JSON-RPC and REST, with a check of the chain",
        files: [
            File(path: "lacuna.yaml", bytes: PackageResources.ledgers_lacuna_yaml),
            File(path: "tables.sql", bytes: PackageResources.ledgers_tables_sql),
        ],
        variables: [("NODE_URL", "the node's address")])
}
