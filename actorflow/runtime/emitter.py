"""The emitter of a dynamic node: what is yielded in it passes upward one at a time.

Its own values come this way, and those of everything it has called. The emitters of
nested nodes hand on to each other; the outermost records. So there is one order, the
log's, and every consumer sees that one. A producer goes on at once while few of its
values are on their way, and else when they have become durable; children still overlap.

Consumers read the log. One that leaves therefore stops nobody, and one that is slow
costs nothing; a producer is stopped by cancelling the execution.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from actorflow.actors.ref import PooledRef
from actorflow.model import events as ev
from actorflow.model.addresses import parent_of
from actorflow.model.events import Data
from actorflow.model.parts import Activation, Part
from actorflow.runtime.run import Run, RunActor

MARK = "!"
"""Stands behind a node's address in the address of its emitter."""


class Yielded(NamedTuple):
    """The activation at *address* yields *value*; *passed* is told when durable."""

    address: str
    value: Data
    passed: Callable[[], Any]


class EmitterActor(RunActor):
    """Takes one value after the other from a node and all that it has called."""

    def __init__(self, run: Run, address: str, node: str) -> None:
        super().__init__(run, address)
        self._node = node
        self._outer = emitter_of(run, parent_of(node))

    def handle(self, message: Any) -> None:
        """Hand a value on; without anybody further up, record it."""
        state = self.run.state
        if isinstance(message, Yielded):
            if self._outer is not None:
                self._outer.put(message)
            else:
                self._record(message)
        if state.outcome is not None or self._node not in state.activations:
            self.leave()

    def _record(self, message: Yielded) -> None:
        state = self.run.state
        # What was left, or has ended, yields nothing any more.
        if state.outcome is None and message.address in state.activations:
            self.run.record_one(message.address, ev.ValueEmitted(message.value))
        self.run.after_durable(message.passed)


def emitter_of(run: Run, address: str) -> PooledRef[Any] | None:
    """Return the emitter that what is yielded at *address* goes through, if any."""
    part: Part | None = run.state.part(address)
    while part is not None:
        if isinstance(part, Activation) and part.kind == "dynamic":
            key = part.address + MARK
            if key not in run.actors:
                run.spawn(EmitterActor, key, part.address)
            return run.actors[key]
        part = part.parent
    return None
