"""What a row says is believed as far as its events can confirm it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actorflow.log.port import Summary
from actorflow.log.rowchecks import SLACK, Problem, contradictions
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing.log_contract import created, done, write

FIRST = 1_700_000_000_000_000
LAST = FIRST + 10
FAR = 2**52
"""Microseconds; no clock shows what lies behind, in the year 2112."""


@pytest.fixture(name="content", scope="module")
def _content(tmp_path_factory: pytest.TempPathFactory, new_log: Path) -> bytes:
    """A log of one execution, with two events and a command, that nobody guards."""
    path = tmp_path_factory.mktemp("rows") / "log.db"
    path.write_bytes(new_log.read_bytes())
    with SQLiteLog(path, durability="process") as log:
        summary = Summary("running", attributes={"n": 1, "list": [1]}, tags=["gpu"])
        stream = created(log, "one", summary=summary)
        log.write([write(stream, done())])
        log.post("execution", "one", "cancel", {})
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("DROP TRIGGER event_is_never_updated")
        connection.execute(f"UPDATE event SET time = {FIRST} + 10 * (seq - 1)")
        connection.execute(f"UPDATE stream SET created_at={FIRST}, updated_at={LAST}")
    return path.read_bytes()


@pytest.fixture(name="raw")
def _raw(content: bytes) -> Iterator[sqlite3.Connection]:
    """The log, in memory."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(content)
        connection.execute("PRAGMA ignore_check_constraints = ON")
        yield connection


def problems(raw: sqlite3.Connection) -> list[Problem]:
    """Return what is wrong with a log."""
    return [*contradictions(lambda text, *values: raw.execute(text, values).fetchall())]


@pytest.mark.parametrize(
    ("created_at", "updated_at", "what"),
    [
        (FIRST, LAST, None),
        (FIRST - SLACK, LAST, None),
        (FIRST - SLACK - 1, LAST, "created at 2023-11-14T21:13:19.999999+00:00"),
        (LAST + SLACK, LAST, None),
        (LAST + SLACK + 1, LAST, "created at 2023-11-14T23:13:20.000011+00:00"),
        (-1, LAST, "created at -1"),
        (0, LAST, "created at 1970-01-01T00:00:00+00:00"),
        (FIRST, LAST - SLACK, None),
        (FIRST, LAST - SLACK - 1, "changed last at 2023-11-14T21:13:20.000009+00:00"),
        (FIRST, FAR, None),
        (FIRST, FAR + 1, f"changed last at {FAR + 1}"),
    ],
)
def test_times(
    raw: sqlite3.Connection, created_at: int, updated_at: int, what: str | None
) -> None:
    """A row may be an hour off its events, for clocks are set; not more."""
    raw.execute(f"UPDATE stream SET created_at={created_at}, updated_at={updated_at}")
    event = "2023-11-14T22:13:20+00:00"
    if what is not None and "last" in what:
        event = "2023-11-14T22:13:20.000010+00:00"

    assert problems(raw) == (
        [(f"by its row it was {what}; by its events: {event}", "one")] if what else []
    )


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("waits", "{", "array"),
        ("waits", "{}", "array"),
        ("tags", '"gpu"', "array"),
        ("attributes", "[]", "object"),
    ],
)
def test_json(raw: sqlite3.Connection, column: str, value: str, kind: str) -> None:
    """What cannot be shown is told."""
    raw.execute("DROP TRIGGER attributes_of_changed_stream")
    raw.execute("DELETE FROM attribute")
    raw.execute("UPDATE stream SET attributes = '{}'")
    raw.execute(f"UPDATE stream SET {column} = ?", (value,))

    assert problems(raw) == [(f"its row has {column} that are no JSON {kind}", "one")]


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM attribute",
        "UPDATE attribute SET value = 2",
        "INSERT INTO attribute VALUES ('m', 1, 1)",
    ],
)
def test_attributes(raw: sqlite3.Connection, change: str) -> None:
    """A search finds what lists show."""
    raw.execute(change)

    assert problems(raw) == [
        ("searches do not go by the attributes that its row has", "one")
    ]


@pytest.mark.parametrize("table", ["stream", "owner", "inbox"])
def test_numbers(raw: sqlite3.Connection, table: str) -> None:
    """No new row gets the number of one that is there; some may be left out."""
    raw.execute("INSERT INTO owner VALUES (NULL, 'someone', 'here', 0, 0)")
    ((last,),) = raw.execute(f"SELECT max(id) FROM {table}").fetchall()
    count = f"UPDATE sqlite_sequence SET seq = ? WHERE name = '{table}'"
    assert problems(raw) == []
    raw.execute(count, (last + 5,))
    assert problems(raw) == []
    raw.execute(count, (last - 1,))

    lost = f"'{table}' has lost count: {last - 1}, and there is {last}"
    assert problems(raw) == [(lost, None)]
