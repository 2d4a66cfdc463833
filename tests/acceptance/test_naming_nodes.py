"""A file names nodes of every kind; a runtime puts them in the place of their names."""

from __future__ import annotations

from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.acceptance.helpers import problems


@af.activity
def double(value: int) -> int:
    """Return twice the value."""
    return value * 2


@af.dynamic
async def thrice(ctx: af.Context, value: int) -> int:
    """Return three times the value, with the help of an activity."""
    return int(await ctx.run(double, value)) + value


QUAD = (
    af.Flow("quad", inputs=["value"])
    .then(double, into="half")
    .then(double, input=lambda s: {"value": s["half"]}, into="whole")
    .output("whole")
    .build()
)
NODES: list[Any] = [double, thrice, QUAD]

BY_N = "parameters: {value: '${inputs.n}'}"


def file(step: str, top: str = "") -> af.Workflow:
    """Return a workflow from a file with one step that stores its result."""
    return af.Workflow.loads(
        f"name: w\ninputs: [{{name: n, default: 5}}]\n{top}steps:\n"
        f"- name: a\n  store: out\n  {step}\nresult: out\n"
    )


@pytest.mark.parametrize(
    ("step", "result"),
    [
        ("dynamic: thrice\n  parameters: {value: '${inputs.n}'}", 15),
        ("flow: quad\n  parameters: {value: '${inputs.n}'}", 20),
        ("map: {over: '[1, 2]', activity: thrice}", [3, 6]),
        ("map: {over: '[1, 2]', activity: quad}", [4, 8]),
        ("loop: {body: quad, initial: inputs.n, max_iterations: 2}", 80),
        (
            "parallel:\n    arms: {a: double, b: quad}\n    " + BY_N,
            {"a": 10, "b": 20},
        ),
        (
            "route:\n    key: inputs.n\n    choices: {5: thrice}\n    " + BY_N,
            {"key": 5, "result": 15},
        ),
    ],
)
def test_a_file_names_nodes_of_every_kind(step: str, result: Any) -> None:
    """Activities, dynamic nodes and flows alike, wherever a node may stand."""
    with runtime(file(step), activities=NODES) as rt:
        assert rt.start("w").result() == result


def test_a_definition_of_the_runtime_can_be_named() -> None:
    """What is executed by itself need not be passed twice."""
    wf = file("flow: quad\n  parameters: {value: 1}")
    with runtime(wf, QUAD) as rt:
        assert rt.start(wf).result() == 4


def test_a_named_flow_is_part_of_the_definition() -> None:
    """Another flow under the name is another definition: nothing changes unnoticed."""
    wf = file("flow: quad\n  parameters: {value: 1}")
    other = af.Flow("quad", inputs=["value"]).then(double, into="whole").build()
    with runtime(wf, QUAD) as one, runtime(wf, other) as two:
        prints = {rt.definitions["w"].fingerprint for rt in (one, two)}

    assert len(prints) == 2


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (
            "dynamic: ghost",
            "dynamic node 'ghost' is not known; pass it in `activities=",
        ),
        ("flow: ghost", "flow 'ghost' is not known; pass it in `activities=`"),
        ("flow: thrice", "flow 'thrice' is not known; pass it in `activities=`; "),
        ("dynamic: double", "dynamic node 'double' is not known"),
    ],
)
def test_a_name_that_is_not_known_is_refused(step: str, told: str) -> None:
    """Before anything runs, with the step, and what the name stands for if at all."""
    wf = file(step)
    error = problems(lambda: runtime(wf, activities=NODES).__enter__())

    assert f"step 'a': {told}" in error


def test_a_flow_inside_itself_is_refused() -> None:
    """A graph that would never end being built is told, with the way around."""
    wf = af.Workflow.loads("name: w\nsteps:\n- {name: a, flow: w}\n")

    assert "'w' would run inside itself: w > w" in problems(
        lambda: runtime(wf).__enter__()
    )


# --- names of a map's item -----------------------------------------------------------


def test_items_can_be_called_by_a_name_of_ones_own() -> None:
    """`item` and `index` of a map are what templates call them."""
    wf = file(
        "map:\n    over: inputs.n * [7]\n    activity: double\n"
        "    item: price\n    index: place\n"
        "    parameters: {value: '${price + place}'}"
    )
    with runtime(wf, activities=NODES) as rt:
        assert rt.start(wf).result() == [14, 16, 18, 20, 22]


@pytest.mark.parametrize("name", ["", "two words", "state", "inputs", "9"])
def test_a_name_for_items_is_one_that_an_expression_can_say(name: str) -> None:
    """What could never be named in a template is refused."""
    fan = af.Map(over=[1], activity=double, item=name)

    assert "map.item must be a name of your own" in problems(
        lambda: af.Workflow("w", steps=[af.Step("a", map=fan)])
    )


def test_item_and_index_need_two_names() -> None:
    """One name for both would hide one of them."""
    fan = af.Map(over=[1], activity=double, index="item")

    assert "are both 'item'" in problems(
        lambda: af.Workflow("w", steps=[af.Step("a", map=fan)])
    )


def test_the_old_names_are_not_there_under_new_ones() -> None:
    """Who calls the item `price` and then says `item` is told so before the run."""
    fan = af.Map(
        over=[1], activity=double, item="price", parameters={"value": "${item}"}
    )
    wf = af.Workflow("w", steps=[af.Step("a", map=fan)])

    assert "'item' is neither an input nor a variable" in problems(
        lambda: runtime(wf).__enter__()
    )
