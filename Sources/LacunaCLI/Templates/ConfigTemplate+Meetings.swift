extension ConfigTemplate {
    /// Pages of agendas and minutes, a partition for each municipality and kind. Each municipality is a host of its own.
    static let meetings = ConfigTemplate(
        summary: "agendas and minutes of many municipalities, each a host of its own",
        files: [
            File(path: "lacuna.yaml", bytes: PackageResources.meetings_lacuna_yaml),
            File(path: "tables.sql", bytes: PackageResources.meetings_tables_sql),
            File(path: "dashboard/municipalities.sql", bytes: PackageResources.meetings_dashboard_municipalities_sql),
        ],
        variables: [
            ("MEETINGS_DOMAIN", "what follows the municipality in the host's name, as example.org"),
            ("MEETINGS_SECRET", "the secret that the service wants in the header X-Service-Secret"),
        ])
}
