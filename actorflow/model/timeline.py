"""What has happened, as people follow it: one entry for every step entered.

Fed with events, live or from the log; the same entries are drawn by `run`, `watch`,
`show` and the demonstration.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from actorflow.model import events as ev
from actorflow.model.events import Failure, Recorded

FANS = ("map", "parallel")


@define
class Entry:
    """One entry into a step.

    Attributes:
        status: running, waiting, completed, failed or cancelled.
        attempts: tries that have failed, those of a map's items included.
        total: how many items a map has; None for everything else.
    """

    address: str
    kind: str
    node: str
    started: float
    status: str = "running"
    ended: float | None = None
    attempts: int = 0
    error: Failure | None = None
    total: int | None = None
    done: int = 0
    failed: int = 0
    waits_for: str | None = None
    note: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether more may happen to it."""
        return self.ended is None

    def seconds(self, now: float) -> float:
        """Return how long it has taken, up to *now* if it is not over."""
        return max(0.0, (self.ended or now) - self.started)


@define
class Timeline:
    """The entries of one execution, in the order they began.

    Attributes:
        version: seq of the last event taken in; earlier ones are ignored.
        status: as far as events tell it: running, or how it ended.
        recoveries: how often a new owner took over while something was running.
    """

    version: int = 0
    workflow: str = ""
    status: str = "running"
    started: float | None = None
    ended: float | None = None
    last: float = 0.0
    recoveries: int = 0
    entries: list[Entry] = field(factory=list)
    _open: dict[str, Entry] = field(factory=dict)

    def take(self, recorded: Recorded) -> Entry | None:
        """Take in one event; return the entry that it changed."""
        if recorded.seq <= self.version:
            return None
        self.version, self.last = recorded.seq, recorded.time
        event, address = recorded.event, recorded.address
        if isinstance(event, ev.ActivationStarted):
            return self._enter(recorded)
        if not address:
            self._whole(recorded)
        elif address.endswith("]"):
            return self._item(self._open.get(address[: address.rindex("[")]), event)
        elif address in self._open:
            return self._change(self._open[address], recorded)
        return None

    def running(self) -> Iterator[Entry]:
        """Yield what is not over."""
        yield from self._open.values()

    def _enter(self, recorded: Recorded) -> Entry:
        event: ev.ActivationStarted = recorded.event
        entry = Entry(recorded.address, event.kind, event.node, recorded.time)
        if event.kind in FANS and isinstance(event.input, dict):
            bodies = dict.fromkeys(body[1] for body in event.input.get("bodies", ()))
            if bodies:  # else nothing is run for them
                entry.total = len(event.input.get("items", ()))
                entry.node = ", ".join(bodies)
        elif event.kind == "join":
            entry.status, entry.waits_for = "waiting", "other branches"
        self.entries.append(entry)
        self._open[entry.address] = entry
        return entry

    def _whole(self, recorded: Recorded) -> None:
        event = recorded.event
        if isinstance(event, ev.ExecutionStarted):
            self.workflow, self.started = event.workflow, recorded.time
        elif isinstance(event, ev.ExecutionCompleted):
            self.status, self.ended = "completed", recorded.time
        elif isinstance(event, ev.ExecutionFailed):
            self.status, self.ended = "failed", recorded.time
        elif isinstance(event, ev.ExecutionCancelled):
            self.status, self.ended = "cancelled", recorded.time
        elif isinstance(event, ev.ExecutionRecovered):
            self.recoveries += 1
        elif isinstance(event, ev.ExecutionRetried):
            self.status, self.ended = "running", None
            self._reopen()

    def _reopen(self) -> None:
        for entry in self.entries:
            if entry.status == "failed" and self._open.get(entry.address) is None:
                entry.status, entry.ended, entry.failed = "running", None, 0
                self._open[entry.address] = entry

    def _item(self, entry: Entry | None, event: object) -> Entry | None:
        if entry is None:
            return None
        if isinstance(event, ev.ActivationCompleted):
            entry.done += 1
        elif isinstance(event, ev.ActivationFailed):
            entry.failed += 1
            entry.error = entry.error or event.error
        elif isinstance(event, ev.AttemptFailed):
            entry.attempts += 1
        return entry

    def _change(self, entry: Entry, recorded: Recorded) -> Entry:
        event = recorded.event
        if isinstance(event, ev.ActivationCompleted):
            self._close(entry, "completed", recorded.time)
        elif isinstance(event, ev.ActivationFailed):
            entry.error = event.error
            self._close(entry, "failed", recorded.time)
        elif isinstance(event, ev.ActivationCancelled):
            self._close(entry, "cancelled", recorded.time)
        elif isinstance(event, ev.AttemptFailed):
            entry.attempts, entry.error = entry.attempts + 1, event.error
        elif isinstance(event, ev.WaitStarted):
            entry.status, entry.waits_for = "waiting", waited_for(event)
        elif isinstance(event, ev.WaitEnded):
            entry.status, entry.waits_for = "running", None
        elif isinstance(event, ev.ProgressReported):
            entry.note = progress_text(event)
        elif isinstance(event, ev.ItemsFound) and entry.total is not None:
            entry.total += 1 if event.items is None else len(event.items)
        return entry

    def _close(self, entry: Entry, status: str, time: float) -> None:
        entry.status, entry.ended, entry.waits_for = status, time, None
        self._open.pop(entry.address, None)


def waited_for(event: ev.WaitStarted) -> str:
    """Return what a wait is for, in a few words."""
    if event.kind == "signal":
        return f"signal {event.topic}"
    if event.kind == "question":
        return f"answer to {event.topic}"
    if event.kind == "update":
        return f"update {event.topic}"
    if event.kind == "pause":
        return f"resume ({event.reason})" if event.reason else "resume"
    return "time"


def progress_text(event: ev.ProgressReported) -> str:
    """Return what an activity told of its progress."""
    amount = "" if event.done is None else f"{event.done:g}"
    if event.total is not None:
        amount += f" of {event.total:g}"
    return " ".join(part for part in (amount, event.message) if part)
