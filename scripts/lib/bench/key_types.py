"""The scan alone of lacuna gaps --table, on tables of the same shape with keys of each type, against keys of type int8."""

import harness
from harness import fail, median, said, sql, take_turns, wall_time

# What makes a key of each type out of a whole number i. No time zone of a session changes a key.
KEYS = {
    "int8": "i",
    "int4": "i",
    "int2": "i - 32768",
    "date": "date '1970-01-01' + i",
    "timestamp": "timestamp '2000-01-01 00:00:00' + i * interval '1 second'",
    "timestamptz": "timestamptz '2000-01-01 00:00:00+00' + i * interval '1 second'",
}
# An int2 holds too few keys for the other shapes.
MOST, SMALL, INT2_KEYS = ["int8", "int4", "date", "timestamp", "timestamptz"], ["int8", "int2"], 65_000
FACTOR = 1.3
# Added to both times of a ratio: what takes a few ms says nothing.
ALLOWANCE = 5


class Shape:
    """Tables that differ in the type of their key k alone. `rows` is a query with {} in place of the key."""

    def __init__(self, name, rows, types=MOST, primary="k", by="", fresh=False):
        self.name, self.rows, self.types = name, rows, types
        self.primary, self.by, self.fresh = primary, by, fresh

    def create(self, kind):
        table = f"public.typed_{kind}"
        sql(f"""CREATE TABLE {table} (k {kind}, j integer, PRIMARY KEY ({self.primary}))
            WITH (autovacuum_enabled = false)""",
            f"INSERT INTO {table} {self.rows.format(KEYS[kind])}")
        if not self.fresh:
            sql(f"VACUUM (ANALYZE) {table}")

    def scan(self, kind):
        """Returns how long the scan took, in ms. Keeps how it was done and what it found."""
        command = ["lacuna", "gaps", "--table", f"public.typed_{kind}", "--column", "k", "--explain", "--format", "json"]
        command += ["--by", self.by] if self.by else []
        command += ["--step", "1s"] if kind.startswith("timestamp") else []
        wall_time(command)
        self.strategies[kind] = said("strategy")[0]
        self.found[kind] = said("gap_count")[0]
        return round(float(said("seconds")[0]) * 1000)

    def measure(self, repetitions):
        """The types take turns. Checks that each finds as many gaps as int8."""
        harness.say(f"Making the tables for the scans of {self.name} with keys of each type.")
        self.strategies, self.found = {}, {}
        for kind in self.types:
            self.create(kind)
        sql("CHECKPOINT")
        for kind in self.types:
            # This one reads what is not in memory yet.
            self.scan(kind)
        ways = {kind: lambda kind=kind: self.scan(kind) for kind in self.types}
        self.times = take_turns(f"Scan of {self.name},", repetitions, ways)
        for kind, found in self.found.items():
            if found != self.found["int8"]:
                fail(f"lacuna found {found} gaps in {self.name} with keys of type {kind}, {self.found['int8']} with int8")
        sql(*(f"DROP TABLE public.typed_{kind}" for kind in self.types))

    def report(self, results):
        """Adds a line for each type, with the ratio to int8."""
        for kind, times in self.times.items():
            to_int8 = round((median(times) + ALLOWANCE) / (median(self.times["int8"]) + ALLOWANCE), 2)
            line = [f"{self.name}: {kind} ({self.strategies[kind]})", times, f"{to_int8:.2f}"]
            if kind != "int8":
                line += [f"<= {FACTOR} x int8", to_int8 <= FACTOR]
            results.line(*line)


def unique(name, keys, types=MOST):
    step = keys // 100
    return Shape(name, f"SELECT {{}}, 0 FROM generate_series(1, {keys}) AS i WHERE i % {step} <> {step // 2}", types)


def shapes(keys):
    return [
        unique("unique", keys),
        Shape("many rows", f"""
            SELECT {{}}, j FROM generate_series(1, {keys // 50}) AS i, generate_series(1, 60) AS j WHERE i % 2003 <> 7""",
            primary="k, j"),
        Shape("partitions", f"""
            SELECT {{}}, j FROM generate_series(1, {keys // 1000}) AS j, generate_series(1, 1000) AS i
            WHERE (j * 31 + i * 17) % 1999 <> 3""",
            primary="j, k", by="j"),
        Shape("just loaded", f"""
            SELECT {{}}, 0 FROM generate_series(1, {keys // 10}) AS i WHERE i % 99991 <> 7""",
            fresh=True),
        Shape("dense gaps", f"""
            SELECT {{}}, 0 FROM generate_series(1, {keys // 50}) AS i WHERE i % 2000 <> 7"""),
        Shape("far apart", f"""
            SELECT {{}}, 0 FROM generate_series(100, {keys // 100 * 100}, 100) AS i"""),
        unique("small", INT2_KEYS, SMALL),
    ]
