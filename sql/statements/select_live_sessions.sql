-- What Lacuna's sessions on this database are doing.
--
-- Variables:
--   prefix          text          what their names begin with
-- Rows: activity text, seconds bigint (NULL if this role may not know); by activity.
SELECT
    application_name AS activity,
    pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - state_change))::bigint AS seconds
FROM pg_catalog.pg_stat_activity
WHERE datname = pg_catalog.current_database() AND pg_catalog.starts_with(application_name, :'prefix')
    AND pid <> pg_catalog.pg_backend_pid()
ORDER BY application_name
