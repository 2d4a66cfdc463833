"""What maps, parallels and joins give, and what undoes their items, as it is folded."""

from __future__ import annotations

from typing import Any

import pytest

from actorflow.model import events as ev
from actorflow.model.events import Data, Failure
from actorflow.model.rules import Fact
from tests.model.folded import BROKE, START, fold, folded

BODY: list[Data] = ["activity", "work", None]
UNDOABLE: list[Data] = ["activity", "work", "undo"]
DONE: Fact = ("main/s", ev.ActivationCompleted())


def begun(*bodies: list[Data], kind: str = "map", **more: Data) -> list[Fact]:
    """Return how a step begins whose result goes to `v`."""
    given: dict[str, Any] = {"items": [1, 2], "bodies": list(bodies), "limit": None}
    given |= {"on_error": "wait", **more}
    return [*START, ("main/s", ev.ActivationStarted(kind, kind, "s", given, "v"))]


def item(index: Any, result: Data) -> Fact:
    """Return the end of an item: with what it gave, or a failure."""
    failed = isinstance(result, Failure)
    ended = ev.ActivationFailed(result) if failed else ev.ActivationCompleted(result)
    return f"main/s[{index}]", ended


def outcome(value: Data = None, error: Failure | None = None) -> Data:
    """Return an outcome as it is recorded."""
    return ev.outcome_data(value, error)


ALL: Fact = ("main/s", ev.ItemsStarted(0, 2))
BARE: Fact = ("main/s", ev.ItemsStarted(0, 2, bare=True))
GIVEN: dict[str, tuple[list[Fact], Data]] = {
    "a map": ([*begun(BODY), ALL, item(1, "b"), item(0, "a")], ["a", "b"]),
    "a map of bare items": (
        [*begun(BODY), BARE, item(1, "b"), item(0, "a")],
        ["a", "b"],
    ),
    "a parallel": (
        [
            *begun(BODY, UNDOABLE, kind="parallel", names=["x", "y"]),
            *(ALL, item("x", 5), item("y", None)),
        ],
        {"x": 5, "y": None},
    ),
    "a map that goes on": (
        [*begun(BODY, on_error="continue"), ALL, item(0, BROKE), item(1, 7)],
        [outcome(error=BROKE), outcome(7)],
    ),
    "a parallel that goes on": (
        [
            *begun(BODY, BODY, kind="parallel", names=["x", "y"], on_error="continue"),
            *(ALL, item("x", BROKE), item("y", None)),
        ],
        {"x": outcome(error=BROKE), "y": outcome()},
    ),
    "a map of nothing": (begun(BODY, items=[]), []),
    "items of an iterator": (
        [
            *begun(BODY, items=[], source="iterator"),
            ("main/s", ev.ItemsFound(["i", "j"], last=True)),
            *(ALL, item(1, 2), item(0, 1)),
        ],
        [1, 2],
    ),
    "items of pages": (
        [
            *begun(BODY, items=[], source="pages", cursor=None),
            ("main/s", ev.ItemsFound(["i"], cursor="c")),
            ("main/s", ev.ItemsFound(["j"], last=True)),
            *(ALL, item(0, 1), item(1, 2)),
        ],
        {"results": [1, 2], "cursor": "c", "pages": 2},
    ),
    "pages as they are": (
        [
            *begun(items=[], source="pages", cursor=None),
            ("main/s", ev.ItemsFound([["i", "j"]], cursor="c")),
            ("main/s", ev.ItemsFound([["k"]], last=True, cursor="d")),
        ],
        {
            "items": {"$": "chain", "v": [["i", "j"], ["k"]]},
            "cursor": "d",
            "pages": 2,
        },
    ),
}


@pytest.mark.parametrize(("facts", "given"), GIVEN.values(), ids=GIVEN)
def test_what_a_step_of_many_gives(facts: list[Fact], given: Data) -> None:
    """Lists in the order of the items, mappings by arm, and where pages have ended."""
    state = folded(*facts, DONE)

    assert state.branches["main"].variables == {"v": given}
    assert state.activations == {}


def test_a_page_that_was_fetched_gives_its_items() -> None:
    """It is recorded once, as what was fetched; that there are items is an event."""
    fetch = "main/s/fetch"
    page = {"$": "object", "type": "actorflow:Page", "v": {"items": ["i", "j"]}}
    state = folded(
        *begun(items=[], source="pages", cursor=None),
        (fetch, ev.ActivationStarted("activity", "fetch")),
        (fetch, ev.ActivationCompleted(page)),
    )
    fan = state.activations["main/s"].fan
    assert fan is not None
    assert (state.activations["main/s"].open, fan.open) == (0, True)

    fold(state, ("main/s", ev.ItemsFound(cursor="c")))
    assert (fan.results, fan.cursor, fan.open) == ([["i", "j"]], "c", True)
    assert (fan.next, fan.items) == (1, [None])
    assert state.activations["main/s"].results is None


def test_that_no_page_can_be_fetched_breaks_the_map() -> None:
    """What runs may end; nothing further is begun. A retry may look again."""
    fetch = "main/s/fetch"
    state = folded(
        *begun(BODY, items=[], source="pages", cursor=None),
        (fetch, ev.ActivationStarted("activity", "fetch")),
        (fetch, ev.ActivationFailed(BROKE)),
    )
    parent = state.activations["main/s"]
    assert parent.fan is not None
    assert (parent.fan.broken, parent.fan.failures) == (BROKE, {})
    assert (parent.fan.hungry, parent.fan.finished) == (False, True)

    fold(
        state,
        ("main/s", ev.ActivationFailed(BROKE)),
        ("main", ev.BranchFailed(BROKE)),
        ("", ev.ExecutionFailed(BROKE)),
        ("", ev.ExecutionRetried()),
    )
    assert (parent.fan.broken, parent.open) == (None, 1)


def test_the_reason_why_no_item_was_found_may_come_with_the_end() -> None:
    """As of an iterator that raises."""
    found = ev.ItemsFound([1], last=True, error=BROKE)
    state = folded(*begun(BODY, items=[], source="iterator"), ("main/s", found))
    fan = state.activations["main/s"].fan

    assert fan is not None
    assert (fan.broken, fan.open, fan.items) == (BROKE, False, [1])


def test_a_map_waits_for_its_items_once_it_knows_that_there_are_no_more() -> None:
    """Before, it owes a look for others; afterwards nothing, until one ends."""
    state = folded(
        *begun(BODY, items=[], source="iterator"),
        ("main/s", ev.ItemsFound([1])),
        ("main/s", ev.ItemsStarted(0, 1)),
    )
    before = state.activations["main/s"].owes
    fold(state, ("main/s", ev.ItemsFound([], last=True)))

    assert (before, state.activations["main/s"].owes) == (True, False)


def test_an_item_that_is_tried_again_keeps_what_it_had() -> None:
    """What has ended well in it is not run again."""
    state = folded(
        *begun(["dynamic", "node", None]),
        ALL,
        ("main/s[0]/c#1", ev.ActivationStarted("activity", "c")),
        ("main/s[0]/c#1", ev.ActivationCompleted(7)),
        ("main/s[0]", ev.ActivationFailed(BROKE)),
        item(1, "b"),
        ("main/s", ev.ActivationFailed(BROKE)),
        ("main", ev.BranchFailed(BROKE)),
        ("", ev.ExecutionFailed(BROKE)),
        ("", ev.ExecutionRetried()),
        ("main/s", ev.ItemsStarted(0, 1)),
    )
    again = state.activations["main/s[0]"]

    assert (again.phase, again.error) == ("running", None)
    assert [called.value for called in (again.calls or {}).values()] == [7]


def test_items_of_endless_sources_are_not_kept() -> None:
    """There may be millions; those that are known from the start are in an event."""
    found = ("main/s", ev.ItemsFound(["i", "j"]))
    endless = folded(
        *begun(BODY, items=[], source="iterator"), found, ALL, item(0, "a")
    )
    listed = folded(*begun(BODY, items=["i", "j"]), ALL, item(0, "a"))

    for state, items in ((endless, [None, "j"]), (listed, ["i", "j"])):
        fan = state.activations["main/s"].fan
        assert fan is not None
        assert fan.items == items


@pytest.mark.parametrize("bare", [False, True])
def test_an_item_that_can_be_undone_is_remembered(*, bare: bool) -> None:
    """With the variables of that moment, and by its own address."""
    started = ("main/s", ev.ItemsStarted(0, 2, bare=bare))
    state = folded(*begun(UNDOABLE), started, item(1, "b"))

    (undo,) = state.compensations
    assert (undo.address, undo.undo, undo.result) == ("main/s[1]", "undo", "b")
    assert folded(*begun(BODY), started, item(1, "b")).compensations == []


def test_bare_items_are_only_counted() -> None:
    """There may be very many, of which nothing is known but when they began."""
    state = folded(*begun(BODY), BARE)
    fan = state.activations["main/s"].fan

    assert fan is not None
    assert (fan.bare, fan.live, fan.next) == ({0: 4.0, 1: 4.0}, 2, 2)
    assert list(state.activations) == ["main/s"]


def test_items_that_only_wait_are_not_at_work() -> None:
    """When the last that is at work ends, nothing is, though others are active."""
    waiting = ev.WaitStarted(0, "signal", "go")
    state = folded(
        *begun(BODY, items=[1, 2, 3]),
        ("main/s", ev.ItemsStarted(0, 3, bare=True)),
        *((f"main/s[{index}]", waiting) for index in (0, 1)),
        item(2, "c"),
    )
    parent = state.activations["main/s"]

    assert parent.fan is not None
    assert (parent.busy_children, parent.fan.live, state.busy) == (0, 2, False)


def test_items_may_be_children() -> None:
    """Each is known as one, and its execution is waited for."""
    state = folded(*begun(["child", "w", None]), ALL)

    assert list(state.children) == ["main/s[0]", "main/s[1]"]
    assert all(each.link is not None for each in state.children.values())
    others = folded(*begun(BODY), ALL)
    assert others.children == {}
    assert all(each.link is None for each in others.activations.values())


def test_what_was_recorded_is_not_changed() -> None:
    """More items are put into a list of the state's own."""
    facts = begun(BODY, items=[], source="iterator")
    folded(*facts, ("main/s", ev.ItemsFound([1, 2])))

    assert facts == begun(BODY, items=[], source="iterator")


def test_an_arm_knows_its_own_node() -> None:
    """Each has a body of its own; what undoes one does not undo another."""
    state = folded(
        *begun(BODY, UNDOABLE, kind="parallel", names=["x", "y"]),
        *(ALL, item("x", 1), item("y", 2)),
    )

    assert [undo.address for undo in state.compensations] == ["main/s[y]"]


def test_an_item_that_was_left_is_begun_again() -> None:
    """Before those that were never begun."""
    state = folded(*begun(BODY, items=[1, 2, 3]), ALL)
    fold(state, ("main/s[0]", ev.ActivationCancelled()))
    fan = state.activations["main/s"].fan
    assert fan is not None
    assert ([*fan.redo], fan.live, fan.next) == ([0], 1, 2)

    fold(state, ("main/s", ev.ItemsStarted(0, 1)))
    assert ([*fan.redo], fan.live, fan.next) == ([], 2, 2)


# --- joins ---------------------------------------------------------------------------

B = {"n": {"x": 1}, "y": 2}


@pytest.mark.parametrize(
    ("mappings", "merged", "variables"),
    [
        ({}, ["b"], {"v": 0, "b": B}),
        ({}, [], {"v": 0}),
        ({"b.y": "z"}, ["b"], {"v": 0, "z": 2}),
        ({"b.n.x": "v"}, ["b"], {"v": 1}),
        ({"b.y": "p.q", "b.n": "p.r"}, ["b"], {"v": 0, "p": {"q": 2, "r": {"x": 1}}}),
        ({"b": "all"}, ["b"], {"v": 0, "all": B}),
        ({"b.nothing": "z"}, ["b"], {"v": 0}),
        ({"b.y": "z"}, [], {"v": 0}),
        ({"c.y": "z"}, ["b"], {"v": 0, "b": B, "z": None}),
        ({"c.y": "v"}, ["b"], {"v": 0, "b": B}),
        ({}, ["b", "main"], {"v": 0, "b": B}),
        ({"main.v": "w"}, ["main"], {"v": 0, "w": 0}),
    ],
    ids=str,
)
def test_what_a_join_takes_from_a_branch(
    mappings: Data, merged: list[str], variables: Data
) -> None:
    """What is mapped, or else all of it, under the name of the branch."""
    state = folded(
        ("", ev.ExecutionStarted("w", "f", variables={"v": 0})),
        ("main", ev.BranchStarted("j")),
        ("b", ev.BranchStarted("s", "main")),
    )
    state.branches["b"].variables = dict(B)
    fold(
        state,
        ("b", ev.BranchCompleted()),
        ("main/j", ev.ActivationStarted("join", "join", "j", {"mappings": mappings})),
        ("main/j", ev.ActivationCompleted(merged)),
    )

    assert state.branches["main"].variables == variables
    assert state.branches["b"].variables == B


# --- failures that are caught --------------------------------------------------------


def test_a_caught_failure_is_kept_as_data() -> None:
    """With all that failed, so that a later step can tell."""
    both = Failure("odd", "2 failed", causes=(BROKE, Failure("timeout", "late")))
    state = folded(*START, ("main", ev.BranchDiverted("t", both, "e")))
    kept = state.branches["main"].variables["e"]

    assert (kept["type"], kept["message"]) == ("odd", "2 failed")
    assert [cause["type"] for cause in kept["causes"]] == ["activity_failed", "timeout"]
    assert "causes" not in kept["causes"][0]
