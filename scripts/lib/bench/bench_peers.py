r"""
usage: scripts/bench-peers [--quick] [--rows N] [--json FILE]

Loads N records of six columns into an empty table, with a release build and a temporary PostgreSQL server with its default
durability, taking turns:

  NDJSON  lacuna reconcile, and dlt (append, its fastest: COPY of CSV; and merge by the primary key, which is what survives
          being run again)
  CSV     lacuna reconcile, psql's \copy, and pgloader

Prints medians with the least and the greatest value, and each peer's time divided by Lacuna's.

dlt is used where $DLT_PYTHON, or python3, can import it (`pip install 'dlt[postgres]'`), pgloader where it is installed
(Debian: `apt-get install pgloader`). What is missing is said, and left out.

  --quick      small and once only: shows that the benchmark works, measures nothing
  --rows N     records (default 200000)
  --json FILE  write the results to FILE as well (default bench-peers.json in the project's folder)
  -h, --help   this text
"""

import os
import shutil
import subprocess
from pathlib import Path

import harness
import payments
from harness import Number, ratio, sql, take_turns, wall_time

DLT_LOADER = harness.ROOT / "scripts/lib/bench/dlt_loader.py"


def installed(*command):
    """Returns the first line that a program prints about itself, or nothing if it is not here."""
    if not shutil.which(command[0]):
        return ""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout.split("\n")[0] if done.returncode == 0 else ""


def measure(settings, results):
    rows = settings.rows
    python = os.environ.get("DLT_PYTHON", "python3")
    dlt = installed(python, "-c", "import dlt, psycopg2; print(dlt.__version__)")
    print(f"dlt {dlt}" if dlt else f"dlt is not installed for {python}: left out.")
    pgloader = installed("pgloader", "--version")
    print(pgloader or "pgloader is not installed: left out.")

    harness.say(f"Making {rows} rows.")
    payments.create("payments")
    payments.write_csv("payments.csv", rows)
    payments.write_ndjson("payments.ndjson", rows)
    columns = "id, account, amount, kind, created, note"
    Path("load.pgloader").write_text(f"""
LOAD CSV FROM '{os.getcwd()}/payments.csv' ({columns})
INTO {'postgresql://{PGUSER}@unix:{PGHOST}:{PGPORT}/{PGDATABASE}'.format(**os.environ)}
TARGET TABLE public.payments ({columns})
WITH skip header = 1, fields terminated by ',', fields optionally enclosed by '"', fields escaped by double-quote;
""")
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

    def lacuna(kind):
        payments.write_config({"type": "file", "path": f"payments.{kind}"}, last=rows, batch=rows // 10)
        return payments.load(rows, f"lacuna reconcile, {kind}", ["lacuna", "reconcile"])

    def dlt_load(disposition):
        payments.start_over()
        shutil.rmtree("state", ignore_errors=True)
        # The same table as the others', which dlt adds two columns of its own to.
        sql("DROP SCHEMA IF EXISTS peer CASCADE", "DROP SCHEMA IF EXISTS peer_staging CASCADE", "CREATE SCHEMA peer",
            f"CREATE TABLE peer.payments ({payments.COLUMNS})")
        milliseconds = wall_time([python, str(DLT_LOADER), disposition])
        sql(f"INSERT INTO public.payments SELECT {columns} FROM peer.payments")
        payments.expect_rows(rows, f"dlt, {disposition}")
        return milliseconds

    ways = {"lacuna reconcile, NDJSON": lambda: lacuna("ndjson")}
    if dlt:
        ways["dlt, append, NDJSON"] = lambda: dlt_load("append")
        ways["dlt, merge, NDJSON"] = lambda: dlt_load("merge")
    ways["lacuna reconcile, CSV"] = lambda: lacuna("csv")
    ways[r"psql \copy, CSV"] = lambda: payments.load(rows, r"\copy", payments.copy("payments.csv"))
    if pgloader:
        command = ["pgloader", "--on-error-stop", "load.pgloader"]
        ways["pgloader, CSV"] = lambda: payments.load(rows, "pgloader", command)
    times = take_turns("Load", settings.repetitions, ways)

    results.title(f"{rows} records, medians of {settings.repetitions} loads")
    results.head("ratio", "")
    for name in ways:
        own = times["lacuna reconcile, " + name.rpartition(" ")[2]]
        results.line(f"{name}, ms", times[name], f"{ratio(times[name], own):.2f}")
    results.write(rows=rows, repetitions=settings.repetitions)


numbers = {"rows": Number(200_000, quick=1000, least=1000), "repetitions": Number(5, quick=1)}
harness.run(harness.parse(__doc__, numbers), measure)
