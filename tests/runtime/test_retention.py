"""Counting executions, and deleting them when they are no longer needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.actors.clock import VirtualClock
from actorflow.log import archiving
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing import runtime

DAY = 86_400.0


@af.activity
def double(x: int) -> int:
    """Return twice the value."""
    if x < 0:
        raise ValueError("negative")
    return 2 * x


doubling = af.Flow("doubling", inputs=["x"]).then(double).output("double").build()
waiting = af.Flow("waiting").wait_signal("go").build()

Open = Callable[..., Any]


@pytest.fixture(name="rt", params=["memory", "sqlite"])
def _rt(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[af.Runtime]:
    """Have a runtime in virtual time, on either log."""
    clock, log = VirtualClock(), None
    if request.param == "sqlite":
        path = tmp_path / "log.db"
        log = SQLiteLog(path, durability="process", clock=clock.time)
    with runtime(doubling, waiting, log=log or ":memory:", clock=clock) as rt:
        yield rt


def ended(rt: af.Runtime, execution_id: str, x: int = 1, **options: Any) -> None:
    """Have an execution that has ended."""
    run = rt.start(doubling, x=x, execution_id=execution_id, **options)
    run.wait()


class TestCounting:
    """How many there are."""

    def test_counts_what_is_listed(self, rt: af.Runtime) -> None:
        """A count takes the filters of a list."""
        for n in range(3):
            ended(rt, str(n), attributes={"even": n % 2 == 0})
        ended(rt, "failed", x=-1)
        rt.start(waiting)

        assert rt.count() == 5
        assert rt.count(status="completed") == 3
        assert rt.count(status=["completed", "failed"], workflow="doubling") == 4
        assert rt.count(where={"even": True}) == 2

    def test_statuses_are_read_once(self, rt: af.Runtime) -> None:
        """Whatever gives several will do; what gives none is refused."""
        ended(rt, "a")
        once: Any = (status for status in ["completed", "failed"])
        none: Any = 3

        assert [row.id for row in rt.list(status=once)] == ["a"]
        assert rt.count(status={"completed"}) == rt.count(status=None) == 1
        assert rt.count(status=[]) == 0
        with pytest.raises(af.SettingError, match="status must be of queued, running"):
            rt.list(status=none)

    def test_by_time(self, rt: af.Runtime) -> None:
        """Lists and counts are of a time, if that is asked for."""
        first = rt.clock.time()
        for n in range(3):
            ended(rt, str(n))
            rt.clock.advance(DAY)
        second = first + DAY / 2

        assert [row.id for row in rt.list(since=second)] == ["2", "1"]
        assert rt.count(until=second) == 1


class TestDeleting:
    """One execution."""

    def test_deleted(self, rt: af.Runtime) -> None:
        """An execution that has ended can be deleted, and is not there any more."""
        ended(rt, "a")
        rt.delete("a")

        assert rt.list() == []
        with pytest.raises(af.ExecutionNotFoundError):
            rt.get("a")
        with pytest.raises(af.ExecutionNotFoundError):
            rt.delete("a")

    def test_its_id_is_free(self, rt: af.Runtime) -> None:
        """What is started under the id of a deleted execution is new."""
        ended(rt, "a", x=1)
        rt.delete("a")
        ended(rt, "a", x=2)

        assert rt.get("a").result() == 4

    def test_only_what_has_ended(self, rt: af.Runtime) -> None:
        """What has not ended is not deleted under the hands of who runs it."""
        run = rt.start(waiting, execution_id="w")
        run.wait()
        with pytest.raises(af.ExecutionNotEndedError, match="suspended; cancel it"):
            rt.delete("w")
        run.cancel()
        rt.delete("w")

        assert rt.count() == 0

    def test_retried_in_memory(self, rt: af.Runtime) -> None:
        """What has just failed again, and may still be in memory, can be deleted."""
        ended(rt, "f", x=-1)
        rt.retry("f")
        rt.get("f").wait()
        rt.delete("f")
        ended(rt, "f", x=1)

        assert rt.get("f").result() == 2


def test_what_ends_again_meanwhile_is_not_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is taken up again while it is archived stays, though it has ended again."""
    clock = VirtualClock()
    log = SQLiteLog(tmp_path / "log.db", durability="process", clock=clock.time)
    with runtime(doubling, log=log, clock=clock) as rt:
        ended(rt, "f", x=-1)
        rt.clock.advance(1)

        def busy(*_: Any) -> None:
            rt.clock.advance(1)
            rt.retry("f")
            rt.get("f").wait()

        monkeypatch.setattr(archiving, "archive", busy)

        assert rt.prune(older_than=0, archive=tmp_path / "archive.db") == 0
        assert rt.get("f").status == "failed"

        monkeypatch.undo()
        rt.clock.advance(1)

        assert rt.prune(older_than=0, archive=tmp_path / "archive.db") == 1


def test_what_follows_is_not_lost(rt: af.Runtime) -> None:
    """However soon it is deleted, what follows an execution is started."""
    followed = (
        af.Flow("followed").then(double, input=lambda _: 1).on_complete(tell).build()
    )
    for n in range(5):
        rt.start(followed, execution_id=str(n)).result()
        rt.prune(older_than=0, workflow="followed")
    rt.clock.advance(1)
    rt.prune(older_than=0, workflow="followed")

    assert rt.count(workflow="followed") == 0
    assert rt.count(workflow="tell", status="completed") == 5


@af.activity
def tell(execution_id: str) -> str:
    """Tell that it has ended."""
    return execution_id


class TestPruning:
    """Many executions, by age."""

    def test_by_age(self, rt: af.Runtime) -> None:
        """What ended long ago is deleted; what has not ended, or lately, stays."""
        rt.start(waiting, execution_id="waiting")
        late = rt.start(waiting, execution_id="ended late")
        for n in range(250):
            ended(rt, str(n))
        rt.clock.advance(31 * DAY)
        late.signal("go")
        late.result()
        ended(rt, "new")

        assert rt.prune(older_than=30 * DAY) == 250
        assert {row.id for row in rt.list()} == {"waiting", "ended late", "new"}
        assert rt.prune(older_than=30 * DAY) == 0

    def test_by_filters(self, rt: af.Runtime) -> None:
        """Only what matches is deleted."""
        ended(rt, "a", attributes={"keep": False})
        ended(rt, "b", attributes={"keep": True})
        ended(rt, "c", x=-1, attributes={"keep": False})
        rt.clock.advance(1)

        assert rt.prune(older_than=0, status="completed", where={"keep": False}) == 1
        assert {row.id for row in rt.list()} == {"b", "c"}
        assert rt.prune(older_than=0, workflow="waiting") == 0

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"older_than": -1}, "older_than must be 0 seconds or more"),
            ({"older_than": 1, "status": "running"}, "status must be of completed"),
        ],
    )
    def test_without_meaning(
        self, rt: af.Runtime, options: dict[str, Any], problem: str
    ) -> None:
        """What runs is never pruned, and an age is not negative."""
        with pytest.raises(af.SettingError, match=problem):
            rt.prune(**options)


def test_nothing_is_left(tmp_path: Path) -> None:
    """No row of any table is left of what was deleted, and the log is sound."""
    path = tmp_path / "log.db"
    with af.Runtime(path, definitions=[doubling], durability="process") as rt:
        run = rt.start(doubling, x=1, attributes={"customer": "acme"})
        run.result(timeout=10)
        rt.delete(run.id)
    with SQLiteLog(path) as log:
        raw = log._for_writing().connection()
        tables = ("stream", "event", "snapshot", "inbox", "attribute", "retention")
        counts = {
            table: raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in tables
        }
        assert counts == dict.fromkeys(tables, 0)
        assert list(log.diagnose()) == []


@af.activity
def fail() -> None:
    """Fail for good."""
    raise ValueError("no")


asking = (
    af.Flow("asking").child(doubling, input={"x": 2}, into="child").then(fail).build()
)


def test_children_that_may_be_asked_for_stay(rt: af.Runtime) -> None:
    """A parent that may be retried finds its child; together they go later."""
    rt.start(asking, execution_id="parent").wait()
    rt.start(waiting, execution_id="busy").wait()
    rt.clock.advance(2 * DAY)
    (child,) = [row.id for row in rt.list(workflow="doubling")]

    assert rt.prune(older_than=DAY, status="completed") == 0
    assert rt.get(child).status == "completed"
    assert rt.prune(older_than=DAY) == 1
    assert rt.prune(older_than=DAY) == 1
    assert [row.id for row in rt.list()] == ["busy"]
