-- Sets what a batch's transaction relies on, whatever the role, the database or a proxy has set.
--
-- Variables:
--   search_path, lock_timeout, idle_timeout, timezone   text
SELECT
    pg_catalog.set_config('search_path', :'search_path', true),
    pg_catalog.set_config('lock_timeout', :'lock_timeout', true),
    pg_catalog.set_config('idle_in_transaction_session_timeout', :'idle_timeout', true),
    pg_catalog.set_config('TimeZone', :'timezone', true),
    pg_catalog.set_config('DateStyle', 'ISO, YMD', true),
    pg_catalog.set_config('synchronous_commit',
        CASE WHEN pg_catalog.current_setting('synchronous_commit') = 'off' THEN 'on'
            ELSE pg_catalog.current_setting('synchronous_commit') END, true)
