"""Notices when a running attempt has not told anything for too long."""

from __future__ import annotations

from typing import Any

from actorflow.runtime.jobs import Job
from actorflow.runtime.messages import Listen
from actorflow.runtime.run import RunActor


class Pulse:
    """Listens to one job at a time; without *seconds*, to none."""

    __slots__ = ("_actor", "_at", "_timer", "seconds")

    def __init__(self, actor: RunActor, seconds: float | None) -> None:
        self._actor = actor
        self.seconds = seconds
        self._at = 0.0
        self._timer: Any = None

    def beat(self) -> None:
        """Take note of a sign of life."""
        if self.seconds is not None:
            self._at = self._actor.run.services.clock.monotonic()

    def begin(self, job: Job) -> None:
        """Listen to *job*, which begins."""
        self.beat()
        self._wait(job, self.seconds)

    def has_stopped(self, job: Job) -> bool:
        """Whether *job* was silent for too long; if not, listen again."""
        if self.seconds is None or self._timer is None:
            return False
        now = self._actor.run.services.clock.monotonic()
        left = self._at + self.seconds - now
        if left < _MOMENT:
            return True
        self._wait(job, left)
        return False

    def _wait(self, job: Job, seconds: float | None) -> None:
        if seconds is not None:
            after = self._actor.run.services.timers.after
            self._timer = after(seconds, self._actor.actor_ref.put, Listen(job))

    def stop(self) -> None:
        """Listen no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_MOMENT = 1e-6
"""Seconds: as finely as clocks count."""
