"""An execution can wait for a message or for a time, and costs nothing meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import VirtualClock, runtime
from tests.acceptance.helpers import WAIT, Calls, answering, calling, echo, events

DAY = 86_400.0


def waiting(
    topic: str = "go", *more: af.Step, state: dict | None = None, **settings: Any
) -> af.Workflow:
    """Make a workflow that waits for a signal and returns what came."""
    wait = {
        key: settings.pop(key) for key in ("timeout", "on_timeout") if key in settings
    }
    return af.Workflow(
        name="w",
        inputs=[af.Input("id", default="42")],
        state=state or {},
        steps=[
            af.Step(
                "s",
                wait_signal=af.WaitSignal(topic=topic, store="reply", **wait),
                **settings,
            ),
            *more,
        ],
        result="*",
    )


def sleeping(seconds: float, *more: af.Step) -> af.Workflow:
    """Make a workflow that sleeps."""
    following = [af.Edge(more[0].name)] if more else []
    return af.Workflow(
        name="w", steps=[af.Step("s", sleep=seconds, next=following), *more]
    )


# --- signals -------------------------------------------------------------------------


def test_a_wait_suspends_the_run() -> None:
    """An execution that only a signal can move is suspended, and waiting."""
    wf = waiting()
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        result = rt.start(wf).wait(timeout=WAIT)

    assert result.suspension is not None
    assert (result.status, result.suspension.reason) == ("suspended", "waiting")


def test_a_suspension_tells_its_topics() -> None:
    """The topics an execution waits for are told, templates evaluated."""
    wf = waiting("callback-${inputs.id}")
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        suspension = rt.start(wf, id="req-42").wait(timeout=WAIT).suspension

    assert suspension is not None
    assert suspension.topics == ("callback-req-42",)


def test_a_suspension_tells_the_branch_that_waits() -> None:
    """Each resting branch is told with what it waits for."""
    wf = waiting()
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        suspension = rt.start(wf).wait(timeout=WAIT).suspension

    assert suspension is not None
    assert "go" in suspension.branches.values()


def test_a_signal_ends_the_wait() -> None:
    """The payload of the signal is stored, and the branch goes on."""
    wf = waiting()
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.signal("go", {"ok": True})

        assert run.result(timeout=WAIT) == {"reply": {"ok": True}}


def test_a_signal_may_come_first() -> None:
    """A signal that nobody waits for yet is kept."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("a", wait_signal=af.WaitSignal(topic="1st"), next=[af.Edge("b")]),
            af.Step("b", wait_signal=af.WaitSignal(topic="2nd", store="x")),
        ],
        result="x",
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.signal("2nd", "early")
        run.signal("1st")

        assert run.result(timeout=WAIT) == "early"


def test_a_signal_on_another_topic_changes_nothing() -> None:
    """A wait ends by its own topic only."""
    wf = waiting()
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.signal("stop")

        assert run.wait(timeout=WAIT).status == "suspended"


def collecting(count: int) -> af.Workflow:
    """Make a workflow that collects so many signals of one topic."""
    return af.Workflow(
        name="w",
        state={"seen": []},
        steps=[
            af.Step(
                "s",
                wait_signal=af.WaitSignal(topic="t", store="last"),
                next=[af.Edge("add")],
            ),
            af.Step(
                "add",
                activity=lambda seen, last: [*seen, last],
                parameters={"seen": "${state.seen}", "last": "${state.last}"},
                store="seen",
                next=[af.Edge("s", when=f"len(state.seen) < {count}")],
            ),
        ],
        result="seen",
    )


def test_signals_are_taken_in_the_order_they_came() -> None:
    """On one topic, first come is first served."""
    wf = collecting(20)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        for n in range(20):
            run.signal("t", n)

        assert run.result(timeout=WAIT) == [*range(20)]


def test_a_signal_is_taken_once() -> None:
    """One signal ends one wait; the next wait needs another."""
    wf = collecting(2)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.signal("t", 1)

        assert run.wait(timeout=WAIT).status == "suspended"


def test_a_signal_with_a_known_key_is_ignored() -> None:
    """A sender that is not sure may send again under the same key."""
    wf = collecting(2)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.signal("t", "first", key="m-1")
        run.signal("t", "again", key="m-1")
        run.signal("t", "second", key="m-2")

        assert run.result(timeout=WAIT) == ["first", "second"]


def test_two_branches_share_the_signals_of_a_topic() -> None:
    """Two waits on one topic take one signal each."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("a", branch="a"), af.Edge("b", branch="b")],
            ),
            af.Step("a", wait_signal=af.WaitSignal(topic="t", store="x")),
            af.Step("b", wait_signal=af.WaitSignal(topic="t", store="x")),
        ],
        outputs=[
            af.Output("a", variable="x", branch="a"),
            af.Output("b", variable="x", branch="b"),
        ],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.signal("t", 1)
        run.signal("t", 2)

        assert sorted(run.result(timeout=WAIT).values()) == [1, 2]


def test_a_signal_to_nobody_is_an_error() -> None:
    """A signal for an id that nobody started cannot be accepted."""
    with (
        af.Runtime(":memory:") as rt,
        pytest.raises(af.ExecutionNotFoundError, match="ghost"),
    ):
        rt.signal("ghost", "t")


def test_a_signal_to_an_ended_run_is_refused() -> None:
    """A signal that nobody can ever take is not accepted silently."""
    wf = waiting()
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.signal("go")
        run.result(timeout=WAIT)

        with pytest.raises(af.ExecutionEndedError):
            run.signal("go")


def test_a_payload_that_is_no_data_is_refused() -> None:
    """The sender gets the error, and nothing is recorded."""
    wf = waiting()
    with (
        af.Runtime(":memory:", definitions=[wf]) as rt,
        pytest.raises(af.UnrecordableError, match="payload"),
    ):
        rt.start(wf).signal("go", object())


def test_an_accepted_signal_survives_a_restart(db: Path) -> None:
    """When `signal` has returned, the signal is in the log, wait or no wait."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("a", wait_signal=af.WaitSignal(topic="1st"), next=[af.Edge("b")]),
            af.Step("b", wait_signal=af.WaitSignal(topic="2nd", store="x")),
        ],
        result="x",
    )
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, execution_id="run")
        rt.signal("run", "2nd", "kept")
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.signal("run", "1st")

        assert rt.get("run").result(timeout=WAIT) == "kept"


def test_a_taken_signal_is_not_given_again_after_a_restart(db: Path) -> None:
    """A signal that a wait consumed is gone for good."""
    wf = collecting(3)
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, execution_id="run")
        rt.signal("run", "t", 1)
        rt.signal("run", "t", 2)
        rt.get("run").wait(timeout=WAIT)
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.signal("run", "t", 3)

        assert rt.get("run").result(timeout=WAIT) == [1, 2, 3]


def test_kept_signals_can_be_seen() -> None:
    """The state shows what has been received and not yet consumed."""
    wf = waiting()
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.signal("later", 1)
        run.signal("later", 2)

        assert rt.state(run.id).signals == {"later": [1, 2]}


def test_a_topic_is_evaluated_once() -> None:
    """The topic of a wait is that of its beginning, also after a restart."""
    wf = waiting("order-${state.n}", state={"n": 7})
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.signal("order-7")

        assert run.result(timeout=WAIT)


def test_an_empty_topic_fails_the_step() -> None:
    """A topic that evaluates to nothing is a failure, not a wait for ever."""
    wf = waiting("${state.n}", state={"n": ""})
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        result = rt.start(wf).wait(timeout=WAIT)

    assert result.status == "failed"
    assert result.error is not None
    assert "topic" in result.error.message


def test_a_topic_that_cannot_be_evaluated_fails_the_step() -> None:
    """A missing variable in a topic fails the step, naming it."""
    wf = waiting("order-${state.order.ghost}", state={"order": {}})
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        error = rt.start(wf).wait(timeout=WAIT).error

    assert error is not None
    assert "ghost" in error.message


def test_a_wait_is_found_by_list() -> None:
    """Suspended executions are listed by their status."""
    wf = waiting()
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)

        assert [row.id for row in rt.list(status="suspended")] == [run.id]


# --- timeouts of waits ---------------------------------------------------------------


def test_a_timeout_leads_to_on_timeout(calls: Calls) -> None:
    """When its time is over a wait goes on at `on_timeout`, not over its edges."""
    wf = waiting(
        "go",
        af.Step("late", activity=calling(calls, "late")),
        af.Step("good", activity=calling(calls, "good")),
        timeout=60,
        on_timeout="late",
        next=[af.Edge("good")],
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        rt.clock.advance(61)
        run.result()

    assert calls.seen == ["late"]


def test_a_wait_that_timed_out_stores_nothing() -> None:
    """The store variable is not written by a timeout."""
    wf = waiting(
        "go",
        af.Step("late", activity=answering("late"), store="how"),
        timeout=60,
        on_timeout="late",
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        rt.clock.advance(61)

        assert run.result() == {"how": "late"}


def test_a_timeout_without_on_timeout_fails_the_run() -> None:
    """A wait whose time is over fails with the type `timeout`."""
    wf = waiting(timeout=60)
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        rt.clock.advance(61)
        error = run.wait().error

    assert error is not None
    assert error.type == "timeout"


def test_a_timeout_names_its_topic() -> None:
    """The failure says which signal did not come."""
    wf = waiting("the-topic", timeout=60)
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        rt.clock.advance(61)
        error = run.wait().error

    assert error is not None
    assert "the-topic" in error.message


def test_a_timeout_is_caught() -> None:
    """`catch` of a waiting step sees its timeout."""
    wf = waiting(
        "go",
        af.Step("late", activity=answering("late"), store="how"),
        timeout=60,
        catch=[af.Catch(on=["timeout"], goto="late")],
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        rt.clock.advance(61)

        assert run.result() == {"how": "late"}


def test_a_timeout_is_retried() -> None:
    """`retry` of a waiting step waits once more, and a signal may come then."""
    wf = waiting(timeout=60, retry=af.Retry(max_attempts=2, initial=0))
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        rt.clock.advance(61)
        run.wait()
        rt.clock.advance(30)
        run.signal("go", "second try")

        assert run.result() == {"reply": "second try"}


def test_a_signal_before_the_deadline_wins() -> None:
    """A signal in time ends the wait, and its clock rings no more."""
    wf = waiting(
        "go",
        af.Step("late", activity=answering("late"), store="how"),
        timeout=60,
        on_timeout="late",
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        rt.clock.advance(59)
        run.signal("go", 1)
        run.result()
        rt.clock.advance(100)

        assert run.result() == {"reply": 1}


def test_a_suspension_tells_when_it_wakes() -> None:
    """The earliest clock of an execution is in its suspension."""
    wf = waiting(timeout=60)
    with runtime(wf) as rt:
        now = rt.clock.time()
        suspension = rt.start(wf).wait().suspension

    assert suspension is not None
    assert suspension.wake_at == pytest.approx(now + 60)


def test_without_a_timeout_a_wait_has_no_clock() -> None:
    """A wait that never ends by itself has no time to wake."""
    wf = waiting()
    with runtime(wf) as rt:
        run = rt.start(wf)
        suspension = run.wait().suspension
        rt.clock.advance(1_000 * DAY)

        assert suspension is not None
        assert (suspension.wake_at, run.status) == (None, "suspended")


def test_a_deadline_passed_while_nothing_ran_ends_the_wait(db: Path) -> None:
    """A wait whose time ran out while nothing ran ends when the log is opened."""
    wf = waiting(
        "go",
        af.Step("late", activity=answering("late"), store="how"),
        timeout=60,
        on_timeout="late",
    )
    clock = VirtualClock()
    with runtime(wf, log=str(db), clock=clock) as rt:
        rt.start(wf, execution_id="run").wait()
    clock.advance(3_600)
    with runtime(wf, log=str(db), clock=clock) as rt:
        assert rt.get("run").result() == {"how": "late"}


def test_a_deadline_is_not_moved_by_a_restart(db: Path) -> None:
    """What was left of a wait before a restart is what is left after."""
    wf = waiting(timeout=60)
    clock = VirtualClock()
    with runtime(wf, log=str(db), clock=clock) as rt:
        wake_at = rt.start(wf, execution_id="run").wait().suspension.wake_at  # type: ignore[union-attr]
        rt.clock.advance(40)
    with runtime(wf, log=str(db), clock=clock) as rt:
        rt.clock.advance(10)

        assert rt.get("run").wait().suspension.wake_at == wake_at  # type: ignore[union-attr]


def test_a_new_wait_on_a_topic_has_a_clock_of_its_own() -> None:
    """After a timeout a second wait on the same topic waits its own time."""
    wf = waiting(
        "go",
        af.Step(
            "again",
            wait_signal=af.WaitSignal(topic="go", timeout=600, store="second"),
        ),
        timeout=60,
        on_timeout="again",
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        rt.clock.advance(61)
        run.wait()
        rt.clock.advance(500)
        run.signal("go", "at last")

        assert run.result() == {"second": "at last"}


def test_a_late_signal_is_for_the_next_wait() -> None:
    """A signal that came after the timeout is kept for who waits next."""
    wf = waiting(
        "go",
        af.Step("other", sleep=100, next=[af.Edge("again")]),
        af.Step("again", wait_signal=af.WaitSignal(topic="go", store="second")),
        timeout=60,
        on_timeout="other",
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        rt.clock.advance(61)
        run.signal("go", "late")
        rt.clock.advance(101)

        assert run.result() == {"second": "late"}


# --- sleep ---------------------------------------------------------------------------


def test_a_sleep_suspends_the_run() -> None:
    """An execution that only time can move is suspended, and sleeping."""
    wf = sleeping(60)
    with runtime(wf) as rt:
        result = rt.start(wf).wait()

    assert result.suspension is not None
    assert (result.status, result.suspension.reason) == ("suspended", "sleeping")


def test_a_sleep_ends_when_its_time_is_over(calls: Calls) -> None:
    """The step behind a sleep runs after it, and not before."""
    wf = sleeping(60, af.Step("after", activity=calling(calls, "after")))
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        rt.clock.advance(59)
        before = list(calls.seen)
        rt.clock.advance(1)
        run.result()

    assert (before, calls.seen) == ([], ["after"])


def test_a_sleep_wakes_by_itself() -> None:
    """Nobody has to resume an execution that slept."""
    wf = sleeping(0.02)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        assert rt.start(wf).result(timeout=WAIT) == {}


def test_a_sleep_over_a_restart_ends_when_it_would_have(db: Path) -> None:
    """A restart neither shortens nor prolongs a sleep."""
    wf = sleeping(60)
    clock = VirtualClock()
    with runtime(wf, log=str(db), clock=clock) as rt:
        rt.start(wf, execution_id="run").wait()
        rt.clock.advance(40)
    with runtime(wf, log=str(db), clock=clock) as rt:
        run = rt.get("run")
        rt.clock.advance(19)
        before = run.status
        rt.clock.advance(1)

        assert (before, run.status) == ("suspended", "completed")


def test_a_sleep_that_ended_while_nothing_ran_is_over(db: Path) -> None:
    """Opening a log goes on with every execution whose sleep is over."""
    wf = sleeping(60)
    clock = VirtualClock()
    with runtime(wf, log=str(db), clock=clock) as rt:
        rt.start(wf, execution_id="run").wait()
    clock.advance(3_600)
    with runtime(wf, log=str(db), clock=clock) as rt:
        rt.clock.advance(0)

        assert rt.get("run").status == "completed"


def test_sleeps_of_a_loop_each_take_their_time() -> None:
    """Three visits of a sleep of a minute take three minutes."""
    wf = af.Workflow(
        name="w",
        state={"n": 0},
        steps=[
            af.Step("s", sleep=60, next=[af.Edge("count")]),
            af.Step(
                "count",
                activity=lambda n: n + 1,
                parameters={"n": "${state.n}"},
                store="n",
                next=[af.Edge("s", when="state.n < 3")],
            ),
        ],
    )
    with runtime(wf) as rt:
        begun = rt.clock.time()
        rt.start(wf).result()

        assert rt.clock.time() - begun == pytest.approx(180)


def test_result_passes_virtual_time() -> None:
    """In virtual time, waiting for the end takes a day in no time."""
    wf = sleeping(DAY)
    with runtime(wf) as rt:
        begun = rt.clock.time()
        rt.start(wf).result()

        assert rt.clock.time() - begun == pytest.approx(DAY)


def test_sleeping_comes_before_waiting() -> None:
    """The reason of a suspension is paused, sleeping or waiting: the first that is."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("a", branch="a"), af.Edge("b", branch="b")],
            ),
            af.Step("a", sleep=60),
            af.Step("b", wait_signal=af.WaitSignal(topic="go")),
        ],
    )
    with runtime(wf) as rt:
        suspension = rt.start(wf).wait().suspension

    assert suspension is not None
    assert suspension.reason == "sleeping"


def test_the_earliest_clock_of_all_branches_is_told() -> None:
    """Of several branches that wait, the one that wakes first is in the suspension."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("s", activity=answering(1), next=[af.Edge("a"), af.Edge("b")]),
            af.Step("a", sleep=600),
            af.Step("b", wait_signal=af.WaitSignal(topic="go", timeout=60)),
        ],
    )
    with runtime(wf) as rt:
        now = rt.clock.time()
        suspension = rt.start(wf).wait().suspension

    assert suspension is not None
    assert suspension.wake_at == pytest.approx(now + 60)


def test_siblings_run_on_beside_a_wait(calls: Calls) -> None:
    """A waiting branch does not hold the others; the run is suspended when all rest."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("s", activity=answering(1), next=[af.Edge("a"), af.Edge("b")]),
            af.Step("a", wait_signal=af.WaitSignal(topic="go")),
            af.Step("b", activity=calling(calls, "b"), next=[af.Edge("c")]),
            af.Step("c", activity=calling(calls, "c")),
        ],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        status = rt.start(wf).wait(timeout=WAIT).status

    assert (status, calls.seen) == ("suspended", ["b", "c"])


def test_a_wait_is_seen_as_a_wait_in_the_history() -> None:
    """The log tells when a wait began and how it ended."""
    wf = waiting()
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.signal("go")
        run.result(timeout=WAIT)
        signal = events(rt, run.id, "SignalReceived")[0]
        ended = events(rt, run.id, "WaitEnded")[0]

    assert ended.event.signal == signal.seq


# --- cancel --------------------------------------------------------------------------


def test_a_waiting_run_can_be_cancelled() -> None:
    """`cancel` ends an execution that rests, with the reason given."""
    wf = waiting()
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.cancel(reason="changed my mind")

        with pytest.raises(af.ExecutionCancelled, match="changed my mind"):
            run.result(timeout=WAIT)


def test_a_cancelled_run_is_cancelled() -> None:
    """Its status is `cancelled`, which is not `failed`."""
    wf = sleeping(60)
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        run.cancel()

        assert run.wait().status == "cancelled"


def test_nothing_runs_after_a_cancel(calls: Calls) -> None:
    """No clock of a cancelled execution rings."""
    wf = sleeping(60, af.Step("after", activity=calling(calls, "after")))
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        run.cancel()
        rt.clock.advance(3_600)

    assert calls.seen == []


def test_a_cancelled_run_stays_cancelled(db: Path, calls: Calls) -> None:
    """Opening the log again does not go on with it."""
    wf = sleeping(60, af.Step("after", activity=calling(calls, "after")))
    clock = VirtualClock()
    with runtime(wf, log=str(db), clock=clock) as rt:
        rt.start(wf, execution_id="run").wait()
        rt.cancel("run")
    with runtime(wf, log=str(db), clock=clock) as rt:
        rt.clock.advance(3_600)

        assert (rt.get("run").status, calls.seen) == ("cancelled", [])


def test_cancelling_twice_is_the_same_as_once() -> None:
    """A second cancel neither harms nor raises."""
    wf = sleeping(60)
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.cancel()
        run.cancel()

        assert run.status == "cancelled"


def test_many_waits_cost_a_line_each() -> None:
    """Two hundred suspended executions all go on with their own signal."""
    wf = af.Workflow(
        name="w",
        inputs=[af.Input("n")],
        steps=[
            af.Step("s", wait_signal=af.WaitSignal(topic="go"), next=[af.Edge("a")]),
            af.Step("a", activity=echo, parameters={"value": "${inputs.n}"}, store="x"),
        ],
        result="x",
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        runs = [rt.start(wf, n=n) for n in range(200)]
        for run in runs:
            run.signal("go")

        assert [run.result(timeout=WAIT) for run in runs] == [*range(200)]


def test_more_runs_may_rest_than_fit_in_memory(db: Path) -> None:
    """Executions that left memory come back with their signal."""
    wf = waiting()
    with af.Runtime(db, definitions=[wf], max_resting=3) as rt:
        runs = [rt.start(wf, id=n) for n in range(20)]
        for run in runs:
            run.wait(timeout=WAIT)
        for n, run in enumerate(runs):
            run.signal("go", n)

        assert [run.result(timeout=WAIT)["reply"] for run in runs] == [*range(20)]
