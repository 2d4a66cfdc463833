"""What a batch of writes does to the log: the rules of `EventLog.write`, said once.

A log encodes a batch (`draft`), looks up where the streams it names end, lets `judge`
decide which writes are allowed, stores what was allowed in one transaction, and only
then lets the writers know (`Plan.settle`). Nothing here touches storage.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import orjson
from attrs import define, evolve, field, frozen

from actorflow.errors import (
    FencedError,
    LogCorruptError,
    LogUnavailableError,
    StreamExistsError,
    StreamNotFoundError,
    UnreadableError,
    UnrecordableError,
)
from actorflow.log.codec import Codec
from actorflow.log.port import Post, Stream, Summary, Write
from actorflow.model.events import Recorded

T = TypeVar("T")

EventRow = tuple[int, str, str, int, str, int]
"""seq, address, type, time, data, checksum: an event as it is stored."""

PostRow = tuple[str, str, str, str, str | None, int]
"""kind, name, command, data, key, checksum: a command as it is posted."""


def micros(seconds: float) -> int:
    """Return a time as it is stored."""
    return round(seconds * 1_000_000)


def seconds(stored: int) -> float:
    """Return a stored time."""
    return stored / 1_000_000


def checksum(seq: int, address: str, tag: str, time: int, data: str) -> int:
    """Return what guards an event against decay; the stream's name is no part of it."""
    return zlib.crc32(f"{seq}\0{address}\0{tag}\0{time}\0{data}".encode())


def inbox_checksum(command: str, data: str, key: str | None, stream: int = 0) -> int:
    """Return what guards a command against decay, with the *stream* it is for."""
    return zlib.crc32(f"{command}\0{data}\0{key or ''}".encode(), stream)


def is_sound(
    stored: int | None, stream: int, command: str, data: str, key: str | None
) -> bool:
    """Return whether a command in the inbox is as it was posted.

    One that an older version has posted has no checksum, or one without its stream.
    """
    if stored is None:
        return True
    own = inbox_checksum(command, data, key, stream)
    return stored in (own, inbox_checksum(command, data, key))


def event_row(recorded: Recorded, codec: Codec) -> EventRow:
    """Return *recorded* as it is stored."""
    tag, data = codec.encode(recorded.event)
    seq, address, time = recorded.seq, recorded.address, micros(recorded.time)
    return seq, address, tag, time, data, checksum(seq, address, tag, time, data)


def verify(row: Sequence[Any], expected: int, stream: str) -> None:
    """Raise unless *row* is event number *expected*, as it was written.

    Raises:
        LogCorruptError: it is not.
    """
    seq, address, tag, time, data, crc = row
    if seq != expected:
        raise LogCorruptError(stream, expected, f"it is missing; {seq} follows")
    if checksum(seq, address, tag, time, data) != crc:
        raise LogCorruptError(stream, seq, "its checksum does not match")


def recorded(row: Sequence[Any], expected: int, codec: Codec, stream: str) -> Recorded:
    """Return the stored event *row*, which must be number *expected*, verified."""
    seq, address, tag, time, data, crc = row
    if seq != expected or checksum(seq, address, tag, time, data) != crc:
        verify(row, expected, stream)  # says which; the test is made here, for speed
    try:
        return Recorded(seq, seconds(time), address, codec.decode(tag, data))
    except UnreadableError as error:
        raise LogCorruptError(stream, seq, str(error)) from error


@define
class Tail:
    """Where a stored stream ends, and who may write to it."""

    id: int
    head: int
    epoch: int


@frozen
class SummaryRow:
    """A summary as it is stored: times in microseconds, mappings as JSON."""

    status: str
    wake_at: int | None = None
    waits: str = "[]"
    attributes: str | None = None
    fingerprint: str | None = None
    rank: int | None = None
    tags: str | None = None


@define(eq=False)
class Draft:
    """A write with what it stores encoded, or why it cannot be."""

    write: Write
    rows: list[EventRow]
    summary: SummaryRow | None = None
    error: Exception | None = None
    posts: Sequence[PostRow] = ()

    @property
    def is_plain(self) -> bool:
        """Whether it adds events to a stream that exists, and does nothing else."""
        write = self.write
        more = write.create or write.release or write.consumed or write.snapshot
        return bool(self.rows) and not (more or self.summary or self.posts)


@define(eq=False)
class Change:
    """What the transaction does to one stream, all its writes together."""

    stream: Stream
    tail: Tail
    created: bool = False
    rows: list[EventRow] = field(factory=list)
    summary: SummaryRow | None = None
    release: bool = False


@define(eq=False)
class Plan:
    """Which writes of a batch are stored, as one change a stream, and which are not."""

    changes: dict[int, Change] = field(factory=dict)
    accepted: list[Draft] = field(factory=list)
    refused: list[tuple[Write, Exception]] = field(factory=list)

    def settle(self) -> None:
        """Tell writers how it went; call it once the accepted writes are durable."""
        for change in self.changes.values():
            if change.created:
                change.stream.id, change.stream.epoch = change.tail.id, 1
        for write, error in self.refused:
            write.error = write.stream.lost = error


def draft(batch: Sequence[Write], codec: Codec) -> list[Draft]:
    """Encode the events of *batch*."""
    return [_drafted(write, codec) for write in batch]


def _drafted(write: Write, codec: Codec) -> Draft:
    try:
        if write.create:
            write.stream.name.encode()
        rows = [event_row(each, codec) for each in write.events]
        summary = None if write.summary is None else summary_row(write.summary)
        posts = [_post_row(post, codec) for post in write.posts]
    except LogUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 - one writer's mistake stays its own
        return Draft(write, [], error=error)
    if len(rows) > 1:
        first = rows[0][0]
        if [row[0] for row in rows] != list(range(first, first + len(rows))):
            gap = ValueError(f"a gap in the events after {first}")
            return Draft(write, [], error=gap)
    return Draft(write, rows, summary, posts=posts)


def _post_row(post: Post, codec: Codec) -> PostRow:
    text = codec.dumps(dict(post.data), path=post.command)
    guard = inbox_checksum(post.command, text, post.key)
    return post.kind, post.name, post.command, text, post.key, guard


def summary_row(summary: Summary) -> SummaryRow:
    """Return a summary as it is stored."""
    attributes = summary.attributes
    return SummaryRow(
        status=summary.status,
        wake_at=None if summary.wake_at is None else micros(summary.wake_at),
        waits=_json("waits", list(summary.waits)),
        attributes=None if attributes is None else _json("attributes", attributes),
        fingerprint=summary.fingerprint,
        rank=None if summary.rank is None else micros(summary.rank),
        tags=None if summary.tags is None else tags_text(summary.tags),
    )


def tags_text(tags: Iterable[str]) -> str:
    """Return tags as they are stored: equal sets are equal texts."""
    return _json("tags", sorted(set(tags)))


def _json(path: str, value: Any) -> str:
    try:
        return orjson.dumps(value, default=dict).decode()
    except TypeError as error:
        raise UnrecordableError(path, str(error)) from None


def judge(
    drafts: Sequence[Draft],
    *,
    tails: Mapping[int, Tail],
    taken: set[tuple[str, str]],
    next_id: int,
) -> Plan:
    """Decide which writes are allowed.

    Args:
        drafts: the batch, encoded.
        tails: where the streams that it names by id end now; updated.
        taken: those names it wants to create that exist already; updated.
        next_id: for the first stream that it creates.
    """
    judge = _Judge(tails, taken, next_id)
    for each in drafts:
        judge.weigh(each)
    return judge.plan


class _Judge:
    def __init__(
        self, tails: Mapping[int, Tail], taken: set[tuple[str, str]], next_id: int
    ) -> None:
        self._tails, self._taken, self._next_id = tails, taken, next_id
        self._failed: dict[int, Exception] = {}
        self.plan = Plan()

    def weigh(self, draft: Draft) -> None:
        write = draft.write
        if (objection := self._objection(draft)) is not None:
            self._failed[id(write.stream)] = objection
            self.plan.refused.append((write, objection))
            return
        change = self._change(write)
        if draft.rows:
            change.rows += draft.rows
            change.tail.head = draft.rows[-1][0]
        if draft.summary is not None:
            change.summary = _merged(change.summary, draft.summary)
        change.release = change.release or write.release
        self.plan.accepted.append(draft)

    def _objection(self, draft: Draft) -> Exception | None:
        write, hold = draft.write, draft.write.stream
        known = hold.lost or self._failed.get(id(hold)) or draft.error
        if known is not None:
            return known
        if write.create:
            return self._objection_to_creation(draft)
        change = self.plan.changes.get(id(hold))
        tail = change.tail if change else self._tails.get(hold.id or 0)
        if tail is None:
            return StreamNotFoundError(hold.kind, hold.name)
        created = change is not None and change.created
        if not created and tail.epoch != hold.epoch:
            return FencedError(hold.name, hold.epoch)
        if draft.rows and draft.rows[0][0] != tail.head + 1:
            return FencedError(hold.name, hold.epoch)
        return None

    def _objection_to_creation(self, draft: Draft) -> Exception | None:
        hold = draft.write.stream
        if hold.id is not None or (hold.kind, hold.name) in self._taken:
            return StreamExistsError(hold.kind, hold.name)
        if draft.rows and draft.rows[0][0] != 1:
            return ValueError(f"the first event of {hold.name!r} must be number 1")
        return None

    def _change(self, write: Write) -> Change:
        hold = write.stream
        change = self.plan.changes.get(id(hold))
        if change is None and write.create:
            self._taken.add((hold.kind, hold.name))
            change = Change(hold, Tail(self._next_id, 0, 1), created=True)
            self._next_id += 1
        elif change is None:
            change = Change(hold, self._tails[hold.id or 0])
        return self.plan.changes.setdefault(id(hold), change)


def _merged(before: SummaryRow | None, after: SummaryRow) -> SummaryRow:
    if before is None:
        return after
    return evolve(
        after,
        attributes=given(after.attributes, before.attributes),
        fingerprint=given(after.fingerprint, before.fingerprint),
        tags=given(after.tags, before.tags),
    )


def given(new: T | None, old: T | None) -> T | None:
    """Return *new*, or *old* if nothing new is given."""
    return old if new is None else new
