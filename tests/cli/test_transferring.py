"""Executions leave one log and come into another: whole, verified, once."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import actorflow as af
from tests.cli.conftest import FLOWS, Command


@pytest.fixture(name="exported")
def _exported(actorflow: Command, waiting: str, tmp_path: Path) -> Path:
    """What `export` writes of an execution that waits."""
    file = tmp_path / "a.jsonl"
    file.write_text(actorflow("export", waiting).out, encoding="utf-8")
    return file


def rows(db: Path, text: str) -> list[tuple[object, ...]]:
    """Return what a query finds in a log."""
    with closing(sqlite3.connect(db)) as connection:
        return connection.execute(text).fetchall()


EVENTS = (
    "SELECT name, seq, address, event.type, time, data, checksum "
    "FROM event JOIN stream ON stream.id = event.stream ORDER BY name, seq"
)
STREAMS = (
    "SELECT kind, name, type, head, status, wake_at, waits, attributes, fingerprint, "
    "created_at, updated_at, tags, rank FROM stream ORDER BY name"
)


def test_there_and_back(
    actorflow: Command, db: Path, exported: Path, tmp_path: Path
) -> None:
    """An execution that was imported is the same, and goes on where it was."""
    other = tmp_path / "other.db"
    outcome = actorflow("import", str(exported), "--db", str(other))

    assert outcome.out == "a: imported, 6 events\n"
    assert rows(other, EVENTS) == rows(db, EVENTS)
    assert rows(other, STREAMS) == rows(db, STREAMS)
    assert actorflow("doctor", "--db", str(other)).code == 0
    actorflow("signal", "a", "approve", "1", "--db", str(other))
    ran = actorflow(
        "run", f"{FLOWS}:approval", "--id", "a", "--db", str(other), "--json"
    )
    assert ran.code == 0


def test_twice_is_once(actorflow: Command, db: Path, exported: Path) -> None:
    """What is there already is left as it is, also when it has gone on since."""
    actorflow("pause", "a")
    again = actorflow("import", str(exported))

    assert (again.code, again.out) == (0, "a: already there, 6 events\n")
    assert actorflow("import", str(exported), "--json").lines == [
        {"name": "a", "events": 6, "outcome": "already there"}
    ]
    assert rows(db, "SELECT count(*) FROM stream") == [(1,)]


def test_other_events_under_the_same_id(
    actorflow: Command, db: Path, failed: Path, exported: Path, tmp_path: Path
) -> None:
    """The id is taken by others: exit code 1, nothing changed, and a way out."""
    other = tmp_path / "other.db"
    actorflow("import", str(exported), "--as", "f", "--db", str(other))
    theirs = tmp_path / "f.jsonl"
    theirs.write_text(actorflow("export", "f", "--db", str(other)).out)
    before = rows(db, EVENTS)
    refused = actorflow("import", str(theirs))

    assert refused.code == 1
    assert "'f' exists already, with other events" in refused.err
    assert "--as" in refused.err
    assert rows(db, EVENTS) == before
    assert actorflow("import", str(theirs), "--as", "b").out.startswith("b: imported")


def test_one_id_is_for_one_execution(
    actorflow: Command, waiting: str, failed: Path, tmp_path: Path
) -> None:
    """A file of several cannot be imported under another id."""
    both = tmp_path / "both.jsonl"
    both.write_text(actorflow("export", "--all").out)

    outcome = actorflow("import", str(both), "--as", "b", "--db", str(both) + ".db")

    assert outcome.code == 5
    assert "there are several in it, and only one can be 'b'" in outcome.err


def test_inbox_goes_along(
    actorflow: Command, db: Path, waiting: str, tmp_path: Path
) -> None:
    """A command that nobody has taken in yet is not lost on the way."""
    actorflow("signal", "a", "approve", '{"by": "eve"}')
    file, other = tmp_path / "a.jsonl", tmp_path / "other.db"
    file.write_text(actorflow("export", "a").out)
    actorflow("import", str(file), "--db", str(other))
    query = "SELECT command, data, key, posted_at, checksum FROM inbox"

    assert rows(other, query) == rows(db, query) != []


@af.activity(executor="inline")
def write() -> str:
    """Return a large value."""
    return "x" * 5000


def test_large_values_go_along(actorflow: Command, db: Path, tmp_path: Path) -> None:
    """Values that lie beside the log are in the export, checked, and come along."""
    echo = af.Flow("echo").then(write).wait_signal("go").output("write").build()
    with af.Runtime(db, definitions=[echo], claim_check_over=1000) as rt:
        rt.start(echo, execution_id="big").wait(timeout=10)
    file, other = tmp_path / "big.jsonl", tmp_path / "other.db"
    file.write_text(actorflow("export", "big").out)
    actorflow("import", str(file), "--db", str(other))
    with af.Runtime(other, definitions=[echo]) as rt:
        rt.signal("big", "go")

        assert rt.get("big").result(timeout=10) == "x" * 5000


@pytest.fixture(name="damaged")
def _damaged(db: Path, waiting: str, failed: Path) -> None:
    """Damage the fourth event of ``a``; ``f`` is sound."""
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER event_is_never_updated")
        connection.execute(
            "UPDATE event SET data = '{}' WHERE seq = 4 AND stream = "
            "(SELECT id FROM stream WHERE name = 'a')"
        )


@pytest.mark.usefixtures("damaged")
def test_what_is_whole_is_rescued(actorflow: Command, tmp_path: Path) -> None:
    """From a damaged log, everything else comes out, and goes into a new one."""
    refused = actorflow("export", "a")
    everything = actorflow("export", "--all")
    file, other = tmp_path / "all.jsonl", tmp_path / "other.db"
    file.write_text(everything.out)
    outcome = actorflow("import", str(file), "--db", str(other))

    assert (refused.code, refused.out) == (5, "")
    assert everything.code == 1
    assert "left out: execution a: event 4" in everything.err
    assert outcome.out.startswith("f: imported")
    assert actorflow("doctor", "--db", str(other)).code == 0


@pytest.mark.usefixtures("damaged")
def test_part_of_a_damaged_execution(actorflow: Command, tmp_path: Path) -> None:
    """What comes before the damage is saved on request, and taken on request only."""
    file, other = tmp_path / "a.jsonl", tmp_path / "other.db"
    file.write_text(actorflow("export", "a", "--partial").out)
    refused = actorflow("import", str(file), "--db", str(other))
    taken = actorflow("import", str(file), "--partial", "--db", str(other))

    assert refused.code == 5
    assert "--partial" in refused.err
    assert taken.out == "a: imported, 3 events\n"


@pytest.mark.parametrize(
    ("number", "change", "reason"),
    [
        (1, {"format": 99}, "its format is 99, known here is 2"),
        (1, {"kind": "../../etc/passwd"}, "is no stream"),
        (1, {"name": ""}, "is no stream"),
        (1, {"name": 7}, "'name' must be str, not 7"),
        (1, {"created_at": 2**64 - 1}, "'created_at' is out of range"),
        (1, {"colour": "red"}, "it has what is unknown here: ['colour']"),
        (3, {"seq": 7}, "it is event 7, and 2 is due"),
        (3, {"data": {"step": "other"}}, "its checksum does not match"),
        (3, {"data": None}, "its checksum does not match"),
        (8, {"events": 3}, "it tells of 3 events; 6 came"),
        (8, {"complete": "yes"}, "'complete' must be bool, not 'yes'"),
    ],
)
def test_lines_that_are_no_export(
    actorflow: Command,
    exported: Path,
    number: int,
    change: dict[str, object],
    reason: str,
) -> None:
    """A line that is wrong is named with its number, and nothing is stored."""
    lines = exported.read_text(encoding="utf-8").splitlines()
    document = json.loads(lines[number - 1]) | change
    lines[number - 1] = json.dumps(document, separators=(",", ":"))
    exported.write_text("\n".join(lines), encoding="utf-8")
    outcome = actorflow("import", str(exported), "--as", "b")

    assert outcome.code == 5
    assert f"line {number} cannot be imported: " in outcome.err
    assert reason in outcome.err
    assert [row["id"] for row in actorflow("list", "--json").json] == ["a"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "there is no stream in it"),
        ("once upon a time", "line 1 cannot be imported: it is no JSON"),
        ("[1]", "it is no JSON object"),
        ('{"seq": 1}', "a stream has to begin with a line that says so"),
        ("[" * 100_000, "it is no JSON"),
    ],
)
def test_files_that_are_no_export(
    actorflow: Command, db: Path, content: str, reason: str
) -> None:
    """Any other file is refused in one line."""
    db.with_name("x").write_text(content, encoding="utf-8")
    outcome = actorflow("import", "x")

    assert outcome.code == 5
    assert reason in outcome.err


def test_cut_off_file(actorflow: Command, exported: Path) -> None:
    """A file that ends too early is noticed, whichever line is the last."""
    lines = exported.read_text(encoding="utf-8").splitlines()
    for count in range(1, len(lines)):
        exported.write_text("\n".join(lines[:count]), encoding="utf-8")

        assert "in the middle of a stream" in actorflow("import", str(exported)).err
