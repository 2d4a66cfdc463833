"""The port of the event log: what any log must do.

`actorflow.testing.EventLogContract` is the law; this page is the prose. A log is used
by one writer at a time and by any number of readers, from any thread.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypedDict, Unpack

from attrs import define, field, frozen

from actorflow.log.codec import Codec
from actorflow.model.events import Recorded

EXECUTION, ACTOR = "execution", "actor"
"""Kinds of streams; there are others, whose names are where they are used."""


@define(eq=False)
class Stream:
    """This process's hold on one stream: where it ends, and who may write to it.

    Owned by whoever appends. `id` is filled in by the log when the stream is created;
    until then appends queue behind the write that creates it.

    Attributes:
        kind: ``execution`` or ``actor``.
        name: unique within its kind.
        type: the workflow's name, or the actor's class.
        head: seq of the last event handed to the log (not necessarily durable yet).
        epoch: the fencing number under which this process may append.
        parent: the name of the stream of its kind that it was started for, if any.
        lost: why nothing more can be written through this hold, if so.
    """

    kind: str
    name: str
    type: str
    id: int | None = None
    head: int = 0
    epoch: int = 0
    parent: str | None = None
    lost: Exception | None = None


@frozen
class Summary:
    """What lists and searches need to know of a stream, kept beside its events.

    Attributes:
        status: of an execution: running, suspended, paused, completed, failed,
            cancelled. Of an actor: ``active``.
        wake_at: when the stream wants to be woken, seconds since the epoch.
        waits: what it waits for, one JSON mapping each.
        attributes: search attributes, a JSON mapping; None leaves them unchanged.
        fingerprint: of the definition; None leaves it unchanged.
        rank: its place in the queue, the lowest first; None if it is not in it.
        tags: what a process must have to run it; None leaves them unchanged.
    """

    status: str
    wake_at: float | None = None
    waits: Sequence[Mapping[str, Any]] = ()
    attributes: Mapping[str, Any] | None = None
    fingerprint: str | None = None
    rank: float | None = None
    tags: Sequence[str] | None = None


@frozen
class Reach:
    """Which streams a process is able to run; it leaves all others alone.

    Attributes:
        types: those it knows, each with the fingerprints it accepts. A stream that has
            none yet is accepted.
        tags: what it has. A stream is in reach if none of its tags is missing here.
    """

    types: Mapping[str, Collection[str]]
    tags: Collection[str] = ()

    def covers(self, type_: str, fingerprint: str | None, tags: Iterable[str]) -> bool:
        """Return whether a stream is in reach."""
        accepted = self.types.get(type_)
        known = accepted is not None and (
            fingerprint is None or fingerprint in accepted
        )
        return known and self.has(tags)

    def has(self, tags: Iterable[str]) -> bool:
        """Return whether none of *tags* is missing."""
        return all(tag in self.tags for tag in tags)


@frozen
class Snapshot:
    """A stored checkpoint: the state as of event *seq*, as the JSON tree *data*.

    *format* names the shape of the state; a reader that does not know it must ignore
    the snapshot and replay.
    """

    seq: int
    format: str
    data: Any


@frozen
class Post:
    """A command for another stream, left in its inbox by the write it belongs to.

    If there is no such stream, or *key* waits there already, it is dropped.
    """

    kind: str
    name: str
    command: str
    data: Mapping[str, Any]
    key: str | None = None


@define(eq=False)
class Write:
    """What one stream asks of one transaction: all of it, or nothing.

    Attributes:
        stream: the hold; its `head` already counts *events*.
        events: with consecutive seqs, the last of which may be any up to the head.
        summary: the stream's row after these events; None leaves it unchanged.
        consumed: ids of inbox rows that these events record; they go with them.
        snapshot: stored in the same transaction.
        posts: commands for other streams, which are left if this write is stored.
        create: the stream comes into being with this write.
        release: the stream has no owner after this write (passivation).
        error: set by `EventLog.write` when this write was refused.
    """

    stream: Stream
    events: Sequence[Recorded] = ()
    summary: Summary | None = None
    consumed: Sequence[int] = ()
    snapshot: Snapshot | None = None
    posts: Sequence[Post] = ()
    create: bool = False
    release: bool = False
    error: Exception | None = None


@frozen
class StreamRow:
    """A stream as lists see it.  Times are seconds since the epoch."""

    id: int
    kind: str
    name: str
    type: str
    head: int
    epoch: int
    owner: str | None
    status: str
    wake_at: float | None
    waits: Sequence[Mapping[str, Any]]
    attributes: Mapping[str, Any]
    fingerprint: str | None
    created_at: float
    updated_at: float
    tags: Sequence[str] = ()
    rank: float | None = None
    parent: str | None = None


class Filters(TypedDict, total=False):
    """What streams must match to be listed or counted.  None matches everything.

    *where* compares search attributes with text, numbers, booleans and None as JSON
    does (true is not 1, but 1 is 1.0). *since* and *until* are about creation, the
    second exclusive; *quiet_since* asks for those not written after that time.
    """

    status: str | Collection[str] | None
    type: str | None
    where: Mapping[str, Any] | None
    parent: str | None
    since: float | None
    until: float | None
    quiet_since: float | None


@frozen
class InboxRow:
    """A command another process left for a stream.

    Attributes:
        id: ascending in the order of posting.
        command: what to do: ``signal``, ``pause``, ``resume``, ``cancel``, ``retry``...
        data: its arguments, a JSON mapping.
        key: deduplication key; a second row with the same key is not stored.
    """

    id: int
    kind: str
    name: str
    command: str
    data: Mapping[str, Any]
    key: str | None
    posted_at: float


@frozen
class Followed:
    """An event with its place among those of all streams.

    Attributes:
        position: ascending in the order of commit; not without gaps.
    """

    position: int
    kind: str
    name: str
    recorded: Recorded


@frozen
class Owner:
    """A process that holds streams.  `id` is unique per opening of the log."""

    id: str
    label: str = field(default="")


class EventLog(Protocol):
    """All streams; append-only.

    Every method may raise `LogUnavailableError`; methods that read events may raise
    `LogCorruptError`.
    """

    codec: Codec
    """What turns events and values into text and back; classes are taught to it."""

    # -- writing (one caller at a time) --

    def write(self, batch: Sequence[Write]) -> None:
        """Make *batch* durable in one transaction, then return.

        A write that its stream does not allow is left out whole, its `error` is set
        and its stream's `lost` is set to the same error; the others are committed:

        - `StreamExistsError`: `create` for a name that is taken;
        - `StreamNotFoundError`: an append to what was never created;
        - `FencedError`: the stream's epoch, or head, is not the one this hold knows;
        - `UnrecordableError`: one of its events cannot be encoded;
        - `ValueError`: its events are not consecutive, or the first of all is not 1.

        Writes of a stream that is `lost` are refused with the same error. A snapshot
        that cannot be encoded is left out alone: it only saves time. Holds that were
        created have their `id` and `epoch` once this returns. When the
        transaction itself fails, nothing of the batch is stored, nothing is marked,
        and `LogUnavailableError` is raised; the same batch may be tried again.
        """
        ...

    def claim(self, kind: str, name: str) -> Stream:
        """Take ownership of a stream under a new, higher epoch.

        Raises:
            StreamNotFoundError: there is none.
            OwnedError: another process owns it, is alive, and its lease has not run
                out.
        """
        ...

    def claim_abandoned(
        self, kind: str, reach: Reach, *, status: str, limit: int
    ) -> list[StreamRow]:
        """Claim up to *limit* streams in *status*, in reach, that no live process owns.

        The oldest come first. The rows returned are as they are after the claim.
        """
        ...

    def claim_queued(self, kind: str, reach: Reach, *, limit: int) -> list[StreamRow]:
        """Claim up to *limit* streams of the queue that are in reach, the first first.

        They stay in the queue until a summary without a rank is written, so that a
        process that dies before leaves them there.
        """
        ...

    # -- ownership --

    @property
    def owner(self) -> Owner:
        """This opening of the log."""
        ...

    def renew(self) -> bool:
        """Extend this owner's lease; call it at least every third of `lease`.

        Return whether it had run out, so that others may have taken its streams.
        """
        ...

    # -- the inbox: commands from processes that do not own the stream --

    def post(
        self,
        kind: str,
        name: str,
        command: str,
        data: Mapping[str, Any],
        *,
        key: str | None = None,
    ) -> int | None:
        """Leave a command, durably; return its id, or None if *key* was known.

        Known is a key that waits in the stream's inbox. One that has been consumed is
        for the consumer to know, by what it recorded.

        Raises:
            StreamNotFoundError: there is no such stream.
        """
        ...

    def inbox(
        self, *, after: int = 0, limit: int = 1000, everyone: bool = False
    ) -> list[InboxRow]:
        """Return commands for streams that this owner, or nobody live, holds.

        With *everyone*, also for those of others.
        """
        ...

    def changed(self) -> bool:
        """Return whether another owner may have written since the last call; cheap."""
        ...

    # -- reading (any thread) --

    def find(self, kind: str, name: str) -> StreamRow | None:
        """Return the stream's row, or None."""
        ...

    def read(
        self, stream: int, *, after: int = 0, until: int | None = None
    ) -> Iterator[Recorded]:
        """Yield a stream's events with after < seq <= until, verified, in order."""
        ...

    def follow(self, kind: str, *, after: int = 0, limit: int = 1000) -> list[Followed]:
        """Return events of all streams of *kind* behind position *after*, verified.

        They come in the order of commit, and nothing is ever committed before what has
        been returned: who goes on behind the last position misses nothing.
        """
        ...

    def end(self) -> int:
        """Return the position of the last event; 0 if there is none."""
        ...

    def snapshot(self, stream: int, *, until: int | None = None) -> Snapshot | None:
        """Return the newest sound snapshot at or before *until*.

        A log keeps the newest few of a stream, and may drop any: losing one costs time.
        """
        ...

    def rows(
        self,
        kind: str,
        *,
        before: tuple[float, int] | None = None,
        limit: int = 100,
        **filters: Unpack[Filters],
    ) -> list[StreamRow]:
        """Return streams, newest first by (created_at, id), that match every filter.

        *before* is the (created_at, id) of the last row of the previous page.
        """
        ...

    def count(self, kind: str, **filters: Unpack[Filters]) -> int:
        """Return how many streams match every filter."""
        ...

    def delete(
        self,
        kind: str,
        names: Collection[str],
        *,
        reason: str,
        unless: Collection[str] = (),
        quiet_since: float | None = None,
    ) -> list[str]:
        """Delete streams with everything of theirs; return the names of those deleted.

        Those that another live process owns are left as they are, and so are those for
        which one of the commands *unless* waits in the inbox, and those written after
        *quiet_since*. Writes through a hold that this process has on a deleted stream
        are refused from then on.
        """
        ...

    def due(
        self, kind: str, reach: Reach, *, now: float, limit: int
    ) -> list[StreamRow]:
        """Return streams in reach that no live process owns and that are due by *now*.

        The earliest come first.
        """
        ...

    def next_wake(self, kind: str, reach: Reach) -> float | None:
        """Return the earliest wake_at of streams in reach that no live process owns."""
        ...

    def parents(self, kind: str, known: Sequence[str]) -> list[str]:
        """Return the names of those that have unfinished children of unknown types.

        Unknown is what is not *known*; finished is completed, failed or cancelled.
        """
        ...

    def close(self) -> None:
        """Give up what this owner holds and close the log.  Idempotent."""
        ...
