"""Logs of every format version are read, replayed and gone on with, for ever."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.actors.clock import VirtualClock
from actorflow.log.codec import Codec
from actorflow.log.memory import MemoryLog
from actorflow.log.port import Stream, Summary, Write
from actorflow.log.schema import VERSION
from actorflow.log.sqlite import SQLiteLog
from actorflow.model.events import Recorded
from actorflow.model.fold import apply
from actorflow.model.state import ExecutionState
from actorflow.model.turns import whole
from actorflow.testing import Replayer, runtime
from tests.histories.definitions import RUNS
from tests.histories.playing import ending, finish

HERE = Path(__file__).parent
VERSIONS = sorted(int(path.stem) for path in HERE.glob("*.sql"))
EACH = [(version, name) for version in VERSIONS for name in RUNS]
SUFFIXES = ("", "-open")


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The logs of all versions, as files."""
    folder = tmp_path_factory.mktemp("histories")
    for version in VERSIONS:
        with closing(sqlite3.connect(folder / f"{version}.db")) as connection:
            connection.executescript((HERE / f"{version}.sql").read_text("utf-8"))
    return {version: folder / f"{version}.db" for version in VERSIONS}


@contextmanager
def opened(path: Path) -> Iterator[SQLiteLog]:
    """Open a log, which brings it up to date."""
    clock = VirtualClock(1_800_000_000.0)
    with SQLiteLog(path, codec=Codec(), clock=clock.time) as log:
        yield log


def end_of(version: int, name: str) -> list[Any]:
    """Return how an execution ended when its log was written."""
    text = (HERE / f"{version}.json").read_text(encoding="utf-8")
    ends: dict[str, list[Any]] = json.loads(text)
    return ends[name]


def summary_of(past: list[Recorded], fingerprint: str | None) -> Summary:
    """Return what a process would have kept beside these events."""
    state = ExecutionState()
    for recorded in past:
        apply(state, recorded)
    rests = state.status in ("suspended", "paused")
    wake_at = state.wake_at if rests else None
    return Summary(state.status, wake_at, fingerprint=fingerprint)


def test_this_version_has_its_log() -> None:
    """When the format changes, `python -m tests.histories.record` writes another."""
    assert VERSION in VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_log_is_sound(version: int, logs: dict[int, Path]) -> None:
    """After it was brought up to date, there is nothing for the doctor to say."""
    with opened(logs[version]) as log:
        assert list(log.diagnose()) == []


@pytest.mark.parametrize(("version", "name"), EACH)
def test_an_old_history_replays(version: int, name: str, logs: dict[int, Path]) -> None:
    """Today's code leads to every event that was recorded."""
    with opened(logs[version]) as log:
        assert Replayer(log).check(RUNS[name].definition) == len(SUFFIXES)


@pytest.mark.parametrize(("version", "name"), EACH)
def test_an_old_execution_goes_on_from_any_event(
    version: int, name: str, logs: dict[int, Path]
) -> None:
    """Wherever a process of that time had stopped, today's comes to the same end."""
    run = RUNS[name]
    with opened(logs[version]) as old:
        row = old.find("execution", name)
        assert row is not None
        events = list(old.read(row.id))
    for at in range(1, len(events) + 1):
        past = whole(events, at)
        stream = Stream("execution", name, row.type, head=past[-1].seq)
        clock = VirtualClock(past[-1].time)
        log = MemoryLog(clock=clock.time)
        if past[-1].seq == len(events):
            return
        summary = summary_of(past, row.fingerprint)
        log.write([Write(stream, past, summary=summary, create=True, release=True)])
        with runtime(run.definition, log=log, clock=clock) as rt:
            result = finish(rt.get(name), run)

            assert ending(result) == end_of(version, name), at


@pytest.mark.parametrize(("version", "name"), EACH)
def test_an_open_execution_of_an_old_log_comes_to_its_end(
    version: int, name: str, logs: dict[int, Path]
) -> None:
    """In the file itself, which was left by a process of that time."""
    run = RUNS[name]
    clock = VirtualClock(1_700_010_000.0)
    with (
        SQLiteLog(logs[version], codec=Codec(), clock=clock.time) as log,
        runtime(run.definition, log=log, clock=clock) as rt,
    ):
        result = finish(rt.get(f"{name}-open"), run)

    assert result.status in (end_of(version, name)[0], "failed")
    assert isinstance(result, af.ExecutionResult)
