-- Units that a person declared missing for good: they are covered while they have no rows, and until the declaration ends.
CREATE TABLE lacuna.accepted (
    stream text NOT NULL,
    partition jsonb NOT NULL DEFAULT '{}',
    lower bigint NOT NULL,
    upper bigint NOT NULL,
    reason text NOT NULL,
    -- From when on they are gaps again; NULL: never.
    ends_at timestamptz,
    accepted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (stream, partition, lower),
    CHECK (lower < upper)
);

ALTER TABLE lacuna.run DROP CONSTRAINT run_mode_check;
ALTER TABLE lacuna.run ADD CHECK (mode IN ('reconcile', 'catchup', 'rewind', 'mark', 'accept', 'forget'));

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
        EXECUTE pg_catalog.format('GRANT %s ON lacuna.accepted TO %s', granted.privilege_type,
            CASE WHEN granted.grantee = 0 THEN 'PUBLIC' ELSE granted.grantee::regrole::text END);
    END LOOP;
END
$$;
