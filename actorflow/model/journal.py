"""What began and ended in an execution, told event by event: a view of the log.

Callbacks and the activity log are both made of this, and it is made of nothing but
events, so neither can say anything that the log does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from attrs import define, evolve, field, frozen

from actorflow.model import events as ev
from actorflow.model.addresses import parent_of
from actorflow.model.events import Data, Failure, Recorded
from actorflow.model.paths import lookup

FANS = ("map", "parallel")


@frozen
class Occurrence:
    """Something that begins and ends: an execution, a branch, a step, an item, a call.

    Attributes:
        execution_id: whose it is.
        workflow: the name of the execution's definition.
        address: where in the execution; ``""`` is the execution itself.
        kind: ``execution``, ``branch``, or the kind of step; ``activity`` also for
            items and calls that are activities.
        node: the name of what runs there: of the activity, the flow, the step.
        status: ``running``, ``completed``, ``failed`` or ``cancelled``.
        attempt: which try, from 1.
        input: what it was given.
        result: what it returned; None of a map or a parallel, whose items tell it.
        error: why it failed, or the last try did.
        started_at: seconds since the epoch; *attempt_at* of the try at hand, *ended_at*
            of its end.
        seq: of the event that told this.
    """

    execution_id: str
    workflow: str
    address: str
    kind: str
    node: str
    started_at: float
    attempt_at: float
    seq: int
    status: str = "running"
    attempt: int = 1
    input: Any = None
    result: Any = None
    error: Failure | None = None
    ended_at: float | None = None

    @property
    def duration(self) -> float | None:
        """Seconds from beginning to end, None before that."""
        return None if self.ended_at is None else self.ended_at - self.started_at


class Happening(NamedTuple):
    """What one event says: that something ``started``, ``ended`` or ``retries``."""

    what: str
    of: Occurrence


@define
class _Fan:
    """A map or a parallel: what it runs, on what, and the last page it was given."""

    bodies: list[Any]
    names: list[str] | None
    items: list[Data]
    page: Data = None

    def body(self, index: int) -> Any:
        """Return kind and name of what runs for an item."""
        return self.bodies[0 if self.names is None else index]

    def found(self, items: list[Data] | None) -> None:
        """Take in items that were found on the way; None are those of a page."""
        page = lookup({"page": self.page}, "page.items")[1]
        self.items += [page] if items is None else items


@define
class Journal:
    """Takes the events of one execution, in order, and tells what they mean.

    Attributes:
        version: seq of the last event taken in.
    """

    execution_id: str
    version: int = 0
    _workflow: str = ""
    _open: dict[str, Occurrence] = field(factory=dict)
    _fans: dict[str, _Fan] = field(factory=dict)
    _given: dict[str, Data] = field(factory=dict)

    def take(self, recorded: Recorded) -> Iterator[Happening]:
        """Yield what *recorded* says; nothing, if it is about neither end."""
        self.version = recorded.seq
        event, address = recorded.event, recorded.address
        if isinstance(event, ev.ExecutionStarted):
            self._workflow = event.workflow
            self._open.clear()
            node = event.workflow
            yield self._begin(recorded, "", "execution", node, event.inputs)
        elif isinstance(event, ev.BranchStarted):
            yield self._begin(recorded, address, "branch", event.step)
        elif isinstance(event, ev.ActivationStarted):
            if event.kind in FANS:
                given = event.input
                items = [] if "source" in given else list(given["items"])
                self._fans[address] = _Fan(given["bodies"], given.get("names"), items)
            yield self._begin(recorded, address, event.kind, event.node, event.input)
        elif isinstance(event, ev.ItemsStarted):
            yield from self._items(recorded, event)
        elif isinstance(event, ev.ItemsFound):
            self._fans[address].found(event.items)
        elif isinstance(event, ev.AttemptStarted):
            self._again(recorded, event.attempt)
        elif isinstance(event, ev.AttemptFailed):
            yield from self._tell(recorded, "retries", error=event.error)
        else:
            yield from self._ended(recorded)

    def _begin(
        self,
        recorded: Recorded,
        address: str,
        kind: str,
        node: str,
        given: Data = None,
    ) -> Happening:
        occurrence = self._open[address] = Occurrence(
            self.execution_id,
            self._workflow,
            address,
            kind,
            node,
            recorded.time,
            recorded.time,
            recorded.seq,
            input=given,
        )
        return Happening("started", occurrence)

    def _items(self, recorded: Recorded, event: ev.ItemsStarted) -> Iterator[Happening]:
        fan = self._fans[recorded.address]
        for index in range(event.first, event.first + event.count):
            key = index if fan.names is None else fan.names[index]
            kind, node, *_ = fan.body(index)
            address = f"{recorded.address}[{key}]"
            yield self._begin(recorded, address, kind, node, fan.items[index])

    def _again(self, recorded: Recorded, attempt: int) -> None:
        known = self._open.get(recorded.address)
        if known is not None:
            self._open[recorded.address] = evolve(
                known, attempt=attempt, attempt_at=recorded.time, error=None
            )

    def _ended(self, recorded: Recorded) -> Iterator[Happening]:
        event = recorded.event
        if isinstance(event, ev.ExecutionCompleted):
            yield from self._end(recorded, "completed", result=event.output)
        elif isinstance(event, ev.ActivationCompleted):
            given = self._given.pop(recorded.address, event.result)
            yield from self._end(recorded, "completed", result=given)
        elif isinstance(event, ev.ChildEnded):
            self._given[recorded.address] = event.output
        elif isinstance(event, ev.BranchCompleted):
            yield from self._end(recorded, "completed")
        elif isinstance(
            event, ev.ExecutionFailed | ev.ActivationFailed | ev.BranchFailed
        ):
            yield from self._end(recorded, "failed", error=event.error)
        elif isinstance(event, ev.ExecutionCancelled | ev.ActivationCancelled):
            yield from self._end(recorded, "cancelled")

    def _end(self, recorded: Recorded, status: str, **how: Any) -> Iterator[Happening]:
        address = recorded.address
        yield from self._tell(recorded, "ended", status=status, **how)
        around = self._fans.get(parent_of(address)) if address else None
        if around is not None:
            around.page = how.get("result")
        if status != "failed":  # what has failed may be retried: it is still open
            self._fans.pop(address, None)
            self._open.pop(address, None)

    def _tell(self, recorded: Recorded, what: str, **how: Any) -> Iterator[Happening]:
        known = self._open.get(recorded.address)
        if known is not None:
            ended_at = recorded.time
            yield Happening(
                what, evolve(known, seq=recorded.seq, ended_at=ended_at, **how)
            )
