r"""
usage: scripts/bench-verify [--quick] [--rows N] [--differences N] [--json FILE]

Compares two tables of N rows in which some rows differ, with a release build and a temporary PostgreSQL server, taking turns:

  lacuna verify, by digests, and by rows: what it costs to fetch all
  reladiff and data-diff, if they are installed (`pip install 'reladiff[postgresql]' 'data-diff[postgresql]'`)

Prints medians of the time, and the bytes that passed between the program and the database that stands for the source. Every
program has to find all differences.

$RELADIFF and $DATA_DIFF name the programs, if they are not in PATH. What is missing is said, and left out.

  --quick          small and once only: shows that the benchmark works, measures nothing
  --rows N         rows of each table (default 1000000)
  --differences N  how many of them differ (default 300)
  --json FILE      write the results to FILE as well (default bench-verify.json in the project's folder)
  -h, --help       this text
"""

import os
import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import harness
from harness import Number, ratio, sql, take_turns, value


class CountingProxy:
    """Leads connections to the server, and counts the bytes of both directions."""

    def __init__(self):
        self.bytes = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = self.connect()
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(source, target), daemon=True).start()

    def connect(self):
        host, port = os.environ["PGHOST"], int(os.environ.get("PGPORT", 5432))
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def pump(self, source, target):
        try:
            while data := source.recv(1 << 16):
                with self.lock:
                    self.bytes += len(data)
                target.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, target):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def measure(settings, results):
    rows, differences = settings.rows, settings.differences
    harness.say(f"Making two tables of {rows} rows.")
    sql(
        "CREATE TABLE there (id bigint PRIMARY KEY, account bigint, amount numeric(12, 2), kind text, created timestamp, note text)",
        "INSERT INTO there SELECT n, n % 1000, n / 7.0, 'kind ' || n % 9, timestamp '2024-01-01' + n * interval '1 s',"
        f" md5(n::text) FROM generate_series(0, {rows - 1}) AS n",
        "CREATE TABLE here (LIKE there INCLUDING ALL)", "INSERT INTO here SELECT * FROM there",
        "CREATE TABLE planted AS SELECT id, row_number() OVER (ORDER BY id) % 3 AS kind FROM"
        f" (SELECT id FROM there WHERE id < {rows - 1} ORDER BY md5(id::text || 'seed') LIMIT {differences}) AS chosen",
        "DELETE FROM here WHERE id IN (SELECT id FROM planted WHERE kind = 0)",
        "DELETE FROM there WHERE id IN (SELECT id FROM planted WHERE kind = 1)",
        "UPDATE here SET amount = amount + 1 WHERE id IN (SELECT id FROM planted WHERE kind = 2)",
        "VACUUM ANALYZE here", "VACUUM ANALYZE there")
    proxy = CountingProxy()
    user, database = os.environ.get("PGUSER", "postgres"), os.environ["PGDATABASE"]
    Path("lacuna.yaml").write_text(f"""
version: 1
sources:
  there:
    type: postgres
    database: host=127.0.0.1 port={proxy.port} user={user} dbname={database} sslmode=disable gssencmode=disable
    query: SELECT * FROM there WHERE id BETWEEN {{window.first}} AND {{window.last}}
streams:
  here: {{source: there, table: here, key: {{column: id, type: integer}}, batch: {max(rows // 1000, 1)}}}
""")
    harness.checked("lacuna", "init")
    # What is missing here is no gap: nobody else knows of gaps.
    sql("INSERT INTO lacuna.verified_empty (stream, lower, upper) SELECT 'here', id, id + 1 FROM planted WHERE kind = 0")
    # One of them insists on a password. This server asks for none.
    server = f"postgresql://{user}:none@127.0.0.1"
    direct = CountingProxy()
    spent = {}

    def run(name, command, found):
        before, began = proxy.bytes, time.perf_counter()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        milliseconds = round((time.perf_counter() - began) * 1000)
        count = found(done.stdout)
        if count != differences:
            harness.fail(f"{name} found {count} of {differences} differences: {done.stderr[-2000:]}")
        spent[name] = proxy.bytes - before
        return milliseconds

    def lacuna(*more):
        def found(text):
            units = re.search(r'"differing_units" : (\d+)', text)
            return int(units.group(1)) if units else -1

        return lambda: run(
            f"lacuna verify {' '.join(more)}".strip(),
            ["lacuna", "verify", "here", "--format", "json", "--no-progress", *more], found)

    def peer(name, program):
        def found(text):
            return len({line.split()[1].strip(",") for line in text.splitlines() if line[:2] in ("- ", "+ ")})

        return lambda: run(
            name,
            [program, f"{server}:{proxy.port}/{database}", "there", f"{server}:{direct.port}/{database}", "here", "-k", "id",
             *[argument for column in ("account", "amount", "kind", "created", "note") for argument in ("-c", column)]],
            found)

    ways = {"lacuna verify": lacuna(), "lacuna verify --proof rows": lacuna("--proof", "rows")}
    for name, variable in (("reladiff", "RELADIFF"), ("data-diff", "DATA_DIFF")):
        program = shutil.which(os.environ.get(variable) or name)
        if program:
            ways[name] = peer(name, program)
        else:
            print(f"{name} is not installed: left out.")
    times = take_turns("Comparison", settings.repetitions, ways)

    results.title(f"{rows} rows, {differences} differences, medians of {settings.repetitions}")
    results.head("ratio", "")
    for name in ways:
        results.line(f"{name}, ms", times[name], f"{ratio(times[name], times['lacuna verify']):.2f}")
        results.line("  kB at the source", round(spent[name] / 1000), f"{spent[name] / spent['lacuna verify']:.2f}")
    results.write(rows=rows, differences=differences, repetitions=settings.repetitions)


numbers = {
    "rows": Number(1_000_000, quick=10_000, least=1000), "differences": Number(300, quick=30),
    "repetitions": Number(3, quick=1),
}
harness.run(harness.parse(__doc__, numbers), measure)
