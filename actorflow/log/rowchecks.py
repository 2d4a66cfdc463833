"""Whether rows agree with what they are derived from, as far as SQL can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

SLACK = 3_600_000_000
"""Microseconds by which a commit may seem to come before its events: clocks are set."""

_AGES = 2**52
_TIMES = """
SELECT name, created_at, updated_at, min(time), max(time)
FROM stream JOIN event ON event.stream = stream.id GROUP BY stream.id
"""
_UNEQUAL = """
WITH own AS (
    SELECT stream.id, each.key, CASE each.type WHEN 'text' THEN json_quote(each.atom)
        WHEN 'integer' THEN each.atom WHEN 'real' THEN each.atom ELSE each.type END
        AS value
    FROM stream, json_each(iif(json_valid(attributes), attributes, '{}')) AS each
    WHERE each.type NOT IN ('array', 'object')
), found AS (SELECT stream, key, value FROM attribute)
SELECT name FROM stream WHERE id IN (
    SELECT id FROM (SELECT * FROM own EXCEPT SELECT * FROM found)
    UNION SELECT stream FROM (SELECT * FROM found EXCEPT SELECT * FROM own))
"""

Query = Callable[..., list[Any]]
Problem = tuple[str, str | None]
"""What is wrong, and with which stream, if with one."""


def contradictions(query: Query) -> Iterator[Problem]:
    """Yield what rows say that cannot be.

    Args:
        query: runs a statement with its parameters, and returns all rows.
    """
    checks = (_texts, _times, _attributes, _epochs, _numbers)
    return chain.from_iterable(check(query) for check in checks)


def _texts(query: Query) -> Iterator[Problem]:
    """What is no JSON is shown as nothing, and cannot be changed."""
    for column, kind in (
        ("waits", "array"),
        ("tags", "array"),
        ("attributes", "object"),
    ):
        for (name,) in query(
            f"SELECT name FROM stream WHERE NOT json_valid({column}) OR "  # noqa: S608 - our own names
            f"json_type({column}) <> '{kind}'"
        ):
            yield f"its row has {column} that are no JSON {kind}", name


def _times(query: Query) -> Iterator[Problem]:
    """What seems older than it is may be pruned too early."""
    for name, created, updated, first, last in query(_TIMES):
        for what, by_row, by_events, latest in (
            ("created", created, first, updated + SLACK),
            ("changed last", updated, last, _AGES),
        ):
            if not by_events - SLACK <= by_row <= latest:
                row, events = _shown(by_row), _shown(by_events)
                yield (
                    f"by its row it was {what} at {row}; by its events: {events}",
                    name,
                )


def _attributes(query: Query) -> Iterator[Problem]:
    for (name,) in query(_UNEQUAL):
        yield "searches do not go by the attributes that its row has", name


def _epochs(query: Query) -> Iterator[Problem]:
    """What SQLite checks when it writes, it does not check in a file only read."""
    for name, epoch in query("SELECT name, epoch FROM stream WHERE epoch < 1"):
        yield f"its row has the epoch {epoch}, so that nobody can take it", name


def _numbers(query: Query) -> Iterator[Problem]:
    """A row that gets the number of another is refused."""
    for table in ("stream", "owner", "inbox"):
        ((there, counted),) = query(
            "SELECT coalesce(max(id), 0), coalesce((SELECT max(seq) "  # noqa: S608
            f"FROM sqlite_sequence WHERE name = '{table}'), 0) FROM {table}"
        )
        if counted < there:
            yield f"{table!r} has lost count: {counted}, and there is {there}", None


def _shown(micros: int) -> str:
    if not 0 <= micros < _AGES:
        return str(micros)
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat()
