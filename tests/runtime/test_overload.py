"""More work than there are hands for: it waits where it is safe, and in its order."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.log.port import InboxRow, Write
from actorflow.log.sqlite import SQLiteLog
from actorflow.model.events import SignalReceived
from actorflow.runtime.inbox import PAGE
from tests.overload import LOADS, carried

FLOOD = 8 * PAGE
CROWD = 200


class CountingLog(SQLiteLog):
    """Counts the commands that were taken out of the inbox and are not durable yet."""

    on_the_way = most = taken = 0

    def inbox(
        self, *, after: int = 0, limit: int = 1000, everyone: bool = False
    ) -> list[InboxRow]:
        """Count what is handed out for the first time."""
        rows = super().inbox(after=after, limit=limit, everyone=everyone)
        new = [row for row in rows if row.id > self.taken]
        self.taken = max([self.taken, *(row.id for row in new)])
        self.on_the_way += len(new)
        self.most = max(self.most, self.on_the_way)
        return rows

    def write(self, batch: Sequence[Write]) -> None:
        """Count what is durable."""
        super().write(batch)
        self.on_the_way -= sum(len(write.consumed) for write in batch)


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


def test_a_flood_of_signals_waits_in_the_log(path: Path) -> None:
    """Signals of other processes are taken in a page at a time, all, and in order."""
    flow = af.Flow("flood").wait_signal("end").build()
    with af.Runtime(path, definitions=[flow]) as rt:
        rt.start(flow, execution_id="e").wait(timeout=10)
    post = "INSERT INTO inbox (stream, command, data, posted_at) VALUES (1, ?, ?, 0)"
    flood = [f'{{"topic": "drop", "payload": {n}}}' for n in range(FLOOD)]
    with closing(sqlite3.connect(path)) as raw, raw:
        rows = [("signal", each) for each in [*flood, '{"topic": "end"}']]
        raw.executemany(post, rows)
    log = CountingLog(path)
    with af.Runtime(log, definitions=[flow]) as rt:
        rt.get("e").result(timeout=30)
        received = [
            each.event.payload
            for each in rt.history("e")
            if isinstance(each.event, SignalReceived)
        ]

    assert received[:-1] == [*range(FLOOD)]
    assert log.most <= 3 * PAGE
    assert log.on_the_way == 0


def test_commands_for_others_hold_up_nobody(path: Path) -> None:
    """Commands for executions that cannot be run here do not hide those that can."""
    ours = af.Flow("ours").wait_signal("go").build()
    theirs = af.Flow("theirs").wait_signal("go").build()
    with af.Runtime(path, definitions=[ours, theirs]) as rt:
        rt.start(theirs, execution_id="t").wait(timeout=10)
        rt.start(ours, execution_id="o").wait(timeout=10)
    post = "INSERT INTO inbox (stream, command, data, posted_at) VALUES (?, ?, ?, 0)"
    with closing(sqlite3.connect(path)) as raw, raw:
        rows = [(stream, "signal", '{"topic": "go"}') for stream in [1] * FLOOD + [2]]
        raw.executemany(post, rows)

    with af.Runtime(path, definitions=[ours]) as rt:
        rt.get("o").result(timeout=30)


def test_the_oldest_work_is_served_first(path: Path) -> None:
    """One thread for many executions: activities run in the order of their starts."""
    gate, order = threading.Event(), []

    def work(n: int) -> None:
        gate.wait(30)
        order.append(n)

    flow = af.Flow("work", inputs=["n"]).then(work).build()
    with af.Runtime(path, definitions=[flow], threads=1) as rt:
        runs = [rt.start(flow, n=n) for n in range(CROWD)]
        gate.set()
        for run in runs:
            run.result(timeout=30)

    assert order == [*range(CROWD)]


def test_slow_activities_take_no_more_threads(path: Path) -> None:
    """However much waits for slow activities, no more of them run than there may."""
    lock, running, most = threading.Lock(), 0, 0
    full, gate = threading.Barrier(4), threading.Event()

    def slow(n: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if n < full.parties:  # the first ones wait for each other, the rest for them
            full.wait(30)
            gate.set()
        gate.wait(30)
        with lock:
            running -= 1

    flow = af.Flow("slow", inputs=["n"]).then(slow).build()
    with af.Runtime(path, definitions=[flow], threads=4) as rt:
        runs = [rt.start(flow, n=n) for n in range(CROWD)]
        for run in runs:
            run.result(timeout=30)

    assert most == 4


def test_what_rests_leaves_memory(path: Path) -> None:
    """Of many executions that wait, no more than were asked for stay in memory."""
    flow = af.Flow("rest", inputs=["n"]).wait_signal("go").build()
    with af.Runtime(path, definitions=[flow], max_resting=10) as rt:
        runs = [rt.start(flow, n=n) for n in range(CROWD)]
        for run in runs:
            run.wait(timeout=30)
        rt._writer.flush(30)
        resting = rt.list(status="suspended", limit=CROWD)
        in_memory: list[Any] = [row for row in resting if row.owner is not None]

        assert len(resting) == CROWD
        assert len(in_memory) <= 11


@pytest.mark.parametrize("load", LOADS)
def test_a_load_takes_little_memory(load: str) -> None:
    """What waits is in the log, not in memory; `make overload` carries 100,000."""
    took = carried(load, 100)

    assert took["peak_mb"] < took["before_mb"] + 20
