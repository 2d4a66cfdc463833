"""An independent account of a simulated log: who wrote what, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, field

from actorflow.log.memory import MemoryLog
from actorflow.log.port import EXECUTION, Write
from actorflow.model import events as ev
from actorflow.model.events import Recorded
from actorflow.model.fold import apply
from actorflow.model.state import ExecutionState
from actorflow.runtime.jobs import Job
from actorflow.runtime.nodethread import NodeJob
from actorflow.runtime.run import Run
from actorflow.testing.laws import (
    SimulationError,
    check_counts,
    check_row,
    check_same,
    lies_in,
)


@define
class Account:
    """One execution: its events as they are in the log, and the fold of them."""

    events: list[Recorded] = field(factory=list)
    state: ExecutionState = field(factory=ExecutionState)
    compared: int = 0


@define
class Ledger:
    """Checks every write, and every attempt that begins, when it happens.

    Attributes:
        accounts: by the id of the stream.
        attempts: how often an activity was begun, by (address, visit).
        writes: how many there were, refused ones included.
        compared: how often live and replayed state were compared.
    """

    accounts: dict[int, Account] = field(factory=dict)
    attempts: dict[tuple[str, int], int] = field(factory=dict)
    begun: set[tuple[Any, ...]] = field(factory=set)
    writes: int = 0
    compared: int = 0

    def of(self, log: MemoryLog, name: str) -> Account | None:
        """Return the account of the execution of that name."""
        stream = log.store.names.get((EXECUTION, name))
        return None if stream is None else self.accounts.get(stream)

    def owners(self, log: MemoryLog, batch: Sequence[Write]) -> list[str | None]:
        """Return who owns the streams of *batch*, before it is written."""
        streams = [log.store.streams.get(each.stream.id or 0) for each in batch]
        return [None if s is None else s.row.owner for s in streams]

    def written(
        self, log: MemoryLog, batch: Sequence[Write], owners: list[str | None]
    ) -> None:
        """Take note of a write, and check what it has left in the log."""
        for write, owner in zip(batch, owners, strict=True):
            if write.error is not None or not write.events:
                continue
            if owner is not None and owner != log.owner.id:
                raise SimulationError(
                    f"{log.owner.label} wrote to {write.stream.name!r}, which "
                    f"owner {owner} holds"
                )
            if write.stream.kind == EXECUTION:
                self._follow(log, write)
        for stream in {each.stream.id for each in batch if each.events}:
            if stream in self.accounts:
                row = log.store.streams[stream].row
                check_row(row, self.accounts[stream].state)

    def _follow(self, log: MemoryLog, write: Write) -> None:
        """Read back what was written, and fold it."""
        stream = write.stream.id
        assert stream is not None
        account = self.accounts.setdefault(stream, Account())
        given = list(write.events)
        last = given[-1].seq
        read = list(log.read(stream, after=len(account.events), until=last))
        numbers = [recorded.seq for recorded in given]
        first = len(account.events) + 1
        if numbers != list(range(first, first + len(numbers))):
            raise SimulationError(f"events {numbers} were written after {first - 1}")
        for recorded, again in zip(given, read, strict=True):
            if recorded != again:
                raise SimulationError(f"{recorded!r} is read back as {again!r}")
        for recorded in read:
            account.events.append(recorded)
            apply(account.state, recorded)

    def compare(self, run: Run) -> None:
        """Compare a run in memory with the log, if nothing of it is on its way."""
        account = self.accounts.get(run.stream.id or 0)
        version = run.state.version
        if account is None or account.compared == version:
            return
        if version == account.state.version and run.stream.lost is None:
            account.compared = version
            self.compared += 1
            check_same(run.state, account.state)
            check_counts(account.state)

    def begins(self, job: Job, log: MemoryLog) -> None:
        """Check that an attempt may begin, and count it."""
        if not job.attempt:
            return  # a handler, which is part of a node's attempt
        run = getattr(job.wanted, "__self__", None)
        if not isinstance(run, Run):
            return
        stored = log.store.streams.get(run.stream.id or 0)
        if stored is None or stored.row.epoch != run.stream.epoch:
            return  # a stale owner, which does not know it yet, cannot know better
        account = self.accounts[stored.row.id]
        activation = account.state.find(job.address)
        if activation is None:
            raise SimulationError(
                f"{job.address} runs although the log says it has ended, or has not "
                f"yet begun (event {account.state.version})"
            )
        key = (job.address, activation.visit)
        self.attempts[key] = self.attempts.get(key, 0) + 1
        if isinstance(job, NodeJob):
            return  # a node that has left memory runs again from its top
        retried = sum(_let_begin_anew(e, job.address) for e in account.events)
        entries = len(activation.answers or ())
        once = (stored.row.id, run.stream.epoch, *key, job.attempt, entries, retried)
        if once in self.begun:
            raise SimulationError(
                f"attempt {job.attempt} of {job.address} (visit {activation.visit}) "
                f"begins twice in one process"
            )
        self.begun.add(once)


def _let_begin_anew(recorded: Recorded, address: str) -> bool:
    """Whether what has been run at *address* may be run again since an event."""
    if isinstance(recorded.event, ev.AttemptFailed):
        # A dynamic node calls everything anew in its next attempt.
        around = recorded.address
        return around != address and lies_in(address, around)
    return isinstance(recorded.event, ev.ExecutionRetried)
