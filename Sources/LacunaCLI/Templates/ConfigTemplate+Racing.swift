extension ConfigTemplate {
    /// Horse racing: two feeds that fan out into 14 tables in either order, horses looked up by id, and four tables of
    /// statistics calculated from what was loaded.
    static let racing = ConfigTemplate(
        summary: "racecards and results that fan out into 14 tables, horses enriched by id, statistics",
        files: [
            File(path: "lacuna.yaml", bytes: PackageResources.racing_lacuna_yaml),
            File(path: "tables.sql", bytes: PackageResources.racing_tables_sql),
            File(path: "sql/courses.sql", bytes: PackageResources.racing_sql_courses_sql),
            File(path: "sql/people.sql", bytes: PackageResources.racing_sql_people_sql),
            File(path: "sql/horses.sql", bytes: PackageResources.racing_sql_horses_sql),
            File(path: "sql/racecards.sql", bytes: PackageResources.racing_sql_racecards_sql),
            File(path: "sql/results.sql", bytes: PackageResources.racing_sql_results_sql),
            File(path: "sql/pedigree.sql", bytes: PackageResources.racing_sql_pedigree_sql),
            File(path: "sql/links.sql", bytes: PackageResources.racing_sql_links_sql),
            File(path: "sql/statistics.sql", bytes: PackageResources.racing_sql_statistics_sql),
        ],
        variables: [
            ("RACING_URL", "the API's address, with its version: https://api.example.com/v1"),
            ("RACING_USERNAME", "the user that the API knows"), ("RACING_PASSWORD", "the user's password"),
        ])
}
