"""Workers as processes of their own: several on one file, killed, and stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import actorflow as af
from actorflow.log.sqlite import SQLiteLog
from actorflow.model import events as ev

pytestmark = pytest.mark.acceptance

FLOWS = Path(__file__).with_name("flows.py")
Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(name="db")
def _db(tmp_path: Path) -> Path:
    """Have a log."""
    path = tmp_path / "log.db"
    SQLiteLog(path).close()
    return path


@pytest.fixture(name="spawn")
def _spawn(db: Path) -> Iterator[Spawn]:
    """Start workers, which say when they are ready; let none outlive the test."""
    started = []

    def spawn(*options: str) -> subprocess.Popen[str]:
        words = (sys.executable, "-m", "actorflow", "worker", str(FLOWS))
        process = subprocess.Popen(
            [*words, "--db", str(db), "--durability", "process", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield spawn
    for process in started:
        process.kill()
        process.communicate()


def told(process: subprocess.Popen[str], text: str) -> None:
    """Wait until a worker has written a line with *text*."""
    assert process.stdout is not None
    assert any(text in line for line in process.stdout)


def ready(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    """Wait until a worker takes from the queue."""
    assert process.stderr is not None
    assert "at once of" in process.stderr.readline()
    return process


def kinds(rt: af.Runtime, execution_id: str) -> list[type]:
    """Return the classes of the events of an execution."""
    return [type(each.event) for each in rt.history(execution_id)]


def test_killed_among_others(db: Path, spawn: Spawn, tmp_path: Path) -> None:
    """What a killed worker was running, another one finishes; each is started once."""
    with af.Runtime(db, durability="process") as client:
        for n in range(8):
            client.submit("holding", directory=str(tmp_path), n=n, execution_id=str(n))
        workers = [ready(spawn("--concurrency", "4")) for _ in range(2)]
        for each in workers:
            told(each, "running")
        workers[0].send_signal(signal.SIGKILL)
        workers[0].wait()
        (tmp_path / "go").touch()
        results = [client.get(str(n)).result(timeout=30) for n in range(8)]
        started = [kinds(client, str(n)).count(ev.ExecutionStarted) for n in range(8)]

    assert results == list(range(8))
    assert started == [1] * 8


def test_stopped_in_good_order(db: Path, spawn: Spawn, tmp_path: Path) -> None:
    """SIGTERM leaves what runs for the next worker, and marks nothing as failed."""
    with af.Runtime(db, durability="process") as client:
        run = client.submit("holding", directory=str(tmp_path), n=1)
        first = ready(spawn("--grace", "0"))
        told(first, "running")
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=30) == 0
        assert run.status == "running"
        (tmp_path / "go").touch()
        spawn()

        assert run.result(timeout=30) == 1
        assert ev.ExecutionReleased in kinds(client, run.id)
        assert ev.ExecutionRecovered not in kinds(client, run.id)


def test_woken_without_user_code(db: Path, spawn: Spawn) -> None:
    """A sleeper is woken by its clock and by a signal, though nobody waits for it."""
    ready(spawn())
    with af.Runtime(db, durability="process") as client:
        run = client.submit("later", name="Ada")
        client.signal(run.id, "go")

        assert run.result(timeout=30) == "hello Ada"
