extension ConfigTemplate {
    /// Dense integers from a node that speaks JSON-RPC and from an API of linked pages, with a live ingester beside Lacuna.
    static let ledgers = ConfigTemplate(
        summary: "blocks and ledgers by number, from JSON-RPC and REST, with a check of the chain",
        files: [
            File(path: "lacuna.yaml", bytes: PackageResources.ledgers_lacuna_yaml),
            File(path: "tables.sql", bytes: PackageResources.ledgers_tables_sql),
            File(path: "sql/broken-blocks.sql", bytes: PackageResources.ledgers_sql_broken_blocks_sql),
            File(path: "sql/broken-ledgers.sql", bytes: PackageResources.ledgers_sql_broken_ledgers_sql),
        ],
        variables: [
            ("NODE_URL", "the node's address"), ("NODE_USER", "its user"), ("NODE_PASSWORD", "the user's password"),
            ("HORIZON_URL", "the address of the API of ledgers"),
        ])
}
