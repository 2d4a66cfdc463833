"""The reading side of an SQLite log.  Nothing here writes, and no read lasts long."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import orjson

from actorflow.errors import LogCorruptError, LogDamagedError, UnreadableError
from actorflow.log import statements as sql
from actorflow.log.batch import EventRow, is_sound, recorded, seconds, verify
from actorflow.log.codec import Codec
from actorflow.log.connection import Readers, is_no_text, out_of_order
from actorflow.log.port import Followed, InboxRow, Snapshot, StreamRow
from actorflow.log.writing import is_sound_snapshot
from actorflow.model.events import Recorded

logger = logging.getLogger(__name__)

T = TypeVar("T")

PAGE = 1000
_DAMAGED = "The row of %r is damaged; `actorflow doctor` tells how"
_NO_END = 2**63 - 1
_COLUMNS = (
    "id, kind, name, type, head, epoch, owner, status, wake_at, waits, attributes, "
    "fingerprint, created_at, updated_at, tags, rank, parent"
)


def stream_row(row: Sequence[Any]) -> StreamRow:
    """Return a row of `_COLUMNS` as lists see it."""
    id_, kind, name, type_, head, epoch, owner, status, wake_at, *rest = row
    waits, attributes, fingerprint, created_at, updated_at, *later = rest
    tags, rank, parent = later
    return StreamRow(
        id=id_,
        kind=kind,
        name=name,
        type=type_,
        head=head,
        epoch=epoch,
        owner=None if owner is None else str(owner),
        status=status,
        wake_at=None if wake_at is None else seconds(_number(wake_at, name)),
        waits=_shown(waits, [], name),
        attributes=_shown(attributes, {}, name),
        fingerprint=fingerprint,
        created_at=seconds(_number(created_at, name)),
        updated_at=seconds(_number(updated_at, name)),
        tags=_shown(tags, [], name),
        rank=None if rank is None else seconds(_number(rank, name)),
        parent=parent,
    )


def _shown(text: str, empty: T, name: str) -> T:
    """Return what *text* tells lists of a stream, or nothing if it is damaged."""
    with suppress(orjson.JSONDecodeError):
        found = orjson.loads(text)
        if type(found) is type(empty):
            return found
    logger.warning(_DAMAGED, name)
    return empty


def _number(stored: Any, name: str) -> int:
    if isinstance(stored, int):
        return stored
    logger.warning(_DAMAGED, name)
    return 0


class Reading:
    """Reads streams and their events, on any thread."""

    def __init__(self, readers: Readers, codec: Codec) -> None:
        self._readers, self._codec = readers, codec
        self._left: set[int] = set()

    def find(self, kind: str, name: str) -> StreamRow | None:
        """Return the stream's row, or None."""
        with self._readers.connection() as connection:
            id_ = stream_id(connection, kind, name)
            rows = [] if id_ is None else select_streams(connection, "id = ?", (id_,))
        return rows[0] if rows else None

    def events(self, stream: int, after: int, until: int | None) -> Iterator[Recorded]:
        """Yield a stream's events a page at a time, verified."""
        name, head = self._end(stream)
        last = head if until is None else until
        while after < last:
            page = self._page(stream, name, after, last)
            for row in page:
                after += 1
                yield recorded(row, after, self._codec, name)
            if len(page) < PAGE:
                if after < min(last, head):
                    raise LogCorruptError(name, after + 1, "it is missing")
                return

    def raw_events(self, stream: int) -> Iterator[EventRow]:
        """Yield a stream's events as they are stored, verified, wherever it ends."""
        name, seq = self._name(stream), 0
        while page := self._page(stream, name, seq, _NO_END):
            for row in page:
                seq += 1
                verify(row, seq, name)
                yield row

    def raw_inbox(self, stream: int) -> Iterator[tuple[str, str, str | None, int]]:
        """Yield the sound commands for a stream: command, data, key, time."""
        with self._readers.connection() as connection:
            rows = connection.execute(sql.INBOX_OF, (stream,)).fetchall()
        for command, data, key, posted_at, crc in rows:
            if is_sound(crc, stream, command, data, key):
                yield command, data, key, posted_at

    def _name(self, stream: int) -> str:
        with self._readers.connection() as connection:
            row = connection.execute(sql.NAME, (stream,)).fetchone()
        return str(row[0]) if row else ""

    def _page(self, stream: int, name: str, after: int, last: int) -> list[EventRow]:
        try:
            with self._readers.connection() as connection:
                return connection.execute(
                    sql.EVENTS, (stream, after, last, PAGE)
                ).fetchall()
        except LogDamagedError as error:
            raise LogCorruptError(name, after + 1, str(error)) from error

    def _end(self, stream: int) -> tuple[str, int]:
        with self._readers.connection() as connection:
            row = connection.execute(sql.END, (stream,)).fetchone()
        if row is None:
            return "", 0
        name, head, last = row
        if last is not None and last > head:
            # Whoever went on from the head would do again what is recorded behind it.
            raise LogCorruptError(name, head + 1, "by its row, the stream ends before")
        return name, head

    def follow(self, kind: str, after: int, limit: int) -> list[Followed]:
        """Return events of all streams of *kind*, in the order of commit, verified."""
        with self._readers.connection() as connection:
            rows = connection.execute(sql.FOLLOW, (after, kind, limit)).fetchall()
        found = []
        for place, is_indexed, name, *row in rows:
            if place <= after:
                raise out_of_order("events")
            if not is_indexed:
                raise LogCorruptError(name or "?", row[0], "its index does not know it")
            known = recorded(row, row[0], self._codec, name)
            found.append(Followed(place, kind, name, known))
            after = place
        return found

    def end(self) -> int:
        """Return the position of the last event."""
        with self._readers.connection() as connection:
            row = connection.execute("SELECT max(position) FROM event").fetchone()
        return int(row[0] or 0)

    def snapshot(self, stream: int, until: int | None) -> Snapshot | None:
        """Return the newest sound snapshot at or before *until*."""
        with self._readers.connection() as connection:
            rows = connection.execute(
                "SELECT seq, format, data, checksum FROM snapshot "
                "WHERE stream = ? AND seq <= coalesce(?, seq) ORDER BY seq DESC",
                (stream, until),
            ).fetchall()
        for seq, format_, text, crc in rows:
            if is_sound_snapshot(crc, seq, format_, text, stream):
                try:
                    return Snapshot(seq, format_, self._codec.loads(text))
                except UnreadableError:
                    continue  # replay, from an older one or from the start
        return None

    def inbox(
        self, owners: Sequence[int | None] | None, after: int, limit: int
    ) -> list[InboxRow]:
        """Return commands for streams of *owners*, of all if None, as they came."""
        found: list[InboxRow] = []
        bound = None if owners is None else _json([each for each in owners if each])
        while len(found) < limit:
            wanted = limit - len(found)
            with self._readers.connection() as connection:
                rows = connection.execute(sql.INBOX, (after, bound, wanted)).fetchall()
            for row in rows:
                if row[0] <= after:
                    raise out_of_order("commands in the inbox")
                after = row[0]
            found += filter(None, map(self._inbox_row, rows))
            if len(rows) < wanted:
                break
        return found

    def _inbox_row(self, row: Sequence[Any]) -> InboxRow | None:
        """Return a command, or None if it is damaged: others are not held up by it."""
        id_, stream, kind, name, command, text, key, posted_at, crc = row
        try:
            if stream is None:
                raise UnreadableError(command, "the name of its stream is damaged")
            if not is_sound(crc, stream, command, text, key):
                raise UnreadableError(command, "its checksum does not match")
            data = arguments(text, command, self._codec)
        except UnreadableError as error:
            if id_ not in self._left:  # told once, not at every look
                self._left.add(id_)
                what = "Command %d for %r is damaged, and stays in the inbox: %s"
                logger.warning(what, id_, name, error)
            return None
        return InboxRow(id_, kind, name, command, data, key, seconds(posted_at))

    def parents(self, kind: str, known: Sequence[str]) -> list[str]:
        """Return who has unfinished children of other types than those *known*."""
        with self._readers.connection() as connection:
            rows = connection.execute(
                "SELECT DISTINCT parent FROM stream WHERE kind = ? "
                "AND parent IS NOT NULL "
                "AND status NOT IN ('completed', 'failed', 'cancelled') "
                "AND type NOT IN (SELECT value FROM json_each(?)) ORDER BY parent",
                (kind, _json(list(known))),
            ).fetchall()
        return [name for (name,) in rows]


def arguments(text: str, command: str, codec: Codec) -> dict[str, Any]:
    """Return the arguments of a command in the inbox.

    Raises:
        UnreadableError: they are none.
    """
    data = codec.loads(text, path=command)
    if not isinstance(data, dict):
        raise UnreadableError(command, "its arguments are no mapping")
    return data


def stream_id(connection: sqlite3.Connection, kind: str, name: str) -> int | None:
    """Return which stream has that name; None if there is none.

    Raises:
        LogDamagedError: the index of names leads to another one.
    """
    found = connection.execute(sql.FIND, (kind, name)).fetchone()
    if found is None:
        return None
    id_, *there = found
    if there != [kind, name]:
        raise out_of_order("the names of streams")
    return int(id_)


def select_streams(
    connection: sqlite3.Connection,
    rest: str,
    values: Sequence[Any],
    *,
    source: str = "stream",
) -> list[StreamRow]:
    """Return the streams for which *rest*, the end of a SELECT, holds."""
    text = f"SELECT {_COLUMNS} FROM {source} WHERE {rest}"  # noqa: S608 - our own text
    return [stream_row(row) for row in _fetched(connection, text, values)]


def _fetched(
    connection: sqlite3.Connection, text: str, values: Sequence[Any]
) -> list[Any]:
    """Return all rows; text that is no UTF-8 any more damages no other row."""
    try:
        return connection.execute(text, values).fetchall()
    except sqlite3.OperationalError as error:
        if not is_no_text(error):
            raise
    usual, connection.text_factory = connection.text_factory, _some_text
    try:
        return connection.execute(text, values).fetchall()
    finally:
        connection.text_factory = usual


def _some_text(stored: bytes) -> str:
    return stored.decode(errors="replace")


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
