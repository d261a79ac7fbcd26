r"""
usage: scripts/bench-http [--quick] [--json FILE]

Measures, with release builds, a temporary PostgreSQL server with its default durability and an HTTP server on the loopback
interface, in one run and taking turns:

  \copy      psql's \copy of 200,000 records of CSV (six columns) into an empty table
  reconcile  lacuna reconcile of the same records from 200 pages of 1,000 records of JSON each, with one worker

Prints medians with the least and the greatest value, the ratio of the rates, and the resident memory of lacuna at its peak.
Both tables are compared. A target that was missed is marked, and is no failure of this script: machines differ.

  --quick      20 pages and once only: shows that the benchmark works, measures nothing
  --json FILE  write the results to FILE as well (default bench-http.json in the project's folder)
  -h, --help   this text
"""

import subprocess

import harness
import payments
from harness import Number, ratio, take_turns, value


def measure(settings, results):
    # The server ends when its standard input is closed.
    command = ["page-server", str(settings.pages), "records.csv"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with server:
        address = server.stdout.readline().strip()
        if not address:
            harness.fail("the page server did not start")
        measure_against(address, settings, results)


def measure_against(address, settings, results):
    records = settings.pages * 1000
    payments.create("copied", "loaded")
    payments.write_config(
        {"type": "http", "base_url": address, "proxy": "none"},
        table="loaded", first=0, last=records - 1, batch=10_000, workers=1,
        request={"path": "/items", "params": {"from": "{window.first}", "to": "{window.last}"}},
        record_selector="items", paginator={"type": "page_number", "page_size": 1000, "total_path": "total"})
    times = take_turns("Load", settings.repetitions, {
        "copy": lambda: payments.load(records, r"\copy", payments.copy("records.csv", table="copied"), table="copied"),
        "reconcile": lambda: payments.load(records, "lacuna reconcile", ["lacuna", "reconcile"], table="loaded"),
    })
    different = value("""
        SELECT count(*) FROM public.copied FULL JOIN public.loaded USING (id) WHERE copied IS DISTINCT FROM loaded""")
    if different != "0":
        harness.fail(f"{different} of {records} records differ")
    memory = payments.memory_of_load(records, table="loaded")

    results.title(f"{settings.pages} pages of 1,000 records, medians of {settings.repetitions} loads")
    results.head("rate", "target")
    rate = ratio(times["copy"], times["reconcile"])
    rates = [ratio(copy, reconcile) for copy, reconcile in zip(times["copy"], times["reconcile"])]
    results.line(r"psql \copy of CSV, ms", times["copy"], "1.00")
    results.line("lacuna reconcile over HTTP, ms", times["reconcile"], f"{rate:.2f}", ">= 0.33", round(rate, 2) >= 0.33)
    results.line("rate of each turn", ("", f"{min(rates):.3f}", f"{max(rates):.3f}"))
    results.memory("peak memory, MB", memory, "< 120 MB", 119.9)
    results.write(pages=settings.pages)


numbers = {"pages": Number(200, quick=20), "repetitions": Number(7, quick=1)}
harness.run(harness.parse(__doc__, numbers), measure, products=["lacuna", "page-server"])
