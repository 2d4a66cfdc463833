"""Flows of any shape compute what plain Python would, whenever the process dies.

A shape is a function from a number to a number. It is worked out twice: by plain
recursion, and as a flow of activities, waits and blocks, in a simulation.
"""

from __future__ import annotations

from abc import abstractmethod
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


class BadNumber(Exception):  # noqa: N818 - what a shape fails with
    """What a failing leaf raises."""


def total(values: list[int]) -> int:
    """Return the sum, kept small."""
    return sum(values) % 1_000


@attrs.frozen
class Shape:
    """A function from a number to a number."""

    @abstractmethod
    def value(self, x: int) -> int:
        """Work it out with plain Python."""

    @abstractmethod
    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Let *flow* have the value of its input ``x`` in its variable ``r``."""

    def flow(self, names: Iterator[int]) -> af.Flow:
        """Make a flow of it."""
        flow = af.Flow(f"{type(self).__name__.lower()}{next(names)}", inputs=["x"])
        return self.body(flow, names).output("r")


@attrs.frozen
class Add(Shape):
    """Add a number, at the *tries*-th try."""

    k: int
    tries: int

    def value(self, x: int) -> int:
        """Add."""
        return total([x, self.k])

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run one activity."""

        def add(x: int, ctx: af.ActivityContext) -> int:
            if ctx.attempt < self.tries:
                raise ConnectionError("not yet")
            return total([x, self.k])

        return flow.then(add, retry=af.Retry(max_attempts=3, initial=1), into="r")


@attrs.frozen
class Fail(Shape):
    """Fail for odd numbers."""

    k: int

    def value(self, x: int) -> int:
        """Fail, or return the number."""
        if x % 2:
            raise BadNumber(f"{self.k} cannot have {x}")
        return x

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run one activity."""
        return flow.then(af.activity(name="fail")(self.value), into="r")


@attrs.frozen
class Wait(Shape):
    """Wait for a while, and return the number."""

    seconds: int
    for_signal: bool

    def value(self, x: int) -> int:
        """Return the number."""
        return x

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Sleep, or wait for a signal that never comes."""
        if self.for_signal:
            keep = af.activity(name="keep")(lambda x: x)
            return flow.wait_signal(
                "never", timeout=self.seconds, on_timeout=keep, into="r"
            )
        return flow.sleep(self.seconds).then(
            total, input={"values": ["${x}"]}, into="r"
        )


@attrs.frozen
class Sequence(Shape):
    """One after the other."""

    parts: list[Shape]

    def value(self, x: int) -> int:
        """Pass the number on."""
        for part in self.parts:
            x = part.value(x)
        return x

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run flow after flow."""
        source = "${x}"
        for part in self.parts:
            flow.then(part.flow(names), input={"x": source}, into="r")
            source = "${r}"
        return flow


@attrs.frozen
class Parallel(Shape):
    """All at once; the sum of it."""

    parts: list[Shape]
    on_error: str
    limit: int | None

    def value(self, x: int) -> int:
        """Add up; go on after failures, or fail with the first."""
        return _sum_of([(part, x) for part in self.parts], self.on_error)

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run them as arms."""
        flow.parallel(
            "p",
            *[part.flow(names) for part in self.parts],
            max_concurrency=self.limit,
            on_error=self.on_error,
        )
        return flow.then(total, input=lambda s: _values(s["p"].values()), into="r")


@attrs.frozen
class Each(Shape):
    """The same for several numbers; the sum of it."""

    part: Shape
    size: int
    on_error: str
    limit: int | None

    def value(self, x: int) -> int:
        """Add up; go on after failures, or fail with the first."""
        items = [(self.part, x + n) for n in range(self.size)]
        return _sum_of(items, self.on_error)

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run it as the items of a map."""
        flow.map(
            "m",
            self.part.flow(names),
            over=lambda s: range(s["x"], s["x"] + self.size),
            max_concurrency=self.limit,
            on_error=self.on_error,
        )
        return flow.then(total, input=lambda s: _values(s["m"]), into="r")


@attrs.frozen
class Again(Shape):
    """The same again and again."""

    part: Shape
    times: int

    def value(self, x: int) -> int:
        """Pass the number on."""
        for _ in range(self.times):
            x = self.part.value(x)
        return x

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run it as the body of a loop."""
        until = f"iteration == {self.times}"
        return flow.loop("l", self.part.flow(names), until=until, input="x", into="r")


@attrs.frozen
class Choice(Shape):
    """One of several, by the number."""

    parts: list[Shape]

    def value(self, x: int) -> int:
        """Choose."""
        return self.parts[x % len(self.parts)].value(x)

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run them as the choices of a route."""
        choices = {str(n): part.flow(names) for n, part in enumerate(self.parts)}
        size = len(self.parts)
        flow.route(lambda s: str(s["x"] % size), choices)
        return flow.then(total, input={"values": ["${route.result}"]}, into="r")


@attrs.frozen
class Either(Shape):
    """One of two, by the number."""

    yes: Shape
    no: Shape

    def value(self, x: int) -> int:
        """Decide."""
        return self.yes.value(x) if x % 2 else self.no.value(x)

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run them as the arms of a block."""
        flow.when("x % 2").then(self.yes.flow(names), into="r")
        return flow.otherwise().then(self.no.flow(names), into="r").end()


def _sum_of(calls: list[tuple[Shape, int]], on_error: str) -> int:
    values, failures = [], []
    for shape, x in calls:
        try:
            values.append(shape.value(x))
        except BadNumber as error:
            failures.append(error)
    if failures and on_error != "continue":
        raise failures[0]
    return total(values)


def _values(results: Any) -> dict[str, list[int]]:
    found = [r.value if isinstance(r, af.Outcome) else r for r in results]
    return {"values": [value for value in found if value is not None]}


ADDS = st.builds(Add, k=st.integers(0, 9), tries=st.integers(1, 3))
FAILS = st.builds(Fail, k=st.integers(0, 9))
WAITS = st.builds(Wait, seconds=st.integers(1, 99), for_signal=st.booleans())
# Who is first decides what `fail_fast` cancels, so crashes may make a difference there.
ALWAYS_THE_SAME = ("wait", "continue")


def shapes(
    *on_error: str, leaves: int, failing: st.SearchStrategy[Shape] = FAILS
) -> st.SearchStrategy[Shape]:
    """Return a strategy for shapes with up to so many *leaves*."""

    def around(parts: st.SearchStrategy[Shape]) -> st.SearchStrategy[Shape]:
        several = st.lists(parts, min_size=1, max_size=3)
        fan: dict[str, Any] = {
            "on_error": st.sampled_from(on_error),
            "limit": st.sampled_from([None, 1, 2]),
        }
        return (
            st.builds(Sequence, several)
            | st.builds(Parallel, several, **fan)
            | st.builds(Each, parts, size=st.integers(0, 3), **fan)
            | st.builds(Again, parts, times=st.integers(1, 3))
            | st.builds(Choice, several)
            | st.builds(Either, parts, parts)
        )

    leaf: st.SearchStrategy[Shape] = ADDS | WAITS | failing
    return st.recursive(leaf, around, max_leaves=leaves)


def expected_of(shape: Shape, x: int) -> tuple[str, Any]:
    """Return status and value or reason, as plain Python has it."""
    try:
        return "completed", shape.value(x)
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

    def value(self, x: int) -> int:
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
    assert Storm(shape.flow(count()), x, random).output() == shape.value(x)
