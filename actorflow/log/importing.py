"""Brings exported streams into a log: all is verified before anything is stored.

A file of somebody else's making is data: nothing in it is executed, no name in it
becomes a path, and reading it takes as much work as it is long.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import BinaryIO, Literal, Protocol

from attrs import asdict, define, evolve, frozen

from actorflow.errors import (
    BlobError,
    StreamExistsError,
    TransferError,
    UnreadableError,
)
from actorflow.log import statements as sql
from actorflow.log.batch import (
    EventRow,
    SummaryRow,
    inbox_checksum,
    recorded,
    summary_row,
    tags_text,
)
from actorflow.log.codec import UnknownEvent
from actorflow.log.lines import Blob, End, Header, LineReader, Posted, Record
from actorflow.log.port import EXECUTION, Summary
from actorflow.log.sqlite import SQLiteLog
from actorflow.log.statements import CHUNK
from actorflow.model.events import Recorded

ACTIVE = Summary("active")


class Folded(Protocol):
    """Adds up the events of one stream, and refuses those that make no sense.

    Attributes:
        parent: the execution that has started it, if one has.
    """

    parent: str | None

    def add(self, recorded: Recorded) -> None:
        """Take in the next event; whatever is raised refuses the import."""
        ...

    def summary(self, header: Header) -> Summary:
        """Return what the stream's row is to say, or raise if *header* says else."""
        ...


Fold = Callable[[], Folded]


@frozen
class Imported:
    """What became of one stream of a file.

    Attributes:
        events: how many it has.
        outcome: ``imported``, or ``there`` if the log had all of them before.
    """

    kind: str
    name: str
    events: int
    outcome: Literal["imported", "there"]


@define(eq=False)
class _Checked:
    header: Header
    row: SummaryRow
    events: int
    there: bool
    parent: str | None
    crc: int


class Importer:
    """Imports one file.

    Args:
        log: where to.
        file: read twice, so it has to be one that can seek.
        fold: makes what adds up the events of an execution.
        name: for the stream, if another than its own; the file must hold only one.
        partial: take a stream of which the export says that its end is missing.
    """

    def __init__(
        self,
        log: SQLiteLog,
        file: BinaryIO,
        fold: Fold,
        *,
        name: str | None = None,
        partial: bool = False,
    ) -> None:
        self._log, self._file, self._fold = log, file, fold
        self._name, self._partial = name, partial
        self._reader = LineReader(file)

    def _twice(self, header: Header) -> str:
        if self._name is None:
            return f"a second {header.kind} {header.name!r}"
        return f"there are several in it, and only one can be {self._name!r}"

    def run(self) -> list[Imported]:
        """Verify the whole file, then store what is not there, a stream at a time.

        Raises:
            TransferError: the file is damaged, or makes no sense; nothing is stored.
            StreamExistsError: a stream is there, with other events; nothing is stored.
        """
        start = self._file.tell()
        checked: list[_Checked] = []
        names: set[tuple[str, str]] = set()
        for header in self._headers():
            if (name := (header.kind, header.name)) in names:
                raise self._reader.refusal(self._twice(header))
            names.add(name)
            checked.append(self._checked(header))
        if not checked:
            raise TransferError(0, "there is no stream in it")
        self._file.seek(start)
        self._reader = LineReader(self._file)
        headers = self._headers()
        for each in checked:
            if next(headers, None) != each.header:
                raise self._changed()
            self._store(each)
        return [
            Imported(
                each.header.kind,
                each.header.name,
                each.events,
                "there" if each.there else "imported",
            )
            for each in checked
        ]

    def _changed(self) -> TransferError:
        return self._reader.refusal("it has changed while it was read")

    def _headers(self) -> Iterator[Header]:
        self._records = self._reader.records()
        for record in self._records:
            assert isinstance(record, Header)
            yield record if self._name is None else evolve(record, name=self._name)

    def _stream(self) -> Iterator[Record]:
        """Yield the records of a stream behind its header, its end included."""
        for record in self._records:
            yield record
            if isinstance(record, End):
                return

    # -- the first reading -------------------------------------------------------------

    def _checked(self, header: Header) -> _Checked:
        there = self._log.find(header.kind, header.name)
        existing = iter(()) if there is None else self._log.raw_events(there.id)
        fold = self._fold() if header.kind == EXECUTION else None
        events, same = 0, True
        for record in self._stream():
            match record:
                case End(complete=False) if not self._partial:
                    problem = "the end of this stream was lost; import it --partial"
                    raise self._reader.refusal(problem)
                case Blob():
                    self._check_blob(record)
                case tuple():
                    events += 1
                    same = same and next(existing, None) == record
                    self._check_event(record, fold)
                case _:
                    pass
        if there is not None and not same:
            raise StreamExistsError(header.kind, header.name)
        parent = None if fold is None else fold.parent
        row, crc = self._row(header, fold), self._reader.crc
        return _Checked(header, row, events, there is not None, parent, crc)

    def _check_blob(self, blob: Blob) -> None:
        try:
            self._log.codec.check_blob(blob.key, blob.content)
        except BlobError as error:
            raise self._reader.refusal(str(error)) from error

    def _check_event(self, row: EventRow, fold: Folded | None) -> None:
        if fold is None:
            return  # only its owner knows what an actor's events are
        try:
            event = recorded(row, row[0], self._log.codec, "the stream")
            if isinstance(event.event, UnknownEvent):
                raise UnreadableError(row[2], "events of that type are not known here")
            fold.add(event)
        except Exception as error:
            problem = f"it does not follow: {type(error).__name__}: {error}"
            raise self._reader.refusal(problem) from error

    def _row(self, header: Header, fold: Folded | None) -> SummaryRow:
        try:
            summary = ACTIVE if fold is None else fold.summary(header)
        except Exception as error:
            raise self._reader.refusal(str(error)) from error
        stored = summary_row(summary)
        return evolve(
            stored,
            attributes=stored.attributes or "{}",
            rank=header.rank,
            tags=tags_text(header.tags),
        )

    # -- the second reading ------------------------------------------------------------

    def _store(self, checked: _Checked) -> None:
        if checked.there:
            for _ in self._stream():
                pass
            return
        header = checked.header
        with self._log.transaction() as connection:
            taken = connection.execute(sql.FIND, (header.kind, header.name)).fetchone()
            if taken is not None:
                raise StreamExistsError(header.kind, header.name)
            stream = _add_stream(connection, checked)
            rows: list[tuple[object, ...]] = []
            for record in self._stream():
                if isinstance(record, tuple):
                    rows.append((stream, *record))
                if len(rows) == CHUNK:
                    sql.ADD_EVENTS.run(connection, rows)
                    rows = []
                self._store_other(connection, stream, record)
            sql.ADD_EVENTS.run(connection, rows)
            if self._reader.crc != checked.crc:
                raise self._changed()

    def _store_other(
        self, connection: sqlite3.Connection, stream: int, record: Record
    ) -> None:
        match record:
            case Blob(key, content):
                assert self._log.codec.blobs is not None
                self._log.codec.blobs.put(key, content)
            case Posted(command, data, key, posted_at):
                crc = inbox_checksum(command, data, key, stream)
                row = (stream, command, data, key, posted_at, crc)
                connection.execute(sql.POST, row)
            case _:
                pass


def _add_stream(connection: sqlite3.Connection, checked: _Checked) -> int:
    header, row = checked.header, checked.row
    values = {
        **asdict(row),
        "kind": header.kind,
        "name": header.name,
        "type": header.type,
        "head": checked.events,
        "created_at": header.created_at,
        "updated_at": header.updated_at,
        "parent": checked.parent,
    }
    (id_,) = connection.execute(sql.IMPORT_STREAM, values).fetchone()
    return int(id_)
