"""Flows of any shape compute what plain Python would, whenever the process dies.

A shape is a function from a number to a number. It is worked out twice: by plain
recursion, and as a flow of activities, waits and blocks, in a simulation.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import count
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

import actorflow as af
from actorflow.testing import Simulation


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
        return flow.sleep(self.seconds).then(total, input={"values": ["${x}"]}, into="r")


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
    goes_on: bool
    limit: int | None

    def value(self, x: int) -> int:
        """Add up; go on after failures, or fail with the first."""
        return _sum_of([(part, x) for part in self.parts], goes_on=self.goes_on)

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run them as arms."""
        flow.parallel(
            "p",
            *[part.flow(names) for part in self.parts],
            max_concurrency=self.limit,
            on_error="continue" if self.goes_on else "wait",
        )
        return flow.then(total, input=lambda s: _values(s["p"].values()), into="r")


@attrs.frozen
class Each(Shape):
    """The same for several numbers; the sum of it."""

    part: Shape
    size: int
    goes_on: bool
    limit: int | None

    def value(self, x: int) -> int:
        """Add up; go on after failures, or fail with the first."""
        items = [(self.part, x + n) for n in range(self.size)]
        return _sum_of(items, goes_on=self.goes_on)

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run it as the items of a map."""
        flow.map(
            "m",
            self.part.flow(names),
            over=lambda s: range(s["x"], s["x"] + self.size),
            max_concurrency=self.limit,
            on_error="continue" if self.goes_on else "wait",
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


def _sum_of(calls: list[tuple[Shape, int]], *, goes_on: bool) -> int:
    values, failures = [], []
    for shape, x in calls:
        try:
            values.append(shape.value(x))
        except BadNumber as error:
            failures.append(error)
    if failures and not goes_on:
        raise failures[0]
    return total(values)


def _values(results: Any) -> dict[str, list[int]]:
    found = [r.value if isinstance(r, af.Outcome) else r for r in results]
    return {"values": [value for value in found if value is not None]}


LEAVES = (
    st.builds(Add, k=st.integers(0, 9), tries=st.integers(1, 3))
    | st.builds(Fail, k=st.integers(0, 9))
    | st.builds(Wait, seconds=st.integers(1, 99), for_signal=st.booleans())
)
LIMITS = st.sampled_from([None, 1, 2])


def _around(parts: st.SearchStrategy[Shape]) -> st.SearchStrategy[Shape]:
    several = st.lists(parts, min_size=1, max_size=3)
    flags: dict[str, Any] = {"goes_on": st.booleans(), "limit": LIMITS}
    return (
        st.builds(Sequence, several)
        | st.builds(Parallel, several, **flags)
        | st.builds(Each, parts, size=st.integers(0, 3), **flags)
        | st.builds(Again, parts, times=st.integers(1, 3))
        | st.builds(Choice, several)
        | st.builds(Either, parts, parts)
    )


SHAPES: st.SearchStrategy[Shape] = st.recursive(LEAVES, _around, max_leaves=5)


def expected_of(shape: Shape, x: int) -> tuple[str, Any]:
    """Return status and value or reason, as plain Python has it."""
    try:
        return "completed", shape.value(x)
    except BadNumber as error:
        return "failed", str(error)


@given(shape=SHAPES, x=st.integers(0, 9), seed=st.integers(0, 99))
@settings(max_examples=60)
def test_a_flow_of_any_shape_computes_what_python_would(
    shape: Shape, x: int, seed: int
) -> None:
    """Value or failure, in whatever order things happen."""
    flow = shape.flow(count())
    end = Simulation(flow, inputs={"x": x}, seed=seed).run()
    status, result = expected_of(shape, x)

    assert end.status == status
    if status == "completed":
        assert end.output == result
    else:
        assert result in (end.error or "")


@given(
    shape=st.recursive(LEAVES, _around, max_leaves=3),
    x=st.integers(0, 9),
    seed=st.integers(0, 99),
)
@settings(max_examples=12)
def test_a_flow_of_any_shape_survives_every_crash(
    shape: Shape, x: int, seed: int
) -> None:
    """And ends as it would have ended."""
    flow = shape.flow(count())
    end = Simulation(flow, inputs={"x": x}, seed=seed).crash_everywhere().end

    assert end.status == expected_of(shape, x)[0]
