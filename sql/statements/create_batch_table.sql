-- Creates the temporary table that a batch's records are copied into.
--
-- Variables:
--   columns         fragment      names and types
CREATE TEMPORARY TABLE batch (:columns) ON COMMIT DROP
