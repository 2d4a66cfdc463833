"""The order in which a graph is best looked through."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

Point = TypeVar("Point", bound=Hashable)


def postorder(following: Mapping[Point, Sequence[Point]], start: Point) -> list[Point]:
    """Return what *start* leads to, each after what it leads to, itself the last.

    Where the graph has a circle, something in it comes too early.
    """
    order: list[Point] = []
    seen = {start}
    stack = [(start, iter(following[start]))]
    while stack:
        point, ahead = stack[-1]
        target = next((t for t in ahead if t not in seen), None)
        if target is None:
            order.append(point)
            stack.pop()
        else:
            seen.add(target)
            stack.append((target, iter(following[target])))
    return order
