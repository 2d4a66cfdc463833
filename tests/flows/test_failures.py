"""All failures of a map or a parallel are kept; the lowest declared index leads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.flows.helpers import Ailing, echo, failing, failure, output, returning


def two_fail() -> af.Flow:
    """Make a flow of three arms: the slow first and the fast last fail."""
    slow = af.Flow("slow").sleep(60).then(failing("late"))
    return af.Flow("two").parallel("p", slow, returning("well"), failing("soon"))


def raised(flow: af.Flow) -> af.ExecutionFailed:
    """Run *flow*; return what its caller gets."""
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.clock.advance(60)
        with pytest.raises(af.ExecutionFailed) as caught:
            run.result()
    return caught.value


def names(error: BaseException | None) -> list[str]:
    """Return the names of the nodes that failed together."""
    assert isinstance(error, ExceptionGroup)
    assert all(isinstance(each, af.NodeFailed) for each in error.exceptions)
    return [each.node for each in error.exceptions if isinstance(each, af.NodeFailed)]


def test_the_failure_is_the_first_declared_and_says_how_many_more() -> None:
    """Not the first in time."""
    error = raised(two_fail())

    assert error.error.node == "late"
    assert "late broke (and 1 more)" in str(error)


def test_the_cause_is_a_group_of_all_failures_in_declared_order() -> None:
    """So `except*` and a printed traceback have them all."""
    assert names(raised(two_fail()).__cause__) == ["late", "soon"]


def test_a_group_within_a_group_is_the_cause_of_its_member() -> None:
    """A parallel in a parallel keeps its failures as one of the outer ones."""
    outer = af.Flow("outer").parallel("o", two_fail(), failing("other"))
    group = raised(outer).__cause__

    assert names(group) == ["late", "other"]
    assert isinstance(group, ExceptionGroup)
    assert names(group.exceptions[0].__cause__) == ["late", "soon"]


def test_failures_are_every_single_one_however_deep() -> None:
    """A failure that is none of several is its own only one."""
    outer = af.Flow("outer").parallel("o", two_fail(), failing("other"))
    error = raised(outer).error

    assert [each.node for each in error.failures] == ["late", "soon", "other"]
    assert error.failures[0].failures == (error.failures[0],)


def test_one_failure_alone_is_no_group() -> None:
    """What is not of several parts has no parts."""
    error = raised(af.Flow("f").then(failing("only")))

    assert error.__cause__ is None


def test_another_process_is_told_the_same(tmp_path: Path) -> None:
    """All are in the log."""
    log = tmp_path / "log.db"
    flow = af.Flow("f").map("m", Ailing(1, 3), over="[1, 2, 3]").build()
    with af.Runtime(log, [flow]) as rt:
        rt.start(flow, execution_id="x").wait(timeout=20)
    with af.Runtime(log, [flow]) as rt, pytest.raises(af.ExecutionFailed) as caught:
        rt.get("x").result(timeout=20)

    assert names(caught.value.__cause__) == ["ailing", "ailing"]
    assert [f.message for f in caught.value.error.failures] == ["1 is bad", "3 is bad"]


def test_a_dynamic_node_gets_the_group_too() -> None:
    """What `Context.map` raises has all of them."""

    @af.dynamic
    async def node(ctx: af.Context) -> list[str]:
        try:
            await ctx.map(Ailing(1, 3), [1, 2, 3])
        except af.NodeFailed as error:
            group = error.__cause__
            assert isinstance(group, ExceptionGroup)
            return [str(each) for each in group.exceptions]
        return []

    flow = af.Flow("f").then(node)

    assert output(flow.output("node")) == [
        "ailing failed at main/node/ailing#1[0]: 1 is bad",
        "ailing failed at main/node/ailing#1[2]: 3 is bad",
    ]


def test_a_catch_stores_them_all() -> None:
    """Under ``causes``, each in the form of the whole."""
    flow = (
        af.Flow("f")
        .then(two_fail(), catch=[af.Catch(goto="mend", store="error")])
        .then(af.activity(name="mend")(echo), input={"value": "${state.error}"})
        .output("mend")
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.clock.advance(60)
        caught = run.result()

    assert [cause["node"] for cause in caught["causes"]] == ["late", "soon"]


def test_the_outcome_of_an_item_has_all_that_failed_in_it() -> None:
    """Where failures do not fail the whole, they are kept as well."""
    inner = af.Flow("inner", inputs=["values"]).map("m", Ailing(1, 3), over="values")
    flow = af.Flow("f").map("all", inner, over="[[1, 2, 3]]", on_error="continue")
    (outcome,) = output(flow.output("all"))

    assert [each.message for each in outcome.error.failures] == ["1 is bad", "3 is bad"]


def test_every_failure_is_in_the_history_in_its_place() -> None:
    """At the address of the item that failed."""
    flow = af.Flow("f").map("m", Ailing(1, 3), over="[1, 2, 3]")
    error = failure(flow)

    assert [each.address for each in error.failures] == ["main/m[0]", "main/m[2]"]


# --- the order of ends ---------------------------------------------------------------


def two_branches(undo: Any) -> af.Workflow:
    """Make a graph of which two branches fail, one of them deep inside."""
    deep = af.Flow("deep").parallel("p", af.Flow("leaf").then(failing("leaf")))
    looped = af.Flow("looped").loop("l", failing("body"))
    charge = af.activity(name="charge", compensate=undo)(lambda: 1)
    return af.Workflow(
        "two",
        steps=[
            af.Step(
                "charge",
                activity=charge,
                next=[
                    af.Edge("a", branch="a"),
                    af.Edge("b", branch="b"),
                    af.Edge("c", branch="c"),
                ],
            ),
            af.Step("a", flow=deep),
            af.Step("b", flow=looped),
            af.Step("c", activity=failing("c")),
        ],
    )


@pytest.mark.parametrize("seed", range(12))
def test_nothing_happens_inside_what_has_failed(seed: int) -> None:
    """A flow fails when all that failed in it has been passed on, not before."""
    undone: list[int] = []

    def undo(result: int) -> None:
        undone.append(result)

    flow = af.Flow("f").then(two_branches(undo)).build()
    with runtime(flow, seed=seed) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        history = run.history()

    failed: list[str] = []
    for recorded in history:
        assert not [a for a in failed if recorded.address.startswith(f"{a}/")]
        if type(recorded.event).__name__ == "ActivationFailed":
            failed.append(recorded.address)
    assert undone == [1]
