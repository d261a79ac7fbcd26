"""The parts of scripts/test-citus."""

import argparse
import signal
import sys
import threading
import time
import traceback

import parts
from cluster import Cluster


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("program")
    parser.add_argument("installation")
    parser.add_argument("--only", action="append", choices=parts.ALL)
    parser.add_argument("--looks", type=int, default=1000)
    parser.add_argument("--worker-kills", type=int, default=20)
    parser.add_argument("--coordinator-kills", type=int, default=10)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    # The nodes are stopped and removed however it ends.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    cluster = Cluster(options.installation, options.program)
    failed = []
    try:
        print(cluster.sql("SELECT citus_version()"), flush=True)
        done = cluster.lacuna("init", "--database", cluster.address())
        if done.returncode:
            raise SystemExit(f"init: {done.stderr}")
        for name in options.only or [name for name in parts.ALL if name != "times"]:
            begin = time.monotonic()
            try:
                for line in parts.ALL[name](cluster, options):
                    print(f"{name}: {line}", flush=True)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other parts go on.
                failed.append(name)
                print(f"{name}: FAILED: {error}", flush=True)
                if not isinstance(error, AssertionError):
                    traceback.print_exc()
            print(f"{name}: {time.monotonic() - begin:.0f} s", flush=True)
    finally:
        if options.keep:
            print(f"the nodes run on: {cluster.folder}, ports {[node.port for node in cluster.nodes]}, {cluster.work}")
        else:
            cluster.close()
    print("all is as it should be" if not failed else f"failed: {', '.join(failed)}")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    threading.excepthook = lambda args: traceback.print_exception(args.exc_value)
    main()
