"""What is deleted may be kept in another log, and the file gets smaller."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from actorflow.errors import (
    BlobMissingError,
    LogCorruptError,
    LogUnavailableError,
    StreamExistsError,
)
from actorflow.log import retention
from actorflow.log.archiving import archive
from actorflow.log.blobs import MemoryBlobs
from actorflow.log.codec import Codec
from actorflow.log.port import Stream, Summary
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing.log_contract import created, done, write
from tests.log.helpers import Reversed, tamper


@pytest.fixture(name="log")
def _log(new_log: Path, tmp_path: Path) -> Iterator[SQLiteLog]:
    with SQLiteLog(copyfile(new_log, tmp_path / "log.db")) as log:
        yield log


@pytest.fixture(name="target")
def _target(new_log: Path, tmp_path: Path) -> Iterator[SQLiteLog]:
    with SQLiteLog(copyfile(new_log, tmp_path / "archive.db")) as target:
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


def test_what_goes_on_meanwhile(
    log: SQLiteLog, target: SQLiteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is taken up again while it is copied is kept when it ends again."""
    stream, other = ended(log, "one", done()), ended(log, "two")
    assert stream.id is not None
    assert other.id is not None
    read, again = log.raw_events, [log.claim("execution", "one")]

    def busy(number: int) -> Iterator[Any]:
        while again:
            hold = again.pop()
            log.write([write(hold, done("more"), summary=Summary("running"))])
            log.write([write(hold, summary=Summary("completed"), release=True)])
        return read(number)

    monkeypatch.setattr(log, "raw_events", busy)
    archive(log, [stream.id, other.id], target)
    assert names(target) == ["two"]

    archive(log, [stream.id], target)
    assert names(target) == ["one", "two"]
    assert [each for each in target.diagnose() if each.severity == "error"] == []
    assert target.count("execution") == 2


def test_an_id_that_was_used_again(log: SQLiteLog, target: SQLiteLog) -> None:
    """Two executions that had one id, one after the other, are both kept, and once."""
    began = []
    for n in range(2):
        stream = ended(log, "one", done(n))
        keep(log, stream, target)
        keep(log, stream, target)
        began += [row.created_at for row in log.rows("execution")]
        log.delete("execution", ["one"], reason="test")

    assert names(target) == ["one", f"one@{began[1] * 1e6:.0f}"]


@pytest.mark.parametrize(
    ("first", "second"), [([1], [1, 2]), ([1, 2], [1]), ([1, 2], [3, 2])]
)
def test_what_is_not_the_same(
    log: SQLiteLog, target: SQLiteLog, first: list[int], second: list[int]
) -> None:
    """An execution that has more, less or other events than one of its id is kept."""
    ended(target, "one", *map(done, first))
    keep(log, ended(log, "one", *map(done, second)), target)

    assert len(names(target)) == 2


def test_no_name_is_left(log: SQLiteLog, target: SQLiteLog) -> None:
    """An execution that can have neither name is not kept, and so never deleted."""
    stream = ended(log, "one", done(1))
    row = log.find("execution", "one")
    assert row is not None
    for name in ("one", f"one@{row.created_at * 1e6:.0f}"):
        ended(target, name, done(2))

    with pytest.raises(StreamExistsError) as refused:
        keep(log, stream, target)
    assert refused.value.kind == "execution"
    assert refused.value.name.startswith("one@")
    assert len(names(target)) == 2


def test_what_is_gone_already(log: SQLiteLog, target: SQLiteLog) -> None:
    """What somebody else has deleted meanwhile does not hold up the others."""
    gone, there = ended(log, "gone"), ended(log, "there")
    log.delete("execution", ["gone"], reason="test")
    assert gone.id is not None
    assert there.id is not None
    archive(log, [gone.id, there.id], target)

    assert names(target) == ["there"]


@pytest.mark.parametrize("count", [0, 1, 510, 511, 512, 1023])
def test_of_any_length(log: SQLiteLog, target: SQLiteLog, count: int) -> None:
    """However many rows are copied at a time, all of them are."""
    keep(log, ended(log, "one", *map(done, range(count))), target)
    (row,) = target.rows("execution")

    assert [event.seq for event in target.read(row.id)] == list(range(1, count + 2))


@pytest.mark.parametrize(("what", "seq"), [("= 2", 2), ("= 4", 4), ("> 0", 1)])
def test_a_damaged_stream_is_not_kept(
    log: SQLiteLog, target: SQLiteLog, what: str, seq: int
) -> None:
    """What cannot be kept whole is told, and nothing half of it is in the archive."""
    stream = ended(log, "one", *map(done, range(3)))
    tamper(log.path, f"DELETE FROM event WHERE seq {what}")

    with pytest.raises(LogCorruptError) as refused:
        keep(log, stream, target)
    assert (refused.value.stream, refused.value.seq) == ("one", seq)
    assert names(target) == []


def large(log: SQLiteLog, name: str) -> tuple[Stream, str]:
    """Have a stream that refers to a large value; return it, and the value's key."""
    assert log.codec.blobs is not None
    log.codec.keep_large(log.codec.blobs, over=100)
    value: Any = log.codec.to_record("x" * 300)
    return ended(log, name, done(value), done(1)), value["sha256"]


def test_large_values_are_kept(log: SQLiteLog, target: SQLiteLog) -> None:
    """They lie beside the archive then."""
    stream, key = large(log, "one")
    keep(log, stream, target)

    assert target.codec.blobs is not None
    assert b"xxx" in target.codec.blobs.get(key)


def test_a_large_value_that_is_lost(log: SQLiteLog, target: SQLiteLog) -> None:
    """What refers to it cannot be kept whole, and stays where it is."""
    stream, _ = large(log, "one")
    assert log.codec.blobs is not None
    log.codec.blobs.sweep(set(), before=1e12)

    with pytest.raises(BlobMissingError):
        keep(log, stream, target)
    assert names(target) == []


def test_large_values_in_one_place(new_log: Path, tmp_path: Path) -> None:
    """Where the archive finds them too, none of them is read."""
    blobs = MemoryBlobs()
    codecs = [Codec(), Codec()]
    for codec in codecs:
        codec.keep_large(blobs, over=100)
    paths = [copyfile(new_log, tmp_path / name) for name in ("log.db", "archive.db")]
    with (
        SQLiteLog(paths[0], codec=codecs[0]) as log,
        SQLiteLog(paths[1], codec=codecs[1]) as target,
    ):
        stream, _ = large(log, "one")
        blobs.sweep(set(), before=1e12)
        keep(log, stream, target)

        assert names(target) == ["one"]


def test_what_is_encrypted_stays_so(
    new_log: Path, tmp_path: Path, target: SQLiteLog
) -> None:
    """It is kept also by who cannot read it."""
    path = copyfile(new_log, tmp_path / "encrypted.db")
    with SQLiteLog(path, codec=Codec(payload=Reversed())) as log:
        stream = ended(log, "one", done(1))
    with SQLiteLog(path) as log:
        keep(log, stream, target)
        (row,) = target.rows("execution")
        assert stream.id is not None

        assert [*target.raw_events(row.id)] == [*log.raw_events(stream.id)]


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


def test_pages_are_given_back_in_parts(
    log: SQLiteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many transactions let others write between them, and give back just as much."""
    monkeypatch.setattr(retention, "PAGES_AT_ONCE", 7)
    ended(log, "large", *(done("x" * 3000) for _ in range(100)))
    checkpoint(log.path)
    before = log.path.stat().st_size
    log.delete("execution", ["large"], reason="test")
    freed = log.shrink()
    checkpoint(log.path)

    assert freed > 300_000
    assert log.path.stat().st_size == before - freed
    assert log.shrink() == 0


def test_an_older_file_gives_nothing_back(tmp_path: Path) -> None:
    """Its free pages are used again, and nobody waits for ever."""
    path = tmp_path / "older.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA auto_vacuum = NONE")
        raw.executescript("CREATE TABLE t (x); DROP TABLE t")
    with SQLiteLog(path) as log:
        ended(log, "large", *(done("x" * 3000) for _ in range(100)))
        log.delete("execution", ["large"], reason="test")
        with log.reader() as connection:
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()

        assert (log.shrink(), free > 50) == (0, True)


def test_to_delete_nothing(log: SQLiteLog) -> None:
    """Nothing happens, also while others are being deleted."""
    with log.transaction() as connection:
        connection.execute("INSERT INTO retention VALUES (1, 'another')")
        retention.delete(connection, [], "test")
        kept = connection.execute("SELECT reason FROM retention").fetchall()
        connection.execute("DELETE FROM retention")

    assert kept == [("another",)]


def checkpoint(path: Path) -> None:
    """Bring everything from the write-ahead log into the file."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
