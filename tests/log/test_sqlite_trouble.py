"""When a file cannot be written, or just then: nothing is lost, and nothing torn."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actorflow.errors import LogContradictionError, LogUnavailableError, LogVersionError
from actorflow.log import listing, schema
from actorflow.log.port import Stream, Summary
from actorflow.log.sqlite import SQLiteLog
from actorflow.log.statements import ADD_EVENTS
from actorflow.testing.log_contract import ALL, create, created, done, hold, seqs, write


class TestCreation:
    """A new file becomes a log whole, or not at all."""

    def test_interrupted_creation(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A creation that is broken off leaves nothing behind; the next succeeds."""
        monkeypatch.setattr("actorflow.log.schema._migrations", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            SQLiteLog(path)
        monkeypatch.undo()

        with SQLiteLog(path) as log:
            assert created(log).lost is None
            assert list(log.diagnose()) == []

    def test_another_was_faster(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file that a newer actorflow makes in the same moment is left to it."""
        look = schema._is_current

        def look_and_lose(*args: Any, **options: Any) -> bool:
            monkeypatch.undo()
            found = look(*args, **options)
            SQLiteLog(path).close()
            with closing(sqlite3.connect(path)) as newer:
                newer.execute("PRAGMA user_version = 99")
            return found

        monkeypatch.setattr(schema, "_is_current", look_and_lose)
        with pytest.raises(LogVersionError, match="99"):
            SQLiteLog(path)


class TestWriting:
    """A write that fails leaves nothing behind, and may be tried again."""

    def test_locked_by_another(
        self, path: Path, log: SQLiteLog, stream: Stream
    ) -> None:
        """A lock held too long is transient, and the batch may be tried again."""
        batch = [write(stream, done("a")), create(hold("two"))]
        with closing(sqlite3.connect(path, isolation_level=None)) as blocker:
            blocker.execute("BEGIN IMMEDIATE")
            with pytest.raises(LogUnavailableError) as caught:
                log.write(batch)

        assert caught.value.transient
        assert [(w.error, w.stream.lost) for w in batch] == [(None, None)] * 2
        assert batch[1].stream.id is None
        log.write(batch)
        assert seqs(log, stream) == list(range(1, 12))
        assert batch[1].stream.id is not None

    def test_looking_does_not_wait(self, path: Path, log: SQLiteLog) -> None:
        """Who finds nothing in the queue needs no turn at writing."""
        with closing(sqlite3.connect(path, isolation_level=None)) as blocker:
            blocker.execute("BEGIN IMMEDIATE")

            assert log.claim_queued("execution", ALL, limit=9) == []

    def test_leaving_that_failed(self, path: Path) -> None:
        """Who could not give up what it held is taken for dead at once."""
        leaving = SQLiteLog(path, busy_timeout=0.05)
        created(leaving)
        with closing(sqlite3.connect(path, isolation_level=None)) as blocker:
            blocker.execute("BEGIN IMMEDIATE")
            with pytest.raises(LogUnavailableError):
                leaving.close()

        with SQLiteLog(path) as log:
            assert log.claim("execution", "one").epoch > 1

    def test_burst(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a burst took beside the file is given back to the disk."""
        monkeypatch.setattr("actorflow.log.sqlite._WAL_KEPT", 100_000)
        with SQLiteLog(path) as log:
            stream = created(log)
            log.write([write(stream, *(done("x" * 100_000) for _ in range(60)))])
            sizes = [Path(f"{path}-wal").stat().st_size]
            log.write([write(stream, done())])
            sizes.append(Path(f"{path}-wal").stat().st_size)

        assert sizes[0] > 6_000_000
        assert sizes[1] <= 100_000

    def test_failed_beginnings_hold_up_nobody(
        self, path: Path, log: SQLiteLog, stream: Stream
    ) -> None:
        """A thread that could not begin to write leaves the way free for others."""
        with closing(sqlite3.connect(path, isolation_level=None)) as blocker:
            blocker.execute("BEGIN IMMEDIATE")
            assert isinstance(failure_in_a_thread(log), LogUnavailableError)
        log.write([write(stream, done())])

        assert seqs(log, stream) == list(range(1, 12))
        log.close()
        assert isinstance(failure_in_a_thread(log), LogUnavailableError)
        with pytest.raises(LogUnavailableError, match="closed"):
            log.write([write(stream, done())])

    def test_commit_that_is_refused(self, log: SQLiteLog, stream: Stream) -> None:
        """What the file does not allow in the end is undone as if never begun."""
        log._for_writing().connection().execute("PRAGMA foreign_keys = ON")
        stray = "INSERT INTO inbox VALUES (9, 77, 'signal', '{}', NULL, 0, NULL)"

        def leave_a_stray() -> None:
            with log.transaction() as connection:
                connection.execute("PRAGMA defer_foreign_keys = ON")
                connection.execute(stray)

        with pytest.raises(LogContradictionError):
            leave_a_stray()
        log.write([write(stream, done())])

        assert list(log.diagnose()) == []
        assert seqs(log, stream) == list(range(1, 12))

    def test_readers_at_the_end(self, log: SQLiteLog) -> None:
        """A reader's connection is used again; one that is lent closes as it ends."""
        with log.reader() as first:
            pass
        with log.reader() as second:
            log.close()
            assert second is first
            assert second.execute("SELECT 1").fetchone() == (1,)

        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            second.execute("SELECT 1")

    def test_full_disk(self, log: SQLiteLog, stream: Stream) -> None:
        """A full disk refuses a batch whole; with room again, it goes in."""
        raw = log._for_writing().connection()
        (pages,) = raw.execute("PRAGMA page_count").fetchone()
        raw.execute(f"PRAGMA max_page_count = {pages + 3}")
        batch = [
            write(stream, done("small")),
            create(hold("two"), done("x" * 100_000), summary=Summary("running")),
        ]
        with pytest.raises(LogUnavailableError, match="full") as caught:
            log.write(batch)

        assert not caught.value.transient
        assert [(w.error, w.stream.lost) for w in batch] == [(None, None)] * 2
        assert seqs(log, stream) == list(range(1, 11))
        assert list(log.diagnose()) == []
        raw.execute("PRAGMA max_page_count = 1073741823")
        log.write(batch)
        assert seqs(log, stream) == list(range(1, 12))
        assert list(log.diagnose()) == []

    def test_write_protected(self, log: SQLiteLog, stream: Stream) -> None:
        """A file that cannot be written is an error that trying again does not help."""
        log._for_writing().connection().execute("PRAGMA query_only = ON")

        with pytest.raises(LogUnavailableError) as caught:
            log.write([write(stream, done())])

        assert not caught.value.transient
        assert seqs(log, stream) == list(range(1, 11))
        log._for_writing().connection().execute("PRAGMA query_only = OFF")

    def test_statuses_that_change_while_they_are_listed(
        self, log: SQLiteLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each stream is in one of several lists: they are read at one moment."""
        moving = created(log, "moving", summary=Summary("running"))
        listed = listing._Query.rows

        def move_then(query: Any, *args: Any) -> Any:
            found = listed(query, *args)
            log.write([write(moving, done(), summary=Summary("suspended"))])
            return found

        both = ("running", "suspended")
        monkeypatch.setattr(listing._Query, "rows", move_then)
        first = log.rows("execution", status=both)
        monkeypatch.undo()

        assert [row.status for row in first if row.name == "moving"] == ["running"]
        (row,) = [
            row for row in log.rows("execution", status=both) if row.name == "moving"
        ]
        assert row.status == "suspended"

    def test_list_that_is_broken_off(
        self, log: SQLiteLog, stream: Stream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is told is what happened, not what followed; the next list is whole."""

        def fail(_: object, reader: sqlite3.Connection, __: int) -> None:
            reader.execute("ROLLBACK")  # as SQLite does by itself
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(listing._Query, "rows", fail)
        with pytest.raises(LogUnavailableError, match="disk I/O error"):
            log.rows("execution")
        monkeypatch.undo()

        assert [row.name for row in log.rows("execution")] == [stream.name]

    def test_interrupted_write(
        self, log: SQLiteLog, stream: Stream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A write that is broken off leaves nothing behind, and no lock."""
        monkeypatch.setattr(ADD_EVENTS, "run", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            log.write([write(stream, done())])
        stream.head -= 1
        monkeypatch.undo()
        log.write([write(stream, done())])

        assert seqs(log, stream) == list(range(1, 12))


def failure_in_a_thread(log: SQLiteLog) -> BaseException | None:
    """Return why another thread cannot create a stream."""
    with ThreadPoolExecutor() as threads:
        return threads.submit(log.write, [create(hold("two"))]).exception()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
