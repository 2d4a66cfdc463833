"""Does everything hold while processes are killed at random, for as long as you like?

    python -m benchmarks.soak [--minutes 5] [--hosts 2] [--seed 1] [--directory DIR]

Hosts run a mixed load on one log; each is killed with SIGKILL again and again, and
started anew. Then what is left is finished undisturbed, and the log is compared with a
ledger that activities, users and senders of signals wrote beside it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from attrs import define, field

from actorflow.log.sqlite import SQLiteLog
from benchmarks.soak.check import Check
from benchmarks.soak.ledger import Ledger
from benchmarks.soak.load import SIGNALS
from benchmarks.soak.report import draw, table, write_json

CLIENTS = 6
LOOK = 0.05
SHORTEST, LONGEST = 0.3, 4.0
"""Seconds that a host lives."""
DRAIN = 300.0


@define(eq=False)
class Host:
    """A process that hosts, and when it is to be killed."""

    name: str
    process: subprocess.Popen[bytes]
    until: float


@define(eq=False)
class Soak:
    """Hosts, whoever kills them, and whoever sends them signals."""

    directory: Path
    chance: Random
    seed: int
    ledger: Ledger = field(init=False)
    log: SQLiteLog = field(init=False)
    kills: int = 0
    hosts: list[Host] = field(factory=list)
    _sent: set[str] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        self.ledger = Ledger(self.directory / "ledger", "driver")
        self.log = SQLiteLog(self.directory / "log.db", owner_label="soak driver")

    def run(self, seconds: float, hosts: int) -> None:
        """Let it go on for that long, then let what was begun be finished."""
        end = time.monotonic() + seconds
        for _ in range(hosts):
            self._start(CLIENTS)
        while time.monotonic() < end:
            time.sleep(LOOK)
            self._tend()
            for host in list(self.hosts):
                if time.monotonic() > host.until:
                    self._kill(host)
                    self._start(CLIENTS)
        for host in list(self.hosts):
            self._kill(host)
        self._drain()

    def _drain(self) -> None:
        last = self._start(0)
        end = time.monotonic() + DRAIN
        while last.process.poll() is None and time.monotonic() < end:
            time.sleep(LOOK)
            self._tend()
        if last.process.poll() is None:
            self._kill(last)
        self.log.close()

    def _start(self, clients: int) -> Host:
        name = f"{self.kills + len(self.hosts)}"
        words = (str(self.directory), name, str(clients), str(self.seed))
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "benchmarks.soak.host", *words]
        )
        life = self.chance.uniform(SHORTEST, LONGEST)
        host = Host(name, process, time.monotonic() + life)
        self.hosts.append(host)
        return host

    def _kill(self, host: Host) -> None:
        self.ledger.note("kill", who=host.name)  # before: others take over at once
        host.process.kill()
        host.process.wait()
        self.hosts.remove(host)
        self.kills += 1

    def _tend(self) -> None:
        """Send signals to who waits for them; pause and resume some of the others."""
        self.log.renew()
        rows = self.log.rows("execution", status=("running", "suspended"), limit=200)
        for row in rows:
            if row.name in self._sent:
                continue
            self._sent.add(row.name)
            if row.type == "signals":
                for n in range(1, SIGNALS + 1):
                    data = {"topic": "mail", "payload": n, "key": str(n)}
                    self.log.post("execution", row.name, "signal", data, key=str(n))
                    self.ledger.note("signal", row.name, "", 0, n)
            elif self.chance.random() < 0.05:
                for command in ("pause", "resume"):
                    self.log.post("execution", row.name, command, {})


def main() -> int:
    """Soak, check and report; return 1 if anything did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="keep the log and ledger here")
    parser.add_argument("--report", type=Path, help="write report.json and .svg here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        directory = options.directory or Path(scratch)
        directory.mkdir(parents=True, exist_ok=True)
        soak = Soak(directory, Random(options.seed), options.seed)
        soak.run(options.minutes * 60, options.hosts)
        check = Check(directory, soak.kills)
        check.run()
    print(table(check))
    if options.report is not None:
        options.report.mkdir(parents=True, exist_ok=True)
        write_json(check, options.report / "soak.json")
        draw(check, options.report / "soak.svg")
    return 1 if check.broken else 0


if __name__ == "__main__":
    sys.exit(main())
