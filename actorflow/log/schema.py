"""The database: recognised, created, migrated.  `schema.sql` says what is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from actorflow.errors import LogVersionError, NotALogError
from actorflow.log.connection import ERRORS, log_error

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

APPLICATION_ID = 0x61637466  # "actf"
VERSION = 5
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
    except ERRORS as error:
        raise log_error(error, path) from error


def objects() -> dict[tuple[str, str], str]:
    """Return what a log consists of: (type, name) and the SQL that makes it."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_schema())
        rows = connection.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
        )
        return {(type_, name): text for type_, name, text in rows}


def _schema() -> str:
    return files("actorflow.log").joinpath("schema.sql").read_text()


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
        if version < VERSION and not may_create:
            raise LogVersionError(
                f"{path} has schema {version}, and this actorflow reads {VERSION}; "
                "whoever opens it to write brings it up to date"
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
        db.executescript(_schema())

    @migrations(name="0002_queue")
    def queue(db: Database) -> None:
        if any(column.name == "rank" for column in db["stream"].columns):
            return  # a new file begins with the schema of today
        for statement in _QUEUE.split(";"):
            db.execute(statement)

    @migrations(name="0003_inbox_checksum")
    def inbox_checksum(db: Database) -> None:
        # A new file begins with the schema of today.
        if all(column.name != "checksum" for column in db["inbox"].columns):
            db.execute("ALTER TABLE inbox ADD COLUMN checksum INTEGER")

    @migrations(name="0004_parents")
    def parents(db: Database) -> None:
        if "parent" in db["stream"].columns_dict:
            return  # a new file begins with the schema of today
        for statement in _PARENTS.split(";"):
            db.execute(statement)

    migrations(name="0005_attributes")(_attributes)
    return migrations


def _attributes(db: Database) -> None:
    """Let search attributes be found, those that are there included."""
    if db["attribute"].exists():
        return  # a new file begins with the schema of today
    made = {name: sql for (_, name), sql in objects().items()}
    for name in _ATTRIBUTES:
        db.execute(made[name])
    db.execute(
        "INSERT INTO attribute (key, value, stream) "
        "SELECT each.key, CASE each.type WHEN 'text' THEN json_quote(each.atom) "
        "WHEN 'integer' THEN each.atom WHEN 'real' THEN each.atom ELSE each.type END, "
        "stream.id FROM stream, json_each(stream.attributes) AS each "
        "WHERE each.type NOT IN ('array', 'object')"
    )


_ATTRIBUTES = (
    "stream_by_type",
    "attribute",
    "attribute_of_stream",
    "attributes_of_new_stream",
    "attributes_of_changed_stream",
)


_QUEUE = """
ALTER TABLE stream ADD COLUMN tags TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags));
ALTER TABLE stream ADD COLUMN rank INTEGER;
DROP INDEX stream_by_owner;
DROP INDEX stream_by_wake;
CREATE INDEX stream_left_behind ON stream (owner, kind, status, type);
CREATE INDEX stream_to_wake ON stream (kind, owner, type, wake_at)
WHERE wake_at IS NOT NULL;
CREATE INDEX stream_in_queue ON stream (kind, type, tags, rank) WHERE rank IS NOT NULL
"""

_PARENTS = """
ALTER TABLE stream ADD COLUMN parent TEXT;
CREATE INDEX stream_by_parent ON stream (kind, parent, created_at)
WHERE parent IS NOT NULL;
DROP VIEW execution;
CREATE VIEW execution AS
SELECT
    stream.name AS id,
    stream.type AS workflow,
    stream.status,
    stream.head AS events,
    strftime('%Y-%m-%dT%H:%M:%fZ', stream.created_at / 1e6, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', stream.updated_at / 1e6, 'unixepoch') AS updated_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', stream.wake_at / 1e6, 'unixepoch') AS wake_at,
    stream.waits,
    stream.attributes,
    owner.label AS owner,
    stream.parent
FROM stream LEFT JOIN owner ON owner.id = stream.owner
WHERE stream.kind = 'execution'
"""
