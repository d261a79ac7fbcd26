-- The turns of limits that all processes of this database share. A limit of so many requests in a period has as many turns,
-- and each is used once in a period.
CREATE TABLE lacuna.shared_turn (
    name text NOT NULL,
    number integer NOT NULL,
    -- When it may be taken. Who takes it sets this to when it is free again if nothing more is heard of it.
    free_at timestamptz NOT NULL,
    -- Who took it last.
    taker text NOT NULL DEFAULT '',
    PRIMARY KEY (name, number)
) WITH (fillfactor = 50);

-- Who takes turns, so that each gets its share.
CREATE TABLE lacuna.shared_turn_taker (
    name text NOT NULL,
    taker text NOT NULL,
    seen_at timestamptz NOT NULL,
    -- Whether there was no turn for it when it asked last.
    is_waiting boolean NOT NULL,
    PRIMARY KEY (name, taker)
) WITH (fillfactor = 50);

-- Who may read or write the evidence may do so with these, too.
DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT a.grantee, a.privilege_type
        FROM pg_catalog.pg_class AS c, pg_catalog.aclexplode(c.relacl) AS a
        WHERE c.oid = 'lacuna.verified_empty'::regclass AND a.grantee <> c.relowner
            AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    LOOP
        EXECUTE pg_catalog.format('GRANT %s ON lacuna.shared_turn, lacuna.shared_turn_taker TO %s', granted.privilege_type,
            CASE WHEN granted.grantee = 0 THEN 'PUBLIC' ELSE granted.grantee::regrole::text END);
    END LOOP;
END
$$;
