extension ConfigTemplate {
    /// A library's catalogue by publication day, in windows that go backwards, beside what is entered or corrected day by
    /// day.
    static let library = ConfigTemplate(
        summary: "books by publication day in windows that go backwards, and new input day by day",
        files: [
            File(path: "lacuna.yaml", bytes: PackageResources.library_lacuna_yaml),
            File(path: "tables.sql", bytes: PackageResources.library_tables_sql),
            File(path: "dashboard/percent_done.sql", bytes: PackageResources.library_dashboard_percent_done_sql),
            File(path: "dashboard/windows_left.sql", bytes: PackageResources.library_dashboard_windows_left_sql),
            File(path: "dashboard/windows.sql", bytes: PackageResources.library_dashboard_windows_sql),
        ],
        variables: [
            ("LIBRARY_URL", "the catalogue's address, as https://host/path"),
            ("LIBRARY_KEY", "the key that it gave you"),
        ])
}
