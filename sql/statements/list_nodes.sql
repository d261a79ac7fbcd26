-- The nodes of a Citus cluster, and whether they answer this role.
--
-- Rows: node text (its address), success boolean, result text (what is wrong, if it does not answer); by address.
SELECT
    COALESCE(pg_catalog.concat(n.nodename, ':', n.nodeport), answer.nodeid::text) AS node, answer.success, answer.result
FROM pg_catalog.run_command_on_all_nodes('SELECT 1') AS answer
LEFT JOIN pg_catalog.pg_dist_node AS n ON n.nodeid = answer.nodeid
ORDER BY 1
