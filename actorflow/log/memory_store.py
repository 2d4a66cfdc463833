"""What is in a log in memory, and what a transaction does to it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from attrs import define, evolve, field

from actorflow.errors import StreamNotFoundError
from actorflow.log.batch import (
    Change,
    Draft,
    EventRow,
    Plan,
    SummaryRow,
    Tail,
    given,
    judge,
    seconds,
)
from actorflow.log.blobs import MemoryBlobs
from actorflow.log.port import Filters, InboxRow, StreamRow

SNAPSHOTS_KEPT = 3


@define
class Opening:
    """One owner: its label, its lease, and whether it was killed."""

    label: str
    expires_at: float
    killed: bool = False


@define(eq=False)
class Stored:
    """One stream: its row, whose JSON is kept as text, and its events."""

    row: StreamRow
    waits: str = "[]"
    attributes: str = "{}"
    tags: str = "[]"
    events: list[EventRow] = field(factory=list)
    snapshots: dict[int, tuple[str, str]] = field(factory=dict)

    def seen(self) -> StreamRow:
        """Return the row as a reader gets it."""
        waits, attributes = orjson.loads(self.waits), orjson.loads(self.attributes)
        tags = orjson.loads(self.tags)
        return evolve(self.row, waits=waits, attributes=attributes, tags=tags)

    def summarise(self, summary: SummaryRow) -> None:
        """Change the row as a write says."""
        at, rank = summary.wake_at, summary.rank
        self.row = evolve(
            self.row,
            status=summary.status,
            wake_at=None if at is None else seconds(at),
            fingerprint=given(summary.fingerprint, self.row.fingerprint),
            rank=None if rank is None else seconds(rank),
        )
        self.tags = given(summary.tags, self.tags) or "[]"
        self.waits = summary.waits
        self.attributes = given(summary.attributes, self.attributes) or "{}"

    def keep(self, seq: int, format_: str, text: str) -> None:
        """Keep a snapshot, and drop the oldest."""
        self.snapshots[seq] = (format_, text)
        for old in sorted(self.snapshots)[:-SNAPSHOTS_KEPT]:
            del self.snapshots[old]


@define(eq=False)
class Posted:
    """One command in the inbox, whose JSON is kept as text."""

    row: InboxRow
    stream: int
    data: str


@define(eq=False)
class MemoryStore:
    """What several `MemoryLog`s share, as processes share a file.

    Attributes:
        order: stream and seq of every event, as they were committed.
    """

    lock: threading.RLock = field(factory=threading.RLock)
    streams: dict[int, Stored] = field(factory=dict)
    names: dict[tuple[str, str], int] = field(factory=dict)
    posted: dict[int, Posted] = field(factory=dict)
    owners: dict[int, Opening] = field(factory=dict)
    commits: Counter[int] = field(factory=Counter)
    blobs: MemoryBlobs = field(factory=MemoryBlobs)
    order: list[tuple[int, int]] = field(factory=list)
    last_stream: int = 0
    last_posted: int = 0
    last_owner: int = 0

    def lives(self, owner: int | None, now: float) -> bool:
        """Return whether *owner* holds what it owns."""
        opening = self.owners.get(owner or 0)
        return opening is not None and not opening.killed and opening.expires_at > now

    def find(self, kind: str, name: str) -> Stored:
        """Return a stream that has to be there."""
        id_ = self.names.get((kind, name))
        if id_ is None:
            raise StreamNotFoundError(kind, name)
        return self.streams[id_]

    def plan(self, drafts: Sequence[Draft]) -> Plan:
        """Decide which writes are allowed."""
        return judge(
            drafts,
            tails=dict(self._tails(drafts)),
            taken={
                (each.write.stream.kind, each.write.stream.name)
                for each in drafts
                if (each.write.stream.kind, each.write.stream.name) in self.names
            },
            next_id=self.last_stream + 1,
        )

    def _tails(self, drafts: Sequence[Draft]) -> Iterator[tuple[int, Tail]]:
        for each in drafts:
            stored = self.streams.get(each.write.stream.id or 0)
            if stored is not None:
                row = stored.row
                yield row.id, Tail(row.id, row.head, row.epoch)

    def apply(self, change: Change, owner: int, now: float) -> None:
        """Store what the transaction does to one stream."""
        if change.created:
            self._create(change, owner, now)
        stored = self.streams[change.tail.id]
        stored.events += change.rows
        self.order += [(change.tail.id, row[0]) for row in change.rows]
        stored.row = evolve(stored.row, head=change.tail.head, updated_at=now)
        if change.summary is not None:
            stored.summarise(change.summary)
        if change.release:
            stored.row = evolve(stored.row, owner=None)

    def _create(self, change: Change, owner: int, now: float) -> None:
        hold, id_ = change.stream, change.tail.id
        row = StreamRow(
            id=id_,
            kind=hold.kind,
            name=hold.name,
            type=hold.type,
            head=0,
            epoch=1,
            owner=str(owner),
            status="",
            wake_at=None,
            waits=(),
            attributes={},
            fingerprint=None,
            created_at=now,
            updated_at=now,
            parent=hold.parent,
        )
        self.streams[id_] = Stored(row)
        self.names[hold.kind, hold.name] = self.last_stream = id_

    def post(  # noqa: PLR0917 - a row, column by column
        self,
        kind: str,
        name: str,
        command: str,
        text: str,
        key: str | None,
        now: float,
    ) -> int | None:
        """Leave a command; return its id, or None: nobody is there, or it is known."""
        stream = self.names.get((kind, name))
        known = key is not None and any(
            p.stream == stream and p.row.key == key for p in self.posted.values()
        )
        if stream is None or known:
            return None
        self.last_posted = id_ = self.last_posted + 1
        row = InboxRow(id_, kind, name, command, {}, key, now)
        self.posted[id_] = Posted(row, stream, text)
        return id_

    def delete(self, row: StreamRow) -> None:
        """Delete a stream with everything of its own."""
        del self.streams[row.id], self.names[row.kind, row.name]
        for id_ in [id_ for id_, each in self.posted.items() if each.stream == row.id]:
            del self.posted[id_]

    def take(self, stored: Stored, owner: int) -> StreamRow:
        """Give a stream to *owner*, under a new epoch."""
        epoch = stored.row.epoch + 1
        stored.row = evolve(stored.row, owner=str(owner), epoch=epoch)
        return stored.row

    def bury(self) -> None:
        """Forget killed owners, and free what they held."""
        for id_ in [id_ for id_, opening in self.owners.items() if opening.killed]:
            self.forget(id_)

    def forget(self, owner: int) -> None:
        """End an owner, and free what it held."""
        del self.owners[owner]
        for stored in self.streams.values():
            if stored.row.owner == str(owner):
                stored.row = evolve(stored.row, owner=None)

    def committed(self, owner: int) -> None:
        """Count a transaction of *owner*, for the others to notice."""
        self.commits[owner] += 1


def matches(row: StreamRow, filters: Filters) -> bool:
    """Return whether *row* matches every filter."""
    status, where = filters.get("status"), filters.get("where") or {}
    for key, value in where.items():
        if not (value is None or isinstance(value, (bool, int, float, str))):
            raise TypeError(f"where[{key!r}] must be text, a number, a bool or None")
    is_one = isinstance(status, str)
    return (
        (status is None or row.status in ([status] if is_one else status))
        and filters.get("type") in (None, row.type)
        and filters.get("parent") in (None, row.parent)
        and _in_time(row, filters)
        and all(
            key in row.attributes and _equal(row.attributes[key], value)
            for key, value in where.items()
        )
    )


def _in_time(row: StreamRow, filters: Filters) -> bool:
    since, until = filters.get("since"), filters.get("until")
    quiet = filters.get("quiet_since")
    return (
        (since is None or row.created_at >= since)
        and (until is None or row.created_at < until)
        and (quiet is None or row.updated_at <= quiet)
    )


def _equal(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
