extension ConfigTemplate {
    /// TODO
    static let meetings = ConfigTemplate(
        summary: "agendas and minutes of many municipalities, each a host of its own",
        files: [
            File(path: "lacuna.yaml", bytes: PackageResources.meetings_lacuna_yaml),
            File(path: "tables.sql", bytes: PackageResources.meetings_tables_sql),
        ],
        variables: [("MEETINGS_URL", "the address, with {partition.municipality} in its host")])
}
