"""Which blobs are still needed: those that anything in the log refers to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from actorflow.log.port import EventLog
from actorflow.log.stdtypes import TAG
from actorflow.model.events import Data
from actorflow.model.paths import BLOB


def reference(key: str) -> Data:
    """Return what refers to the whole of a blob."""
    return {TAG: BLOB, "sha256": key}


def keys_in(data: object) -> Iterator[str]:
    """Yield the key of every blob that a value, or an event, refers to."""
    left: list[Any] = [data]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            if each.get(TAG) == BLOB:
                yield str(each.get("sha256"))
            left += each.values()
        elif isinstance(each, list | tuple):
            left += each
        elif attrs.has(type(each)):
            left += (getattr(each, f.name) for f in attrs.fields(type(each)))


def live_keys(log: EventLog, kinds: Iterable[str]) -> set[str]:
    """Return the keys of all blobs that what is in the log refers to."""
    live: set[str] = set()
    # First, as what leaves the inbox meanwhile is in an event then.
    after = 0
    while page := log.inbox(after=after, everyone=True):
        for posted in page:
            live.update(keys_in(posted.data))
        after = page[-1].id
    for kind in kinds:
        for stream in _streams(log, kind):
            for recorded in log.read(stream):
                live.update(keys_in(recorded.event))
    return live


def _streams(log: EventLog, kind: str) -> Iterator[int]:
    before = None
    while page := log.rows(kind, before=before, limit=500):
        for row in page:
            yield row.id
        before = (page[-1].created_at, page[-1].id)
