/// A catalogue like the one of Citus, for tests of what Lacuna concludes from it. Nothing is distributed by it.
enum ClusterCatalogue {
    /// Makes the catalogue in a database. The server belongs to the tests, so that its catalogue may be written to.
    static let script = """
        SET allow_system_table_mods = on;
        CREATE TABLE pg_catalog.pg_dist_partition (
            logicalrelid regclass NOT NULL, partmethod "char" NOT NULL, partkey text, colocationid integer NOT NULL,
            repmodel "char" NOT NULL);
        CREATE TABLE pg_catalog.pg_dist_local_group (groupid integer NOT NULL);
        INSERT INTO pg_catalog.pg_dist_local_group VALUES (0);
        CREATE TABLE pg_catalog.pg_dist_node (nodeid integer, groupid integer, nodename text, nodeport integer);
        INSERT INTO pg_catalog.pg_dist_node VALUES (1, 0, 'first', 5432), (2, 1, 'second', 5433);
        CREATE FUNCTION pg_catalog.column_to_column_name(regclass, text) RETURNS text LANGUAGE sql AS 'SELECT $2';
        CREATE FUNCTION pg_catalog.run_command_on_all_nodes(command text)
            RETURNS TABLE (nodeid integer, success boolean, result text)
            LANGUAGE plpgsql AS $$
            BEGIN
                FOR nodeid IN SELECT n.nodeid FROM pg_catalog.pg_dist_node AS n LOOP
                    EXECUTE command INTO result;
                    success := true;
                    RETURN NEXT;
                END LOOP;
            END $$;
        GRANT SELECT ON pg_catalog.pg_dist_partition, pg_catalog.pg_dist_local_group, pg_catalog.pg_dist_node TO PUBLIC;
        RESET allow_system_table_mods;
        """

    /// Has the catalogue say how a table lies.
    ///
    /// - Parameters:
    ///   - method: `h` by hash, `a` by append, `n` not by a column.
    ///   - model: `t` for a copy on each node, else `s`.
    ///   - column: the distribution column.
    ///   - colocation: 0 for a local table that is only known.
    static func spread(
        _ table: String, method: String, model: String = "s", column: String? = nil, colocation: Int = 1
    ) -> String {
        "INSERT INTO pg_catalog.pg_dist_partition VALUES ('\(table)', '\(method)', "
            + "\(column.map { "'\($0)'" } ?? "NULL"), \(colocation), '\(model)');"
    }

    /// Has the catalogue say that another node coordinates.
    static let onWorker = "UPDATE pg_catalog.pg_dist_local_group SET groupid = 1;"
}
