"""Deleting whole streams: the one way in which facts may leave an SQLite log."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

import orjson

from actorflow.log.connection import Writer

PAGES_AT_ONCE = 1_000
"""Pages that one transaction gives back to the disk."""

_OF_STREAMS = ("event", "snapshot", "inbox", "attribute")


def deletable(
    connection: sqlite3.Connection,
    kind: str,
    names: Collection[str],
    owners: Sequence[int],
    *,
    unless: Collection[str],
    quiet_since: int | None,
) -> dict[int, str]:
    """Return the streams of those names that nobody, or one of *owners*, holds.

    Without those that one of the commands *unless* waits for, and those written after
    *quiet_since*, in microseconds.
    """
    rows = connection.execute(
        "SELECT id, name FROM stream WHERE kind = ? "
        "AND name IN (SELECT value FROM json_each(?)) "
        "AND updated_at <= coalesce(?, updated_at) "
        "AND (owner IS NULL OR owner IN (SELECT value FROM json_each(?))) "
        "AND NOT EXISTS (SELECT 1 FROM inbox WHERE inbox.stream = stream.id "
        "AND command IN (SELECT value FROM json_each(?)))",
        (kind, _json(names), quiet_since, _json(owners), _json(unless)),
    )
    return dict(rows.fetchall())


def delete(connection: sqlite3.Connection, streams: Sequence[int], reason: str) -> None:
    """Delete streams with everything of theirs, under a slip that says why."""
    if not streams:
        return
    ids = (str(list(streams)),)
    connection.execute("INSERT INTO retention (id, reason) VALUES (1, ?)", (reason,))
    for table in _OF_STREAMS:
        connection.execute(
            f"DELETE FROM {table} "  # noqa: S608 - our own names
            "WHERE stream IN (SELECT value FROM json_each(?))",
            ids,
        )
    connection.execute(
        "DELETE FROM stream WHERE id IN (SELECT value FROM json_each(?))", ids
    )
    connection.execute("DELETE FROM retention")


def shrink(writer: Writer) -> int:
    """Give free pages back to the disk, a part at a time; return how many bytes."""
    freed = 0
    while True:
        with writer.transaction() as connection:
            (before,) = connection.execute("PRAGMA freelist_count").fetchone()
            connection.execute(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})").fetchall()
            (after,) = connection.execute("PRAGMA freelist_count").fetchone()
            (size,) = connection.execute("PRAGMA page_size").fetchone()
        freed += before - after
        if after in {0, before}:  # in a file of an older version it never changes
            return int(freed * size)


def _json(values: Collection[Any]) -> str:
    return orjson.dumps(list(values)).decode()
