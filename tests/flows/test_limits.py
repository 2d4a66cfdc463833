"""Limits that attempts share by name: how many run at once, how often they begin."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Event, Lock
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import Simulation, runtime
from tests.flows.helpers import Diary, double

WAIT = 20.0  # seconds before a test that hangs says so; no test comes near


class Crowd:
    """Counts how many are inside at the same time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self.most = 0

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1


def limited(
    function: Callable[..., Any], count: int = 1, **settings: Any
) -> af.Activity[..., Any]:
    """Make an activity of which so many may run at once, with all others of these."""
    limit = af.ConcurrencyLimit(count, name="db")
    return af.activity(name="limited", concurrency_limit=limit, **settings)(function)


def mapped(activity: Any, over: Any, **settings: Any) -> Any:
    """Make a flow that runs *activity* for all of *over*."""
    return af.Flow("f").map("m", activity, over=over, **settings).output("m").build()


# --- how many at once ----------------------------------------------------------------


def test_no_more_run_at_once_than_the_limit_says() -> None:
    """And as many as it says do."""
    crowd, pair = Crowd(), Barrier(2)

    def work(value: int) -> int:
        with crowd:
            pair.wait(WAIT)  # nobody goes on alone
        return value

    flow = mapped(limited(work, 2), list(range(8)))
    with af.Runtime(":memory:", [flow]) as rt:
        assert rt.start(flow).result(WAIT) == list(range(8))
    assert crowd.most == 2


def test_executions_share_a_limit() -> None:
    """It is the runtime's, not the execution's."""
    crowd = Crowd()

    def work(value: int) -> int:
        with crowd:
            return value

    flow = mapped(limited(work), list(range(10)))
    with af.Runtime(":memory:", [flow]) as rt:
        for run in [rt.start(flow) for _ in range(4)]:
            run.result(WAIT)
    assert crowd.most == 1


def test_whoever_waits_holds_no_thread() -> None:
    """Others find one, however many stand in line."""
    go = Event()
    flow = mapped(limited(lambda _: go.wait(WAIT)), list(range(20)))
    with af.Runtime(":memory:", [flow], threads=2) as rt:
        run = rt.start(flow)
        other = rt.start(af.Flow("g").map("m", double, over=[1, 2]).output("m"))
        assert other.result(WAIT) == [2, 4]
        go.set()
        assert all(run.result(WAIT))


def test_first_come_first_served() -> None:
    """Attempts begin in the order in which they asked."""
    diary = Diary()
    flow = mapped(limited(diary.echo), list(range(30)))
    with af.Runtime(":memory:", [flow]) as rt:
        rt.start(flow).result(WAIT)

    assert diary.lines == list(range(30))


def test_a_limit_without_a_name_is_the_activitys_own() -> None:
    """Two activities do not wait for each other."""
    both = Barrier(2)
    arms = [
        af.activity(name=name, concurrency_limit=af.ConcurrencyLimit(1))(
            lambda: both.wait(WAIT)
        )
        for name in ("a", "b")
    ]
    flow = af.Flow("f").parallel("p", *arms)
    with af.Runtime(":memory:", [flow]) as rt:
        assert sorted(rt.start(flow).result(WAIT)["p"].values()) == [0, 1]


# --- giving back ---------------------------------------------------------------------


def test_a_failed_attempt_gives_its_place_back_while_it_waits() -> None:
    """A back-off of a minute holds up nobody."""
    diary = Diary()

    def work(value: int) -> int:
        diary.echo(value)
        if diary.lines == [0]:
            raise ConnectionError
        return value

    flow = mapped(limited(work, retry=af.Retry(initial=60)), [0, 1, 2])
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.clock.advance(1)
        assert diary.lines == [0, 1, 2]
        rt.clock.advance(60)
        assert run.result() == [0, 1, 2]
    assert diary.lines == [0, 1, 2, 0]


def test_an_activity_that_is_left_for_a_signal_gives_its_place_back() -> None:
    """It stands in line again when it is entered again."""
    diary = Diary()

    def work(ctx: af.ActivityContext, value: int) -> Any:
        diary.echo(value)
        return ctx.wait_signal("go") if value == 0 else value

    flow = mapped(limited(work), [0, 1])
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "suspended"
        assert diary.lines == [0, 1]
        run.signal("go", "gone")
        assert run.result() == ["gone", 1]


def test_an_attempt_that_ran_out_of_time_gives_its_place_back() -> None:
    """What its thread still does is nobody's business."""
    stuck = Event()

    def work(value: int) -> int:
        if value == 0:
            stuck.wait(WAIT)
        return value

    flow = mapped(limited(work, timeout=0.05), [0, 1], on_error="continue")
    with af.Runtime(":memory:", [flow]) as rt:
        outcomes = rt.start(flow).result(WAIT)
        stuck.set()

    assert [outcome.value for outcome in outcomes] == [None, 1]


@pytest.mark.parametrize("waiting", [False, True], ids=["running", "waiting"])
def test_a_cancelled_execution_gives_its_places_back(waiting: bool) -> None:  # noqa: FBT001 - the case
    """The one it runs in, and those it waits for."""
    begun, stuck = Event(), Event()

    def work(value: int) -> int:
        if value == 0:
            begun.set()
            stuck.wait(WAIT)
        return value

    first = mapped(limited(work), [0, 1, 2] if waiting else [0])
    flow = af.Flow("g", inputs=["value"]).then(limited(work)).output("limited")
    with af.Runtime(":memory:", [first, flow.build()]) as rt:
        run = rt.start(first)
        begun.wait(WAIT)
        behind = rt.start(flow, value=7)
        run.cancel()
        assert behind.result(WAIT) == 7
        stuck.set()


def test_what_waited_when_everything_died_waits_again() -> None:
    """Every crash leads to the same end, and no place is lost."""
    both = af.activity(
        concurrency_limit=af.ConcurrencyLimit(1, name="db"),
        rate_limit=af.RateLimit(1, per=10, name="api"),
    )(double)

    Simulation(mapped(both, [1, 2, 3])).crash_everywhere()


# --- and nothing else ----------------------------------------------------------------


def test_waiting_does_not_count_as_running() -> None:
    """A timeout begins when the attempt does."""
    slow = af.activity(rate_limit=af.RateLimit(1, per=60), timeout=5, name="slow")(
        double
    )
    flow = mapped(slow, [1, 2, 3])
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.clock.advance(120)
        assert run.result() == [2, 4, 6]


def test_a_rate_limit_lets_a_burst_through_and_then_one_at_a_time() -> None:
    """The bucket is full at first, and fills evenly."""
    times: list[float] = []
    limit = af.RateLimit(2, per=10)
    with runtime() as rt:
        begun = rt.clock.time()
        note = af.activity(rate_limit=limit, name="note")(
            lambda _: times.append(round(rt.clock.time() - begun, 3))
        )
        flow = mapped(note, list(range(5)))
        run = rt.start(flow)
        rt.clock.advance(15)
        assert run.status == "completed"

    assert times == [0, 0, 5, 10, 15]


def test_a_bucket_that_was_left_alone_holds_no_more_than_it_can() -> None:
    """After an hour of silence, the burst is as large as at first."""
    times: list[float] = []
    limit = af.RateLimit(2, per=10)
    with runtime() as rt:
        note = af.activity(rate_limit=limit, name="note")(
            lambda _: times.append(round(rt.clock.time(), 3))
        )
        flow = mapped(note, list(range(3)))
        rt.start(flow).result()
        rt.clock.advance(3600)
        times.clear()
        rt.start(flow).result()

    assert [at - times[0] for at in times] == [0, 0, 5]


def test_one_name_means_one_limit() -> None:
    """Two that differ are a mistake, and both are shown."""
    flows = [
        af.Flow(f"f{count}").map("m", limited(double, count), over=[1]).build()
        for count in (1, 2)
    ]
    with pytest.raises(af.DefinitionError) as caught:
        af.Runtime(":memory:", flows)

    (problem,) = caught.value.problems
    assert "ConcurrencyLimit(count=2, name='db')" in problem
    assert "ConcurrencyLimit(count=1, name='db')" in problem


def test_a_limit_of_none_is_a_mistake() -> None:
    """Nothing could ever run."""
    with pytest.raises(af.DefinitionError, match=r"concurrency_limit\.count must be"):
        limited(double, 0)


def test_arms_of_a_parallel_have_settings_of_their_own() -> None:
    """Retry, timeout and limits are the arm's, as its node has them."""
    diary = Diary()

    def work() -> str:
        diary.echo("try")
        raise ConnectionError

    node = af.activity(work)
    flow = af.Flow("f").parallel(
        "p",
        node.options(name="patient", retry=af.Retry(max_attempts=3, initial=10)),
        node.options(name="hasty"),
        on_error="continue",
    )
    with runtime(flow) as rt:
        run = rt.start(flow.build())
        rt.clock.advance(60)
        outcomes = run.result()["p"]

    assert not outcomes["patient"].ok
    assert not outcomes["hasty"].ok
    assert len(diary) == 4
