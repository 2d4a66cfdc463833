"""Exported lines come back as the records they were made from, or are refused."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from actorflow.errors import TransferError
from actorflow.log import lines as module
from actorflow.log.batch import EventRow, checksum
from actorflow.log.lines import Blob, End, Header, LineReader, LineWriter, Posted

KEY = "0123456789abcdef" * 4
BIGGEST = 2**63 - 1


def event(seq: int, data: str = '{"n":1}') -> EventRow:
    """Return an event whose checksum is right."""
    return seq, "main", "x", 5, data, checksum(seq, "main", "x", 5, data)


HEADER = Header("execution", "e", "flow", "f1", 1, 2, 3, ["a", "b"])
RECORDS = [
    HEADER,
    event(1),
    Blob(KEY, bytes(range(256))),
    event(2, '{"$": "blob"}'),
    Posted("signal", '{"n":1}', "key", 4),
    Posted("cancel", "no JSON", None, 5),
    End(2, complete=True),
]
"""A line of every kind; two of the payloads are not as the codec writes them."""


def written(*records: Any) -> bytes:
    """Return what an export of these records holds."""
    writer = LineWriter()
    return b"".join(map(writer.line, records))


def read(content: bytes) -> list[Any]:
    """Return the records of a file."""
    return [*LineReader(io.BytesIO(content)).records()]


def changed(number: int, **change: Any) -> bytes:
    """Return the export with another line *number*: None takes a field away."""
    parts = written(*RECORDS).splitlines()
    document = json.loads(parts[number - 1]) | change
    document = {k: v for k, v in document.items() if v is not ...}
    parts[number - 1] = json.dumps(document, separators=(",", ":")).encode()
    return b"\n".join(parts)


def refusal(content: bytes) -> TransferError:
    """Return why a file is refused."""
    with pytest.raises(TransferError) as caught:
        read(content)
    return caught.value


def test_every_record_comes_back() -> None:
    """Byte for byte, as many streams as there are, one behind the other."""
    other = [Header("actor", "a", "T", None, -5, 6), event(1), End(1, complete=False)]

    assert read(written(*RECORDS, *other, *RECORDS)) == [*RECORDS, *other, *RECORDS]


def test_payloads_are_for_people() -> None:
    """A payload is JSON in the JSON of its line, wherever that loses nothing."""
    documents = [*map(json.loads, written(*RECORDS).splitlines())]

    assert [document.get("data") for document in documents[1:6]] == [
        {"n": 1},
        None,
        None,
        {"n": 1},
        None,
    ]
    assert documents[3]["text"] == '{"$": "blob"}'


@pytest.mark.parametrize("end", [b"\r\n", b"\n\n", b"\n\r\n\n"], ids=repr)
def test_ends_of_lines_do_not_count(end: bytes) -> None:
    """A file may have been through an editor, or a mail."""
    assert read(written(*RECORDS).replace(b"\n", end)) == RECORDS


def test_tags_are_a_set() -> None:
    """A log keeps them sorted, each once; a file may have them in any order."""
    lines = written(
        Header("actor", "a", "T", None, 1, 2, None, ["b", "a", "b"]),
        End(0, complete=True),
    )

    assert read(lines)[0].tags == ["a", "b"]


def test_times_to_the_last() -> None:
    """Whatever a log can hold is read."""
    far = [Header("actor", "a", "T", None, -BIGGEST, BIGGEST, -BIGGEST)]
    records = [*far, Posted("x", "{}", None, BIGGEST), End(0, complete=True)]

    assert read(written(*records)) == records


@pytest.mark.parametrize(
    ("number", "change", "reason"),
    [
        (1, {"actorflow": "end"}, "a stream has to begin with a line that says so"),
        (1, {"format": 1}, "its format is 1, known here is 2"),
        (1, {"format": ...}, "its format is None, known here is 2"),
        (1, {"kind": "folder"}, "'folder' 'e' is no stream"),
        (1, {"name": ""}, "'execution' '' is no stream"),
        (1, {"name": ...}, "'name' must be str, not None"),
        (1, {"type": 7}, "'type' must be str, not 7"),
        (1, {"fingerprint": 5}, "'fingerprint' must be str, not 5"),
        (1, {"rank": "1"}, "'rank' must be int, not '1'"),
        (1, {"rank": 2**63}, "'rank' is out of range"),
        (1, {"tags": "a"}, "'tags' must be list, not 'a'"),
        (1, {"tags": ["a", 1]}, "its tags are not all text"),
        (1, {"created_at": True}, "'created_at' must be int, not True"),
        (1, {"created_at": 2**63}, "'created_at' is out of range"),
        (1, {"updated_at": -(2**63)}, "'updated_at' is out of range"),
        (1, {"colour": "red"}, "it has what is unknown here: ['colour']"),
        (2, {"seq": 2}, "it is event 2, and 1 is due"),
        (4, {"seq": 1}, "it is event 1, and 2 is due"),
        (2, {"seq": "1"}, "'seq' must be int, not '1'"),
        (2, {"time": 6}, "its checksum does not match"),
        (2, {"address": "main-1"}, "its checksum does not match"),
        (2, {"type": "y"}, "its checksum does not match"),
        (2, {"data": {"n": 2}}, "its checksum does not match"),
        (2, {"text": "{}"}, "its checksum does not match"),
        (2, {"checksum": 0}, "its checksum does not match"),
        (2, {"data": ...}, "'data' is missing"),
        (2, {"text": None}, "'text' must be str, not None"),
        (2, {"key": "k"}, "it has what is unknown here: ['key']"),
        (3, {"blob": "../x"}, "'../x' is not the name of a blob"),
        (3, {"content": "AA*A"}, "base64"),
        (3, {"content": "AAA"}, "padding"),
        (3, {"content": 5}, "'content' must be str, not 5"),
        (3, {"size": 5}, "it has what is unknown here: ['size']"),
        (5, {"posted": "cancel"}, "its checksum does not match"),
        (5, {"data": {"n": 2}}, "its checksum does not match"),
        (5, {"key": None}, "its checksum does not match"),
        (5, {"key": 7}, "'key' must be str, not 7"),
        (5, {"posted_at": "now"}, "'posted_at' must be int, not 'now'"),
        (5, {"seq": 3}, "it has what is unknown here: ['seq']"),
        (7, {"events": 3}, "it tells of 3 events; 2 came"),
        (7, {"complete": 1}, "'complete' must be bool, not 1"),
        (7, {"checksum": 0}, "its checksum does not match"),
        (7, {"kind": "actor"}, "it has what is unknown here: ['kind']"),
    ],
    ids=repr,
)
def test_a_wrong_line_is_named(number: int, change: Any, reason: str) -> None:
    """The error has its number, and what is wrong with it."""
    error = refusal(changed(number, **change))

    assert error.line == number
    assert reason in error.reason


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (1, {"name": "f"}),
        (1, {"tags": ["a"]}),
        (3, {"content": ""}),
        (5, {"posted_at": 5}),
        (7, {"checksum": ...}),
    ],
    ids=repr,
)
def test_what_has_no_checksum_of_its_own_has_that_of_the_end(
    number: int, change: Any
) -> None:
    """No field of an export can be changed without a word."""
    assert refusal(changed(number, **change)).line == len(RECORDS)


@pytest.mark.parametrize("number", range(1, len(RECORDS) + 1))
def test_lines_that_are_missing_or_come_twice(number: int) -> None:
    """Whichever line it is, the file is refused."""
    parts = written(*RECORDS).splitlines(keepends=True)
    before, it, behind = parts[: number - 1], parts[number - 1], parts[number:]

    assert refusal(b"".join([*before, *behind])).line <= len(RECORDS)
    assert refusal(b"".join([*before, it, it, *behind])).line > 1


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"\n\nonce upon a time", 3, "it is no JSON: "),
        (b"[1]", 1, "it is no JSON object"),
        (written(HEADER), 1, "the file ends in the middle of a stream"),
        (written(HEADER, HEADER), 2, "it begins a stream inside another"),
        (written(event(1)), 1, "a stream has to begin with a line that says so"),
    ],
    ids=repr,
)
def test_files_that_are_no_export(content: bytes, line: int, reason: str) -> None:
    """Anything else is refused where it stops being one."""
    error = refusal(content)

    assert (error.line, reason in error.reason) == (line, True)


def test_a_line_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before there is no memory left; the longest is still read."""
    content = written(*RECORDS)
    longest = max(map(len, content.splitlines()))
    monkeypatch.setattr(module, "LONGEST_LINE", longest)
    assert read(content) == RECORDS
    monkeypatch.setattr(module, "LONGEST_LINE", longest - 1)

    assert f"longer than {longest - 1} bytes" in refusal(content).reason
