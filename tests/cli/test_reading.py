"""Commands that look into a log: they change nothing, and say what is missing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import FLOWS, Command

READING = (
    ("list",),
    ("show", "a"),
    ("events", "a"),
    ("watch", "a"),
    ("state", "a"),
    ("export", "a"),
    ("doctor",),
    ("sql", "select 1"),
)
ON_ONE = [words for words in READING if len(words) == 2 and words[1] == "a"]


@pytest.mark.parametrize("words", READING, ids=lambda words: words[0])
def test_missing_log_is_told(
    actorflow: Command, db: Path, words: tuple[str, ...]
) -> None:
    """Without a log a command exits 5, says where it looked, and creates nothing."""
    outcome = actorflow(*words)

    assert outcome.code == 5
    assert f"error: {db}: there is no log" in outcome.err
    assert "--db" in outcome.err
    assert not db.exists()


@pytest.mark.parametrize("words", ON_ONE, ids=lambda words: words[0])
def test_unknown_execution_is_told(
    actorflow: Command, failed: Path, words: tuple[str, ...]
) -> None:
    """An id that is not in the log exits 4."""
    outcome = actorflow(*words)

    assert outcome.code == 4
    assert outcome.err == "error: no execution 'a' in the log\n"


@pytest.mark.parametrize("words", READING[:-1], ids=lambda words: words[0])
def test_other_file_is_no_log(
    actorflow: Command, db: Path, words: tuple[str, ...]
) -> None:
    """A file that is something else exits 5 and stays as it is."""
    db.write_bytes(b"a letter to my aunt" * 100)

    outcome = actorflow(*words)

    assert outcome.code == 5
    assert "is not an SQLite database" in outcome.err
    assert db.read_bytes() == b"a letter to my aunt" * 100


def test_newer_log_is_refused(actorflow: Command, db: Path, waiting: str) -> None:
    """A log of a newer version exits 5."""
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA user_version = 99")

    outcome = actorflow("list")

    assert outcome.code == 5
    assert "has schema 99" in outcome.err


def test_log_is_named_by_option(actorflow: Command, db: Path, waiting: str) -> None:
    """--db names the log, before the command or after it."""
    moved = db.rename(db.with_name("other.db"))

    assert actorflow("--db", str(moved), "show", waiting).code == 0
    assert actorflow("show", waiting, "--db", str(moved)).code == 0


def test_log_is_named_by_environment(
    actorflow: Command, db: Path, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """$ACTORFLOW_DB names the log where --db does not."""
    monkeypatch.setenv("ACTORFLOW_DB", str(db.rename(db.with_name("other.db"))))

    assert actorflow("show", waiting).code == 0


def test_list_shows_newest_first(
    actorflow: Command, waiting: str, failed: Path
) -> None:
    """`list` has one line for each execution, the newest on top."""
    lines = actorflow("list").out.splitlines()

    assert lines[0].split()[:3] == ["id", "workflow", "status"]
    assert [line.split()[0] for line in lines[1:]] == ["f", "a"]


def test_list_filters(actorflow: Command) -> None:
    """`list` selects by status, workflow and search attribute."""
    run = ("run", f"{FLOWS}:greet", "-i", "name=ada")
    actorflow(*run, "--id", "one", "-a", "customer=acme", "-a", "size=3")
    actorflow(*run, "--id", "two", "-a", "customer=else")
    actorflow("run", f"{FLOWS}:nap", "--id", "three")

    def found(*words: str) -> list[str]:
        return sorted(row["id"] for row in actorflow("list", "--json", *words).json)

    assert found() == ["one", "three", "two"]
    assert found("--status", "completed", "--status", "failed") == ["one", "two"]
    assert found("--workflow", "nap") == ["three"]
    assert found("--where", "customer=acme", "--where", "size=3") == ["one"]
    assert len(found("--limit", "2")) == 2


@pytest.mark.parametrize("where", ["customer", "=acme", "customer=[1]"])
def test_bad_filter_is_usage(actorflow: Command, waiting: str, where: str) -> None:
    """A filter that cannot be meant exits 2."""
    assert actorflow("list", "--where", where).code == 2


def test_show_says_what_it_waits_for(actorflow: Command, waiting: str) -> None:
    """`show` has the status, the steps, the waits, and what would end them."""
    outcome = actorflow("show", waiting)

    assert "suspended (waiting)" in outcome.out
    assert "main/greet" in outcome.out
    assert "actorflow signal a approve null" in outcome.out
    assert "nobody now" in outcome.out


def test_show_trims_the_traceback(actorflow: Command, failed: Path) -> None:
    """`show` has the end of the traceback: the line of the user's that raised."""
    outcome = actorflow("show", "f")

    assert f"FileNotFoundError at main/need: {failed} is not there" in outcome.out
    assert "raise FileNotFoundError(message)" in outcome.out
    assert "Traceback (most recent" not in outcome.out


@pytest.mark.parametrize("flow", ["fan", "found"])
def test_show_counts_items(actorflow: Command, tmp_path: Path, flow: str) -> None:
    """`show` tells how many items are done and failed, also of those found late."""
    paths = f'paths=["{FLOWS}", "{tmp_path}", "nowhere"]'
    actorflow("run", f"{FLOWS}:{flow}", "-i", paths, "--id", "m")

    assert "2 of 3 items, 1 failed" in actorflow("show", "m").out


def test_show_for_programs(actorflow: Command, waiting: str) -> None:
    """`show --json` has everything `show` has."""
    document = actorflow("show", waiting, "--json").json

    assert document["status"] == "suspended"
    assert document["inputs"] == {"name": "ada", "limit": 3}
    assert [step["address"] for step in document["steps"]] == [
        "main/greet",
        "main/wait",
    ]
    assert document["waits"][0]["topic"] == "approve"


def test_events_are_json_lines(actorflow: Command, waiting: str) -> None:
    """`events --json` gives a line for each event, numbered without a gap."""
    events = actorflow("events", waiting, "--json").lines

    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "execution.started"


def test_events_filter(actorflow: Command, waiting: str) -> None:
    """`events` begins after a number, and keeps the types that were asked for."""
    after = actorflow("events", waiting, "--after", "4", "--json").lines
    waits = actorflow("events", waiting, "--type", "wait", "--json").lines

    assert [event["seq"] for event in after] == [5, 6]
    assert [event["type"] for event in waits] == ["wait.started"]


def test_state_needs_no_classes(actorflow: Command, waiting: str) -> None:
    """`state` shows values of classes that it cannot import."""
    state = actorflow("state", waiting).json

    variables = state["branches"]["main"]["variables"]
    assert variables["greeting"] == {"text": "hello ada", "length": 3}


def test_state_of_the_past(actorflow: Command, waiting: str) -> None:
    """`state --at` shows what was so after an earlier event."""
    state = actorflow("state", waiting, "--at", "3").json

    assert state["version"] == 3
    assert list(state["activations"]) == ["main/greet"]


@pytest.mark.parametrize("at", ["0", "99"])
def test_state_at_no_event(actorflow: Command, waiting: str, at: str) -> None:
    """An event that is not there exits 2 and says which ones are."""
    outcome = actorflow("state", waiting, "--at", at)

    assert outcome.code == 2
    assert "has events 1 to 6" in outcome.err


def test_watch_ends_with_the_execution(actorflow: Command, failed: Path) -> None:
    """`watch` of what has ended shows it all, and exits as `run` would."""
    outcome = actorflow("watch", "f")

    assert outcome.code == 1
    assert "main/need failed after" in outcome.err


def test_export_is_complete(actorflow: Command, waiting: str) -> None:
    """`export` says what the stream is, and then has every event."""
    head, *events, end = actorflow("export", waiting).lines

    assert head["name"] == waiting
    assert len(events) == end["events"]


def test_sql_queries_the_log(actorflow: Command, waiting: str) -> None:
    """`sql` is sqlite-utils, with the log where it wants a path."""
    rows = actorflow("sql", "select id, status from execution").json

    assert rows == [{"id": "a", "status": "suspended"}]


def test_sql_has_every_command(actorflow: Command, waiting: str) -> None:
    """`sql tables` and the like work too, and take their options."""
    tables = {
        row["table"]: row["count"]
        for row in actorflow("sql", "tables", "--counts").json
    }

    assert tables["event"] == 6


def test_sql_errors_are_told(actorflow: Command, waiting: str) -> None:
    """A query that is wrong exits 1 in one line."""
    outcome = actorflow("sql", "select x from nowhere")

    assert outcome.code == 1
    assert outcome.err == "error: no such table: nowhere\n"


def test_doctor_finds_a_sound_log_sound(actorflow: Command, waiting: str) -> None:
    """`doctor` exits 0 when nothing is damaged."""
    outcome = actorflow("doctor")

    assert outcome.code == 0
    assert "everything is sound" in outcome.out


def test_doctor_names_what_is_damaged(
    actorflow: Command, db: Path, waiting: str
) -> None:
    """`doctor` exits 1 and names the event whose checksum is wrong."""
    with closing(sqlite3.connect(db)) as connection:
        (trigger,) = connection.execute(
            "SELECT sql FROM sqlite_schema WHERE name = 'event_is_never_updated'"
        ).fetchone()
        connection.execute("DROP TRIGGER event_is_never_updated")
        connection.execute("UPDATE event SET data = '{}' WHERE seq = 4")
        connection.execute(trigger)
        connection.commit()

    outcome = actorflow("doctor")

    assert outcome.code == 1
    assert "error: a, event 4: its checksum does not match" in outcome.out
    assert actorflow("events", "a").code == 5


def test_reading_does_not_disturb(actorflow: Command, db: Path, waiting: str) -> None:
    """No reading command becomes an owner of the log or changes a row."""

    def content() -> list[str]:
        with closing(sqlite3.connect(db)) as connection:
            return list(connection.iterdump())

    before = content()
    for words in READING:
        if words[0] != "watch":  # which waits for the end
            assert actorflow(*words).code == 0

    assert content() == before


def test_help_has_the_exit_codes(actorflow: Command) -> None:
    """`--help` documents every exit code."""
    outcome = actorflow("--help")

    assert "Exit codes:" in outcome.out
    assert "the log is missing, unreadable, damaged, newer, or no log" in outcome.out
