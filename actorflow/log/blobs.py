"""Where large values lie, beside the log: a port with four methods, and two stores.

A blob is named by what is in it (the SHA-256 of the value's JSON text), so writing it
twice is writing it once, and nothing that is there is ever changed.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Protocol

from actorflow.errors import BlobMissingError

machine_time = time.time  # noqa: TID251 - for a log that is used without a runtime
_KEY = re.compile("[0-9a-f]{64}")


def check_key(key: object) -> str:
    """Return *key* if it can name a blob; what comes from a log may be anything.

    Raises:
        ValueError: it cannot.
    """
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise ValueError(f"{key!r:.80} is not the name of a blob")
    return key


class BlobStore(Protocol):
    """Keeps blobs by key; see `actorflow.testing.BlobStoreContract`.

    A key is 64 hexadecimal digits; anything else is a `ValueError`.
    """

    def put(self, key: str, content: bytes) -> None:
        """Keep *content*, durably, before this returns; note that it was put now."""
        ...

    def get(self, key: str) -> bytes:
        """Return what was put.

        Raises:
            BlobMissingError: nothing was, or it has been swept.
        """
        ...

    def is_empty(self) -> bool:
        """Return whether there is none, so that nothing could be swept."""
        ...

    def sweep(self, live: Collection[str], *, before: float) -> int:
        """Delete what is not *live* and was put before that time; return how many."""
        ...


class MemoryBlobs:
    """Blobs in memory.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, *, clock: Callable[[], float] = machine_time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._blobs: dict[str, tuple[float, bytes]] = {}

    def put(self, key: str, content: bytes) -> None:
        """See `BlobStore.put`."""
        with self._lock:
            self._blobs[check_key(key)] = (self._clock(), content)

    def get(self, key: str) -> bytes:
        """See `BlobStore.get`."""
        try:
            return self._blobs[check_key(key)][1]
        except KeyError:
            raise BlobMissingError(key, "memory") from None

    def is_empty(self) -> bool:
        """See `BlobStore.is_empty`."""
        return not self._blobs

    def sweep(self, live: Collection[str], *, before: float) -> int:
        """See `BlobStore.sweep`."""
        with self._lock:
            dead = [
                key
                for key, (put_at, _) in self._blobs.items()
                if key not in live and put_at < before
            ]
            for key in dead:
                del self._blobs[key]
        return len(dead)


class FileBlobs:
    """Blobs as files, in a directory that is made when the first is put.

    Args:
        path: the directory.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Callable[[], float] = machine_time,
    ) -> None:
        self.path = Path(path).absolute()
        self._clock = clock
        self._synced: set[Path] = set()

    def put(self, key: str, content: bytes) -> None:
        """See `BlobStore.put`: written beside, synced, then given its name."""
        target, now = self._place(key), self._clock()
        self._make_directory(target.parent)
        with suppress(FileNotFoundError):
            os.utime(target, (now, now))
            if target.stat().st_size == len(content):
                _sync(target.parent)  # whoever has put it may not have come to that
                return
        descriptor, name = tempfile.mkstemp(suffix=".part", dir=target.parent)
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.utime(draft, (now, now))
            draft.replace(target)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        _sync(target.parent)

    def get(self, key: str) -> bytes:
        """See `BlobStore.get`."""
        try:
            return self._place(key).read_bytes()
        except FileNotFoundError:
            raise BlobMissingError(key, str(self.path)) from None

    def is_empty(self) -> bool:
        """See `BlobStore.is_empty`."""
        return next(self._files(), None) is None

    def sweep(self, live: Collection[str], *, before: float) -> int:
        """See `BlobStore.sweep`; drafts that a crash has left behind go too."""
        count = 0
        for file in list(self._files()):
            is_blob = _KEY.fullmatch(file.name) is not None
            if is_blob and file.name in live:
                continue
            with suppress(FileNotFoundError):  # somebody else sweeps as well
                if file.stat().st_mtime < before:
                    file.unlink()
                    count += is_blob
        return count

    def copy_to(self, other: FileBlobs) -> None:
        """Put all blobs into another store as well."""
        for file in self._files():
            if _KEY.fullmatch(file.name):
                other.put(file.name, file.read_bytes())

    def _files(self) -> Iterator[Path]:
        for file in self.path.glob("??/*"):
            if _KEY.fullmatch(file.name) or file.suffix == ".part":
                yield file

    def _place(self, key: str) -> Path:
        check_key(key)
        return self.path / key[:2] / key

    def _make_directory(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        if directory not in self._synced:  # by us: another may have made it just now
            _sync(self.path)
            _sync(self.path.parent)
            self._synced.add(directory)


def blobs_beside(log: Path, clock: Callable[[], float]) -> FileBlobs:
    """Return where the large values of the log at that path are, if nobody says."""
    return FileBlobs(log.with_name(f"{log.name}-blobs"), clock=clock)


def _sync(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
