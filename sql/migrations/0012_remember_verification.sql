-- When ranges of units were last held against the source, by which proof, and whether they were equal. It decides nothing but
-- what is looked at next: the oldest proof comes first.
CREATE TABLE lacuna.verification (
    stream text NOT NULL,
    partition jsonb NOT NULL DEFAULT '{}',
    lower bigint NOT NULL,
    upper bigint NOT NULL,
    proof text NOT NULL CHECK (proof IN ('count', 'digest', 'rows')),
    is_equal boolean NOT NULL,
    verified_at timestamptz NOT NULL,
    PRIMARY KEY (stream, partition, lower),
    CHECK (lower < upper)
);

ALTER TABLE lacuna.run DROP CONSTRAINT run_mode_check;
ALTER TABLE lacuna.run ADD CHECK (mode IN ('reconcile', 'catchup', 'rewind', 'mark', 'accept', 'forget', 'verify'));

-- Who may read or write the evidence may do so with these ranges too.
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
        EXECUTE pg_catalog.format('GRANT %s ON lacuna.verification TO %s', granted.privilege_type,
            CASE WHEN granted.grantee = 0 THEN 'PUBLIC' ELSE granted.grantee::regrole::text END);
    END LOOP;
END
$$;
