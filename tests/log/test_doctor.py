"""What the doctor finds, exactly: what is wrong, where, and what to do about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from attrs import frozen

from actorflow.log import doctor
from actorflow.log.batch import checksum, inbox_checksum
from actorflow.log.doctor import BLOBS, PARTIAL, RESCUE, RESTORE, Finding
from actorflow.log.port import Snapshot, Stream, Summary
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing.log_contract import EPOCH, create, created, done, hold, write
from tests.damage.cells import Trees
from tests.log.helpers import tamper

Found = tuple[str, str, str | None, int | None, str]
NOTHING = "nothing needs doing"


@frozen
class Strange:
    """An event that is known in one process only."""

    amount: int


@frozen
class Stranger:
    """Another."""


@pytest.fixture(name="log")
def _log(new_log: Path, tmp_path: Path) -> Iterator[SQLiteLog]:
    """A log that keeps what is large beside it."""
    path = copyfile(new_log, tmp_path / "log.db")
    with SQLiteLog(path, durability="process") as log:
        assert log.codec.blobs is not None
        log.codec.keep_large(log.codec.blobs, over=100)
        yield log


@pytest.fixture(name="streams")
def _streams(log: SQLiteLog) -> tuple[Stream, Stream]:
    """A stream of ten events with a snapshot, and one of two with two commands."""
    summary = Summary("running", attributes={"k": 1})
    one, two = created(log, "one", summary=summary), created(log, "two")
    log.write([write(one, *map(done, range(9)), snapshot=Snapshot(10, "v", {}))])
    log.write([write(two, done(), snapshot=Snapshot(2, "v", [2]))])
    for command in ("signal", "pause"):
        log.post("execution", "two", command, {})
    return one, two


def found(log: SQLiteLog) -> list[Found]:
    """Return what is found."""
    return [_brief(each) for each in log.diagnose()]


def _brief(finding: Finding) -> Found:
    each = finding
    return each.severity, each.message, each.stream, each.seq, each.advice


@pytest.mark.usefixtures("streams")
def test_nothing_is_wrong_with_a_sound_log(log: SQLiteLog) -> None:
    """Whatever there is in it: events, snapshots, commands, attributes."""
    assert found(log) == []


@pytest.mark.usefixtures("streams")
@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "DELETE FROM event WHERE stream = 1 AND seq IN (4, 5)",
            [("error", "events 4 to 5 are missing", "one", 4, PARTIAL)],
        ),
        (
            "DELETE FROM event WHERE stream = 1 AND seq IN (1, 7)",
            [
                ("error", "events 1 to 1 are missing", "one", 1, PARTIAL),
                ("error", "events 7 to 7 are missing", "one", 7, PARTIAL),
            ],
        ),
        (
            "DELETE FROM event WHERE stream = 1 AND seq > 8",
            [
                (
                    "error",
                    "its row says 10 events, and there are 8",
                    "one",
                    None,
                    PARTIAL,
                )
            ],
        ),
        (
            "DELETE FROM event WHERE stream = 1 AND seq = 10",
            [
                (
                    "error",
                    "its row says 10 events, and there are 9",
                    "one",
                    None,
                    PARTIAL,
                )
            ],
        ),
        (
            "UPDATE stream SET head = 1 WHERE name = 'two'",
            [
                (
                    "error",
                    "its row says 1 events, and there are 2",
                    "two",
                    None,
                    RESCUE,
                ),
                ("error", "a snapshot of events not there", "two", 2, RESTORE),
            ],
        ),
        (
            "UPDATE event SET data = '1' WHERE stream = 1 AND seq IN (3, 9)",
            [
                ("error", "its checksum does not match", "one", 3, PARTIAL),
                ("error", "its checksum does not match", "one", 9, PARTIAL),
            ],
        ),
        (
            "INSERT INTO retention VALUES (1, 'oops')",
            [
                (
                    "error",
                    "events can be deleted: retention is on (oops)",
                    None,
                    None,
                    "DELETE FROM retention",
                )
            ],
        ),
        (
            "UPDATE snapshot SET data = '1'",
            [
                (
                    "warning",
                    "a snapshot is damaged; replay will do without it",
                    name,
                    seq,
                    NOTHING,
                )
                for name, seq in (("one", 10), ("two", 2))
            ],
        ),
        (
            "UPDATE snapshot SET seq = 2 WHERE stream = 1",
            [
                (
                    "warning",
                    "a snapshot is damaged; replay will do without it",
                    "one",
                    2,
                    NOTHING,
                )
            ],
        ),
        (
            "UPDATE inbox SET command = 'cancel' WHERE id = 1",
            [
                (
                    "error",
                    "command 1 (cancel) is damaged, and is not taken in",
                    "two",
                    None,
                    "delete row 1 of 'inbox', and send it again",
                )
            ],
        ),
        (
            "UPDATE stream SET owner = 77 WHERE id = 1",
            [
                (
                    "error",
                    "1 streams have an owner that is not there",
                    None,
                    None,
                    "the next opening frees them",
                )
            ],
        ),
        ("UPDATE stream SET owner = NULL", []),
        ("UPDATE stream SET epoch = 1", []),
        (
            "UPDATE stream SET epoch = 0 WHERE name = 'two'",
            [
                (
                    "error",
                    "its row has the epoch 0, so that nobody can take it",
                    "two",
                    None,
                    RESCUE,
                )
            ],
        ),
        (
            "DELETE FROM attribute",
            [
                (
                    "error",
                    "searches do not go by the attributes that its row has",
                    "one",
                    None,
                    RESCUE,
                )
            ],
        ),
    ],
)
def test_damage(log: SQLiteLog, statement: str, expected: list[Found]) -> None:
    """Each kind is found once for each place, and nothing else is."""
    tamper(log.path, statement)

    assert found(log) == expected


@pytest.mark.usefixtures("streams")
def test_rows_of_nobody(log: SQLiteLog) -> None:
    """Of each table, how many rows there are, and of which stream they were."""
    tamper(log.path, "DELETE FROM stream WHERE id = 2", "DELETE FROM attribute")
    tamper(log.path, "INSERT INTO attribute VALUES ('k', 1, 9)")
    orphans = [each for each in found(log) if each[-1] == RESTORE]

    assert [message for _, message, *_ in orphans] == [
        "2 rows of 'event' are of no stream (2)",
        "1 rows of 'snapshot' are of no stream (2)",
        "2 rows of 'inbox' are of no stream (2)",
        "1 rows of 'attribute' are of no stream (9)",
    ]
    assert {each[0] for each in orphans} == {"error"}


@pytest.mark.usefixtures("streams")
@pytest.mark.parametrize(
    ("statements", "message", "advice"),
    [
        (
            ["DROP INDEX stream_by_type"],
            "the index 'stream_by_type' is missing",
            RESCUE,
        ),
        (["DROP VIEW history"], "the view 'history' is missing", RESCUE),
        (
            ["CREATE TRIGGER theirs AFTER INSERT ON event BEGIN SELECT 1; END"],
            "there is a trigger that is none of ours: 'theirs'",
            'DROP TRIGGER "theirs"',
        ),
    ],
)
def test_the_schema(
    log: SQLiteLog, statements: list[str], message: str, advice: str
) -> None:
    """What is missing is named, and a trigger that was added, since it may do harm."""
    tamper(log.path, *statements)

    assert found(log) == [("error", message, None, None, advice)]


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE theirs (x)", "CREATE INDEX theirs ON event (time)", "ANALYZE"],
)
def test_what_was_added_to_the_schema(log: SQLiteLog, statement: str) -> None:
    """What is of use to somebody, and cannot change what is recorded, is no finding."""
    tamper(log.path, statement)

    assert found(log) == []


def test_a_guard_that_guards_nothing(log: SQLiteLog) -> None:
    """A trigger with the right name has to be the right one, too."""
    name = "event_is_never_updated"
    tamper(log.path)
    with closing(sqlite3.connect(log.path)) as connection:
        connection.executescript(
            f"DROP TRIGGER {name}; "
            f"CREATE TRIGGER {name} BEFORE UPDATE ON event BEGIN SELECT 1; END"
        )
    what = f"the trigger {name!r} is not the one it should be"

    assert found(log) == [("error", what, None, None, RESCUE)]


@pytest.mark.usefixtures("streams")
def test_what_cannot_be_examined(log: SQLiteLog) -> None:
    """One thing that cannot be looked at does not hide the others."""
    tamper(
        log.path,
        "DROP TABLE snapshot",
        "DELETE FROM event WHERE stream = 2 AND seq = 2",
    )
    messages = [message for _, message, *_ in found(log)]

    assert messages[0] == "the table 'snapshot' is missing"
    met = [each for each in messages if "no such table: snapshot" in each]
    assert met
    assert not any(each.startswith("Log") for each in met)
    assert "its row says 2 events, and there are 1" in messages


def test_events_of_unknown_types(log: SQLiteLog) -> None:
    """They are counted by type, over all streams, and are no damage."""
    for cls in (Strange, Stranger):
        log.codec.register_event(cls)
    log.write([create(hold("one"), Stranger(), Strange(1), Strange(2))])
    log.write([create(hold("two"), Strange(3))])
    with SQLiteLog(log.path, read_only=True) as other:
        messages = found(other)
    advice = "their owner's classes are needed"

    assert messages == [
        (
            "warning",
            f"{count} events of type {tag!r}, which is not known here",
            None,
            None,
            advice,
        )
        for count, tag in ((3, "Strange"), (1, "Stranger"))
    ]


@pytest.mark.usefixtures("streams")
def test_an_event_that_cannot_be_read(log: SQLiteLog) -> None:
    """What never fitted its type is told with its place; others are looked at."""
    time = round(EPOCH * 1e6)
    guard = checksum(1, "main", "attempt.started", time, "{}")
    tamper(
        log.path,
        f"UPDATE event SET time = {time}, type = 'attempt.started', data = '{{}}', "
        f"checksum = {guard} WHERE stream = 2 AND seq = 1",
        "UPDATE event SET data = '1' WHERE stream = 2 AND seq = 2",
    )
    first, second = found(log)

    assert first == (
        "warning",
        "attempt.started cannot be read back: 'attempt' is missing",
        "two",
        1,
        "",
    )
    assert second[:4] == ("error", "its checksum does not match", "two", 2)


@pytest.mark.usefixtures("streams")
def test_a_command_that_cannot_be_read(log: SQLiteLog) -> None:
    """It is told with what to do, and so is the next one."""
    guard = inbox_checksum("signal", '{"$": "tuple"', None, 2)
    tamper(
        log.path,
        f'UPDATE inbox SET data = \'{{"$": "tuple"\', checksum = {guard} WHERE id = 1',
        "UPDATE inbox SET data = '[]' WHERE id = 2",
    )
    first, second = found(log)

    assert first[1].startswith("command 1 is not taken in: ")
    assert second[1] == "command 2 (pause) is damaged, and is not taken in"
    assert first[-1] == "delete row 1 of 'inbox', and send it again"
    assert [each[0] for each in (first, second)] == ["error", "error"]


def test_large_values_that_are_lost(log: SQLiteLog) -> None:
    """Each is told once, with the first event that refers to it."""
    stream = created(log)
    values: list[Any] = [log.codec.to_record(letter * 300) for letter in "abc"]
    kept, lost, other = values
    log.write([write(stream, *map(done, (kept, [lost, lost], lost, other)))])
    assert log.codec.blobs is not None
    assert found(log) == []
    log.codec.blobs.sweep({kept["sha256"]}, before=1e12)
    findings = found(log)

    assert [(*each[2:], each[0]) for each in findings] == [
        ("one", 3, BLOBS, "error"),
        ("one", 5, BLOBS, "error"),
    ]
    assert lost["sha256"] in findings[0][1]


def test_a_large_value_with_an_impossible_name(log: SQLiteLog) -> None:
    """It leads nowhere, and is told like one that is lost."""
    reference = {"$": "blob", "sha256": "../../etc/passwd"}
    log.write([create(hold(), done(reference))])
    ((severity, *_, seq, advice),) = found(log)

    assert (severity, seq, advice) == ("error", 1, BLOBS)


def renumbered(log: SQLiteLog, tree: str, column: str, to: int) -> list[Finding]:
    """Give the first row of a tree another number; return what is found."""
    log.close()
    cell = next(each for each in Trees(log.path).cells(tree) if each.column == column)
    content = bytearray(log.path.read_bytes())
    content[cell.end - 1] = to
    log.path.write_bytes(content)
    with SQLiteLog(log.path, read_only=True) as damaged:
        return list(damaged.diagnose())


@pytest.mark.usefixtures("streams")
@pytest.mark.parametrize(("to", "telling"), [(2, [None]), (9, ["one", None])])
def test_streams_that_are_not_in_order(
    log: SQLiteLog, to: int, telling: list[str | None]
) -> None:
    """It is told, also of the one that cannot be found; nobody reads in a circle."""
    created(log, "three")
    findings = renumbered(log, "stream", "(rowid)", to)
    told = [each for each in findings if "streams are not in order" in each.message]

    assert [each.stream for each in told] == telling
    assert findings[0].message.startswith("integrity check: ")


@pytest.mark.usefixtures("streams")
def test_events_that_are_not_in_order(log: SQLiteLog) -> None:
    """It is told of their stream, and nobody reads in a circle."""
    findings = renumbered(log, "event_in_stream", "seq", 7)
    told = [each for each in findings if "not in order" in each.message]

    assert [each.stream for each in told] == ["one"]
    assert told[0].message.startswith("the events of 'one'")
    assert (findings[0].severity, findings[0].advice) == ("error", RESCUE)
    assert findings[0].message.startswith("integrity check: ")


def test_who_died(log: SQLiteLog) -> None:
    """Of each, how many streams wait for somebody; who lives is not mentioned."""
    busy, idle = (SQLiteLog(log.path, owner_label=name) for name in ("busy", "idle"))
    for n in range(2):
        created(busy, str(n))
    created(log, "mine")
    assert found(log) == []
    busy.abandon()
    idle.abandon()
    what = "stopped without closing the log"
    then = "streams wait for another process to take them over"

    assert found(log) == [
        (
            "note",
            f"{said}; {count} {then}",
            None,
            None,
            "the next opening puts it right",
        )
        for said, count in ((f"busy {what}", 2), (f"idle {what}", 0))
    ]


@pytest.mark.usefixtures("streams")
def test_page_by_page(log: SQLiteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few are read at a time, all streams and all events are looked at."""
    created(log, "three")
    tamper(
        log.path,
        "UPDATE event SET data = '1' WHERE seq = 1",
        "UPDATE event SET data = '1' WHERE stream = 1",
    )
    places = [each[2:4] for each in found(log)]

    for size in (1, 2, 3, 10):
        monkeypatch.setattr(doctor, "PAGE", size)
        assert [each[2:4] for each in found(log)] == places
    assert places == [*(("one", n) for n in range(1, 11)), ("two", 1), ("three", 1)]
