-- What is being committed on each node of a Citus cluster.
--
-- Every transaction that writes holds the lock of its own number. A snapshot does not list the newest ones.
--
-- Rows: node text, success boolean, result text: if the node answered, the numbers of the transactions that write there and have not
-- ended, a bar, and the names of those that are prepared; if not, what was wrong.
SELECT nodeid::text AS node, success, result
FROM pg_catalog.run_command_on_all_nodes($command$
    SELECT pg_catalog.concat(
        (SELECT pg_catalog.string_agg(l.transactionid::text, ' ') FROM pg_catalog.pg_locks AS l
            WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted), '|',
        (SELECT pg_catalog.string_agg(p.gid, ' ') FROM pg_catalog.pg_prepared_xacts AS p
            WHERE p.database = pg_catalog.current_database() AND p.gid LIKE 'citus\_%'))
$command$)
