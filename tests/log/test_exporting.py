"""What leaves a log as lines: whole, or up to the damage if somebody asks for that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile
from typing import Any

import orjson
import pytest

from actorflow.errors import BlobMissingError, LogCorruptError
from actorflow.log.codec import Codec
from actorflow.log.exporting import export_stream
from actorflow.log.port import Stream, Summary
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing.log_contract import create, created, done, hold, write
from tests.log.helpers import Reversed, tamper

LARGE = "x" * 300


@pytest.fixture(name="path")
def _path(new_log: Path, tmp_path: Path) -> Path:
    """Where the log is."""
    return copyfile(new_log, tmp_path / "log.db")


@pytest.fixture(name="log")
def _log(path: Path) -> Iterator[SQLiteLog]:
    """A log that keeps what is large beside it."""
    with SQLiteLog(path, durability="process", clock=lambda: 5.0) as log:
        assert log.codec.blobs is not None
        log.codec.keep_large(log.codec.blobs, over=100)
        yield log


@pytest.fixture(name="stream")
def _stream(log: SQLiteLog) -> Stream:
    """A stream of four events."""
    stream = created(log)
    log.write([write(stream, done(1), done(2), done(3))])
    return stream


def large(log: SQLiteLog, value: str = LARGE) -> Any:
    """Return what refers to a large value."""
    return log.codec.to_record(value)


def exported(log: SQLiteLog, *, partial: bool = False) -> list[dict[str, Any]]:
    """Return the lines of the stream ``one``."""
    row = log.find("execution", "one")
    assert row is not None
    return [orjson.loads(line) for line in export_stream(log, row, partial=partial)]


def kinds(lines: list[dict[str, Any]]) -> list[str]:
    """Return what each line is."""
    return [next(key for key in line if key != "actorflow") for line in lines]


@pytest.mark.parametrize("rank", [None, 2.0])
def test_the_header_says_what_the_row_says(log: SQLiteLog, rank: float | None) -> None:
    """Times in microseconds; its place in the queue, if it has one, and its tags."""
    summary = Summary("queued", fingerprint="f1", rank=rank, tags=["gpu"])
    log.write([create(hold(), summary=summary)])
    header = exported(log)[0]

    assert header["rank"] == (None if rank is None else 2_000_000)
    assert (header["created_at"], header["updated_at"]) == (5_000_000, 5_000_000)
    assert (header["tags"], header["fingerprint"]) == (["gpu"], "f1")


@pytest.mark.usefixtures("stream")
def test_the_end_says_how_many_there_were(log: SQLiteLog) -> None:
    """So that a file that was cut off is noticed."""
    end = exported(log)[-1]

    assert (end["events"], end["complete"]) == (4, True)
    assert exported(log, partial=True)[-1] == end


@pytest.mark.usefixtures("stream")
@pytest.mark.parametrize(
    ("damage", "sound"),
    [
        ("UPDATE event SET data = '1' WHERE seq = 3", 2),
        ("DELETE FROM event WHERE seq = 2", 1),
        ("DELETE FROM event WHERE seq = 4", 3),
        ("DELETE FROM event WHERE seq > 2", 2),
        ("DELETE FROM event", 0),
    ],
)
def test_a_damaged_stream(log: SQLiteLog, path: Path, damage: str, sound: int) -> None:
    """Nothing of it leaves; unless asked for, what comes before the damage."""
    log.post("execution", "one", "signal", {})
    tamper(path, damage)
    row = log.find("execution", "one")
    assert row is not None
    with pytest.raises(LogCorruptError) as refused:
        next(export_stream(log, row))
    lines = exported(log, partial=True)

    assert refused.value.seq == sound + 1
    assert kinds(lines) == ["format", *["seq"] * sound, "posted", "events"]
    assert (lines[-1]["events"], lines[-1]["complete"]) == (sound, False)


@pytest.mark.usefixtures("stream")
def test_a_row_that_says_less_than_there_is(log: SQLiteLog, path: Path) -> None:
    """What counts is how many events there are."""
    tamper(path, "UPDATE stream SET head = 2")

    assert exported(log)[-1]["events"] == 4


def test_large_values_come_before_who_refers_to_them(
    log: SQLiteLog, stream: Stream
) -> None:
    """Each of them once, in events and in the inbox."""
    again = [done(large(log)), done([1, {"a": large(log)}])]
    log.write([write(stream, *again)])
    log.post("execution", "one", "signal", {"payload": large(log)})
    log.post("execution", "one", "signal", {"payload": large(log, "y" * 300)})
    order = ["format", *["seq"] * 4, "blob", "seq", "seq", "posted", "blob", "posted"]

    assert kinds(exported(log)) == [*order, "events"]


def test_a_large_value_that_is_gone(log: SQLiteLog, stream: Stream) -> None:
    """Without it the stream is not whole; asked for, what comes before leaves."""
    log.write([write(stream, done(large(log)), done(4))])
    assert log.codec.blobs is not None
    log.codec.blobs.sweep(set(), before=1e12)
    with pytest.raises(BlobMissingError):
        exported(log)

    assert exported(log, partial=True)[-1]["events"] == 4


def test_what_is_encrypted_stays_so(path: Path) -> None:
    """Also where the key is not, and nothing can be looked into."""
    with SQLiteLog(path, codec=Codec(payload=Reversed())) as log:
        created(log)
    with SQLiteLog(path) as log:
        lines = exported(log)

    assert kinds(lines) == ["format", "seq", "events"]
    assert "flow" not in str(lines[1])
