"""What an item has done stays done: interruptions, failures, retries, crashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

import actorflow as af
from actorflow.log.memory_store import MemoryStore
from actorflow.testing import Crash, CrashingLog, VirtualClock, runtime
from tests.flows.helpers import Ailing, Diary, echo, events


@attrs.frozen
class Point:
    """A record."""

    x: int


def waiter(diary: Diary | None = None) -> af.Flow:
    """Make a flow of one input that notes it, waits for its signal, returns both."""
    note = echo if diary is None else diary.echo
    return (
        af.Flow("body", inputs=["n"])
        .then(note, input={"value": "${n}"}, into="noted")
        .wait_signal("s-${n}", into="payload")
        .then(pair, input={"a": "${noted}", "b": "${payload}"})
        .output("pair")
    )


def pair(a: Any, b: Any) -> list[Any]:
    """Return both."""
    return [a, b]


# --- waits ---------------------------------------------------------------------------


def test_a_waiting_item_suspends_only_itself() -> None:
    """All the others are done while one waits."""
    body = (
        af.Flow("body", inputs=["n"])
        .when(lambda s: s["n"] == 1)
        .wait_signal("go", into="x")
        .end()
        .then(echo, input={"value": "${n}"})
        .output("echo")
    )
    flow = af.Flow("f").map("m", body, over=[0, 1, 2, 3]).output("m").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        rest = run.wait()
        done = {r.address for r in events(run, "ActivationCompleted")}
        rt.signal(run.id, "go")

        assert rest.status == "suspended"
        assert {f"main/m[{n}]" for n in (0, 2, 3)} <= done
        assert "main/m[1]" not in done
        assert run.result() == [0, 1, 2, 3]


def test_each_waiting_item_wakes_by_itself() -> None:
    """A signal for one item moves that one alone."""
    diary = Diary()
    flow = af.Flow("f").map("m", waiter(diary), over=[0, 1, 2]).output("m").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        waits = []
        for n in (1, 2, 0):
            rest = run.wait().suspension
            assert rest is not None
            waits.append(sorted(rest.topics))
            rt.signal(run.id, f"s-{n}", n * 10)

        assert run.result() == [[0, 0], [1, 10], [2, 20]]
    assert waits == [["s-0", "s-1", "s-2"], ["s-0", "s-2"], ["s-0"]]
    assert sorted(diary.lines) == [0, 1, 2]


def test_the_branches_of_a_suspension_name_the_items() -> None:
    """Whoever looks sees which item waits for what."""
    flow = af.Flow("f").map("m", waiter(), over=[0, 1]).build()
    with runtime(flow) as rt:
        rest = rt.start(flow).wait().suspension

    assert rest is not None
    waiting = " ".join(f"{where}={what}" for where, what in rest.branches.items())
    assert "main/m[0]" in waiting
    assert "main/m[1]" in waiting


def test_an_activity_item_may_wait_in_its_middle() -> None:
    """An item that is an activity is left, and entered again when its signal comes."""
    diary = Diary()

    def work(n: int, ctx: af.ActivityContext) -> list[Any]:
        plan = ctx.record("plan", lambda: diary.echo(n))
        return [plan, ctx.wait_signal(f"s-{n}")]

    flow = af.Flow("f").map("m", work, over=[0, 1, 2]).output("m").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        for n in (2, 1, 0):
            run.wait()
            rt.signal(run.id, f"s-{n}", "ok")

        assert run.result() == [[0, "ok"], [1, "ok"], [2, "ok"]]
    assert sorted(diary.lines) == [0, 1, 2]


def test_items_that_sleep_for_different_times_wake_at_theirs() -> None:
    """No item waits for the longest sleeper."""
    diary = Diary()

    def hours(n: int) -> af.Flow:
        return af.Flow(f"h{n}").sleep(n * 3600).then(diary.echo, input={"value": n})

    body = (
        af.Flow("body", inputs=["n"])
        .route(lambda s: s["n"], {str(n): hours(n) for n in (1, 2, 3)})
        .output("route")
    )
    flow = af.Flow("f").map("m", body, over=[3, 1, 2]).build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        seen = []
        for _ in range(3):
            rt.clock.advance(3600)
            run.wait()
            seen.append(list(diary.lines))

    assert seen == [[1], [1, 2], [1, 2, 3]]


def test_completed_items_never_run_again_through_interruptions(tmp_path: Path) -> None:
    """Three processes, two interruptions: every item is run once."""
    diary, log = Diary(), str(tmp_path / "log.db")
    flow = af.Flow("f").map("m", waiter(diary), over=[0, 1, 2]).output("m").build()
    with runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="x").wait()
        rt.signal("x", "s-1", "a")
        rt.get("x").wait()
    with runtime(flow, log=log) as rt:
        rt.get("x").wait()
        rt.signal("x", "s-0", "b")
        rt.get("x").wait()
    with runtime(flow, log=log) as rt:
        rt.signal("x", "s-2", "c")

        assert rt.get("x").result() == [[0, "b"], [1, "a"], [2, "c"]]
    assert sorted(diary.lines) == [0, 1, 2]


@pytest.mark.parametrize("value", [None, Point(1), [], {"a": None}, ""])
def test_any_result_survives_an_interruption(tmp_path: Path, value: Any) -> None:
    """None and records are remembered as results, and not run again."""
    diary, log = Diary(), str(tmp_path / "log.db")

    def make(n: int, ctx: af.ActivityContext) -> Any:
        if n == 1:
            ctx.wait_signal("go")
        diary.echo(n)
        return value

    flow = af.Flow("f").map("m", make, over=[0, 1]).output("m").build()
    with runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="x").wait()
    with runtime(flow, log=log) as rt:
        rt.signal("x", "go")

        assert rt.get("x").result() == [value, value]
    assert diary.lines == [0, 1]


# --- failures and retries ------------------------------------------------------------


def test_retry_runs_only_the_items_that_failed() -> None:
    """Completed results are kept, in their places."""
    ailing = Ailing(2, 4)
    flow = af.Flow("f").map("m", ailing, over=[1, 2, 3, 4]).output("m").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        ailing.heal()
        rt.retry(run.id)

        assert run.result() == [1, 2, 3, 4]
    assert sorted(ailing.seen) == [2, 4]


def test_retry_of_a_retry_runs_only_what_failed_again() -> None:
    """The first retry's successes are kept for the second."""
    ailing = Ailing(2, 4)
    flow = af.Flow("f").map("m", ailing, over=[1, 2, 3, 4]).output("m").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        ailing.heal()
        ailing.bad = (4,)
        rt.retry(run.id)
        assert run.wait().status == "failed"
        assert sorted(ailing.seen) == [2, 4]
        ailing.heal()
        rt.retry(run.id)

        assert run.result() == [1, 2, 3, 4]
    assert ailing.seen == [4]


@pytest.mark.parametrize("limit", [1, 2, None])
def test_retry_keeps_the_limit(limit: int | None) -> None:
    """What is run again obeys `max_concurrency` and ends in the right places."""
    ailing = Ailing(0, 3, 5)
    flow = (
        af.Flow("f")
        .map("m", ailing, over=range(6), max_concurrency=limit)
        .output("m")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        ailing.heal()
        rt.retry(run.id)

        assert run.result() == list(range(6))
    assert ailing.seen == [0, 3, 5]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, None])
def test_retry_of_flows_keeps_the_limit(limit: int | None) -> None:
    """Items that are flows are run again as many at once as are allowed."""
    ailing = Ailing(*range(5))
    body = af.Flow("body", inputs=["value"]).sleep(1).then(ailing).output("ailing")
    flow = (
        af.Flow("f")
        .map("m", body, over=range(5), max_concurrency=limit)
        .output("m")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        with pytest.raises(af.ExecutionFailed):
            run.result()
        ailing.heal()
        rt.retry(run.id)

        assert run.result() == list(range(5))
    assert sorted(ailing.seen) == list(range(5))


def test_more_failed_flows_than_may_be_active_at_once() -> None:
    """A thousand items that are flows fail, and a retry runs them all."""
    ailing = Ailing(*range(1_100))
    body = af.Flow("body", inputs=["value"]).then(ailing).output("ailing")
    flow = af.Flow("f").map("m", body, over=range(1_100)).output("m").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        ailing.heal()
        rt.retry(run.id)

        assert run.result() == list(range(1_100))


def test_retry_after_fail_fast_goes_on_with_the_rest() -> None:
    """What never ran is run then, and what was done is not."""
    ailing = Ailing(2)
    flow = (
        af.Flow("f")
        .map("m", ailing, over=[1, 2, 3], max_concurrency=1, on_error="fail_fast")
        .output("m")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        assert ailing.seen == [1, 2]
        ailing.heal()
        rt.retry(run.id)

        assert run.result() == [1, 2, 3]
    assert ailing.seen == [2, 3]


def test_an_ordinary_failure_keeps_the_items_that_wait() -> None:
    """One item fails while another waits: nothing is lost, and nothing repeated."""
    ailing, diary = Ailing(1), Diary()
    body = (
        af.Flow("body", inputs=["value"])
        .then(diary.echo, into="noted")
        .then(ailing)
        .wait_signal("s-${value}", into="got")
        .output("got")
    )
    flow = af.Flow("f").map("m", body, over=[0, 1, 2]).output("m").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "suspended"
        rt.signal(run.id, "s-0", "a")
        rt.signal(run.id, "s-2", "c")
        assert run.wait().status == "failed"
        ailing.heal()
        rt.retry(run.id)
        run.wait()
        rt.signal(run.id, "s-1", "b")

        assert run.result() == ["a", "b", "c"]
    assert sorted(diary.lines) == [0, 1, 2]
    assert ailing.seen == [1]


def test_retry_in_another_process(tmp_path: Path) -> None:
    """The log is all that a retry needs."""
    ailing, log = Ailing(2), str(tmp_path / "log.db")
    flow = af.Flow("f").map("m", ailing, over=[1, 2, 3]).output("m").build()
    with runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="x").wait()
    ailing.heal()
    with runtime(flow, log=log) as rt:
        rt.retry("x")

        assert rt.get("x").result() == [1, 2, 3]
    assert ailing.seen == [2]


# --- crashes -------------------------------------------------------------------------


def test_completed_items_never_run_again_after_a_crash() -> None:
    """At any write the process may die: what the log has is not repeated."""
    for at in range(1, 40):
        diary, store, clock = Diary(), MemoryStore(), VirtualClock()
        flow = (
            af.Flow("f")
            .map("m", diary.echo, over=range(8), max_concurrency=2)
            .output("m")
            .build()
        )
        log = CrashingLog(at=at, store=store, clock=clock.time)
        try:
            with runtime(flow, log=log, clock=clock) as rt:
                result = rt.start(flow, execution_id="x").result()
        except Crash:
            log.abandon()
            done = _completed(store, clock)
            before = len(diary)
            with runtime(
                flow, log=CrashingLog(store=store, clock=clock.time), clock=clock
            ) as rt:
                result = rt.start(flow, execution_id="x").result()
            again = diary.lines[before:]
            assert not done & set(again)
        assert result == list(range(8))
        if len(diary) == 8 and log.writes < at:
            break
    else:
        pytest.fail("more writes than expected")


def _completed(store: MemoryStore, clock: VirtualClock) -> set[int]:
    """Return the indices of the items that the log has as completed."""
    log = CrashingLog(store=store, clock=clock.time)
    row = log.find("execution", "x")
    if row is None:
        return set()
    return {
        int(r.address[len("main/m[") : -1])
        for r in log.read(row.id)
        if type(r.event).__name__ == "ActivationCompleted" and "[" in r.address
    }


def test_a_crash_with_items_waiting_and_items_done() -> None:
    """The items that wait go on waiting; the others are not run again."""
    diary, store, clock = Diary(), MemoryStore(), VirtualClock()
    flow = af.Flow("f").map("m", waiter(diary), over=[0, 1]).output("m").build()
    log = CrashingLog(store=store, clock=clock.time)
    with runtime(flow, log=log, clock=clock) as rt:
        run = rt.start(flow, execution_id="x")
        rt.signal("x", "s-0", "a")
        run.wait()
        log.abandon()
    with runtime(
        flow, log=CrashingLog(store=store, clock=clock.time), clock=clock
    ) as rt:
        rest = rt.start(flow, execution_id="x").wait().suspension
        assert rest is not None
        assert rest.topics == ("s-1",)
        rt.signal("x", "s-1", "b")

        assert rt.get("x").result() == [[0, "a"], [1, "b"]]
    assert sorted(diary.lines) == [0, 1]


# --- nested maps ---------------------------------------------------------------------


def test_a_map_of_maps() -> None:
    """Through a flow a map's items are maps themselves."""
    inner = af.Flow("row", inputs=["cells"]).map("m", echo, over="cells").output("m")
    flow = af.Flow("f").map("m", inner, over=[[1, 2], [], [3]]).output("m").build()
    with runtime(flow) as rt:
        assert rt.start(flow).result() == [[1, 2], [], [3]]


def test_a_map_of_maps_of_maps_whose_leaves_wait() -> None:
    """Every leaf of a cube has its own address, waits by itself, and runs once."""
    diary = Diary()
    leaf = waiter(diary)
    row = af.Flow("row", inputs=["xs"]).map("leaves", leaf, over="xs").output("leaves")
    plane = af.Flow("plane", inputs=["ys"]).map("rows", row, over="ys").output("rows")
    cube = [[[0, 1], [2]], [[3]]]
    flow = af.Flow("f").map("planes", plane, over=cube).output("planes").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        for n in (3, 1, 0, 2):
            run.wait()
            rt.signal(run.id, f"s-{n}", "go")

        assert run.result() == [
            [[[0, "go"], [1, "go"]], [[2, "go"]]],
            [[[3, "go"]]],
        ]
    assert sorted(diary.lines) == [0, 1, 2, 3]


def test_retry_in_a_map_of_maps_runs_the_one_leaf() -> None:
    """Only the failed leaf of the failed row runs again."""
    ailing = Ailing(2)
    row = af.Flow("row", inputs=["xs"]).map("m", ailing, over="xs").output("m")
    flow = af.Flow("f").map("m", row, over=[[1, 2], [3]]).output("m").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        ailing.heal()
        rt.retry(run.id)

        assert run.result() == [[1, 2], [3]]
    assert ailing.seen == [2]
