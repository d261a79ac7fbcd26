-- The tables that lacuna.yaml reads and fills.

-- Whose meetings are fetched. A new row here is all that a new municipality takes.
CREATE TABLE public.municipalities (
    subdomain text PRIMARY KEY CHECK (subdomain ~ '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$'),
    name text NOT NULL
);

CREATE TABLE public.meeting_pages (
    municipality text NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    meeting text NOT NULL,
    date date NOT NULL,
    page integer NOT NULL,
    text text,
    page_image text,
    PRIMARY KEY (municipality, kind, id)
);
-- What the search for gaps reads.
CREATE INDEX meeting_pages_date ON public.meeting_pages (municipality, kind, date);
