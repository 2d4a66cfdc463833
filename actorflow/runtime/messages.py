"""What the actors of a runtime tell each other.  Imperatives; never stored."""

from __future__ import annotations

from typing import Any, NamedTuple


class Settle(NamedTuple):
    """Your part of the state has changed: do what you owe now."""


class Ended(NamedTuple):
    """A child of yours has ended; its end is in the state."""

    address: str


class Arrived(NamedTuple):
    """A branch has come to something that concerns more branches than itself.

    *edges* are those it is to leave by, if it leaves; None if it rests.
    """

    branch: str
    edges: Any = None


class Rang(NamedTuple):
    """A timer you set is due. *token* tells which."""

    token: int


class TimedOut(NamedTuple):
    """An attempt has run for longer than it may."""

    attempt: int


class Requested(NamedTuple):
    """A running activity asks for something; *reply* takes (value, error)."""

    attempt: int
    request: Any
    reply: Any


class Reported(NamedTuple):
    """A running activity tells something nobody decides upon."""

    event: Any


class Command(NamedTuple):
    """Somebody outside wants the execution to do something.

    *inbox* is the id of the inbox row it came by; *reply* a future, or None.
    """

    name: str
    data: dict[str, Any]
    inbox: int | None = None
    reply: Any = None


class Passivate(NamedTuple):
    """Leave memory if there is nothing to do."""
