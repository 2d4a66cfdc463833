"""The log in an SQLite file keeps the contract."""

from __future__ import annotations

import errno
import fcntl
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actorflow.errors import OwnedError
from actorflow.log.port import EventLog, Summary
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing.log_contract import (
    ALL,
    EventLogContract,
    OpenLog,
    Ticker,
    created,
    done,
    row_of,
    seqs,
    write,
)


class TestSQLiteLog(EventLogContract):
    """The log in a file keeps the contract."""

    @pytest.fixture
    def open_log(self, tmp_path: Path) -> OpenLog:
        """Open one file again and again."""

        def open_log(**options: Any) -> SQLiteLog:
            return SQLiteLog(tmp_path / "log.db", **options)

        return open_log

    def test_the_file_remembers(self, open_log: OpenLog) -> None:
        """What was written is there when the file is opened again."""
        first = open_log()
        stream = created(first)
        first.close()
        second = open_log()

        assert second.claim("execution", "one").epoch > 1
        assert seqs(second, stream) == [1]
        second.close()

    def test_killed_owner_is_replaced_at_once(
        self, log: EventLog, open_log: OpenLog, clock: Ticker
    ) -> None:
        """The lock of a dead process is free, so nobody waits for its lease."""
        dead = open_log(clock=clock, lease=1000.0)
        created(dead)
        self.kill(dead)

        assert log.claim("execution", "one").epoch > 1

    @pytest.mark.parametrize(
        "claim",
        [
            lambda log: log.claim("execution", "one"),
            lambda log: log.claim_abandoned("execution", ALL, status="s", limit=9),
        ],
        ids=["one", "abandoned"],
    )
    def test_one_claim_tidies_up(
        self,
        log: EventLog,
        open_log: OpenLog,
        clock: Ticker,
        tmp_path: Path,
        claim: Callable[[EventLog], object],
    ) -> None:
        """With the first claim of what a dead one held, nothing of it is left."""
        dead = open_log(clock=clock, lease=1000.0)
        streams = [
            created(dead, name, summary=Summary(status))
            for name, status in (("one", "s"), ("two", "t"))
        ]
        self.kill(dead)
        claim(log)
        with closing(sqlite3.connect(tmp_path / "log.db")) as raw:
            owners = raw.execute("SELECT id FROM owner").fetchall()

        assert [row_of(log, each).owner for each in streams] == [log.owner.id, None]
        assert owners == [(int(log.owner.id),)]
        assert log.claim("execution", "two").epoch > 1

    def test_onlookers_do_not_pass_for_the_living(
        self, log: EventLog, open_log: OpenLog, clock: Ticker, tmp_path: Path
    ) -> None:
        """Several who look at a dead owner's lock at once all find it dead."""
        dead = open_log(clock=clock, lease=1000.0)
        created(dead)
        self.kill(dead)
        with (tmp_path / f"log.db-owner-{dead.owner.id}").open() as onlooker:
            fcntl.flock(onlooker, fcntl.LOCK_SH)

            assert log.claim("execution", "one").epoch > 1

    def test_hung_owner_holds_until_its_lease_has_run_out(
        self, log: EventLog, open_log: OpenLog, clock: Ticker
    ) -> None:
        """A process that hangs keeps its lock; only time gives its streams away."""
        hung = open_log(clock=clock, lease=10.0)
        created(hung)
        clock.advance(9.0)
        with pytest.raises(OwnedError):
            log.claim("execution", "one")
        clock.advance(2.0)

        assert log.claim("execution", "one").epoch > 1
        hung.close()

    def test_hung_owner_that_comes_back_keeps_what_nobody_took(
        self, log: EventLog, open_log: OpenLog, clock: Ticker
    ) -> None:
        """One claim of a hung owner's streams does not cost it the others."""
        hung = open_log(clock=clock, lease=10.0)
        taken, kept = created(hung, "taken"), created(hung, "kept")
        clock.advance(11.0)
        log.claim("execution", "taken")
        hung.renew()
        batch = [write(taken, done()), write(kept, done())]
        hung.write(batch)

        assert [each.error is None for each in batch] == [False, True]
        assert row_of(log, kept).owner == hung.owner.id
        hung.close()

    def test_without_file_locks_the_lease_decides(
        self, open_log: OpenLog, clock: Ticker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where there are no file locks, a killed owner is replaced after its lease."""
        monkeypatch.setattr("actorflow.log.ownership.fcntl", None)
        log, dead = open_log(clock=clock), open_log(clock=clock, lease=10.0)
        created(dead)
        self.kill(dead)
        with pytest.raises(OwnedError):
            log.claim("execution", "one")
        clock.advance(11.0)

        assert log.claim("execution", "one").epoch > 1
        log.close()

    def test_where_files_cannot_be_locked_the_lease_decides(
        self,
        open_log: OpenLog,
        clock: Ticker,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A file system without locks is no obstacle, and leaves no side file."""
        monkeypatch.setattr("actorflow.log.ownership.fcntl.flock", _no_locks)
        log, dead = open_log(clock=clock), open_log(clock=clock, lease=10.0)
        created(dead)
        self.kill(dead)
        with pytest.raises(OwnedError):
            log.claim("execution", "one")
        clock.advance(11.0)

        assert list(tmp_path.glob("*-owner-*")) == []
        assert log.claim("execution", "one").epoch > 1
        log.close()

    def test_side_file_that_cannot_be_tried(
        self, open_log: OpenLog, clock: Ticker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file that came with the log from a system with locks says nothing."""
        dead = open_log(clock=clock, lease=10.0)
        created(dead)
        self.kill(dead)
        monkeypatch.setattr("actorflow.log.ownership.fcntl", None)
        log = open_log(clock=clock)

        with pytest.raises(OwnedError):
            log.claim("execution", "one")
        log.close()

    def test_looking_at_owners_leaves_no_file_open(
        self, log: EventLog, open_log: OpenLog, clock: Ticker
    ) -> None:
        """A process that looks for years does not run out of descriptors."""
        dead = open_log(clock=clock)
        created(dead)
        self.kill(dead)
        log.inbox()
        before = len(list(Path("/dev/fd").iterdir()))
        for _ in range(3):
            log.inbox()

        assert len(list(Path("/dev/fd").iterdir())) == before

    def test_nothing_is_left_beside_the_file(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """After the last one has closed, the log is one file."""
        logs = [open_log(), open_log()]
        created(logs[0])
        for log in logs:
            log.close()

        assert [path.name for path in tmp_path.iterdir()] == ["log.db"]

    def test_side_file_of_the_dead_is_removed(
        self, open_log: OpenLog, tmp_path: Path
    ) -> None:
        """Whoever comes next tidies up after a killed process."""
        dead = open_log()
        created(dead)
        self.kill(dead)
        left = {path.name for path in tmp_path.glob("*-owner-*")}
        open_log().close()

        assert left == {f"log.db-owner-{dead.owner.id}"}
        assert list(tmp_path.glob("*-owner-*")) == []


def _no_locks(*_: object) -> None:
    raise OSError(errno.ENOLCK, "no locks available")
