"""Processes that share a log: one starts, one owns, one that was replaced is out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import actorflow as af
from actorflow.errors import FencedError, StreamExistsError
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing.log_contract import Ticker, created, done, hold, seqs, write
from tests.acceptance.together import ID, MANY, Later, Stage

pytestmark = pytest.mark.acceptance

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "log.db")


@pytest.fixture(name="start")
def _start(stage: Stage) -> Iterator[Start]:
    """Start a process in a role; all are ended afterwards."""
    running: list[subprocess.Popen[str]] = []

    def start(role: str) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "tests.acceptance.together", role]
        running.append(
            subprocess.Popen(
                [*words, str(stage.db)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    """Wait for the next line that *process* prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def stopped(process: subprocess.Popen[str]) -> None:
    """Stop *process*, and wait until it has stopped."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


def test_one_of_many_starts(stage: Stage, start: Start) -> None:
    """Of twenty processes that start one id at once, one does; all get its result."""
    codes = said(start("crowd"))

    assert Counter(numbers(codes)) == {0: 1, 1: MANY - 1}
    assert len(stage.diary) == 1
    with SQLiteLog(stage.db, read_only=True) as log:
        assert [row.name for row in log.rows("execution")] == [ID]
        assert list(log.diagnose()) == []


def numbers(text: str) -> list[int]:
    """Return the numbers of a printed list."""
    return [int(each) for each in text.strip("[]").split(",")]


def test_woken_sleeper_cannot_write(stage: Stage, start: Start) -> None:
    """A process that was stopped, and replaced, adds nothing when it wakes.

    What it was doing is done again, under the same idempotency key, and both processes
    have the same result in the end.
    """
    sleeper = start("sleeper")
    assert said(sleeper) == "working"
    stopped(sleeper)
    with af.Runtime(stage.db, definitions=[stage.workflow()], clock=Later()) as rt:
        assert rt.get(ID).result(timeout=50) == "done"
        events = [*rt.history(ID)]
    sleeper.send_signal(signal.SIGCONT)
    out, _ = sleeper.communicate("go on\n", timeout=50)

    assert out == "done\n"
    assert len(stage.diary) == 2
    assert len(set(stage.diary)) == 1
    with SQLiteLog(stage.db, read_only=True) as log:
        (row,) = log.rows("execution")
        assert [*log.read(row.id)] == events
        assert list(log.diagnose()) == []


def test_killed_process_is_followed(stage: Stage, start: Start) -> None:
    """What a killed process was doing goes on in the next one, lease or no lease."""
    process = start("sleeper")
    assert said(process) == "working"
    process.kill()
    process.wait()

    with af.Runtime(stage.db, definitions=[stage.workflow()]) as rt:
        assert rt.get(ID).result(timeout=50) == "done"
    assert len(set(stage.diary)) == 1


class TestFencing:
    """The epoch alone decides who may write; clocks and locks only say who may try."""

    @pytest.fixture(name="clock")
    def _clock(self) -> Ticker:
        return Ticker()

    @pytest.fixture(name="stale")
    def _stale(self, stage: Stage, clock: Ticker) -> Iterator[SQLiteLog]:
        log = SQLiteLog(stage.db, lease=10.0, clock=clock)
        yield log
        log.abandon()

    def test_every_write_of_a_batch_is_weighed(
        self, stage: Stage, clock: Ticker, stale: SQLiteLog
    ) -> None:
        """One batch may hold a stream that was taken away and one that was not."""
        lost, kept = created(stale, "lost"), created(stale, "kept")
        clock.advance(11)
        with SQLiteLog(stage.db, lease=10.0, clock=clock) as other:
            other.claim("execution", "lost")
            batch = [write(lost, done()), write(kept, done())]
            stale.write(batch)

            assert isinstance(batch[0].error, FencedError)
            assert batch[1].error is None
            assert (seqs(other, lost), seqs(other, kept)) == ([1], [1, 2])

    def test_back_in_time(self, stage: Stage, clock: Ticker, stale: SQLiteLog) -> None:
        """An owner that renews too late is one again; what was taken stays taken."""
        stream = created(stale)
        clock.advance(11)
        with SQLiteLog(stage.db, lease=10.0, clock=clock) as other:
            mine = other.claim("execution", "one")
            stale.renew()
            stale.write([late := write(stream, done())])
            other.write([sound := write(mine, done())])

            assert isinstance(late.error, FencedError)
            assert sound.error is None

    def test_created_by_another(self, stage: Stage, stale: SQLiteLog) -> None:
        """Whoever creates a stream second is told, and has not touched it."""
        with SQLiteLog(stage.db) as other:
            stream = created(other)
            late = write(hold(), done(), create=True)
            stale.write([late])

            assert isinstance(late.error, StreamExistsError)
            assert seqs(other, stream) == [1]
