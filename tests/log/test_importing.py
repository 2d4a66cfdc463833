"""What comes into a log from a file: verified whole, then stored, or not at all."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from actorflow.errors import StreamExistsError, TransferError
from actorflow.log.batch import checksum
from actorflow.log.blobs import MemoryBlobs
from actorflow.log.codec import Codec
from actorflow.log.exporting import export_stream
from actorflow.log.importing import Imported
from actorflow.log.lines import Blob, End, Header, LineWriter, Posted, Record
from actorflow.log.port import StreamRow
from actorflow.log.sqlite import SQLiteLog
from actorflow.model import events as ev
from actorflow.runtime.transfer import import_file

BEGUN = ev.ExecutionStarted("flow", "f1")
STORY: list[tuple[str, Any]] = [
    ("", BEGUN),
    ("main", ev.BranchStarted("s")),
    ("main/s", ev.ActivationStarted("activity", "work", "s")),
]
CODEC = Codec()


@pytest.fixture(name="log")
def _log(new_log: Path, tmp_path: Path) -> Iterator[SQLiteLog]:
    """Where to."""
    path = copyfile(new_log, tmp_path / "log.db")
    with SQLiteLog(path, durability="process") as log:
        yield log


def rows_of(story: Iterable[tuple[str, Any]]) -> list[Record]:
    """Return events as they are stored; of those not known here, tag and text."""
    found: list[Record] = []
    for seq, (address, event) in enumerate(story, 1):
        tag, data = event if isinstance(event, tuple) else CODEC.encode(event)
        guard = checksum(seq, address, tag, seq, data)
        found.append((seq, address, tag, seq, data, guard))
    return found


def stream(
    name: str,
    story: Iterable[tuple[str, Any]] = STORY,
    *more: Record,
    kind: str = "execution",
    complete: bool = True,
    **header: Any,
) -> bytes:
    """Return the lines of one stream."""
    events = rows_of(story)
    begin = Header(kind, name, "flow", "f1", 7, 9, **header)
    writer = LineWriter()
    records = [begin, *events, *more, End(len(events), complete)]
    return b"".join(map(writer.line, records))


def actor(name: str, count: int) -> bytes:
    """Return the lines of an actor, whose events nobody knows here."""
    return stream(name, [("", ("Strange", str(n))) for n in range(count)], kind="actor")


def imported(log: SQLiteLog, content: bytes, **options: Any) -> list[Imported]:
    """Import what a file holds."""
    return import_file(log, io.BytesIO(content), **options)


def known(log: SQLiteLog, name: str, kind: str = "execution") -> StreamRow:
    """Return the row of a stream that is there."""
    row = log.find(kind, name)
    assert row is not None
    return row


def everything(log: SQLiteLog) -> list[str]:
    """Return the names of all executions and actors."""
    return sorted(row.name for kind in ("execution", "actor") for row in log.rows(kind))


def test_several_streams_of_one_file(log: SQLiteLog) -> None:
    """Each is told with what became of it, and has its own events, owned by nobody."""
    told = imported(log, stream("a") + stream("b", STORY[:2]) + actor("c", 2))

    assert told == [
        Imported("execution", "a", 3, "imported"),
        Imported("execution", "b", 2, "imported"),
        Imported("actor", "c", 2, "imported"),
    ]
    assert [event.event for event in log.read(known(log, "a").id)] == [
        event for _, event in STORY
    ]
    assert known(log, "b").head == 2
    assert known(log, "a").owner is None
    assert {finding.severity for finding in log.diagnose()} == {"warning"}


def test_the_row_says_what_the_header_and_the_events_say(log: SQLiteLog) -> None:
    """Times, queue and tags by its header; status, attributes, parent by its events."""
    begun = ev.ExecutionStarted(
        "flow",
        "f1",
        attributes={"customer": "acme"},
        parent={"execution": "p", "address": "main/s", "visit": 1, "depth": 1},
    )
    imported(log, stream("a", [("", begun), *STORY[1:]], rank=5, tags=["gpu", "eu"]))
    row = known(log, "a")

    assert (row.type, row.fingerprint, row.status) == ("flow", "f1", "running")
    assert (row.created_at, row.updated_at, row.rank) == (7e-6, 9e-6, 5e-6)
    assert (list(row.tags), row.parent) == (["eu", "gpu"], "p")
    assert row.attributes == {"customer": "acme"}


def test_an_actor_is_not_looked_into(log: SQLiteLog) -> None:
    """Only its owner knows its events; its row says that it is one."""
    imported(log, actor("c", 3))
    row = known(log, "c", "actor")

    assert [data for *_, data, _ in log.raw_events(row.id)] == ["0", "1", "2"]
    assert (row.status, row.parent, row.attributes, row.head) == ("active", None, {}, 3)


@pytest.mark.parametrize("count", [0, 511, 512, 513, 1024])
def test_long_streams(log: SQLiteLog, count: int) -> None:
    """However many rows are stored at a time, all of them are."""
    assert imported(log, actor("c", count))[0].events == count
    assert len(list(log.raw_events(known(log, "c", "actor").id))) == count


def test_another_name(log: SQLiteLog) -> None:
    """One stream may have another name; its commands are guarded under that."""
    post = Posted("signal", "{}", "k", 4)
    imported(log, stream("a", STORY, post), name="b")

    assert everything(log) == ["b"]
    assert [(each.name, each.command, each.key) for each in log.inbox()] == [
        ("b", "signal", "k")
    ]


@pytest.mark.parametrize(
    ("content", "name"),
    [(stream("a") + stream("b"), "x"), (stream("a") + stream("a"), None)],
)
def test_two_streams_cannot_have_one_name(
    log: SQLiteLog, content: bytes, name: str | None
) -> None:
    """They are refused before anything is stored, with the line of the second."""
    reason = "only one can be 'x'" if name else "a second execution 'a'"
    with pytest.raises(TransferError, match=reason) as refused:
        imported(log, content, name=name)

    assert (refused.value.line, everything(log)) == (6, [])


def test_an_empty_file_is_refused(log: SQLiteLog) -> None:
    """Whoever imports nothing by mistake is told, about no line of it."""
    with pytest.raises(TransferError, match="no stream in it") as refused:
        imported(log, b"\n")

    assert refused.value.line == 0


def test_a_file_is_read_from_where_it_stands(log: SQLiteLog) -> None:
    """Both times: what was read before is none of it."""
    file = io.BytesIO(b"a note\n" + stream("a"))
    file.readline()

    assert import_file(log, file)[0].outcome == "imported"


def test_what_is_there_is_left_alone(log: SQLiteLog) -> None:
    """Also if it has gone on since; what comes behind it in the file is stored."""
    imported(log, stream("a") + actor("c", 2))
    begin = stream("a", STORY[:2]) + actor("c", 2) + stream("b")
    told = imported(log, begin)

    assert [(each.name, each.outcome) for each in told] == [
        ("a", "there"),
        ("c", "there"),
        ("b", "imported"),
    ]
    assert known(log, "a").head == 3
    assert [event.event for event in log.read(known(log, "b").id)] == [
        event for _, event in STORY
    ]


OTHER = ("main/s", ev.ActivationStarted("activity", "other", "s"))
LONGER = [*STORY, ("main/s", ev.ActivationCompleted(1))]


@pytest.mark.parametrize(
    "story",
    [LONGER, [*STORY[:2], OTHER], [*STORY[:2], OTHER, LONGER[-1]]],
    ids=["longer", "other", "other and longer"],
)
def test_others_of_that_name(log: SQLiteLog, story: list[Any]) -> None:
    """A stream with events that are not there is refused, and the whole file."""
    imported(log, stream("a"))
    with pytest.raises(StreamExistsError):
        imported(log, stream("b") + stream("a", story))

    assert everything(log) == ["a"]
    assert known(log, "a").head == 3


def test_another_event_in_the_middle(log: SQLiteLog) -> None:
    """The same end does not make a stream the same."""
    imported(log, actor("c", 3))
    other = [("", ("Strange", text)) for text in ("0", "x", "2")]
    with pytest.raises(StreamExistsError):
        imported(log, stream("c", other, kind="actor"))


@pytest.mark.parametrize(
    ("story", "reason"),
    [
        ([STORY[1]], "begins with execution.started"),
        ([*STORY[:2], ("main/x", ("node.exploded", "{}"))], "not known here"),
        ([*STORY, ("", ("execution.completed", '{"output": '))], "it does not follow"),
        ([], "there are no events"),
        ([("", ev.ExecutionStarted("another", "f1"))], "by its events of 'another'"),
    ],
)
def test_events_that_make_no_sense(
    log: SQLiteLog, story: list[Any], reason: str
) -> None:
    """They are refused with their line, whatever else the file holds."""
    with pytest.raises(TransferError, match=reason) as refused:
        imported(log, actor("c", 1) + stream("a", story))

    assert refused.value.line >= 4
    assert everything(log) == []


def test_an_unknown_event_is_named_by_its_type(log: SQLiteLog) -> None:
    """So that its reader knows which version wrote the file."""
    with pytest.raises(TransferError, match=r"node\.exploded cannot be read back"):
        imported(log, stream("a", [*STORY, ("", ("node.exploded", "{}"))]))


def test_an_end_that_was_lost(log: SQLiteLog) -> None:
    """Part of a stream is taken only by who says so."""
    part = stream("a", complete=False)
    with pytest.raises(TransferError, match="--partial"):
        imported(log, part)

    assert everything(log) == []
    assert imported(log, part, partial=True)[0].events == 3


def test_a_large_value_that_is_another(log: SQLiteLog) -> None:
    """A blob whose content is not what its name says is refused, with its line."""
    forged = Blob("0" * 64, b"not what it says")
    with pytest.raises(TransferError, match="0000") as refused:
        imported(log, stream("a", STORY, forged))

    assert refused.value.line == 5
    assert log.codec.blobs is not None
    assert log.codec.blobs.is_empty()


class Changing(io.BytesIO):
    """A file that somebody writes while it is read: at the second reading, another."""

    def __init__(self, first: bytes, change: Callable[[], bytes]) -> None:
        super().__init__(first)
        self._change = change

    def seek(self, offset: int, whence: int = 0) -> int:
        """Begin anew."""
        content = self._change()
        super().seek(0)
        self.truncate()
        self.write(content)
        return super().seek(offset, whence)


@pytest.mark.parametrize(
    "second",
    [
        stream("b"),
        stream("a", STORY[:2]),
        stream("a", LONGER),
        stream("a", [*STORY[:2], OTHER]),
        b"",
    ],
    ids=["another", "shorter", "longer", "other events", "nothing"],
)
def test_a_file_that_changes_while_it_is_read(log: SQLiteLog, second: bytes) -> None:
    """What was not verified is not stored."""
    with pytest.raises(TransferError, match="changed while it was read") as refused:
        import_file(log, Changing(stream("a"), lambda: second))

    assert refused.value.line <= len(second.splitlines())
    assert everything(log) == []


def test_a_file_that_grows_while_it_is_read(log: SQLiteLog) -> None:
    """What has come behind the end is left for another time."""
    first = stream("a")
    told = import_file(log, Changing(first, lambda: first + stream("b")))

    assert [each.name for each in told] == everything(log) == ["a"]


def test_somebody_else_takes_the_name(log: SQLiteLog) -> None:
    """A stream that comes to be between the readings is not written to."""
    content = stream("a", LONGER)

    def taken() -> bytes:
        imported(log, stream("a"))
        return content

    with pytest.raises(StreamExistsError):
        import_file(log, Changing(content, taken))
    assert known(log, "a").head == 3


def test_what_was_exported_is_the_same(log: SQLiteLog) -> None:
    """An import, exported again, is the file it came from, line by line."""
    value = CODEC.dumps("x" * 300)
    content = stream("a", STORY, Posted("signal", value, None, 4), rank=-3)
    imported(log, content)

    assert b"".join(export_stream(log, known(log, "a"))) == content


def test_large_values_come_along(log: SQLiteLog) -> None:
    """They lie beside the log before it refers to them; once more is no harm."""
    codec, blobs = Codec(), MemoryBlobs()
    codec.keep_large(blobs, over=100)
    value: Any = codec.to_record("x" * 300)
    blob = Blob(value["sha256"], blobs.get(value["sha256"]))
    content = stream("a", STORY, blob, Posted("signal", codec.dumps(value), None, 4))
    imported(log, content)

    assert imported(log, content)[0].outcome == "there"
    assert log.codec.blobs is not None
    assert log.codec.blobs.get(blob.key) == blob.content
    assert list(log.diagnose()) == []
