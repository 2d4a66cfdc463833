"""Activities run on threads, processes, asyncio or inline, and may be timed out."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from threading import Event
from typing import Any

import pytest

import actorflow as af
from tests.acceptance.helpers import (
    WAIT,
    Calls,
    answering,
    double,
    events,
    finish,
    python,
)

SOON = 0.05  # seconds: a timeout that is meant to run out


def single(activity: Any, **settings: Any) -> af.Workflow:
    """Make a workflow of one step that returns its result."""
    return af.Workflow(
        name="w",
        steps=[af.Step("a", activity=activity, store="x", **settings)],
        result="x",
    )


def in_process(function: Any, **settings: Any) -> af.Activity:
    """Make an activity that runs in a process of its own."""
    return af.activity(executor="process", **settings)(function)


# --- functions for other processes, which must find them by name ----------------------


def pid() -> int:
    """Return the process this runs in."""
    return os.getpid()


class StockError(Exception):
    """Raised in another process."""


def out_of_stock() -> None:
    """Fail with a class of our own."""
    raise StockError("none left")


def die() -> None:
    """Take the process down."""
    os._exit(7)


def key_of(ctx: af.ActivityContext) -> str:
    """Return the idempotency key."""
    return ctx.idempotency_key


def record_there(ctx: af.ActivityContext) -> Any:
    """Try to record in another process."""
    return ctx.record("k", pid)


def throttled() -> None:
    """Fail with details."""
    raise af.ActivityError("slow down", type="throttled", details={"after": 5})


def spin() -> None:
    """Never return."""
    Event().wait()


def odd(n: int) -> int:
    """Return *n*, or fail if it is even."""
    if n % 2 == 0:
        raise StockError(str(n))
    return n


def threading_ident() -> int:
    """Return the thread this runs on."""
    return threading.get_ident()


def underscored(_n: int) -> int:
    """Return what was given."""
    return _n


# --- threads -------------------------------------------------------------------------


def test_a_plain_function_runs_on_another_thread() -> None:
    """By default an activity does not run on the caller's thread."""
    thread = finish(single(threading_ident)).output

    assert thread != threading.get_ident()


def test_a_parameter_may_begin_with_an_underscore() -> None:
    """Any Python parameter name is the name of an input."""
    with af.Runtime(":memory:") as rt:
        assert rt.start(underscored, 5).result(timeout=WAIT) == 5


def test_as_many_threads_as_given_run_activities() -> None:
    """With `threads=3`, three activities meet; a fourth has to wait its turn."""
    barrier = threading.Barrier(3)

    def meet(n: int) -> int:
        barrier.wait(timeout=WAIT)
        return n

    wf = af.Workflow(
        name="w",
        steps=[af.Step("a", map=af.Map(over=[*range(9)], activity=meet), store="x")],
        result="x",
    )
    with af.Runtime(":memory:", definitions=[wf], threads=3) as rt:
        assert rt.start(wf).result(timeout=WAIT) == [*range(9)]


def test_a_blocked_activity_does_not_stop_the_others() -> None:
    """Executions go on while one activity holds its thread."""
    gate = Event()

    def hold() -> bool:
        return gate.wait(timeout=WAIT)

    held, quick = single(hold), af.activity(double)
    with af.Runtime(":memory:", definitions=[held]) as rt:
        run = rt.start(held)
        outputs = [rt.start(quick, n).result(timeout=WAIT) for n in range(20)]
        gate.set()
        run.result(timeout=WAIT)

    assert outputs == [2 * n for n in range(20)]


# --- asyncio -------------------------------------------------------------------------


def test_async_activities_run_together() -> None:
    """Five hundred coroutines meet at a barrier, on one loop."""
    barrier = asyncio.Barrier(500)

    async def meet(n: int) -> int:
        await barrier.wait()
        return n

    wf = af.Workflow(
        name="w",
        steps=[af.Step("a", map=af.Map(over=[*range(500)], activity=meet), store="x")],
        result="x",
    )

    assert finish(wf).output == [*range(500)]


def test_an_async_activity_that_raises_fails() -> None:
    """The exception of a coroutine is its failure."""

    async def failing() -> None:
        raise StockError("none left")

    error = finish(single(failing)).error

    assert error is not None
    assert error.message == "none left"


def test_async_runs_async_defs_only() -> None:
    """`executor="async"` for a plain function is refused."""
    with pytest.raises(af.DefinitionError, match="async"):
        af.activity(executor="async")(pid)


# --- inline --------------------------------------------------------------------------


def test_an_inline_activity_runs() -> None:
    """`executor="inline"` runs a quick function without a hand-over."""
    assert finish(single(af.activity(executor="inline")(lambda: 5))).output == 5


def test_an_inline_activity_that_raises_fails() -> None:
    """An exception of an inline activity is a failure, and the runtime lives."""
    failing = af.activity(executor="inline")(out_of_stock)
    with af.Runtime(":memory:") as rt:
        failed = rt.start(failing).wait(timeout=WAIT).status
        went_on = rt.start(double, 1).result(timeout=WAIT)

    assert (failed, went_on) == ("failed", 2)


def test_an_inline_activity_may_record() -> None:
    """`ctx.record` of an inline activity works, or is refused; nothing hangs."""

    def recording(ctx: af.ActivityContext) -> Any:
        return ctx.record("k", lambda: 5)

    inline = af.activity(executor="inline")(recording)
    with af.Runtime(":memory:") as rt:
        ended = rt.start(inline).wait(timeout=5).status
        went_on = rt.start(double, 1).result(timeout=5)

    assert ended in {"completed", "failed"}
    assert went_on == 2


def test_an_inline_activity_may_wait() -> None:
    """An inline activity can be parked until its signal comes."""

    def waiting(ctx: af.ActivityContext) -> Any:
        return ctx.wait_signal("go")

    inline = af.activity(executor="inline")(waiting)
    with af.Runtime(":memory:") as rt:
        run = rt.start(inline)
        run.wait(timeout=5)
        run.signal("go", 7)

        assert run.result(timeout=5) == 7


# --- what can be an activity ---------------------------------------------------------


class Greeter:
    """Something that can be called in several ways."""

    def __call__(self, name: str) -> str:
        """Greet as an instance."""
        return f"instance {name}"

    def method(self, name: str) -> str:
        """Greet as a bound method."""
        return f"method {name}"

    @staticmethod
    def static(name: str) -> str:
        """Greet as a static method."""
        return f"static {name}"


def greet(name: str, greeting: str = "hello") -> str:
    """Greet with a default."""
    return f"{greeting} {name}"


def keyword(*, name: str) -> str:
    """Greet by keyword only."""
    return f"keyword {name}"


def positional(name: str, /) -> str:
    """Greet by position only."""
    return f"positional {name}"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (Greeter(), "instance Bo"),
        (Greeter().method, "method Bo"),
        (Greeter.static, "static Bo"),
        (greet, "hello Bo"),
        (partial(greet, greeting="hi"), "hi Bo"),
        (keyword, "keyword Bo"),
        (positional, "positional Bo"),
        (lambda name: f"lambda {name}", "lambda Bo"),
    ],
    ids=lambda value: value.split()[0] if isinstance(value, str) else "",
)
def test_whatever_can_be_called_is_an_activity(function: Any, said: str) -> None:
    """Functions, methods, instances and partials can all be started."""
    with af.Runtime(":memory:") as rt:
        assert rt.start(function, "Bo").result(timeout=WAIT) == said


# --- processes -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def rt() -> Iterator[af.Runtime]:
    """Return a runtime shared by tests, because processes start slowly."""
    with af.Runtime(":memory:", threads=2) as rt:
        yield rt


def test_a_process_activity_runs_in_another_process(rt: af.Runtime) -> None:
    """`executor="process"` leaves this process."""
    assert rt.start(in_process(pid)).result(timeout=WAIT) != os.getpid()


def test_an_exception_comes_back_from_a_process(rt: af.Runtime) -> None:
    """The message of what was raised there is the failure here."""
    error = rt.start(in_process(out_of_stock)).wait(timeout=WAIT).error

    assert error is not None
    assert error.message == "none left"


def test_the_class_of_an_exception_comes_back_from_a_process(rt: af.Runtime) -> None:
    """`retry` and `catch` match what was raised in another process."""
    wf = af.Workflow(
        name="caught",
        steps=[
            af.Step(
                "a",
                activity=in_process(out_of_stock),
                catch=[af.Catch(on=[StockError], goto="b")],
            ),
            af.Step("b", activity=answering("caught"), store="x"),
        ],
        result="x",
    )

    assert rt.start(wf).result(timeout=WAIT) == "caught"


def test_type_and_details_come_back_from_a_process(rt: af.Runtime) -> None:
    """An `ActivityError` keeps its class and details over the border."""
    error = rt.start(in_process(throttled)).wait(timeout=WAIT).error

    assert error is not None
    assert (error.type, error.details) == ("throttled", {"after": 5})


def test_the_idempotency_key_is_known_in_a_process(rt: af.Runtime) -> None:
    """An activity in another process can tell the outside who it is."""
    run = rt.start(in_process(key_of))

    assert run.id in run.result(timeout=WAIT)


def test_a_process_has_no_way_back(rt: af.Runtime) -> None:
    """What needs the runtime fails there with an explanation."""
    error = rt.start(in_process(record_there)).wait(timeout=WAIT).error

    assert error is not None
    assert "process" in error.message


def test_a_function_that_cannot_travel_is_explained(rt: af.Runtime) -> None:
    """A lambda on `executor="process"` says why it cannot run there."""
    try:
        error = rt.start(in_process(lambda: 1, name="local")).wait(timeout=WAIT).error
    except af.DefinitionError as refused:
        message = str(refused)
    else:
        assert error is not None
        message = error.message

    assert "process" in message


def test_a_process_that_dies_fails_its_step(rt: af.Runtime) -> None:
    """An activity that takes its process down has failed; nothing hangs."""
    assert rt.start(in_process(die)).wait(timeout=WAIT).status == "failed"


def test_after_a_death_processes_run_again(rt: af.Runtime) -> None:
    """The next process activity finds a living process."""
    rt.start(in_process(die)).wait(timeout=WAIT)

    assert isinstance(rt.start(in_process(pid)).result(timeout=WAIT), int)


def test_processes_map_items(rt: af.Runtime) -> None:
    """A map may use processes, and each failure keeps its place."""
    wf = af.Workflow(
        name="mapped",
        steps=[
            af.Step(
                "a",
                map=af.Map(
                    over=[1, 2, 3], activity=in_process(odd), on_error="continue"
                ),
                store="x",
            )
        ],
        result="x",
    )

    assert [one.ok for one in rt.start(wf).result(timeout=WAIT)] == [True, False, True]


def test_a_process_activity_is_timed_out(rt: af.Runtime) -> None:
    """A process that does not return in time is a `timeout`, and others still run."""
    error = rt.start(in_process(spin, timeout=0.3)).wait(timeout=WAIT).error
    after = rt.start(in_process(pid)).result(timeout=WAIT)

    assert error is not None
    assert (error.type, type(after)) == ("timeout", int)


STUCK = """
    import asyncio, threading
    import actorflow as af
    from tests.acceptance.test_executors import in_process, spin

    def thread():
        threading.Event().wait()

    async def coroutine():
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass

    with af.Runtime(":memory:") as rt:
        stuck = NODE
        run = rt.start(stuck.options(timeout=0.3, name="bounded"))
        assert run.wait(timeout=10).error.type == "timeout"
        rt.start(stuck)
    print("left")
"""


@pytest.mark.acceptance
@pytest.mark.parametrize(
    "node", ["af.activity(thread)", "af.activity(coroutine)", "in_process(spin)"]
)
def test_what_will_not_stop_does_not_hold_the_interpreter(node: str) -> None:
    """A program whose activities never return can leave its runtime, and end."""
    done = python(STUCK.replace("NODE", node))

    assert (done.stdout, done.returncode) == ("left\n", 0), done.stderr


# --- timeouts ------------------------------------------------------------------------


class Held:
    """An activity that stays until it is let go."""

    def __init__(self) -> None:
        self.gate, self.left, self.tries = Event(), Event(), Calls()

    def __call__(self, ctx: af.ActivityContext) -> str:
        """Hold the first attempt; let later ones pass."""
        self.tries(ctx.attempt)
        if ctx.attempt == 1:
            assert self.gate.wait(timeout=WAIT)
            self.left.set()
        return f"try {ctx.attempt}"

    def activity(self, **settings: Any) -> af.Activity:
        """Return it as an activity."""

        def held(ctx: af.ActivityContext) -> str:
            return self(ctx)

        return af.activity(timeout=SOON, **settings)(held)


@pytest.fixture
def held() -> Iterator[Held]:
    """Return an activity that is let go at the end at the latest."""
    held = Held()
    yield held
    held.gate.set()


def test_a_timeout_ends_the_wait_for_a_thread(held: Held) -> None:
    """A step whose time is over fails while its thread is still at work."""
    assert finish(single(held.activity())).status == "failed"


def test_a_timeout_is_of_the_type_timeout(held: Held) -> None:
    """Retry and catch know a timeout from other failures."""
    error = finish(single(held.activity())).error

    assert error is not None
    assert error.type == "timeout"


def test_a_timeout_holds_for_the_first_attempt(held: Held) -> None:
    """The first try is bounded like every other."""
    finish(single(held.activity()))

    assert held.tries.seen == [1]


def test_a_timed_out_attempt_is_retried(held: Held) -> None:
    """The next try begins although the first has not returned."""
    activity = held.activity(retry=af.Retry(on=["timeout"], initial=0))

    assert finish(single(activity)).output == "try 2"


def test_a_late_result_is_discarded(held: Held) -> None:
    """What a timed-out attempt returns at last changes nothing."""
    wf = single(held.activity(retry=af.Retry(on=["timeout"], initial=0)))
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        output = run.result(timeout=WAIT)
        head = len(run.history())
        held.gate.set()
        assert held.left.wait(timeout=WAIT)
        rt.start(double, 1).result(timeout=WAIT)

        assert (run.result(timeout=WAIT), len(run.history())) == (output, head)


def test_a_late_result_does_not_end_a_later_attempt(held: Held) -> None:
    """An attempt that comes too late is not taken for the one that is under way."""
    second = Event()
    tries = Calls()

    def activity(ctx: af.ActivityContext) -> str:
        tries(ctx.attempt)
        if ctx.attempt == 1:
            assert held.gate.wait(timeout=WAIT)
            held.left.set()
            return "late"
        assert second.wait(timeout=WAIT)
        return "in time"

    wf = single(activity, retry=af.Retry(on=["timeout"], initial=0), timeout=0.3)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        for recorded in run.stream():
            if type(recorded.event).__name__ == "AttemptFailed":
                held.gate.set()
                assert held.left.wait(timeout=WAIT)
                second.set()

        assert run.result(timeout=WAIT) == "in time"


def test_a_steps_timeout_replaces_the_activitys(held: Held) -> None:
    """`timeout` of a step holds instead of the decorator's."""
    slow = held.activity().options(timeout=3600)

    assert finish(single(slow, timeout=SOON)).status == "failed"


def test_a_timed_out_activity_is_told(held: Held) -> None:
    """`ctx.cancelled` is true for an attempt whose outcome no longer matters."""
    told: list[bool] = []
    done = Event()

    def activity(ctx: af.ActivityContext) -> None:
        assert held.gate.wait(timeout=WAIT)
        told.append(ctx.cancelled)
        done.set()

    wf = single(activity, timeout=SOON)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        rt.start(wf).wait(timeout=WAIT)
        held.gate.set()
        assert done.wait(timeout=WAIT)

    assert told == [True]


def test_a_late_record_is_refused(held: Held) -> None:
    """An attempt that was given up gets an exception from `record`, not silence."""
    ended = Event()

    def activity(ctx: af.ActivityContext) -> None:
        assert held.gate.wait(timeout=WAIT)
        try:
            ctx.record("k", lambda: 1)
        except BaseException:  # noqa: BLE001 - any way out will do
            ended.set()

    wf = single(activity, timeout=SOON)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        rt.start(wf).wait(timeout=WAIT)
        held.gate.set()

        assert ended.wait(timeout=5)


def test_a_timed_out_coroutine_is_cancelled() -> None:
    """An async activity whose time is over gets a `CancelledError`."""
    cancelled = Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    finish(single(forever, timeout=SOON))

    assert cancelled.wait(timeout=WAIT)


def test_a_coroutine_that_stops_when_told_to_is_nothing_to_look_at(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It has timed out, and was cancelled: no warning tells of a late failure."""
    cancelled = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    finish(single(forever, timeout=SOON))
    assert cancelled.wait(timeout=WAIT)

    assert not [each for each in caplog.records if "late failure" in each.message]


def test_a_coroutine_that_ignores_its_cancellation_still_times_out() -> None:
    """A step does not wait for a coroutine that will not stop."""
    gate = asyncio.Event()

    async def stubborn() -> None:
        for _ in range(2):
            with suppress(asyncio.CancelledError):
                await gate.wait()

    error = finish(single(stubborn, timeout=SOON)).error

    assert error is not None
    assert error.type == "timeout"


def test_a_timed_out_item_fails_alone() -> None:
    """In a map the timeout of one item is that item's."""

    async def visit(n: int) -> int:
        if n == 1:
            await asyncio.Event().wait()
        return n

    activity = af.activity(timeout=SOON)(visit)
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a",
                map=af.Map(over=[0, 1, 2], activity=activity, on_error="continue"),
                store="x",
            )
        ],
        result="x",
    )

    assert [one.ok for one in finish(wf).output] == [True, False, True]


def test_a_quick_attempt_is_not_timed_out() -> None:
    """A timeout that does not run out leaves no trace."""
    wf = single(answering(5), timeout=3600)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)

        assert (run.result(timeout=WAIT), events(rt, run.id, "AttemptFailed")) == (
            5,
            [],
        )


# --- cancel --------------------------------------------------------------------------


def test_a_cancelled_run_does_not_wait_for_its_threads(held: Held) -> None:
    """`cancel` ends an execution whose activity is still at work."""

    def activity() -> None:
        held.left.set()
        assert held.gate.wait(timeout=WAIT)

    wf = single(activity)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        assert held.left.wait(timeout=WAIT)
        run.cancel()
        status = run.wait(timeout=WAIT).status
        held.gate.set()

    assert status == "cancelled"


def test_a_cancelled_activity_is_told(held: Held) -> None:
    """`ctx.cancelled` becomes true when the execution is cancelled."""
    told: list[bool] = []
    done = Event()

    def activity(ctx: af.ActivityContext) -> None:
        held.left.set()
        assert held.gate.wait(timeout=WAIT)
        told.append(ctx.cancelled)
        done.set()

    wf = single(activity)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        assert held.left.wait(timeout=WAIT)
        run.cancel()
        held.gate.set()
        assert done.wait(timeout=WAIT)

    assert told == [True]


class Crowd:
    """Many items that all stay until they are let go."""

    def __init__(self, calls: Calls) -> None:
        self.calls, self.gate, self.begun = calls, Event(), Event()

        def visit(n: int) -> int:
            self.calls(n)
            self.begun.set()
            assert self.gate.wait(timeout=WAIT)
            return n

        self.wf = af.Workflow(
            name="w",
            steps=[af.Step("a", map=af.Map(over=[*range(100)], activity=visit))],
        )


def test_items_that_have_not_begun_do_not_begin_after_a_cancel(calls: Calls) -> None:
    """Of a hundred items on two threads, a cancel leaves the rest undone."""
    crowd = Crowd(calls)
    with af.Runtime(":memory:", definitions=[crowd.wf], threads=2) as rt:
        run = rt.start(crowd.wf)
        assert crowd.begun.wait(timeout=WAIT)
        run.cancel()
        run.wait(timeout=WAIT)
        crowd.gate.set()
        rt.start(double, 1).result(timeout=WAIT)

    assert len(calls) <= 3


def test_items_that_have_not_begun_do_not_begin_after_closing(calls: Calls) -> None:
    """What was queued when the runtime closed waits for the next start."""
    crowd = Crowd(calls)
    with af.Runtime(":memory:", definitions=[crowd.wf], threads=2) as rt:
        rt.start(crowd.wf)
        assert crowd.begun.wait(timeout=WAIT)
    crowd.gate.set()
    with af.Runtime(":memory:") as rt:
        rt.start(double, 1).result(timeout=WAIT)

    assert len(calls) <= 3


def test_a_timed_out_item_lets_the_next_begin(held: Held) -> None:
    """A thread that was given up is replaced, so that the others go on."""

    def visit(n: int) -> int:
        if n == 0:
            assert held.gate.wait(timeout=WAIT)
        return n

    activity = af.activity(timeout=SOON)(visit)
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a",
                map=af.Map(over=[*range(20)], activity=activity, on_error="continue"),
                store="x",
            )
        ],
        result="x",
    )
    with af.Runtime(":memory:", definitions=[wf], threads=1) as rt:
        outcomes = rt.start(wf).result(timeout=WAIT)

    assert [one.ok for one in outcomes] == [False] + [True] * 19


def test_a_cancelled_coroutine_is_stopped() -> None:
    """An async activity of a cancelled execution gets a `CancelledError`."""
    begun, stopped = Event(), Event()

    async def forever() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    wf = single(forever)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        assert begun.wait(timeout=WAIT)
        run.cancel()

        assert stopped.wait(timeout=WAIT)


def test_context_variables_of_a_job_end_with_it() -> None:
    """The next activity on the same thread does not see them."""
    variable: ContextVar[int] = ContextVar("variable", default=0)

    def raise_it() -> int:
        variable.set(variable.get() + 1)
        return variable.get()

    flow = af.Flow("f").then(raise_it, into="a").then(raise_it, into="b", name="again")
    with af.Runtime(":memory:", [flow], threads=1) as rt:
        assert rt.start(flow).result(timeout=WAIT) == {"a": 1, "b": 1}
