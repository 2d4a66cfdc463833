"""What is not sorted as it should be misleads nobody, be it an index or a table."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from actorflow.errors import LogCorruptError, LogDamagedError
from actorflow.log.port import Summary
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing.log_contract import (
    ALL,
    EPOCH,
    Ticker,
    create,
    created,
    done,
    hold,
    names,
    queue,
    seqs,
    write,
)


@pytest.fixture(name="clock")
def _clock() -> Ticker:
    return Ticker()


@pytest.fixture(name="log")
def _log(tmp_path: Path, clock: Ticker) -> Iterator[SQLiteLog]:
    with SQLiteLog(tmp_path / "log.db", clock=clock) as log:
        yield log


def mislead(log: SQLiteLog, index: str, columns: str) -> None:
    """Let an index hold what it would of other columns, and pass for the right one."""
    with closing(sqlite3.connect(log.path, isolation_level=None)) as raw:
        right = "SELECT sql FROM sqlite_schema WHERE name = ?"
        (text,) = raw.execute(right, (index,)).fetchone()
        raw.execute(f"DROP INDEX {index}")
        raw.execute(f"CREATE INDEX {index} ON {columns}")
        raw.execute("PRAGMA writable_schema = ON")
        raw.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (text, index))


def reorder(path: Path, name: str, order: Sequence[int]) -> None:
    """Put the rows of a table, or an index, of one page into another order."""
    with closing(sqlite3.connect(path)) as raw:
        (size,) = raw.execute("PRAGMA page_size").fetchone()
        asked = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        (page,) = raw.execute(asked, (name,)).fetchone()
    content = bytearray(path.read_bytes())
    places = range((page - 1) * size + 8, page * size, 2)[: len(order)]
    cells = [bytes(content[place : place + 2]) for place in places]
    content[places[0] : places[-1] + 2] = b"".join(cells[n] for n in order)
    path.write_bytes(content)


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 0, 2)], ids=["swapped", "twice"])
@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("event", lambda log: log.follow("execution")),
        ("inbox", lambda log: log.inbox()),
        ("stream_by_creation", lambda log: log.rows("execution")),
    ],
    ids=["follow", "inbox", "rows"],
)
def test_what_is_out_of_order(
    log: SQLiteLog, name: str, ask: Callable[[SQLiteLog], object], order: Sequence[int]
) -> None:
    """Whoever asks for page after page would not come to an end, or miss something."""
    for stream in "abc":
        created(log, stream)
        log.post("execution", stream, "signal", {})
    log.close()
    reorder(log.path, name, order)

    with (
        SQLiteLog(log.path, read_only=True) as again,
        pytest.raises(LogDamagedError, match="not in order"),
    ):
        ask(again)


def test_event_that_is_not_in_its_index(log: SQLiteLog) -> None:
    """Who follows all streams does not pass by what its reader would miss."""
    stream = created(log)
    log.write([write(stream, done(), done())])
    mislead(log, "event_in_stream", "event (stream, seq) WHERE seq <> 2")

    for ask in (lambda: log.follow("execution"), lambda: seqs(log, stream)):
        with pytest.raises(LogCorruptError) as caught:
            ask()
        assert (caught.value.stream, caught.value.seq) == ("one", 2)


@pytest.mark.parametrize("wake_at", [EPOCH + 9, None])
def test_not_due(log: SQLiteLog, wake_at: float | None) -> None:
    """What sleeps longer, or does not sleep, is not woken, and hides no other."""
    log.write([create(hold("one"), summary=Summary("s", wake_at), release=True)])
    log.write([create(hold("two"), summary=Summary("s", EPOCH + 2), release=True)])
    mislead(log, "stream_to_wake", "stream (kind, owner, type, created_at)")

    assert names(log.due("execution", ALL, now=EPOCH + 5, limit=1)) == ["two"]


def test_not_left_behind(log: SQLiteLog) -> None:
    """What has another status is not taken."""
    for name, status in (("ended", "completed"), ("left", "running")):
        log.write([create(hold(name), summary=Summary(status), release=True)])
    columns = "owner, kind, coalesce('running', status), type"
    mislead(log, "stream_left_behind", f"stream ({columns})")

    found = log.claim_abandoned("execution", ALL, status="running", limit=1)
    assert names(found) == ["left"]


def test_not_in_the_queue(log: SQLiteLog) -> None:
    """What has no place in the queue is not begun."""
    log.write([create(hold("not"), release=True)])
    queue(log, "queued", 5)
    columns = "kind, type, tags, coalesce(rank, 1)"
    mislead(log, "stream_in_queue", f"stream ({columns})")

    assert names(log.claim_queued("execution", ALL, limit=1)) == ["queued"]
