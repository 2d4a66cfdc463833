"""Joins that wait for what can never come, found before anything runs.

A branch can end where no edge must be followed, or where it splits; it can go past a
join only if that can be satisfied, and a join can be satisfied only if what it waits
for can end. What is not in the least fixed point of these two rules waits for ever.
The rules err on the side of the definition: what is refused here is certain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from actorflow.model.definition import Workflow, targets
from actorflow.model.dominators import Dominators
from actorflow.model.steps import Edge, Join, Step

ENOUGH = 2
"""So many branches at one join: one of them may end there."""
LARGEST = 2_000
"""Steps: a graph with more is not looked through; a run finds its deadlocks."""


class Origin(NamedTuple):
    """Where a branch may begin.

    Attributes:
        step: its first step.
        by: the step whose edge starts it; None for the first branch.
        name: its name; None for one that gets a number.
        certain: whether it begins whenever the step is left by an edge.
    """

    step: str
    by: str | None = None
    name: str | None = None
    certain: bool = True


def deadlock_problems(workflow: Workflow) -> Iterator[str]:
    """Yield every join that can never be satisfied once a branch has arrived."""
    joins = {step.name: step.join for step in workflow.steps if step.join is not None}
    if not joins or len(workflow.steps) > LARGEST:
        return
    origins = [Origin(workflow.start.name, name="main"), *_origins(workflow)]
    arriving = _arriving(workflow, origins)
    waits = {
        name: _waited_for(join, origins, arriving[name]) for name, join in joins.items()
    }
    stuck = _FixedPoint(workflow, waits, arriving).stuck
    if not stuck:
        return
    # Somebody waits if every branch begins; look who does begin, whatever happens.
    dominators = Dominators(workflow)
    for name in stuck:
        waits[name] = [o for o in waits[name] if _has_begun(o, name, dominators)]
    for name, origin in _FixedPoint(workflow, waits, arriving).stuck.items():
        branch = f"branch {origin.name!r}" if origin.name else "a branch"
        yield (
            f"step {name!r} waits for {branch}, begun at {origin.step!r}, "
            "which can never end before it"
        )


def is_unconditional(edge: Edge) -> bool:
    """Return whether the edge is followed whatever the variables are."""
    when = edge.when
    return when is None or (isinstance(when, str) and when.strip().lower() == "true")


# --- how branches begin, go on and end -----------------------------------------------


def _origins(workflow: Workflow) -> Iterator[Origin]:
    for step in workflow.steps:
        for edge in step.next:
            if _may_start(step, edge):
                certain = step.edges == "all" and is_unconditional(edge)
                yield Origin(edge.step, step.name, edge.branch, certain)


def _may_start(step: Step, edge: Edge) -> bool:
    """Return whether the edge may begin a branch, rather than lead one on."""
    return edge.branch is not None or (step.edges == "all" and len(step.next) > 1)


def _may_end(step: Step) -> bool:
    if any(_may_start(step, edge) for edge in step.next):
        return True
    return not any(is_unconditional(edge) for edge in step.next)


def _onward(step: Step) -> list[str]:
    """Return where a branch may go on from *step* and be the same branch."""
    certain = [edge for edge in step.next if is_unconditional(edge)]
    apart = step.edges == "all"  # then no edge is alone beside one that always holds
    edges = [e.step for e in step.next if not apart or certain in ([], [e])]
    return edges + targets(step)[len(step.next) :]


def _arriving(
    workflow: Workflow, origins: Sequence[Origin]
) -> Mapping[str, set[Origin]]:
    """Return for every step up to `ENOUGH` branches that may come by."""
    found: dict[str, set[Origin]] = defaultdict(set)
    pending = [(origin.step, origin) for origin in origins]
    while pending:
        name, origin = pending.pop()
        seen = found[name]
        if origin not in seen and len(seen) < ENOUGH:
            seen.add(origin)
            pending += [(target, origin) for target in _onward(workflow.step(name))]
    return found


def _waited_for(
    join: Join, origins: Sequence[Origin], arriving: set[Origin]
) -> list[Origin]:
    return [
        origin
        for origin in origins
        if (origin.name in join.branches if join.branches else True)
        and origin not in arriving
    ]


def _has_begun(origin: Origin, name: str, dominators: Dominators) -> bool:
    """Return whether the branch has begun, whatever happens, when *name* is reached."""
    return origin.by is None or (
        origin.certain and dominators.leaves_before(origin.by, name)
    )


# --- what follows --------------------------------------------------------------------


class _FixedPoint:
    """From which steps a branch can end, and which joins can go on.

    Attributes:
        stuck: the joins that cannot, each with a branch that it waits for.
    """

    def __init__(
        self,
        workflow: Workflow,
        waits: Mapping[str, Sequence[Origin]],
        arriving: Mapping[str, set[Origin]],
    ) -> None:
        self._steps = {step.name: step for step in workflow.steps}
        self._ending: set[str] = set()
        self._open = {name: len(origins) for name, origins in waits.items()}
        self._able = dict.fromkeys(waits, 0)
        self._before: dict[str, list[str]] = defaultdict(list)
        for step in workflow.steps:
            for target in _onward(step):
                self._before[target].append(step.name)
        self._waiting: dict[str, list[str]] = defaultdict(list)
        for name, origins in waits.items():
            for origin in origins:
                self._waiting[origin.step].append(name)
        self._spread(
            name
            for name, step in self._steps.items()
            if self._goes_on(name) and _may_end(step)
        )
        # All but the first to arrive at a join end there.
        self._spread(name for name in waits if len(arriving[name]) >= ENOUGH)
        self.stuck = {
            name: next(o for o in origins if o.step not in self._ending)
            for name, origins in waits.items()
            if not self._goes_on(name)
        }

    def _spread(self, names: Iterable[str]) -> None:
        """Let branches end at *names*, and whatever follows from that."""
        pending = list(names)
        while pending:
            name = pending.pop()
            if name in self._ending:
                continue
            self._ending.add(name)
            pending += [n for n in self._before[name] if self._goes_on(n)]
            for join in self._waiting[name]:
                self._open[join] -= 1
                self._able[join] += 1
                if self._goes_on(join) and self._can_end(join):
                    pending.append(join)

    def _goes_on(self, name: str) -> bool:
        join = self._steps[name].join
        if join is None or not self._open[name]:
            return True
        if join.count is None:
            return False
        # Branches that are not named may begin more than once.
        return not join.branches or self._able[name] >= join.count

    def _can_end(self, name: str) -> bool:
        step = self._steps[name]
        return _may_end(step) or any(t in self._ending for t in _onward(step))
