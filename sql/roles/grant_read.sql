-- Lets a role look: gaps, status and doctor, and the tables and views of the schema for dashboards. It writes nothing.
--
-- Run it as the owner of the schema: after the first `lacuna init`, and again after one that upgraded the schema. The role
-- needs SELECT on the streams' own tables besides.
--
-- Variables:
--   role            identifier
GRANT USAGE ON SCHEMA lacuna TO :"role";
GRANT SELECT ON ALL TABLES IN SCHEMA lacuna TO :"role";
