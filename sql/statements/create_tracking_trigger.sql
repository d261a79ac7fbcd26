-- Has a table's changes recorded.
--
-- Variables:
--   trigger         identifier    its name
--   schema, table   identifiers   the table
--   events          fragment      INSERT, UPDATE, DELETE or TRUNCATE; several joined by OR
--   rows            fragment      REFERENCING …, or nothing
--   level           fragment      STATEMENT or ROW
--   arguments       fragment      literals, as lacuna.record_change takes them
CREATE TRIGGER :"trigger" AFTER :events ON :"schema".:"table" :rows
FOR EACH :level EXECUTE FUNCTION lacuna.record_change(:arguments)
