-- Units that have fewer rows than `complete` asks for, and whose answer was as thin when they were asked for again: the source
-- has no more of them. They are asked for again at growing distances, or when their rows change.
CREATE TABLE lacuna.settled (
    stream text NOT NULL,
    partition jsonb NOT NULL DEFAULT '{}',
    lower bigint NOT NULL,
    upper bigint NOT NULL,
    -- The rule that they fell short of, and by how many rows each.
    rule text NOT NULL,
    shortfall bigint NOT NULL,
    asked_at timestamptz NOT NULL,
    -- How often the answer was as thin when it was due.
    answers integer NOT NULL,
    PRIMARY KEY (stream, partition, lower),
    CHECK (lower < upper),
    CHECK (shortfall > 0)
);

-- Who may read or write the evidence may do so with these units too.
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
        EXECUTE pg_catalog.format('GRANT %s ON lacuna.settled TO %s', granted.privilege_type,
            CASE WHEN granted.grantee = 0 THEN 'PUBLIC' ELSE granted.grantee::regrole::text END);
    END LOOP;
END
$$;
