"""What every store of blobs must do, as tests: the law behind `BlobStore`.

To hold a store of your own to it, subclass and say how to open one:

    class TestMyBlobs(BlobStoreContract):
        @pytest.fixture
        def open_blobs(self):
            place = make_an_empty_place()
            return lambda clock: MyBlobs(place, clock=clock)

Every call opens the same store once more, as another process would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from actorflow.actors.clock import VirtualClock
from actorflow.errors import BlobMissingError
from actorflow.log.blobs import BlobStore

OpenBlobs = Callable[[Callable[[], float]], BlobStore]
"""Opens the store once more; takes where it gets the time from."""

_NAMES = (
    *("", "..", "/etc/passwd", "../../etc/passwd", "0" * 63, "0" * 65, "A" * 64),
    *("g" * 64, f"../{'0' * 61}", f"{'0' * 64}\n", f"{'0' * 64}/../x", "\uff10" * 64),
)


def _key(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class BlobStoreContract:
    """Subclass it with an ``open_blobs`` fixture."""

    @pytest.fixture
    def clock(self) -> VirtualClock:
        """Give the time, which stands still."""
        return VirtualClock()

    @pytest.fixture
    def blobs(self, open_blobs: OpenBlobs, clock: VirtualClock) -> BlobStore:
        """Give an empty store."""
        return open_blobs(clock.time)

    @pytest.mark.parametrize("size", [0, 1, 1_000_000])
    def test_what_was_put_is_there(self, blobs: BlobStore, size: int) -> None:
        """Of any size, byte for byte."""
        content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        blobs.put(_key(content), content)

        assert blobs.get(_key(content)) == content

    def test_it_is_there_for_everybody(
        self, open_blobs: OpenBlobs, clock: VirtualClock
    ) -> None:
        """Another process finds what one has put."""
        open_blobs(clock.time).put(_key(b"a"), b"a")

        assert open_blobs(clock.time).get(_key(b"a")) == b"a"

    def test_putting_it_twice_is_putting_it_once(self, blobs: BlobStore) -> None:
        """Whoever has the same value may put it again."""
        blobs.put(_key(b"a"), b"a")
        blobs.put(_key(b"a"), b"a")

        assert blobs.get(_key(b"a")) == b"a"

    def test_many_may_put_at_once(self, blobs: BlobStore) -> None:
        """The same and others."""
        contents = [f"{number % 4}".encode() * 1000 for number in range(32)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda c: blobs.put(_key(c), c), contents))

        assert [blobs.get(_key(content)) for content in contents] == contents

    def test_what_was_not_put_is_missing_by_name(self, blobs: BlobStore) -> None:
        """The error says which."""
        with pytest.raises(BlobMissingError, match=_key(b"a")):
            blobs.get(_key(b"a"))

    @pytest.mark.parametrize("key", _NAMES)
    def test_only_a_digest_is_a_name(self, blobs: BlobStore, key: str) -> None:
        """A log may come from anywhere; no reference in it leads out of the store."""
        with pytest.raises(ValueError, match="not the name of a blob"):
            blobs.get(key)
        with pytest.raises(ValueError, match="not the name of a blob"):
            blobs.put(key, b"")

    def test_it_is_empty_until_something_is_put(
        self, blobs: BlobStore, clock: VirtualClock
    ) -> None:
        """And again when all of it is swept."""
        assert blobs.is_empty()
        blobs.put(_key(b"a"), b"a")
        assert not blobs.is_empty()
        clock.advance(10)
        blobs.sweep(set(), before=clock.time())
        assert blobs.is_empty()

    def test_what_is_not_live_is_swept(
        self, blobs: BlobStore, clock: VirtualClock
    ) -> None:
        """What is live stays."""
        for content in (b"a", b"b", b"c"):
            blobs.put(_key(content), content)
        clock.advance(10)

        assert blobs.sweep({_key(b"b")}, before=clock.time()) == 2  # noqa: PLR2004
        assert blobs.get(_key(b"b")) == b"b"
        with pytest.raises(BlobMissingError):
            blobs.get(_key(b"a"))

    def test_what_was_put_lately_is_not_swept(
        self, blobs: BlobStore, clock: VirtualClock
    ) -> None:
        """The event that refers to it may still be on its way; a second put counts."""
        blobs.put(_key(b"a"), b"a")
        blobs.put(_key(b"b"), b"b")
        clock.advance(100)
        blobs.put(_key(b"b"), b"b")

        assert blobs.sweep(set(), before=clock.time() - 50) == 1
        assert blobs.get(_key(b"b")) == b"b"

    def test_what_was_put_at_that_time_is_not_swept(
        self, blobs: BlobStore, clock: VirtualClock
    ) -> None:
        """Only what was put before it."""
        blobs.put(_key(b"a"), b"a")

        assert blobs.sweep(set(), before=clock.time()) == 0
        assert blobs.get(_key(b"a")) == b"a"

    def test_what_was_swept_can_be_put_again(
        self, blobs: BlobStore, clock: VirtualClock
    ) -> None:
        """Nothing of it is left."""
        blobs.put(_key(b"a"), b"a")
        clock.advance(10)
        blobs.sweep(set(), before=clock.time())
        blobs.put(_key(b"a"), b"a")

        assert blobs.get(_key(b"a")) == b"a"
