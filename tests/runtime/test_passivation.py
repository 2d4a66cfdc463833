"""A resting execution costs no memory, and is there when it is needed."""

from __future__ import annotations

from typing import Any

import pytest

import actorflow as af
from actorflow.actors.clock import VirtualClock
from actorflow.log.memory import MemoryLog
from actorflow.testing import runtime

WAITING = (
    af.Flow("waiting", inputs=["n"]).wait_signal("go", into="got").output("got").build()
)
SLEEPING = af.Flow("sleeping").sleep("1d").build()


def in_memory(rt: af.Runtime) -> set[str]:
    """Return the ids of the executions that are in memory."""
    directory: Any = rt._directory.actor
    return set(directory._runs)


def test_an_ended_execution_leaves_memory() -> None:
    """Nothing of it is kept."""
    with runtime(WAITING) as rt:
        run = rt.start(WAITING, n=1, execution_id="a")
        run.signal("go")
        run.result()
        rt.clock.advance(0)

        assert in_memory(rt) == set()


def test_a_resting_execution_leaves_memory_after_a_while() -> None:
    """`passivate_after` seconds of rest are enough."""
    with runtime(WAITING, passivate_after=30) as rt:
        rt.start(WAITING, n=1, execution_id="a").wait()
        rt.clock.advance(20)
        before = in_memory(rt)
        rt.clock.advance(40)

        assert (before, in_memory(rt)) == ({"a"}, set())


def test_a_signal_brings_it_back() -> None:
    """Whoever signals does not notice that it was away."""
    with runtime(WAITING, passivate_after=30) as rt:
        run = rt.start(WAITING, n=1, execution_id="a")
        run.wait()
        rt.clock.advance(100)
        run.signal("go", "there")

        assert run.result() == "there"


def test_its_time_brings_it_back() -> None:
    """A sleep ends on time although nobody was in memory to wait for it."""
    with runtime(SLEEPING, passivate_after=30) as rt:
        run = rt.start(SLEEPING, execution_id="a")
        run.wait()
        rt.clock.advance(100)
        away = in_memory(rt)
        rt.clock.advance(86_400)

        assert (away, run.status) == (set(), "completed")


def test_only_so_many_rest_in_memory() -> None:
    """Beyond `max_resting` the one that rests longest leaves."""
    with runtime(WAITING, max_resting=2) as rt:
        for n in range(4):
            rt.start(WAITING, n=n, execution_id=f"e{n}").wait()
            rt.clock.advance(0)

        assert in_memory(rt) == {"e2", "e3"}


def test_opening_loads_nothing_that_rests() -> None:
    """A log full of suspended executions opens without replaying them."""
    clock = VirtualClock()
    with runtime(WAITING, clock=clock) as rt:
        for n in range(20):
            rt.start(WAITING, n=n, execution_id=f"e{n}").wait()
        store = rt.log.store  # type: ignore[attr-defined]
    log = MemoryLog(store=store, clock=clock.time)
    with runtime(WAITING, clock=clock, log=log) as rt:
        assert in_memory(rt) == set()


def test_a_sleeper_whose_time_came_while_nobody_ran_is_awaited() -> None:
    """`wait` does not call an execution suspended that is about to be woken."""
    clock = VirtualClock()
    with runtime(SLEEPING, clock=clock) as rt:
        rt.start(SLEEPING, execution_id="a").wait()
        store = rt.log.store  # type: ignore[attr-defined]
    clock.move(86_400)
    log = MemoryLog(store=store, clock=clock.time)
    with runtime(SLEEPING, clock=clock, log=log) as rt:
        assert rt.get("a").wait().status == "completed"


def test_an_ended_execution_leaves_again_when_a_command_was_refused() -> None:
    """It is looked at to refuse the command, and is not kept for that."""
    flow = af.Flow("f").wait_signal("go")
    with runtime(flow) as rt:
        done, gone = rt.start(flow), rt.start(flow)
        done.signal("go")
        gone.cancel()
        done.result()
        with pytest.raises(af.ExecutionError):
            done.retry()
        gone.cancel()
        rt.clock.advance(1)

        assert in_memory(rt) == set()
