"""What all benchmarks share: arguments, builds, the server, a folder to work in, times, memory, tables and JSON."""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# The name of the script that a person called: bench_load.py is scripts/bench-load.
NAME = Path(sys.argv[0]).stem.replace("_", "-")
PSQL = ["psql", "-q", "-v", "ON_ERROR_STOP=1"]

# What is printed stays in order with what other programs print.
sys.stdout.reconfigure(line_buffering=True)
# Ctrl-C ends this program as it ends a shell, without a stack trace.
signal.signal(signal.SIGINT, signal.SIG_DFL)


def fail(message):
    """Ends the benchmark with status 1."""
    print(f"{NAME}: {message}", file=sys.stderr)
    sys.exit(1)


def say(text):
    """Tells how far the benchmark is. The results alone go to the standard output."""
    print(text, file=sys.stderr)


# --- Arguments, builds, server ----------------------------------------------------------------------------------------


class Number:
    """A whole number that a flag sets: what it is usually, with --quick, and at least."""

    def __init__(self, usual, quick, least=1):
        self.usual, self.quick, self.least = usual, quick, least


def parse(help_text, numbers, texts=(), flags=()):
    """Returns the settings that the command line gives; `help_text` documents the flags that are for everybody."""

    def misuse(_=None):
        print(help_text.strip(), file=sys.stderr)
        sys.exit(64)

    def digits(text):
        return int(text) if re.fullmatch("[0-9]+", text) else misuse()

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.error = misuse
    parser.add_argument("-h", "--help", action="store_true")
    for flag in ("quick", "on-this-server", *flags):
        parser.add_argument(f"--{flag}", action="store_true")
    for name in numbers:
        parser.add_argument(f"--{name}", type=digits)
    for name in texts:
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--json", default=str(ROOT / f"{NAME}.json"))
    settings = parser.parse_args()
    if settings.help:
        print(help_text.strip())
        sys.exit()
    for name, number in numbers.items():
        if getattr(settings, name) is None:
            setattr(settings, name, number.quick if settings.quick else number.usual)
        if getattr(settings, name) < number.least:
            fail(f"--{name} must be {number.least} or more")
    if not settings.json:
        misuse()
    settings.json = os.path.abspath(settings.json)
    return settings


def run(settings, measure, products=("lacuna",)):
    """Builds the products, and calls `measure(settings, results)` in a folder of its own with a server of its own."""
    if not settings.on_this_server:
        subprocess.run([ROOT / "scripts/setup", "--bench"], check=True)
        build = """set -e; root=$1; . "$root/scripts/lib/build.sh"; export_libpq_path
            for product in "${@:2}"; do build_release "$product"; done"""
        if subprocess.run(["bash", "-c", build, "bash", ROOT, *products]).returncode:
            sys.exit(1)
        # In place of this process, so that signals reach it.
        script = [ROOT / "scripts" / NAME, "--on-this-server", *sys.argv[1:]]
        os.execv(ROOT / "scripts/with-postgres", ["with-postgres", *script])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    os.environ["PATH"] = f"{ROOT}/.build/release:{os.environ['PATH']}"
    # A person's own settings must not change what is measured.
    os.environ["PSQLRC"] = "/dev/null"
    os.environ.pop("LACUNA_CONFIG", None)
    work = tempfile.mkdtemp(prefix="lacuna-bench.")
    try:
        os.chdir(work)
        measure(settings, Results(settings))
    finally:
        os.chdir(ROOT)
        shutil.rmtree(work, ignore_errors=True)


def run_all(settings, names):
    """Runs several benchmarks one after the other, the results of each in a file of its own beside that of this one."""
    for name in names:
        if name == NAME:
            arguments = [argument for argument in sys.argv[1:] if argument != "--all"]
        else:
            print(f"\n=== scripts/{name}")
            beside = f"{settings.json.removesuffix('.json')}{name.removeprefix(NAME)}.json"
            arguments = ["--json", beside, *(["--quick"] if settings.quick else [])]
        # A terminal sends Ctrl-C to the benchmark as well. Each cleans up before this one goes.
        process = subprocess.Popen([ROOT / "scripts" / name, *arguments])
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        status = process.wait()
        if status:
            sys.exit(status if status > 0 else 128 - status)


# --- Commands ---------------------------------------------------------------------------------------------------------


def checked(*command):
    """Runs a command that is not measured, and returns what it prints. The benchmark fails with it."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        fail(f"failed: {' '.join(command)}")
    return done.stdout


def sql(*statements):
    """Runs each statement by itself, so that VACUUM may be one of them."""
    for statement in statements:
        checked(*PSQL, "-c", statement)


def value(query):
    """Returns the one value that a query answers, as text."""
    return checked(*PSQL, "-A", "-t", "-c", query).strip()


def started(command, output):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)


def insist(status, commands):
    if status:
        with open("output", errors="replace") as output:
            shutil.copyfileobj(output, sys.stderr)
        fail("failed: " + " & ".join(" ".join(map(str, command)) for command in commands))


def wall_time(*commands):
    """Runs a command, or several at once, and returns the milliseconds until the last has ended."""
    with open("output", "wb") as output:
        began = time.perf_counter()
        processes = [started(command, output) for command in commands]
        status = max(abs(process.wait()) for process in processes)
        seconds = time.perf_counter() - began
    insist(status, commands)
    return round(seconds * 1000)


def peak_memory(*command):
    """Runs a command and returns the peak of its resident memory in kB."""
    with open("output", "wb") as output:
        process = started(command, output)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    insist(process.returncode, [command])
    # Until it becomes the command, the new process counts the memory of this one as its own.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if usage.ru_maxrss <= own:
        fail(f"the memory of {command[0]} was not measured: the benchmark itself took more")
    return usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1)


def said(member):
    """Returns the values that the JSON which was last measured has for a member, without quotes."""
    return re.findall(rf'"{member}" *: *"?([^",}}\n]+)', Path("output").read_text())


def take_turns(what, repetitions, ways):
    """Goes each way once, then each once more, and so on. Returns for each way what it returned, mostly times in ms."""
    taken = {name: [] for name in ways}
    for turn in range(1, repetitions + 1):
        for name, way in ways.items():
            say(f"{what} {turn} of {repetitions}: {name}.")
            taken[name].append(way())
    return taken


# --- Results ----------------------------------------------------------------------------------------------------------


def ratio(dividend, divisor):
    """Returns the ratio of two times, of the medians if they are lists. No time is shorter than the clock can tell."""
    return median(dividend) / max(median(divisor), 1)


def median(times):
    return statistics.median(times) if isinstance(times, list) else times


def shown(number):
    """A number as it is printed: whole, or with one decimal place."""
    if isinstance(number, str):
        return number
    return str(round(number) if number == round(number) else round(number, 1))


class Results:
    """Prints tables and writes their lines to the file of --json."""

    def __init__(self, settings):
        self.settings = settings
        self.lines = []
        self.parent = ""

    def title(self, text):
        """Begins the first table. Says if nothing was measured."""
        print(f"\n{text}{' (--quick: not a measurement)' if self.settings.quick else ''}\n")

    def head(self, *columns):
        self._print("", "median", "min", "max", *columns)

    def line(self, name, times="", ratio="", target="", kept=True):
        """Adds a line.

        `times` are a list of the values of all turns, or one value, or a tuple of what the three columns say. `kept` says
        whether the target was kept. A name that starts with blanks is part of the line before.
        """
        if isinstance(times, list):
            times = (statistics.median(times), min(times), max(times))
        values = [shown(number) for number in (times if isinstance(times, tuple) else (times, "", ""))]
        self._print(name, *values, ratio, target if kept else f"{target}  MISSED")
        if name.startswith(" "):
            name = f"{self.parent}: {name.strip()}"
        else:
            self.parent = name
        line = {"name": name}
        for member, number in zip(("median", "min", "max"), values):
            line[member] = json.loads(number) if number else None
        self.lines.append({**line, "ratio": ratio or None, "target": target or None, "missed": not kept})

    def memory(self, name, kilobytes, target, limit, places=1):
        """Adds a line for a peak of the memory, which is to be at most `limit` MB."""
        megabytes = f"{kilobytes / 1024:.{places}f}"
        self.line(name, megabytes, "", target, float(megabytes) <= limit)

    def write(self, **members):
        """Writes the lines as JSON, after the members."""
        members = json.dumps(members)[1:-1]
        lines = ",\n    ".join(json.dumps(line, ensure_ascii=False) for line in self.lines)
        Path(self.settings.json).write_text(f'{{\n  {members},\n  "results": [\n    {lines}\n  ]\n}}\n')
        print(f"\nWritten to {self.settings.json}")

    def _print(self, *columns):
        print("%-34s %10s %10s %10s   %-8s %s" % columns)
