"""Both stores of blobs keep the contract."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actorflow.errors import (
    BlobCorruptError,
    BlobMissingError,
    LogError,
    UnreadableError,
)
from actorflow.log.blobs import BlobStore, FileBlobs, MemoryBlobs
from actorflow.log.codec import Codec, PayloadCodec
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing import BlobStoreContract
from tests.log.helpers import Reversed

Clock = Callable[[], float]
KEY = "0" * 64
OTHER = "0" * 63 + "1"


class TestFileBlobs(BlobStoreContract):
    """Files in a directory."""

    @pytest.fixture
    def open_blobs(self, tmp_path: Path) -> Callable[[Clock], BlobStore]:
        """Open the directory once more."""
        return lambda clock: FileBlobs(tmp_path / "blobs", clock=clock)


class TestMemoryBlobs(BlobStoreContract):
    """A dictionary."""

    @pytest.fixture
    def open_blobs(self) -> Callable[[Clock], BlobStore]:
        """Give the same one again."""
        one: list[MemoryBlobs] = []

        def open_it(clock: Clock) -> BlobStore:
            if not one:
                one.append(MemoryBlobs(clock=clock))
            return one[0]

        return open_it


def test_no_directory_is_made_before_it_is_needed(tmp_path: Path) -> None:
    """Who has no large values sees nothing of it."""
    blobs = FileBlobs(tmp_path / "blobs")
    blobs.sweep(set(), before=0)

    assert list(tmp_path.iterdir()) == []


def test_what_a_crash_left_half_written_is_swept(tmp_path: Path) -> None:
    """It was never a blob."""
    blobs = FileBlobs(tmp_path)
    blobs.put(KEY, b"whole")
    half = tmp_path / "00" / "half.part"
    half.write_bytes(b"ha")

    assert blobs.sweep({KEY}, before=half.stat().st_mtime + 1) == 0
    assert [file.name for file in (tmp_path / "00").iterdir()] == [KEY]


@pytest.fixture(name="synced")
def _synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What was made durable: a name, and how much of it was there by then."""
    synced: list[tuple[str, int]] = []

    def sync(descriptor: int) -> None:
        file = os.fstat(descriptor).st_ino
        paths = [tmp_path, *tmp_path.rglob("*")]
        path = next(each for each in paths if each.stat().st_ino == file)
        size = path.stat().st_size if path.is_file() else len([*path.iterdir()])
        name = path.relative_to(tmp_path).as_posix()
        synced.append((path.suffix if path.is_file() else name, size))

    monkeypatch.setattr("os.fsync", sync)
    return synced


def test_nothing_is_left_open(tmp_path: Path) -> None:
    """However many are put."""
    blobs = FileBlobs(tmp_path)
    before = len([*Path("/dev/fd").iterdir()])
    blobs.put(KEY, b"whole")

    assert len([*Path("/dev/fd").iterdir()]) == before


def test_it_is_durable_before_it_has_its_name(
    tmp_path: Path, synced: list[tuple[str, int]]
) -> None:
    """Power may fail at any time: a name never leads to half a value, or to none."""
    FileBlobs(tmp_path / "blobs").put(KEY, b"whole")

    assert sorted(synced[:2]) == [(".", 1), ("blobs", 1)]
    assert synced[2:] == [(".part", 5), ("blobs/00", 1)]


def test_what_another_has_put_is_made_durable_too(
    tmp_path: Path, synced: list[tuple[str, int]]
) -> None:
    """It may have been killed before it came to that."""
    FileBlobs(tmp_path / "blobs").put(KEY, b"whole")
    synced.clear()
    blobs = FileBlobs(tmp_path / "blobs")
    blobs.put(KEY, b"whole")
    assert {name for name, _ in synced} == {".", "blobs", "blobs/00"}
    synced.clear()
    blobs.put(OTHER, b"other")

    assert synced == [(".part", 5), ("blobs/00", 2)]


@pytest.mark.parametrize("swept", [False, True], ids=["alone", "while it is swept"])
def test_what_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, swept: bool
) -> None:
    """A disk that is full is not made fuller, and told as that."""

    def fail(_: int) -> None:
        if swept:
            blobs.sweep({KEY}, before=float("inf"))
        raise OSError("no space")

    blobs = FileBlobs(tmp_path)
    blobs.put(KEY, b"whole")
    monkeypatch.setattr("os.fsync", fail)

    with pytest.raises(OSError, match="no space"):
        blobs.put(OTHER, b"other")
    assert [file.name for file in (tmp_path / "00").iterdir()] == [KEY]


def test_what_is_there_is_not_written_again_unless_it_is_damaged(
    tmp_path: Path,
) -> None:
    """A second put costs nothing, and mends what was cut off."""
    blobs, file = FileBlobs(tmp_path), tmp_path / "00" / KEY
    blobs.put(KEY, b"whole")
    first = file.stat().st_ino
    blobs.put(KEY, b"whole")
    assert file.stat().st_ino == first
    file.write_bytes(b"who")
    blobs.put(KEY, b"whole")

    assert blobs.get(KEY) == b"whole"


def test_copy(tmp_path: Path) -> None:
    """Of whole blobs only: what is half written is none."""
    one, two = FileBlobs(tmp_path / "one"), FileBlobs(tmp_path / "two")
    one.put(KEY, b"whole")
    (tmp_path / "one" / "00" / "half.part").write_bytes(b"ha")
    one.copy_to(two)

    assert two.get(KEY) == b"whole"
    assert len([*(tmp_path / "two").rglob("*.*")]) == 0


def test_a_value_comes_back_by_its_reference() -> None:
    """Whoever has the store reads it, wherever in another value it is."""
    codec, blobs = Codec(), MemoryBlobs()
    codec.keep_large(blobs, over=10)
    value = ["x" * 20, (1, 2)]
    reference = codec.to_record(value)

    assert codec.to_refer(codec.to_data(value)) == reference
    assert codec.from_data(reference) == value
    assert codec.from_data({"a": [reference]}) == {"a": [value]}
    assert codec.redeemed(reference) == codec.to_data(value)
    assert codec.redeemed([1]) == [1]
    blobs.sweep(set(), before=float("inf"))
    with pytest.raises(UnreadableError) as caught:
        codec.from_data([reference])
    assert caught.value.path == "value[0]"
    assert caught.value.reason == str(BlobMissingError(reference["sha256"], "memory"))


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """Only what has the name of a blob is one."""
    note = tmp_path / "aa" / "README"
    note.parent.mkdir()
    note.write_text("mine")
    FileBlobs(tmp_path).sweep(set(), before=note.stat().st_mtime + 1)

    assert note.read_text() == "mine"


@pytest.mark.parametrize("payload", [None, Reversed()], ids=["plain", "encrypted"])
def test_a_blob_is_what_its_name_says(payload: PayloadCodec | None) -> None:
    """Another content is refused; what only another codec can read is believed."""
    codec, blobs = Codec(payload=payload), MemoryBlobs()
    codec.keep_large(blobs, over=10)
    reference = codec.to_record("x" * 20)
    assert isinstance(reference, dict)
    key = reference["sha256"]
    content = blobs.get(key)

    assert codec.blobs is blobs
    codec.check_blob(key, content)
    if payload is not None:
        Codec().check_blob("0" * 64, content)
    with pytest.raises(BlobCorruptError):
        codec.check_blob("0" * 64, content)


@pytest.mark.parametrize(
    ("value", "size"),
    [("x" * 598, 600), ("\x01" * 100, 602), (["x" * 10] * 46, 599)],
    ids=["text", "escaped", "list"],
)
def test_large_is_what_is_longer_than_was_said(value: Any, size: int) -> None:
    """To the byte, of the JSON that would be written."""
    codec = Codec()
    for over in (size - 1, size, size + 1):
        codec.keep_large(MemoryBlobs(), over=over)
        data = codec.to_refer(value)

        assert codec.redeemed(data) == value
        assert (data == value) == (over >= size)


def test_a_log_keeps_to_the_store_that_it_was_given(tmp_path: Path) -> None:
    """Only where nothing was said are large values beside it, and beside its backup."""
    codec, blobs = Codec(), MemoryBlobs()
    codec.keep_large(blobs)
    with SQLiteLog(tmp_path / "a.db", codec=codec) as log:
        log.backup(tmp_path / "copy.db")
        assert codec.blobs is blobs
    with SQLiteLog(tmp_path / "copy.db") as copy:
        assert isinstance(copy.codec.blobs, FileBlobs)


def test_what_cannot_be_written_is_no_blob() -> None:
    """Whoever records it is told what is wrong with it."""
    codec, half = Codec(), "\ud800" * 100
    codec.keep_large(MemoryBlobs(), over=10)

    assert codec.to_refer(half) == half


def test_a_reference_where_there_are_no_blobs() -> None:
    """It is named: somebody has to say where the store is."""
    with pytest.raises(LogError, match=KEY):
        Codec().redeemed({"$": "blob", "sha256": KEY})


def test_a_store_that_refuses_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is lost, but the log grows by what should be elsewhere."""

    class Full(MemoryBlobs):
        def put(self, key: str, content: bytes) -> None:
            raise OSError(f"no room for {key}")

    codec = Codec()
    codec.keep_large(Full(), over=10)

    assert codec.to_refer("x" * 20) == "x" * 20
    assert "a value of 22 bytes goes into the log" in caplog.text
    assert "no room for" in caplog.text
