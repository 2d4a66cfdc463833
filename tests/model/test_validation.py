"""What makes no sense in a graph is told at once, in its place, and nothing else is."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import actorflow as af

E = af.Edge
NAMING = "may not contain / [ ] # @"
FAILING = "is for steps that can fail: those that run code, wait_signal"


def work() -> None:
    """Do nothing."""


def problems_of(*steps: af.Step, **more: Any) -> list[str]:
    """Return what is wrong with a graph of *steps*."""
    try:
        af.Workflow(**{"name": "w", "steps": steps} | more)
    except af.DefinitionError as error:
        return list(error.problems)
    return []


def in_step(**how: Any) -> list[str]:
    """Return what is wrong with a step, without its name."""
    how.setdefault("next", [E("end")])
    told = problems_of(af.Step("s", **how), af.Step("end", decide=True))
    return [problem.removeprefix("step 's': ") for problem in told]


def fork(*edges: af.Edge, **join: Any) -> list[str]:
    """Return what is wrong with edges to steps that end, and with a join beside them.

    The branches *a* and *b* begin and end; *c* comes to the join.
    """
    steps = [
        af.Step(
            "s",
            decide=True,
            next=[*edges, E("a", branch="a"), E("b", branch="b"), E("j", branch="c")],
        ),
        af.Step("a", decide=True),
        af.Step("b", decide=True),
        af.Step("j", join=af.Join(**join)),
    ]
    return [problem.removeprefix("step 'j': ") for problem in problems_of(*steps)]


def test_a_workflow_needs_a_name_and_steps() -> None:
    """The error goes by another name then."""
    with pytest.raises(af.DefinitionError) as caught:
        af.Workflow("", steps=[])

    assert caught.value.name == "workflow"
    assert list(caught.value.problems) == [
        "the workflow needs a name",
        "the workflow needs at least one step",
    ]


def test_a_step_whose_name_is_none_has_a_number() -> None:
    """What is wrong with it has a place all the same."""
    steps: list[Any] = [af.Step("a", sleep=1), af.Step(5, sleep=1)]  # type: ignore[arg-type]

    assert problems_of(*steps) == ["step number 2: name must be text, not 5"]


# --- steps ---------------------------------------------------------------------------


LOOP: dict[str, Any] = {"body": "x"}
MAP: dict[str, Any] = {"over": [], "activity": "x"}
ARMS: dict[str, Any] = {"arms": {"x": "x"}}
REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"activity": "x", "sleep": 1},
        ["is activity and sleep at once; a step has one kind"],
    ),
    ({"decide": False}, ["decide must be true, or left out"]),
    ({"sleep": 1, "retry": af.Retry()}, [f"retry {FAILING}"]),
    ({"sleep": 1, "catch": [af.Catch(goto="end")]}, [f"catch {FAILING}"]),
    ({"ask": af.Ask(), "timeout": 5}, ["timeout is for steps that run code"]),
    ({"activity": "x", "timeout": 0}, ["timeout must be positive, not 0 s"]),
    (
        {"sleep": 1, "parameters": {"x": 1}},
        ["parameters are for activity, flow, dynamic and child steps"],
    ),
    ({"join": af.Join(), "store": "x"}, ["store is of no use: join has no result"]),
    ({"sleep": 1, "store": "x"}, ["store is of no use: sleep has no result"]),
    ({"pause": "why", "store": "x"}, ["store is of no use: pause has no result"]),
    ({"decide": True, "edges": "one"}, ["edges must be 'all' or 'first', not 'one'"]),
    (
        {"activity": "x", "catch": [af.Catch(goto="end", on=())]},
        ["catch[0]: `on` is empty, so nothing would be caught"],
    ),
    ({"activity": af.Activity(work, name="")}, ["an activity needs a name"]),
    (
        {"child": af.Child("x", on_parent_close="wait")},  # type: ignore[arg-type]
        ["on_parent_close must be cancel or abandon, not 'wait'"],
    ),
    ({"sleep": 0}, ["sleep must be positive, not 0 s"]),
    (
        {"wait_signal": af.WaitSignal(topic="t", timeout=0)},
        ["wait_signal.timeout must be positive, not 0 s"],
    ),
    ({"ask": af.Ask(timeout=0)}, ["ask.timeout must be positive, not 0 s"]),
    (
        {"parallel": af.Parallel(arms={"a/b": "x"})},
        [f"name 'a/b' {NAMING}"],
    ),
    (
        {"route": af.Route(key="1", choices={1: "x", "1": "y", "a#": "z"})},
        ["2 keys of the route are written '1'; keep one", f"name 'a#' {NAMING}"],
    ),
    (
        {"map": af.Map(**MAP, item="an item", index="state")},
        [
            "map.item must be a name of your own, not 'an item'",
            "map.index must be a name of your own, not 'state'",
        ],
    ),
    ({"map": af.Map(**MAP, item="index")}, ["map.item and map.index are both 'index'"]),
    ({"map": af.Map(over=[])}, ["map needs an activity to run for every item"]),
    (
        {"map": af.Map(over=af.Pages(fetch=None), batch=2)},
        [
            "map.over.fetch is what fetches a page; name it",
            "map.batch is for items; a page is a batch already",
        ],
    ),
    (
        {"loop": af.Loop(**LOOP, on_max="stop", stream="none")},  # type: ignore[arg-type]
        [
            "loop.on_max must be end or error, not 'stop'",
            "loop.stream must be every or last, not 'none'",
        ],
    ),
    (
        {
            "activity": "x",
            "store": "state.x",
            "catch": [af.Catch(goto="end", store="a.b")],
        },
        [
            "store 'state.x': write the bare variable name, without 'state.'",
            "store 'a.b': a variable name may not contain a dot",
        ],
    ),
    (
        {"wait_signal": af.WaitSignal(topic="t", store="state.x")},
        ["store 'state.x': write the bare variable name, without 'state.'"],
    ),
]


@pytest.mark.parametrize(("how", "problems"), REFUSED)
def test_a_step_that_has_no_meaning_is_refused(
    how: dict[str, Any], problems: list[str]
) -> None:
    """Every mistake is one problem."""
    assert in_step(**how) == problems


@pytest.mark.parametrize(
    "how",
    [
        {"activity": "x", "timeout": 0.5, "retry": af.Retry()},
        {"wait_signal": af.WaitSignal(topic="t", timeout=0.5), "retry": af.Retry()},
        {"wait_signal": af.WaitSignal(topic="t"), "catch": [af.Catch(goto="end")]},
        {"ask": af.Ask(timeout=0.5, default=False), "store": "x"},
        {"ask": af.Ask(), "retry": af.Retry(), "catch": [af.Catch(goto="end")]},
        {"sleep": 0.5},
        {"route": af.Route(key="1", choices={1: "x", "a-1": "y"})},
        {"parallel": af.Parallel(arms={"a b": "x"}, max_concurrency=1)},
        {"map": af.Map(**MAP, item="page", index="number")},
        {"map": af.Map(over=af.Pages(fetch="x"))},
        {"loop": af.Loop(**LOOP, on_max="error", stream="last", max_iterations=1)},
        {"dynamic": "x", "parameters": {"x": 1}, "timeout": 1, "store": "y"},
    ],
)
def test_a_step_that_has_a_meaning_is_accepted(how: dict[str, Any]) -> None:
    """What is rare is not wrong."""
    assert in_step(**how) == []


# --- branches and joins --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("x/y", f"branch name 'x/y' {NAMING}"),
        ("main", "branch name 'main' is taken by the first branch"),
        ("main-1", "branch name 'main-1' is one that unnamed branches of 'main' get"),
        ("a-2", "branch name 'a-2' is one that unnamed branches of 'a' get; choose"),
    ],
)
def test_a_branch_name_that_is_not_free_is_refused(name: str, problem: str) -> None:
    """Addresses are made of branch names, and no two branches may have one."""
    (found,) = fork(E("a", branch=name))

    assert found.startswith(problem)


@pytest.mark.parametrize("name", ["a-b", "main-x", "other-1", "1"])
def test_a_branch_name_that_no_other_branch_gets_is_accepted(name: str) -> None:
    """A number at its end is wrong only after the name of a branch."""
    assert fork(E("a", branch=name)) == []


@pytest.mark.parametrize(
    ("join", "problems"),
    [
        ({"count": 0}, ["join.count must be at least 1, not 0"]),
        (
            {"branches": ["a", "b"], "count": "2"},
            ["join.count must be a whole number, not '2'"],
        ),
        (
            {"branches": ["a", "b"], "count": 3},
            ["join.count is 3, but 2 branches are listed"],
        ),
        (
            {"branches": ["a", "b"], "mappings": {"c.x": "x"}},
            ["join maps 'c.x', but does not list branch 'c'"],
        ),
        (
            {"mappings": {"a.x": "x", "b.x": "x"}},
            [
                "join maps 'a.x' to 'x', as it does another; choose one",
                "join maps 'b.x' to 'x', as it does another; choose one",
            ],
        ),
        (
            {"mappings": {"a": "", "b": "x..y"}},
            [
                "join maps 'a' to '', which is no path",
                "join maps 'b' to 'x..y', which is no path",
            ],
        ),
        ({"branches": ["a", "z"]}, ["step 'j' joins 'z', which no edge starts"]),
        ({"branches": ["c"]}, ["step 'j' joins only the branch that arrives at it"]),
    ],
)
def test_a_join_that_has_no_meaning_is_refused(
    join: dict[str, Any], problems: list[str]
) -> None:
    """Every mistake is one problem."""
    assert fork(**join) == problems


@pytest.mark.parametrize(
    "join",
    [
        {"branches": ["a"]},
        {"branches": ["a", "main"], "count": 2},
        {"branches": ["a", "c"], "mappings": {"a": "x", "c.y": "x.y"}},
        {"mappings": {"a.x": "x", "b.x": "y.x"}},
        {"count": 1},
    ],
)
def test_a_join_that_has_a_meaning_is_accepted(join: dict[str, Any]) -> None:
    """It may list one branch or all, and take over what it likes."""
    assert fork(**join) == []


# --- what a workflow is given and returns --------------------------------------------


@pytest.mark.parametrize(
    ("more", "problems"),
    [
        ({"timeout": 0}, ["timeout must be positive, not 0 s"]),
        (
            {"inputs": [af.Input("x", type="int", default=1)]},
            [
                (
                    "input 'x' has type 'int', which is none of any, string, integer, "
                    "number, boolean, object, array"
                )
            ],
        ),
        (
            {"outputs": [af.Output("x", variable="state.x", default=1)]},
            ["output 'x': write the variable without 'state.'"],
        ),
    ],
)
def test_an_interface_that_has_no_meaning_is_refused(
    more: dict[str, Any], problems: list[str]
) -> None:
    """Every mistake is one problem."""
    assert problems_of(af.Step("s", sleep=1), **more) == problems


def test_a_short_timeout_is_accepted() -> None:
    """A time limit may be less than a second."""
    assert problems_of(af.Step("s", sleep=1), timeout=0.5) == []


@pytest.mark.parametrize(
    ("kind", "default", "fits"),
    [
        ("integer", True, False),
        ("number", False, False),
        ("boolean", True, True),
        ("boolean", 1, False),
        ("any", True, True),
        ("integer", None, True),
        ("number", 1, True),
        ("string", 1, False),
    ],
)
def test_a_default_is_of_the_type_of_its_input(
    kind: str,
    default: object,
    fits: bool,  # noqa: FBT001 - what the table says
) -> None:
    """Truth is no number, and a number no truth; nothing at all may always be given."""
    item = af.Input("x", type=kind, default=default)
    wrong = [f"input 'x' is {kind}, but its default is {default!r}"]

    assert problems_of(af.Step("s", sleep=1), inputs=[item]) == ([] if fits else wrong)


def test_an_input_shows_that_it_is_required() -> None:
    """Whoever asks for help reads a word, and no object in memory."""
    assert "default: 'Any' = REQUIRED" in str(inspect.signature(af.Input))
