-- What each window brought, from the journal, newest window first:
-- (stream, window_start, window_end, state, pages, fetched, inserted, updated, attempts, ended_at, error).
--
-- fetched counts what came, with the days of overlap; inserted and updated count the rows that changed in the table.

SELECT
    b.stream,
    lacuna.key_text(b.stream, b.lower) AS window_start,
    lacuna.key_text(b.stream, b.upper - 1) AS window_end,
    b.state,
    b.pages,
    b.rows_fetched AS fetched,
    b.rows_inserted AS inserted,
    b.rows_updated AS updated,
    b.attempts,
    b.ended_at,
    b.error
FROM lacuna.batch AS b
ORDER BY b.stream, b.lower DESC, b.ended_at DESC;
