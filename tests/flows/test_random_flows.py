"""Flows of any shape compute what plain Python would, whenever the process dies.

A shape is a function from a number to a number. It is worked out twice: by plain
recursion, and as a flow of activities, waits and blocks, in a simulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

import actorflow as af
from actorflow.log.memory_store import MemoryStore
from actorflow.testing import Crash, CrashingLog, Simulation, VirtualClock, runtime
from tests.programs.shapes import BadNumber, Done, Shape
from tests.programs.strategies import ALWAYS_THE_SAME, shapes


def expected_of(shape: Shape, x: int) -> tuple[str, Any]:
    """Return status and value or reason, as plain Python has it."""
    try:
        return "completed", shape.value(x, [])
    except BadNumber as error:
        return "failed", str(error)


@given(
    shape=shapes(*ALWAYS_THE_SAME, "fail_fast", leaves=5),
    x=st.integers(0, 9),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_a_flow_of_any_shape_computes_what_python_would(
    shape: Shape, x: int, seed: int
) -> None:
    """Value or failure, in whatever order things happen."""
    end = Simulation(shape.flow(count()), inputs={"x": x}, seed=seed).run()
    status, result = expected_of(shape, x)

    assert end.status == status
    if status == "completed":
        assert end.output == result
    elif "fail_fast" not in repr(shape):
        assert result in (end.error or "")


@given(
    shape=shapes(*ALWAYS_THE_SAME, leaves=3),
    x=st.integers(0, 9),
    seed=st.integers(0, 99),
)
@settings(max_examples=12)
def test_a_flow_of_any_shape_survives_every_crash(
    shape: Shape, x: int, seed: int
) -> None:
    """And ends as it would have ended."""
    simulation = Simulation(shape.flow(count()), inputs={"x": x}, seed=seed)

    assert simulation.crash_everywhere().end.status == expected_of(shape, x)[0]


# --- turbulence ----------------------------------------------------------------------


@attrs.frozen
class Heal(Shape):
    """Fail for odd numbers, until that is mended."""

    def value(self, x: int, done: Done) -> int:
        """Return the number: it is mended some time."""
        return x

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run one activity."""
        return flow.then(af.activity(name="heal")(self.work), into="r")

    def work(self, x: int) -> int:
        """Fail, or return the number."""
        if x % 2 and not MENDED:
            raise BadNumber(f"cannot have {x} yet")
        return x


MENDED: list[bool] = []


class Storm:
    """Runs a flow while processes die, and people pause, resume and retry."""

    def __init__(self, flow: af.Flow, x: int, random: Random) -> None:
        self._flow, self._x, self._random = flow, x, random
        self._store, self._clock = MemoryStore(), VirtualClock()
        self._lives = 0
        MENDED.clear()

    def output(self) -> Any:
        """Live as often as it takes; return the output."""
        while self._lives < 60:
            log = self._log(self._random.choice([None, 1, 2, 3, 5]))
            try:
                if self._live(log):
                    break
            except Crash:
                log.abandon()
        MENDED.append(True)
        return self._calm()

    def _log(self, at: int | None) -> CrashingLog:
        self._lives += 1
        after = self._random.random() < 0.5
        clock = self._clock.time
        return CrashingLog(at=at, after=after, store=self._store, clock=clock)

    def _live(self, log: CrashingLog) -> bool:
        """Be a process for a while; return whether the execution has completed."""
        seed = self._random.randrange(100)
        with runtime(self._flow, log=log, clock=self._clock, seed=seed) as rt:
            run = rt.start(self._flow, execution_id="x", x=self._x)
            while run.status != "completed" and self._random.random() < 0.9:
                with suppress(af.ExecutionEndedError):
                    self._act(rt, run)
            return run.status == "completed"

    def _act(self, rt: af.Runtime, run: af.ExecutionHandle) -> None:
        if run.status == "failed":
            if self._random.random() < 0.7:
                MENDED.append(True)
            rt.retry("x")
            return
        what = self._random.choice(["pause", "resume", "time", "time", "wait"])
        if what == "pause":
            rt.pause("x")
        elif what == "resume":
            rt.resume("x")
        elif what == "time":
            rt.clock.advance(self._random.choice([0.1, 1, 30, 100]))
        else:
            run.wait()

    def _calm(self) -> Any:
        """Let it come to its end."""
        with runtime(self._flow, log=self._log(None), clock=self._clock) as rt:
            run = rt.start(self._flow, execution_id="x", x=self._x)
            while True:
                result = run.wait()
                if result.status == "failed":
                    rt.retry("x")
                elif result.status == "paused":
                    rt.resume("x")
                else:
                    return run.result()


@given(
    shape=shapes("wait", "fail_fast", leaves=5, failing=st.builds(Heal)),
    x=st.integers(0, 9),
    random=st.randoms(use_true_random=False),
)
@settings(max_examples=25)
def test_a_flow_of_any_shape_weathers_a_storm(
    shape: Shape, x: int, random: Random
) -> None:
    """Pauses, retries, restarts and deaths in any order change nothing of its value."""
    assert Storm(shape.flow(count()), x, random).output() == shape.value(x, [])
