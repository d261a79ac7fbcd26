-- Sets a parameter until the transaction ends, by the command that Citus passes on to the nodes with the shards.
--
-- Variables:
--   name, value     fragments     the parameter, and its value as a literal
SET LOCAL :name = :value
