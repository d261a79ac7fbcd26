extension ConfigTemplate {
    /// TODO
    static let library = ConfigTemplate(
        summary: "books by publication day in windows that go backwards, and new input day by day",
        files: [
            File(path: "lacuna.yaml", bytes: PackageResources.library_lacuna_yaml),
            File(path: "tables.sql", bytes: PackageResources.library_tables_sql),
        ],
        variables: [("LIBRARY_URL", "the catalogue's address")])
}
