r"""
usage: scripts/bench-load [--quick] [--rows N] [--only WAY[,WAY]...] [--json FILE]

Loads N rows of six columns into an empty table with a primary key, with a release build and a temporary PostgreSQL server
with its default durability, all ways taking turns in one run:

  copy            psql's \copy of the rows as CSV: what the ratios are to
  copy-2          two of them at once, with half of the rows each
  copy-newest     psql with ten of them, each a transaction, the newest tenth of the rows first
  csv-1-whole     lacuna reconcile of the same file, one worker, all rows in one batch, which is what \copy does
  csv-1, csv-2    one and two workers, ten batches, newest first, which is the default and what copy-newest does
  csv-1-oldest, csv-2-oldest
                  the same with order: oldest, which the index of the primary key likes better
  ndjson-1        lacuna reconcile of the rows as NDJSON, one worker
  pipe            psql -c 'COPY … TO STDOUT' from another database | psql -c 'COPY … FROM STDIN'
  postgres-1      lacuna reconcile from that database, one worker

and N/10 rows in batches of 100, a transaction each:

  small-psql      psql with a COPY for every batch
  small-psql-2    two of them at once, with half of the batches each
  small-1, small-2  lacuna reconcile, one and two workers

Prints medians with the least and the greatest value, the ratio or the batches a second, and for lacuna the resident memory at
its peak. A target that was missed is marked, and is no failure of this script: machines differ.

  --quick      10,000 rows and once only: shows that the benchmark works, measures nothing
  --rows N     rows (default 1000000)
  --only WAY   only these ways, and copy
  --json FILE  write the results to FILE as well (default bench-load.json in the project's folder)
  -h, --help   this text
"""

import harness
import payments
from harness import PSQL, Number, median, ratio, sql, take_turns


class Way:
    """A way to load rows: commands that run at once, for lacuna with a config, and the target."""

    def __init__(self, *commands, config=None, target="", limit=None):
        self.commands, self.config, self.target, self.limit = commands, config, target, limit


def lacuna(source, rows, batch, workers=1, order="newest", **target):
    """lacuna reconcile from a source."""
    config = dict(source=source, last=rows, batch=batch, workers=workers, order=order)
    return Way(["lacuna", "reconcile"], config=config, **target)


def make_files(rows, small_rows):
    payments.create("payments")
    payments.write_csv("payments.csv", rows)
    payments.write_csv("small.csv", small_rows)
    payments.write_ndjson("payments.ndjson", rows)
    payments.write_csv("half.first", rows // 2, header=False)
    payments.write_csv("half.second", rows, first=rows // 2 + 1, header=False)
    # tenth.0 holds the newest rows, which have the largest ids.
    for tenth in range(10):
        first = rows - (tenth + 1) * (rows // 10) + 1 if tenth < 9 else 1
        payments.write_csv(f"tenth.{tenth}", rows - tenth * (rows // 10), first=first, header=False)
    # psql's scripts: a COPY for every batch of 100, all of them in one and in two files.
    half = small_rows // 2
    write_batches("small.sql", 0, small_rows)
    write_batches("small.first.sql", 0, half)
    write_batches("small.second.sql", half, small_rows)
    sql("CREATE DATABASE upstream")
    upstream = [*PSQL, "-d", "upstream", "-c", f"CREATE TABLE public.payments ({payments.COLUMNS})"]
    harness.checked(*upstream, *payments.copy("payments.csv")[len(PSQL):], "-c", "VACUUM ANALYZE public.payments")


def write_batches(file, first, end):
    """Writes a COPY for every hundred of the lines `first` to `end` of small.csv."""
    with open("small.csv") as lines, open(file, "w") as script:
        next(lines)
        for number, line in enumerate(lines):
            if first <= number < end:
                if number % 100 == 0:
                    script.write("COPY public.payments FROM STDIN (FORMAT csv);\n")
                script.write(line)
                if number % 100 == 99:
                    script.write("\\.\n")


def all_ways(rows, small_rows):
    csv = {"type": "file", "path": "payments.csv"}
    ndjson = {"type": "file", "path": "payments.ndjson"}
    small = {"type": "file", "path": "small.csv"}
    postgres = {
        "type": "postgres", "database": "dbname=upstream",
        "query": "SELECT * FROM public.payments WHERE id BETWEEN {window.first} AND {window.last}",
    }
    halves = [payments.copy(file, header=False) for file in ("half.first", "half.second")]
    tenths = payments.copy(*(f"tenth.{tenth}" for tenth in range(10)), header=False)
    psql = " ".join(PSQL)
    pipe = f"""{psql} -d upstream -c 'COPY (SELECT * FROM public.payments ORDER BY id) TO STDOUT' |
        {psql} -c 'COPY public.payments FROM STDIN'"""
    one, two = dict(target="<= 1.15", limit=1.15), dict(target="< 1", limit=0.99)
    return {
        "copy": Way(payments.copy("payments.csv")),
        "copy-2": Way(*halves),
        "copy-newest": Way(tenths),
        "csv-1-whole": lacuna(csv, rows, rows),
        "csv-1": lacuna(csv, rows, rows // 10, **one),
        "csv-2": lacuna(csv, rows, rows // 10, workers=2, **two),
        "csv-1-oldest": lacuna(csv, rows, rows // 10, order="oldest", **one),
        "csv-2-oldest": lacuna(csv, rows, rows // 10, workers=2, order="oldest", **two),
        "ndjson-1": lacuna(ndjson, rows, rows // 10, target="<= 2.0", limit=2.0),
        "pipe": Way(["bash", "-o", "pipefail", "-c", pipe]),
        "postgres-1": lacuna(postgres, rows, rows // 10),
        "small-psql": Way([*PSQL, "-f", "small.sql"]),
        "small-psql-2": Way([*PSQL, "-f", "small.first.sql"], [*PSQL, "-f", "small.second.sql"]),
        "small-1": lacuna(small, small_rows, 100),
        "small-2": lacuna(small, small_rows, 100, workers=2, target=">= 400/s"),
    }


def measure(settings, results):
    rows = settings.rows
    # An even number of batches of 100.
    small_rows = rows // 2000 * 200
    ways = all_ways(rows, small_rows)
    if settings.only:
        ways = {name: way for name, way in ways.items() if name in ["copy", *settings.only.split(",")]}

    def rows_of(name):
        return small_rows if name.startswith("small-") else rows

    def load(name, way):
        if way.config:
            payments.write_config(**way.config)
        return payments.load(rows_of(name), name, *way.commands)

    harness.say(f"Making {rows} rows.")
    make_files(rows, small_rows)
    loads = {name: lambda name=name, way=way: load(name, way) for name, way in ways.items()}
    times = take_turns("Load", settings.repetitions, loads)
    memory = {}
    for name, way in ways.items():
        if way.config:
            payments.write_config(**way.config)
            memory[name] = payments.memory_of_load(rows_of(name))

    results.title(f"{rows} rows, and {small_rows} in batches of 100; medians of {settings.repetitions} loads")
    results.head("ratio", "target")
    for name, way in ways.items():
        if name.startswith("small-"):
            batches = small_rows / 100 / max(median(times[name]), 1) * 1000
            shown, kept = f"{batches:.0f}/s", not way.target or batches >= 400
        else:
            to_copy = round(ratio(times[name], times["copy"]), 2)
            shown, kept = f"{to_copy:.2f}", not way.limit or to_copy <= way.limit
        results.line(f"{name}, ms", times[name], shown, way.target, kept)
        if name in memory:
            results.memory("  peak memory, MB", memory[name], "<= 64 MB", 64)
    results.write(rows=rows, small_rows=small_rows, quick=settings.quick)


numbers = {"rows": Number(1_000_000, quick=10_000, least=2000), "repetitions": Number(5, quick=1)}
harness.run(harness.parse(__doc__, numbers, texts=["only"]), measure)
