-- The server's clock, and the search path that the user's own SQL runs with.
--
-- Rows: one: epoch bigint (seconds), now timestamptz, search_path text, in_recovery boolean.
SELECT
    pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp()))::bigint AS epoch,
    pg_catalog.clock_timestamp()::text AS now,
    pg_catalog.current_setting('search_path') AS search_path,
    pg_catalog.pg_is_in_recovery() AS in_recovery
