"""The event log in an SQLite file."""

from __future__ import annotations

import logging
import os
import platform
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, Literal, Unpack

from attrs import evolve

from actorflow.errors import LogUnavailableError, StreamNotFoundError
from actorflow.log import listing
from actorflow.log import statements as sql
from actorflow.log.batch import EventRow, inbox_checksum, micros
from actorflow.log.blobs import FileBlobs, blobs_beside, machine_time
from actorflow.log.codec import Codec
from actorflow.log.connection import Readers, Transaction, Writer, connect, errors_of
from actorflow.log.doctor import FORGOTTEN, Doctor, Finding
from actorflow.log.lines import Posted
from actorflow.log.ownership import Ownership
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
from actorflow.log.reading import Reading, stream_id
from actorflow.log.retention import deletable, delete, shrink
from actorflow.log.schema import prepare
from actorflow.log.taking import Search
from actorflow.log.writing import Writing
from actorflow.model.events import Recorded

logger = logging.getLogger(__name__)

_WAL_KEPT = 64 * 1024 * 1024  # what a burst made longer is given back
_SYNCHRONOUS = {"full": "FULL", "process": "NORMAL"}


class SQLiteLog:
    """An `EventLog` in an SQLite file, shared by any number of processes.

    Args:
        path: the file; created if there is none.
        codec: turns events into text and back.
        durability: ``full`` survives a loss of power once `write` has returned;
            ``process`` survives the end of the process, but the last commits before a
            loss of power may be missing (never torn, never out of order).
        lease: seconds after which an owner that has stopped renewing is given up.
        owner_label: what others are told about this owner.
        clock: seconds since the epoch.
        busy_timeout: seconds to wait for another process's transaction.
        read_only: take part as a reader only; nothing is created or changed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        codec: Codec | None = None,
        durability: Literal["full", "process"] = "full",
        lease: float = 10.0,
        owner_label: str | None = None,
        clock: Callable[[], float] = machine_time,
        busy_timeout: float = 30.0,
        read_only: bool = False,
    ) -> None:
        self.path = Path(path).absolute()
        self.codec = codec or Codec()
        if self.codec.blobs is None:
            self.codec.keep_large(blobs_beside(self.path, clock))
        self._clock = clock
        self._timeout = busy_timeout
        self._readers = Readers(self._open_reader, self.path)
        self._reading = Reading(self._readers, self.codec)
        label = owner_label or f"{platform.node()}:{os.getpid()}"
        self._ownership = Ownership(self.path, lease=lease, label=label, clock=clock)
        self._writer: Writer | None = None
        try:
            if read_only:
                self._open_to_read()
            else:
                self._open_to_write(_SYNCHRONOUS[durability])
        except BaseException:
            self.abandon()
            raise

    def _open_to_read(self) -> None:
        with self._readers.connection() as connection:
            prepare(connection, self.path, may_create=False)

    def _open_to_write(self, synchronous: str) -> None:
        with errors_of(self.path):
            connection = self._connect(self.path)
            self._writer = Writer(connection, self.path)
            # Of a new file: what is deleted can be given back while it is in use.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            prepare(connection, self.path, may_create=True)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT}")
        with self._writer.transaction() as connection:
            forgotten = self._ownership.forgotten(connection)
            self._ownership.bury(connection)
            self._ownership.free_strays(connection)
            self._ownership.enter(connection)
        self._ownership.note()
        self._writer.guard()
        if forgotten:
            logger.error("%s: %s", self.path, FORGOTTEN)
        self._writing = Writing(
            self._writer, self.codec, self._ownership.id, self._clock
        )
        self._version = self._data_version()

    def _connect(self, path: Path) -> sqlite3.Connection:
        return connect(path, read_only=False, busy_timeout=self._timeout)

    def _open_reader(self) -> sqlite3.Connection:
        return connect(self.path, read_only=True, busy_timeout=self._timeout)

    # -- writing --

    def write(self, batch: Sequence[Write]) -> None:
        """See `EventLog.write`."""
        self._for_writing()
        self._writing.write(batch)

    def claim(self, kind: str, name: str) -> Stream:
        """See `EventLog.claim`."""
        with self._for_writing().transaction() as connection:
            return self._ownership.claim(connection, kind, name)

    def claim_abandoned(
        self, kind: str, reach: Reach, *, status: str, limit: int
    ) -> list[StreamRow]:
        """See `EventLog.claim_abandoned`."""
        with self._for_writing().transaction() as connection:
            found = self._search(connection, kind, reach).left_behind(status, limit)
            return self._taken(connection, found)

    def claim_queued(self, kind: str, reach: Reach, *, limit: int) -> list[StreamRow]:
        """See `EventLog.claim_queued`."""
        with self._readers.connection() as connection:
            if not self._search(connection, kind, reach).queued(1):
                return []  # as almost always: a look need not wait for the writers
        with self._for_writing().transaction() as connection:
            found = self._search(connection, kind, reach).queued(limit)
            return self._taken(connection, found)

    def _search(
        self, connection: sqlite3.Connection, kind: str, reach: Reach
    ) -> Search:
        owners = self._ownership.abandoned(connection)
        return Search(connection, kind, owners, reach)

    def _taken(
        self, connection: sqlite3.Connection, found: Sequence[StreamRow]
    ) -> list[StreamRow]:
        self._ownership.take(connection, [row.id for row in found])
        self._ownership.bury(connection)
        owner = self.owner.id
        return [evolve(row, owner=owner, epoch=row.epoch + 1) for row in found]

    def delete(
        self,
        kind: str,
        names: Collection[str],
        *,
        reason: str,
        unless: Collection[str] = (),
        quiet_since: float | None = None,
    ) -> list[str]:
        """See `EventLog.delete`."""
        with self._for_writing().transaction() as connection:
            free = [self._ownership.id, *self._ownership.abandoned(connection)]
            owners = [each for each in free if each]
            quiet = None if quiet_since is None else micros(quiet_since)
            found = deletable(
                connection, kind, names, owners, unless=unless, quiet_since=quiet
            )
            delete(connection, list(found), reason)
            return list(found.values())

    def _for_writing(self) -> Writer:
        if self._writer is None:
            raise LogUnavailableError(f"{self.path}: opened to read only")
        return self._writer

    # -- ownership --

    @property
    def owner(self) -> Owner:
        """See `EventLog.owner`."""
        return self._ownership.owner

    def renew(self) -> bool:
        """See `EventLog.renew`."""
        with self._for_writing().transaction() as connection:
            had_run_out = self._ownership.renew(connection)
        self._ownership.note()
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
        with self._for_writing().transaction() as connection:
            stream = stream_id(connection, kind, name)
            if stream is None:
                raise StreamNotFoundError(kind, name)
            known = connection.execute(
                "SELECT 1 FROM inbox WHERE stream = ? AND key = ?", (stream, key)
            ).fetchone()
            if known is not None:
                return None
            guard = inbox_checksum(command, text, key, stream)
            row = (stream, command, text, key, micros(self._clock()), guard)
            return connection.execute(sql.POST, row).lastrowid

    def inbox(
        self, *, after: int = 0, limit: int = 1000, everyone: bool = False
    ) -> list[InboxRow]:
        """See `EventLog.inbox`."""
        owners = None if everyone else [self._ownership.id, *self._abandoned()]
        return self._reading.inbox(owners, after, limit)

    def changed(self) -> bool:
        """See `EventLog.changed`."""
        now = self._data_version()
        before, self._version = self._version, now
        return before != now

    def _data_version(self) -> int:
        # Of the writing connection: it changes when any other one has committed.
        with self._for_writing().alone() as connection:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            return int(version)

    def _abandoned(self) -> list[int | None]:
        with self._readers.connection() as connection:
            return self._ownership.abandoned(connection)

    # -- reading --

    def find(self, kind: str, name: str) -> StreamRow | None:
        """See `EventLog.find`."""
        return self._reading.find(kind, name)

    def read(
        self, stream: int, *, after: int = 0, until: int | None = None
    ) -> Iterator[Recorded]:
        """See `EventLog.read`."""
        return self._reading.events(stream, after, until)

    def follow(self, kind: str, *, after: int = 0, limit: int = 1000) -> list[Followed]:
        """See `EventLog.follow`."""
        return self._reading.follow(kind, after, limit)

    def end(self) -> int:
        """See `EventLog.end`."""
        return self._reading.end()

    def snapshot(self, stream: int, *, until: int | None = None) -> Snapshot | None:
        """See `EventLog.snapshot`."""
        return self._reading.snapshot(stream, until)

    def rows(
        self,
        kind: str,
        *,
        before: tuple[float, int] | None = None,
        limit: int = 100,
        **filters: Unpack[Filters],
    ) -> list[StreamRow]:
        """See `EventLog.rows`."""
        with self._readers.connection() as connection:
            return listing.page(connection, kind, filters, before, limit)

    def count(self, kind: str, **filters: Unpack[Filters]) -> int:
        """See `EventLog.count`."""
        with self._readers.connection() as connection:
            return listing.count(connection, kind, filters)

    def due(
        self, kind: str, reach: Reach, *, now: float, limit: int
    ) -> list[StreamRow]:
        """See `EventLog.due`."""
        with self._readers.connection() as connection:
            return self._search(connection, kind, reach).due(now, limit)

    def next_wake(self, kind: str, reach: Reach) -> float | None:
        """See `EventLog.next_wake`."""
        with self._readers.connection() as connection:
            return self._search(connection, kind, reach).next_wake()

    def raw_events(self, stream: int) -> Iterator[EventRow]:
        """Yield all events of a stream as they are stored, verified, undecoded."""
        return self._reading.raw_events(stream)

    def raw_inbox(self, stream: int) -> Iterator[Posted]:
        """Yield the sound commands that wait for a stream, as they are stored."""
        for row in self._reading.raw_inbox(stream):
            yield Posted(*row)

    def parents(self, kind: str, known: Sequence[str]) -> list[str]:
        """See `EventLog.parents`."""
        return self._reading.parents(kind, known)

    # -- care --

    def reader(self) -> AbstractContextManager[sqlite3.Connection]:
        """Lend a connection for one short read, for a `with` block."""
        return self._readers.connection()

    def shrink(self) -> int:
        """Give what was deleted back to the disk; return how many bytes.

        Others can write meanwhile. Of a file that an older version has made, nothing
        is given back: its free pages are used again.
        """
        return shrink(self._for_writing())

    def transaction(self) -> Transaction:
        """Begin a transaction that may write, for a `with` block."""
        return self._for_writing().transaction()

    def diagnose(self) -> Iterator[Finding]:
        """Yield everything that is wrong with the log; nothing if all is well."""
        return Doctor(self._readers, self.codec, self._ownership).findings()

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copy the log as of now to a new file, which nobody owns; writers go on.

        Large values that are kept in files are copied too, to beside the new file.

        Raises:
            LogUnavailableError: there is a file of that name, or no room for one.
        """
        target = Path(path).absolute()
        if target.exists():
            raise LogUnavailableError(f"{target} is there already; nothing was copied")
        draft = target.with_name(f"{target.name}.part")  # a half one has another name
        draft.unlink(missing_ok=True)
        with self._readers.connection() as connection:
            connection.execute("VACUUM INTO ?", (str(draft),))
        with errors_of(draft), closing(self._connect(draft)) as copy:
            copy.execute("UPDATE stream SET owner = NULL")
            copy.execute("DELETE FROM owner")
        draft.replace(target)
        blobs = self.codec.blobs
        if isinstance(blobs, FileBlobs):  # after the log: then all it needs are there
            blobs.copy_to(blobs_beside(target, self._clock))

    # -- the end --

    def close(self) -> None:
        """See `EventLog.close`."""
        self._readers.close()
        if self._writer is not None and not self._writer.closed:
            left = False
            try:
                with self._writer.transaction() as connection:
                    self._ownership.leave(connection)
                left = True
            finally:
                # A side file that stays, unlocked, tells the others that we are gone.
                self._ownership.drop(remove=left)
                self._writer.close()

    def abandon(self) -> None:
        """Stop as a killed process does: nothing is given up, nothing tidied."""
        self._readers.close()
        self._ownership.drop(remove=False)
        if self._writer is not None:
            self._writer.close()

    def __enter__(self) -> SQLiteLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
