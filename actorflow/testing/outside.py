"""The outside of a simulation: what people and other programs do to an execution."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from actorflow.errors import (
    ActorflowError,
    AnswerError,
    BranchNotFoundError,
    ExecutionEndedError,
    HandlerNotFoundError,
    NotRetryableError,
    UpdateFailed,
    UpdateRejected,
)
from actorflow.runtime.runtime import Runtime

REFUSALS = (
    AnswerError,
    BranchNotFoundError,
    ExecutionEndedError,
    HandlerNotFoundError,
    NotRetryableError,
)
"""What an execution may say to an action that comes at the wrong time."""


@frozen
class Action:
    """Something done from outside, at a time.

    Attributes:
        at: virtual seconds after the start; None is when nothing else can happen.
    """

    at: float | None = field(default=None, kw_only=True)

    def perform(self, rt: Runtime, execution_id: str, key: str) -> Any:
        """Do it; whoever does it again after a crash gives the same *key*."""
        raise NotImplementedError


@frozen
class Signal(Action):
    """Send a signal."""

    topic: str
    payload: Any = None

    def perform(self, rt: Runtime, execution_id: str, key: str) -> None:
        """See `Action.perform`."""
        rt.signal(execution_id, self.topic, self.payload, key=key)


@frozen
class Answer(Action):
    """Answer a question."""

    question: str
    value: Any

    def perform(self, rt: Runtime, execution_id: str, key: str) -> None:  # noqa: ARG002
        """See `Action.perform`."""
        rt.answer(execution_id, self.question, self.value)


@frozen
class Ask(Action):
    """Ask for an update; what is answered, or why it is refused, is in `End.replies`.

    Attributes:
        key: the update's, and the reply's.
    """

    name: str
    value: Any = None
    key: str | None = None

    def perform(self, rt: Runtime, execution_id: str, key: str) -> Any:
        """See `Action.perform`."""
        mine = self.key or key
        try:
            return rt.ask(execution_id, self.name, self.value, key=mine)
        except (UpdateRejected, UpdateFailed) as error:
            return str(error)
        except TimeoutError as error:
            raise ActorflowError(str(error)) from None


@frozen
class Pause(Action):
    """Pause the execution, or one branch of it."""

    branch: str | None = None

    def perform(self, rt: Runtime, execution_id: str, key: str) -> None:  # noqa: ARG002
        """See `Action.perform`."""
        rt.pause(execution_id, branch=self.branch)


@frozen
class Resume(Action):
    """Resume what is paused."""

    branch: str | None = None

    def perform(self, rt: Runtime, execution_id: str, key: str) -> None:  # noqa: ARG002
        """See `Action.perform`."""
        rt.resume(execution_id, branch=self.branch)


@frozen
class Cancel(Action):
    """Cancel the execution."""

    compensate: bool = False

    def perform(self, rt: Runtime, execution_id: str, key: str) -> None:  # noqa: ARG002
        """See `Action.perform`."""
        rt.cancel(execution_id, compensate=self.compensate)


@frozen
class Retry(Action):
    """Let what failed run again, once the execution has failed."""

    def perform(self, rt: Runtime, execution_id: str, key: str) -> None:  # noqa: ARG002
        """See `Action.perform`."""
        rt.retry(execution_id)
