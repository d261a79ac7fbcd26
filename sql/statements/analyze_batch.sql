-- Tells the planner how many records the temporary table holds, before the user's scripts join it: nothing else does, and
-- without it a few records are planned, and compiled, as if they were many.
ANALYZE pg_temp.batch
