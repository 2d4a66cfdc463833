"""Forks: the first events of one execution, as the past of another."""

from __future__ import annotations

from actorflow.errors import ExecutionExistsError, StreamExistsError
from actorflow.log.port import EXECUTION, EventLog, Stream, StreamRow, Write
from actorflow.model import events as ev
from actorflow.model.events import Recorded
from actorflow.model.fold import apply
from actorflow.model.state import ExecutionState
from actorflow.model.turns import whole
from actorflow.runtime.run import summary_of


def past_of(
    log: EventLog, stream: int, at: int, now: float
) -> tuple[list[Recorded], ExecutionState]:
    """Return the first *at* events of a stream, and where they lead.

    What was decided together with the last of them comes along. A time limit begins
    anew, *now*.
    """
    past, state = whole(log.read(stream), at), ExecutionState()
    for recorded in past:
        apply(state, recorded)
    if state.timeout is not None and state.outcome is None:
        until = ev.DeadlineSet(round(now + state.timeout, 6))
        past.append(Recorded(past[-1].seq + 1, now, "", until))
        apply(state, past[-1])
    return past, state


def leave_fork(log: EventLog, row: StreamRow, at: int, name: str, now: float) -> str:
    """Fork an execution into one that nobody owns yet; return its status.

    Whoever has its definition takes it up.

    Raises:
        ExecutionExistsError: the name is taken.
    """
    past, state = past_of(log, row.id, at, now)
    fork = Stream(EXECUTION, name, row.type, head=past[-1].seq)
    write = Write(fork, past, summary_of(state), create=True, release=True)
    log.write([write])
    if isinstance(write.error, StreamExistsError):
        raise ExecutionExistsError(name)
    if write.error is not None:
        raise write.error
    return state.status
