"""The claim check: a large value goes into a blob, and a reference into the log.

The reference is data like any other (``{"$": "blob", ...}``), so it travels through
variables, inputs and outputs at no cost, and is redeemed only where somebody looks at
the value.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import Any

import orjson

from actorflow.errors import BlobCorruptError, LogError
from actorflow.log.blobs import BlobStore, check_key
from actorflow.log.stdtypes import TAG
from actorflow.model.events import Data
from actorflow.model.paths import BLOB, lookup

logger = logging.getLogger(__name__)

_LONGEST_CHARACTER = 6
"""Bytes of JSON that one character of text takes at most."""
_QUOTES = 2


class Claims:
    """Puts large values into blobs, and gets them back.

    Args:
        dump: makes the JSON text of a value.
        seal, unseal: what is done to that text on its way into a store and back.
    """

    def __init__(
        self,
        dump: Callable[[Data], bytes],
        seal: Callable[[bytes], bytes],
        unseal: Callable[[bytes], bytes],
    ) -> None:
        self._dump, self._seal, self._unseal = dump, seal, unseal
        self.store: BlobStore | None = None
        self.over: int | None = None

    def check_in(self, data: Data) -> Data:
        """Return *data*, or, if it is large, a reference to it; durable by then."""
        if self.over is None or self.store is None or not self._may_be_large(data):
            return data
        try:
            text = self._dump(data)
        except TypeError:
            return data  # whoever records it will say what is wrong
        if len(text) <= self.over:
            return data
        key = hashlib.sha256(text).hexdigest()
        try:
            self.store.put(key, self._seal(text))
        except Exception:
            # Nothing is lost: it goes into the log itself, which knows how to wait.
            logger.exception("a value of %d bytes goes into the log", len(text))
            return data
        return {TAG: BLOB, "sha256": key, "size": len(text)}

    def _may_be_large(self, data: Data) -> bool:
        """Tell most small values without writing them."""
        assert self.over is not None
        if isinstance(data, str):
            return len(data) * _LONGEST_CHARACTER + _QUOTES > self.over
        return isinstance(data, dict | list)

    def redeem(self, reference: dict[str, Any]) -> Data:
        """Return the value that a reference stands for, or the part that it names.

        Raises:
            BlobMissingError: it is not there.
            BlobCorruptError: it is not what was put there.
            ValueError: the reference names no blob.
        """
        key = check_key(reference.get("sha256"))
        if self.store is None:
            raise LogError(f"blob {key} is needed, and no store of blobs is known")
        data = orjson.loads(self.check(key, self.store.get(key)))
        for path in reference.get("at", ()):
            found, data = lookup(data, path)
            if not found:
                raise KeyError(path)
        return data

    def check(self, key: str, content: bytes) -> bytes:
        """Return the JSON text that is stored as *content*, which *key* must name.

        Raises:
            BlobCorruptError: it does not.
        """
        text = self._opened(key, content)
        if hashlib.sha256(text).hexdigest() != key:
            raise BlobCorruptError(key, "its SHA-256 is another")
        return text

    def _opened(self, key: str, content: bytes) -> bytes:
        try:
            return self._unseal(content)
        except Exception as error:
            raise BlobCorruptError(key, str(error)) from error
