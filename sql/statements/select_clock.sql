-- The server's clock, whether it is a standby, and whether transactions of this session only read unless they say otherwise.
--
-- Rows: one: epoch bigint (seconds), now text (ISO 8601), in_recovery boolean, reads_only boolean.
SELECT
    pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp()))::bigint AS epoch,
    pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS now,
    pg_catalog.pg_is_in_recovery() AS in_recovery,
    pg_catalog.current_setting('default_transaction_read_only')::boolean AS reads_only
