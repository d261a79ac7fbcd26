-- Lets the transaction be committed again. Fails (42P01) where a script ended the transaction in which it was armed.
DELETE FROM pg_temp.lacuna_guard
