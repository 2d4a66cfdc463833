"""Events of strangers: whether what is in them is what it is declared to be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest
from attrs import evolve, field, frozen

from actorflow.model import events as ev
from actorflow.model.fields import check_fields

FAILURE = ev.Failure("timeout", "late", exceptions=("E", "F"), causes=())
STARTED = ev.ExecutionStarted(
    "w", "0123", inputs={"x": [1, None]}, timeout=2.5, parent={"depth": 1}
)


@frozen
class Anything:
    """An event that has a field of every other kind."""

    whole: int = 1
    some: Collection[int] = ()
    table: Mapping[str, int] = field(factory=dict)
    texts: list[str] = field(factory=list)
    bare: list = field(factory=list)
    nothing: None = None
    odd: Any = None


def other(event: Any, **changes: Any) -> Any:
    """Return an event with other fields, of whatever types."""
    return evolve(event, **changes)


def anything(**fields: Any) -> Any:
    """Return such an event."""
    return Anything(**fields)


def failed(error: Any) -> Any:
    """Return the event of a failure."""
    return ev.ExecutionFailed(error)


@pytest.mark.parametrize(
    "event",
    [
        FAILURE,
        STARTED,
        other(STARTED, timeout=2),
        other(STARTED, timeout=None, parent=None),
        other(FAILURE, causes=(FAILURE, other(FAILURE, node="n"))),
        ev.ExecutionFailed(FAILURE),
        anything(),
        anything(some=[1, 2], table={"a": 1}, texts=["a"], bare=[1, "a"], odd={1: 2}),
        anything(some={1: "a"}.keys()),
    ],
)
def test_event_as_it_is_declared(event: Any) -> None:
    """What the types of its fields allow is taken; data may be anything."""
    check_fields(event)


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (other(FAILURE, type=5), "Failure.type is of type int"),
        (other(FAILURE, node=b"n"), "Failure.node is of type bytes"),
        (other(FAILURE, exceptions=["E"]), "Failure.exceptions is of type list"),
        (other(FAILURE, exceptions=("E", 1)), "Failure.exceptions is of type tuple"),
        (other(FAILURE, exceptions="EF"), "Failure.exceptions is of type str"),
        (other(FAILURE, causes=(5,)), "Failure.causes is of type tuple"),
        (
            other(FAILURE, causes=(FAILURE, other(FAILURE, message=None))),
            "Failure.message is of type NoneType",
        ),
        (failed(None), "ExecutionFailed.error is of type NoneType"),
        (
            failed(STARTED),
            "ExecutionFailed.error is of type ExecutionStarted",
        ),
        (other(STARTED, inputs=[]), "ExecutionStarted.inputs is of type list"),
        (other(STARTED, inputs={1: 2}), "ExecutionStarted.inputs is of type dict"),
        (other(STARTED, timeout="1"), "ExecutionStarted.timeout is of type str"),
        (other(STARTED, timeout=True), "ExecutionStarted.timeout is of type bool"),
        (anything(whole=True), "Anything.whole is of type bool"),
        (anything(whole=1.0), "Anything.whole is of type float"),
        (anything(nothing=0), "Anything.nothing is of type int"),
        (anything(bare=()), "Anything.bare is of type tuple"),
        (anything(some="ab"), "Anything.some is of type str"),
        (anything(some=5), "Anything.some is of type int"),
        (anything(some=[1, "2"]), "Anything.some is of type list"),
        (anything(table={"a": "b"}), "Anything.table is of type dict"),
        (anything(table={1: 1}), "Anything.table is of type dict"),
        (anything(texts=["a", 1]), "Anything.texts is of type list"),
    ],
)
def test_event_that_is_not_what_it_says(event: Any, problem: str) -> None:
    """The field is named, wherever it lies, and what was found there."""
    with pytest.raises(TypeError) as caught:
        check_fields(event)

    assert str(caught.value) == problem
