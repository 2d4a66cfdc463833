"""Rings an actor when the clock of its activation is over."""

from __future__ import annotations

from typing import Any, Protocol

from actorflow.actors.ref import PooledRef
from actorflow.runtime.messages import Rang
from actorflow.runtime.run import RunActor


class Timed(Protocol):
    """An activation, or an execution: what has a clock that pauses stop."""

    address: str
    until: float | None
    frozen: float | None


class Alarm:
    """Keeps a timer for what an activation's *until* says; a pause stops it."""

    __slots__ = ("_actor", "_rings", "_timer", "_until")

    def __init__(self, actor: RunActor) -> None:
        self._actor = actor
        self._rings = 0
        self._timer: Any = None
        self._until: float | None = None

    def watch(self, activation: Timed) -> None:
        """Let the actor be sent `Rang` when the activation's time is over."""
        run, until = self._actor.run, activation.until
        stands_still = activation.frozen is not None or run.state.is_halted(
            activation.address
        )
        if until is None or stands_still:
            self.stop()
        elif self._timer is None or self._until != until:
            self.stop()
            self._rings += 1
            self._until = until
            ring = _Ring(self._actor.actor_ref, self._rings)
            self._timer = run.services.timers.at(until, ring)

    def has_rung(self, message: Rang) -> bool:
        """Whether *message* is of the timer that is being kept; it is over then."""
        is_mine = self._timer is not None and message.token == self._rings
        if is_mine:
            self._timer = None
        return is_mine

    def stop(self) -> None:
        """Ring no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Ring:
    """What a timer calls: one small object, for there may be very many."""

    __slots__ = ("_number", "_ref")

    def __init__(self, ref: PooledRef[Any], number: int) -> None:
        self._ref = ref
        self._number = number

    def __call__(self) -> None:
        self._ref.put(Rang(self._number))
