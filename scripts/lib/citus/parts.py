"""What scripts/test-citus tries. Each part yields lines that say what was found, and raises if something is wrong."""

import os
import random
import threading
import time

from history import KINDS, REGIONS, History


def kinds(cluster, _):
    for kind in KINDS:
        h = History(cluster, f"kind_{kind}", kind)
        h.run("init")
        h.run("reconcile")
        h.require_rows("filled")
        h.run("gaps", "--exit-code")
        batches = h.sql(f"SELECT count(*) FROM lacuna.batch WHERE stream = '{h.name}'")
        h.run("reconcile")
        if h.sql(f"SELECT count(*) FROM lacuna.batch WHERE stream = '{h.name}'") != batches:
            raise AssertionError(f"{kind}: a run that had nothing to do wrote batches")
        # Marked: all rows change, and are counted as changed.
        h.publish(version=1)
        h.run("mark", h.name, "--all")
        h.run("reconcile")
        h.require_rows("marked")
        changed = h.sql(f"""SELECT sum(rows_updated) = (SELECT count(*) FROM {{t}}) FROM lacuna.batch
            WHERE stream = '{h.name}' AND run = (SELECT max(id) FROM lacuna.run WHERE stream = '{h.name}')""")
        if changed != "t":
            raise AssertionError(f"{kind}: not all rows were counted as changed")
        # Marked again: nothing differs, and nothing is written.
        h.run("mark", h.name, "--all")
        h.run("reconcile")
        written = h.sql(f"""SELECT COALESCE(sum(rows_updated + rows_inserted), 0) FROM lacuna.batch
            WHERE stream = '{h.name}' AND run = (SELECT max(id) FROM lacuna.run WHERE stream = '{h.name}')""")
        if written != "0":
            raise AssertionError(f"{kind}: {written} equal rows were written again")
        # Emptied in part.
        h.sql("DELETE FROM {t} WHERE n BETWEEN 120 AND 190")
        h.run("gaps", "--exit-code", status=2)
        h.run("reconcile")
        h.require_rows("emptied in part")
        # Catchup, overlap and lookback.
        h.configure(["overlap: 5", "lookback: 20"])
        h.publish(tip=700)
        h.run("catchup")
        h.sql("DELETE FROM {t} WHERE n = 300")
        h.run("reconcile")
        h.require_rows("caught up")
        # A check finds what is wrong.
        with open(os.path.join(cluster.work, "check.sql"), "w", encoding="utf-8") as file:
            file.write(f"SELECT region, n FROM {h.table} WHERE v = 'wrong'")
        h.configure(["check: check.sql"])
        h.sql("UPDATE {t} SET v = 'wrong' WHERE n BETWEEN 11 AND 13")
        h.run("reconcile")
        h.require_rows("checked")
        # A unit that lacks some of its rows is found.
        wanted = ("SELECT region, n, n % 3 + 1 AS rows FROM unnest('{gb,ire,us}'::text[]) AS region, "
                  "generate_series(1, 700) AS n WHERE n % 10 <> 0")
        h.configure([f'complete: {{query: "{wanted}"}}'])
        h.sql("DELETE FROM {t} WHERE n BETWEEN 500 AND 503 AND part = 1")
        h.run("gaps", "--exit-code", status=2)
        h.run("reconcile")
        h.require_rows("completed")
        # What the source no longer has goes.
        h.configure(["rows: replace", "shrink_guard: off"])
        h.publish(parts=1)
        h.run("mark", h.name, "--all", "--replace")
        h.run("reconcile")
        h.require_rows("replaced")
        h.require_evidence("in the end")
        yield f"{kind}: ok"


def ids(cluster, _):
    for kind, distribute in [("id", "'id'"), ("reference", None)]:
        name = f"ids_{kind}"
        make = f"create_distributed_table('{name}', {distribute}, shard_count => 6)" if distribute else f"create_reference_table('{name}')"
        cluster.sql(f"""CREATE TABLE {name} (id text PRIMARY KEY, v text); SELECT {make};
            CREATE TABLE {name}_wanted (id text PRIMARY KEY); SELECT create_distributed_table('{name}_wanted', 'id', shard_count => 6);
            INSERT INTO {name}_wanted SELECT 'id-' || i FROM generate_series(1, 300) AS i""")
        source = os.path.join(cluster.work, f"{name}.sh")
        with open(source, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho id,v\nfor id in \"$@\"; do echo \"$id,of $id\"; done\n")
        os.chmod(source, 0o755)
        config = f"{name}.yaml"
        with open(os.path.join(cluster.work, config), "w", encoding="utf-8") as file:
            file.write(f"""version: 1
database: ${{env:DATABASE_URL}}
sources: {{ids: {{type: command, command: [{source}, "{{keys}}"], format: csv}}}}
streams:
  {name}:
    source: ids
    table: {name}
    key: {{column: id, type: text}}
    expect: {{query: SELECT id FROM {name}_wanted}}
    batch: 40
    workers: 2
""")
        def run(*arguments, status=0):
            done = cluster.lacuna(*arguments, "--config", config)
            if done.returncode != status:
                raise AssertionError(f"{kind}: {arguments}: status {done.returncode}: {done.stdout[-600:]} {done.stderr[-600:]}")
        run("init")
        run("gaps", "--exit-code", status=2)
        run("reconcile")
        run("gaps", "--exit-code")
        cluster.sql(f"DELETE FROM {name} WHERE id LIKE 'id-1%'; UPDATE {name} SET v = 'wrong' WHERE id = 'id-22'")
        run("reconcile")
        if cluster.sql(f"SELECT count(*), count(*) FILTER (WHERE v = 'of ' || id) FROM {name}") != "300|299":
            raise AssertionError(f"{kind}: {cluster.sql(f'SELECT count(*) FROM {name}')} of 300 ids")
        yield f"text keys, {kind}: ok"


def together(cluster, _):
    for kind in ("partition", "key", "reference"):
        h = History(cluster, f"together_{kind}", kind, batch=20)
        h.publish(tip=2000)
        h.run("init")
        begin = time.monotonic()
        runs = [h.lacuna("reconcile", start=True) for _ in range(3)]
        answers = [(run.communicate(), run.returncode) for run in runs]
        for (out, err), status in answers:
            if status not in (0, 2):
                raise AssertionError(f"{kind}: status {status}: {out[-500:]} {err[-500:]}")
        took = time.monotonic() - begin
        h.run("reconcile")
        h.require_rows("by three processes")
        h.require_evidence("by three processes")
        fetched = h.sql(f"SELECT sum(rows_fetched)::float / (SELECT count(*) FROM {{t}}) FROM lacuna.batch WHERE stream = '{h.name}'")
        yield f"{kind}: ok, {took:.1f} s, each row was fetched {float(fetched):.2f} times"


def looks(cluster, options):
    for kind in ("key", "partition"):
        h = History(cluster, f"looks_{kind}", kind, regions=1 if kind == "key" else 6)
        h.run("init")
        h.publish(tip=60)
        h.run("reconcile")
        # From here on each unit has a row, so that whatever is missing is no more than half seen.
        h.sql("INSERT INTO {t} SELECT region, n, 0, 'writer' FROM unnest('{" + ",".join(h.regions)
              + "}'::text[]) AS region, generate_series(1, 60) AS n ON CONFLICT DO NOTHING")
        stop = threading.Event()
        written = [0]

        def write():
            unit = 60
            while not stop.is_set():
                # One transaction over all shards: twenty units of each region.
                h.sql(f"""INSERT INTO {{t}} SELECT region, n, 0, 'writer' FROM unnest('{{{",".join(h.regions)}}}'::text[]) AS region,
                    generate_series({unit + 1}, {unit + 20}) AS n""")
                unit += 20
                written[0] += 1

        counts = {0: 0, 2: 0}
        other = []
        lock = threading.Lock()
        left = [options.looks]
        single = [0, 0]
        once = f"""SELECT count(*) FROM (SELECT n, lead(n) OVER (PARTITION BY region ORDER BY n) AS next
            FROM (SELECT DISTINCT region, n FROM {h.table}) AS present) AS pair WHERE next - n > 1"""

        def look():
            while True:
                with lock:
                    if left[0] <= 0:
                        return
                    left[0] -= 1
                done = h.lacuna("gaps", "--exit-code")
                with lock:
                    counts[done.returncode] = counts.get(done.returncode, 0) + 1
                    if done.returncode not in (0,):
                        other.append(done.stdout[-300:] + done.stderr[-300:])

        def look_once():
            while not stop.is_set():
                seen = h.sql(once) != "0"
                single[0] += 1
                single[1] += seen

        writer = threading.Thread(target=write)
        watcher = threading.Thread(target=look_once)
        lookers = [threading.Thread(target=look) for _ in range(3)]
        begin = time.monotonic()
        for thread in [writer, watcher, *lookers]:
            thread.start()
        for thread in lookers:
            thread.join()
        took = time.monotonic() - begin
        stop.set()
        writer.join()
        watcher.join()
        if counts.get(0) != options.looks:
            raise AssertionError(f"{kind}: {counts}: {other[:2]}")
        yield (f"{kind}: {options.looks} looks in {took:.0f} s beside {written[0]} transactions over six shards: no gap that never was; "
               f"of {single[0]} single looks {single[1]} saw some")


def readers(cluster, _):
    for kind in ("partition", "key"):
        h = History(cluster, f"readers_{kind}", kind, batch=100)
        h.publish(tip=100)
        h.run("init")
        h.run("reconcile")
        partial, samples, rounds = 0, 0, 6
        for turn in range(rounds):
            before = h.tip
            h.publish(tip=before + 3000)
            whole = int(h.sql(f"SELECT count(*) FROM ({h.rows()}) AS x WHERE region = 'gb' AND n > {before}"))
            run = h.lacuna("catchup", start=True)
            seen = set()
            while run.poll() is None:
                answer = h.sql(f"SELECT region, count(*) FROM {{t}} WHERE n > {before} GROUP BY region")
                samples += 1
                seen |= {int(line.split("|")[1]) for line in answer.splitlines()}
            partial += bool(seen - {whole})
            if run.returncode:
                raise AssertionError(f"{kind}: catchup: status {run.returncode}: {run.communicate()}")
        h.require_rows("caught up")
        if kind == "partition" and partial:
            raise AssertionError(f"a reader saw a part of a partition in {partial} of {rounds} catchups")
        yield f"{kind}: in {partial} of {rounds} catchups a reader saw a part of a partition ({samples} looks)"


def shards(cluster, h, worker):
    """The shards of a table on a worker."""
    return [line for line in cluster.sql(f"""
        SELECT shard_name FROM citus_shards WHERE table_name = '{h.table}'::regclass AND nodeport = {worker.port}""").splitlines()]


TRAP = """
    SET citus.enable_manual_changes_to_shards = on; SET citus.override_table_visibility = off;
    SET citus.enable_unsafe_triggers = on; SET citus.enable_ddl_propagation = off;
    CREATE TABLE IF NOT EXISTS public.trap (what text);
    CREATE OR REPLACE FUNCTION public.spring() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM public.trap WHERE what = 'fail') THEN RAISE EXCEPTION 'the node fails at its commit'; END IF;
        -- Once a transaction, not once a row.
        IF COALESCE(current_setting('trap.waited', true), '') = '' AND EXISTS (SELECT FROM public.trap WHERE what = 'wait') THEN
            PERFORM set_config('trap.waited', 'yes', true), pg_sleep(3);
        END IF;
        RETURN NULL;
    END $$;
"""


def commit(cluster, _):
    for kind in ("partition", "key", "reference"):
        h = History(cluster, f"commit_{kind}", kind, regions=6, batch=200)
        h.publish(tip=100)
        h.run("init")
        h.run("reconcile")
        worker = cluster.workers[1]
        worker.sql(TRAP + "".join(
            f"CREATE CONSTRAINT TRIGGER trap AFTER INSERT OR UPDATE ON {shard} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
            "EXECUTE FUNCTION public.spring();\n" for shard in shards(cluster, h, worker)))
        set_trap = "SET citus.enable_ddl_propagation = off; TRUNCATE public.trap; INSERT INTO public.trap VALUES ('{}')"

        def consistent(what):
            cluster.recovered()
            # What the evidence says is there, up to the newest unit: each partition whole or not at all.
            for region in h.regions:
                latest = int(h.sql(f"SELECT latest FROM lacuna.cursor WHERE stream = '{h.name}' AND partition ->> 'region' = '{region}'"))
                there = h.sql(f"SELECT count(*) FROM {{t}} WHERE region = '{region}'")
                wanted = h.sql(f"SELECT count(*) FROM ({h.rows()}) AS x WHERE region = '{region}' AND n <= {latest}")
                if there != wanted:
                    raise AssertionError(f"{kind}, {what}: {region} has {there} rows of {wanted} up to {latest}")

        # The node refuses to prepare: deferred triggers run there before anything is committed.
        worker.sql(set_trap.format("fail"))
        for command in ("catchup", "reconcile"):
            h.publish(tip=h.tip + 400)
            if command == "reconcile":
                h.sql("DELETE FROM {t} WHERE n BETWEEN 11 AND 90")
                h.lacuna(command)
                worker.sql(set_trap.format("none"))
                h.run("reconcile", "--retry-now")
                consistent("a node that fails at its commit, healed")
                worker.sql(set_trap.format("fail"))
            else:
                h.lacuna(command)
                consistent("a node that fails at its commit")
        worker.sql(set_trap.format("none"))
        h.run("catchup")
        h.require_rows("a node that failed, caught up")
        # Nodes die while one of them prepares.
        for victim in (cluster.workers[0], cluster.workers[1], cluster.coordinator):
            worker.sql(set_trap.format("wait"))
            h.publish(tip=h.tip + 400)
            run = h.lacuna("catchup", start=True)
            deadline = time.monotonic() + 60
            while run.poll() is None and time.monotonic() < deadline:
                if worker.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'PREPARE TRANSACTION%' AND state = 'active'", check=False) not in ("", "0"):
                    break
                time.sleep(0.02)
            victim.crash()
            victim.start()
            worker.wait()
            worker.sql(set_trap.format("none"))
            run.communicate()
            consistent(f"{os.path.basename(victim.data)} dies while a node prepares")
            h.run("catchup")
            h.require_rows("after a node died, caught up")
            h.require_evidence("after a node died")
        yield f"{kind}: ok"


def kills(cluster, options):
    for kind in ("key", "partition"):
        h = History(cluster, f"kills_{kind}", kind, regions=3, batch=20, workers=3)
        h.publish(tip=1500)
        h.run("init")
        ended = {}
        victims = ["worker"] * (options.worker_kills // 2) + ["coordinator"] * (options.coordinator_kills // 2)
        random.Random(kind).shuffle(victims)
        run = None
        for index, victim in enumerate(victims):
            # Something to do: rows go, or the source grows.
            if index % 3 == 2:
                h.publish(tip=h.tip + 200)
            else:
                cluster.recovered()
                h.sql(f"DELETE FROM {{t}} WHERE n % 7 = {index % 7}")
            run = h.lacuna("catchup" if index % 3 == 2 else "reconcile", "--retry-now" if index % 3 != 2 else "--workers=3", start=True)
            time.sleep(0.3 + (index % 5) * 0.25)
            node = cluster.coordinator if victim == "coordinator" else cluster.workers[index % 2]
            crashed = index % 2 == 0 and node.kill_backend("application_name LIKE 'citus_internal%' OR application_name LIKE 'lacuna%'")
            if not crashed:
                node.crash()
                node.start()
            run.communicate()
            ended[(victim, run.returncode)] = ended.get((victim, run.returncode), 0) + 1
            for each in cluster.nodes:
                each.wait()
            h.require_evidence(f"after crash {index + 1}")
        cluster.recovered()
        h.run("reconcile", "--retry-now")
        h.run("catchup")
        h.run("reconcile", "--retry-now")
        h.run("gaps", "--exit-code")
        h.require_rows("after crashes")
        h.require_evidence("after crashes")
        told = ", ".join(f"{count} with status {status} beside a {victim}'s" for (victim, status), count in sorted(ended.items()))
        yield f"{kind}: {len(victims)} crashes, no row lost or twice, no false evidence; runs ended: {told}"


def limits(cluster, _):
    h = History(cluster, "limits", "key", regions=1)
    h.run("init")
    h.run("reconcile")
    h.sql("DELETE FROM {t} WHERE n BETWEEN 101 AND 149")
    worker = cluster.workers[0]
    locks = ";".join(f"LOCK TABLE {shard} IN EXCLUSIVE MODE" for shard in shards(cluster, h, worker))
    holder = threading.Thread(target=lambda: worker.sql(f"BEGIN; {locks}; SELECT pg_sleep(45); ROLLBACK", check=False))
    holder.start()
    time.sleep(1)
    begin = time.monotonic()
    h.run("reconcile")
    took = time.monotonic() - begin
    holder.join()
    h.require_rows("beside a session that was left open")
    yield f"a run waited {took:.0f} s for a session of a worker that held its locks for 45 s, and tried again"


def refusals(cluster, _):
    h = History(cluster, "refusals", "partition")
    h.run("init")
    h.run("reconcile")
    for command in (["init"], ["gaps"], ["reconcile"], ["doctor"]):
        said = h.run(*command, status=1, node=cluster.workers[0])
        if "worker of a Citus cluster" not in said or f"localhost:{cluster.coordinator.port}" not in said:
            raise AssertionError(f"{command} on a worker: {said}")
    yield "workers: refused, with the coordinator's address"
    h.configure(["track_changes: true"])
    said = h.run("init")
    if "distributed by region" not in said:
        raise AssertionError(f"tracked changes: {said}")
    yield "tracked changes: refused with the reason"
    cluster.sql(f"CREATE EXTENSION IF NOT EXISTS citus_columnar; CREATE TABLE stripes (region text, n bigint, part integer, v text, PRIMARY KEY (region, n, part)) USING columnar")
    h.table = "stripes"
    h.name = "stripes"
    h.config = "stripes.yaml"
    h.configure()
    for command in ("init", "doctor", "reconcile"):
        said = h.run(command, status=1)
        if "is columnar" not in said:
            raise AssertionError(f"{command} on a columnar table: {said}")
    h.run("gaps")
    yield "columnar tables: refused by init, doctor and reconcile; gaps reads them"
    h = History(cluster, "plain_beside", "plain")
    h.run("init")
    h.run("reconcile")
    h.run("doctor")
    cluster.workers[1].crash()
    said = h.run("doctor", status=1)
    cluster.workers[1].start()
    if f"localhost:{cluster.workers[1].port}" not in said:
        raise AssertionError(f"doctor with a node down: {said}")
    yield "a node that is down: doctor names it"
    for name, setting in [("managed", "citus.use_citus_managed_tables"), ("tenants", "citus.enable_schema_based_sharding")]:
        cluster.sql(f"DROP SCHEMA lacuna CASCADE; ALTER SYSTEM SET {setting} = on; SELECT pg_reload_conf()")
        time.sleep(0.5)
        h.run("init")
        known = cluster.sql("SELECT count(*) FROM pg_dist_partition AS p JOIN pg_class AS c ON c.oid = p.logicalrelid WHERE c.relnamespace = 'lacuna'::regnamespace")
        cluster.sql(f"ALTER SYSTEM RESET {setting}; SELECT pg_reload_conf()")
        if known != "0":
            raise AssertionError(f"{name}: Citus knows {known} tables of the schema")
        h.run("reconcile")
        yield f"init with {setting}: its tables stay the coordinator's own"


def times(cluster, options):
    rows = options.rows
    for kind in ("key", "partition", "reference", "plain"):
        h = History(cluster, f"times_{kind}", kind, regions=6)
        h.sql(f"""INSERT INTO {{t}} SELECT region, n, 0, 'x' FROM unnest('{{{",".join(REGIONS)}}}'::text[]) AS region,
            generate_series(1, {rows // 6}) AS n WHERE n % 1000 <> 0""")
        h.sql("VACUUM ANALYZE {t}")
        for command in (["gaps", "--table", h.table, "--column", "n", "--by", "region", "--explain"],
                        ["gaps", "--table", h.table, "--column", "n", "--by", "region", "--scan", "window"]):
            begin = time.monotonic()
            done = cluster.lacuna(*command, "--database", cluster.address())
            took = time.monotonic() - begin
            if done.returncode:
                raise AssertionError(f"{kind}: {done.stderr[-500:]}")
            how = [line for line in (done.stdout + done.stderr).splitlines() if "scanned" in line]
            yield f"{kind}, {' '.join(command[-2:])}: {took:.2f} s {how[:1]}"


ALL = {part.__name__: part for part in (kinds, ids, together, looks, readers, commit, kills, limits, refusals, times)}
