"""How random programs are drawn."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.programs.shapes import (
    Add,
    Again,
    Charge,
    Choice,
    Each,
    Either,
    Fail,
    Fork,
    Gate,
    Hear,
    Parallel,
    Rescue,
    Sequence,
    Shape,
    Wait,
)

ADDS = st.builds(
    Add, k=st.integers(0, 9), tries=st.integers(1, 3), limited=st.booleans()
)
FAILS = st.builds(Fail, k=st.integers(0, 9))
WAITS = st.builds(Wait, seconds=st.integers(1, 99), for_signal=st.booleans())
CHARGES = st.builds(Charge, k=st.integers(0, 9))
HEARS = st.builds(Hear, inside=st.booleans())
GATES = st.builds(Gate)
STYLES = ("flow", "dynamic", "graph", "sync")
SOURCES = st.sampled_from(("list", "iterator", "pages"))
# Who is first decides what `fail_fast` cancels, so crashes may make a difference there.
ALWAYS_THE_SAME = ("wait", "continue")


def pauses(*, at_least: int = 0) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Return a strategy for pauses: seconds after the one before, and how long."""
    pause = st.tuples(st.integers(0, 60), st.integers(1, 30))
    return st.lists(pause, min_size=at_least, max_size=3)


def shapes(
    *on_error: str,
    leaves: int,
    failing: st.SearchStrategy[Shape] = FAILS,
) -> st.SearchStrategy[Shape]:
    """Return a strategy for flows with up to so many *leaves*."""
    leaf: st.SearchStrategy[Shape] = ADDS | WAITS | failing
    return st.recursive(leaf, _around(("flow",), on_error), max_leaves=leaves)


def programs(
    *, leaves: int, styles: tuple[str, ...] = STYLES
) -> st.SearchStrategy[Shape]:
    """Return a strategy for programs of every kind with up to so many *leaves*."""
    leaf: st.SearchStrategy[Shape] = ADDS | FAILS | WAITS | CHARGES | HEARS | GATES
    on_error = (*ALWAYS_THE_SAME, "fail_fast")
    around: Any = _around(styles, on_error)

    def more(parts: st.SearchStrategy[Shape]) -> st.SearchStrategy[Shape]:
        several = st.lists(parts, min_size=1, max_size=3)
        style = {"style": st.sampled_from(styles)}
        rest: st.SearchStrategy[Shape] = around(parts)
        return (
            rest
            | st.builds(Rescue, parts, k=st.integers(0, 9), **style)
            | st.builds(Fork, several, **style)
        )

    whole = st.lists(more(leaf), min_size=1, max_size=1).map(lambda one: one[0])
    return whole | st.recursive(leaf, more, max_leaves=leaves)


def _around(styles: tuple[str, ...], on_error: tuple[str, ...]) -> Any:
    style = {"style": st.sampled_from(styles)}
    fan: dict[str, Any] = {
        "on_error": st.sampled_from(on_error),
        "limit": st.sampled_from([None, 1, 2]),
        **style,
    }

    def around(parts: st.SearchStrategy[Shape]) -> st.SearchStrategy[Shape]:
        several = st.lists(parts, min_size=1, max_size=3)
        return (
            st.builds(Sequence, several, **style)
            | st.builds(Parallel, several, **fan)
            | st.builds(Each, parts, size=st.integers(0, 3), source=SOURCES, **fan)
            | st.builds(Again, parts, times=st.integers(1, 3), **style)
            | st.builds(Choice, several, **style)
            | st.builds(Either, parts, parts, **style)
        )

    return around
