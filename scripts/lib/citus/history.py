"""A history whose rows are known, a source that prints it, and tables of every kind that hold it."""

import os

# A unit divisible by 10 has no rows, the others have one to three. A value says which version of the source gave it.
SOURCE = """#!/bin/sh
# first last region: prints the rows of a window. --tip: prints the newest unit.
here=$(dirname "$0")
if [ "$1" = --tip ]; then cat "$here/tip"; exit; fi
exec awk -v first="$1" -v last="$2" -v region="$3" -v version="$(cat "$here/version")" -v parts="$(cat "$here/parts")" -v tip="$(cat "$here/tip")" '
    BEGIN {
        print "region,n,part,v"
        if (last > tip) last = tip
        for (n = first; n <= last; n++) {
            if (n % 10 == 0) continue
            for (part = 0; part <= n % 3 && part < parts; part++) print region "," n "," part ",v" version "-" n "-" part
        }
    }'
"""

REGIONS = ["gb", "ire", "us", "de", "fr", "it"]
ROWS = """
    SELECT region, n::bigint AS n, part, 'v{version}-' || n || '-' || part AS v
    FROM unnest('{{{regions}}}'::text[]) AS region, generate_series(1, {tip}) AS n, generate_series(0, 2) AS part
    WHERE n % 10 <> 0 AND part <= n % 3 AND part < {parts}
"""
COLUMNS = "region text, n bigint, part integer, v text, PRIMARY KEY (region, n, part)"
KINDS = {
    "partition": "CREATE TABLE {t} ({c}); SELECT create_distributed_table('{t}', 'region', shard_count => 6)",
    "key": "CREATE TABLE {t} ({c}); SELECT create_distributed_table('{t}', 'n', shard_count => 6)",
    "reference": "CREATE TABLE {t} ({c}); SELECT create_reference_table('{t}')",
    "schema": "SET citus.enable_schema_based_sharding = on; CREATE SCHEMA tenant_{t}; CREATE TABLE tenant_{t}.{t} ({c})",
    "managed": "CREATE TABLE {t} ({c}); SELECT citus_add_local_table_to_metadata('{t}')",
    "plain": "CREATE TABLE {t} ({c})",
}


class History:
    """One stream over one table."""

    def __init__(self, cluster, name, kind, settings=(), batch=50, workers=3, regions=3):
        self.cluster = cluster
        self.name = name
        self.kind = kind
        self.regions = REGIONS[:regions]
        self.table = f"tenant_{name}.{name}" if kind == "schema" else name
        self.config = f"{name}.yaml"
        self.version, self.parts, self.tip = 0, 3, 400
        self.folder = os.path.join(cluster.work, name)
        os.makedirs(self.folder, exist_ok=True)
        script = os.path.join(self.folder, "source")
        with open(script, "w", encoding="utf-8") as file:
            file.write(SOURCE)
        os.chmod(script, 0o755)
        cluster.sql(KINDS[kind].format(t=name, c=COLUMNS))
        self.configure(settings, batch, workers)
        self.publish()

    def configure(self, settings=(), batch=50, workers=3):
        lines = "".join(f"    {line}\n" for line in settings)
        with open(os.path.join(self.cluster.work, self.config), "w", encoding="utf-8") as file:
            file.write(f"""version: 1
database: ${{env:DATABASE_URL}}
sources:
  history:
    type: command
    command: [{self.folder}/source, "{{window.first}}", "{{window.last}}", "{{partition.region}}"]
    tip: [{self.folder}/source, --tip]
    format: csv
streams:
  {self.name}:
    source: history
    table: {self.table}
    key: {{column: n, type: integer}}
    partitions: {{region: [{", ".join(self.regions)}]}}
    expect: {{from: 1, to: tip}}
    batch: {batch}
    workers: {workers}
    empty: trust
{lines}""")

    def publish(self, version=None, parts=None, tip=None):
        """Has the source give other rows from now on."""
        self.version = self.version if version is None else version
        self.parts = self.parts if parts is None else parts
        self.tip = self.tip if tip is None else tip
        for name in ("version", "parts", "tip"):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(str(getattr(self, name)))

    def lacuna(self, *arguments, **options):
        return self.cluster.lacuna(*arguments, "--config", self.config, **options)

    def run(self, *arguments, status=0, **options):
        done = self.lacuna(*arguments, **options)
        if done.returncode != status:
            raise AssertionError(
                f"lacuna {' '.join(arguments)}: status {done.returncode}, not {status}: {done.stdout[-800:]} {done.stderr[-800:]}")
        return done.stdout + done.stderr

    def sql(self, text, check=True):
        return self.cluster.sql(text.replace("{t}", self.table), check)

    def rows(self, tip=None):
        return ROWS.format(version=self.version, regions=",".join(self.regions), tip=tip or self.tip, parts=self.parts)

    def require_rows(self, what, tip=None):
        """Compares the table with what the source has."""
        self.sql(f"""
            DROP TABLE IF EXISTS wanted_{self.name}; DROP TABLE IF EXISTS found_{self.name};
            CREATE TABLE wanted_{self.name} AS {self.rows(tip)};
            CREATE TABLE found_{self.name} AS SELECT region, n, part, v FROM {{t}};""")
        counts = self.sql(f"""
            SELECT (SELECT count(*) FROM (TABLE wanted_{self.name} EXCEPT ALL TABLE found_{self.name}) AS x),
                (SELECT count(*) FROM (TABLE found_{self.name} EXCEPT ALL TABLE wanted_{self.name}) AS x)""")
        if counts != "0|0":
            raise AssertionError(f"{self.kind}, {what}: rows that are missing or too many: {counts}")

    def require_evidence(self, what):
        """What is called empty is empty, and extents hold no more than the source has."""
        false = self.sql(f"""
            SELECT count(*) FROM lacuna.verified_empty AS e
            JOIN generate_series(1, {self.tip}) AS n ON n >= e.lower AND n < e.upper
            WHERE e.stream = '{self.name}' AND n % 10 <> 0""")
        if false != "0":
            raise AssertionError(f"{self.kind}, {what}: {false} units with rows are called empty")
        beyond = self.sql(f"SELECT count(*) FROM lacuna.cursor WHERE stream = '{self.name}' AND latest > {self.tip}")
        if beyond != "0":
            raise AssertionError(f"{self.kind}, {what}: extents reach beyond the source")
