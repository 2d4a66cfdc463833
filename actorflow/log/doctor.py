"""What is wrong with a log, if anything: everything a log promises, looked at once."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from attrs import field, frozen

from actorflow.errors import LogError, UnreadableError
from actorflow.log.batch import checksum
from actorflow.log.codec import Codec, UnknownEvent
from actorflow.log.ownership import Ownership
from actorflow.log.writing import snapshot_checksum

PAGE = 1000
_TRIGGERS = ("event_is_never_updated", "event_is_deleted_only_by_retention")


@frozen
class Finding:
    """Something to know about a log.

    Attributes:
        severity: ``error``: something was lost, or may be; ``warning``: something
            cannot be used here; ``note``: something will be put right by itself.
        message: what it is, for people.
        stream: which stream, if one.
        seq: which event of it, if one.
    """

    severity: Literal["error", "warning", "note"]
    message: str
    stream: str | None = None
    seq: int | None = None


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

    def findings(self) -> Iterator[Finding]:
        """Yield everything that is wrong, the gravest kind first."""
        for examine in (
            self._pages,
            self._guards,
            self._orphans,
            self._events,
            self._snapshots,
            self._owners,
        ):
            try:
                yield from examine()
            except LogError as error:  # the examination itself met damage
                yield Finding("error", str(error))

    def _query(self, text: str, *values: Any) -> list[Any]:
        with self._lender.connection() as connection:
            return connection.execute(text, values).fetchall()

    def _pages(self) -> Iterator[Finding]:
        for (message,) in self._query("PRAGMA integrity_check"):
            if message != "ok":
                yield Finding("error", f"integrity check: {message}")

    def _guards(self) -> Iterator[Finding]:
        there = {
            name
            for (name,) in self._query(
                "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
            )
        }
        for name in _TRIGGERS:
            if name not in there:
                yield Finding("error", f"the trigger {name!r} is missing")
        for (reason,) in self._query("SELECT reason FROM retention"):
            yield Finding("error", f"events can be deleted: retention is on ({reason})")

    def _orphans(self) -> Iterator[Finding]:
        for table in ("event", "snapshot", "inbox"):
            for stream, count in self._query(
                f"SELECT stream, count(*) FROM {table} "  # noqa: S608 - our own names
                "WHERE stream NOT IN (SELECT id FROM stream) GROUP BY stream"
            ):
                yield Finding(
                    "error", f"{count} rows of {table!r} are of no stream ({stream})"
                )

    def _events(self) -> Iterator[Finding]:
        last = 0
        while streams := self._query(
            "SELECT id, name, head FROM stream WHERE id > ? ORDER BY id LIMIT ?",
            last,
            PAGE,
        ):
            for id_, name, head in streams:
                try:
                    yield from self._stream(id_, name, head)
                except LogError as error:
                    yield Finding("error", str(error), name)
            last = streams[-1][0]
        for tag, count in sorted(self._unknown.items()):
            yield Finding(
                "warning", f"{count} events of type {tag!r}, which is not known here"
            )

    def _stream(self, stream: int, name: str, head: int) -> Iterator[Finding]:
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
                if row[0] != expected:
                    missing = f"events {expected} to {row[0] - 1} are missing"
                    yield Finding("error", missing, name, expected)
                expected = row[0] + 1
                yield from self._event(name, row)
        (end,) = self._query("SELECT head FROM stream WHERE id = ?", stream)[0]
        if not head <= expected - 1 <= end:
            ends = f"its row says {head} events, and there are {expected - 1}"
            yield Finding("error", ends, name)

    def _event(self, name: str, row: tuple[Any, ...]) -> Iterator[Finding]:
        seq, address, tag, time, data, crc = row
        if checksum(seq, address, tag, time, data) != crc:
            yield Finding("error", "its checksum does not match", name, seq)
            return
        try:
            event = self._codec.decode(tag, data)
        except UnreadableError as error:
            yield Finding("warning", str(error), name, seq)
            return
        if isinstance(event, UnknownEvent):
            self._unknown[tag] += 1

    def _snapshots(self) -> Iterator[Finding]:
        rows = self._query(
            "SELECT stream.id, name, head, seq FROM snapshot "
            "JOIN stream ON stream.id = snapshot.stream"
        )
        for stream, name, head, seq in rows:
            if seq > head:
                yield Finding("error", "a snapshot of events not there", name, seq)
            for format_, data, crc in self._query(
                "SELECT format, data, checksum FROM snapshot "
                "WHERE stream = ? AND seq = ?",
                stream,
                seq,
            ):
                if snapshot_checksum(seq, format_, data) != crc:
                    damaged = "a snapshot is damaged; replay will do without it"
                    yield Finding("warning", damaged, name, seq)

    def _owners(self) -> Iterator[Finding]:
        with self._lender.connection() as connection:
            owners = self._ownership.owners(connection)
        for each in owners:
            ((held,),) = self._query(
                "SELECT count(*) FROM stream WHERE owner = ?", each.id
            )
            if not each.alive:
                yield Finding(
                    "note",
                    f"{each.label} stopped without closing the log; "
                    f"{held} streams wait for another process to take them over",
                )
        ((strays,),) = self._query(
            "SELECT count(*) FROM stream WHERE owner IS NOT NULL "
            "AND owner NOT IN (SELECT id FROM owner)"
        )
        if strays:
            yield Finding("error", f"{strays} streams have an owner that is not there")
