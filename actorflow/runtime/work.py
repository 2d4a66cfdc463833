"""What the actor of an activation is to do: which node, on what input."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from actorflow.model.policy import Retry
from actorflow.model.steps import Step
from actorflow.runtime.binding import NO_CALL, Call


@frozen(eq=False)
class Work:
    """One activation's task.

    Attributes:
        node: the activity or the flow; None for steps that only wait.
        call: what the node is called with.
        step: the step whose activation this is, or that it is part of.
        job: the attempt that is under way already, if any.
    """

    node: Any
    call: Call
    step: Step
    job: Any = None

    @property
    def retry(self) -> tuple[Retry, ...]:
        """The step's policies; none leaves it to the activity's own."""
        return self.step.retry

    @property
    def timeout(self) -> float | None:
        """The step's timeout for an attempt; None leaves it to the activity's own."""
        return self.step.timeout


SIGNAL = Work(None, NO_CALL, Step("signal", sleep=1))
"""Of a dynamic node's wait for a signal, or for whatever else is posted to it."""
