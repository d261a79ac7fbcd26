-- Takes the lock of a window's grid cell until the transaction ends, and waits for it.
--
-- Variables:
--   window          text          what is locked
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(:'window', 0))
