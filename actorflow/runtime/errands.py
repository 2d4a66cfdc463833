"""What the directory is asked for, and told."""

from __future__ import annotations

from typing import Any

from attrs import define

from actorflow.errors import RuntimeClosedError
from actorflow.log.port import Stream
from actorflow.model import events as ev
from actorflow.runtime.messages import Command
from actorflow.runtime.run import Run


class Asked:
    """Something that somebody waits for a reply to."""

    reply: Any

    def returned(self) -> None:
        """Tell that nobody will reply."""
        _refuse(self.reply)


def _refuse(reply: Any) -> None:
    if reply is not None and not reply.done:
        gone = "this runtime has given up; what its program has logged says why"
        reply.set_exception(RuntimeClosedError(gone))


@define(eq=False)
class Submit(Asked):
    """Put an execution into the queue, or find the one that has its id."""

    id: str
    queued: ev.ExecutionQueued
    on_conflict: str
    reply: Any


@define(eq=False)
class Fork(Asked):
    """Start an execution with the first *at* events of *source* as its past."""

    source: str
    at: int
    id: str
    reply: Any


@define(eq=False)
class Route:
    """Bring a command to its execution."""

    id: str
    command: Command

    def returned(self) -> None:
        """Tell that nobody will reply."""
        _refuse(self.command.reply)


@define(eq=False)
class Loaded:
    """An execution was claimed and folded, or could not be.

    *known* is how many commands it was loaded for; others have come since.
    """

    id: str
    result: Any
    error: Exception | None
    known: int


@define(eq=False)
class Lost:
    """Nothing more can be written to this stream."""

    stream: Stream
    error: Exception


@define(eq=False)
class Retell:
    """Tell the commands of the inbox again that could not be recorded."""

    id: str


@define(eq=False)
class Changed:
    """An execution's new status is durable."""

    run: Run
    status: str


@define(eq=False)
class Crashed:
    """An actor of the run raised what it should not have: a defect of ours."""

    run: Run
    error: Exception


@define(eq=False)
class Fetch:
    """Commands for other executions are durable; they may be for some of ours."""


@define(eq=False)
class Learn:
    """A definition has become known; something may have waited for it."""


@define(eq=False)
class Ready(Asked):
    """Answer when what had come in before the log was opened has been taken in."""

    reply: Any


@define(eq=False)
class Poll:
    """Look at what other processes may have written."""


@define(eq=False)
class More:
    """Read the next page of the inbox."""


@define(eq=False)
class Renew:
    """Extend the lease, and look for executions of processes that are gone."""


@define(eq=False)
class Sweep:
    """Let go of what has rested long enough."""


@define(eq=False)
class Unload:
    """Let go of an execution of the queue that was here only to take a command."""

    run: Run


@define(eq=False)
class Delete(Asked):
    """Delete executions that have ended; the reply is the names of those deleted.

    With *spare*, children stay that their parents may still ask for, and with
    *quiet_since* those to which something has happened after that time.
    """

    names: list[str]
    reason: str
    reply: Any
    spare: bool = False
    quiet_since: float | None = None


@define(eq=False)
class Hold(Asked):
    """Take nothing further, and begin nothing."""

    reply: Any
