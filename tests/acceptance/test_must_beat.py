"""Defects of another system, each of which must not exist here.

The tests are named after the list they come from: B1 to B18.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.log.port import Write
from actorflow.testing import VirtualClock, runtime
from tests.acceptance.helpers import (
    WAIT,
    Calls,
    answering,
    boom,
    calling,
    double,
    echo,
    events,
    finish,
)

DOWN = ConnectionError("down")


class FailingLog(MemoryLog):
    """A log that is down for as long as it is told to be.

    Attributes:
        when: tells of an event whether the log goes down before it can be written.
        failures: how many writes fail then; None is for ever.
    """

    when: Callable[[Any], bool] = staticmethod(lambda event: False)
    failures: int | None = None
    transient = False

    def write(self, batch: Sequence[Write]) -> None:
        """Write, unless the log is down."""
        hit = any(self.when(recorded.event) for one in batch for recorded in one.events)
        if hit and self.failures != 0:
            if self.failures is not None:
                self.failures -= 1
            raise af.LogUnavailableError("the disk is full", transient=self.transient)
        super().write(batch)


def completing(node: str) -> Callable[[Any], bool]:
    """Return a test for the completion that stores *node*."""
    return lambda event: (
        type(event).__name__ == "ActivationCompleted" and event.result == node
    )


# --- B1, B2: what is done is done ----------------------------------------------------


def test_B1_only_the_step_that_was_cut_runs_again(db: Path, calls: Calls) -> None:
    """A chain that is stopped in its last step resumes there, not at its first."""
    gate, running = Event(), Event()

    def last() -> str:
        running.set()
        assert gate.wait(timeout=WAIT)
        return calls("d")

    steps = [
        af.Step(name, activity=calling(calls, name), next=[af.Edge(after)])
        for name, after in (("a", "b"), ("b", "c"), ("c", "d"))
    ]
    wf = af.Workflow(name="w", steps=[*steps, af.Step("d", activity=last)])
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, execution_id="run")
        assert running.wait(timeout=WAIT)
    before = calls.seen.copy()
    gate.set()
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.get("run").result(timeout=WAIT)

    assert (before, set(calls.seen[3:])) == (["a", "b", "c"], {"d"})


def test_B2_a_failed_branch_is_retried_alone(calls: Calls) -> None:
    """After one branch failed, a retry runs that branch only, and completes."""
    broken = [True]

    def flaky() -> str:
        calls("flaky")
        if broken:
            raise DOWN
        return "up"

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=calling(calls, "s"),
                next=[af.Edge("a", branch="a"), af.Edge("b", branch="b")],
            ),
            af.Step("a", activity=calling(calls, "a")),
            af.Step("b", activity=flaky, store="x"),
        ],
        outputs=[af.Output("x", branch="b")],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        broken.clear()
        before = sorted(calls.seen)
        calls.seen.clear()
        run.retry()
        output = run.result(timeout=WAIT)

    assert (output, before) == ({"x": "up"}, ["a", "flaky", "s"])
    assert calls.seen == ["flaky"]


# --- B3, B4, B5: joins ---------------------------------------------------------------


@pytest.mark.parametrize(
    "edges",
    [
        [],
        [af.Edge("x"), af.Edge("y")],
        [af.Edge("x", branch="named")],
        [af.Edge("x", when="false")],
    ],
    ids=["last", "two edges", "named edge", "no edge holds"],
)
def test_B3_a_join_completes_wherever_it_leads(edges: list[af.Edge]) -> None:
    """A join as the last step, before a split, or before a named edge does not hang."""
    targets = [
        af.Step(name, activity=answering(1, name))
        for name in sorted({edge.step for edge in edges})
    ]
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("a", branch="a"), af.Edge("j", branch="final")],
            ),
            af.Step("a", activity=answering(1, "a")),
            af.Step("j", join=af.Join(branches=["a"]), next=edges),
            *targets,
        ],
    )

    assert finish(wf).status == "completed"


def test_B4_two_branches_at_one_join_go_on_as_one(calls: Calls) -> None:
    """Of two branches that lead to one join one goes on, and the other ends there."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("a", branch="a"), af.Edge("b", branch="b")],
            ),
            af.Step("a", activity=answering(1, "a"), next=[af.Edge("j")]),
            af.Step("b", activity=answering(1, "b"), next=[af.Edge("j")]),
            af.Step("j", join=af.Join(), next=[af.Edge("after")]),
            af.Step("after", activity=calling(calls, "after")),
        ],
    )

    assert (finish(wf).status, calls.seen) == ("completed", ["after"])


def test_B4_what_both_branches_found_is_joined(calls: Calls) -> None:
    """Behind a join that two branches lead to, the results of both are there."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("a", branch="a"), af.Edge("b", branch="b")],
            ),
            af.Step("a", activity=answering(1, "a"), store="a", next=[af.Edge("j")]),
            af.Step("b", activity=answering(2, "b"), store="b", next=[af.Edge("j")]),
            af.Step(
                "j",
                join=af.Join(branches=["a", "b"], mappings={"a.a": "a", "b.b": "b"}),
                next=[af.Edge("after")],
            ),
            af.Step("after", activity=calls, parameters={"value": "${state}"}),
        ],
    )
    finish(wf)

    assert calls.seen == [{"a": 1, "b": 2}]


def joining_a_sleeper() -> af.Workflow:
    """Make a workflow whose join needs a branch that sleeps."""
    return af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("nap", branch="a"), af.Edge("j", branch="final")],
            ),
            af.Step("nap", sleep=3_600, next=[af.Edge("late")]),
            af.Step("late", activity=answering("late", "late"), store="x"),
            af.Step("j", join=af.Join(branches=["a"], mappings={"a.x": "x"})),
        ],
        outputs=[af.Output("x", branch="final")],
    )


def test_B5_a_join_that_needs_a_sleeper_suspends() -> None:
    """The execution rests until the sleeper wakes; it is neither stuck nor failed."""
    wf = joining_a_sleeper()
    with runtime(wf) as rt:
        now = rt.clock.time()
        result = rt.start(wf).wait()

    assert result.status == "suspended"
    assert result.suspension is not None
    assert result.suspension.wake_at == pytest.approx(now + 3_600)


def test_B5_a_join_that_needed_a_sleeper_completes(db: Path) -> None:
    """After a restart, and when its time has come, the join goes on."""
    wf = joining_a_sleeper()
    clock = VirtualClock()
    with runtime(wf, log=str(db), clock=clock) as rt:
        rt.start(wf, execution_id="run").wait()
    with runtime(wf, log=str(db), clock=clock) as rt:
        assert rt.get("run").result() == {"x": "late"}


# --- B6: history ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_B6_an_effect_recorded_right_after_a_step_happens_once(
    calls: Calls, seed: int
) -> None:
    """A quick step, a recorded effect, a wait: after the signal it is not repeated."""

    def agent(ctx: af.ActivityContext) -> Any:
        ctx.record("post", calling(calls, "post"))
        return ctx.wait_signal("go")

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "quick", activity=echo, parameters={"value": 1}, next=[af.Edge("agent")]
            ),
            af.Step("agent", activity=agent),
        ],
    )
    with runtime(wf, seed=seed) as rt:
        run = rt.start(wf)
        run.wait()
        run.signal("go")
        run.result()

    assert calls.seen == ["post"]


# --- B7, B8, B9, B10: the log --------------------------------------------------------


def test_B7_a_signal_is_not_lost_with_the_log() -> None:
    """The log goes down when a signal is taken; after a restart it is still there."""
    log = FailingLog()
    log.when = lambda event: type(event).__name__ == "WaitEnded"
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("nap", sleep=60, next=[af.Edge("s")]),
            af.Step("s", wait_signal=af.WaitSignal(topic="go", store="x")),
        ],
        result="x",
    )
    clock = VirtualClock()
    with runtime(wf, log=log, clock=clock) as rt:
        run = rt.start(wf, execution_id="run")
        run.signal("go", "precious")
        with pytest.raises(af.LogError):
            run.result()
    with runtime(wf, log=MemoryLog(store=log.store), clock=clock) as rt:
        assert rt.get("run").result() == "precious"


def charging(calls: Calls) -> af.Workflow:
    """Make a workflow that charges, with a retry and a catch."""
    return af.Workflow(
        name="w",
        steps=[
            af.Step(
                "pay",
                activity=calling(calls, "charge", "charged"),
                retry=af.Retry(max_attempts=5, initial=0),
                catch=[af.Catch(goto="refund"), af.Catch(on=["fatal"], goto="refund")],
                store="x",
            ),
            af.Step("refund", activity=calling(calls, "refund"), store="x"),
        ],
        result="x",
    )


def test_B8_a_charge_is_not_repeated_because_the_log_hiccuped(calls: Calls) -> None:
    """A write that fails for a moment is written again; the activity is not."""
    log = FailingLog()
    log.when, log.failures, log.transient = completing("charged"), 2, True
    wf = charging(calls)
    with runtime(wf, log=log) as rt:
        output = rt.start(wf).result()

    assert (output, calls.seen) == ("charged", ["charge"])


def test_B8_a_log_that_stays_down_stops_the_runtime(calls: Calls) -> None:
    """When the log cannot be written, the caller is told of the log."""
    log = FailingLog()
    log.when = completing("charged")
    wf = charging(calls)
    with (
        runtime(wf, log=log) as rt,
        pytest.raises(af.LogError, match="the disk is full"),
    ):
        rt.start(wf).result()


def test_B8_a_log_that_stays_down_repeats_and_catches_nothing(calls: Calls) -> None:
    """An infrastructure error is no failure of the activity."""
    log = FailingLog()
    log.when = completing("charged")
    wf = charging(calls)
    with runtime(wf, log=log) as rt, pytest.raises(af.LogError):
        rt.start(wf).result()

    assert calls.seen == ["charge"]


def test_B8_after_the_log_is_back_the_run_ends_well(calls: Calls) -> None:
    """With a healthy log the execution goes on where the log had left it."""
    log = FailingLog()
    log.when = completing("charged")
    wf = charging(calls)
    with runtime(wf, log=log) as rt, pytest.raises(af.LogError):
        rt.start(wf, execution_id="run").result()
    with runtime(wf, log=MemoryLog(store=log.store)) as rt:
        assert rt.get("run").result() == "charged"


def test_B9_a_lost_lease_uses_neither_retry_nor_catch(calls: Calls) -> None:
    """An owner that has been replaced stops; it does not take that for a failure."""
    now = [1_000.0]
    log = MemoryLog(clock=lambda: now[0])

    def pay() -> str:
        calls("charge")
        now[0] += 3_600  # longer than any lease
        MemoryLog(store=log.store, clock=lambda: now[0]).claim("execution", "run")
        return "charged"

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "pay",
                activity=pay,
                retry=af.Retry(max_attempts=5, initial=0),
                catch=[af.Catch(goto="refund"), af.Catch(on=["fatal"], goto="refund")],
            ),
            af.Step("refund", activity=calling(calls, "refund")),
        ],
    )
    with runtime(wf, log=log) as rt:
        rt.start(wf, execution_id="run")
        rt.clock.advance(1)

    assert calls.seen == ["charge"]


def test_B9_a_stale_owner_writes_nothing(calls: Calls) -> None:
    """After a takeover no event of the old owner is in the log."""
    now = [1_000.0]
    log = MemoryLog(clock=lambda: now[0])

    def pay() -> str:
        now[0] += 3_600
        MemoryLog(store=log.store, clock=lambda: now[0]).claim("execution", "run")
        return "charged"

    wf = af.Workflow(name="w", steps=[af.Step("pay", activity=pay)])
    with runtime(wf, log=log) as rt:
        rt.start(wf, execution_id="run")
        rt.clock.advance(1)
        kinds = [type(r.event).__name__ for r in rt.history("run")]

    assert kinds[-1] == "ActivationStarted"


@pytest.mark.parametrize(
    ("activity", "status"), [(answering(1), "completed"), (boom, "failed")]
)
def test_B10_the_end_is_durable_before_it_is_told(
    db: Path, activity: Any, status: str
) -> None:
    """When `wait` returns an end, another opening of the log sees the same end."""
    wf = af.Workflow(name="w", steps=[af.Step("a", activity=activity)])
    with af.Runtime(db, definitions=[wf]) as rt, af.Runtime(db) as witness:
        run = rt.start(wf)

        assert run.wait(timeout=WAIT).status == status
        assert witness.get(run.id).status == status


def test_B10_an_end_that_cannot_be_written_is_not_told() -> None:
    """When the log is down at the end, the caller gets the log's error, no output."""
    log = FailingLog()
    log.when = lambda event: type(event).__name__ == "ExecutionCompleted"
    wf = af.Workflow(name="w", steps=[af.Step("a", activity=answering(1))])
    with runtime(wf, log=log) as rt, pytest.raises(af.LogError):
        rt.start(wf).result()


# --- B11 to B18 ----------------------------------------------------------------------


def test_B11_each_item_records_for_itself() -> None:
    """The same key in three items of a map keeps three values."""

    def visit(n: int, ctx: af.ActivityContext) -> Any:
        return ctx.record("k", lambda: n * 10)

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("a", map=af.Map(over=[1, 2, 3], activity=visit), store="x"),
        ],
        result="x",
    )

    assert finish(wf).output == [10, 20, 30]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("broken"),
        SystemExit(1),
        KeyboardInterrupt(),
        GeneratorExit(),
        RecursionError("deep"),
        MemoryError("full"),
        asyncio.CancelledError(),
        StopIteration(1),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("executor", ["thread", "inline", "async"])
def test_B12_whatever_an_activity_raises_the_process_lives(
    error: BaseException, executor: str
) -> None:
    """The step fails, other executions go on."""

    def plain() -> None:
        raise error

    async def later() -> None:
        raise error

    activity: Any = later if executor == "async" else plain
    if executor == "inline":
        activity = af.activity(executor="inline")(plain)
    with af.Runtime(":memory:") as rt:
        failed = rt.start(activity).wait(timeout=WAIT).status
        went_on = rt.start(double, 1).result(timeout=WAIT)

    assert (failed, went_on) == ("failed", 2)


@pytest.mark.parametrize(
    "value",
    [
        "join_completed",
        "__CATCH_HANDLED__",
        "__PAUSE_STEP_TRIGGERED__",
        "suspended",
        {"$": "tuple", "v": []},
        {"type": "actorflow:Outcome"},
    ],
    ids=repr,
)
def test_B13_no_result_is_magic(value: Any) -> None:
    """Whatever an activity returns is just a value."""
    wf = af.Workflow(
        name="w", steps=[af.Step("a", activity=answering(value), store="x")], result="x"
    )

    assert finish(wf).output == value


def test_B14_the_first_attempt_has_a_timeout() -> None:
    """`timeout` bounds the first try, not only the later ones."""
    gate = Event()

    def hold() -> None:
        gate.wait(timeout=WAIT)

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a",
                activity=hold,
                timeout=0.05,
                retry=af.Retry(on=["never raised"], initial=0),
            )
        ],
    )
    error = finish(wf).error
    gate.set()

    assert error is not None
    assert error.type == "timeout"


def test_B15_a_signal_that_never_comes_is_caught() -> None:
    """`catch` on a wait leads on when its time is over."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                wait_signal=af.WaitSignal(topic="go", timeout=60),
                catch=[af.Catch(on=["timeout"], goto="late")],
            ),
            af.Step("late", activity=answering("late"), store="x"),
        ],
        result="x",
    )
    with runtime(wf) as rt:
        assert rt.start(wf).result() == "late"


def test_B16_lists_in_parameters_are_templated() -> None:
    """A template inside a list is evaluated like any other."""
    wf = af.Workflow(
        name="w",
        state={"n": 5},
        steps=[
            af.Step(
                "a",
                activity=echo,
                parameters={
                    "value": ["${state.n}", ["n=${state.n}", {"k": "${state.n}"}]]
                },
                store="x",
            )
        ],
        result="x",
    )

    assert finish(wf).output == [5, ["n=5", {"k": 5}]]


def test_B17_the_inputs_of_the_first_start_are_used(db: Path) -> None:
    """Starting an id again, after a restart, with other inputs changes nothing."""
    wf = af.Workflow(
        name="w",
        inputs=[af.Input("x")],
        steps=[
            af.Step("s", wait_signal=af.WaitSignal(topic="go"), next=[af.Edge("a")]),
            af.Step("a", activity=echo, parameters={"value": "${inputs.x}"}, store="x"),
        ],
        result="x",
    )
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, x="first", execution_id="run").wait(timeout=WAIT)
    with af.Runtime(db, definitions=[wf]) as rt:
        run = rt.start(wf, x="second", execution_id="run")
        run.signal("go")

        assert run.result(timeout=WAIT) == "first"


def test_B18_after_the_end_nothing_is_written(db: Path) -> None:
    """An activity that is still at work when its execution ends changes it no more."""
    gate, running, left = Event(), Event(), Event()

    def slow(ctx: af.ActivityContext) -> str:
        running.set()
        assert gate.wait(timeout=WAIT)
        try:
            ctx.record("k", lambda: 1)
        finally:
            left.set()
        return "too late"

    wf = af.Workflow(name="w", steps=[af.Step("a", activity=slow)])
    with af.Runtime(db, definitions=[wf]) as rt:
        run = rt.start(wf, execution_id="run")
        assert running.wait(timeout=WAIT)
        run.cancel()
        run.wait(timeout=WAIT)
        head = len(run.history())
        gate.set()
        assert left.wait(timeout=5)
        rt.start(double, 1).result(timeout=WAIT)
    with af.Runtime(db, definitions=[wf]) as rt:
        assert len(list(rt.history("run"))) == head


def test_B18_a_late_report_is_dropped(db: Path) -> None:
    """Progress of an attempt that no longer matters is not recorded."""
    gate, running, left = Event(), Event(), Event()

    def slow(ctx: af.ActivityContext) -> None:
        running.set()
        assert gate.wait(timeout=WAIT)
        try:
            ctx.progress(1)
            ctx.emit("late")
        finally:
            left.set()

    wf = af.Workflow(name="w", steps=[af.Step("a", activity=slow)])
    with af.Runtime(db, definitions=[wf]) as rt:
        run = rt.start(wf, execution_id="run")
        assert running.wait(timeout=WAIT)
        run.cancel()
        run.wait(timeout=WAIT)
        gate.set()
        assert left.wait(timeout=WAIT)
        rt.start(double, 1).result(timeout=WAIT)

        assert events(rt, "run", "ProgressReported") == []
