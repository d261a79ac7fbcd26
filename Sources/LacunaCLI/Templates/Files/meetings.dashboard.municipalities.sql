-- How each municipality stands: (municipality, kind, oldest, latest, pages, last_fetched, failing_since, last_error).
--
-- A municipality without extents was never fetched. failing_since and last_error are those of the newest batch, where it failed.

SELECT
    m.subdomain AS municipality,
    k.kind,
    c.oldest,
    c.latest,
    COALESCE(p.pages, 0) AS pages,
    last_success.ended_at AS last_fetched,
    last_failure.ended_at AS failing_since,
    last_failure.error AS last_error
FROM public.municipalities AS m
CROSS JOIN (VALUES ('agendas'), ('minutes')) AS k (kind)
LEFT JOIN lacuna.coverage AS c
    ON c.stream = 'pages' AND c.partition = pg_catalog.jsonb_build_object('municipality', m.subdomain, 'kind', k.kind)
LEFT JOIN (
    SELECT municipality, kind, pg_catalog.count(*) AS pages FROM public.meeting_pages GROUP BY municipality, kind
) AS p ON p.municipality = m.subdomain AND p.kind = k.kind
LEFT JOIN LATERAL (
    SELECT pg_catalog.max(b.ended_at) AS ended_at
    FROM lacuna.batch AS b
    WHERE b.stream = 'pages' AND b.state = 'committed'
        AND b.partition = pg_catalog.jsonb_build_object('municipality', m.subdomain, 'kind', k.kind)
) AS last_success ON true
LEFT JOIN LATERAL (
    SELECT b.ended_at, b.error
    FROM lacuna.batch AS b
    WHERE b.stream = 'pages' AND b.state = 'failed'
        AND b.partition = pg_catalog.jsonb_build_object('municipality', m.subdomain, 'kind', k.kind)
        AND NOT EXISTS (
            SELECT FROM lacuna.batch AS later
            WHERE later.stream = b.stream AND later.partition = b.partition AND later.state = 'committed'
                AND later.lower <= b.lower AND later.upper >= b.upper AND later.ended_at > b.ended_at)
    ORDER BY b.ended_at DESC
    LIMIT 1
) AS last_failure ON true
ORDER BY m.subdomain, k.kind;
