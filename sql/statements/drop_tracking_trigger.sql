-- Takes a trigger away.
--
-- Variables:
--   trigger         identifier    its name
--   schema, table   identifiers   the table
DROP TRIGGER :"trigger" ON :"schema".:"table"
