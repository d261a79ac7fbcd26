-- The journal says that a stream got another name.
ALTER TABLE lacuna.run DROP CONSTRAINT run_mode_check;
ALTER TABLE lacuna.run
    ADD CHECK (mode IN ('reconcile', 'catchup', 'rewind', 'mark', 'accept', 'forget', 'verify', 'rename'));
