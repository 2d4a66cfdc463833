"""A map or a parallel as the model counts it: what is begun, and when it is over."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from actorflow.model.events import Failure
from actorflow.model.parts import Fan

BROKE = Failure("odd", "broke")
X, Y = ("activity", "x", None), ("activity", "y", "undo")


def fan(**settings: Any) -> Fan:
    """Return a map of two items, but for these settings."""
    empty: dict[str, Any] = {
        "items": ["i", "j"],
        "names": None,
        "bodies": [X],
        "limit": None,
        "on_error": "wait",
        "results": [None, None],
    }
    return Fan(**empty | settings)


def test_items_have_numbers_and_arms_have_names() -> None:
    """All items run the same node; every arm has one of its own."""
    items, arms = fan(), fan(names=["a", "b"], bodies=[X, Y])

    assert items.address("main/m", 1) == "main/m[1]"
    assert arms.address("main/p", 1) == "main/p[b]"
    assert (items.index("1"), arms.index("b")) == (1, 1)
    assert (items.body(1), arms.body(1)) == (X, Y)


@pytest.mark.parametrize(
    ("settings", "startable", "hungry", "finished"),
    [
        ({}, True, False, False),
        ({"next": 1}, True, False, False),
        ({"next": 1, "live": 1}, True, False, False),
        ({"next": 2, "live": 1}, False, False, False),
        ({"next": 2}, False, False, True),
        ({"next": 2, "redo": deque([0])}, True, False, False),
        ({"open": True}, True, False, False),
        ({"next": 2, "open": True}, False, True, False),
        ({"next": 2, "open": True, "live": 1}, False, True, False),
        ({"next": 2, "open": True, "broken": BROKE}, False, False, True),
        ({"broken": BROKE}, False, False, True),
        ({"broken": BROKE, "live": 1}, False, False, False),
        ({"failures": {0: BROKE}}, True, False, False),
        ({"failures": {0: BROKE}, "on_error": "continue"}, True, False, False),
        ({"failures": {0: BROKE}, "on_error": "fail_fast"}, False, False, True),
        ({"on_error": "fail_fast"}, True, False, False),
    ],
)
def test_what_is_still_to_be_done(
    settings: dict[str, Any], startable: object, hungry: object, finished: object
) -> None:
    """Items are begun until there are none, or until a failure stops the rest.

    More are looked for when all that are known have been begun.
    """
    made = fan(**settings)

    assert (made.startable, made.hungry, made.finished) == (startable, hungry, finished)


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({"on_error": "fail_fast", "failures": {0: BROKE}, "live": 1}, True),
        ({"on_error": "fail_fast", "failures": {0: BROKE}, "live": 0}, False),
        ({"on_error": "fail_fast", "failures": {}, "live": 1}, False),
        ({"on_error": "wait", "failures": {0: BROKE}, "live": 1}, False),
    ],
)
def test_what_is_active_is_left_after_a_failure(
    settings: dict[str, Any], left: object
) -> None:
    """Only where that was asked for, and while there is something to leave."""
    assert fan(**settings).failed_fast == left
