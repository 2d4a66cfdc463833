"""What becomes of an actor that failed: its parent decides."""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Directive(Enum):
    """What a parent decides about a child that failed."""

    RESUME = "resume"
    """The child goes on with its next message, its state as it is."""

    RESTART = "restart"
    """A fresh child takes over the ref and the inbox, and starts."""

    STOP = "stop"
    """The child stops."""

    ESCALATE = "escalate"
    """The parent fails with the child's error; its own parent decides."""


@frozen
class Supervision:
    """The policy of a parent that does not override `on_child_failure`.

    Attributes:
        directive: what to do about a failure.
        max_restarts: how many restarts of one child are fine ...
        within: ... in this many seconds.
        exceeded: what to do about the failure after those.
    """

    directive: Directive = Directive.RESTART
    max_restarts: int = 3
    within: float = 60.0
    exceeded: Directive = Directive.ESCALATE

    def decide(self, restarts: list[float], now: float) -> Directive:
        """Decide about a failure; *restarts*, the child's record, is kept up."""
        if self.directive is not Directive.RESTART:
            return self.directive
        restarts[:] = [time for time in restarts if time > now - self.within]
        if len(restarts) >= self.max_restarts:
            return self.exceeded
        restarts.append(now)
        return Directive.RESTART
