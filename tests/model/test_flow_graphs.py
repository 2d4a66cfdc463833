"""Which graph each call of the builder makes, and what it says of a call in error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import actorflow as af
from actorflow.model.steps import BY_NAME

E, S = af.Edge, af.Step


@af.dynamic
async def orchestrate(ctx: af.Context) -> None:
    """Do nothing."""


def work() -> None:
    """Do nothing."""


def graph_of(make: Callable[[af.Flow], af.Flow]) -> af.Workflow:
    """Return the graph of a flow."""
    return make(af.Flow("f", state={"x": 1})).workflow


def problems_of(make: Callable[[af.Flow], af.Flow]) -> list[str]:
    """Return all that is wrong with a flow that has one step of its own."""
    with pytest.raises(af.DefinitionError) as caught:
        graph_of(lambda flow: make(flow.then("before")))
    return list(caught.value.problems)


INNER = af.Workflow("inner", steps=[S("a", sleep=1)])
CHILD = af.Child("c", retry=af.Retry())
GIVEN: dict[str, Any] = {"parameters": BY_NAME}
STEPS: dict[str, tuple[Callable[[af.Flow], af.Flow], af.Step]] = {
    "activity": (
        lambda f: f.then(work),
        S("work", activity=work, store="work", **GIVEN),
    ),
    "dynamic": (
        lambda f: f.then(orchestrate, name="n", into="v"),
        S("n", dynamic=orchestrate, store="v", **GIVEN),
    ),
    "flow": (
        lambda f: f.then(INNER, input={"y": 1}),
        S("inner", flow=INNER, store="inner", parameters={"y": 1}),
    ),
    "child of one's own": (
        lambda f: f.child(CHILD, on_parent_close="abandon"),
        S("c", child=CHILD, store="c", **GIVEN),
    ),
    "inline": (
        lambda f: f.child(INNER, mode="inline"),
        S("inner", flow=INNER, store="inner", **GIVEN),
    ),
    "pages": (
        lambda f: f.paginate("p", "fetch", start="state.x", max_pages=3),
        S(
            "p",
            map=af.Map(
                over=af.Pages(fetch="fetch", start="state.x", max_pages=3),
                max_concurrency=1,
            ),
            store="p",
        ),
    ),
    "each page": (
        lambda f: f.paginate("p", "fetch", each="x", into="v", timeout="1m"),
        S(
            "p",
            map=af.Map(over=af.Pages(fetch="fetch"), activity="x", max_concurrency=1),
            store="v",
            timeout=60,
        ),
    ),
    "gate": (
        lambda f: f.gate("g", prompt="ok?", timeout=5, default=False, into="v"),
        S("g", ask=af.Ask(prompt="ok?", timeout=5, default=False), store="v"),
    ),
    "gate by its name": (lambda f: f.gate("g"), S("g", ask=af.Ask(), store="g")),
    "signal": (
        lambda f: f.wait_signal("t", into="v"),
        S("t", wait_signal=af.WaitSignal(topic="t"), store="v"),
    ),
    "signal by its name": (
        lambda f: f.wait_signal("t", name="n", timeout=1),
        S("n", wait_signal=af.WaitSignal(topic="t", timeout=1), store="n"),
    ),
    "route": (
        lambda f: f.route("state.x", {1: "a"}, default="b"),
        S(
            "route",
            route=af.Route(key="state.x", choices={1: "a"}, default="b"),
            store="route",
        ),
    ),
}


@pytest.mark.parametrize(("make", "step"), STEPS.values(), ids=STEPS)
def test_a_call_makes_a_step(make: Callable[[af.Flow], af.Flow], step: af.Step) -> None:
    """It is the step that one would write in a graph."""
    assert graph_of(make).steps == (step,)


@pytest.mark.parametrize("close", ["cancel", "abandon"])
def test_a_child_is_an_execution_of_its_own(close: Any) -> None:
    """Unless it is inline; what becomes of it when its parent ends is asked of both."""
    (step,) = graph_of(lambda f: f.child(INNER, on_parent_close=close)).steps

    assert (step.kind, step.name) == ("child", "inner")
    assert step.child is not None
    assert (step.child.workflow, step.child.on_parent_close) == (INNER, close)


WAYS: dict[str, tuple[Callable[[af.Flow], af.Flow], dict[str, list[af.Edge]]]] = {
    "one after the other": (lambda f: f.then("a").then("b"), {"a": [E("b")], "b": []}),
    "an arm": (
        lambda f: f.when("c").then("a").end().then("b"),
        {"when": [E("a", when="c"), E("b")], "a": [E("b")], "b": []},
    ),
    "two arms": (
        lambda f: f.when("c").then("a").otherwise().then("o").end().then("b"),
        {
            "when": [E("a", when="c"), E("o")],
            "a": [E("b")],
            "o": [E("b")],
            "b": [],
        },
    ),
    "arms within arms": (
        lambda f: f.when("c").when("d").then("a").end().otherwise().then("o").end(),
        {
            "when": [E("when-2", when="c"), E("o")],
            "when-2": [E("a", when="d")],
            "a": [],
            "o": [],
        },
    ),
    "an end that comes late": (
        lambda f: f.wait_signal("t", timeout=1, on_timeout="x").then("b"),
        {"t": [E("b")], "t-late": [E("b")], "b": []},
    ),
}


@pytest.mark.parametrize(("make", "edges"), WAYS.values(), ids=WAYS)
def test_a_call_leads_on_from_every_loose_end(
    make: Callable[[af.Flow], af.Flow], edges: dict[str, list[af.Edge]]
) -> None:
    """A flow names no edges; they are those that its order tells."""
    steps = graph_of(make).steps

    assert {step.name: list(step.next) for step in steps} == edges
    assert {step.edges for step in steps if step.decide} <= {"first"}


def test_what_is_run_when_a_signal_is_late_takes_its_place() -> None:
    """Its result lands where the signal's would have."""
    wait, late = graph_of(
        lambda f: f.wait_signal("t", timeout=1, on_timeout=orchestrate, into="v")
    ).steps

    assert wait.wait_signal == af.WaitSignal(topic="t", timeout=1, on_timeout="t-late")
    assert late == S("t-late", dynamic=orchestrate, store="v", **GIVEN)
    assert wait.store == "v"


def test_one_output_is_a_result_and_several_have_names() -> None:
    """Without any, the whole state is the result."""
    whole, one, two = (
        graph_of(lambda f, n=names: f.then("a").output(*n))  # type: ignore[misc]
        for names in ([], ["a"], ["a", "x"])
    )

    assert (whole.result, whole.outputs) == ("*", ())
    assert (one.result, one.outputs) == ("a", ())
    assert (two.result, two.outputs) == (None, (af.Output("a"), af.Output("x")))


def test_what_is_started_at_the_end_is_kept_in_order() -> None:
    """Each with the ends after which, and what it is given."""
    workflow = graph_of(
        lambda f: (
            f.then("a")
            .on_complete("x", on="failed", input={"y": "${error}"}, name="n")
            .on_complete("z")
        )
    )

    assert [(u.start, u.on, u.parameters, u.name) for u in workflow.on_complete] == [
        ("x", ("failed",), {"y": "${error}"}, "n"),
        ("z", ("completed",), BY_NAME, None),
    ]


WRONG: dict[str, tuple[Callable[[af.Flow], af.Flow], list[str]]] = {
    "node": (
        lambda f: f.then(5),
        ["step 'then': 5 is neither a function nor a flow nor a name"],
    ),
    "node with a name": (
        lambda f: f.then(5, name="n"),
        ["step 'n': 5 is neither a function nor a flow nor a name"],
    ),
    "child": (
        lambda f: f.child(5),
        ["step 'child': 5 is neither a function nor a flow nor a name"],
    ),
    "mode": (
        lambda f: f.child(INNER, mode="both", name="n"),  # type: ignore[arg-type]
        ["step 'n': mode must be execution or inline, not 'both'"],
    ),
    "default": (
        lambda f: f.route("1", {1: "x"}, default=5),
        ["step 'route': 5 is neither a function nor a flow nor a name"],
    ),
    "choices": (
        lambda f: f.route("1", 5),  # type: ignore[arg-type]
        ["step 'route': route.choices must be a mapping, not 5"],
    ),
    "name": (
        lambda f: f.then(work, name=5),  # type: ignore[arg-type]
        ["5 is no name of a step; names are text"],
    ),
    "choice": (
        lambda f: f.route("1", {1: 5}),
        ["step 'route': 5 is neither a function nor a flow nor a name"],
    ),
    "two that are none": (
        lambda f: f.parallel("p", 5, 6),
        [
            "step 'p': 5 is neither a function nor a flow nor a name",
            "step 'p': 6 is neither a function nor a flow nor a name",
        ],
    ),
    "sleep": (
        lambda f: f.sleep(None),  # type: ignore[arg-type]
        ["step 'sleep': '' is not a duration; write seconds, or as in '1h30m'"],
    ),
    "timeout": (
        lambda f: f.wait_signal("t", timeout="soon", on_timeout="x"),
        ["step 't': 'soon' is not a duration; write seconds, or as in '1h30m'"],
    ),
    "end": (lambda f: f.end(), ["`end` without a `when` before it"]),
    "when": (lambda f: f.when("1").end(), ["the `when` of 'when' is empty"]),
    "otherwise": (
        lambda f: f.when("1").then("x").otherwise().end(),
        ["the `otherwise` of 'when' is empty"],
    ),
    "growing": (
        lambda f: f.build().on_complete("x"),
        ["the flow has been built; it cannot grow any more"],
    ),
}


@pytest.mark.parametrize(("make", "problems"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_problem(
    make: Callable[[af.Flow], af.Flow], problems: list[str]
) -> None:
    """With its place, and without what only follows from it."""
    assert problems_of(make) == problems


@pytest.mark.parametrize("inputs", ["abc", 5])
def test_inputs_that_are_no_list_are_refused(inputs: Any) -> None:
    """A text is not taken for its letters, and what is no list is told as such."""
    with pytest.raises(af.DefinitionError) as caught:
        af.Flow("f", inputs=inputs).then("a").build()

    assert list(caught.value.problems) == [f"inputs are a list of names: [{inputs!r}]"]


def test_one_name_may_stand_for_a_list_of_names() -> None:
    """It is not taken for its letters."""
    assert af.Join(branches="ab").branches == ("ab",)
