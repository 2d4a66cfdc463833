"""The database: recognised, created, migrated.  `schema.sql` says what is in it."""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from actorflow.errors import LogVersionError, NotALogError
from actorflow.log.connection import log_error

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

APPLICATION_ID = 0x61637466  # "actf"
VERSION = 1
"""The number of migrations; kept in the file as its user_version."""


def prepare(connection: sqlite3.Connection, path: Path, *, may_create: bool) -> None:
    """Make sure that the file is a log of this version.

    Raises:
        NotALogError: it is something else.
        LogVersionError: a newer actorflow made it.
    """
    try:
        if _is_current(connection, path, may_create=may_create):
            return
        # Before the transaction: it decides whether another process was faster.
        connection.execute("BEGIN IMMEDIATE")
        try:
            if not _is_current(connection, path, may_create=may_create):
                _migrate(connection)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise log_error(error, path) from error


def _is_current(
    connection: sqlite3.Connection, path: Path, *, may_create: bool
) -> bool:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application == APPLICATION_ID:
        if version > VERSION:
            raise LogVersionError(
                f"{path} has schema {version}; this actorflow knows up to {VERSION}"
            )
        return bool(version == VERSION)
    if application or tables or not may_create:
        raise NotALogError(f"{path} is not an actorflow log")
    return False


def _migrate(connection: sqlite3.Connection) -> None:
    # Imported here because it takes longer than everything else together, and is
    # needed once in the life of a file.
    from sqlite_utils import Database

    _migrations().apply(Database(connection, execute_plugins=False))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _migrations() -> Migrations:
    from sqlite_utils.migrations import Migrations

    migrations = Migrations("actorflow")

    @migrations(name="0001_initial")
    def initial(db: Database) -> None:
        db.executescript(files("actorflow.log").joinpath("schema.sql").read_text())

    return migrations
