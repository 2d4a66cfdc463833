"""Activities that dynamic nodes in these tests call, and a look at their logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.log.memory_store import MemoryStore
from actorflow.testing import CrashingLog, Simulation, VirtualClock, runtime

SEEDS = (0, 1, 2)


@af.activity
def double(x: int) -> int:
    """Return twice the value."""
    return x * 2


@af.activity
def echo(x: Any) -> Any:
    """Return what is given."""
    return x


@af.activity
def refuse(why: str = "no") -> None:
    """Fail."""
    raise PermissionError(why)


@af.activity
def await_go(ctx: af.ActivityContext) -> Any:
    """Return what is signalled on ``go``."""
    return ctx.wait_signal("go")


class Counted:
    """Counts how often functions are entered, by name; may fail the first times."""

    def __init__(self, *, failing: dict[str, int] | None = None) -> None:
        self.calls: dict[str, int] = {}
        self._failing = dict(failing or {})

    def activity(self, name: str) -> Any:
        """Return an activity of that name that returns its argument."""

        def run(x: Any = None) -> Any:
            self.calls[name] = self.calls.get(name, 0) + 1
            if self._failing.get(name, 0) > 0:
                self._failing[name] -= 1
                raise ConnectionError(f"{name} is down")
            return name if x is None else x

        return af.activity(name=name)(run)


def survives(node: Any, **options: Any) -> Any:
    """Crash *node* everywhere, with several seeds; return its output."""
    outputs = []
    for seed in SEEDS:
        report = Simulation(node, seed=seed, **options).crash_everywhere()
        assert report.points >= 2
        assert report.end.status == "completed", report.end.error
        outputs.append(report.end.output)
    assert all(output == outputs[0] for output in outputs)
    return outputs[0]


def kinds(events: Iterable[Any]) -> list[str]:
    """Return the names of events' classes."""
    return [type(recorded.event).__name__ for recorded in events]


def addresses(run: Any, kind: str = "ActivationStarted") -> list[str]:
    """Return where events of a class were recorded, in order."""
    return [e.address for e in run.history() if type(e.event).__name__ == kind]


class World:
    """A log and a clock that outlive the processes that use them."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = VirtualClock()

    @contextmanager
    def process(self, *definitions: Any, **settings: Any) -> Iterator[af.Runtime]:
        """Be a process, which ends in good order."""
        log = MemoryLog(store=self.store, clock=self.clock.time)
        with runtime(*definitions, log=log, clock=self.clock, **settings) as rt:
            yield rt

    @contextmanager
    def dying(
        self, *definitions: Any, at: int, **settings: Any
    ) -> Iterator[af.Runtime]:
        """Be a process that dies just after its *at*-th write."""
        log = CrashingLog(at=at, after=True, store=self.store, clock=self.clock.time)
        with runtime(*definitions, log=log, clock=self.clock, **settings) as rt:
            yield rt
        log.abandon()
