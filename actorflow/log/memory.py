"""The event log in memory: for tests, and for runs that nobody needs to remember.

As strict as the log in a file: what is written is encoded to text and decoded when it
is read, and several owners can share one store, so that takeovers can be tested.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Unpack

import orjson
from attrs import evolve

from actorflow.errors import LogUnavailableError, OwnedError, UnrecordableError
from actorflow.log.batch import draft, micros, recorded, seconds
from actorflow.log.blobs import MemoryBlobs, machine_time
from actorflow.log.codec import Codec
from actorflow.log.memory_store import MemoryStore, Opening, Stored, matches
from actorflow.log.port import (
    Filters,
    Followed,
    InboxRow,
    Owner,
    Reach,
    Snapshot,
    Stream,
    StreamRow,
    Write,
)
from actorflow.model.events import Recorded

__all__ = ["MemoryLog", "MemoryStore"]

PAGE = 1000


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
        clock: Callable[[], float] = machine_time,
    ) -> None:
        self.store = store = store or MemoryStore(blobs=MemoryBlobs(clock=clock))
        self.codec = codec or Codec()
        if self.codec.blobs is None:
            self.codec.keep_large(store.blobs)
        self._clock, self._lease = clock, lease
        self._closed = False
        with store.lock:
            store.bury()
            store.last_owner += 1
            self._id = store.last_owner
            self._label = owner_label or f"memory:{self._id}"
            store.owners[self._id] = Opening(self._label, clock() + lease)
            store.committed(self._id)
        self._seen = self._others()

    # -- writing --

    def write(self, batch: Sequence[Write]) -> None:
        """See `EventLog.write`."""
        drafts = draft(batch, self.codec)
        store = self._open()
        with store.lock:
            plan = store.plan(drafts)
            now = seconds(micros(self._clock()))
            for change in plan.changes.values():
                store.apply(change, self._id, now)
            for each in plan.accepted:
                for id_ in each.write.consumed:
                    store.posted.pop(id_, None)
                for post in each.posts:
                    store.post(*post[:-1], now)
                if each.write.snapshot is not None:
                    stored = store.streams[plan.changes[id(each.write.stream)].tail.id]
                    self._keep(stored, each.write.snapshot)
            if plan.accepted:
                store.committed(self._id)
        plan.settle()

    def _keep(self, stored: Stored, snapshot: Snapshot) -> None:
        # A snapshot only saves time: one that cannot be written is left out.
        with suppress(UnrecordableError):
            stored.keep(snapshot.seq, snapshot.format, self.codec.dumps(snapshot.data))

    def claim(self, kind: str, name: str) -> Stream:
        """See `EventLog.claim`."""
        store = self._open()
        with store.lock:
            stored = store.find(kind, name)
            row = stored.row
            if not self._may_take(row.id, self._clock()):
                assert row.owner is not None
                raise OwnedError(name, store.owners[int(row.owner)].label)
            row = store.take(stored, self._id)
            store.bury()
            store.committed(self._id)
            return Stream(kind, name, row.type, row.id, row.head, row.epoch)

    def claim_abandoned(
        self, kind: str, reach: Reach, *, status: str, limit: int
    ) -> list[StreamRow]:
        """See `EventLog.claim_abandoned`."""
        with self._open().lock:
            free = self._abandoned(kind, reach)
            return self._taken([s for s in free if s.row.status == status][:limit])

    def claim_queued(self, kind: str, reach: Reach, *, limit: int) -> list[StreamRow]:
        """See `EventLog.claim_queued`."""
        with self._open().lock:
            queue = [
                (stored.row.rank, stored.row.id, stored)
                for stored in self._abandoned(kind, reach)
                if stored.row.rank is not None
            ]
            return self._taken([stored for *_, stored in sorted(queue)[:limit]])

    def _taken(self, free: Sequence[Stored]) -> list[StreamRow]:
        for stored in free:
            self.store.take(stored, self._id)
        self.store.bury()
        if free:
            self.store.committed(self._id)
        return [stored.seen() for stored in free]

    def _abandoned(self, kind: str, reach: Reach) -> list[Stored]:
        now = self._clock()
        return [
            stored
            for stored in self._open().streams.values()
            if stored.row.kind == kind
            and self._is_free(stored.row, now)
            and reach.covers(
                stored.row.type, stored.row.fingerprint, orjson.loads(stored.tags)
            )
        ]

    def _is_free(self, row: StreamRow, now: float) -> bool:
        owner = None if row.owner is None else int(row.owner)
        return owner != self._id and not self.store.lives(owner, now)

    def delete(
        self,
        kind: str,
        names: Collection[str],
        *,
        reason: str,  # noqa: ARG002 - nothing here guards the events
        unless: Collection[str] = (),
        quiet_since: float | None = None,
    ) -> list[str]:
        """See `EventLog.delete`."""
        with self._open().lock:
            now, posted = self._clock(), self.store.posted.values()
            owed = {each.stream for each in posted if each.row.command in unless}
            free = [
                stored.row
                for stored in self.store.streams.values()
                if stored.row.kind == kind
                and stored.row.name in names
                and self._may_take(stored.row.id, now)
                and stored.row.id not in owed
                and (quiet_since is None or stored.row.updated_at <= quiet_since)
            ]
            for row in free:
                self.store.delete(row)
            if free:
                self.store.committed(self._id)
            return [row.name for row in free]

    # -- ownership --

    @property
    def owner(self) -> Owner:
        """See `EventLog.owner`."""
        return Owner(str(self._id), self._label)

    def renew(self) -> bool:
        """See `EventLog.renew`."""
        with self._open().lock:
            had_run_out = not self.store.lives(self._id, self._clock())
            expires_at = self._clock() + self._lease
            self.store.owners[self._id] = Opening(self._label, expires_at)
            self.store.committed(self._id)
            return had_run_out

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
            self.store.find(kind, name)
            now = seconds(micros(self._clock()))
            id_ = self.store.post(kind, name, command, text, key, now)
            if id_ is not None:
                self.store.committed(self._id)
            return id_

    def inbox(
        self, *, after: int = 0, limit: int = 1000, everyone: bool = False
    ) -> list[InboxRow]:
        """See `EventLog.inbox`."""
        with self._open().lock:
            now = self._clock()
            found = [
                each
                for id_, each in self.store.posted.items()
                if id_ > after and (everyone or self._may_take(each.stream, now))
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
            return sum(commits.values()) - commits[self._id]

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
            if not page:
                return
            for row in page:
                after += 1
                yield recorded(row, after, self.codec, name)

    def follow(self, kind: str, *, after: int = 0, limit: int = 1000) -> list[Followed]:
        """See `EventLog.follow`."""
        found = []
        with self._open().lock:
            order, streams = self.store.order, self.store.streams
            for position in range(after, len(order)):
                id_, seq = order[position]
                stored = streams.get(id_)
                if stored is not None and stored.row.kind == kind:
                    row = stored.events[seq - 1]
                    found.append((position + 1, stored.row.name, seq, row))
                if len(found) == limit:
                    break
        return [
            Followed(position, kind, name, recorded(row, seq, self.codec, name))
            for position, name, seq, row in found
        ]

    def end(self) -> int:
        """See `EventLog.end`."""
        with self._open().lock:
            return len(self.store.order)

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
        before: tuple[float, int] | None = None,
        limit: int = 100,
        **filters: Unpack[Filters],
    ) -> list[StreamRow]:
        """See `EventLog.rows`."""
        rows = [
            row
            for row in self._matching(kind, filters)
            if before is None or (row.created_at, row.id) < before
        ]
        rows.sort(key=lambda row: (row.created_at, row.id), reverse=True)
        return rows[:limit]

    def count(self, kind: str, **filters: Unpack[Filters]) -> int:
        """See `EventLog.count`."""
        return sum(1 for _ in self._matching(kind, filters))

    def _matching(self, kind: str, filters: Filters) -> list[StreamRow]:
        with self._open().lock:
            rows = [each.seen() for each in self.store.streams.values()]
        return [row for row in rows if row.kind == kind and matches(row, filters)]

    def due(
        self, kind: str, reach: Reach, *, now: float, limit: int
    ) -> list[StreamRow]:
        """See `EventLog.due`."""
        with self._open().lock:
            rows = [each.seen() for each in self._abandoned(kind, reach)]
        due = [(r.wake_at, r.id, r) for r in rows if r.wake_at is not None]
        last = seconds(micros(now))
        return [row for at, _, row in sorted(due)[:limit] if at <= last]

    def next_wake(self, kind: str, reach: Reach) -> float | None:
        """See `EventLog.next_wake`."""
        with self._open().lock:
            times = [each.row.wake_at for each in self._abandoned(kind, reach)]
        return min((at for at in times if at is not None), default=None)

    def parents(self, kind: str, known: Sequence[str]) -> list[str]:
        """See `EventLog.parents`."""
        with self._open().lock:
            return sorted(
                {
                    row.parent
                    for row in (stored.row for stored in self.store.streams.values())
                    if row.kind == kind
                    and row.parent is not None
                    and row.status not in ("completed", "failed", "cancelled")
                    and row.type not in known
                }
            )

    # -- the end --

    def close(self) -> None:
        """See `EventLog.close`."""
        with self.store.lock:
            if not self._closed:
                self.store.forget(self._id)
                self.store.committed(self._id)
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
