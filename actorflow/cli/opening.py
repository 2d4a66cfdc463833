"""How commands get at the log without changing what they only look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from sqlite3 import Connection

from attrs import frozen

from actorflow.actors.clock import SystemClock
from actorflow.cli.failures import NO_LOG, Refusal
from actorflow.cli.settings import VARIABLE, Settings
from actorflow.errors import ExecutionNotFoundError
from actorflow.log.connection import connect, errors_of
from actorflow.log.ownership import Ownership
from actorflow.log.port import EXECUTION, StreamRow
from actorflow.log.sqlite import SQLiteLog

PATIENCE = 5.0
"""Seconds for which a command waits for another process's transaction."""

clock = SystemClock()


def existing(settings: Settings) -> Path:
    """Return the path of the log.

    Raises:
        Refusal: there is no such file.
    """
    path = settings.db
    if path.is_file():
        return path
    what = "is a directory, not a log" if path.is_dir() else "there is no log"
    named = f"name another with --db PATH or ${VARIABLE}"
    raise Refusal(f"{path.absolute()}: {what}; {named}", NO_LOG)


@contextmanager
def log_to_read(settings: Settings) -> Iterator[SQLiteLog]:
    """Open the log as a reader."""
    path = existing(settings)
    with SQLiteLog(path, read_only=True, busy_timeout=PATIENCE) as log:
        yield log


@contextmanager
def log_to_post(settings: Settings) -> Iterator[SQLiteLog]:
    """Open the log to leave commands in it."""
    path = existing(settings)
    with SQLiteLog(path, busy_timeout=PATIENCE, owner_label="actorflow command") as log:
        yield log


def row_of(log: SQLiteLog, execution_id: str) -> StreamRow:
    """Return what lists know of an execution.

    Raises:
        ExecutionNotFoundError: there is none.
    """
    row = log.find(EXECUTION, execution_id)
    if row is None:
        raise ExecutionNotFoundError(execution_id)
    return row


@frozen
class Keeper:
    """A process that has the log open for writing."""

    id: str
    label: str
    alive: bool


def keepers(path: Path) -> list[Keeper]:
    """Return who has the log open for writing, the dead not yet buried included."""
    watching = Ownership(path.absolute(), lease=0, label="", clock=clock.time)
    with errors_of(path), closing(_connect(path)) as connection:
        owners = watching.owners(connection)
    return [Keeper(str(each.id), each.label, each.alive) for each in owners]


def is_pending(path: Path, inbox: int) -> bool:
    """Return whether a command still waits in the inbox."""
    with errors_of(path), closing(_connect(path)) as connection:
        row = connection.execute(
            "SELECT 1 FROM inbox WHERE id = ?", (inbox,)
        ).fetchone()
    return row is not None


def left_for(path: Path, row: StreamRow) -> list[str]:
    """Return the commands that wait in the inbox of an execution, in order."""
    with errors_of(path), closing(_connect(path)) as connection:
        rows = connection.execute(
            "SELECT command FROM inbox WHERE stream = ? ORDER BY id", (row.id,)
        )
        return [str(command) for (command,) in rows]


def _connect(path: Path) -> Connection:
    return connect(path.absolute(), read_only=True, busy_timeout=PATIENCE)
