"""The form in which a stream leaves a log: JSON lines that guard themselves.

A stream is a header, its events, what waits in its inbox, and an end with a checksum
over all of that; blobs come before the first line that refers to them. A file may
hold several streams, one behind the other. Times are whole microseconds.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, TypeVar

import orjson
from attrs import asdict, evolve, field, fields, frozen

from actorflow.errors import TransferError
from actorflow.log.batch import EventRow, checksum, inbox_checksum
from actorflow.log.blobs import check_key
from actorflow.log.port import ACTOR, EXECUTION

FORMAT = 2
LONGEST_LINE = 256 * 1024 * 1024
KINDS = (EXECUTION, ACTOR)
_BIGGEST = 2**63 - 1

T = TypeVar("T")


@frozen
class Header:
    """Begins a stream. The row of an execution is made anew from its events."""

    kind: str
    name: str
    type: str
    fingerprint: str | None
    created_at: int
    updated_at: int
    rank: int | None = None
    tags: list[str] = field(factory=list)


@frozen
class Posted:
    """A command that waits in the stream's inbox; `data` is JSON text."""

    command: str
    data: str
    key: str | None
    posted_at: int


@frozen
class Blob:
    """A large value, as it is stored."""

    key: str
    content: bytes


@frozen
class End:
    """Ends a stream; not *complete* if there was more that could not be read."""

    events: int
    complete: bool


Record = Header | EventRow | Posted | Blob | End


class LineWriter:
    """Turns the records of a stream into lines."""

    def __init__(self) -> None:
        self._crc = 0

    def line(self, record: Record) -> bytes:
        """Return the line for *record*, with its end."""
        document = _document(record)
        if isinstance(record, Header):
            self._crc = 0
        if isinstance(record, End):
            document["checksum"] = self._crc
        text = orjson.dumps(document)
        self._crc = zlib.crc32(text, self._crc)
        return text + b"\n"


def _document(record: Record) -> dict[str, Any]:
    match record:
        case Header():
            return {"actorflow": "stream", "format": FORMAT, **asdict(record)}
        case End():
            return {"actorflow": "end", **asdict(record)}
        case Blob(key, content):
            return {"blob": key, "content": base64.b64encode(content).decode()}
        case Posted(command, data, key, posted_at):
            crc = inbox_checksum(command, data, key)
            rest = {"key": key, "posted_at": posted_at, "checksum": crc}
            return {"posted": command, **_payload(data), **rest}
        case _:
            seq, address, tag, time, data, crc = record
            head = {"seq": seq, "address": address, "type": tag, "time": time}
            return {**head, **_payload(data), "checksum": crc}


def _payload(text: str) -> dict[str, Any]:
    """Return a payload for people and programs, or exactly as it is if that differs."""
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"text": text}
    return {"data": data} if orjson.dumps(data).decode() == text else {"text": text}


class LineReader:
    """Turns lines into records, each of them verified.

    Args:
        file: read from where it stands, a line at a time.

    Attributes:
        number: of the line at hand, from 1.
        crc: of the lines of the stream at hand, as far as they were read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.number = 0
        self.crc = 0
        self._file = file
        self._seq = 0
        self._inside = False

    def records(self) -> Iterator[Record]:
        """Yield one record after the other.

        Raises:
            TransferError: a line is damaged, missing, or not what it may be there.
        """
        while line := self._file.readline(LONGEST_LINE + 1):
            self.number += 1
            if text := line.rstrip(b"\r\n"):
                record = self._record(self._parsed(text))
                self.crc = zlib.crc32(text, self.crc)
                yield record
        if self._inside:
            raise self.refusal("the file ends in the middle of a stream")

    def refusal(self, reason: str) -> TransferError:
        """Return the error that says what is wrong with the line at hand."""
        return TransferError(self.number, reason)

    def _parsed(self, text: bytes) -> dict[str, Any]:
        if len(text) > LONGEST_LINE:
            raise self.refusal(f"it is longer than {LONGEST_LINE} bytes")
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise self.refusal(f"it is no JSON: {error}") from None
        if not isinstance(document, dict):
            raise self.refusal("it is no JSON object")
        return document

    def _record(self, document: dict[str, Any]) -> Record:
        begins = document.get("actorflow") == "stream"
        if begins == self._inside:
            there = (
                "it begins a stream inside another"
                if begins
                else ("a stream has to begin with a line that says so")
            )
            raise self.refusal(there)
        self._inside = True
        if begins:
            return self._header(document)
        if document.get("actorflow") == "end":
            self._inside = False
            return self._end(document)
        if "blob" in document:
            return self._blob(document)
        return self._posted(document) if "posted" in document else self._event(document)

    def _header(self, document: dict[str, Any]) -> Header:
        self.crc = self._seq = 0
        if document.get("format") != FORMAT:
            found = document.get("format")
            raise self.refusal(f"its format is {found!r:.40}, known here is {FORMAT}")
        self._only(document, "actorflow", "format", *(f.name for f in fields(Header)))
        header = Header(
            kind=self._text(document, "kind"),
            name=self._text(document, "name"),
            type=self._text(document, "type"),
            fingerprint=self._maybe(document, "fingerprint", str),
            created_at=self._number(document, "created_at"),
            updated_at=self._number(document, "updated_at"),
            rank=self._maybe(document, "rank", int),
            tags=self._typed(document, "tags", list),
        )
        if header.kind not in KINDS or not header.name:
            raise self.refusal(f"{header.kind!r:.40} {header.name!r:.40} is no stream")
        if any(type(tag) is not str for tag in header.tags):
            raise self.refusal("its tags are not all text")
        return evolve(header, tags=sorted(set(header.tags)))

    def _event(self, document: dict[str, Any]) -> EventRow:
        self._seq += 1
        names = ("seq", "address", "type", "time", "data", "text", "checksum")
        self._only(document, *names)
        seq, time = self._number(document, "seq"), self._number(document, "time")
        if seq != self._seq:
            raise self.refusal(f"it is event {seq}, and {self._seq} is due")
        address, tag = self._text(document, "address"), self._text(document, "type")
        data = self._data(document)
        crc = checksum(seq, address, tag, time, data)
        self._verify(document, crc)
        return seq, address, tag, time, data, crc

    def _posted(self, document: dict[str, Any]) -> Posted:
        names = ("posted", "data", "text", "key", "posted_at", "checksum")
        self._only(document, *names)
        posted = Posted(
            self._text(document, "posted"),
            self._data(document),
            self._maybe(document, "key", str),
            self._number(document, "posted_at"),
        )
        crc = inbox_checksum(posted.command, posted.data, posted.key)
        self._verify(document, crc)
        return posted

    def _blob(self, document: dict[str, Any]) -> Blob:
        self._only(document, "blob", "content")
        try:
            key = check_key(document["blob"])
            content = self._text(document, "content")
            return Blob(key, base64.b64decode(content, validate=True))
        except (ValueError, binascii.Error) as error:
            raise self.refusal(str(error)) from None

    def _end(self, document: dict[str, Any]) -> End:
        self._only(document, "actorflow", "events", "complete", "checksum")
        self._verify(document, self.crc)
        end = End(
            self._number(document, "events"), self._typed(document, "complete", bool)
        )
        if end.events != self._seq:
            raise self.refusal(f"it tells of {end.events} events; {self._seq} came")
        return end

    def _verify(self, document: dict[str, Any], crc: int) -> None:
        if self._number(document, "checksum") != crc:
            raise self.refusal("its checksum does not match")

    def _only(self, document: dict[str, Any], *names: str) -> None:
        strange = document.keys() - set(names)
        if strange:
            raise self.refusal(f"it has what is unknown here: {sorted(strange)!r:.80}")

    def _data(self, document: dict[str, Any]) -> str:
        if "text" in document:
            return self._text(document, "text")
        if "data" not in document:
            raise self.refusal("'data' is missing")
        return orjson.dumps(document["data"]).decode()

    def _text(self, document: dict[str, Any], name: str) -> str:
        return self._typed(document, name, str)

    def _number(self, document: dict[str, Any], name: str) -> int:
        number = self._typed(document, name, int)
        if not -_BIGGEST <= number <= _BIGGEST:
            raise self.refusal(f"{name!r} is out of range")
        return number

    def _maybe(self, document: dict[str, Any], name: str, kind: type[T]) -> T | None:
        if document.get(name) is None:
            return None
        if kind is int:
            self._number(document, name)
        return self._typed(document, name, kind)

    def _typed(self, document: dict[str, Any], name: str, kind: type[T]) -> T:
        value = document.get(name)
        if type(value) is not kind:
            raise self.refusal(f"{name!r} must be {kind.__name__}, not {value!r:.40}")
        return value
