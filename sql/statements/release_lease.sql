-- Gives a lease back.
--
-- Variables:
--   lease           text          what was leased
--   activity        text          what pg_stat_activity shows from now on
-- Rows: one: released boolean.
SELECT
    pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended(:'lease', 0)) AS released,
    pg_catalog.set_config('application_name', :'activity', false)
