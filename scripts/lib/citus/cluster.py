"""A coordinator and two workers of Citus, and the program that works on them."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SETTINGS = {
    "shared_preload_libraries": "citus", "listen_addresses": "localhost", "max_connections": "300",
    "max_prepared_transactions": "300", "fsync": "off", "wal_level": "logical", "timezone": "UTC",
    "citus.node_conninfo": "sslmode=prefer", "citus.recover_2pc_interval": "2s", "log_min_messages": "warning",
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


class Node:
    """One server."""

    def __init__(self, installation, folder, name):
        self.bin = os.path.join(installation, "bin")
        self.data = os.path.join(folder, name)
        self.log = os.path.join(folder, name + ".log")
        self.port = free_port()
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            for key, value in {**SETTINGS, "port": self.port, "unix_socket_directories": folder}.items():
                file.write(f"{key} = '{value}'\n")
        self.start()

    def run(self, program, *arguments, check=True):
        # PostgreSQL refuses to run as root.
        user = {"user": "postgres", "group": pwd.getpwnam("postgres").pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
        with open(self.log, "a", encoding="utf-8") as log:
            done = subprocess.run([os.path.join(self.bin, program), *arguments], stdout=log, stderr=log, check=False, **user)
        if check and done.returncode:
            raise SystemExit(f"{program} failed: see {self.log}")
        return done.returncode

    def start(self):
        self.run("pg_ctl", "-D", self.data, "-l", self.data + ".server.log", "-w", "-t", "120", "start")

    def crash(self):
        """Ends the server as a crash does. What was committed is recovered at the next start."""
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop", check=False)

    def kill_backend(self, condition):
        """Kills a backend, which makes the server end all others and recover."""
        found = self.sql(f"SELECT pid FROM pg_stat_activity WHERE {condition} LIMIT 1", check=False)
        if found.isdigit():
            try:
                os.kill(int(found), signal.SIGKILL)
                return True
            except ProcessLookupError:
                pass
        return False

    def sql(self, text, check=True, database="postgres"):
        """The answer of psql, without frills."""
        done = subprocess.run(
            [os.path.join(self.bin, "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "localhost", "-p", str(self.port), "-U",
             "postgres", "-d", database, "-f", "-"],
            input=text, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"{text.strip()[:200]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def wait(self):
        """Waits until the server answers."""
        while self.sql("SELECT 1", check=False) != "1":
            time.sleep(0.1)


class Cluster:
    """Three servers, and a folder for configs."""

    def __init__(self, installation, program):
        self.program = program
        # Not below a folder of root's: the servers run as somebody else.
        self.folder = tempfile.mkdtemp(prefix="lacuna-citus-")
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
            os.chmod(self.folder, 0o755)
        self.coordinator, *self.workers = [
            Node(installation, self.folder, name) for name in ("coordinator", "worker-1", "worker-2")]
        for node in self.nodes:
            node.sql("CREATE EXTENSION citus")
        self.sql(f"SELECT citus_set_coordinator_host('localhost', {self.coordinator.port})")
        for worker in self.workers:
            self.sql(f"SELECT citus_add_node('localhost', {worker.port})")
        self.work = tempfile.mkdtemp(prefix="lacuna-citus-work-")

    @property
    def nodes(self):
        return [self.coordinator, *self.workers]

    def sql(self, text, check=True):
        return self.coordinator.sql(text, check)

    def address(self, node=None):
        return f"host=localhost port={(node or self.coordinator).port} user=postgres dbname=postgres"

    def lacuna(self, *arguments, node=None, start=False, environment=None):
        """Runs the program, or starts it."""
        command = [self.program, *arguments, "--no-progress"]
        options = {
            "cwd": self.work, "env": {**os.environ, "DATABASE_URL": self.address(node), "NO_COLOR": "1", **(environment or {})},
            "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
        }
        return subprocess.Popen(command, **options) if start else subprocess.run(command, check=False, **options)

    def recovered(self):
        """Waits until every node answers and no transaction is prepared any more."""
        for node in self.nodes:
            node.wait()
        for _ in range(1200):
            self.sql("SELECT recover_prepared_transactions()", check=False)
            left = [node.sql("SELECT count(*) FROM pg_prepared_xacts", check=False) for node in self.nodes]
            if left == ["0"] * len(self.nodes):
                return
            time.sleep(0.1)
        raise AssertionError(f"prepared transactions are left: {left}")

    def close(self):
        for node in self.nodes:
            node.run("pg_ctl", "-D", node.data, "-m", "immediate", "-w", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.work, ignore_errors=True)
