"""What steps of every kind begin with, where branches go on, and what a graph gives."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

import actorflow as af
from actorflow.model import events as ev
from actorflow.model import rules
from actorflow.model.events import Data, Failure
from tests.model.folded import BROKE, fold, folded
from tests.model.test_rules import START, Plain

LATE = Failure("timeout", "late")


class Undoing(Plain):
    """An evaluator that knows how one node is undone, and of one endless iterator."""

    def undo_of(self, node: Any) -> str | None:
        """Undo `book`."""
        return "cancel" if node == "book" else None

    def items(self, over: Any, view: rules.View) -> list[Data] | None:
        """Return them, if they are known."""
        return None if over == "endless" else list(over)

    def value(self, template: Any, view: rules.View) -> Data:
        """Look names up in the state."""
        return view.state.get(template, template)


def entered(settings: dict[str, Any], *more: rules.Fact) -> list[ev.Event]:
    """Return the events that entering a step with these settings records."""
    state = folded(*START, *more)
    step = af.Step("s", **settings)
    facts = rules.enter(step, state, state.branches["main"], Undoing(), 10.0)

    assert {address for address, _ in facts} == {"main/s"}
    return [event for _, event in facts]


ARMS = {"a": "book", "b": "y"}
STARTED: dict[str, tuple[dict[str, Any], ev.ActivationStarted]] = {
    "activity": (
        {"activity": "book", "parameters": {"x": 1}, "store": "v"},
        ev.ActivationStarted("activity", "book", "s", {"x": 1}, "v", "cancel"),
    ),
    "node": (
        {"dynamic": "n"},
        ev.ActivationStarted("dynamic", "n", "s", {}),
    ),
    "map": (
        {"map": af.Map(over=[1, 2], activity="book", max_concurrency=3), "store": "v"},
        ev.ActivationStarted(
            *("map", "s", "s"),
            {
                "items": [1, 2],
                "bodies": [["activity", "book", "cancel"]],
                "limit": 3,
                "on_error": "wait",
            },
            "v",
        ),
    ),
    "map of batches": (
        {"map": af.Map(over=[1, 2, 3], activity="y", batch=2, on_error="continue")},
        ev.ActivationStarted(
            *("map", "s", "s"),
            {
                "items": [[1, 2], [3]],
                "bodies": [["activity", "y", None]],
                "limit": None,
                "on_error": "continue",
            },
        ),
    ),
    "map of pages": (
        {"map": af.Map(over=af.Pages(fetch="f", start="first"))},
        ev.ActivationStarted(
            *("map", "s", "s"),
            {
                "items": [],
                "bodies": [],
                "limit": None,
                "on_error": "wait",
                "source": "pages",
                "cursor": "first",
            },
        ),
    ),
    "map of an iterator": (
        {"map": af.Map(over="endless", activity="y")},
        ev.ActivationStarted(
            *("map", "s", "s"),
            {
                "items": [],
                "bodies": [["activity", "y", None]],
                "limit": None,
                "on_error": "wait",
                "source": "iterator",
            },
        ),
    ),
    "parallel": (
        {"parallel": af.Parallel(arms=ARMS, parameters={"x": 1}, max_concurrency=1)},
        ev.ActivationStarted(
            *("parallel", "s", "s"),
            {
                "items": [{"x": 1}, {"x": 1}],
                "names": ["a", "b"],
                "bodies": [["activity", "book", "cancel"], ["activity", "y", None]],
                "limit": 1,
                "on_error": "wait",
            },
        ),
    ),
    "loop": (
        {"loop": af.Loop(body="y", initial="first")},
        ev.ActivationStarted("loop", "s", "s", {"initial": "first"}),
    ),
    "loop with nothing": (
        {"loop": af.Loop(body="y", stream="last")},
        ev.ActivationStarted("loop", "s", "s", {"initial": None, "stream": "last"}),
    ),
    "route": (
        {"route": af.Route(key="k", choices={"k": "y"}, parameters={"x": 1})},
        ev.ActivationStarted("route", "s", "s", {"key": "k", "arguments": {"x": 1}}),
    ),
    "join": (
        {"join": af.Join(mappings={"a.x": "y"})},
        ev.ActivationStarted("join", "s", "s", {"mappings": {"a.x": "y"}}),
    ),
    "signal": (
        {"wait_signal": af.WaitSignal(topic="go", store="v"), "store": "w"},
        ev.ActivationStarted("wait_signal", "s", "s", {"topic": "go"}, "v"),
    ),
    "signal kept by its step": (
        {"wait_signal": af.WaitSignal(topic="go"), "store": "w"},
        ev.ActivationStarted("wait_signal", "s", "s", {"topic": "go"}, "w"),
    ),
    "question": (
        {"ask": af.Ask(prompt="sure?")},
        ev.ActivationStarted("ask", "s", "s", "sure?"),
    ),
    "sleep": ({"sleep": 1}, ev.ActivationStarted("sleep", "s", "s")),
}


@pytest.mark.parametrize(("settings", "started"), STARTED.values(), ids=STARTED)
def test_what_a_step_begins_with(
    settings: dict[str, Any], started: ev.ActivationStarted
) -> None:
    """All that it needs is recorded with it, so that it goes on after a crash."""
    assert entered(settings)[0] == started


def test_a_step_that_only_decides_is_done_at_once() -> None:
    """There is nothing to wait for."""
    assert entered({"decide": True}) == [
        ev.ActivationStarted("decide", "s", "s"),
        ev.ActivationCompleted(),
    ]


def test_a_loop_begins_with_the_variable_that_it_fills() -> None:
    """Or, before there is one, with the input of that name."""
    step: dict[str, Any] = {"loop": af.Loop(body="y"), "store": "v"}
    before: list[rules.Fact] = [
        ("main/t", ev.ActivationStarted("activity", "y", "t", store="v")),
        ("main/t", ev.ActivationCompleted(7)),
    ]

    def initial(state: Any) -> Data:
        facts = rules.enter(
            af.Step("s", **step), state, state.branches["main"], Undoing(), 10.0
        )
        started = facts[0][1]
        assert isinstance(started, ev.ActivationStarted)
        return started.input["initial"]

    inputs = ("", ev.ExecutionStarted("w", "f", inputs={"v": 1})), START[1]
    assert initial(folded(*inputs)) == 1
    assert initial(folded(*inputs, *before)) == 7


@pytest.mark.parametrize("topic", ["", None])
def test_a_topic_of_nothing_is_refused(topic: Any) -> None:
    """A signal without a topic could not be told from others; the step is named."""
    with pytest.raises(ValueError, match="the topic of 's' is empty"):
        entered({"wait_signal": af.WaitSignal(topic=topic)})


def test_a_topic_may_be_any_value() -> None:
    """Such as the number of an order; it is text then."""
    started = entered({"wait_signal": af.WaitSignal(topic=0)})[0]  # type: ignore[arg-type]

    assert isinstance(started, ev.ActivationStarted)
    assert started.input == {"topic": "0"}


def test_a_signal_that_is_there_ends_the_wait_at_once() -> None:
    """The oldest of its topic; unless the execution is paused."""
    given = [("", ev.SignalReceived("go", n)) for n in (1, 2)]
    paused: rules.Fact = ("", ev.ExecutionPaused())
    step: dict[str, Any] = {"wait_signal": af.WaitSignal(topic="go")}
    started = ev.WaitStarted(0, "signal", "go")

    assert entered(step, *given)[1:] == [started, ev.WaitEnded(0, signal=3)]
    assert entered(step, *given, paused)[1:] == [started]


# --- where a branch goes on ----------------------------------------------------------

ROUTE = af.Route(key="k", choices={"1": "one", "b": "two"}, default="other")


@pytest.mark.parametrize(
    ("key", "node"),
    [("1", "one"), (1, "one"), ("b", "two"), ("c", "other")],
    ids=repr,
)
def test_a_route_follows_its_key(key: Data, node: str) -> None:
    """A number finds its text; what is not there takes the default."""
    assert rules.chosen(ROUTE, key) == node


def test_a_route_without_a_default_may_lead_nowhere() -> None:
    """The error shows the key, and those that there are."""
    with pytest.raises(LookupError, match=r"no route for 'c', .* there are: 'a', 'b'"):
        rules.chosen(af.Route(key="k", choices={"a": "x", "b": "y"}), "c")


@pytest.mark.parametrize(
    ("edges", "moves"),
    [
        ([af.Edge("t")], True),
        ([af.Edge("t", branch="main")], True),
        ([af.Edge("t", branch="b")], False),
        ([af.Edge("t"), af.Edge("u")], False),
        ([], False),
    ],
)
def test_a_branch_goes_on_itself_along_a_single_edge(
    edges: list[af.Edge], moves: object
) -> None:
    """Of its own name, or of none; all else is an end or a fork."""
    assert rules.is_move(folded(*START).branches["main"], edges) == moves


FLOW: list[rules.Fact] = [
    *START,
    ("main/s", ev.ActivationStarted("flow", "f", "s")),
    ("main/s", ev.FlowStarted()),
    ("main/s/main", ev.BranchStarted("t")),
]


@pytest.mark.parametrize(
    ("before", "branch", "started"),
    [
        (START, "main", ["main-1", "b", "main-2"]),
        (FLOW, "main/s/main", ["main/s/main-1", "main/s/b", "main/s/main-2"]),
    ],
)
def test_a_fork_starts_a_branch_for_every_edge(
    before: list[rules.Fact], branch: str, started: list[str]
) -> None:
    """Named ones, and others by number; what forked has ended."""
    state = folded(*before)
    edges = [af.Edge("x"), af.Edge("y", branch="b"), af.Edge("z")]
    steps = zip(started, "xyz", strict=True)

    assert rules.fork(state, state.branches[branch], edges) == [
        *((name, ev.BranchStarted(step, branch)) for name, step in steps),
        (branch, ev.BranchCompleted()),
    ]


def test_branches_without_a_name_are_counted_through() -> None:
    """So a second fork has other names."""
    state = folded(*START)
    edges = [af.Edge("x"), af.Edge("y")]
    fold(state, *rules.fork(state, state.branches["main"], edges))
    facts = rules.fork(state, state.branches["main-1"], edges)

    assert [address for address, _ in facts] == ["main-1-3", "main-1-4", "main-1"]


def test_the_name_of_a_branch_is_used_once() -> None:
    """A second of that name is a failure: joins could not tell them apart."""
    state = folded(*START, ("b", ev.BranchStarted("t", "main")))
    edges = [af.Edge("x"), af.Edge("y", branch="b")]
    ((address, event),) = rules.fork(state, state.branches["main"], edges)

    assert address == "main"
    assert isinstance(event, ev.BranchFailed)
    assert (event.error.type, event.error.address) == ("definition", "main")
    assert "a branch 'b' was started before" in event.error.message


CATCHES = [af.Catch(goto="x", on="odd"), af.Catch(goto="y", store="e")]


@pytest.mark.parametrize(
    ("settings", "failure", "expected"),
    [
        (
            {"activity": "a", "catch": CATCHES},
            Failure("odd", "no"),
            ev.BranchDiverted("x", Failure("odd", "no")),
        ),
        (
            {"activity": "a", "catch": CATCHES},
            BROKE,
            ev.BranchDiverted("y", BROKE, "e"),
        ),
        ({"activity": "a", "catch": CATCHES[:1]}, BROKE, ev.BranchFailed(BROKE)),
        ({"activity": "a"}, BROKE, ev.BranchFailed(BROKE)),
        (
            {"wait_signal": af.WaitSignal(topic="t", timeout=1, on_timeout="z")},
            LATE,
            ev.BranchDiverted("z", LATE),
        ),
        (
            {"wait_signal": af.WaitSignal(topic="t", timeout=1, on_timeout="z")},
            BROKE,
            ev.BranchFailed(BROKE),
        ),
        (
            {"wait_signal": af.WaitSignal(topic="t", timeout=1)},
            LATE,
            ev.BranchFailed(LATE),
        ),
    ],
)
def test_where_a_branch_goes_after_a_failure(
    settings: dict[str, Any], failure: Failure, expected: ev.Event
) -> None:
    """To the first catch that is about it, to what follows a timeout, or down."""
    step, branch = af.Step("s", **settings), folded(*START).branches["main"]

    assert rules.caught(step, branch, failure) == ("main", expected)


def test_a_map_that_could_not_go_on_finding_items_has_failed() -> None:
    """For that reason, whatever else has failed in it."""
    fan = {"items": [1], "bodies": [["activity", "x", None]], "limit": None}
    started = ev.ActivationStarted("map", "m", "s", {**fan, "on_error": "wait"})
    state = folded(*START, ("main/s", started))
    activation = state.activations["main/s"]
    assert activation.fan is not None

    assert rules.map_failure(activation) is None
    activation.fan.broken = BROKE
    assert rules.map_failure(activation) is BROKE


# --- what a graph gives --------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "output"),
    [
        ("*", {"v": {"a": 1}, "w": 2}),
        ("v", {"a": 1}),
        ("v.a", 1),
        ("x", None),
    ],
)
def test_the_result_of_a_graph_is_a_variable(result: str, output: Data) -> None:
    """Of its main branch; or all of them."""
    stores = {"s0": "v", "s1": "w", "s2": "x"}
    steps = [af.Step(name, activity="a", store=v) for name, v in stores.items()]
    steps[0] = evolve(steps[0], next=[af.Edge("s1"), af.Edge("s2")])
    workflow = af.Workflow("w", steps=steps, result=result)
    done: list[rules.Fact] = []
    for name, value in {"v": {"a": 1}, "w": 2}.items():
        started = ev.ActivationStarted("activity", "a", name, store=name)
        done += [(f"main/{name}", started)]
        done += [(f"main/{name}", ev.ActivationCompleted(value))]
    state = folded(*START, *done, ("main", ev.BranchCompleted()))

    assert rules.finish(workflow, state, "") == rules.Output(output)
