-- Creates the table that keeps the user's scripts from committing half a batch, once a transaction (see arm_guard).
CREATE TEMPORARY TABLE IF NOT EXISTS lacuna_guard (
    mark integer,
    CONSTRAINT a_load_script_must_not_commit UNIQUE (mark) DEFERRABLE INITIALLY DEFERRED
) ON COMMIT DROP
