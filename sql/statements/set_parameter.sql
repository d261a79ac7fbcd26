-- Sets a run-time parameter until the transaction ends.
--
-- Variables:
--   name, value     text
SELECT pg_catalog.set_config(:'name', :'value', true)
