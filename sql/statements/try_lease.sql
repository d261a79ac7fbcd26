-- Takes the lease of a window for this session, if nobody holds it, and names the session after the window.
--
-- Variables:
--   lease           text          what is leased
--   activity        text          what pg_stat_activity shows
-- Rows: one: leased boolean, now text (ISO 8601).
SELECT
    pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended(:'lease', 0)) AS leased,
    pg_catalog.set_config('application_name', :'activity', false),
    pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS now
