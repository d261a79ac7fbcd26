extension ConfigTemplate {
    /// Games by day in leagues with seasons of their own, some days back and some ahead, with statistics that a check looks for.
    static let sports = ConfigTemplate(
        summary: "five leagues with their seasons, days back and days ahead, under one rate limit",
        files: [
            File(path: "lacuna.yaml", bytes: PackageResources.sports_lacuna_yaml),
            File(path: "tables.sql", bytes: PackageResources.sports_tables_sql),
            File(path: "sql/games.sql", bytes: PackageResources.sports_sql_games_sql),
            File(path: "sql/statistics.sql", bytes: PackageResources.sports_sql_statistics_sql),
            File(path: "sql/missing-statistics.sql", bytes: PackageResources.sports_sql_missing_statistics_sql),
        ],
        variables: [
            ("SPORTS_URL", "the API's address"), ("SPORTS_KEY", "the key to it"),
            ("SLACK_WEBHOOK_URL", "where messages about runs are posted to"),
        ])
}
