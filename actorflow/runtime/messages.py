"""What the actors of a runtime tell each other.  Imperatives; never stored.

Those that somebody waits for say what happens if nobody handles them: `returned`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define

from actorflow.errors import ActorflowError, StaleAttemptError

_ROUTES = 3
_GONE = "the execution has just been given up here; try again"


@define(eq=False)
class Settle:
    """Your part of the state has changed: do what you owe now."""


@define(eq=False)
class Ended:
    """A child of yours has ended; its end is in the state."""

    address: str


@define(eq=False)
class Came:
    """What a call of yours waited for, without an actor, is there."""

    address: str


@define(eq=False)
class Arrived:
    """A branch has come to something that concerns more branches than itself.

    *edges* are those it is to leave by, if it leaves; None if it rests.
    """

    branch: str
    edges: Any = None


@define(eq=False)
class Rang:
    """A timer you set is due, or a permit is granted. *token* tells which."""

    token: Any


@define(eq=False)
class TimedOut:
    """A job has run for longer than it may."""

    job: Any


@define(eq=False)
class Requested:
    """A running activity asks for something; *reply* takes (value, error)."""

    job: Any
    request: Any
    reply: Any

    def returned(self) -> None:
        """Tell the activity that its actor has gone."""
        self.reply(None, StaleAttemptError())


@define(eq=False)
class Reported:
    """A running activity tells something nobody decides upon."""

    event: Any
    job: Any = None


@define(eq=False)
class Listen:
    """See whether a job has told anything lately."""

    job: Any


@define(eq=False)
class Command:
    """Somebody outside wants the execution to do something.

    *inbox* is the id of the inbox row it came by; *reply* a future, or None; who has
    *withdrawn* does not wait for the reply any more; *again* takes it if the execution
    leaves memory before it has come to it, having been *routed* so often.
    """

    name: str
    data: dict[str, Any]
    inbox: int | None = None
    reply: Any = None
    withdrawn: bool = False
    again: Callable[[Command], object] | None = None
    routed: int = 0

    def returned(self) -> None:
        """Go elsewhere: the execution left memory before it came to this."""
        if self.reply is None:
            return  # it is in the inbox, or will be owed again
        if self.again is not None and self.routed < _ROUTES:
            self.again(self)
        else:
            self.reply.set_exception(ActorflowError(_GONE))


@define(eq=False)
class Passivate:
    """Leave memory if there is nothing to do."""


@define(eq=False)
class Answered:
    """Somebody answers a question; *reply* takes an error, or None."""

    question: str
    value: Any
    by: str | None
    reply: Any
    inbox: int | None = None

    def returned(self) -> None:
        """Tell the caller: the question went before it came to this."""
        self.reply(ActorflowError(_GONE))
