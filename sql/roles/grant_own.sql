-- Lets a role own the lacuna schema: create it by `lacuna init`, and upgrade it. Run it as the owner of the database.
--
-- The role needs it once, for the first init. Nothing needs a superuser.
--
-- Variables:
--   role            identifier
GRANT CREATE ON DATABASE :"DBNAME" TO :"role";
