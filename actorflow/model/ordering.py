"""The order in which a graph is best looked through."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
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


def circles(
    following: Mapping[Point, Sequence[Point]], start: Point
) -> Iterator[list[Point]]:
    """Yield what *start* leads to, in groups, each after those that it leads to.

    Two points are in one group if each leads to the other. (Kosaraju's algorithm.)
    """
    order = postorder(following, start)
    preceding: dict[Point, list[Point]] = defaultdict(list)
    for point in order:
        for target in following[point]:
            preceding[target].append(point)
    groups: list[list[Point]] = []
    seen: set[Point] = set()
    for point in reversed(order):
        if point in seen:
            continue
        group, pending = [], [point]
        seen.add(point)
        while pending:
            member = pending.pop()
            group.append(member)
            new = [p for p in dict.fromkeys(preceding[member]) if p not in seen]
            seen.update(new)
            pending += new
        groups.append(group)
    yield from reversed(groups)
