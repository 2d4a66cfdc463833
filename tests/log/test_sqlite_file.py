"""What a log in a file promises beyond the contract: the file guards itself."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from actorflow.errors import (
    LogCorruptError,
    LogUnavailableError,
    LogVersionError,
    NotALogError,
)
from actorflow.log import connection
from actorflow.log.batch import checksum, inbox_checksum
from actorflow.log.port import Reach, Snapshot, Stream, Summary, Write
from actorflow.log.schema import APPLICATION_ID
from actorflow.log.sqlite import SQLiteLog
from actorflow.log.statements import ManyRows
from actorflow.model.events import Recorded
from actorflow.testing.log_contract import ALL, create, created, done, hold, seqs, write

SCHEMA_1 = Path(__file__).with_name("golden") / "schema-1.sql"


@frozen
class Deposited:
    """An event of a user's actor."""

    amount: int


def tamper(path: Path, *statements: str) -> None:
    """Change the file as no log would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def damage(path: Path, *statements: str) -> None:
    """Change the file behind its guards."""
    triggers = ("event_is_never_updated", "event_is_deleted_only_by_retention")
    tamper(path, *(f"DROP TRIGGER {each}" for each in triggers), *statements)


class TestGuards:
    """The database keeps its own promises."""

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE event SET data = '{}'",
            "DELETE FROM event",
            "DELETE FROM event WHERE seq = 10",
            "UPDATE event SET seq = 99 WHERE seq = 10",
        ],
    )
    def test_events_are_facts(
        self, path: Path, log: SQLiteLog, stream: Stream, statement: str
    ) -> None:
        """The database refuses to rewrite history."""
        with pytest.raises(sqlite3.IntegrityError, match="events are facts"):
            tamper(path, statement)

        assert seqs(log, stream) == list(range(1, 11))

    @pytest.mark.parametrize("seq", [10, 0, -1])
    def test_numbers_are_unique_and_positive(
        self, path: Path, stream: Stream, seq: int
    ) -> None:
        """The database refuses a second event of the same number, and number zero."""
        with pytest.raises(sqlite3.IntegrityError):
            tamper(
                path,
                "INSERT INTO event (stream, seq, address, type, time, data, checksum) "
                f"VALUES ({stream.id}, {seq}, '', 'x', 0, '{{}}', 0)",
            )

    def test_retention_is_deliberate(
        self, path: Path, log: SQLiteLog, stream: Stream
    ) -> None:
        """Events go when a transaction says first that it is retention."""
        tamper(
            path,
            "BEGIN IMMEDIATE",
            "INSERT INTO retention (id, reason) VALUES (1, 'test')",
            f"DELETE FROM event WHERE stream = {stream.id}",
            f"DELETE FROM stream WHERE id = {stream.id}",
            "DELETE FROM retention",
            "COMMIT",
        )

        assert log.find("execution", "one") is None
        assert list(log.diagnose()) == []

    def test_views_are_for_people(
        self, path: Path, log: SQLiteLog, stream: Stream
    ) -> None:
        """The views show names and times that people can read."""
        with closing(sqlite3.connect(path)) as connection:
            executions = connection.execute("SELECT id, events, owner FROM execution")
            events = connection.execute("SELECT stream, seq, time, type FROM history")

            assert executions.fetchall() == [("one", 10, log.owner.label)]
            assert events.fetchall()[1] == (
                "one",
                2,
                "2023-11-14T22:13:22.000Z",
                "activation.completed",
            )


class TestDamage:
    """What was changed behind the log's back is noticed."""

    @pytest.mark.parametrize(
        "change",
        [
            """data = '{"result":6}'""",
            "address = 'main/x'",
            "type = 'value.emitted'",
            "time = time + 1",
            "checksum = checksum + 1",
        ],
    )
    def test_changed_event(
        self, path: Path, log: SQLiteLog, stream: Stream, change: str
    ) -> None:
        """Reading stops at an event that is not what was written."""
        damage(path, f"UPDATE event SET {change} WHERE seq = 4")
        assert stream.id is not None
        reader = log.read(stream.id)
        before = [next(reader).seq for _ in range(3)]

        with pytest.raises(LogCorruptError) as caught:
            next(reader)

        assert before == [1, 2, 3]
        assert (caught.value.stream, caught.value.seq) == ("one", 4)

    def test_payload_that_never_fitted(
        self, path: Path, log: SQLiteLog, stream: Stream
    ) -> None:
        """A sound checksum does not make sense of a payload that has none."""
        row = (11, "", "items.started", 0, "{}")
        damage(
            path,
            "INSERT INTO event (stream, seq, address, type, time, data, checksum) "
            f"VALUES {(stream.id, *row, checksum(*row))}",
            "UPDATE stream SET head = 11",
        )
        assert stream.id is not None

        with pytest.raises(LogCorruptError, match="'first' is missing"):
            list(log.read(stream.id, after=10))
        assert [(f.severity, f.seq) for f in log.diagnose() if f.seq] == [
            ("warning", 11)
        ]

    @pytest.mark.parametrize("seq", [1, 5, 10])
    def test_missing_event(
        self, path: Path, log: SQLiteLog, stream: Stream, seq: int
    ) -> None:
        """A gap is noticed at the start, in the middle and at the end."""
        damage(path, f"DELETE FROM event WHERE seq = {seq}")
        assert stream.id is not None

        with pytest.raises(LogCorruptError) as caught:
            list(log.read(stream.id))

        assert caught.value.seq == seq

    def test_damaged_snapshot_is_passed_over(
        self, path: Path, log: SQLiteLog, stream: Stream
    ) -> None:
        """An older sound snapshot serves as well."""
        for n in (11, 12):
            log.write([write(stream, done(), snapshot=Snapshot(n, "v", n))])
        tamper(path, "UPDATE snapshot SET data = '13' WHERE seq = 12")

        assert stream.id is not None
        assert log.snapshot(stream.id) == Snapshot(11, "v", 11)

    def test_overwritten_page(self, path: Path) -> None:
        """A page of noise in the file is an error of the log, never a wrong event."""
        with SQLiteLog(path) as log:
            stream = created(log)
            log.write([write(stream, *(done("x" * 3000) for _ in range(200)))])
        content = bytearray(path.read_bytes())
        content[len(content) // 2 : len(content) // 2 + 4096] = b"\xa5" * 4096
        path.write_bytes(content)

        with SQLiteLog(path) as log:
            assert stream.id is not None
            with pytest.raises(LogCorruptError) as caught:
                list(log.read(stream.id))
            assert caught.value.seq == 1  # of those that would have been read at once
            assert any(each.severity == "error" for each in log.diagnose())


class TestOlderLog:
    """A file that an older version made is brought up to date."""

    @pytest.fixture(name="older")
    def _older(self, path: Path) -> Path:
        migrations = Migrations("actorflow")

        @migrations(name="0001_initial")
        def initial(db: Database) -> None:
            db.executescript(SCHEMA_1.read_text(encoding="utf-8"))

        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            migrations.apply(Database(raw))
        tamper(
            path,
            f"PRAGMA application_id = {APPLICATION_ID}",
            "PRAGMA user_version = 1",
            "INSERT INTO stream (kind, name, type, head, epoch, status, created_at, "
            "updated_at, attributes) VALUES ('execution', 'old', 'flow', 0, 1, "
            """'running', 1, 1, '{"a": "b", "n": 1.5, "t": true, "l": []}')""",
        )
        return path

    def test_opened_to_write(self, older: Path, tmp_path: Path) -> None:
        """It has the schema of a new file afterwards, and what was in it."""
        SQLiteLog(tmp_path / "new.db").close()
        with SQLiteLog(older) as log:
            for where in ({"a": "b"}, {"n": 1.5}, {"t": True}):
                assert log.count("execution", where=where) == 1
            (row,) = log.claim_abandoned("execution", ALL, status="running", limit=9)
            assert list(log.diagnose()) == []

        assert (row.name, row.tags, row.rank) == ("old", [], None)
        assert structure(older) == structure(tmp_path / "new.db")

    def test_opened_to_read(self, older: Path) -> None:
        """A reader changes nothing, so it says who will."""
        with pytest.raises(LogVersionError, match="opens it to write"):
            SQLiteLog(older, read_only=True)


def structure(path: Path) -> Any:
    """Return the columns and indexes of a log."""
    with closing(sqlite3.connect(path)) as raw:
        columns = raw.execute(
            'SELECT t.name, c.name, c.type, c."notnull", c.dflt_value '
            "FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c "
            "WHERE t.type = 'table' ORDER BY 1, c.cid"
        ).fetchall()
        indexes = raw.execute(
            "SELECT sql FROM sqlite_schema "
            "WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
        ).fetchall()
    return columns, sorted(" ".join(sql.split()) for (sql,) in indexes)


class TestDurability:
    """What a commit means."""

    @pytest.mark.parametrize(("durability", "level"), [("full", 2), ("process", 1)])
    def test_level(self, path: Path, durability: Any, level: int) -> None:
        """Full waits for the disk at every commit; process leaves that to SQLite."""
        with SQLiteLog(path, durability=durability) as log:
            raw = log._for_writing().connection()

            assert raw.execute("PRAGMA synchronous").fetchone() == (level,)
            assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)

    def test_default(self, path: Path) -> None:
        """Unless told otherwise, a commit survives a loss of power."""
        with SQLiteLog(path) as log:
            raw = log._for_writing().connection()

            assert raw.execute("PRAGMA synchronous").fetchone() == (2,)


class TestStrangers:
    """What is not a log of ours is left alone."""

    def test_no_database(self, path: Path) -> None:
        """A file that is no database is refused, and stays as it is."""
        path.write_bytes(b"once upon a time " * 100)
        before = path.read_bytes()

        with pytest.raises(NotALogError):
            SQLiteLog(path)

        assert path.read_bytes() == before

    @pytest.mark.parametrize(
        "statement", ["CREATE TABLE t (x)", "PRAGMA application_id = 42"]
    )
    def test_database_of_another_application(self, path: Path, statement: str) -> None:
        """A database of something else is refused, and stays as it is."""
        tamper(path, statement)
        before = path.read_bytes()

        with pytest.raises(NotALogError):
            SQLiteLog(path)

        assert path.read_bytes() == before

    @pytest.mark.parametrize("read_only", [True, False])
    def test_refused_file_is_closed(self, path: Path, *, read_only: bool) -> None:
        """Whoever keeps the error does not keep the file open."""
        tamper(path, "PRAGMA application_id = 42")
        before = len(list(Path("/dev/fd").iterdir()))
        with pytest.raises(NotALogError) as caught:
            SQLiteLog(path, read_only=read_only)

        assert caught.value.__traceback__ is not None
        assert len(list(Path("/dev/fd").iterdir())) == before

    def test_empty_file(self, path: Path) -> None:
        """An empty file becomes a log."""
        path.touch()

        with SQLiteLog(path) as log:
            assert created(log).lost is None

    def test_newer_log(self, path: Path) -> None:
        """A log that a newer actorflow has migrated is refused."""
        SQLiteLog(path).close()
        tamper(path, "PRAGMA user_version = 99")

        with pytest.raises(LogVersionError, match="99"):
            SQLiteLog(path)

    @pytest.mark.parametrize("name", ["", "no/such/directory/log.db"])
    def test_impossible_place(self, tmp_path: Path, name: str) -> None:
        """A place where no file can be is an unavailable log."""
        with pytest.raises(LogUnavailableError):
            SQLiteLog(tmp_path / name)


class TestReadOnly:
    """Opening only to read."""

    def test_reads(self, path: Path, log: SQLiteLog, stream: Stream) -> None:
        """A reader sees what is there, beside a writer."""
        with SQLiteLog(path, read_only=True) as reader:
            assert seqs(reader, stream) == list(range(1, 11))
            assert [row.name for row in reader.rows("execution")] == ["one"]

    @pytest.mark.parametrize(
        "use",
        [
            pytest.param(lambda log: log.write([create(hold("two"))]), id="write"),
            pytest.param(lambda log: log.claim("execution", "one"), id="claim"),
            pytest.param(
                lambda log: log.claim_abandoned("execution", ALL, status="s", limit=1),
                id="claim_abandoned",
            ),
            pytest.param(lambda log: log.renew(), id="renew"),
            pytest.param(
                lambda log: log.post("execution", "one", "signal", {}), id="post"
            ),
        ],
    )
    def test_writes_nothing(
        self, path: Path, log: SQLiteLog, stream: Stream, use: Any
    ) -> None:
        """A reader cannot change anything."""
        with (
            SQLiteLog(path, read_only=True) as reader,
            pytest.raises(LogUnavailableError, match="read only"),
        ):
            use(reader)

    def test_creates_nothing(self, path: Path) -> None:
        """Reading a log that is not there does not make one."""
        with pytest.raises(LogUnavailableError):
            SQLiteLog(path, read_only=True)

        assert not path.exists()

    def test_is_no_owner(self, path: Path, log: SQLiteLog) -> None:
        """A reader leaves no trace among the owners."""
        with SQLiteLog(path, read_only=True), closing(sqlite3.connect(path)) as raw:
            (owners,) = raw.execute("SELECT count(*) FROM owner").fetchone()

        assert owners == 1


def _claim_from_queue(log: SQLiteLog) -> None:
    summary = Summary("queued", rank=1.0, tags=["gpu"])
    log.write([create(hold("queued"), summary=summary, release=True)])
    assert log.claim_queued("execution", Reach({"flow": ()}, ["gpu"]), limit=9)


class TestPlans:
    """What is asked often is found by an index."""

    @pytest.mark.parametrize(
        "use",
        [
            pytest.param(lambda log: list(log.read(1, after=5, until=9)), id="read"),
            pytest.param(lambda log: log.find("execution", "one"), id="find"),
            pytest.param(lambda log: log.snapshot(1, until=5), id="snapshot"),
            pytest.param(lambda log: log.rows("execution", before=(5.0, 6)), id="rows"),
            pytest.param(
                lambda log: log.rows("execution", status="failed", before=(5.0, 6)),
                id="rows by status",
            ),
            pytest.param(
                lambda log: log.due("execution", ALL, now=5.0, limit=9), id="due"
            ),
            pytest.param(lambda log: log.next_wake("execution", ALL), id="next_wake"),
            pytest.param(lambda log: log.inbox(after=5), id="inbox"),
            pytest.param(
                lambda log: log.claim_abandoned("execution", ALL, status="x", limit=9),
                id="claim_abandoned",
            ),
            pytest.param(_claim_from_queue, id="claim_queued"),
            pytest.param(
                lambda log: log.rows("execution", status=["a", "b"], before=(5.0, 6)),
                id="rows by statuses",
            ),
            pytest.param(
                lambda log: log.rows("execution", type="flow", before=(5.0, 6)),
                id="rows by type",
            ),
            pytest.param(
                lambda log: log.rows(
                    "execution", where={"a": 1, "b": "x"}, status="s", before=(5.0, 6)
                ),
                id="rows by attributes",
            ),
            pytest.param(
                lambda log: log.rows(
                    "execution", status="failed", until=5.0, quiet_since=5.0
                ),
                id="rows to prune",
            ),
            pytest.param(
                lambda log: log.count("execution", status="failed"), id="count"
            ),
            pytest.param(
                lambda log: log.delete("execution", ["one"], reason="r"), id="delete"
            ),
            pytest.param(
                lambda log: log.post("execution", "one", "signal", {}), id="post"
            ),
            pytest.param(
                lambda log: log.write([create(hold("a")), create(hold("b"))]),
                id="create",
            ),
            pytest.param(
                lambda log: log.write(
                    [
                        Write(
                            Stream("execution", "one", "flow", 1, 10, 1),
                            [Recorded(11, 0.0, "", done())],
                            Summary("completed"),
                            consumed=[1, 2],
                            snapshot=Snapshot(11, "v", {}),
                        )
                    ]
                ),
                id="write",
            ),
        ],
    )
    def test_no_scan(
        self,
        path: Path,
        stream: Stream,
        monkeypatch: pytest.MonkeyPatch,
        use: Callable[[SQLiteLog], Any],
    ) -> None:
        """No statement walks a whole table, or sorts what an index has in order."""
        told: list[str] = []

        def connect(*args: Any, **options: Any) -> sqlite3.Connection:
            opened = connection.connect(*args, **options)
            opened.set_trace_callback(told.append)
            return opened

        monkeypatch.setattr("actorflow.log.sqlite.connect", connect)
        with SQLiteLog(path) as log:
            del told[:]
            use(log)
            asked = [
                s for s in told if re.match(r"\s*(SELECT|UPDATE|INSERT|DELETE)", s)
            ]
        with closing(sqlite3.connect(path)) as raw:
            plans = [raw.execute(f"EXPLAIN QUERY PLAN {s}").fetchall() for s in asked]
        steps = [step for plan in plans for *_, step in plan]

        assert asked
        assert not [
            step
            for step in steps
            if re.search(
                r"SCAN (event|stream|inbox|snapshot|attribute)\b|TEMP B-TREE", step
            )
        ]


class TestCare:
    """Diagnosis and backup."""

    def test_healthy_log(self, log: SQLiteLog, stream: Stream) -> None:
        """A sound log has no findings."""
        log.write([write(stream, done(), snapshot=Snapshot(11, "v", {}))])

        assert list(log.diagnose()) == []

    @pytest.mark.parametrize(
        ("statement", "finding"),
        [
            ("UPDATE event SET data = '1' WHERE seq = 4", ("error", "one", 4)),
            ("DELETE FROM event WHERE seq = 4", ("error", "one", 4)),
            ("DELETE FROM event WHERE seq = 10", ("error", "one", None)),
            ("UPDATE stream SET head = 11", ("error", "one", None)),
            ("UPDATE snapshot SET data = '1'", ("warning", "one", 10)),
            ("UPDATE snapshot SET seq = 99", ("error", "one", 99)),
            ("INSERT INTO retention VALUES (1, 'oops')", ("error", None, None)),
            (
                "INSERT INTO inbox VALUES (9, 77, 'signal', '{}', NULL, 0, NULL)",
                ("error", None, None),
            ),
            ("UPDATE stream SET owner = 77", ("error", None, None)),
        ],
    )
    def test_findings(
        self,
        path: Path,
        log: SQLiteLog,
        stream: Stream,
        statement: str,
        finding: tuple[str, str | None, int | None],
    ) -> None:
        """Each kind of damage is found, and said where."""
        log.write([write(stream, snapshot=Snapshot(10, "v", {}))])
        damage(path, statement)
        found = {(each.severity, each.stream, each.seq) for each in log.diagnose()}

        assert finding in found

    def test_missing_guard(self, path: Path, log: SQLiteLog) -> None:
        """A log whose triggers were dropped says so."""
        damage(path)

        assert [each.message for each in log.diagnose()] == [
            "the trigger 'event_is_never_updated' is missing",
            "the trigger 'event_is_deleted_only_by_retention' is missing",
        ]

    def test_dead_owner_is_noted(self, path: Path, log: SQLiteLog) -> None:
        """What a killed process left is told, and is no error."""
        dead = SQLiteLog(path, owner_label="worker 7")
        created(dead)
        dead.abandon()
        (finding,) = log.diagnose()

        assert finding.severity == "note"
        assert "worker 7" in finding.message
        assert "1 streams" in finding.message

    def test_unknown_events_are_a_warning(self, path: Path, log: SQLiteLog) -> None:
        """Events of classes that are not known here are counted by type."""
        log.codec.register_event(Deposited)
        log.write([create(hold(), Deposited(1), Deposited(2))])
        with SQLiteLog(path) as other:
            (finding,) = other.diagnose()

        assert finding.severity == "warning"
        assert "2 events of type 'Deposited'" in finding.message

    def test_backup(self, tmp_path: Path, log: SQLiteLog, stream: Stream) -> None:
        """A backup is a sound log with the same events, which nobody owns."""
        (tmp_path / "copy.db.part").write_text("what a killed backup has left")
        log.backup(tmp_path / "copy.db")
        with SQLiteLog(tmp_path / "copy.db", read_only=True) as copy:
            row = copy.find("execution", "one")
            assert row is not None
            assert row.owner is None
            assert seqs(copy, stream) == list(range(1, 11))
            assert list(copy.diagnose()) == []


@pytest.mark.parametrize(
    "other", [("x", "{}", "k"), ("c", "[]", "k"), ("c", "{}", "l")]
)
def test_every_part_of_a_command_is_guarded(other: tuple[str, str, str]) -> None:
    """A command, its arguments or its key that decays is noticed."""
    assert inbox_checksum(*other) != inbox_checksum("c", "{}", "k")
    assert inbox_checksum("c", "{}", None) != inbox_checksum("c", "{}", "k")


@pytest.mark.parametrize("single", [None, "INSERT INTO t VALUES (?, ?, 'alone')"])
def test_one_statement_for_many_rows(single: str | None) -> None:
    """However many rows there are, each is written once, by few statements."""
    told: list[str] = []
    numbers = [0, 1, 15, 16, 17, 511, 512, 513, 1_100]
    with closing(sqlite3.connect(":memory:")) as raw:
        raw.execute("CREATE TABLE t (a, b, c DEFAULT 'together')")
        many = ManyRows("INSERT INTO t (a, b) VALUES", 2, "RETURNING a", single)
        raw.set_trace_callback(told.append)
        for number in numbers:
            many.run(raw, [(number, row) for row in range(number)])
        raw.set_trace_callback(None)
        found = raw.execute("SELECT a, b FROM t").fetchall()
        (alone,) = raw.execute("SELECT count(*) FROM t WHERE c = 'alone'").fetchone()

    assert found == [(number, row) for number in numbers for row in range(number)]
    assert len([each for each in told if each.startswith("INSERT")]) == 14
    assert alone == (single is not None)
