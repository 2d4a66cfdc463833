"""Several processes on one file: real ones, that are really killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actorflow.errors import OwnedError
from actorflow.log.sqlite import SQLiteLog

pytestmark = pytest.mark.acceptance

PREAMBLE = """
import os, signal, sys
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing.log_contract import create, created, done, hold, write
path = sys.argv[1]
"""
OWN_ONE = """
log = SQLiteLog(path, lease=1000.0)
created(log)
print("ready", flush=True)
sys.stdin.readline()
"""
OWN_ONE_AND_FORK = """
log = SQLiteLog(path, lease=1000.0)
created(log)
if os.fork() == 0:
    print(os.getpid(), flush=True)
    signal.pause()
sys.stdin.readline()
"""
OPEN_AT_ONCE = """
print("ready", flush=True)
sys.stdin.readline()
with SQLiteLog(path) as log:
    print(created(log, sys.argv[2]).lost, flush=True)
"""
WRITE_FOR_EVER = """
log = SQLiteLog(path)
streams = [created(log, f"{os.getpid()}-{n}") for n in range(3)]
while True:
    log.write([write(stream, *map(done, range(10))) for stream in streams])
    print(os.getpid(), streams[0].head, flush=True)
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "log.db"


@pytest.fixture
def start(path: Path) -> Iterator[Start]:
    """Start processes, and end those that are left."""
    running: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PREAMBLE + script, str(path), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    """Wait for the next line that *process* prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    """Let *process* go on from where it waits."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_killed_process_is_replaced_at_once(path: Path, start: Start) -> None:
    """SIGKILL frees what a process held, however long its lease."""
    process = start(OWN_ONE)
    assert said(process) == "ready"
    with SQLiteLog(path) as log:
        with pytest.raises(OwnedError):
            log.claim("execution", "one")
        process.kill()
        process.wait()

        assert log.claim("execution", "one").epoch > 1


def test_stopped_process_keeps_what_it_holds(path: Path, start: Start) -> None:
    """A process that is stopped is not dead until its lease has run out."""
    process = start(OWN_ONE)
    assert said(process) == "ready"
    os.kill(process.pid, signal.SIGSTOP)

    with SQLiteLog(path) as log, pytest.raises(OwnedError):
        log.claim("execution", "one")


def test_forked_child_does_not_keep_it(path: Path, start: Start) -> None:
    """A child that outlives its parent does not hold the parent's streams."""
    process = start(OWN_ONE_AND_FORK)
    child = int(said(process))
    process.kill()
    process.wait()

    try:
        with SQLiteLog(path) as log:
            assert log.claim("execution", "one").epoch > 1
    finally:
        os.kill(child, signal.SIGKILL)


def test_opening_a_new_file_at_once(path: Path, start: Start) -> None:
    """Processes that find no file all make one, and it is the same."""
    processes = [start(OPEN_AT_ONCE, f"s{n}") for n in range(4)]
    assert [said(each) for each in processes] == ["ready"] * 4
    for each in processes:
        go_on(each)

    assert [said(each) for each in processes] == ["None"] * 4
    with SQLiteLog(path) as log:
        assert len(log.rows("execution")) == 4
        assert list(log.diagnose()) == []


def test_killed_writer_loses_nothing_it_told(path: Path, start: Start) -> None:
    """What was durable when the process was killed is there; no batch is torn."""
    for told in (1, 5, 20):
        process = start(WRITE_FOR_EVER)
        lines = [said(process) for _ in range(told)]
        process.kill()
        process.wait()
        pid, head = lines[-1].split()

        with SQLiteLog(path) as log:
            rows = [log.find("execution", f"{pid}-{n}") for n in range(3)]
            heads = {row.head for row in rows if row is not None}
            (recovered,) = heads
            assert recovered >= int(head)
            assert recovered % 10 == 1
            assert [f for f in log.diagnose() if f.severity != "note"] == []
