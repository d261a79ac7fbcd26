extension ConfigTemplate {
    /// TODO
    static let sports = ConfigTemplate(
        summary: "five leagues with their seasons, days back and days ahead, under one rate limit",
        files: [
            File(path: "lacuna.yaml", bytes: PackageResources.sports_lacuna_yaml),
            File(path: "tables.sql", bytes: PackageResources.sports_tables_sql),
        ],
        variables: [("SPORTS_URL", "the API's address")])
}
