-- Says in which sessions a trigger fires.
--
-- Variables:
--   schema, table   identifiers   the table
--   trigger         identifier    the trigger's name
--   mode            fragment      ALWAYS or REPLICA
ALTER TABLE :"schema".:"table" ENABLE :mode TRIGGER :"trigger"
