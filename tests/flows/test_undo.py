"""What was completed inside flows of any shape is undone, the last first."""

from __future__ import annotations

from typing import Any

import pytest

import actorflow as af
from actorflow.testing import Simulation, runtime
from tests.flows.helpers import Diary, boom, failing


class Desk:
    """Makes activities that can be undone, and notes what is."""

    def __init__(self) -> None:
        self.undone: list[Any] = []
        self._undo = af.activity(name="undo")(self.undo)

    def undo(self, result: Any) -> None:
        """Note what is undone."""
        self.undone.append(result)

    def making(self, name: str) -> af.Activity[..., Any]:
        """Make an activity that returns its name and what it was given."""
        return af.activity(name=name, compensate=self._undo)(
            lambda *given: [name, *given] if given else name
        )

    def undoing(self, flow: af.Flow) -> list[Any]:
        """Run *flow*, which fails; return what was undone, in order."""
        self.undone.clear()
        with runtime(flow.build()) as rt:
            run = rt.start(flow)
            rt.clock.advance(1000)
            assert run.wait().status == "failed"
        return self.undone


@pytest.fixture
def desk() -> Desk:
    """Give an empty desk."""
    return Desk()


def late(seconds: float, node: Any) -> af.Flow:
    """Make a flow that runs *node* after so long."""
    return af.Flow(f"after {seconds}").sleep(seconds).then(node)


def test_completed_arms_are_undone_when_a_sibling_fails(desk: Desk) -> None:
    """In the reverse order of their completion, each with its own result."""
    flow = af.Flow("f").parallel(
        "p",
        late(20, desk.making("slow")),
        failing("b"),
        late(10, desk.making("quick")),
    )

    assert desk.undoing(flow) == ["slow", "quick"]


def test_items_are_undone(desk: Desk) -> None:
    """Each by itself."""
    flow = af.Flow("f").map("m", desk.making("a"), over=[1, 2], max_concurrency=1)

    assert desk.undoing(flow.then(boom)) == [["a", 2], ["a", 1]]


def test_items_are_undone_when_another_fails(desk: Desk) -> None:
    """The one that failed has nothing to undo."""
    node = desk.making("a").options(name="b")
    body = (
        af.Flow("body", inputs=["n"])
        .then(node, input=lambda s: s["n"])
        .when("n == 2")
        .then(boom)
        .end()
    )
    flow = af.Flow("f").map("m", body, over=[1, 2], max_concurrency=1)

    assert desk.undoing(flow) == [["a", 2], ["a", 1]]


def test_iterations_are_undone(desk: Desk) -> None:
    """All of them, not only the last."""
    flow = af.Flow("f").loop("l", desk.making("a"), input="0", max_iterations=2)

    assert desk.undoing(flow.then(boom)) == [["a", ["a", 0]], ["a", 0]]


def test_batches_and_the_pages_they_came_from_are_undone(desk: Desk) -> None:
    """Whatever a source feeds joins the chain."""
    fetch = af.activity(name="fetch")(
        lambda cursor: af.Page([cursor], 1 if cursor is None else None)
    )
    flow = af.Flow("f").paginate("p", fetch, each=desk.making("store")).then(boom)

    assert desk.undoing(flow) == [["store", [1]], ["store", [None]]]


def test_steps_of_inner_flows_and_routes_are_undone(desk: Desk) -> None:
    """However deep, in the one order of completion."""
    inner = af.Flow("inner").then(desk.making("one")).then(desk.making("two"))
    flow = (
        af.Flow("f")
        .then(desk.making("first"))
        .then(inner)
        .route("'k'", {"k": desk.making("routed")})
        .when("true")
        .then(desk.making("chosen"))
        .end()
        .then(boom)
    )

    assert desk.undoing(flow) == ["chosen", "routed", "two", "one", "first"]


def test_a_gate_that_times_out_undoes_what_came_before(desk: Desk) -> None:
    """Any failure leads to the chain."""
    flow = af.Flow("f").then(desk.making("first")).gate("ok?", timeout=60)

    assert desk.undoing(flow) == ["first"]


def test_a_compensation_is_tried_again_as_its_policy_says(desk: Desk) -> None:
    """It is an activity like any other."""
    diary = Diary()

    def undo(result: str) -> None:
        diary.lines.append(result)
        if len(diary) < 3:
            raise ConnectionError("not now")

    patient = af.activity(retry=af.Retry(initial=5))(undo)
    node = af.activity(name="node", compensate=patient)(lambda: "made")

    assert desk.undoing(af.Flow("f").then(node).then(boom)) == []
    assert diary.lines == ["made"] * 3


def test_undoing_any_shape_survives_every_crash(desk: Desk) -> None:
    """Nothing is undone twice once that is recorded, and nothing is left out."""
    inner = af.Flow("inner").loop(
        "l", desk.making("looped"), input="0", max_iterations=2
    )
    flow = (
        af.Flow("f")
        .parallel("p", desk.making("arm"), inner)
        .map("m", desk.making("item"), over=[1, 2])
        .then(boom)
    )

    Simulation(flow.build()).crash_everywhere()
