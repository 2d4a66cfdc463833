"""Runs a random program and compares it with what the interpreter says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Any

from attrs import define, field

from actorflow.model import events as ev
from actorflow.model.addresses import UNDO
from actorflow.testing import Action, End, Faults, Pause, Resume, Simulation
from tests.programs.shapes import ANSWERS, SIGNALS, BadNumber, Shape

FAULTS = Faults(
    crash=0.05, log=0.05, steal=0.03, lost=0.03, double=0.1, nudge=0.2, late=0.1
)


@define
class Tally:
    """What has been tried."""

    programs: int = 0
    pauses: int = 0
    events: int = 0
    writes: int = 0
    turns: int = 0
    compared: int = 0
    ends: Counter[str] = field(factory=Counter)
    faults: Counter[str] = field(factory=Counter)
    parts: Counter[str] = field(factory=Counter)

    def count(self, shape: Shape, end: End) -> None:
        """Take note of a run."""
        self.programs += 1
        self.events += len(end.events)
        self.writes += end.writes
        self.turns += len(end.trace)
        self.compared += end.compared
        self.ends[end.status] += 1
        self.faults.update(name.rpartition(" ")[0] for name in end.faults)
        self.parts.update(_parts(shape))


def check(
    shape: Shape,
    x: int,
    seed: int,
    tally: Tally,
    *,
    faults: Faults = FAULTS,
    pauses: Sequence[tuple[int, int]] = (),
) -> None:
    """Run a program under faults; its end must be the one the interpreter has.

    *pauses* are pairs of seconds: after the one before, and how long.
    """
    simulation = Simulation(
        shape.node(count()),
        inputs={"x": x},
        seed=seed,
        signals=SIGNALS,
        answers=ANSWERS,
        script=_script(pauses),
    )
    end = simulation.run(faults=faults)
    tally.count(shape, end)
    tally.pauses += len(pauses)
    done: list[int] = []
    expected, failure = _interpreted(shape, x, done)
    if failure is None:
        assert (end.status, output(end)) == ("completed", expected), (end, end.faults)
        assert not undone(end)
    else:
        assert end.status == "failed", (end, end.faults)
    if failure is not None and not shape.racy:
        assert failure in (end.error or ""), (end.error, failure, end.faults)
        assert sorted(undone(end)) == sorted(done), end.faults
    check_undone(end)


def _script(pauses: Sequence[tuple[int, int]]) -> list[Action]:
    script: list[Action] = []
    now = 0
    for before, length in pauses:
        script += [Pause(at=now + before), Resume(at=now + before + length)]
        now += before + length
    return script


def _interpreted(shape: Shape, x: int, done: list[int]) -> tuple[int, str | None]:
    """Return what the interpreter says: the value, and why there is none."""
    try:
        return shape.value(x, done), None
    except BadNumber as failure:
        return 0, str(failure)


def output(end: End) -> Any:
    """Return the number it ended with."""
    return end.output["sum"] if isinstance(end.output, dict) else end.output


def undone(end: End) -> list[int]:
    """Return the results of what was undone."""
    return [
        each.event.result
        for each in end.events
        if each.address.startswith(UNDO)
        and isinstance(each.event, ev.ActivationCompleted)
    ]


def check_undone(end: End) -> None:
    """What was done last is undone first."""
    order = undone(end)
    if not order:
        return
    charges = {
        each.address
        for each in end.events
        if isinstance(each.event, ev.ActivationStarted) and each.event.undo
    }
    done = [
        each.event.result
        for each in end.events
        if isinstance(each.event, ev.ActivationCompleted)
        and (each.address in charges or each.address.endswith("]"))
    ]
    rest = iter(reversed(done))
    assert all(result in rest for result in order), (order, done)


def _parts(shape: Shape) -> list[str]:
    style = getattr(shape, "style", "")
    found = [f"{type(shape).__name__} {style}".strip()]
    for name in ("parts", "part", "yes", "no"):
        inner = getattr(shape, name, [])
        for each in inner if isinstance(inner, list) else [inner]:
            found += _parts(each)
    return found
