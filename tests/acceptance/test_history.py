"""An activity can record what it has done, so that it does not do it again."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.acceptance.helpers import WAIT, Calls, calling, echo, finish


def single(activity: Any, **settings: Any) -> af.Workflow:
    """Make a workflow of one step that returns its result."""
    return af.Workflow(
        name="w",
        steps=[af.Step("agent", activity=activity, store="x", **settings)],
        result="x",
    )


def agent(calls: Calls) -> Callable[[af.ActivityContext], str]:
    """Make an activity that plans, posts, waits for a reply, and reacts."""

    def run_agent(ctx: af.ActivityContext) -> str:
        calls("entered")
        plan = ctx.record("plan", lambda: calls("the-plan"))
        ctx.record("post", lambda: calls("post"))
        reply = ctx.wait_signal("reply")
        ctx.record("react", lambda: calls("react"))
        return f"{plan}:{reply}"

    return run_agent


# --- record --------------------------------------------------------------------------


def test_record_returns_what_the_function_returned() -> None:
    """The first call under a key runs the function."""

    def activity(ctx: af.ActivityContext) -> Any:
        return ctx.record("k", lambda: 7)

    assert finish(single(activity)).output == 7


def test_record_runs_its_function_once(calls: Calls) -> None:
    """A second call under the same key returns the first value."""

    def activity(ctx: af.ActivityContext) -> Any:
        return [ctx.record("k", lambda: calls(len(calls))) for _ in range(3)]

    assert (finish(single(activity)).output, len(calls)) == ([0, 0, 0], 1)


def test_record_passes_arguments_on() -> None:
    """`record(key, fn, *args, **kwargs)` calls `fn(*args, **kwargs)`."""

    def activity(ctx: af.ActivityContext) -> Any:
        return ctx.record("k", lambda a, b: a - b, 9, b=2)

    assert finish(single(activity)).output == 7


def test_none_is_recorded(calls: Calls) -> None:
    """A function that returned None is not run again."""

    def activity(ctx: af.ActivityContext) -> None:
        ctx.record("k", calling(calls, "k"))
        ctx.record("k", calling(calls, "k"))

    finish(single(activity))

    assert calls.seen == ["k"]


def test_an_exception_is_not_recorded(calls: Calls) -> None:
    """A function that raised runs again when it is asked again."""

    def flaky() -> str:
        calls("flaky")
        if len(calls) == 1:
            raise ConnectionError("down")
        return "up"

    def activity(ctx: af.ActivityContext) -> Any:
        try:
            return ctx.record("k", flaky)
        except ConnectionError:
            return ctx.record("k", flaky)

    assert finish(single(activity)).output == "up"


def test_a_retry_sees_what_was_recorded(calls: Calls) -> None:
    """A second attempt replays what the first recorded."""

    def activity(ctx: af.ActivityContext) -> Any:
        ctx.record("charge", calling(calls, "charge"))
        if ctx.attempt == 1:
            raise ConnectionError("after the charge")
        return "done"

    finish(single(activity, retry=af.Retry(initial=0)))

    assert calls.seen == ["charge"]


def test_a_run_that_is_retried_sees_what_was_recorded(calls: Calls) -> None:
    """`rt.retry` replays what the failed activation had recorded."""
    broken = [True]

    def activity(ctx: af.ActivityContext) -> Any:
        ctx.record("charge", calling(calls, "charge"))
        if broken:
            raise ConnectionError("after the charge")
        return "done"

    wf = single(activity)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        broken.clear()
        run.retry()
        run.result(timeout=WAIT)

    assert calls.seen == ["charge"]


def test_another_step_has_a_history_of_its_own(calls: Calls) -> None:
    """The same key in another step runs again."""

    def activity(ctx: af.ActivityContext) -> Any:
        return ctx.record("k", lambda: calls(len(calls)))

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("a", activity=activity, store="a", next=[af.Edge("b")]),
            af.Step("b", activity=activity, store="b"),
        ],
        result="*",
    )

    assert finish(wf).output == {"a": 0, "b": 1}


def test_another_visit_has_a_history_of_its_own(calls: Calls) -> None:
    """A step that is entered again in a loop begins with nothing recorded."""

    def activity(ctx: af.ActivityContext) -> Any:
        return ctx.record("k", lambda: calls(len(calls)))

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a",
                activity=activity,
                store="x",
                next=[af.Edge("a", when="state.x < 3")],
            )
        ],
    )
    finish(wf)

    assert calls.seen == [0, 1, 2, 3]


def test_an_async_activity_awaits_record(calls: Calls) -> None:
    """In an `async def`, `record` takes plain and async functions."""

    async def fetch() -> Any:
        return calls("async")

    async def activity(ctx: af.ActivityContext) -> Any:
        return [
            await ctx.record("a", fetch),
            await ctx.record("a", fetch),
            await ctx.record("b", lambda: calls("plain")),
        ]

    output = finish(single(activity)).output

    assert (output, calls.seen) == (["async", "async", "plain"], ["async", "plain"])


def test_a_recorded_value_comes_back_as_its_type() -> None:
    """The annotation of the recorded function says what a replay returns."""

    def pair() -> tuple[int, ...]:
        return (1, 2)

    def activity(ctx: af.ActivityContext) -> Any:
        first = ctx.record("k", pair)
        return first == ctx.record("k", pair) == (1, 2)

    assert finish(single(activity)).output is True


def test_what_cannot_be_recorded_says_where() -> None:
    """A value that is no data is refused by `record`, naming the key."""

    def activity(ctx: af.ActivityContext) -> None:
        ctx.record("lock", object)

    error = finish(single(activity)).error

    assert error is not None
    assert "lock" in error.message


def test_the_history_of_a_parked_activity_can_be_seen(calls: Calls) -> None:
    """The state of a waiting execution shows what has been recorded."""
    wf = single(agent(calls))
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        records = rt.state(run.id).activations["main/agent"].records

    assert records == {"plan": "the-plan", "post": "post"}


def test_a_completed_activity_keeps_no_history(calls: Calls) -> None:
    """When the activity has returned, its history is no part of the state any more."""
    wf = single(agent(calls))
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.signal("reply", "ok")
        run.result(timeout=WAIT)

        assert rt.state(run.id).activations == {}


# --- record and wait -----------------------------------------------------------------


def test_what_was_recorded_before_a_wait_is_not_done_again(calls: Calls) -> None:
    """After the signal the activity is entered from its top, and replays."""
    wf = single(agent(calls))
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.signal("reply", "the-reply")
        output = run.result(timeout=WAIT)

    assert (output, calls.seen) == (
        "the-plan:the-reply",
        ["entered", "the-plan", "post", "entered", "react"],
    )


def test_a_quick_step_before_does_not_disturb_the_history(calls: Calls) -> None:
    """What is recorded right after another step has ended is kept."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "quick", activity=echo, parameters={"value": 1}, next=[af.Edge("agent")]
            ),
            af.Step("agent", activity=agent(calls)),
        ],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.signal("reply")
        run.result(timeout=WAIT)

    assert calls.seen.count("post") == 1


def test_what_was_recorded_is_there_after_a_restart(db: Path, calls: Calls) -> None:
    """A later process replays what an earlier one recorded."""
    wf = single(agent(calls))
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, execution_id="run").wait(timeout=WAIT)
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.signal("run", "reply", "late")
        output = rt.get("run").result(timeout=WAIT)

    assert (output, calls.seen.count("post")) == ("the-plan:late", 1)


def test_several_waits_of_one_activity_are_answered_in_turn(calls: Calls) -> None:
    """Two waits on two topics: three entries, and each wait has its own signal."""

    def activity(ctx: af.ActivityContext) -> Any:
        calls("entered")
        return f"{ctx.wait_signal('first')}|{ctx.wait_signal('second')}"

    wf = single(activity)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.signal("first", "alpha")
        run.wait(timeout=WAIT)
        while run.wait(timeout=WAIT).suspension.topics != ("second",):  # type: ignore[union-attr]
            pass
        run.signal("second", "beta")
        output = run.result(timeout=WAIT)

    assert (output, len(calls)) == ("alpha|beta", 3)


def test_two_waits_on_one_topic_take_two_signals() -> None:
    """Waits of one activity on the same topic are told apart."""

    def activity(ctx: af.ActivityContext) -> Any:
        return [ctx.wait_signal("t"), ctx.wait_signal("t")]

    wf = single(activity)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.signal("t", 1)
        run.signal("t", 2)

        assert run.result(timeout=WAIT) == [1, 2]


def test_two_waits_survive_two_restarts(db: Path) -> None:
    """Each answer is recorded, so that a restart between them loses nothing."""

    def activity(ctx: af.ActivityContext) -> Any:
        return [ctx.wait_signal("a"), ctx.wait_signal("b")]

    wf = single(activity)
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, execution_id="run").wait(timeout=WAIT)
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.signal("run", "a", 1)
        rt.get("run").wait(timeout=WAIT)
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.signal("run", "b", 2)

        assert rt.get("run").result(timeout=WAIT) == [1, 2]


def test_a_signal_that_is_there_parks_nobody(calls: Calls) -> None:
    """An activity whose signal came before is entered once."""

    def activity(ctx: af.ActivityContext) -> Any:
        calls("entered")
        return ctx.wait_signal("cb")

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("s", wait_signal=af.WaitSignal(topic="go"), next=[af.Edge("a")]),
            af.Step("a", activity=activity, store="x"),
        ],
        result="x",
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.signal("cb", "hello")
        run.signal("go")
        output = run.result(timeout=WAIT)

    assert (output, len(calls)) == ("hello", 1)


def test_waiting_is_no_failure(calls: Calls) -> None:
    """A parked activity uses up no attempt and runs no catch."""

    def activity(ctx: af.ActivityContext) -> Any:
        calls(ctx.attempt)
        return ctx.wait_signal("cb")

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a",
                activity=activity,
                retry=af.Retry(max_attempts=5, initial=0),
                catch=[af.Catch(goto="saved")],
            ),
            af.Step("saved", activity=calling(calls, "saved")),
        ],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.signal("cb")
        run.result(timeout=WAIT)

    assert calls.seen == [1, 1]


def test_an_except_clause_does_not_swallow_a_wait(calls: Calls) -> None:
    """An activity that catches every `Exception` can still be parked."""

    def activity(ctx: af.ActivityContext) -> Any:
        try:
            return ctx.wait_signal("cb")
        except Exception:  # noqa: BLE001 - the careless code that this is about
            return "swallowed"

    wf = single(activity)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.signal("cb", "hello")

        assert run.result(timeout=WAIT) == "hello"


def test_a_wait_in_an_activity_can_time_out() -> None:
    """`wait_signal(timeout=)` raises `TimeoutError` when its time is over."""

    def activity(ctx: af.ActivityContext) -> Any:
        try:
            return ctx.wait_signal("cb", timeout=3600)
        except TimeoutError:
            return "nobody came"

    wf = single(activity)
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        rt.clock.advance(3599)
        before = run.status
        rt.clock.advance(2)

        assert (before, run.result()) == ("suspended", "nobody came")


def test_an_uncaught_timeout_of_a_wait_is_a_timeout() -> None:
    """An activity that lets the `TimeoutError` out fails with the type `timeout`."""

    def activity(ctx: af.ActivityContext) -> None:
        ctx.wait_signal("cb", timeout=60)

    wf = single(activity)
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        rt.clock.advance(61)
        error = run.wait().error

    assert error is not None
    assert error.type == "timeout"


def test_a_wait_does_not_count_as_time_of_the_attempt() -> None:
    """`timeout=` of an activity bounds its running, not the days it is parked."""

    def activity(ctx: af.ActivityContext) -> Any:
        return ctx.wait_signal("cb")

    wf = single(activity, timeout=30.0)
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        rt.clock.advance(86_400)
        run.signal("cb", "hello")

        assert run.result() == "hello"


def test_an_async_activity_awaits_its_wait() -> None:
    """In an `async def`, `wait_signal` is awaited."""

    async def activity(ctx: af.ActivityContext) -> Any:
        return await ctx.wait_signal("cb")

    wf = single(activity)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.signal("cb", "hello")

        assert run.result(timeout=WAIT) == "hello"


# --- progress and emit ---------------------------------------------------------------


def test_emitted_values_reach_who_listens() -> None:
    """`emit` yields upward, and `emitted()` gives the values in order."""

    def activity(ctx: af.ActivityContext) -> None:
        for n in range(5):
            ctx.emit({"n": n})

    wf = single(activity)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)

        assert list(run.emitted()) == [{"n": n} for n in range(5)]


def test_progress_is_in_the_history() -> None:
    """`progress` leaves what it said in the log, in whatever it was said."""

    def activity(ctx: af.ActivityContext) -> None:
        ctx.progress(3, total=10, message="page 3")
        there: Any = Path("page/4")
        ctx.progress(Decimal(4), total=Fraction(21, 2), message=there)  # type: ignore[arg-type]

    wf = single(activity)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.result(timeout=WAIT)
        told = [
            (r.event.done, r.event.total, r.event.message)
            for r in run.history()
            if type(r.event).__name__ == "ProgressReported"
        ]

    assert told == [(3, 10, "page 3"), (4, 10.5, "page/4")]


def test_progress_comes_before_the_end_of_its_step() -> None:
    """What an activity reports is recorded before its completion, in order."""

    def activity(ctx: af.ActivityContext) -> None:
        for n in range(20):
            ctx.progress(n)

    wf = single(activity)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.result(timeout=WAIT)
        kinds = [
            getattr(r.event, "done", type(r.event).__name__)
            for r in run.history()
            if r.address == "main/agent"
        ]

    assert kinds == ["ActivationStarted", *range(20), "ActivationCompleted"]


@pytest.mark.parametrize("attribute", ["execution_id", "address", "attempt", "visit"])
def test_an_activity_knows_who_it_is(attribute: str) -> None:
    """The context tells execution, address, attempt and visit."""

    def activity(ctx: af.ActivityContext) -> Any:
        return getattr(ctx, attribute)

    wf = single(activity)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf, execution_id="o-42")
        expected = {
            "execution_id": "o-42",
            "address": "main/agent",
            "attempt": 1,
            "visit": 1,
        }

        assert run.result(timeout=WAIT) == expected[attribute]
