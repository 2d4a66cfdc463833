"""Which streams of an SQLite log are free, and in reach of a process that looks.

Every search goes by type: a process passes by what it has no definition of without
reading it, however much of that there is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from attrs import frozen

from actorflow.log.batch import micros, seconds
from actorflow.log.port import Reach, StreamRow
from actorflow.log.reading import select_streams

_NEVER = seconds(2**62)
_SPARE = 8

_LANES = """
WITH RECURSIVE lane (tags) AS (
    SELECT (SELECT tags FROM stream
            WHERE kind = ?1 AND type = ?2 AND rank IS NOT NULL ORDER BY tags LIMIT 1)
    UNION ALL
    SELECT (SELECT tags FROM stream
            WHERE kind = ?1 AND type = ?2 AND rank IS NOT NULL AND tags > lane.tags
            ORDER BY tags LIMIT 1)
    FROM lane WHERE lane.tags IS NOT NULL)
SELECT tags FROM lane WHERE tags IS NOT NULL
"""


@frozen
class Search:
    """A search for streams of one kind.

    Attributes:
        owners: whose streams are free; None for those of nobody.
        reach: what the process that looks is able to run.
    """

    connection: sqlite3.Connection
    kind: str
    owners: Sequence[int | None]
    reach: Reach

    def left_behind(self, status: str, limit: int) -> list[StreamRow]:
        """Return streams in *status*, the oldest first."""
        found: list[StreamRow] = []
        for owner in self.owners:
            for type_, accepted in self._types():
                found += self._select(
                    "owner IS ? AND kind = ? AND status = ? AND type = ?",
                    (owner, self.kind, status, type_, accepted),
                    "ORDER BY id LIMIT ?",
                    limit,
                )
        sound = [row for row in found if row.status == status]
        return sorted(sound, key=lambda row: row.id)[:limit]

    def queued(self, limit: int) -> list[StreamRow]:
        """Return streams that are in the queue, the lowest rank first."""
        dead = _json([owner for owner in self.owners if owner is not None])
        found: list[StreamRow] = []
        for type_, accepted in self._types():
            for tags in self._lanes(type_):
                found += self._select(
                    "kind = ? AND type = ? AND tags = ? AND rank IS NOT NULL AND "
                    "(owner IS NULL OR owner IN (SELECT value FROM json_each(?)))",
                    (self.kind, type_, tags, dead, accepted),
                    "ORDER BY rank, id LIMIT ?",
                    limit,
                )
        sound = [row for row in found if row.rank is not None]
        return sorted(sound, key=lambda row: (row.rank, row.id))[:limit]

    def _lanes(self, type_: str) -> list[str]:
        """Return the different tags in the queue, by leaps through its index."""
        rows = self.connection.execute(_LANES, (self.kind, type_)).fetchall()
        return [tags for (tags,) in rows if self.reach.has(orjson.loads(tags))]

    def due(self, now: float, limit: int) -> list[StreamRow]:
        """Return streams that want to be awake by *now*, the earliest first."""
        found: list[StreamRow] = []
        for owner in self.owners:
            for type_, accepted in self._types():
                found += self._select(
                    "kind = ? AND owner IS ? AND type = ? AND wake_at <= ?",
                    (self.kind, owner, type_, micros(now), accepted),
                    "ORDER BY wake_at LIMIT ?",
                    limit,
                )
        latest = seconds(micros(now))
        sound = [r for r in found if r.wake_at is not None and r.wake_at <= latest]
        return sorted(sound, key=lambda row: (row.wake_at, row.id))[:limit]

    def next_wake(self) -> float | None:
        """Return the earliest time at which a stream wants to be awake."""
        first = self.due(_NEVER, 1)
        return first[0].wake_at if first else None

    def _types(self) -> Iterator[tuple[str, str]]:
        """Yield each type in reach, with the fingerprints that are accepted."""
        for type_, fingerprints in self.reach.types.items():
            yield type_, _json(list(fingerprints))

    def _select(
        self, test: str, values: tuple[Any, ...], order: str, limit: int
    ) -> list[StreamRow]:
        """Return rows that an index leads to, as they are in the table.

        Where the index is damaged they may not be what it says; so the caller looks
        once more, and gets some to spare. One whose epoch is damaged cannot be taken,
        nor could others in the same statement.
        """
        tags = _json(list(self.reach.tags))
        return select_streams(
            self.connection,
            "id IN (SELECT id FROM stream "  # noqa: S608 - our own text
            f"WHERE {test} AND epoch > 0 AND (fingerprint IS NULL "
            "OR fingerprint IN (SELECT value FROM json_each(?))) "
            "AND NOT EXISTS (SELECT 1 FROM json_each(tags) AS tag "
            f"WHERE tag.value NOT IN (SELECT value FROM json_each(?))) {order})",
            (*values, tags, limit + _SPARE),
        )


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
