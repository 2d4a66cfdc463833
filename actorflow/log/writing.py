"""The writing side of an SQLite log: one batch, one transaction."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import orjson
from attrs import astuple

from actorflow.errors import UnrecordableError
from actorflow.log import statements as sql
from actorflow.log.batch import (
    Change,
    Draft,
    Plan,
    SummaryRow,
    Tail,
    draft,
    judge,
    micros,
)
from actorflow.log.codec import Codec
from actorflow.log.connection import Writer
from actorflow.log.port import Snapshot, Write

SNAPSHOTS_KEPT = 3


class Writing:
    """Writes batches for one owner."""

    def __init__(
        self, writer: Writer, codec: Codec, owner: int, clock: Callable[[], float]
    ) -> None:
        self._writer, self._codec = writer, codec
        self._owner, self._clock = owner, clock

    def write(self, batch: Sequence[Write]) -> None:
        """Make *batch* durable; see `EventLog.write`."""
        drafts = draft(batch, self._codec)
        snapshots = self._snapshots(drafts)
        with self._writer.transaction() as connection:
            if len(drafts) == 1 and self._appended(connection, drafts[0]):
                return
            plan = self._judged(connection, drafts)
            self._store(connection, plan, snapshots)
        plan.settle()

    def _appended(self, connection: sqlite3.Connection, draft: Draft) -> bool:
        """Add events, and no more, to a stream that is as its owner knows it.

        This is what almost every step of a chain writes. All else is left to the rules.
        """
        hold, rows = draft.write.stream, draft.rows
        if not draft.is_plain or hold.lost is not None:
            return False
        now, before = micros(self._clock()), rows[0][0] - 1
        known = (hold.id, rows[-1][0], now, before, hold.epoch)
        if connection.execute(sql.MOVE_KNOWN_HEAD, known).rowcount != 1:
            return False
        stream = (hold.id,)
        sql.ADD_EVENTS.run(connection, [stream + row for row in rows])
        return True

    def _snapshots(self, drafts: Iterable[Draft]) -> dict[int, str]:
        texts = {}
        for each in drafts:
            if (snapshot := each.write.snapshot) is not None:
                # A snapshot only saves time: one that cannot be written is left out.
                with suppress(UnrecordableError):
                    texts[id(each)] = self._codec.dumps(snapshot.data)
        return texts

    def _judged(self, connection: sqlite3.Connection, drafts: Sequence[Draft]) -> Plan:
        ids = {d.write.stream.id for d in drafts if d.write.stream.id is not None}
        names = [
            (d.write.stream.kind, d.write.stream.name)
            for d in drafts
            if d.write.create and d.error is None  # else it may be no text
        ]
        tails = {row[0]: Tail(*row) for row in _tails(connection, ids)}
        if not names:
            return judge(drafts, tails=tails, taken=set(), next_id=0)
        taken = {(kind, name) for kind, name in _rows(connection, sql.TAKEN, names)}
        (last,) = connection.execute(sql.LAST_STREAM_ID).fetchone()
        return judge(drafts, tails=tails, taken=taken, next_id=(last or 0) + 1)

    def _store(
        self, connection: sqlite3.Connection, plan: Plan, snapshots: dict[int, str]
    ) -> None:
        now = micros(self._clock())
        created: list[tuple[Any, ...]] = []
        moved: list[tuple[Any, ...]] = []
        updated: list[tuple[Any, ...]] = []
        events: list[tuple[Any, ...]] = []
        for change in plan.changes.values():
            if change.created:
                created.append(_new_row(change, self._owner, now))
            elif change.summary is None and not change.release:
                moved.append((change.tail.id, change.tail.head, now))
            else:
                updated.append(_changed_row(change, now))
            stream = (change.tail.id,)
            events += [stream + row for row in change.rows]
        for statement, rows in (
            (sql.ADD_STREAMS, created),
            (sql.MOVE_HEADS, moved),
            (sql.UPDATE_STREAMS, updated),
            (sql.ADD_EVENTS, events),
        ):
            statement.run(connection, rows)
        self._store_rest(connection, plan, snapshots, now)

    def _store_rest(
        self,
        connection: sqlite3.Connection,
        plan: Plan,
        snapshots: dict[int, str],
        now: int,
    ) -> None:
        consumed = [id_ for d in plan.accepted for id_ in d.write.consumed]
        if consumed:
            connection.execute(sql.DELETE_CONSUMED, (_json(consumed),))
        posts = [(*row, now) for d in plan.accepted for row in d.posts]
        sql.ADD_POSTS.run(connection, posts)
        for each in plan.accepted if snapshots else ():
            snapshot = each.write.snapshot
            if snapshot is not None and id(each) in snapshots:
                stream = plan.changes[id(each.write.stream)].tail.id
                row = _snapshot_row(stream, snapshot, snapshots[id(each)], now)
                sql.ADD_SNAPSHOTS.run(connection, [row])
                connection.execute(
                    sql.THIN_SNAPSHOTS, {"stream": stream, "kept": SNAPSHOTS_KEPT}
                )


def _tails(connection: sqlite3.Connection, ids: set[int]) -> list[Any]:
    if len(ids) == 1:
        return connection.execute(sql.TAIL, (*ids,)).fetchall()
    return _rows(connection, sql.TAILS, [*ids])


def _rows(connection: sqlite3.Connection, text: str, argument: list[Any]) -> list[Any]:
    if not argument:
        return []
    (found,) = connection.execute(text, (_json(argument),)).fetchone()
    rows: list[Any] = orjson.loads(found)
    return rows


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _new_row(change: Change, owner: int, now: int) -> tuple[Any, ...]:
    hold, tail = change.stream, change.tail
    summary = change.summary or SummaryRow("")
    return (
        tail.id,
        hold.kind,
        hold.name,
        hold.type,
        tail.head,
        1,
        None if change.release else owner,
        summary.status,
        summary.wake_at,
        summary.waits,
        summary.attributes or "{}",
        summary.fingerprint,
        now,
        now,
        summary.rank,
        summary.tags or "[]",
        hold.parent,
    )


def _changed_row(change: Change, now: int) -> tuple[Any, ...]:
    summary = (None,) * 7 if change.summary is None else astuple(change.summary)
    return (change.tail.id, change.tail.head, now, *summary, change.release)


def _snapshot_row(
    stream: int, snapshot: Snapshot, text: str, now: int
) -> tuple[Any, ...]:
    crc = snapshot_checksum(snapshot.seq, snapshot.format, text, stream)
    return stream, snapshot.seq, snapshot.format, text, crc, now


def snapshot_checksum(seq: int, format_: str, text: str, stream: int) -> int:
    """Return what guards a snapshot against decay, with the *stream* it is of."""
    return zlib.crc32(f"{seq}\0{format_}\0{text}".encode(), stream)


def is_sound_snapshot(
    stored: int, seq: int, format_: str, text: str, stream: int
) -> bool:
    """Return whether a snapshot is as it was stored; older ones know no stream."""
    return stored in (
        snapshot_checksum(seq, format_, text, stream),
        snapshot_checksum(seq, format_, text, 0),
    )
