"""What happens to a file under a log that uses it: noticed, named, never believed."""

from __future__ import annotations

import os
import re
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from actorflow.errors import (
    LogContradictionError,
    LogCorruptError,
    LogDamagedError,
    LogUnavailableError,
)
from actorflow.log.ownership import SideFile
from actorflow.log.port import Snapshot, Stream, Summary
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing.log_contract import (
    ALL,
    EPOCH,
    Ticker,
    create,
    created,
    done,
    hold,
    names,
    seqs,
    write,
)
from tests.damage.cells import Trees

FRAME = 24 + 4096
"""Bytes of a page in the write-ahead log."""

NOBODY = 65534

NEUTERED = "BEFORE UPDATE ON event BEGIN SELECT 1; END"


@pytest.fixture(name="log")
def _log(path: Path) -> Iterator[SQLiteLog]:
    log = SQLiteLog(path, busy_timeout=0.05)
    yield log
    log.abandon()


def tamper(path: Path, *statements: str) -> None:
    """Change the file as no log would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def unlike(path: Path, table: str, change: str) -> None:
    """Change a row to what the table does not allow."""
    schema = "PRAGMA writable_schema = ON", "UPDATE sqlite_schema SET sql = replace"
    where = f"WHERE name = '{table}'"
    tamper(path, schema[0], f"{schema[1]}(sql, ') STRICT', ')') {where}")
    tamper(path, f"UPDATE {table} SET {change}")
    tamper(
        path, schema[0], f"{schema[1]}(sql || 'STRICT', ')STRICT', ') STRICT') {where}"
    )


def found(log: SQLiteLog, severity: str = "error") -> list[str]:
    """Return what the doctor says of that severity, each with what to do about it."""
    findings = [each for each in log.diagnose() if each.severity == severity]

    assert all(each.advice for each in findings)
    return [each.message for each in findings]


class TestGone:
    """A file that is not there any more takes no more writes."""

    @pytest.mark.parametrize("suffix", ["", "-wal"])
    def test_deleted(self, path: Path, log: SQLiteLog, suffix: str) -> None:
        """Into a deleted file SQLite would write on; the log refuses, and names it."""
        stream = created(log)
        Path(f"{path}{suffix}").unlink()

        with pytest.raises(LogDamagedError, match=rf"log\.db{suffix} was deleted"):
            log.write([write(stream, done())])

    def test_replaced(self, path: Path, log: SQLiteLog, tmp_path: Path) -> None:
        """A file that took the name of the open one is not written to, nor the old."""
        stream = created(log)
        SQLiteLog(tmp_path / "other.db").close()
        (tmp_path / "other.db").replace(path)

        with pytest.raises(LogDamagedError, match="replaced"):
            log.write([write(stream, done())])
        with pytest.raises(LogDamagedError, match="replaced"):
            log.renew()

    def test_put_back(self, path: Path, log: SQLiteLog) -> None:
        """A file that comes back is opened anew, and has everything."""
        stream = created(log)
        moved = path.rename(path.with_name("moved"))
        with pytest.raises(LogDamagedError):
            log.write([write(stream, done())])
        moved.rename(path)
        with pytest.raises(LogDamagedError):
            log.renew()
        log.abandon()

        with SQLiteLog(path) as again:
            assert seqs(again, stream) == [1]
            assert found(again) == []

    def test_truncated(self, path: Path, log: SQLiteLog) -> None:
        """A file cut short while it is open is damaged, and says so."""
        stream = created(log)
        log.write([write(stream, *(done("x" * 3000) for _ in range(100)))])
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        os.truncate(path, path.stat().st_size // 2)

        with pytest.raises((LogCorruptError, LogDamagedError)):
            seqs(log, stream)
        assert found(log)


class TestNoRoom:
    """The system refuses to write: nothing is torn, and with room again all goes on."""

    @pytest.fixture(name="stream")
    def _stream(self, log: SQLiteLog) -> Stream:
        return created(log)

    @contextmanager
    def limited(self, path: Path) -> Iterator[None]:
        """Let no file of this process grow much beyond what the log has now."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = max(each.stat().st_size for each in path.parent.glob("log.db*"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 3 * FRAME, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def test_file_that_may_not_grow(
        self, path: Path, log: SQLiteLog, stream: Stream
    ) -> None:
        """A commit that the system cuts short is refused whole."""
        batch = [write(stream, *(done("x" * 3000) for _ in range(50)))]
        with self.limited(path):
            with pytest.raises(LogUnavailableError) as caught:
                log.write(batch)
            assert not isinstance(caught.value, LogDamagedError)
            assert seqs(log, stream) == [1]
            assert found(log) == []
        log.write(batch)

        assert seqs(log, stream) == list(range(1, 52))
        assert found(log) == []

    def test_killed_in_the_middle(
        self, path: Path, log: SQLiteLog, stream: Stream, tmp_path: Path
    ) -> None:
        """A process that dies with half a commit in the file leaves the rest sound."""
        with self.limited(path), pytest.raises(LogUnavailableError):
            log.write([write(stream, *(done("x" * 3000) for _ in range(50)))])
        there = tmp_path / "killed"
        there.mkdir()
        for each in (path, Path(f"{path}-wal")):
            shutil.copy(each, there)

        with SQLiteLog(there / path.name) as again:
            assert seqs(again, stream) == [1]
            assert found(again) == []

    def test_disk_without_room_for_a_log(self, path: Path) -> None:
        """Where there is no room to create one, nothing half is left."""
        path.touch()
        with self.limited(path), pytest.raises(LogUnavailableError):
            SQLiteLog(path)

        with SQLiteLog(path) as log:
            assert found(log) == []


class TestReadOnly:
    """Files and directories that may only be read."""

    @pytest.fixture(name="place")
    def _place(self) -> Iterator[Path]:
        """A directory that a user without privileges can get to, with a log in it."""
        place = Path(tempfile.mkdtemp())
        with SQLiteLog(place / "log.db") as log:
            created(log)
        yield place
        place.chmod(0o755)
        shutil.rmtree(place)

    @contextmanager
    def unprivileged(self) -> Iterator[None]:
        """Be nobody for a while, if this is root, who may do everything."""
        user = os.geteuid()
        if user == 0:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(user)

    @pytest.mark.parametrize(
        ("file", "directory"), [(0o444, 0o755), (0o644, 0o555), (0o444, 0o555)]
    )
    def test_read_but_not_written(self, place: Path, file: int, directory: int) -> None:
        """What may only be read can be read, leaves nothing behind, and says no."""
        path = place / "log.db"
        path.chmod(file)
        place.chmod(directory)
        with self.unprivileged():
            with SQLiteLog(path, read_only=True) as log:
                assert [row.name for row in log.rows("execution")] == ["one"]
                assert found(log) == []
            with pytest.raises(LogUnavailableError, match=re.escape(str(path))):
                SQLiteLog(path)

        assert [each.name for each in place.iterdir()] == ["log.db"]


class TestForgotten:
    """What was durable and is not there any more is missed."""

    @pytest.fixture(name="stream")
    def _stream(self, log: SQLiteLog) -> object:
        stream = created(log)
        with closing(sqlite3.connect(log.path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        log.write([write(stream, done())])
        return stream

    @pytest.fixture(name="killed")
    def _killed(
        self, path: Path, log: SQLiteLog, stream: object, tmp_path: Path
    ) -> Path:
        """What a killed process left, its write-ahead log included."""
        log.renew()
        there = tmp_path / "killed"
        there.mkdir()
        for each in path.parent.glob("log.db*"):
            if not each.name.endswith("-shm"):
                shutil.copy(each, there)
        return there / path.name

    def test_sound(self, killed: Path) -> None:
        """With its write-ahead log, nothing is missed."""
        with SQLiteLog(killed) as log:
            assert [row.head for row in log.rows("execution")] == [2]
            assert found(log) == []

    @pytest.mark.parametrize("how", ["removed", "torn"])
    def test_lost(
        self, killed: Path, how: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Without its write-ahead log, or a part of it, the log says what it lacks."""
        wal = Path(f"{killed}-wal")
        if how == "removed":
            wal.unlink()
        else:
            content = bytearray(wal.read_bytes())
            content[-FRAME + 100] ^= 1
            wal.write_bytes(content)
        with SQLiteLog(killed, read_only=True) as reader:
            (missed,) = found(reader)
        SQLiteLog(killed).close()

        assert "recorded last is not in it" in missed
        assert missed in caplog.text

    def test_older_copy(self, path: Path, log: SQLiteLog, stream: object) -> None:
        """A backup in the place of the log is noticed by what its last user knew."""
        log.backup(path.with_name("backup.db"))
        log.abandon()
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        path.with_name("backup.db").replace(path)

        with SQLiteLog(path, read_only=True) as reader:
            assert "recorded last" in found(reader)[0]

    def test_closed_cleanly(self, path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Nothing is missed of an owner that left, was buried, or lives."""
        SQLiteLog(path).close()
        killed = SQLiteLog(path)
        killed.renew()
        killed.abandon()
        with SQLiteLog(path) as log:
            log.renew()
            with SQLiteLog(path) as other:
                assert found(other) == []

        assert caplog.text == ""

    def test_killed_as_it_left(
        self,
        path: Path,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Nothing is missed of an owner that had left, and could not tidy up."""
        leaving = SQLiteLog(path)
        with monkeypatch.context() as patch:
            patch.setattr(SideFile, "remove", lambda _: None)
            leaving.close()
        assert path.with_name(f"log.db-owner-{leaving.owner.id}").exists()
        SQLiteLog(path).close()

        assert caplog.text == ""


class TestRows:
    """A row beside the events that does not fit them is not believed."""

    def test_head_too_low(self, path: Path, log: SQLiteLog) -> None:
        """Events behind the end of their stream are found before they are redone."""
        stream = created(log)
        log.write([write(stream, done(), done())])
        tamper(path, "UPDATE stream SET head = 2")

        with pytest.raises(LogCorruptError, match="event 3"):
            seqs(log, stream)

    def test_contradiction(self, path: Path, log: SQLiteLog) -> None:
        """An append over existing events is refused, and hurts its own stream only."""
        stream = created(log)
        log.write([write(stream, done(), done())])
        tamper(path, "UPDATE stream SET head = 2")
        stream.head = 2

        with pytest.raises(LogContradictionError, match="UNIQUE"):
            log.write([write(stream, done())])

    @pytest.mark.parametrize(
        "change",
        [
            "waits = '{'",
            "waits = '{}'",
            "attributes = '[]'",
            "waits = CAST(x'ff' AS TEXT)",
        ],
    )
    def test_unreadable_row(
        self,
        path: Path,
        log: SQLiteLog,
        change: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A row that cannot be read is told, and does not hide the others."""
        created(log, "one")
        created(log, "two")
        tamper(
            path,
            "PRAGMA ignore_check_constraints = ON",
            f"UPDATE stream SET {change} WHERE name = 'one'",
        )

        rows = log.rows("execution")
        assert [row.name for row in rows] == ["two", "one"]
        assert [(list(row.waits), row.attributes) for row in rows] == [([], {})] * 2
        assert "'one' is damaged" in caplog.text

    @pytest.mark.parametrize("column", ["wake_at", "created_at", "updated_at", "rank"])
    def test_time_that_is_none(
        self, path: Path, log: SQLiteLog, column: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What is no number is told, and shown as the beginning of time."""
        created(log)
        unlike(path, "stream", f"{column} = 'soon'")
        (row,) = log.rows("execution")

        assert getattr(row, column) == 0
        assert "'one' is damaged" in caplog.text

    def test_owner_that_is_not_there(self, path: Path, log: SQLiteLog) -> None:
        """Streams of an owner nobody knows are freed by the next opening."""
        created(log)
        log.close()
        tamper(path, "UPDATE stream SET owner = 77")

        with SQLiteLog(path) as again:
            assert [row.owner for row in again.rows("execution")] == [None]

    @pytest.mark.parametrize(
        ("statement", "message"),
        [
            ("UPDATE sqlite_sequence SET seq = 0", "'stream' has lost count"),
            ("UPDATE stream SET created_at = 7", "by its row it was created"),
            ("UPDATE stream SET updated_at = 7", "by its row it was changed last"),
            ("DELETE FROM attribute", "searches do not go by the attributes"),
            ("UPDATE attribute SET value = '1'", "searches do not go by the"),
        ],
    )
    def test_rows_that_contradict_others(
        self, path: Path, log: SQLiteLog, statement: str, message: str
    ) -> None:
        """What no checksum guards is compared with what it comes from."""
        created(log, "one", summary=Summary("running", attributes={"customer": "a"}))
        assert not found(log)
        tamper(path, statement)

        assert any(message in each for each in found(log))

    def test_impossible_epoch(self, path: Path, log: SQLiteLog) -> None:
        """A stream that nobody can take does not keep others from being taken."""
        summary = Summary("running", wake_at=EPOCH, rank=1.0)
        for name in ("one", "two", "three"):
            log.write([create(hold(name), summary=summary, release=True)])
        tamper(
            path,
            "PRAGMA ignore_check_constraints = ON",
            "UPDATE stream SET epoch = -3 WHERE name = 'one'",
        )
        due = log.due("execution", ALL, now=EPOCH, limit=9)
        queued = log.claim_queued("execution", ALL, limit=1)
        left = log.claim_abandoned("execution", ALL, status="running", limit=9)

        assert names([*due, *queued, *left]) == ["two", "three"] * 2
        with pytest.raises(LogContradictionError):
            log.claim("execution", "one")

    def test_names_that_lead_elsewhere(self, path: Path, log: SQLiteLog) -> None:
        """An index of names is not believed if the row has another name."""
        created(log, "one")
        log.post("execution", "one", "signal", {})
        log.close()
        content = bytearray(path.read_bytes())
        cells = Trees(path).cells("stream")
        content[next(each.start for each in cells if each.column == "name")] ^= 1
        path.write_bytes(content)

        with SQLiteLog(path, read_only=True) as again:
            with pytest.raises(LogDamagedError):
                again.find("execution", "one")
            assert again.inbox() == []

    def test_snapshot_of_another_stream(self, path: Path, log: SQLiteLog) -> None:
        """A snapshot is used for the stream that it is of, and for no other."""
        one, two = created(log, "one"), created(log, "two")
        log.write([write(one, done(), snapshot=Snapshot(2, "1", "of one"))])
        assert log.snapshot(one.id or 0) is not None
        tamper(path, f"UPDATE snapshot SET stream = {two.id}")

        assert log.snapshot(two.id or 0) is None
        assert len(found(log, "warning")) == 1

    def test_lease_that_never_ends(self, path: Path) -> None:
        """An owner whose lease is implausible does not keep its streams for ever."""
        clock = Ticker()
        log = SQLiteLog(path, clock=clock)
        created(log)
        log.abandon()
        tamper(path, f"UPDATE owner SET expires_at = {2**60}, host = 'elsewhere'")

        with SQLiteLog(path, clock=clock) as again:
            assert again.claim("execution", "one").epoch == 2

    def test_lease_that_is_no_time(self, path: Path) -> None:
        """Nor does one whose lease cannot be read."""
        clock = Ticker()
        log = SQLiteLog(path, clock=clock)
        created(log)
        log.abandon()
        unlike(path, "owner", "expires_at = 'never', host = 'elsewhere'")

        with SQLiteLog(path, clock=clock) as again:
            assert again.claim("execution", "one").epoch == 2


class TestInbox:
    """A command that is damaged is left alone, and holds up no other."""

    @pytest.mark.parametrize(
        "change",
        [
            "data = '{\"n\":7}'",
            "command = 'cancel'",
            "key = 'x'",
            "data = '{\"n'",
            "data = '[1]', checksum = NULL",
        ],
    )
    def test_damaged_command(
        self,
        path: Path,
        log: SQLiteLog,
        change: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """It is told once, stays where it is, and the doctor knows it."""
        created(log)
        for n in range(4):
            log.post("execution", "one", "signal", {"n": n})
        tamper(
            path,
            "PRAGMA ignore_check_constraints = ON",
            f"UPDATE inbox SET {change} WHERE id = 1",
        )

        assert [row.data["n"] for row in log.inbox(limit=2)] == [1, 2]
        assert [row.data["n"] for row in log.inbox()] == [1, 2, 3]
        assert caplog.text.count("Command 1 for 'one' is damaged") == 1
        assert len(found(log)) == 1

    def test_export_of_a_damaged_command(self, path: Path, log: SQLiteLog) -> None:
        """What is damaged does not come into another log, where it would be sound."""
        stream = created(log)
        for n in range(2):
            log.post("execution", "one", "signal", {"n": n})
        tamper(path, "UPDATE inbox SET command = 'cancel' WHERE id = 1")

        assert [each.data for each in log.raw_inbox(stream.id or 0)] == ['{"n":1}']
        assert [*log.raw_inbox(77), *log.raw_events(77)] == []

    def test_for_another_stream(self, path: Path, log: SQLiteLog) -> None:
        """A command goes to the stream that it was posted for, or nowhere."""
        created(log, "one")
        two = created(log, "two")
        log.post("execution", "one", "cancel", {})
        tamper(path, f"UPDATE inbox SET stream = {two.id}")

        assert log.inbox() == []
        assert len(found(log)) == 1

    def test_older_row(self, path: Path, log: SQLiteLog) -> None:
        """A row of an older version, which has no checksum, is taken in."""
        created(log)
        log.post("execution", "one", "signal", {"n": 1})
        tamper(path, "UPDATE inbox SET checksum = NULL")

        assert [row.data for row in log.inbox()] == [{"n": 1}]


class TestGuards:
    """The doctor knows the schema, and misses what is not as it should be."""

    @pytest.mark.parametrize(
        ("statements", "message"),
        [
            (["DROP TABLE snapshot"], "the table 'snapshot' is missing"),
            (["DROP INDEX event_in_stream"], "the index 'event_in_stream' is missing"),
            (
                [
                    "DROP TRIGGER event_is_never_updated",
                    f"CREATE TRIGGER event_is_never_updated {NEUTERED}",
                ],
                "the trigger 'event_is_never_updated' is not the one it should be",
            ),
            (
                [f"CREATE TRIGGER thief {NEUTERED}"],
                "there is a trigger that is none of ours: 'thief'",
            ),
        ],
    )
    def test_schema(
        self, path: Path, log: SQLiteLog, statements: list[str], message: str
    ) -> None:
        """What is missing, changed or added is named."""
        log.close()
        tamper(path, *statements)

        with SQLiteLog(path, read_only=True) as reader:
            assert message in found(reader)


class TestDoctor:
    """An examination takes its time, and others go on meanwhile."""

    def test_deleted_meanwhile(self, path: Path, log: SQLiteLog) -> None:
        """A stream that is deleted while the doctor reads is no damage."""
        for name in ("one", "two", "three"):
            created(log, name)
        tamper(
            path,
            "DROP TRIGGER event_is_never_updated",
            "UPDATE event SET time = time + 1 WHERE stream = 1",
        )
        findings = log.diagnose()

        assert any(each.stream == "one" for each in findings)
        log.delete("execution", ["one", "two"], reason="test")
        assert list(findings) == []


class TestBackup:
    """A copy of a log that is in use."""

    def test_beside_writers(self, path: Path, log: SQLiteLog, tmp_path: Path) -> None:
        """It has what is durable, and nothing of what is being written."""
        stream = created(log)
        copy = tmp_path / "copy.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("UPDATE stream SET head = 99")
            log.backup(copy)
            writer.execute("ROLLBACK")
        log.write([write(stream, done())])

        with SQLiteLog(copy) as backup:
            assert seqs(backup, stream) == [1]
            assert found(backup) == []
        assert sorted(each.name for each in tmp_path.glob("copy*")) == ["copy.db"]

    def test_no_file_is_overwritten(self, log: SQLiteLog, tmp_path: Path) -> None:
        """A file of that name stays as it is."""
        (tmp_path / "letter").write_text("dear aunt")
        with pytest.raises(LogUnavailableError, match="is there already"):
            log.backup(tmp_path / "letter")

        assert (tmp_path / "letter").read_text() == "dear aunt"


def test_side_files_are_recognised(path: Path) -> None:
    """Only files that carry the number of an owner are side files of the log."""
    for name in ("log.db-owner-7", "log.db-owner-x", "log.db-owner-", "x.db-owner-3"):
        path.with_name(name).touch()

    assert [side.owner for side in SideFile.all(path)] == [7]
    assert SideFile(path, 7).noted() is None
