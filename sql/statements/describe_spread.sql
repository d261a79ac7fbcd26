-- How a table lies on the nodes of a Citus cluster, and which node this is. Only a database with the extension has what it reads.
--
-- Variables:
--   oid             oid           the table; NULL asks for the node alone
-- Rows: one: is_worker boolean (another node coordinates), coordinator text (its address; NULL if it is not known), method text
-- (h hash, r range, a append, n none; NULL if Citus does not know the table), model text (t: a copy on each node), column text (the
-- distribution column), colocation integer (0: a local table that Citus knows).
SELECT
    COALESCE((SELECT g.groupid FROM pg_catalog.pg_dist_local_group AS g LIMIT 1), 0) <> 0 AS is_worker,
    (SELECT pg_catalog.concat(n.nodename, ':', n.nodeport)
        FROM pg_catalog.pg_dist_node AS n
        WHERE n.groupid = 0
        LIMIT 1) AS coordinator,
    p.partmethod::text AS method,
    p.repmodel::text AS model,
    CASE WHEN p.partmethod <> 'n' THEN pg_catalog.column_to_column_name(p.logicalrelid, p.partkey::text) END AS column,
    p.colocationid::integer AS colocation
FROM (VALUES (:'oid'::oid)) AS asked (oid)
LEFT JOIN pg_catalog.pg_dist_partition AS p ON p.logicalrelid::oid = asked.oid
