r"""
usage: scripts/bench [--all] [--quick] [--rows N] [--keys N] [--types] [--json FILE]

Measures, with a release build and a temporary PostgreSQL server with its default durability:

  load     reconciling N rows of CSV (six columns) from a file into an empty table, against psql's \copy of the same file
           into the same table, taking turns; and with batches of N/100, N/10 and N rows, the resident memory at its peak
  startup  the wall time of lacuna gaps on a table of ten rows, and of lacuna --version
  scans    lacuna gaps --table, whole process, against plain SQL in psql, taking turns, on five tables: N unique keys with
           99 gaps; N/50 units with 60 rows each; N/1000 partitions with 1,000 units each; N/10 keys that were just loaded,
           unknown to VACUUM and ANALYZE; N/50 keys with a gap every 2,000. The peers are the window query over SELECT
           DISTINCT, LEAD without it, and a parallel count(*), which finds no gap: it is the floor
  types    lacuna gaps --table, the scan alone, on tables of the same five shapes and on one of N/100 keys that lie far
           apart, with keys of each type, taking turns: int8, int4, date, timestamp and timestamptz, whose unit is a
           second; and int8 and int2 on 65,000 unique keys. Each type must find as many gaps as int8. The ratio is to
           int8; 5 ms are added to both times, because a few ms say nothing
  overhead the wall time and the resident memory at its peak of lacuna gaps and lacuna reconcile --dry-run on N/10 gaps of
           one unit each, and of lacuna gaps --report on N/100 partitions

Prints medians with the least and the greatest value, the ratio, and the target. A target that was missed is marked, and is
no failure of this script: machines differ.

  --all        this one, then scripts/bench-load, -tracking, -peers and -http, each with a file of its own beside FILE
  --quick      small and once only: shows that the benchmark works, measures nothing
  --rows N     rows of the load (default 1000000)
  --keys N     keys of the scans (default 10000000)
  --types      measure the section types alone
  --json FILE  write the results to FILE as well (default bench.json in the project's folder)
  -h, --help   this text
"""

import harness
import key_types
import payments
from harness import Number, checked, fail, median, peak_memory, ratio, said, sql, take_turns, value, wall_time

FILE = {"type": "file", "path": "payments.csv"}


class Scan:
    """A table to scan, and what lacuna gaps is held to: at most `factor` times as long as the `peer`."""

    def __init__(self, name, table, columns, rows, peer, factor, by="", judged="lacuna", fresh=False):
        self.name, self.table, self.columns, self.rows = name, table, columns, rows
        # `judged` is "lacuna", the whole process, or "scan", if the start of the program would be most of it.
        self.peer, self.factor, self.by, self.judged, self.fresh = peer, factor, by, judged, fresh

    def create(self):
        sql(f"CREATE TABLE public.{self.table} ({self.columns}) WITH (autovacuum_enabled = {not self.fresh})")
        sql(f"INSERT INTO public.{self.table} {self.rows}")
        if not self.fresh:
            sql(f"VACUUM (ANALYZE) public.{self.table}")

    def window_query(self, distinct):
        """Counts the gaps in plain SQL. LEAD sees none before the first or after the last unit of a partition."""
        by, columns = (f"PARTITION BY {self.by}", f"{self.by}, k") if self.by else ("", "k")
        return f"""SELECT count(*) FROM (SELECT k, LEAD(k) OVER ({by} ORDER BY k) AS n
            FROM (SELECT {distinct} {columns} FROM public.{self.table}) AS p) AS g WHERE n - 1 <> k"""

    def measure(self, repetitions):
        """Takes turns with the peers, and checks that plain SQL finds as many gaps."""
        seconds = []

        def psql(query):
            return lambda: wall_time("psql -q -A -t -c".split() + [query])

        def lacuna():
            by = ["--by", self.by] if self.by else []
            command = ["lacuna", "gaps", "--table", f"public.{self.table}", "--column", "k", *by]
            milliseconds = wall_time([*command, "--explain", "--format", "json"])
            seconds.extend(said("seconds"))
            return milliseconds

        ways = {
            "count": psql(f"SELECT count(*) FROM public.{self.table}"),
            "window": psql(self.window_query("DISTINCT")),
            "lead": psql(self.window_query("")),
            "lacuna": lacuna,
        }
        self.times = take_turns(f"Scan of {self.name},", repetitions, ways)
        self.times["scan"] = [round(float(number) * 1000) for number in seconds]
        self.strategy = said("strategy")[0]
        found, expected = said("gap_count")[0], value(self.window_query("DISTINCT"))
        if not self.by and found != expected:
            fail(f"lacuna found {found} gaps in {self.table}, plain SQL {expected}")

    def report(self, results):
        """Adds a line for lacuna and for each peer, with the ratio to the window query over DISTINCT."""
        names = {
            "count": "count(*)", "window": "window over DISTINCT", "lead": "LEAD",
            "lacuna": f"lacuna gaps ({self.strategy})", "scan": "  of it the scan",
        }
        for way, name in names.items():
            times = self.times[way]
            line = [f"{self.name}: {name}", times, f"{ratio(times, self.times['window']):.2f}"]
            if way == self.judged:
                kept = median(times) <= self.factor * median(self.times[self.peer])
                line += [f"<= {self.factor} x {self.peer}", kept]
            results.line(*line)


def scans(keys):
    return [
        Scan("unique", "scan_unique", "k bigint PRIMARY KEY, v integer", payments.keys_with_gaps(keys),
            "window", 0.33),
        Scan("many rows", "scan_many", "k bigint, j integer, v integer, PRIMARY KEY (k, j)", f"""
            SELECT i, j, 0 FROM generate_series(1, {keys // 50}) AS i, generate_series(1, 60) AS j WHERE i % 2003 <> 7""",
            "window", 0.5),
        Scan("partitions", "scan_partitions", "part integer, k bigint, v integer, PRIMARY KEY (part, k)", f"""
            SELECT p, i, 0 FROM generate_series(1, {keys // 1000}) AS p, generate_series(1, 1000) AS i
            WHERE (p * 31 + i * 17) % 1999 <> 3""",
            "lead", 1, by="part"),
        Scan("just loaded", "scan_fresh", "k bigint PRIMARY KEY, v integer", f"""
            SELECT i, 0 FROM generate_series(1, {keys // 10}) AS i WHERE i % 99991 <> 7""",
            "window", 0.5, fresh=True),
        Scan("dense gaps", "scan_dense", "k bigint PRIMARY KEY, v integer", f"""
            SELECT i, 0 FROM generate_series(1, {keys // 50}) AS i WHERE i % 2000 <> 7""",
            "window", 1.05, judged="scan"),
    ]


class Overhead:
    """A command whose time and memory many gaps or many partitions decide; `limit` is its target in ms."""

    def __init__(self, name, *command, limit=None):
        self.name, self.command, self.limit = name, command, limit

    def measure(self, repetitions):
        taken = take_turns("Overhead", repetitions, {self.name: lambda: wall_time(self.command)})
        self.times = taken[self.name]
        self.memory = peak_memory(*self.command)

    def report(self, results):
        line = [f"{self.name}, ms", self.times]
        if self.limit:
            line += ["", f"<= {self.limit} ms", median(self.times) <= self.limit]
        results.line(*line)
        results.memory("  peak memory, MB", self.memory, "<= 64 MB", 64, places=0)


def create_tables_for_overheads(keys):
    sql("CREATE TABLE public.many_gaps (id bigint PRIMARY KEY)",
        f"INSERT INTO public.many_gaps SELECT 2 * i FROM generate_series(0, {keys // 10}) AS i",
        "CREATE TABLE public.many_partitions (part integer, id bigint, PRIMARY KEY (part, id))",
        f"""INSERT INTO public.many_partitions
            SELECT p, i FROM generate_series(1, {keys // 100}) AS p, generate_series(1, 20) AS i
            WHERE p % 10 > 0 OR i <> 7""",
        "VACUUM (ANALYZE) public.many_gaps", "VACUUM (ANALYZE) public.many_partitions")
    payments.write_config(FILE, table="many_gaps", first=0, batch=1, file="many.yaml")


def overheads():
    partitions = "lacuna gaps --table public.many_partitions --column id --by part".split()
    gaps = "lacuna gaps --config many.yaml".split()
    return [
        Overhead("gaps, text", *gaps),
        Overhead("gaps, JSON", *gaps, "--format", "json"),
        Overhead("reconcile --dry-run", *"lacuna reconcile --config many.yaml --dry-run".split(), limit=1000),
        Overhead("partitions, report", *partitions, "--report"),
        Overhead("partitions, JSON", *partitions, "--format", "json"),
    ]


def measure_types(settings):
    """Measures the scans with keys of each type, and returns what was measured."""
    measured = key_types.shapes(settings.keys)
    for shape in measured:
        shape.measure(settings.repetitions)
    return measured


def report_types(settings, results, measured):
    """Adds the table of the scans with keys of each type. With --types it is the first one."""
    heading = f"Scans of {settings.keys} keys of each type, ms; the ratio is to int8"
    if settings.types:
        results.title(heading)
    else:
        print(f"\n{heading}\n")
    results.head("ratio", "target")
    for shape in measured:
        shape.report(results)


def measure(settings, results):
    if settings.types:
        report_types(settings, results, measure_types(settings))
        results.write(keys=settings.keys, quick=settings.quick)
    else:
        measure_all(settings, results)


def measure_all(settings, results):
    rows, keys = settings.rows, settings.keys
    harness.say(f"Making {rows} rows.")
    payments.create("payments")
    payments.write_csv("payments.csv", rows)
    payments.write_config(FILE, last=rows, batch=rows // 10)
    loads = take_turns("Load", settings.repetitions, {
        "copy": lambda: payments.load(rows, r"\copy", payments.copy("payments.csv")),
        "reconcile": lambda: payments.load(rows, "lacuna reconcile", ["lacuna", "reconcile"]),
    })
    memory = {}
    for batch in (rows // 100, rows // 10, rows):
        harness.say(f"Memory with batches of {batch} rows.")
        payments.write_config(FILE, last=rows, batch=batch)
        memory[batch] = payments.memory_of_load(rows)

    sql("CREATE TABLE public.ten (id bigint PRIMARY KEY)", "INSERT INTO public.ten SELECT generate_series(1, 10)",
        "DROP SCHEMA IF EXISTS lacuna CASCADE")
    payments.write_config(FILE, table="ten", batch=10)
    checked("lacuna", "init")
    starts = take_turns("Start", settings.starts, {
        "gaps": lambda: wall_time(["lacuna", "gaps"]),
        "version": lambda: wall_time(["lacuna", "--version"]),
    })

    harness.say("Making the tables for the scans.")
    scanned = scans(keys)
    for scan in scanned:
        scan.create()
    sql("CHECKPOINT")
    for scan in scanned:
        scan.measure(settings.repetitions)

    types = measure_types(settings)

    harness.say("Making two tables for the overheads.")
    create_tables_for_overheads(keys)
    measured = overheads()
    for overhead in measured:
        overhead.measure(settings.repetitions)

    results.title(f"{rows} rows, medians of {settings.repetitions} loads and {settings.starts} starts")
    results.head("ratio", "target")
    to_copy = round(ratio(loads["reconcile"], loads["copy"]), 2)
    results.line(r"psql \copy, ms", loads["copy"], "1.00")
    results.line("lacuna reconcile, ms", loads["reconcile"], f"{to_copy:.2f}", "<= 1.7", to_copy <= 1.7)
    for batch, kilobytes in memory.items():
        results.memory(f"peak memory, batch {batch}, MB", kilobytes, "< 100 MB", 99.9)
    for name, way, limit in (("lacuna gaps on ten rows", "gaps", 60), ("lacuna --version", "version", 20)):
        results.line(f"{name}, ms", starts[way], "", f"<= {limit} ms", median(starts[way]) <= limit)

    print(f"\nScans of {keys} keys, ms; the ratio is to the window over DISTINCT\n")
    for scan in scanned:
        scan.report(results)
        if scan.name == "unique":
            to_floor = round(ratio(scan.times["lacuna"], scan.times["count"]), 2)
            results.line("unique: lacuna gaps to count(*)", "", f"{to_floor:.2f}", "<= 2.5 x count(*)", to_floor <= 2.5)

    report_types(settings, results, types)

    print(f"\nOverheads of {keys // 10} gaps and of {keys // 100} partitions\n")
    results.head("ratio", "target")
    for overhead in measured:
        overhead.report(results)
    results.write(rows=rows, keys=keys, quick=settings.quick)


numbers = {
    "rows": Number(1_000_000, quick=10_000, least=1000),
    "keys": Number(10_000_000, quick=200_000, least=200_000),
    "repetitions": Number(5, quick=1),
    "starts": Number(20, quick=3),
}
settings = harness.parse(__doc__, numbers, flags=["all", "types"])
if settings.all:
    harness.run_all(settings, ["bench", "bench-load", "bench-tracking", "bench-peers", "bench-http",
                               "bench-verify"])
else:
    harness.run(settings, measure)
