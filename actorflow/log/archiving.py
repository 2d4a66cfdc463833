"""Keeps streams in another log before they are deleted here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from itertools import zip_longest
from typing import Any

from actorflow.errors import (
    LogCorruptError,
    LogUnavailableError,
    StreamExistsError,
    UnreadableError,
)
from actorflow.log import statements as sql
from actorflow.log.sqlite import SQLiteLog
from actorflow.log.statements import CHUNK
from actorflow.log.sweeping import keys_in


def archive(log: SQLiteLog, streams: Iterable[int], target: SQLiteLog) -> None:
    """Copy streams that have ended; they are durable in *target* when this returns.

    What is there already stays as it is, so that this can be repeated. One that goes
    on while it is read is left out.

    Raises:
        LogUnavailableError: both are the same log.
        LogCorruptError: an event is damaged or missing; of that stream nothing is kept.
    """
    if target.path.resolve() == log.path.resolve():
        raise LogUnavailableError(f"{log.path} cannot be its own archive")
    for stream in streams:
        _archive(log, stream, target)


class _GoesOnError(Exception):
    """It was taken up again meanwhile, so that nobody deletes it now."""


def _archive(log: SQLiteLog, stream: int, target: SQLiteLog) -> None:
    row = _row(log, stream)
    if row is None:
        return
    with suppress(_GoesOnError), target.transaction() as connection:
        # An id may have been used again after it was deleted: then both are kept.
        for name in (row[1], f"{row[1]}@{row[-1]}"):
            known = connection.execute(sql.FIND, (row[0], name)).fetchone()
            if known is None:
                named = (row[0], name, *row[2:])
                copied = _copy(log, stream, target, connection, named)
                if _row(log, stream) != row:
                    raise _GoesOnError
                if copied < row[3]:
                    raise LogCorruptError(row[1], copied + 1, "it is missing")
                return
            if _same(log, stream, target, known[0]):
                return
        raise StreamExistsError(row[0], name)


def _row(log: SQLiteLog, stream: int) -> tuple[Any, ...] | None:
    with log.reader() as connection:
        row: tuple[Any, ...] | None = connection.execute(
            sql.ARCHIVED_ROW, (stream,)
        ).fetchone()
    return row


def _copy(
    log: SQLiteLog,
    stream: int,
    target: SQLiteLog,
    connection: sqlite3.Connection,
    row: tuple[object, ...],
) -> int:
    """Return how many events there are."""
    last = 0
    (copy,) = connection.execute(sql.ARCHIVE_STREAM, row).fetchone()
    rows: list[tuple[object, ...]] = []
    for event in log.raw_events(stream):
        _copy_blobs(log, target, event[4])
        rows.append((copy, *event))
        last = event[0]
        if len(rows) == CHUNK:
            sql.ADD_EVENTS.run(connection, rows)
            rows = []
    sql.ADD_EVENTS.run(connection, rows)
    return last


def _same(log: SQLiteLog, stream: int, target: SQLiteLog, copy: int) -> bool:
    both = zip_longest(log.raw_events(stream), target.raw_events(copy))
    return all(one == other for one, other in both)


def _copy_blobs(log: SQLiteLog, target: SQLiteLog, text: str) -> None:
    store, other = log.codec.blobs, target.codec.blobs
    assert store is not None
    assert other is not None
    if store is other:
        return
    try:
        keys = set(keys_in(log.codec.loads(text)))
    except UnreadableError:
        return  # encrypted, and the key is not here; no blob is removed here either
    for key in keys:
        other.put(key, store.get(key))
