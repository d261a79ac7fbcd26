"""Types lines into real shells, presses the tab key, and checks which words a program is run with.

usage: test_completions.py PROGRAM
"""

import os
import pty
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time

# What is typed, where `⇥` is the tab key, and the words that the program is run with.
CASES = [
    ("a subcommand", "rec⇥", ["reconcile"]),
    ("a stream", "reconcile bl⇥", ["reconcile", "blocks"]),
    ("what several streams begin with", "gaps res⇥", ["gaps", "results-"]),
    ("a second stream", "gaps blocks results-g⇥", ["gaps", "blocks", "results-gb"]),
    ("no stream twice", "gaps blocks bl⇥", ["gaps", "blocks", "bl"]),
    ("the one stream of a command", "mark bl⇥", ["mark", "blocks"]),
    ("a stream behind options", "catchup --workers 2 bl⇥", ["catchup", "--workers", "2", "blocks"]),
    ("a stream of another config", "gaps --config other.yaml le⇥", ["gaps", "--config", "other.yaml", "ledgers"]),
    ("a stream of a config in quotes", "gaps --config 'a folder/it.yml' wi⇥",
     ["gaps", "--config", "a folder/it.yml", "with-spaces"]),
    ("nothing of a config that is not there", "gaps --config none.yaml bl⇥", ["gaps", "--config", "none.yaml", "bl"]),
    ("nothing of a config that is no YAML", "gaps --config broken.yaml bl⇥", ["gaps", "--config", "broken.yaml", "bl"]),
    ("a config", "gaps --config oth⇥", ["gaps", "--config", "other.yaml"]),
    ("a directory", "schedule --output un⇥", ["schedule", "--output", "units"]),
    ("a file", "schedule --log sch⇥", ["schedule", "--log", "schedule.log"]),
    ("a word of a list", "gaps --format js⇥", ["gaps", "--format", "json"]),
]

# The same with LACUNA_CONFIG set.
ENVIRONMENT_CASES = [
    ("a stream of LACUNA_CONFIG", "status le⇥", ["status", "ledgers"]),
    ("--config before LACUNA_CONFIG", "status --config lacuna.yaml bl⇥", ["status", "--config", "lacuna.yaml", "blocks"]),
]

# Neither the variable nor the file is there: names are completed all the same.
FILES = {
    "lacuna.yaml": "version: 1\ndatabase: ${env:NOT_SET_ANYWHERE}\nsources: {node: {token: '${file:/no/such/file}'}}\n"
                   "streams:\n  blocks: {source: node}\n  results-gb: {}\n  results-us:\n",
    "other.yaml": "streams: {ledgers: {}}\n",
    "other.txt": "",
    "broken.yaml": "streams: {blocks: [\n",
    "a folder/it.yml": "streams: {with-spaces: {}}\n",
    "unit-file": "",
    "units/a": "",
    "schedule.log": "",
}

# Completes as the program does, and notes what went wrong; otherwise notes the words that it is run with.
STAND_IN = """#!/bin/sh
case $1 in
    ---completion)
        {program} "$@" 2>>{notes}/errors
        status=$?
        [ "$status" = 0 ] || echo "status $status" >>{notes}/errors
        exit "$status"
        ;;
esac
for word; do printf '%s\\n' "$word"; done >{notes}/ran.new
mv {notes}/ran.new {notes}/ran
"""

# So long a shell may take for a line. Only a broken one takes it.
PATIENCE = 60
PROMPT = b"next>"


class Terminal:
    """A shell at a terminal of its own."""

    def __init__(self, command, environment, directory):
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.chdir(directory)
            os.execvpe(command[0], command, environment)
        self.seen = b""

    def type(self, text):
        os.write(self.terminal, text.encode())

    def wait(self, what, holds):
        """Waits until `holds()`, and reads meanwhile what the shell writes."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited for {what}; the terminal shows {self.seen.decode(errors='replace')!r}")
            if select.select([self.terminal], [], [], 0.05)[0]:
                self.seen += os.read(self.terminal, 65536)

    def wait_for_prompt(self):
        self.wait("a prompt", lambda: PROMPT in self.seen)
        self.seen = b""

    def close(self):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.terminal)


class Completions:
    """A directory with configs, a stand-in for the program, and its completions."""

    def __init__(self, program, base):
        self.directory = f"{base}/work"
        self.notes = f"{base}/notes"
        self.home = f"{base}/home"
        for directory in (self.notes, self.home, f"{base}/bin", f"{base}/functions"):
            os.makedirs(directory)
        for name, text in FILES.items():
            path = f"{self.directory}/{name}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        stand_in = f"{base}/bin/lacuna"
        with open(stand_in, "w", encoding="utf-8") as file:
            file.write(STAND_IN.format(program=shlex.quote(program), notes=shlex.quote(self.notes)))
        os.chmod(stand_in, 0o755)
        self.scripts = {}
        for shell, path in (("bash", "lacuna.bash"), ("zsh", "functions/_lacuna"), ("fish", "lacuna.fish")):
            self.scripts[shell] = f"{base}/{path}"
            with open(self.scripts[shell], "wb") as file:
                subprocess.run([program, "--generate-completion-script", shell], stdout=file, check=True)
        self.environment = {
            "PATH": f"{base}/bin:{os.environ['PATH']}", "HOME": self.home, "TERM": "xterm", "LC_ALL": "C.UTF-8",
        }

    def started(self, shell, environment):
        """A shell that has loaded the completions and waits for a line."""
        # The prompt is set in two halves, so that the echo of the line is no prompt.
        if shell == "bash":
            command = ["bash", "--noprofile", "--norc", "-i"]
            load = f"source {self.scripts[shell]}; PS1=ne''xt'> '"
        elif shell == "zsh":
            # Another user may own the functions.
            command = ["zsh", "-f", "-i"]
            functions = os.path.dirname(self.scripts[shell])
            load = f"fpath=({functions} $fpath); autoload -Uz compinit; compinit -u -D; PS1=ne''xt'> '"
        else:
            command = ["fish", "--no-config", "--interactive"]
            load = f"source {self.scripts[shell]}; function fish_prompt; printf ne''xt'> '; end"
        terminal = Terminal(command, {**self.environment, **environment}, self.directory)
        terminal.type(f"{load}\n")
        terminal.wait_for_prompt()
        return terminal

    def typed(self, terminal, line):
        """The words that the program is run with."""
        ran = f"{self.notes}/ran"
        terminal.type("lacuna " + line.replace("⇥", "\t") + "\n")
        terminal.wait(f"what {line} runs", lambda: os.path.exists(ran))
        with open(ran, encoding="utf-8") as file:
            words = file.read().splitlines()
        os.remove(ran)
        terminal.wait_for_prompt()
        # Some shells end a directory with a slash.
        return [word.rstrip("/") for word in words]

    def check(self, shell, cases, environment):
        """The cases that did not come out, each in a line."""
        terminal = self.started(shell, environment)
        failures = []
        for what, line, expected in cases:
            words = self.typed(terminal, line)
            if words != expected:
                failures.append(f"{shell}: {what}: {line} became {shlex.join(words)}, expected {shlex.join(expected)}")
            errors = f"{self.notes}/errors"
            if os.path.exists(errors) and os.path.getsize(errors) > 0:
                with open(errors, encoding="utf-8") as file:
                    failures.append(f"{shell}: {what}: {line}: the completion failed: {file.read().strip()}")
                os.remove(errors)
        terminal.close()
        return failures


def main():
    program = os.path.abspath(sys.argv[1])
    failures = []
    for shell in ("bash", "zsh", "fish"):
        with tempfile.TemporaryDirectory(prefix="lacuna-completions.") as base:
            completions = Completions(program, os.path.realpath(base))
            failed = completions.check(shell, CASES, {})
            failed += completions.check(shell, ENVIRONMENT_CASES, {"LACUNA_CONFIG": "other.yaml"})
        count = len(CASES) + len(ENVIRONMENT_CASES)
        print(f"completions in {shell}: {count} lines, {len(failed)} failures", flush=True)
        failures += failed
    for failure in failures:
        print(failure, file=sys.stderr)
    sys.exit(1 if failures else 0)


main()
