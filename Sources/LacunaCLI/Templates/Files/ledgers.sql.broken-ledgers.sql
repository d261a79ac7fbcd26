-- The ledgers on both sides of a broken link: where a ledger names another hash than that of the ledger before it, one of the two is
-- not of the chain (a reorganisation came after it was written), and both are fetched again.
SELECT suspect.sequence
FROM public.ledgers AS ledger
JOIN public.ledgers AS before ON before.sequence = ledger.sequence - 1
CROSS JOIN LATERAL (VALUES (before.sequence), (ledger.sequence)) AS suspect (sequence)
WHERE ledger.prev_hash <> before.hash
ORDER BY suspect.sequence;
