-- Has a transaction read from the snapshot of another one; before anything else in it.
--
-- Variables:
--   snapshot   fragment   the name of the snapshot, as a literal
-- Rows: none.
SET TRANSACTION SNAPSHOT :snapshot
