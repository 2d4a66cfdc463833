"""What was completed is undone when the whole fails: last first, once, visibly."""

from __future__ import annotations

from typing import Any

import pytest

import actorflow as af
from actorflow.model import events as ev
from actorflow.testing import Cancel, Faults, Simulation, runtime

UNDONE: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_undone() -> None:
    UNDONE.clear()


def refund(order: str, result: str) -> None:
    """Undo a charge."""
    UNDONE.append(("refund", order, result))


def call_back(result: str) -> None:
    """Fail to undo a shipment."""
    UNDONE.append(("call back", result))
    raise LookupError("the parcel is gone")


def forget(result: int) -> None:
    """Undo an item."""
    UNDONE.append(("forget", result))


@af.activity(compensate=refund)
def charge(order: str) -> str:
    """Take the money."""
    return f"charge of {order}"


@af.activity(compensate=call_back)
def ship() -> str:
    """Send the parcel."""
    return "parcel"


@af.activity(compensate=forget)
def remember(item: int) -> int:
    """Do one item."""
    return item * 10


def boom() -> None:
    """Fail."""
    raise RuntimeError("boom")


def saga() -> af.Flow:
    """Return a flow of things that can be undone, and a failure."""
    flow = af.Flow("saga", inputs=["order"]).then(charge).then(ship)
    return flow.map("items", remember, over="[1, 2]", max_concurrency=1)


FAILING = saga().then(boom).build()
WAITING = saga().wait_signal("go").build()
ALL = [
    ("forget", 20),
    ("forget", 10),
    ("call back", "parcel"),
    ("refund", "o", "charge of o"),
]


def failed(rt: af.Runtime) -> Any:
    """Run the failing saga to its end and return its handle."""
    run = rt.start(FAILING, order="o", execution_id="saga")
    with pytest.raises(af.ExecutionFailed):
        run.result()
    return run


def test_a_failure_undoes_what_was_completed_last_first() -> None:
    """Steps and items alike, each seeing the state and its own result."""
    with runtime(FAILING) as rt:
        failed(rt)

    assert UNDONE == ALL


def test_the_execution_fails_with_the_original_error() -> None:
    """Whatever the compensations do."""
    with runtime(FAILING) as rt:
        assert failed(rt).wait().error.message == "boom"


def test_a_failing_compensation_is_recorded_and_the_rest_go_on() -> None:
    """The failure stands in the log, under the address of the compensation."""
    with runtime(FAILING) as rt:
        failures = [
            (r.address, r.event.error.message)
            for r in failed(rt).history()
            if isinstance(r.event, ev.ActivationFailed)
        ]

    assert failures[-1] == ("undo#2", "the parcel is gone")


def test_a_compensation_names_what_it_undoes() -> None:
    """Its activation carries the address of the completed one."""
    with runtime(FAILING) as rt:
        undone = [
            r.event.step
            for r in failed(rt).history()
            if isinstance(r.event, ev.ActivationStarted)
            and r.address.startswith("undo#")
        ]

    assert undone == ["main/items[1]", "main/items[0]", "main/ship", "main/charge"]


def test_a_compensated_execution_is_not_retried() -> None:
    """What was undone cannot be gone on with."""
    with runtime(FAILING) as rt:
        failed(rt)

        with pytest.raises(af.NotRetryableError, match="compensated"):
            rt.retry("saga")


def test_cancelling_undoes_only_when_asked_to() -> None:
    """Without `compensate=True` a cancelled execution just ends."""
    with runtime(WAITING) as rt:
        rt.start(WAITING, order="o", execution_id="a").wait()
        rt.cancel("a")

    assert UNDONE == []


def test_cancelling_with_compensation_undoes() -> None:
    """The execution is cancelled when everything is undone."""
    with runtime(WAITING) as rt:
        run = rt.start(WAITING, order="o", execution_id="a")
        run.wait()
        rt.cancel("a", compensate=True)

        assert (run.wait().status, UNDONE) == ("cancelled", ALL)


def test_a_success_undoes_nothing() -> None:
    """Compensations are for failures."""
    with runtime(WAITING) as rt:
        run = rt.start(WAITING, order="o")
        run.signal("go")
        run.result()

    assert UNDONE == []


@pytest.mark.parametrize("seed", range(3))
def test_compensation_survives_any_crash(seed: int) -> None:
    """Dying at every write changes nothing, and undoes nothing twice."""
    report = Simulation(FAILING, inputs={"order": "o"}, seed=seed).crash_everywhere()

    assert report.end.error == "activity_failed: boom"


QUIET: dict[str, Any] = dict.fromkeys(
    ("crash", "log", "steal", "lost", "double", "stall", "jump"), 0.0
)
LATE = Faults(**QUIET, nudge=0.0, late=1.0, seconds=10.0, most=100)
SPLIT = [
    af.Step("split", decide=True, next=[af.Edge("a", branch="a"), af.Edge("b")]),
    af.Step("a", activity=boom),
    af.Step("b", activity=remember, parameters={"item": 2}, next=[af.Edge("c")]),
    af.Step("c", activity=remember, parameters={"item": 3}),
]


@pytest.mark.parametrize("steps", [SPLIT, SPLIT[2:]], ids=["fails", "does not"])
def test_cancelling_while_a_flow_inside_is_at_work(steps: list[af.Step]) -> None:
    """What is in flight in it ends, and is undone with the rest."""
    inside = af.Workflow("inside", steps=steps)
    whole = af.Flow("whole").then(remember, input={"item": 1}).then(inside).build()
    undone = set()
    for seed in range(40):
        UNDONE.clear()
        cancel = Cancel(at=8, compensate=True)
        end = Simulation(whole, seed=seed, script=[cancel]).run(faults=LATE)
        if end.status == "cancelled":
            undone.add(tuple(dict.fromkeys(item for _, item in UNDONE)))

    assert undone >= {(20, 10), (30, 20, 10)}


@pytest.mark.parametrize("seed", range(5))
def test_a_flow_that_undoes(seed: int) -> None:
    """A compensation may be a flow, or a node that runs one, and survives crashes."""
    forget_it = af.Flow("forget it", inputs=["result"]).then(forget).then(forget)

    @af.dynamic
    async def forget_them(ctx: af.Context, result: int) -> None:
        await ctx.run(forget_it.build(), result=result)

    def one() -> int:
        return 1

    def two() -> int:
        return 2

    flow = af.Flow("saga").then(af.activity(one).options(compensate=forget_it.build()))
    flow.then(af.activity(two).options(compensate=forget_them)).then(boom)
    end = Simulation(flow.build(), seed=seed).run(faults=Faults(deaths=2))

    assert end.status == "failed"
    assert "boom" in (end.error or "")
    assert list(dict.fromkeys(UNDONE)) == [("forget", 2), ("forget", 1)]
