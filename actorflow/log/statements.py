"""The statements of the writing path, by name; one statement for many rows.

Between two rows of `executemany` another thread may take the GIL and keep it for a
switch interval; within one statement it cannot. So rows are written by statements with
a long VALUES list, in sizes that are few enough to be prepared once and kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

CHUNK = 512
_GRAIN = 16


class ManyRows:
    """A statement around a VALUES list of rows of *width*.

    *single* does the same for one row, where that takes less.
    """

    def __init__(
        self, before: str, width: int, after: str = "", single: str | None = None
    ) -> None:
        self._before, self._after = before, after
        self._single = single
        self._row = "(" + ", ".join("?" * width) + ")"
        self._texts: dict[int, str] = {}

    def run(
        self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]
    ) -> None:
        """Execute for all *rows*."""
        if self._single is not None and len(rows) == 1:
            connection.execute(self._single, rows[0])
            return
        start = 0
        for size in _sizes(len(rows)):
            part = rows[start : start + size]
            connection.execute(self.text(size), tuple(chain.from_iterable(part)))
            start += size

    def text(self, size: int) -> str:
        """Return the statement for *size* rows."""
        text = self._texts.get(size)
        if text is None:
            values = ", ".join([self._row] * size)
            self._texts[size] = text = f"{self._before} {values} {self._after}"
        return text


def _sizes(count: int) -> Iterator[int]:
    """Split *count* into few statements of few different sizes: at most 47 in all."""
    while count >= CHUNK:
        yield CHUNK
        count -= CHUNK
    if count >= _GRAIN:
        yield count - count % _GRAIN
    if count % _GRAIN:
        yield count % _GRAIN


ADD_EVENTS = ManyRows(
    "INSERT INTO event (stream, seq, address, type, time, data, checksum) VALUES", 7
)

ADD_STREAMS = ManyRows(
    "INSERT INTO stream (id, kind, name, type, head, epoch, owner, status, wake_at, "
    "waits, attributes, fingerprint, created_at, updated_at, rank, tags, parent) "
    "VALUES",
    17,
)

MOVE_HEADS = ManyRows(
    "UPDATE stream SET head = new.column2, updated_at = new.column3 FROM (VALUES",
    3,
    ") AS new WHERE stream.id = new.column1",
    single="UPDATE stream SET head = ?2, updated_at = ?3 WHERE id = ?1",
)

MOVE_KNOWN_HEAD = """
UPDATE stream SET head = ?2, updated_at = ?3 WHERE id = ?1 AND head = ?4 AND epoch = ?5
"""

UPDATE_STREAMS = ManyRows(
    "UPDATE stream SET head = new.column2, updated_at = new.column3, "
    "status = coalesce(new.column4, status), "
    "wake_at = iif(new.column4 IS NULL, wake_at, new.column5), "
    "waits = coalesce(new.column6, waits), "
    "attributes = coalesce(new.column7, attributes), "
    "fingerprint = coalesce(new.column8, fingerprint), "
    "rank = iif(new.column4 IS NULL, rank, new.column9), "
    "tags = coalesce(new.column10, tags), "
    "owner = iif(new.column11, NULL, owner) FROM (VALUES",
    11,
    ") AS new WHERE stream.id = new.column1",
)

ADD_SNAPSHOTS = ManyRows(
    "INSERT OR REPLACE INTO snapshot "
    "(stream, seq, format, data, checksum, created_at) VALUES",
    6,
)

# CROSS JOIN: the commands come first, in their order, whatever the planner says.
ADD_POSTS = ManyRows(
    "INSERT OR IGNORE INTO inbox (stream, command, data, key, checksum, posted_at) "
    "SELECT stream.id, new.column3, new.column4, new.column5, new.column6, new.column7 "
    "FROM (VALUES",
    7,
    ") AS new CROSS JOIN stream "
    "ON stream.kind = new.column1 AND stream.name = new.column2",
)

# Each of these answers with one row, however much it finds: stepping through rows
# gives the GIL away at every one.
TAILS = """
SELECT json_group_array(json_array(id, head, epoch)) FROM stream
WHERE id IN (SELECT value FROM json_each(?))
"""

TAIL = "SELECT id, head, epoch FROM stream WHERE id = ?"

END = """
SELECT name, head, (SELECT max(seq) FROM event WHERE stream = stream.id)
FROM stream WHERE id = ?
"""

TAKEN = """
SELECT json_group_array(json_array(stream.kind, stream.name))
FROM json_each(?) AS wanted JOIN stream
ON stream.kind = json_extract(wanted.value, '$[0]')
AND stream.name = json_extract(wanted.value, '$[1]')
"""

LAST_STREAM_ID = "SELECT max(seq) FROM sqlite_sequence WHERE name = 'stream'"

# CROSS JOIN: the inbox is short, and it comes first, whatever the planner says.
INBOX = """
SELECT inbox.id, (
    SELECT id FROM stream AS known
    WHERE known.kind = stream.kind AND known.name = stream.name),
    kind, name, command, data, key, posted_at, inbox.checksum
FROM inbox CROSS JOIN stream ON stream.id = inbox.stream
WHERE inbox.id > ?1 AND (?2 IS NULL OR owner IS NULL
    OR owner IN (SELECT value FROM json_each(?2)))
ORDER BY inbox.id LIMIT ?3
"""

INBOX_OF = """
SELECT command, data, key, posted_at, checksum FROM inbox WHERE stream = ? ORDER BY id
"""

# A second look by the number of the row, here and below: columns that are in an index
# are read from there, and an index that is damaged must not pass one row for another.
FIND = """
SELECT found.id, found.kind, found.name FROM stream AS known
CROSS JOIN stream AS found ON found.id = known.id
WHERE known.kind = ? AND known.name = ?
"""

EVENTS = """
SELECT found.seq, found.address, found.type, found.time, found.data, found.checksum
FROM event AS known CROSS JOIN event AS found ON found.position = known.position
WHERE known.stream = ?1 AND known.seq > ?2 AND known.seq <= ?3 AND found.stream = ?1
ORDER BY known.seq LIMIT ?4
"""

FOLLOW = """
SELECT event.position, event.position = (
    SELECT position FROM event AS known
    WHERE known.stream = event.stream AND known.seq = event.seq
) AND stream.id = (
    SELECT id FROM stream AS known
    WHERE known.kind = stream.kind AND known.name = stream.name),
    name, seq, address, event.type, time, data, checksum
FROM event LEFT JOIN stream ON stream.id = event.stream
WHERE position > ? AND (kind = ? OR kind IS NULL) ORDER BY position LIMIT ?
"""

IMPORT_STREAM = """
INSERT INTO stream (kind, name, type, head, epoch, owner, status, wake_at, waits,
    attributes, fingerprint, created_at, updated_at, rank, tags, parent)
VALUES (:kind, :name, :type, :head, 1, NULL, :status, :wake_at, :waits,
    :attributes, :fingerprint, :created_at, :updated_at, :rank, :tags, :parent)
RETURNING id
"""

ARCHIVED_ROW = """
SELECT kind, name, type, head, status, attributes, fingerprint, updated_at, tags,
    parent, created_at
FROM stream WHERE id = ?
"""

ARCHIVE_STREAM = """
INSERT INTO stream (kind, name, type, head, status, attributes, fingerprint,
    updated_at, tags, parent, created_at, epoch)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
RETURNING id
"""

NAME = "SELECT name FROM stream WHERE id = ?"

POST = """
INSERT INTO inbox (stream, command, data, key, posted_at, checksum)
VALUES (?, ?, ?, ?, ?, ?)
"""

DELETE_CONSUMED = "DELETE FROM inbox WHERE id IN (SELECT value FROM json_each(?))"

THIN_SNAPSHOTS = """
DELETE FROM snapshot WHERE stream = :stream AND seq < (
    SELECT seq FROM snapshot WHERE stream = :stream
    ORDER BY seq DESC LIMIT 1 OFFSET :kept - 1)
"""
