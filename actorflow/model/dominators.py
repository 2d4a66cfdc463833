"""What has certainly happened before a step of a graph is reached.

The algorithm is that of Cooper, Harvey and Kennedy: nodes in reverse postorder, the
closest common dominator of all predecessors, until nothing changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from actorflow.model.definition import Workflow, targets
from actorflow.model.ordering import postorder

Point = tuple[str, bool]
"""A step that has been reached (False), or left by an edge (True)."""


class Dominators:
    """Tells what every way to a step leads past."""

    def __init__(self, workflow: Workflow) -> None:
        following = _following(workflow)
        start = (workflow.start.name, False)
        order = postorder(following, start)
        self._rank = {point: rank for rank, point in enumerate(order)}
        self._above = {start: start}
        preceding: Mapping[Point, list[Point]] = defaultdict(list)
        for point in order:
            for target in following[point]:
                preceding[target].append(point)
        changed = True
        while changed:
            changed = False
            for point in reversed(order[:-1]):
                known = [p for p in preceding[point] if p in self._above]
                closest = known[0]
                for other in known[1:]:
                    closest = self._common(closest, other)
                changed |= self._above.get(point) != closest
                self._above[point] = closest

    def leaves_before(self, earlier: str, step: str) -> bool:
        """Return whether every way to *step* leaves *earlier* by one of its edges."""
        wanted = (earlier, True)
        point = (step, False)
        if point not in self._above or wanted not in self._rank:
            return False
        while self._rank[point] < self._rank[wanted]:
            point = self._above[point]
        return point == wanted

    def _common(self, one: Point, other: Point) -> Point:
        while one != other:
            while self._rank[one] < self._rank[other]:
                one = self._above[one]
            while self._rank[other] < self._rank[one]:
                other = self._above[other]
        return one


def _following(workflow: Workflow) -> dict[Point, list[Point]]:
    points: dict[Point, list[Point]] = {}
    for step in workflow.steps:
        elsewhere = targets(step)[len(step.next) :]
        points[step.name, False] = [
            (step.name, True),
            *((target, False) for target in elsewhere),
        ]
        points[step.name, True] = [(edge.step, False) for edge in step.next]
    return points
