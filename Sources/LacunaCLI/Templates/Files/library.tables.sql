-- The tables that lacuna.yaml fills: a book as the history has it, and as it was entered or corrected since.

CREATE TABLE public.books (
    isbn text PRIMARY KEY,
    title text NOT NULL,
    author text,
    publisher text,
    published_on date NOT NULL,
    input_on date NOT NULL,
    updated_on date NOT NULL
);
-- What the search for gaps reads.
CREATE INDEX books_published_on ON public.books (published_on);

CREATE TABLE public.arrivals (LIKE public.books INCLUDING INDEXES);
DROP INDEX public.arrivals_published_on_idx;
CREATE INDEX arrivals_input_on ON public.arrivals (input_on);

-- Every book once, as it was last seen.
CREATE VIEW public.catalogue AS
SELECT DISTINCT ON (isbn) isbn, title, author, publisher, published_on, input_on, updated_on
FROM (
    SELECT isbn, title, author, publisher, published_on, input_on, updated_on, 0 AS age FROM public.arrivals
    UNION ALL
    SELECT isbn, title, author, publisher, published_on, input_on, updated_on, 1 FROM public.books
) AS seen
ORDER BY isbn, updated_on DESC, age;
