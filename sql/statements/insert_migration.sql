-- Records that a migration was applied.
--
-- Variables:
--   number          integer
--   name            text
INSERT INTO lacuna.migration (number, name)
VALUES (:'number'::integer, :'name')
