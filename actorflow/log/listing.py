"""Lists and counts of streams, by indexes: what does not match is not read.

A search attribute leads to its streams; each status is a list of its own, and pages of
several are merged. Streams are numbered as they are created, so the newest come first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import merge
from itertools import islice, pairwise
from typing import Any

from attrs import define, field

from actorflow.log.batch import micros
from actorflow.log.connection import out_of_order
from actorflow.log.port import Filters, StreamRow
from actorflow.log.reading import select_streams

_TIMES = {
    "since": "created_at >= ?",
    "until": "created_at < ?",
    "quiet_since": "updated_at <= ?",
}


def page(
    connection: sqlite3.Connection,
    kind: str,
    filters: Filters,
    before: tuple[float, int] | None,
    limit: int,
) -> list[StreamRow]:
    """Return the next *limit* matching streams, newest first."""
    pages, place = [], _by_creation
    with _at_one_moment(connection):
        for query in _queries(kind, filters):
            place = _by_number if query.led else place
            if before is not None and query.led:
                query.add("led.stream < ?", before[1])
            elif before is not None:
                query.add("(created_at, id) < (?, ?)", micros(before[0]), before[1])
            pages.append(query.rows(connection, limit))
    found = list(islice(merge(*pages, key=place, reverse=True), limit))
    places = [place(row) for row in found]
    if before is not None:
        places.insert(0, before if place is _by_creation else (0.0, before[1]))
    # Else whoever asks for page after page might do so for ever.
    if any(next_one >= one for one, next_one in pairwise(places)):
        raise out_of_order("streams")
    return found


@contextmanager
def _at_one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """Let all queries see one state: a status that changes is in one list, not two."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:  # an error may have ended it
            connection.execute("COMMIT")


def _by_creation(row: StreamRow) -> tuple[float, int]:
    return row.created_at, row.id


def _by_number(row: StreamRow) -> tuple[float, int]:
    return 0.0, row.id


def count(connection: sqlite3.Connection, kind: str, filters: Filters) -> int:
    """Return how many streams match."""
    with _at_one_moment(connection):
        return sum(query.count(connection) for query in _queries(kind, filters))


@define
class _Query:
    """Tests joined by AND, with their parameters; *led* by a search attribute."""

    led: bool = False
    tests: list[str] = field(factory=list)
    values: list[Any] = field(factory=list)

    def add(self, test: str, *values: Any) -> None:
        """Require *test* too."""
        self.tests.append(test)
        self.values += values

    @property
    def _source(self) -> str:
        lead = "attribute AS led CROSS JOIN stream ON stream.id = led.stream"
        return lead if self.led else "stream"

    def rows(self, connection: sqlite3.Connection, limit: int) -> list[StreamRow]:
        order = "led.stream DESC" if self.led else "created_at DESC, id DESC"
        rest = f"{' AND '.join(self.tests)} ORDER BY {order} LIMIT ?"
        return select_streams(
            connection, rest, (*self.values, limit), source=self._source
        )

    def count(self, connection: sqlite3.Connection) -> int:
        text = (
            f"SELECT count(*) FROM {self._source} "  # noqa: S608 - our own text
            f"WHERE {' AND '.join(self.tests)}"
        )
        (number,) = connection.execute(text, self.values).fetchone()
        return int(number)


def _queries(kind: str, filters: Filters) -> Iterator[_Query]:
    """Yield a query for every status, or one for all."""
    status = filters.get("status")
    each: Sequence[str | None] = (
        [status] if status is None or isinstance(status, str) else sorted(set(status))
    )
    for one in each:
        query = _Query()
        _add_attributes(query, filters.get("where") or {})
        query.add("kind = ?", kind)
        for column, value in (
            ("status", one),
            ("type", filters.get("type")),
            ("parent", filters.get("parent")),
        ):
            if value is not None:
                query.add(f"{column} = ?", value)
        for name, test in _TIMES.items():
            time: Any = filters.get(name)
            if time is not None:
                query.add(test, micros(time))
        yield query


def _add_attributes(query: _Query, where: Mapping[str, Any]) -> None:
    for key, value in where.items():
        stored, given = _stored(key, value)
        if not query.led:
            query.led = True
            query.add(f"led.key = ? AND led.value = {stored}", key, given)
        else:
            others = "SELECT 1 FROM attribute WHERE stream = led.stream AND key = ?"
            query.add(f"EXISTS ({others} AND value = {stored})", key, given)


def _stored(key: str, value: Any) -> tuple[str, Any]:
    """Return how a value is stored, as an expression and its parameter.

    Equal as JSON: true is not 1, but 1 is 1.0.
    """
    if value is None or isinstance(value, bool):
        return "?", {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return "?", value
    if isinstance(value, str):
        return "json_quote(?)", value
    raise TypeError(f"where[{key!r}] must be text, a number, a bool or None")
