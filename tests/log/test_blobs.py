"""Both stores of blobs keep the contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from actorflow.errors import BlobCorruptError
from actorflow.log.blobs import BlobStore, FileBlobs, MemoryBlobs
from actorflow.log.codec import Codec, PayloadCodec
from actorflow.testing import BlobStoreContract

Clock = Callable[[], float]


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
    key = "0" * 64
    blobs.put(key, b"whole")
    half = tmp_path / "00" / "half.part"
    half.write_bytes(b"ha")

    assert blobs.sweep({key}, before=half.stat().st_mtime + 1) == 0
    assert [file.name for file in (tmp_path / "00").iterdir()] == [key]


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """Only what has the name of a blob is one."""
    note = tmp_path / "aa" / "README"
    note.parent.mkdir()
    note.write_text("mine")
    FileBlobs(tmp_path).sweep(set(), before=note.stat().st_mtime + 1)

    assert note.read_text() == "mine"


class Reversed:
    """A payload codec."""

    name = "reversed"

    def encode(self, payload: bytes) -> bytes:
        """Turn it round."""
        return payload[::-1]

    decode = encode


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
