-- Sets the search path until the transaction ends.
--
-- Variables:
--   search_path     text
SELECT pg_catalog.set_config('search_path', :'search_path', true)
