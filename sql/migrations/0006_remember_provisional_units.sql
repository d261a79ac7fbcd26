-- Units that the source answered with nothing when it had shown nothing newer in their partition: neither gaps nor covered.
-- They are asked for again once a newer record has been seen, or once a while has passed.
CREATE TABLE lacuna.provisional (
    stream text NOT NULL,
    partition jsonb NOT NULL DEFAULT '{}',
    lower bigint NOT NULL,
    upper bigint NOT NULL,
    asked_at timestamptz NOT NULL,
    PRIMARY KEY (stream, partition, lower),
    CHECK (lower < upper)
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
        EXECUTE pg_catalog.format('GRANT %s ON lacuna.provisional TO %s', granted.privilege_type,
            CASE WHEN granted.grantee = 0 THEN 'PUBLIC' ELSE granted.grantee::regrole::text END);
    END LOOP;
END
$$;
