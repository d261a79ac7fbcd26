extension ConfigTemplate {
    /// TODO
    static let racing = ConfigTemplate(
        summary: "racecards and results that fan out into 14 tables, horses enriched by id, statistics",
        files: [
            File(path: "lacuna.yaml", bytes: PackageResources.racing_lacuna_yaml),
            File(path: "tables.sql", bytes: PackageResources.racing_tables_sql),
        ],
        variables: [("RACING_URL", "the API's address")])
}
