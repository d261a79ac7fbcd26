-- Has several processes share a pass over a table where they can, with memory for its groups, until the transaction or
-- savepoint ends.
--
-- Variables:
--   sequentially    boolean       whether to read the table itself: where few of its pages are marked all-visible an index
--                                 visits them one by one, and without statistics the planner does not know better
-- Rows: one, of no meaning.
SELECT
    pg_catalog.set_config('parallel_setup_cost', '0', true),
    pg_catalog.set_config('parallel_tuple_cost', '0', true),
    pg_catalog.set_config(
        'work_mem',
        GREATEST(pg_catalog.pg_size_bytes(pg_catalog.current_setting('work_mem')), 100 * 1024 * 1024) / 1024 || 'kB', true),
    CASE WHEN :'sequentially'::boolean THEN pg_catalog.set_config('enable_indexscan', 'off', true) END,
    CASE WHEN :'sequentially'::boolean THEN pg_catalog.set_config('enable_indexonlyscan', 'off', true) END,
    CASE WHEN :'sequentially'::boolean THEN pg_catalog.set_config('enable_bitmapscan', 'off', true) END
