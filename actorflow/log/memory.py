"""The event log in memory: for tests, and for runs that nobody needs to remember.

As strict as the log in a file: what is written is encoded to text and decoded when it is
read, and several owners can share one store, so that takeovers can be tested.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from attrs import define, evolve, field

from actorflow.errors import (
    LogCorruptError,
    LogUnavailableError,
    OwnedError,
    StreamNotFoundError,
    UnrecordableError,
)
from actorflow.log.batch import (
    Change,
    EventRow,
    Plan,
    Tail,
    draft,
    judge,
    micros,
    recorded,
    seconds,
)
from actorflow.log.codec import Codec
from actorflow.log.port import (
    InboxRow,
    Owner,
    Snapshot,
    Stream,
    StreamRow,
    Summary,
    Write,
)
from actorflow.model.events import Recorded

PAGE = 1000
SNAPSHOTS_KEPT = 3


@define
class _Opening:
    label: str
    expires_at: float
    killed: bool = False


@define(eq=False)
class _Stored:
    row: StreamRow
    waits: str = "[]"
    attributes: str = "{}"
    events: list[EventRow] = field(factory=list)
    snapshots: dict[int, tuple[str, str]] = field(factory=dict)

    def seen(self) -> StreamRow:
        return evolve(
            self.row,
            waits=orjson.loads(self.waits),
            attributes=orjson.loads(self.attributes),
        )


@define(eq=False)
class _Posted:
    row: InboxRow
    stream: int
    data: str


@define(eq=False)
class MemoryStore:
    """What several `MemoryLog`s share, as processes share a file."""

    lock: threading.RLock = field(factory=threading.RLock)  # type: ignore[valid-type]
    streams: dict[int, _Stored] = field(factory=dict)
    names: dict[tuple[str, str], int] = field(factory=dict)
    inbox: dict[int, _Posted] = field(factory=dict)
    owners: dict[int, _Opening] = field(factory=dict)
    last_stream: int = 0
    last_posted: int = 0
    last_owner: int = 0
    commits: dict[int, int] = field(factory=dict)

    def lives(self, owner: int | None, now: float) -> bool:
        """Return whether *owner* holds what it owns."""
        opening = self.owners.get(owner or 0)
        return opening is not None and not opening.killed and opening.expires_at > now


class MemoryLog:
    """An `EventLog` in memory.

    Args:
        store: of another `MemoryLog`, to be a second owner of it.
        codec: turns events into text and back.
        lease: seconds after which an owner that has stopped renewing is given up.
        owner_label: what others are told about this owner.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        *,
        store: MemoryStore | None = None,
        codec: Codec | None = None,
        lease: float = 10.0,
        owner_label: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store = store or MemoryStore()
        self.codec = codec or Codec()
        self._clock, self._lease = clock, lease
        self._closed = False
        with store.lock:
            store.last_owner += 1
            self._id = store.last_owner
            self._label = owner_label or f"memory:{self._id}"
            store.owners[self._id] = _Opening(self._label, clock() + lease)
        self._seen = self._others()

    # -- writing --

    def write(self, batch: Sequence[Write]) -> None:
        """See `EventLog.write`."""
        drafts = draft(batch, self.codec)
        store = self._open()
        with store.lock:
            plan = judge(
                drafts,
                tails={
                    i: Tail(i, s.row.head, s.row.epoch) for i, s in self._named(batch)
                },
                taken={
                    (each.stream.kind, each.stream.name)
                    for each in batch
                    if (each.stream.kind, each.stream.name) in store.names
                },
                next_id=store.last_stream + 1,
            )
            snapshots = [self._snapshot_text(each.write) for each in plan.accepted]
            now = seconds(micros(self._clock()))
            for change in plan.changes.values():
                self._apply(change, now)
            self._finish(plan, snapshots)
            self._committed()
        plan.settle()

    def _named(self, batch: Sequence[Write]) -> Iterator[tuple[int, _Stored]]:
        for each in batch:
            stored = self.store.streams.get(each.stream.id or 0)
            if stored is not None:
                yield stored.row.id, stored

    def _apply(self, change: Change, now: float) -> None:
        store, id_ = self.store, change.tail.id
        if change.created:
            hold = change.stream
            row = StreamRow(
                id_, hold.kind, hold.name, hold.type, 0, 1, str(self._id), "",
                None, (), {}, None, now, now,
            )  # fmt: skip
            store.streams[id_] = _Stored(row)
            store.names[hold.kind, hold.name] = store.last_stream = id_
        stored = store.streams[id_]
        stored.events += change.rows
        stored.row = evolve(stored.row, head=change.tail.head, updated_at=now)
        if change.summary is not None:
            _summarise(stored, change.summary)
        if change.release:
            stored.row = evolve(stored.row, owner=None)

    def _snapshot_text(self, write: Write) -> str | None:
        try:
            return write.snapshot and self.codec.dumps(write.snapshot.data)
        except UnrecordableError:
            return None

    def _finish(self, plan: Plan, snapshots: list[str | None]) -> None:
        for each, text in zip(plan.accepted, snapshots, strict=True):
            for id_ in each.write.consumed:
                self.store.inbox.pop(id_, None)
            if each.write.snapshot is not None and text is not None:
                change = plan.changes[id(each.write.stream)]
                kept = self.store.streams[change.tail.id].snapshots
                kept[each.write.snapshot.seq] = (each.write.snapshot.format, text)
                for old in sorted(kept)[:-SNAPSHOTS_KEPT]:
                    del kept[old]

    def claim(self, kind: str, name: str) -> Stream:
        """See `EventLog.claim`."""
        store = self._open()
        with store.lock:
            row = self._row(kind, name)
            owner = None if row.owner is None else int(row.owner)
            if owner != self._id and store.lives(owner, self._clock()):
                raise OwnedError(name, store.owners[owner or 0].label)
            row = self._take(row.id)
            self._committed()
            return Stream(kind, name, row.type, row.id, row.head, row.epoch)

    def claim_abandoned(self, kind: str, *, status: str, limit: int) -> list[StreamRow]:
        """See `EventLog.claim_abandoned`."""
        with self._open().lock:
            found = [row.id for row in self._abandoned(kind) if row.status == status][
                :limit
            ]
            self._committed()
            for id_ in found:
                self._take(id_)
            return [self.store.streams[id_].seen() for id_ in found]

    def _take(self, id_: int) -> StreamRow:
        stored = self.store.streams[id_]
        epoch = stored.row.epoch + 1
        stored.row = evolve(stored.row, owner=str(self._id), epoch=epoch)
        return stored.row

    def _row(self, kind: str, name: str) -> StreamRow:
        id_ = self.store.names.get((kind, name))
        if id_ is None:
            raise StreamNotFoundError(kind, name)
        return self.store.streams[id_].row

    def _abandoned(self, kind: str) -> list[StreamRow]:
        now = self._clock()
        return [
            stored.row
            for stored in self._open().streams.values()
            if stored.row.kind == kind and self._is_free(stored.row, now)
        ]

    def _is_free(self, row: StreamRow, now: float) -> bool:
        owner = None if row.owner is None else int(row.owner)
        return owner != self._id and not self.store.lives(owner, now)

    # -- ownership --

    @property
    def owner(self) -> Owner:
        """See `EventLog.owner`."""
        return Owner(str(self._id), self._label)

    def renew(self) -> None:
        """See `EventLog.renew`."""
        with self._open().lock:
            expires_at = self._clock() + self._lease
            self.store.owners[self._id] = _Opening(self._label, expires_at)
            self._committed()

    # -- the inbox --

    def post(
        self,
        kind: str,
        name: str,
        command: str,
        data: Mapping[str, Any],
        *,
        key: str | None = None,
    ) -> int | None:
        """See `EventLog.post`."""
        text = self.codec.dumps(dict(data), path=command)
        with self._open().lock:
            stream, inbox = self._row(kind, name).id, self.store.inbox
            if key is not None and any(
                each.stream == stream and each.row.key == key for each in inbox.values()
            ):
                return None
            self.store.last_posted = id_ = self.store.last_posted + 1
            now = seconds(micros(self._clock()))
            row = InboxRow(id_, kind, name, command, {}, key, now)
            inbox[id_] = _Posted(row, stream, text)
            self._committed()
            return id_

    def inbox(self, *, after: int = 0, limit: int = 1000) -> list[InboxRow]:
        """See `EventLog.inbox`."""
        with self._open().lock:
            now = self._clock()
            found = [
                each
                for id_, each in self.store.inbox.items()
                if id_ > after and self._may_take(each.stream, now)
            ]
            return [
                evolve(each.row, data=self.codec.loads(each.data))
                for each in found[:limit]
            ]

    def _may_take(self, stream: int, now: float) -> bool:
        row = self.store.streams[stream].row
        return row.owner == str(self._id) or self._is_free(row, now)

    def changed(self) -> bool:
        """See `EventLog.changed`."""
        before, self._seen = self._seen, self._others()
        return before != self._seen

    def _others(self) -> int:
        with self._open().lock:
            commits = self.store.commits
            return sum(commits.values()) - commits.get(self._id, 0)

    def _committed(self) -> None:
        self.store.commits[self._id] = self.store.commits.get(self._id, 0) + 1

    # -- reading --

    def find(self, kind: str, name: str) -> StreamRow | None:
        """See `EventLog.find`."""
        with self._open().lock:
            id_ = self.store.names.get((kind, name))
            return None if id_ is None else self.store.streams[id_].seen()

    def read(
        self, stream: int, *, after: int = 0, until: int | None = None
    ) -> Iterator[Recorded]:
        """See `EventLog.read`."""
        while True:
            with self._open().lock:
                stored = self.store.streams.get(stream)
                if stored is None:
                    return
                last = stored.row.head if until is None else min(until, stored.row.head)
                page = stored.events[after : min(last, after + PAGE)]
                name = stored.row.name
            if not page and after < last:
                raise LogCorruptError(name, after + 1, "it is missing")
            if not page:
                return
            for row in page:
                after += 1
                yield recorded(row, after, self.codec, name)

    def snapshot(self, stream: int, *, until: int | None = None) -> Snapshot | None:
        """See `EventLog.snapshot`."""
        with self._open().lock:
            stored = self.store.streams.get(stream)
            kept = stored.snapshots if stored else {}
            seqs = [seq for seq in kept if until is None or seq <= until]
            if not seqs:
                return None
            format_, text = kept[max(seqs)]
        return Snapshot(max(seqs), format_, self.codec.loads(text))

    def rows(
        self,
        kind: str,
        *,
        status: str | Sequence[str] | None = None,
        type: str | None = None,
        where: Mapping[str, Any] | None = None,
        before: tuple[float, int] | None = None,
        limit: int = 100,
    ) -> list[StreamRow]:
        """See `EventLog.rows`."""
        statuses = {status} if isinstance(status, str) else status
        with self._open().lock:
            rows = [
                row
                for row in (each.seen() for each in self.store.streams.values())
                if row.kind == kind
                and (statuses is None or row.status in statuses)
                and (type is None or row.type == type)
                and _has(row.attributes, where or {})
                and (before is None or (row.created_at, row.id) < before)
            ]
        rows.sort(key=lambda row: (row.created_at, row.id), reverse=True)
        return rows[:limit]

    def due(self, kind: str, *, now: float, limit: int) -> list[StreamRow]:
        """See `EventLog.due`."""
        with self._open().lock:
            found = [
                row
                for row in self._abandoned(kind)
                if row.wake_at is not None and row.wake_at <= seconds(micros(now))
            ]
            found.sort(key=lambda row: (row.wake_at, row.id))
            return [self.store.streams[row.id].seen() for row in found[:limit]]

    def next_wake(self, kind: str) -> float | None:
        """See `EventLog.next_wake`."""
        with self._open().lock:
            times = [r.wake_at for r in self._abandoned(kind) if r.wake_at is not None]
            return min(times, default=None)

    # -- the end --

    def close(self) -> None:
        """See `EventLog.close`."""
        with self.store.lock:
            if not self._closed and self.store.owners.pop(self._id, None) is not None:
                for stored in self.store.streams.values():
                    if stored.row.owner == str(self._id):
                        stored.row = evolve(stored.row, owner=None)
                self._committed()
            self._closed = True

    def abandon(self) -> None:
        """Stop as a killed process does: nothing is given up, nothing tidied."""
        with self.store.lock:
            if not self._closed:
                self.store.owners[self._id].killed = True
            self._closed = True

    def _open(self) -> MemoryStore:
        if self._closed:
            raise LogUnavailableError("the log is closed")
        return self.store

    def __enter__(self) -> MemoryLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _summarise(stored: _Stored, summary: Summary) -> None:
    wake_at = summary.wake_at
    stored.row = evolve(
        stored.row,
        status=summary.status,
        wake_at=None if wake_at is None else seconds(micros(wake_at)),
        fingerprint=summary.fingerprint or stored.row.fingerprint,
    )
    stored.waits = orjson.dumps(list(summary.waits), default=dict).decode()
    if summary.attributes is not None:
        stored.attributes = orjson.dumps(dict(summary.attributes)).decode()


def _has(attributes: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    return all(
        key in attributes and _equal(attributes[key], value)
        for key, value in where.items()
    )


def _equal(one: Any, other: Any) -> bool:
    """Return whether both are the same JSON: true is not 1, but 1 is 1.0."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
