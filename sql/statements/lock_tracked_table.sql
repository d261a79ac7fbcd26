-- Keeps a table's partitions from being taken away until the transaction ends.
--
-- Variables:
--   schema, table   identifiers   the table
LOCK TABLE ONLY :"schema".:"table" IN ACCESS SHARE MODE
