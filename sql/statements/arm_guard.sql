-- Makes every COMMIT fail until disarm_guard: the deferred constraint finds the mark twice, and all is rolled back.
INSERT INTO pg_temp.lacuna_guard (mark) VALUES (1), (1)
