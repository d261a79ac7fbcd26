"""The table that the benchmarks load, the rows for it, and how a load begins and ends."""

import json
from pathlib import Path

from harness import PSQL, checked, fail, peak_memory, sql, value, wall_time

COLUMNS = """id bigint PRIMARY KEY, account text NOT NULL, amount numeric NOT NULL, kind text NOT NULL,
    created timestamptz NOT NULL, note text NOT NULL"""


def create(*tables):
    """Makes tables in the schema public."""
    for table in tables:
        sql(f"CREATE TABLE public.{table} ({COLUMNS})")


def query(first, last):
    """The query that makes the rows with these ids, the same on every machine."""
    return f"""SELECT i AS id, 'account-' || i % 9973 AS account, (i::bigint * 7919 % 1000003)::numeric / 100 AS amount,
        (ARRAY['card', 'cash', 'transfer'])[i % 3 + 1] AS kind,
        timestamptz '2020-01-01 00:00:00+00' + i * interval '37 seconds' AS created, md5(i::text) AS note
        FROM generate_series({first}, {last}) AS i"""


def options(header):
    """What psql's \\copy is told of a file of CSV."""
    return "FORMAT csv, HEADER" if header else "FORMAT csv"


def write_csv(file, last, first=1, header=True):
    """Writes the rows with these ids."""
    # psql reads a \copy to the end of its line.
    line = " ".join(query(first, last).split())
    checked(*PSQL, "-c", rf"\copy ({line}) TO '{file}' ({options(header)})")


def write_ndjson(file, last):
    """Writes the rows with the ids up to `last`, an object a line."""
    checked(*PSQL, "-A", "-t", "-o", file, "-c", f"SELECT row_to_json(r) FROM ({query(1, last)}) AS r")


def copy(*files, table="payments", header=True):
    """The command with which psql loads files, each in a transaction of its own."""
    command = [*PSQL]
    for file in files:
        command += ["-c", rf"\copy public.{table} FROM '{file}' ({options(header)})"]
    return command


def write_config(source, first=1, last=None, table="payments", file="lacuna.yaml", **stream):
    """Writes a config with one stream, named as its table. It is JSON, and so it is YAML."""
    expect = {"from": first} if last is None else {"from": first, "to": last}
    stream = {
        "source": "origin", "table": f"public.{table}", "key": {"column": "id", "type": "integer"}, "expect": expect, **stream,
    }
    Path(file).write_text(json.dumps({"version": 1, "sources": {"origin": source}, "streams": {table: stream}}))


def start_over(table="payments"):
    """Brings a table and Lacuna's evidence to the state before the first run, and the server to rest."""
    sql("DROP SCHEMA IF EXISTS lacuna CASCADE", f"TRUNCATE public.{table}")
    checked("lacuna", "init")
    sql("CHECKPOINT")


def expect_rows(count, who, table="payments"):
    """Fails unless the table has so many rows; `who` loaded them."""
    found = value(f"SELECT count(*) FROM public.{table}")
    if found != str(count):
        fail(f"{who} left {found} rows instead of {count}")


def load(rows, who, *commands, table="payments"):
    """Loads an empty table, by several commands at once if there are several. Returns the wall time in ms."""
    start_over(table)
    milliseconds = wall_time(*commands)
    expect_rows(rows, who, table)
    return milliseconds


def memory_of_load(rows, table="payments"):
    """Reconciles an empty table, and returns the peak of the memory in kB."""
    start_over(table)
    kilobytes = peak_memory("lacuna", "reconcile")
    expect_rows(rows, "lacuna reconcile", table)
    return kilobytes


def keys_with_gaps(keys):
    """The query for the keys from 1 to `keys`, with 98 gaps of one key and a longer one."""
    step = keys // 100
    return f"""SELECT i, 0 FROM generate_series(1, {keys}) AS i
        WHERE NOT (i % {step} = {step // 2} AND i <= {98 * step}
            OR i BETWEEN {99 * step} AND {99 * step + keys // 2000})"""
