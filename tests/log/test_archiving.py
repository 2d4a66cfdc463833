"""What is deleted may be kept in another log, and the file gets smaller."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actorflow.errors import LogUnavailableError
from actorflow.log.archiving import archive
from actorflow.log.port import Stream, Summary
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing.log_contract import created, done, write


@pytest.fixture(name="log")
def _log(tmp_path: Path) -> Iterator[SQLiteLog]:
    with SQLiteLog(tmp_path / "log.db") as log:
        yield log


@pytest.fixture(name="target")
def _target(tmp_path: Path) -> Iterator[SQLiteLog]:
    with SQLiteLog(tmp_path / "archive.db") as target:
        yield target


def ended(log: SQLiteLog, name: str, *events: Any) -> Stream:
    """Have a stream that has ended, and that nobody owns."""
    stream = created(log, name)
    summary = Summary("completed", attributes={"customer": "acme"})
    log.write([write(stream, *events, summary=summary, release=True)])
    return stream


def names(log: SQLiteLog) -> list[str]:
    """Return the names of the streams that are there."""
    return sorted(row.name for row in log.rows("execution"))


def keep(log: SQLiteLog, stream: Stream, target: SQLiteLog) -> None:
    """Archive one stream."""
    assert stream.id is not None
    archive(log, [stream.id], target)


def test_is_the_same(log: SQLiteLog, target: SQLiteLog) -> None:
    """An archived stream has the same events, is found as before, and is sound."""
    stream = ended(log, "one", *map(done, range(1200)))
    before = log.find("execution", "one")
    keep(log, stream, target)
    (after,) = target.rows("execution", where={"customer": "acme"})

    assert before is not None
    assert stream.id is not None
    assert [*target.read(after.id)] == [*log.read(stream.id)]
    assert (after.status, after.created_at, after.updated_at, after.owner) == (
        before.status,
        before.created_at,
        before.updated_at,
        None,
    )
    assert list(target.diagnose()) == []


def test_twice_is_once(log: SQLiteLog, target: SQLiteLog) -> None:
    """Whoever dies between archive and deletion does both again."""
    stream = ended(log, "one", done())
    keep(log, stream, target)
    keep(log, stream, target)

    assert names(target) == ["one"]


def test_an_id_that_was_used_again(log: SQLiteLog, target: SQLiteLog) -> None:
    """Two executions that had one id, one after the other, are both kept."""
    for n in range(2):
        keep(log, ended(log, "one", done(n)), target)
        log.delete("execution", ["one"], reason="test")

    assert [name.partition("@")[0] for name in names(target)] == ["one", "one"]


def test_no_log_is_its_own_archive(log: SQLiteLog) -> None:
    """Archiving into the same file is refused."""
    with pytest.raises(LogUnavailableError, match="its own archive"):
        archive(log, [1], log)


def test_pages_are_given_back(log: SQLiteLog) -> None:
    """The file becomes smaller while it is in use, and stays sound."""
    ended(log, "large", *(done("x" * 3000) for _ in range(500)))
    stream = created(log, "busy")
    checkpoint(log.path)
    before = log.path.stat().st_size
    log.delete("execution", ["large"], reason="test")
    freed = log.shrink()
    checkpoint(log.path)
    log.write([write(stream, done())])

    assert freed > 1_000_000
    assert log.path.stat().st_size <= before - freed
    assert list(log.diagnose()) == []


def checkpoint(path: Path) -> None:
    """Bring everything from the write-ahead log into the file."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
