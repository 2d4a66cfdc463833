"""What is wrong with a log, if anything: everything a log promises, looked at once."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from attrs import field, frozen

from actorflow.errors import LogError, UnreadableError
from actorflow.log.batch import checksum, is_sound
from actorflow.log.codec import Codec, UnknownEvent
from actorflow.log.connection import out_of_order
from actorflow.log.ownership import Ownership
from actorflow.log.reading import arguments
from actorflow.log.rowchecks import contradictions
from actorflow.log.schema import objects
from actorflow.log.sweeping import keys_in, reference
from actorflow.log.writing import is_sound_snapshot

PAGE = 1000
FORGOTTEN = (
    "what was recorded last is not in it any more: its write-ahead log (-wal) was "
    "removed or torn, an older copy took its place, or the power failed while "
    "durability was 'process'"
)

LOST = (
    "it cannot even be opened: go back to a backup; `sqlite3 FILE .recover` may still "
    "save some of it"
)
RESCUE = (
    "save what is whole with `actorflow export --all`, and read that into a new log "
    "with `actorflow import`; or go back to a backup"
)
RESTORE = "put back the newest copy that you have, with its -wal, before going on"
BLOBS = "its file belongs beside the log: put it back from a backup of both"
PARTIAL = (
    "`actorflow export --partial` saves the events before it; or go back to a backup"
)


@frozen
class Finding:
    """Something to know about a log.

    Attributes:
        severity: ``error``: something was lost, or may be; ``warning``: something
            cannot be used here; ``note``: something will be put right by itself.
        message: what it is, for people.
        stream: which stream, if one.
        seq: which event of it, if one.
        advice: what to do about it.
    """

    severity: Literal["error", "warning", "note"]
    message: str
    stream: str | None = None
    seq: int | None = None
    advice: str = ""


class Lender(Protocol):
    """Lends connections for reading."""

    def connection(self) -> AbstractContextManager[sqlite3.Connection]:
        """Lend a connection for one short read."""
        ...


@frozen
class Doctor:
    """Examines a log without changing it, and without holding up its writers."""

    _lender: Lender
    _codec: Codec
    _ownership: Ownership
    _unknown: Counter[str] = field(factory=Counter, init=False)
    _blobs: set[str] = field(factory=set, init=False)

    def findings(self) -> Iterator[Finding]:
        """Yield everything that is wrong, the gravest kind first."""
        for examine in (
            self._pages,
            self._tables,
            self._retention,
            self._orphans,
            self._events,
            self._snapshots,
            self._inbox,
            self._owners,
            self._rows,
        ):
            try:
                yield from examine()
            except Exception as error:  # noqa: BLE001 - it met damage itself
                told = isinstance(error, LogError)
                what = str(error) if told else f"{type(error).__name__}: {error}"
                yield Finding("error", what, advice=RESCUE)

    def _query(self, text: str, *values: Any) -> list[Any]:
        with self._lender.connection() as connection:
            return connection.execute(text, values).fetchall()

    def _pages(self) -> Iterator[Finding]:
        for (message,) in self._query("PRAGMA integrity_check"):
            if message != "ok":
                yield Finding("error", f"integrity check: {message}", advice=RESCUE)

    def _tables(self) -> Iterator[Finding]:
        there = {
            (type_, name): text
            for type_, name, text in self._query(
                "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
            )
        }
        expected = objects()
        for (type_, name), text in expected.items():
            if (type_, name) not in there:
                what = f"the {type_} {name!r} is missing"
                yield Finding("error", what, advice=RESCUE)
            elif type_ == "trigger" and there[type_, name] != text:
                what = f"the {type_} {name!r} is not the one it should be"
                yield Finding("error", what, advice=RESCUE)
        for type_, name in there.keys() - expected.keys():
            if type_ == "trigger":
                what = f"there is a trigger that is none of ours: {name!r}"
                yield Finding("error", what, advice=f'DROP TRIGGER "{name}"')

    def _retention(self) -> Iterator[Finding]:
        for (reason,) in self._query("SELECT reason FROM retention"):
            what = f"events can be deleted: retention is on ({reason})"
            yield Finding("error", what, advice="DELETE FROM retention")

    def _orphans(self) -> Iterator[Finding]:
        for table in ("event", "snapshot", "inbox", "attribute"):
            for stream, count in self._query(
                f"SELECT stream, count(*) FROM {table} "  # noqa: S608 - our own names
                "WHERE stream NOT IN (SELECT id FROM stream) GROUP BY stream"
            ):
                what = f"{count} rows of {table!r} are of no stream ({stream})"
                yield Finding("error", what, advice=RESTORE)

    def _events(self) -> Iterator[Finding]:
        last = 0
        while streams := self._listed(last):
            after = last
            for id_, name, head in streams:
                if id_ <= last:
                    raise out_of_order("streams")
                last = id_
                try:
                    yield from self._stream(id_, name, head, after)
                except LogError as error:
                    yield Finding("error", str(error), name, advice=PARTIAL)
        for tag, count in sorted(self._unknown.items()):
            what = f"{count} events of type {tag!r}, which is not known here"
            yield Finding("warning", what, advice="their owner's classes are needed")

    def _listed(self, after: int) -> list[tuple[int, str, int]]:
        """Return the next streams after that number, with how many events each has."""
        return self._query(
            "SELECT id, name, head FROM stream WHERE id > ? ORDER BY id LIMIT ?",
            after,
            PAGE,
        )

    def _stream(
        self, stream: int, name: str, head: int, after: int
    ) -> Iterator[Finding]:
        """Examine the events of a stream that is in the list after that number."""
        expected = 1
        # A page at a time, and no further than the head was: writers go on.
        while page := self._query(
            "SELECT seq, address, type, time, data, checksum FROM event "
            "WHERE stream = ? AND seq >= ? ORDER BY seq LIMIT ?",
            stream,
            expected,
            PAGE,
        ):
            for row in page:
                if row[0] < expected:
                    raise out_of_order(f"the events of {name!r}")
                if row[0] != expected:
                    missing = f"events {expected} to {row[0] - 1} are missing"
                    yield Finding("error", missing, name, expected, PARTIAL)
                expected = row[0] + 1
                yield from self._event(name, row)
        ((end,),) = self._query("SELECT max(head) FROM stream WHERE id = ?", stream)
        if end is None:
            if any(listed == stream for listed, *_ in self._listed(after)):
                raise out_of_order("streams")
            return  # deleted meanwhile
        if not head <= expected - 1 <= end:
            ends = f"its row says {head} events, and there are {expected - 1}"
            advice = RESCUE if expected - 1 > end else PARTIAL
            yield Finding("error", ends, name, advice=advice)

    def _event(self, name: str, row: tuple[Any, ...]) -> Iterator[Finding]:
        seq, address, tag, time, data, crc = row
        if checksum(seq, address, tag, time, data) != crc:
            what = "its checksum does not match"
            yield Finding("error", what, name, seq, PARTIAL)
            return
        try:
            event = self._codec.decode(tag, data)
        except UnreadableError as error:
            yield Finding("warning", str(error), name, seq)
            return
        if isinstance(event, UnknownEvent):
            self._unknown[tag] += 1
        for key in keys_in(event):
            yield from self._blob(name, seq, key)

    def _blob(self, name: str, seq: int, key: str) -> Iterator[Finding]:
        """Look once at every large value that events refer to."""
        if key in self._blobs:
            return
        self._blobs.add(key)
        try:
            self._codec.redeemed(reference(key))
        except (LogError, ValueError) as error:
            yield Finding("error", str(error), name, seq, BLOBS)

    def _snapshots(self) -> Iterator[Finding]:
        rows = self._query(
            "SELECT stream.id, name, head, seq FROM snapshot "
            "JOIN stream ON stream.id = snapshot.stream"
        )
        for stream, name, head, seq in rows:
            if seq > head:
                what = "a snapshot of events not there"
                yield Finding("error", what, name, seq, RESTORE)
            for format_, data, crc in self._query(
                "SELECT format, data, checksum FROM snapshot "
                "WHERE stream = ? AND seq = ?",
                stream,
                seq,
            ):
                if not is_sound_snapshot(crc, seq, format_, data, stream):
                    damaged = "a snapshot is damaged; replay will do without it"
                    yield Finding("warning", damaged, name, seq, "nothing needs doing")

    def _inbox(self) -> Iterator[Finding]:
        for id_, stream, name, command, text, key, crc in self._query(
            "SELECT inbox.id, stream.id, name, command, data, key, checksum "
            "FROM inbox JOIN stream ON stream.id = inbox.stream ORDER BY inbox.id"
        ):
            advice = f"delete row {id_} of 'inbox', and send it again"
            if not is_sound(crc, stream, command, text, key):
                what = f"command {id_} ({command}) is damaged, and is not taken in"
                yield Finding("error", what, name, advice=advice)
                continue
            try:
                arguments(text, command, self._codec)
            except UnreadableError as error:
                what = f"command {id_} is not taken in: {error}"
                yield Finding("error", what, name, advice=advice)

    def _owners(self) -> Iterator[Finding]:
        with self._lender.connection() as connection:
            owners = self._ownership.owners(connection)
            forgotten = self._ownership.forgotten(connection)
        if forgotten:
            yield Finding("error", FORGOTTEN, advice=RESTORE)
        for each in owners:
            ((held,),) = self._query(
                "SELECT count(*) FROM stream WHERE owner = ?", each.id
            )
            if not each.alive:
                what = (
                    f"{each.label} stopped without closing the log; "
                    f"{held} streams wait for another process to take them over"
                )
                yield Finding("note", what, advice="the next opening puts it right")
        ((strays,),) = self._query(
            "SELECT count(*) FROM stream WHERE owner IS NOT NULL "
            "AND owner NOT IN (SELECT id FROM owner)"
        )
        if strays:
            what = f"{strays} streams have an owner that is not there"
            yield Finding("error", what, advice="the next opening frees them")

    def _rows(self) -> Iterator[Finding]:
        for problem, stream in contradictions(self._query):
            yield Finding("error", problem, stream, advice=RESCUE)
