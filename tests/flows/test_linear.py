"""The cost of many is that of one, times their number; counted, not timed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.flows.helpers import Ailing, echo

FEW, MANY = 50, 250
SLACK = 1.25
"""Only the larger has a thousand events, after which a snapshot is considered."""


class Lines:
    """Counts the lines of actorflow that are executed while it is entered."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Lines:
        sys.settrace(self._entered)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _entered(self, frame: FrameType, *_: Any) -> Any:
        return self._line if "actorflow" in frame.f_code.co_filename else None

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        self.count += event == "line"
        return self._line


def lines_for(work: Callable[[int], Any], number: int) -> int:
    """Return how many lines *work* executes for so many."""
    with Lines() as lines:
        work(number)
    return lines.count


def failing_flows(number: int) -> None:
    """Run a map over flows that all fail."""
    body = af.Flow("one", inputs=["value"]).then(Ailing(0))
    flow = af.Flow("f", inputs=["n"]).map("m", body, over=lambda s: [0] * s["n"])
    with runtime(flow) as rt:
        assert rt.start(flow, n=number).wait().status == "failed"


def retried_items(number: int) -> None:
    """Run a map whose items all fail, and are all retried."""
    ailing = Ailing(0)
    flow = af.Flow("f", inputs=["n"]).map("m", ailing, over=lambda s: [0] * s["n"])
    with runtime(flow) as rt:
        run = rt.start(flow, n=number)
        run.wait()
        ailing.heal()
        run.retry()
        assert run.wait().status == "completed"


def cancelled_items(number: int) -> None:
    """Run a map of waiting flows, one of which fails and ends them all."""
    body = (
        af.Flow("one", inputs=["value"])
        .when("value > 0")
        .wait_signal("never")
        .otherwise()
        .sleep(10)
        .then(Ailing(0))
        .end()
    )
    flow = af.Flow("f", inputs=["n"]).map(
        "m", body, over=lambda s: list(range(s["n"])), on_error="fail_fast"
    )
    with runtime(flow) as rt:
        run = rt.start(flow, n=number)
        rt.clock.advance(10)
        assert run.wait().status == "failed"


def signalled_items(number: int) -> None:
    """Run a map of flows that wait, and let them go one by one."""
    body = af.Flow("one", inputs=["value"]).wait_signal("go")
    flow = af.Flow("f", inputs=["n"]).map(
        "m", body, over=lambda s: list(range(s["n"])), max_concurrency=number
    )
    with runtime(flow) as rt:
        run = rt.start(flow, n=number)
        for _ in range(number):
            run.signal("go")
        assert run.wait().status == "completed"


def forked_branches(number: int) -> None:
    """Fork a branch in every round, and join them all."""
    count = af.activity(name="count")(lambda n: n + 1)
    workflow = af.Workflow(
        "forks",
        inputs=[af.Input("limit")],
        state={"n": 0},
        steps=[
            af.Step(
                "tick",
                activity=count,
                parameters={"n": "${state.n}"},
                store="n",
                next=[
                    af.Edge("tick", when="state.n < inputs.limit"),
                    af.Edge("rest"),
                ],
            ),
            af.Step("rest", sleep=5, next=[af.Edge("all")]),
            af.Step("all", join=af.Join()),
        ],
    )
    with runtime(workflow) as rt:
        run = rt.start(workflow, limit=number)
        rt.clock.advance(5)
        assert run.wait().status == "completed"


def iterated_items(number: int) -> None:
    """Run a map over an iterator, a few at a time."""
    flow = af.Flow("f", inputs=["n"]).map(
        "m", echo, over=lambda s: iter(range(s["n"])), max_concurrency=5
    )
    with runtime(flow) as rt:
        assert rt.start(flow, n=number).wait().status == "completed"


def fetched_pages(number: int) -> None:
    """Run a map over so many pages."""

    def fetch(cursor: int | None) -> af.Page:
        following = (cursor or 0) + 1
        return af.Page([cursor], following if following < number else None)

    flow = af.Flow("f").paginate("p", fetch, each=echo).build()
    with runtime(flow) as rt:
        assert rt.start(flow).wait().status == "completed"


WORK = [
    *(failing_flows, retried_items, cancelled_items, signalled_items, forked_branches),
    *(iterated_items, fetched_pages),
]


@pytest.mark.parametrize("work", WORK)
def test_five_times_as_many_cost_five_times_as_much(work: Callable[[int], Any]) -> None:
    """Or a little less; nothing looks at all of them for each of them."""
    lines_for(work, 1)  # what is done only once

    few, many = lines_for(work, FEW), lines_for(work, MANY)

    assert many <= few * MANY / FEW * SLACK
