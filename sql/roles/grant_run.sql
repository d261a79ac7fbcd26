-- Lets a role run Lacuna: reconcile, catchup, mark and rewind, and register new streams. It cannot change the schema.
--
-- Run it as the owner of the schema: after the first `lacuna init`, and again after one that upgraded the schema. The role
-- needs SELECT, INSERT and UPDATE on the streams' own tables besides, DELETE if they have rows: replace, and TEMPORARY on the
-- database, which everybody has unless it was revoked.
--
-- Variables:
--   role            identifier
GRANT USAGE ON SCHEMA lacuna TO :"role";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA lacuna TO :"role";
REVOKE INSERT, UPDATE, DELETE ON lacuna.migration FROM :"role";
GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA lacuna TO :"role";
