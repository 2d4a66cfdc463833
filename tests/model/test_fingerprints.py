"""Fingerprints of steps of every kind: what changes them, and what they are."""

from __future__ import annotations

from typing import Any

import pytest

import actorflow as af
from actorflow.model.steps import BY_NAME


def first_page(state: Any) -> int:
    """Return where to begin."""
    return 1


@af.dynamic
async def orchestrate(ctx: af.Context) -> None:
    """Do nothing."""


def workflow(**how: Any) -> af.Workflow:
    """Return a workflow of one step that matters."""
    edges = [af.Edge("last", branch="b")]
    steps = [af.Step("s", **{"next": edges} | how), af.Step("last", decide=True)]
    return af.Workflow("w", steps=steps)


def inner(node: str) -> af.Workflow:
    """Return a workflow to be part of another."""
    return af.Workflow("inner", steps=[af.Step("a", activity=node)])


def flow(node: str) -> af.Flow:
    """Return a flow to be part of another."""
    return af.Flow("inner").then(node)


MAP: dict[str, Any] = {"over": "state.xs", "activity": "x"}
LOOP: dict[str, Any] = {"body": "x", "until": "result > 1", "max_iterations": 5}
KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "loop": ({"loop": af.Loop(**LOOP, initial=first_page)}, "931d2366f7c6f6d5"),
    "route": (
        {"route": af.Route(key="state.k", choices={1: "x"}, default="y")},
        "161cad62a362294a",
    ),
    "parallel": (
        {"parallel": af.Parallel(arms={"a": "x"}, parameters={"n": 1})},
        "9afcbfba62295078",
    ),
    "batch": ({"map": af.Map(**MAP, batch=3, item="xs")}, "bb4118f0082920f9"),
    "pages": (
        {"map": af.Map(over=af.Pages(fetch="f", start=first_page, max_pages=9))},
        "9557994983f89395",
    ),
    "flow": ({"flow": flow("x")}, "85b6aabda944d6bf"),
    "graph": ({"flow": inner("x")}, "a7519c8c740082d9"),
    "child": ({"child": inner("x")}, "787aa55b16a6d914"),
    "child by name": ({"child": "inner"}, "0d856511050042f7"),
    "dynamic": ({"dynamic": orchestrate}, "842243b4872efb18"),
    "ask": ({"ask": af.Ask(prompt="ok?", timeout=9, default=True)}, "a6745f3e50b6b264"),
    "join": ({"join": af.Join()}, "2a845b265dd2bc9c"),
    "parameters": (
        {"activity": "x", "parameters": {"a": [first_page, {1: ("b", None)}]}},
        "0726f1b66bf94be0",
    ),
    "by name": ({"activity": "x", "parameters": BY_NAME}, "af1570774859c01a"),
}


@pytest.mark.parametrize(("how", "fingerprint"), KINDS.values(), ids=KINDS)
def test_fingerprint_is_for_ever(how: dict[str, Any], fingerprint: str) -> None:
    """Fingerprints are in logs: if one of these changes, running executions stop.

    What was recorded by one release would not be known to the next. Never edit them.
    """
    assert workflow(**how).fingerprint == fingerprint


def first_of(state: Any) -> int:
    """Return where to begin elsewhere."""
    return 2


OTHER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "until": (
        {"loop": af.Loop(**LOOP)},
        {"loop": af.Loop(**LOOP | {"until": "result > 2"})},
    ),
    "initial": ({"loop": af.Loop(**LOOP)}, {"loop": af.Loop(**LOOP, initial="1")}),
    "iterations": (
        {"loop": af.Loop(**LOOP)},
        {"loop": af.Loop(**LOOP | {"max_iterations": 6})},
    ),
    "key": (
        {"route": af.Route(key="a", choices={1: "x"})},
        {"route": af.Route(key="b", choices={1: "x"})},
    ),
    "default": (
        {"route": af.Route(key="a", choices={1: "x"})},
        {"route": af.Route(key="a", choices={1: "x"}, default="x")},
    ),
    "arm": (
        {"parallel": af.Parallel(arms={"a": "x"})},
        {"parallel": af.Parallel(arms={"b": "x"})},
    ),
    "arms' parameters": (
        {"parallel": af.Parallel(arms={"a": "x"})},
        {"parallel": af.Parallel(arms={"a": "x"}, parameters={"n": 1})},
    ),
    "over": (
        {"map": af.Map(over="state.xs", activity="x")},
        {"map": af.Map(over="state.ys", activity="x")},
    ),
    "items' parameters": (
        {"map": af.Map(**MAP)},
        {"map": af.Map(**MAP, parameters={"x": "${item}"})},
    ),
    "batch": ({"map": af.Map(**MAP)}, {"map": af.Map(**MAP, batch=1)}),
    "item": ({"map": af.Map(**MAP)}, {"map": af.Map(**MAP, item="x")}),
    "index": ({"map": af.Map(**MAP)}, {"map": af.Map(**MAP, index="x")}),
    "start": (
        {"map": af.Map(over=af.Pages(fetch="f", start=first_page))},
        {"map": af.Map(over=af.Pages(fetch="f", start=first_of))},
    ),
    "each page": (
        {"map": af.Map(over=af.Pages(fetch="f"))},
        {"map": af.Map(over=af.Pages(fetch="f"), activity="x")},
    ),
    "inner graph": ({"flow": inner("x")}, {"flow": inner("y")}),
    "inner flow": ({"flow": flow("x")}, {"flow": flow("y")}),
    "branches": ({"join": af.Join()}, {"join": af.Join(branches=["main"])}),
    "count": ({"join": af.Join()}, {"join": af.Join(count=1)}),
    "mappings": ({"join": af.Join()}, {"join": af.Join(mappings={"b.x": "y"})}),
    "topic": (
        {"wait_signal": af.WaitSignal(topic="a")},
        {"wait_signal": af.WaitSignal(topic="b")},
    ),
}


@pytest.mark.parametrize(("one", "other"), OTHER.values(), ids=OTHER)
def test_fingerprint_tells_what_may_not_change(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    """What decides how recorded events are read is another definition."""
    assert workflow(**one).fingerprint != workflow(**other).fingerprint


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("map", af.Map(**MAP), af.Map(**MAP, max_concurrency=1, on_error="continue")),
        ("loop", af.Loop(**LOOP), af.Loop(**LOOP, stream="last", on_max="error")),
        ("ask", af.Ask(), af.Ask(prompt="ok?", timeout=3, default=True)),
    ],
    ids=["map", "loop", "ask"],
)
def test_fingerprint_bears_what_may_change(kind: str, one: Any, other: Any) -> None:
    """Limits, and what people are asked, may change under running executions."""
    steps = workflow(**{kind: one}), workflow(**{kind: other})

    assert steps[0].fingerprint == steps[1].fingerprint
