-- Has the planner walk an index chunk by chunk, and in parallel where it can, until the transaction or savepoint ends:
-- its own estimates of these statements are far off.
--
-- Rows: one, of no meaning.
SELECT
    pg_catalog.set_config('enable_seqscan', 'off', true),
    pg_catalog.set_config('enable_bitmapscan', 'off', true),
    pg_catalog.set_config('enable_hashjoin', 'off', true),
    pg_catalog.set_config('enable_mergejoin', 'off', true),
    pg_catalog.set_config('parallel_setup_cost', '0', true),
    pg_catalog.set_config('parallel_tuple_cost', '0', true),
    pg_catalog.set_config('jit', 'off', true)
