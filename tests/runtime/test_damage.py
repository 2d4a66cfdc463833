"""A runtime on a log that is damaged: what is sound goes on, and nothing hangs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import actorflow as af
from actorflow.errors import LogCorruptError, LogDamagedError
from actorflow.log.memory import MemoryLog
from actorflow.log.sqlite import SQLiteLog
from actorflow.model.events import Recorded
from actorflow.runtime.commands import INTERNAL
from actorflow.runtime.errands import Route
from actorflow.runtime.messages import Command
from actorflow.testing import VirtualClock, runtime


@af.activity(executor="inline")
def greet(name: str) -> str:
    """Return a greeting."""
    return f"Hello, {name}"


flow = (
    af.Flow("hello", inputs=["name"])
    .wait_signal("go")
    .then(greet)
    .output("greet")
    .build()
)
sleeper = af.Flow("sleeper").sleep(60).build()


class DamagedLog(MemoryLog):
    """Finds every stream damaged."""

    reads = 0

    def read(
        self, stream: int, *, after: int = 0, until: int | None = None
    ) -> Iterator[Recorded]:
        """Count, and raise."""
        self.reads += 1
        raise LogCorruptError("s", 1, "its checksum does not match")


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    """A log with three executions that wait, closed."""
    path = tmp_path / "log.db"
    with af.Runtime(path, definitions=[flow]) as rt:
        for name in ("a", "b", "c"):
            rt.start(flow, name=name, execution_id=name).wait(timeout=10)
    return path


def tamper(path: Path, statement: str, *values: object) -> None:
    """Change the file as no log would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement, values)


@pytest.mark.parametrize("head", [2, 40])
def test_one_stream_that_ends_elsewhere(path: Path, head: int) -> None:
    """A stream whose row is wrong about its end fails alone; the others go on."""
    tamper(path, "UPDATE stream SET head = ? WHERE name = 'b'", head)

    with af.Runtime(path, definitions=[flow]) as rt:
        with pytest.raises(LogCorruptError, match="of 'b' is damaged"):
            rt.signal("b", "go")
        for name in ("a", "c"):
            rt.signal(name, "go")
            assert rt.get(name).result(timeout=10) == f"Hello, {name}"


@pytest.mark.parametrize(
    ("command", "data"),
    [
        ("nonsense", {}),
        ("handle", {}),
        ("give_up", {"failure": {}}),
        ("restart", {"started": [["", 5]]}),
        ("wake", {}),
        ("begin", {}),
        ("release", {}),
        ("signal", {}),
        ("signal", {"topic": 5}),
        ("signal", {"topic": "go", "colour": "red"}),
        ("signal", ["go"]),
        ("signal", 7),
        ("pause", {"branch": ["main"]}),
        ("cancel", {"reason": 5}),
        ("answer", {}),
        ("answer", {"question": {}, "value": 1}),
    ],
)
def test_commands_that_make_no_sense(
    path: Path, command: str, data: object, caplog: pytest.LogCaptureFixture
) -> None:
    """A row in the inbox that is no command is left there, and holds up nobody."""
    post = (
        "INSERT INTO inbox (stream, command, data, posted_at) "
        "SELECT id, ?, ?, 0 FROM stream WHERE name = 'b'"
    )
    tamper(path, post, command, json.dumps(data))
    tamper(path, post, "signal", json.dumps({"topic": "go"}))

    with af.Runtime(path, definitions=[flow]) as rt:
        assert rt.get("b").result(timeout=10) == "Hello, b"
        assert [rt.get(name).status for name in "ac"] == ["suspended"] * 2
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT command FROM inbox").fetchall() == [(command,)]
    assert "Command 1 for 'b'" in caplog.text


def test_no_inbox(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A runtime opens and runs without an inbox, and says once what it misses."""
    tamper(path, "DROP TABLE inbox")

    with af.Runtime(path, definitions=[flow]) as rt:
        rt.signal("a", "go")
        assert rt.get("a").result(timeout=10) == "Hello, a"
    assert caplog.text.count("cannot look at the inbox") == 1


def test_deleted_while_open(path: Path) -> None:
    """When the file is deleted under a runtime, it stops, and all waiters are told."""
    with af.Runtime(path, definitions=[flow]) as rt:
        run = rt.get("a")
        path.unlink()

        with pytest.raises(LogDamagedError, match="was deleted"):
            run.result(timeout=20)
        with pytest.raises(LogDamagedError, match="was deleted"):
            rt.signal("b", "go")


def test_full_disk(path: Path) -> None:
    """While the disk is full, nothing is lost and nobody fails; then all goes on."""
    with af.Runtime(path, definitions=[flow]) as rt:
        assert isinstance(rt.log, SQLiteLog)
        raw = rt.log._for_writing().connection()
        (pages,) = raw.execute("PRAGMA page_count").fetchone()
        raw.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(af.LogUnavailableError, match="full"):
            rt.log.post("execution", "a", "signal", {"topic": "x" * 10_000_000})
        rt.signal("a", "go", key="fits")
        raw.execute("PRAGMA max_page_count = 1073741823")

        assert rt.get("a").result(timeout=10) == "Hello, a"


def test_damaged_sleeper_is_left_alone() -> None:
    """One that cannot be read when it is to wake is tried once, not all the time."""
    log = DamagedLog(clock=(clock := VirtualClock()).time)
    with runtime(sleeper, log=log, clock=clock, passivate_after=1.0) as rt:
        rt.start(sleeper, execution_id="s")
        clock.advance(59)
        assert log.reads == 0
        clock.advance(50)

        assert log.reads == 1


def test_commands_after_the_end_go_away(path: Path) -> None:
    """A command that came too late is dropped, once, and does not wait for ever."""
    with af.Runtime(path, definitions=[flow]) as rt:
        rt.signal("a", "go")
        assert rt.get("a").result(timeout=10) == "Hello, a"
    with SQLiteLog(path) as log:
        log.post("execution", "a", "pause", {})
    with af.Runtime(path, definitions=[flow]):
        pass

    with SQLiteLog(path, read_only=True) as log:
        assert log.inbox() == []


def test_own_commands_stay_at_home(path: Path) -> None:
    """What a runtime tells itself is not left for others, whoever runs it there."""
    with SQLiteLog(path) as other, af.Runtime(path, definitions=[flow]) as rt:
        other.claim("execution", "a")
        for command in sorted(INTERNAL - {"restart"}):
            rt._directory.tell(Route("a", Command(command, {})))
        rt.signal("a", "go")

        assert [row.command for row in other.inbox()] == ["signal"]


@pytest.mark.parametrize(
    "damaged",
    ["inbox", "stream", "event", "owner", "event_in_stream", "stream_to_wake"],
)
@pytest.mark.timeout(30)
def test_noise_in_the_place_of_a_table(path: Path, damaged: str) -> None:
    """Whatever page is lost, whoever opens or asks is told; nobody waits for ever."""
    with closing(sqlite3.connect(path)) as raw:
        (page,) = raw.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?", (damaged,)
        ).fetchone()
        (size,) = raw.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = b"\xa5" * size
    path.write_bytes(content)

    with pytest.raises((LogDamagedError, LogCorruptError)):
        use_all(path)


def use_all(path: Path) -> None:
    """Open the log, let one execution go on, and start another."""
    with af.Runtime(path, definitions=[flow]) as rt:
        rt.signal("a", "go")
        rt.get("a").result(timeout=10)
        rt.start(flow, name="d").wait(timeout=10)
