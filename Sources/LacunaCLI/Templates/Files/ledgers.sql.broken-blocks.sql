-- The blocks on both sides of a broken link: where a block names another hash than that of the block before it, one of the two is
-- not of the chain (a reorganisation came after it was written), and both are fetched again.
SELECT suspect.height
FROM public.blocks AS block
JOIN public.blocks AS before ON before.height = block.height - 1
CROSS JOIN LATERAL (VALUES (before.height), (block.height)) AS suspect (height)
WHERE block.prev_hash <> before.hash
ORDER BY suspect.height;
