"""Takes streams out of a log, also out of one that is damaged elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from actorflow.errors import LogCorruptError, LogError, UnreadableError
from actorflow.log.batch import micros
from actorflow.log.lines import Blob, End, Header, LineWriter, Record
from actorflow.log.port import StreamRow
from actorflow.log.sqlite import SQLiteLog
from actorflow.log.sweeping import keys_in


def export_stream(
    log: SQLiteLog, row: StreamRow, *, partial: bool = False
) -> Iterator[bytes]:
    """Yield a stream as lines, verified as it is read; see `actorflow.log.lines`.

    Payloads leave as they are stored: what a payload codec has encrypted stays so. The
    stream's row is not believed: what counts is how many events there are.

    Args:
        log: where it is.
        row: which.
        partial: of a damaged stream, yield what comes before the damage.

    Raises:
        LogCorruptError: an event is damaged or missing, and *partial* is not asked for.
    """
    if not partial:  # nothing half leaves: what goes into the same file is usable then
        for _ in _records(log, row, partial=False):
            pass
    writer = LineWriter()
    for record in _records(log, row, partial=partial):
        yield writer.line(record)


def _records(log: SQLiteLog, row: StreamRow, *, partial: bool) -> Iterator[Record]:
    yield Header(
        row.kind,
        row.name,
        row.type,
        row.fingerprint,
        micros(row.created_at),
        micros(row.updated_at),
        None if row.rank is None else micros(row.rank),
        list(row.tags),
    )
    last, complete = 0, True
    sent: set[str] = set()
    try:
        for event in log.raw_events(row.id):
            yield from _blobs(log, event[4], sent)
            yield event
            last = event[0]
        if last < row.head:
            raise LogCorruptError(row.name, last + 1, "it is missing")
    except LogError:
        if not partial:
            raise
        complete = False
    for posted in log.raw_inbox(row.id):
        yield from _blobs(log, posted.data, sent)
        yield posted
    yield End(last, complete)


def _blobs(log: SQLiteLog, text: str, sent: set[str]) -> Iterator[Blob]:
    """Yield the blobs that a payload refers to, unless they went before."""
    store = log.codec.blobs
    assert store is not None
    try:
        keys = set(keys_in(log.codec.loads(text)))
    except UnreadableError:
        return  # encrypted, and the key is not here
    for key in keys - sent:
        yield Blob(key, store.get(key))
        sent.add(key)
