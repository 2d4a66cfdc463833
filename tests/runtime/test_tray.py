"""Ends of items are taken in by portions, so that one message tells of many."""

from __future__ import annotations

from typing import Any

from actorflow.runtime.fanout import PORTION, Tray


def filled(count: int) -> tuple[Any, list[Any]]:
    """Return a tray with so many things in it, and what it has told."""
    told: list[Any] = []
    tray: Any = Tray(told.append)
    for n in range(count):
        tray.put(n)
    return tray, told


def test_what_comes_together_is_told_of_once() -> None:
    """However many threads put something in before the actor's turn."""
    tray, told = filled(5)

    assert told == [tray]
    assert list(tray.take()) == [0, 1, 2, 3, 4]


def test_what_comes_after_a_turn_is_told_of_again() -> None:
    """Nothing is left lying."""
    tray, told = filled(1)
    list(tray.take())

    tray.put(1)

    assert told == [tray, tray]
    assert list(tray.take()) == [1]


def test_a_turn_is_bounded() -> None:
    """The rest of a big pile is for another turn, after those of others."""
    tray, told = filled(PORTION + 3)

    assert len(list(tray.take())) == PORTION
    assert told == [tray, tray]
    assert len(list(tray.take())) == 3
    assert told == [tray, tray]
