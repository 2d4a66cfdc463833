"""Who may write: owners, their leases, and how a dead one is told from a slow one.

Each opening of the log for writing is an owner with a lease, renewed while it lives.
Where the system has file locks it also holds one on a side file, which the kernel
releases whatever way the process ends: whoever gets that lock knows the owner is dead,
at once. A process that is stopped or hangs keeps its lock, and is given up only when
its lease has run out. Being wrong about it is safe: the epoch fences it off.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from actorflow.errors import LogUnavailableError, OwnedError, StreamNotFoundError
from actorflow.log.batch import micros
from actorflow.log.port import Owner, Stream
from actorflow.log.reading import stream_id

fcntl: Any
try:
    import fcntl
except ImportError:  # no file locks here: the lease alone decides
    fcntl = None

_PLAUSIBLE = 86_400_000_000
"""Microseconds that a lease may last at most."""

_STRAYS = """
WITH RECURSIVE holder (id) AS (
    SELECT min(owner) FROM stream
    UNION ALL
    SELECT (SELECT min(owner) FROM stream WHERE owner > holder.id)
    FROM holder WHERE holder.id IS NOT NULL
)
SELECT id FROM holder WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM owner)
"""

_held: weakref.WeakSet[SideFile] = weakref.WeakSet()


class SideFile:
    """A file beside the log that is locked while its owner lives."""

    def __init__(self, log: Path, owner: int) -> None:
        self.owner = owner
        self.path = log.with_name(f"{log.name}-owner-{owner}")
        self._descriptor: int | None = None

    @classmethod
    def all(cls, log: Path) -> Iterator[SideFile]:
        """Yield those that are there, of whatever owner."""
        start = f"{log.name}-owner-"
        with os.scandir(log.parent) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(start)]
        for name in names:
            if (owner := name.removeprefix(start)).isdecimal():
                yield cls(log, int(owner))

    def lock(self) -> None:
        """Create the file and hold its lock until `release`, or the process ends."""
        if fcntl is None:
            return
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _held.add(self)
        except OSError:  # not on this file system: the lease alone decides
            self.release()
            self.remove()

    def release(self) -> None:
        """Let the lock go, as the end of the process would."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)

    def note(self, text: str) -> None:
        """Write down what is known to be in the log by now."""
        if self._descriptor is not None:
            os.pwrite(self._descriptor, text.encode(), 0)

    def noted(self) -> int | None:
        """Return what was noted, if anything was."""
        try:
            return int(self.path.read_bytes())
        except (OSError, ValueError):
            return None

    def is_free(self) -> bool:
        """Return whether the file exists and nobody holds its lock."""
        if fcntl is None:
            return False
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except OSError:
            return False
        try:
            # Shared, so that two who look at once do not take each other for alive.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(descriptor)


def _forget_locks() -> None:
    # A forked child shares its parent's locks and would keep them beyond its death.
    for each in list(_held):
        each.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_locks)


@frozen
class Living:
    """What is known of an owner's row."""

    id: int
    label: str
    alive: bool


class Ownership:
    """This opening of the log among all others."""

    def __init__(
        self, path: Path, *, lease: float, label: str, clock: Callable[[], float]
    ) -> None:
        self._path, self._lease, self._clock = path, lease, clock
        self._label, self._host = label, platform.node()
        self._opened_at = micros(clock())
        self._expires_at = 0
        self._side: SideFile | None = None
        self.id = 0

    @property
    def owner(self) -> Owner:
        """This owner, as others may know it."""
        return Owner(str(self.id), self._label)

    def enter(self, connection: sqlite3.Connection) -> None:
        """Become an owner; locked before anybody can see the row."""
        (self.id,) = connection.execute(
            "INSERT INTO owner (label, host, opened_at, expires_at) "
            "VALUES (?, ?, ?, ?) RETURNING id",
            (self._label, self._host, self._opened_at, self._extended()),
        ).fetchone()
        self._side = SideFile(self._path, self.id)
        try:
            self._side.lock()
        except OSError as error:
            raise LogUnavailableError(f"{self._side.path}: {error}") from error

    def note(self) -> None:
        """Note beside the log how far its row got; call it when that is durable.

        Should the log be replaced by an older copy, or lose its write-ahead log, then
        it knows less than this note, and `forgotten` tells.
        """
        self._note(self._expires_at)

    def _note(self, expires_at: int) -> None:
        assert self._side is not None
        self._side.note(f"{expires_at:020}")

    def forgotten(self, connection: sqlite3.Connection) -> list[int]:
        """Return the dead owners of whom the log knows less than they did themselves.

        What they wrote last was durable once, and is not in the log any more.
        """
        known = dict(connection.execute("SELECT id, expires_at FROM owner").fetchall())
        forgotten = []
        for side in SideFile.all(self._path):
            noted, stored = side.noted(), known.get(side.owner, 0)
            is_sound = isinstance(stored, int)  # else it is damaged, not older
            if noted and is_sound and stored < noted and side.is_free():
                forgotten.append(side.owner)
        return forgotten

    def free_strays(self, connection: sqlite3.Connection) -> None:
        """Free the streams of owners that are not in the log."""
        strays = [owner for (owner,) in connection.execute(_STRAYS).fetchall()]
        connection.execute(
            "UPDATE stream SET owner = NULL "
            "WHERE owner IN (SELECT value FROM json_each(?))",
            (str(strays),),
        )

    def renew(self, connection: sqlite3.Connection) -> bool:
        """Extend the lease; an owner that was given up meanwhile is one again.

        Return whether it may have been given up: its lease had run out.
        """
        row = connection.execute(
            "SELECT expires_at FROM owner WHERE id = ?", (self.id,)
        ).fetchone()
        connection.execute(
            "INSERT INTO owner (id, label, host, opened_at, expires_at) "
            "VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at",
            (self.id, self._label, self._host, self._opened_at, self._extended()),
        )
        return row is None or row[0] <= micros(self._clock())

    def leave(self, connection: sqlite3.Connection) -> None:
        """Give up every stream, and stop being an owner."""
        self._note(0)  # from here on, not being in the log is no loss
        self._forget(connection, self.id)

    def drop(self, *, remove: bool) -> None:
        """Let the lock go; keep its file, as a dead process does, unless *remove*."""
        if self._side is not None:
            self._side.release()
            if remove:
                self._side.remove()

    def owners(self, connection: sqlite3.Connection) -> list[Living]:
        """Return every owner of the log, and whether it lives."""
        rows = connection.execute("SELECT id, label, host, expires_at FROM owner")
        return [
            Living(id_, label, self._lives(id_, host, expires_at))
            for id_, label, host, expires_at in rows.fetchall()
        ]

    def abandoned(self, connection: sqlite3.Connection) -> list[int | None]:
        """Return the owners whose streams are free to take; None is one of them."""
        owners = self.owners(connection)
        return [None, *(each.id for each in owners if not each.alive)]

    def claim(self, connection: sqlite3.Connection, kind: str, name: str) -> Stream:
        """Take one stream, unless a live process has it."""
        stream = stream_id(connection, kind, name)
        if stream is None:
            raise StreamNotFoundError(kind, name)
        type_, head, epoch, owner = connection.execute(
            "SELECT type, head, epoch, owner FROM stream WHERE id = ?", (stream,)
        ).fetchone()
        for each in self.owners(connection):
            if each.id == owner and each.alive and owner != self.id:
                raise OwnedError(name, each.label)
        self.take(connection, [stream])
        self.bury(connection)
        return Stream(kind, name, type_, stream, head, epoch + 1)

    def take(self, connection: sqlite3.Connection, streams: list[int]) -> None:
        """Own *streams* under new epochs."""
        connection.execute(
            "UPDATE stream SET owner = ?, epoch = epoch + 1 "
            "WHERE id IN (SELECT value FROM json_each(?))",
            (self.id, str(streams)),
        )

    def bury(self, connection: sqlite3.Connection) -> None:
        """Forget the owners that are certainly gone, and free what they held.

        One whose lease ran out while it holds its lock may be back; it stays.
        """
        for each in self.owners(connection):
            side = SideFile(self._path, each.id)
            if not each.alive and (side.is_free() or not side.path.exists()):
                self._forget(connection, each.id)
                side.remove()

    def _forget(self, connection: sqlite3.Connection, owner: int) -> None:
        connection.execute("UPDATE stream SET owner = NULL WHERE owner = ?", (owner,))
        connection.execute("DELETE FROM owner WHERE id = ?", (owner,))

    def _lives(self, id_: int, host: str, expires_at: Any) -> bool:
        if id_ == self.id:
            return True
        left = expires_at - micros(self._clock()) if isinstance(expires_at, int) else 0
        if not 0 < left < _PLAUSIBLE:
            return False  # nobody takes a lease for days: such a row is damaged
        return host != self._host or not SideFile(self._path, id_).is_free()

    def _extended(self) -> int:
        self._expires_at = micros(self._clock() + self._lease)
        return self._expires_at
