"""Connections to the file.  The only module that knows how SQLite locks and fails."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal

from actorflow.errors import (
    LogContradictionError,
    LogDamagedError,
    LogError,
    LogUnavailableError,
    NotALogError,
)
from actorflow.log.samefiles import SameFiles

_TRANSIENT = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_EFFECTIVE = os.access in os.supports_effective_ids
_EXAMINE = "; `actorflow doctor` tells what is damaged"
_PRIMARY = 0xFF  # the low byte of an extended result code is the primary one


ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises; Python, if the message has in it what a damaged file says."""


def log_error(error: Exception, path: Path) -> LogError:
    """Return what an error of SQLite means to users of the log."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code == sqlite3.SQLITE_NOTADB:
        return NotALogError(f"{path} is not an SQLite database")
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    what = f"{path}: {error} ({name})"
    if code == sqlite3.SQLITE_CORRUPT or is_no_text(error):
        return LogDamagedError(what + _EXAMINE)
    if code == sqlite3.SQLITE_CONSTRAINT:
        return LogContradictionError(what + _EXAMINE)
    return LogUnavailableError(what, transient=code in _TRANSIENT)


def out_of_order(what: str) -> LogDamagedError:
    """Return what tells that a tree of the file is not sorted as it should be."""
    return LogDamagedError(f"{what} are not in order{_EXAMINE}")


def connect(path: Path, *, read_only: bool, busy_timeout: float) -> sqlite3.Connection:
    """Open the file; transactions are the caller's to begin and end."""
    mode = "rwc"
    if read_only:
        mode = "ro&immutable=1" if _is_still(path) else "ro"
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,
    )


def _is_still(path: Path) -> bool:
    """Return whether nobody writes, nor can: on a read-only disk, say.

    SQLite would want to create files beside the log there, if only to read it.
    """
    still = not os.access(path.parent, os.W_OK, effective_ids=_EFFECTIVE)
    return still and path.exists() and not Path(f"{path}-wal").exists()


def is_no_text(error: Exception) -> bool:
    """Return whether a stored text is no UTF-8, which Python finds, not SQLite."""
    return isinstance(error, UnicodeDecodeError) or "decode to UTF-8" in str(error)


class Writer:
    """The one connection of a process that writes; one transaction at a time.

    A second writing connection would wait for the first by polling; a lock does not.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection: sqlite3.Connection | None = connection
        self._path = path
        self._lock = threading.RLock()
        self._files: SameFiles | None = None

    def guard(self) -> None:
        """From now on, refuse to write when the file is no longer the one opened."""
        self._files = SameFiles(self._path)

    @property
    def closed(self) -> bool:
        """Whether the connection has been closed."""
        return self._connection is None

    def transaction(self) -> Transaction:
        """Begin a transaction that may write, for a `with` block.

        It begins at once (IMMEDIATE): one that reads first and takes the lock later
        fails when somebody wrote in between, however long it would have waited.
        """
        return Transaction(self._lock, self._path, self.connection)

    def connection(self) -> sqlite3.Connection:
        """Return the connection, for use under the lock."""
        if self._connection is None:
            raise LogUnavailableError(f"{self._path}: the log is closed")
        if self._files is not None:
            self._files.check()
        return self._connection

    @contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """Use the connection outside a transaction."""
        with self._lock, errors_of(self._path):
            yield self.connection()

    def close(self) -> None:
        """Close the connection.  Idempotent."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()


class Transaction:
    """Commits when its block ends, rolls back when it raises."""

    __slots__ = ("_connection", "_find", "_lock", "_path")

    def __init__(
        self,
        lock: threading.RLock,
        path: Path,
        find: Callable[[], sqlite3.Connection],
    ) -> None:
        self._lock, self._path, self._find = lock, path, find

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        try:
            self._connection = self._find()
            self._connection.execute("BEGIN IMMEDIATE")
        except ERRORS as error:
            self._lock.release()
            raise log_error(error, self._path) from error
        except BaseException:
            self._lock.release()
            raise
        return self._connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        try:
            if error is None:
                self._commit()
            else:
                self._roll_back()
        finally:
            self._lock.release()
        if isinstance(error, ERRORS):
            raise log_error(error, self._path) from error
        return False

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except ERRORS as error:
            self._roll_back()
            raise log_error(error, self._path) from error

    def _roll_back(self) -> None:
        # A full disk or an I/O error has ended the transaction already.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Translate SQLite's errors in a `with` block."""
    try:
        yield
    except ERRORS as error:
        raise log_error(error, path) from error


class Readers:
    """Connections for reading, one for each reader at work; any thread."""

    def __init__(self, opener: Callable[[], sqlite3.Connection], path: Path) -> None:
        self._open, self._path = opener, path
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for one short read."""
        if self._closed:
            raise LogUnavailableError(f"{self._path}: the log is closed")
        with errors_of(self._path):
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._open()
            try:
                yield connection
            finally:
                self._give_back(connection)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """Close all that is idle; what is lent closes when it comes back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
