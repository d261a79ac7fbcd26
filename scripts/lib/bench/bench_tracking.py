r"""
usage: scripts/bench-tracking [--quick] [--keys N] [--json FILE]

Measures, with a release build and a temporary PostgreSQL server with its default durability, on a table of N unique keys
with 99 gaps and a stream with track_changes:

  whole     lacuna gaps, which scans the whole table: there is no summary
  repeated  lacuna gaps, after lacuna reconcile kept a summary and nothing changed
  deleted   lacuna gaps, after 1,000 rows were deleted at random, each in a statement of its own, checked against plain SQL
  writers   psql's \copy of N/10 rows into a table of six columns, and 5,000 INSERTs of one row, each committed, into two
            tables of which one is tracked, taking turns

Prints medians with the least and the greatest value, and ratios. The scans are timed as --explain says, and as processes.
A target that was missed is marked, and is no failure of this script: machines differ.

  --quick      small and once only: shows that the benchmark works, measures nothing
  --keys N     keys of the table (default 10000000)
  --json FILE  write the results to FILE as well (default bench-tracking.json in the project's folder)
  -h, --help   this text
"""

import itertools
from pathlib import Path

import harness
import payments
from harness import PSQL, Number, checked, fail, ratio, said, sql, take_turns, value, wall_time


def prepare(keys, rows, inserts):
    sql("CREATE TABLE public.tracked (k bigint PRIMARY KEY, v integer)",
        f"INSERT INTO public.tracked {payments.keys_with_gaps(keys)}", "VACUUM (ANALYZE) public.tracked")
    payments.create("plain_rows", "tracked_rows")
    payments.write_csv("rows.csv", rows, header=False)
    with open("inserts.sql", "w") as script:
        for i in range(rows + 1, rows + inserts + 1):
            script.write(f"INSERT INTO :table VALUES ({i}, 'account', 1.5, 'card', '2020-01-01', 'note');\n")
    Path("nothing.csv").write_text("k\n")
    Path("lacuna.yaml").write_text(f"""
version: 1
defaults: {{source: nothing, track_changes: true}}
sources:
  nothing: {{type: file, path: nothing.csv}}
streams:
  tracked: {{table: public.tracked, key: {{column: k, type: integer}}, expect: {{from: 1, to: {keys}}}}}
  tracked_rows: {{table: public.tracked_rows, key: {{column: id, type: integer}}, expect: {{from: 1}}}}
""")
    checked("lacuna", "init")
    sql("CHECKPOINT")


def gaps(name, sign):
    """Returns the wall time of lacuna gaps and of its scan, which has to be of the kind that `sign` tells."""
    milliseconds = wall_time("lacuna gaps tracked --explain --format json".split())
    if not said(sign):
        fail(f"{name}: the scan was {'no' if sign == 'whole_because' else 'a'} whole one")
    return milliseconds, round(float(said("seconds")[0]) * 1000, 1)


def measure(settings, results):
    keys, inserts = settings.keys, settings.inserts
    rows = keys // 10
    harness.say(f"Making a table of {keys} keys.")
    prepare(keys, rows, inserts)

    turns = itertools.count(1)

    def whole():
        sql("TRUNCATE lacuna.summary")
        return gaps("whole", "whole_because")

    def repeated():
        # There is nothing to do at the first key, but the scan is of the whole range, and is kept.
        checked(*"lacuna reconcile tracked --from 1 --to 1".split())
        return gaps("repeated", "units_read_again")

    def deleted():
        checked(*PSQL, "-A", "-t", "-o", "delete.sql", "-c", f"""
            SELECT 'DELETE FROM public.tracked WHERE k = ' || k || ';' FROM public.tracked TABLESAMPLE BERNOULLI (1)
            ORDER BY md5(k::text || {next(turns)}) LIMIT 1000""")
        checked(*PSQL, "-1", "-f", "delete.sql")
        times = gaps("deleted", "units_read_again")
        found = max(map(int, said("missing_units")))
        expected = int(value(f"SELECT {keys} - count(*) FROM public.tracked"))
        if found != expected:
            fail(f"lacuna found {found} units missing, plain SQL {expected}")
        return times

    scans = take_turns("Scans, turn", settings.repetitions, {"whole": whole, "repeated": repeated, "deleted": deleted})

    def writer(table):
        def write():
            sql(f"TRUNCATE public.{table}", "CHECKPOINT")
            copied = wall_time(payments.copy("rows.csv", table=table, header=False))
            return copied, wall_time([*PSQL, "-v", f"table=public.{table}", "-f", "inserts.sql"])

        return write

    tables = {table: writer(table) for table in ("plain_rows", "tracked_rows")}
    writers = take_turns("Writers, turn", settings.repetitions, tables)

    results.title(f"{keys} keys, medians of {settings.repetitions}; "
                  "the ratio says how many times as fast as the whole scan, or as the table without triggers")
    results.head("ratio", "target")

    def compared(name, turns, base, which, least=None):
        times, base = [turn[which] for turn in turns], [turn[which] for turn in base]
        faster = round(ratio(base, times), 1)
        results.line(name, times, f"{faster:.1f}", f">= {least} x" if least else "", not least or faster >= least)

    for which, process in ((1, ""), (0, ", process")):
        compared(f"whole scan{process}, ms", scans["whole"], scans["whole"], which)
        compared(f"nothing changed{process}, ms", scans["repeated"], scans["whole"], which, None if process else 50)
        compared(f"1,000 rows deleted{process}, ms", scans["deleted"], scans["whole"], which, None if process else 10)
    for which, written in ((0, rf"\copy of {rows} rows"), (1, f"{inserts} single INSERTs")):
        compared(f"{written}, ms", writers["plain_rows"], writers["plain_rows"], which)
        compared("  tracked, ms", writers["tracked_rows"], writers["plain_rows"], which)
    results.write(keys=keys, repetitions=settings.repetitions)


numbers = {
    "keys": Number(10_000_000, quick=100_000, least=100_000),
    "inserts": Number(5000, quick=100),
    "repetitions": Number(5, quick=1),
}
harness.run(harness.parse(__doc__, numbers), measure)
