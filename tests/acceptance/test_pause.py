"""Somebody can stop an execution between two steps, and let it go on later."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import VirtualClock, runtime
from tests.acceptance.helpers import WAIT, Calls, answering, calling


def gated(calls: Calls, *edges: af.Edge) -> af.Workflow:
    """Make a workflow that pauses by itself between two steps."""
    return af.Workflow(
        name="w",
        steps=[
            af.Step(
                "before", activity=calling(calls, "before"), next=[af.Edge("gate")]
            ),
            af.Step("gate", pause="look at it", next=edges or [af.Edge("after")]),
            af.Step("after", activity=calling(calls, "after")),
        ],
    )


class Half:
    """A workflow whose first step runs until it is let go."""

    def __init__(self) -> None:
        self.running, self.gate, self.calls = Event(), Event(), Calls()

        def long() -> str:
            self.running.set()
            assert self.gate.wait(timeout=WAIT)
            return self.calls("long")

        self.wf = af.Workflow(
            name="w",
            steps=[
                af.Step("long", activity=long, store="x", next=[af.Edge("after")]),
                af.Step("after", activity=calling(self.calls, "after")),
            ],
            result="x",
        )

    def begin(self, rt: af.Runtime) -> af.ExecutionHandle:
        """Start it; return when its first step is at work."""
        run = rt.start(self.wf, execution_id="run")
        assert self.running.wait(timeout=WAIT)
        return run


@pytest.fixture
def half() -> Half:
    """Return a workflow that can be paused half-way."""
    return Half()


def sleeping(calls: Calls) -> af.Workflow:
    """Make a workflow that sleeps for a minute and then does something."""
    return af.Workflow(
        name="w",
        steps=[
            af.Step("s", sleep=60, next=[af.Edge("after")]),
            af.Step("after", activity=calling(calls, "after")),
        ],
    )


# --- from outside --------------------------------------------------------------------


def test_what_runs_is_finished_before_the_pause(half: Half) -> None:
    """Pausing lets a running activity end, and its result is recorded."""
    with af.Runtime(":memory:", definitions=[half.wf]) as rt:
        run = half.begin(rt)
        run.pause()
        half.gate.set()
        run.wait(timeout=WAIT)

        assert rt.state(run.id).variables == {"x": "long"}


def test_a_paused_run_begins_no_further_step(half: Half) -> None:
    """The execution stops at its next boundary, with the status `paused`."""
    with af.Runtime(":memory:", definitions=[half.wf]) as rt:
        run = half.begin(rt)
        run.pause()
        half.gate.set()
        status = run.wait(timeout=WAIT).status

    assert (status, half.calls.seen) == ("paused", ["long"])


def test_a_paused_branch_stands_before_its_next_step(half: Half) -> None:
    """The state of a paused execution shows the step that would come."""
    with af.Runtime(":memory:", definitions=[half.wf]) as rt:
        run = half.begin(rt)
        run.pause()
        half.gate.set()
        run.wait(timeout=WAIT)

        assert rt.state(run.id).branches["main"].step == "after"


def test_the_reason_of_a_pause_is_paused(half: Half) -> None:
    """A paused execution tells so in its suspension."""
    with af.Runtime(":memory:", definitions=[half.wf]) as rt:
        run = half.begin(rt)
        run.pause()
        half.gate.set()
        suspension = run.wait(timeout=WAIT).suspension

    assert suspension is not None
    assert suspension.reason == "paused"


def test_what_the_operator_said_is_kept(half: Half) -> None:
    """The reason given to `pause` is in the log."""
    with af.Runtime(":memory:", definitions=[half.wf]) as rt:
        run = half.begin(rt)
        run.pause(reason="operator investigation")
        half.gate.set()
        run.wait(timeout=WAIT)
        reasons = [getattr(r.event, "reason", None) for r in run.history()]

    assert "operator investigation" in reasons


def test_resume_lets_it_go_on(half: Half) -> None:
    """After `resume` the execution ends as it would have."""
    with af.Runtime(":memory:", definitions=[half.wf]) as rt:
        run = half.begin(rt)
        run.pause()
        half.gate.set()
        run.wait(timeout=WAIT)
        run.resume()
        run.result(timeout=WAIT)

    assert half.calls.seen == ["long", "after"]


def test_a_pause_taken_back_in_time_has_no_effect(half: Half) -> None:
    """Pause and resume before the boundary leave the execution as it was."""
    with af.Runtime(":memory:", definitions=[half.wf]) as rt:
        run = half.begin(rt)
        run.pause()
        run.resume()
        half.gate.set()

        assert run.result(timeout=WAIT) == "long"


def test_a_pause_survives_a_restart(db: Path, half: Half) -> None:
    """Opening the log again does not unpause."""
    with af.Runtime(db, definitions=[half.wf]) as rt:
        run = half.begin(rt)
        run.pause()
        half.gate.set()
        run.wait(timeout=WAIT)
    with af.Runtime(db, definitions=[half.wf]) as rt:
        status = rt.get("run").wait(timeout=WAIT).status

    assert (status, half.calls.seen) == ("paused", ["long"])


def test_a_pause_is_lifted_by_a_later_process(db: Path, half: Half) -> None:
    """An execution paused in one process is resumed in another."""
    with af.Runtime(db, definitions=[half.wf]) as rt:
        run = half.begin(rt)
        run.pause()
        half.gate.set()
        run.wait(timeout=WAIT)
    with af.Runtime(db, definitions=[half.wf]) as rt:
        rt.resume("run")
        rt.get("run").result(timeout=WAIT)

    assert half.calls.seen == ["long", "after"]


def test_pausing_twice_needs_one_resume(half: Half) -> None:
    """Pause is a state, not a count."""
    with af.Runtime(":memory:", definitions=[half.wf]) as rt:
        run = half.begin(rt)
        run.pause()
        run.pause()
        half.gate.set()
        run.wait(timeout=WAIT)
        run.resume()

        assert run.result(timeout=WAIT) == "long"


def test_resuming_what_is_not_paused_changes_nothing(half: Half) -> None:
    """`resume` of a running execution is allowed and does nothing."""
    with af.Runtime(":memory:", definitions=[half.wf]) as rt:
        run = half.begin(rt)
        run.resume()
        half.gate.set()

        assert run.result(timeout=WAIT) == "long"


def test_an_unknown_branch_cannot_be_paused(half: Half) -> None:
    """Pausing a branch that is not there says so."""
    with af.Runtime(":memory:", definitions=[half.wf]) as rt:
        run = half.begin(rt)
        half.gate.set()

        with pytest.raises(af.BranchNotFoundError, match="ghost"):
            run.pause(branch="ghost")


def test_an_unknown_execution_cannot_be_paused() -> None:
    """Pausing an execution that is not there says so."""
    with (
        af.Runtime(":memory:") as rt,
        pytest.raises(af.ExecutionNotFoundError, match="ghost"),
    ):
        rt.pause("ghost")


def test_an_ended_run_cannot_be_paused(half: Half) -> None:
    """There is nothing to pause in an execution that has ended."""
    with af.Runtime(":memory:", definitions=[half.wf]) as rt:
        run = half.begin(rt)
        half.gate.set()
        run.result(timeout=WAIT)

        with pytest.raises(af.ExecutionEndedError):
            run.pause()


def test_a_pause_during_the_last_step_lets_the_run_complete() -> None:
    """There is no boundary behind the last step; the execution completes."""
    running, gate = Event(), Event()

    def last() -> None:
        running.set()
        assert gate.wait(timeout=WAIT)

    wf = af.Workflow(name="w", steps=[af.Step("last", activity=last)])
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        assert running.wait(timeout=WAIT)
        run.pause()
        gate.set()

        assert run.wait(timeout=WAIT).status == "completed"


def branching(calls: Calls) -> tuple[af.Workflow, Event]:
    """Make a workflow of two branches, whose first steps wait for an event."""
    gate = Event()

    def held(name: str) -> Any:
        def function() -> str:
            assert gate.wait(timeout=WAIT)
            return name

        function.__name__ = name
        return function

    steps = []
    for name in ("a", "b"):
        steps += [
            af.Step(name, activity=held(name), next=[af.Edge(f"{name}2")]),
            af.Step(f"{name}2", activity=calling(calls, f"{name}2")),
        ]
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("a", branch="a"), af.Edge("b", branch="b")],
            ),
            *steps,
        ],
    )
    return wf, gate


def test_one_branch_can_be_paused(calls: Calls) -> None:
    """`pause(branch=)` stops that branch; the others run to their end."""
    wf, gate = branching(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        for recorded in run.stream():
            if recorded.address == "b/b":
                break
        run.pause(branch="a")
        gate.set()
        status = run.wait(timeout=WAIT).status

    assert (status, calls.seen) == ("paused", ["b2"])


def test_one_branch_can_be_resumed(calls: Calls) -> None:
    """`resume(branch=)` lets that branch go on."""
    wf, gate = branching(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        for recorded in run.stream():
            if recorded.address == "b/b":
                break
        run.pause(branch="a")
        gate.set()
        run.wait(timeout=WAIT)
        run.resume(branch="a")
        run.result(timeout=WAIT)

    assert calls.seen == ["b2", "a2"]


def test_a_paused_run_can_be_cancelled(half: Half) -> None:
    """Cancel needs no resume."""
    with af.Runtime(":memory:", definitions=[half.wf]) as rt:
        run = half.begin(rt)
        run.pause()
        half.gate.set()
        run.wait(timeout=WAIT)
        run.cancel()

        assert run.wait(timeout=WAIT).status == "cancelled"


def test_a_map_pauses_between_two_items(calls: Calls) -> None:
    """The item at work is finished, and no further one begins until `resume`."""
    running, gate = Event(), Event()

    def visit(n: int) -> int:
        calls(n)
        if n == 2:
            running.set()
            assert gate.wait(timeout=WAIT)
        return n

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a",
                map=af.Map(over=[*range(5)], activity=visit, max_concurrency=1),
                store="x",
            )
        ],
        result="x",
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        assert running.wait(timeout=WAIT)
        run.pause()
        gate.set()
        status = run.wait(timeout=WAIT).status
        before = calls.seen.copy()
        run.resume()
        output = run.result(timeout=WAIT)

    assert (status, before, output) == ("paused", [0, 1, 2], [*range(5)])


# --- clocks stand still --------------------------------------------------------------


def test_a_paused_sleep_does_not_end(calls: Calls) -> None:
    """While an execution is paused its sleep does not pass."""
    wf = sleeping(calls)
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        run.pause()
        rt.clock.advance(3_600)

        assert (run.status, calls.seen) == ("paused", [])


def test_a_paused_sleep_goes_on_with_what_was_left(calls: Calls) -> None:
    """After `resume` exactly the rest of the sleep has to pass."""
    wf = sleeping(calls)
    with runtime(wf) as rt:
        run = rt.start(wf)
        rt.clock.advance(40)
        run.pause()
        rt.clock.advance(3_600)
        run.resume()
        rt.clock.advance(19)
        before = list(calls.seen)
        rt.clock.advance(2)

        assert (before, calls.seen) == ([], ["after"])


def test_a_paused_sleep_tells_no_time() -> None:
    """A frozen clock has no time to ring."""
    wf = sleeping(Calls())
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        run.pause()
        suspension = run.wait().suspension

    assert suspension is not None
    assert suspension.wake_at is None


def test_the_deadline_of_a_signal_is_frozen_too() -> None:
    """Time spent paused does not count against the timeout of a wait."""
    wf = af.Workflow(
        name="w",
        steps=[af.Step("s", wait_signal=af.WaitSignal(topic="go", timeout=60))],
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        rt.clock.advance(40)
        run.pause()
        rt.clock.advance(3_600)
        run.resume()
        rt.clock.advance(10)
        run.signal("go")

        assert run.result() == {}


def test_a_pause_over_a_restart_freezes_clocks(db: Path, calls: Calls) -> None:
    """Time that passed while paused and stopped does not count either."""
    wf = sleeping(calls)
    clock = VirtualClock()
    with runtime(wf, log=str(db), clock=clock) as rt:
        run = rt.start(wf, execution_id="run")
        rt.clock.advance(40)
        run.pause()
    clock.advance(3_600)
    with runtime(wf, log=str(db), clock=clock) as rt:
        rt.resume("run")
        rt.clock.advance(19)
        before = list(calls.seen)
        rt.clock.advance(2)

        assert (before, calls.seen) == ([], ["after"])


def test_the_delay_of_a_retry_is_frozen_too(calls: Calls) -> None:
    """Time spent paused does not count against the delay before a next try."""

    def flaky() -> None:
        calls("try")
        raise ConnectionError("down")

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("a", activity=flaky, retry=af.Retry(max_attempts=2, initial=60.0))
        ],
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        rt.clock.advance(40)
        run.pause()
        rt.clock.advance(3_600)
        paused = len(calls)
        run.resume()
        rt.clock.advance(19)
        before = len(calls)
        rt.clock.advance(2)

        assert (paused, before, len(calls)) == (1, 1, 2)


def test_a_pause_twice_counts_the_rest_once(calls: Calls) -> None:
    """Two pauses of one sleep add up to what they are."""
    wf = sleeping(calls)
    with runtime(wf) as rt:
        run = rt.start(wf)
        for _ in range(2):
            rt.clock.advance(25)
            run.pause()
            rt.clock.advance(1_000)
            run.resume()
        rt.clock.advance(9)
        before = list(calls.seen)
        rt.clock.advance(2)

        assert (before, calls.seen) == ([], ["after"])


def test_a_signal_to_a_paused_run_is_kept(calls: Calls) -> None:
    """A signal during a pause is accepted, and taken after it."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("s", wait_signal=af.WaitSignal(topic="go"), next=[af.Edge("a")]),
            af.Step("a", activity=calling(calls, "a")),
        ],
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        run.pause()
        run.signal("go")
        rt.clock.advance(10)
        paused = (run.status, list(calls.seen))
        run.resume()
        run.result()

    assert (paused, calls.seen) == (("paused", []), ["a"])


def test_an_activity_that_comes_to_wait_during_a_pause_is_paused(half: Half) -> None:
    """A pause while an activity runs into its wait holds; after it the wait goes on."""
    running, gate = Event(), Event()

    def activity(ctx: af.ActivityContext) -> Any:
        running.set()
        assert gate.wait(timeout=WAIT)
        return ctx.wait_signal("go")

    wf = af.Workflow(
        name="w", steps=[af.Step("a", activity=activity, store="x")], result="x"
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        assert running.wait(timeout=WAIT)
        run.pause()
        gate.set()
        status = run.wait(timeout=WAIT).status
        run.signal("go", "hello")
        run.resume()
        output = run.result(timeout=WAIT)

    assert (status, output) == ("paused", "hello")


# --- a step that pauses --------------------------------------------------------------


def test_a_pause_step_stops_the_run(calls: Calls) -> None:
    """A step of the kind `pause` waits for a person to say go on."""
    wf = gated(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        status = rt.start(wf).wait(timeout=WAIT).status

    assert (status, calls.seen) == ("paused", ["before"])


def test_a_pause_step_tells_its_reason(calls: Calls) -> None:
    """What the definition says about the pause is told where it rests."""
    wf = gated(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        suspension = rt.start(wf).wait(timeout=WAIT).suspension

    assert suspension is not None
    assert "look at it" in suspension.branches.values()


def test_a_pause_step_goes_on_when_resumed(calls: Calls) -> None:
    """`resume` leads over the edges of the pause step; nothing runs twice."""
    wf = gated(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.resume()
        run.result(timeout=WAIT)

    assert calls.seen == ["before", "after"]


def test_a_pause_step_survives_a_restart(db: Path, calls: Calls) -> None:
    """A pause step is where it was when the log is opened again."""
    wf = gated(calls)
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, execution_id="run").wait(timeout=WAIT)
    with af.Runtime(db, definitions=[wf]) as rt:
        status = rt.get("run").wait(timeout=WAIT).status
        rt.resume("run")
        rt.get("run").result(timeout=WAIT)

    assert (status, calls.seen) == ("paused", ["before", "after"])


def test_a_pause_step_may_have_a_named_edge(calls: Calls) -> None:
    """Behind a pause control may go on in a branch of a name."""
    wf = gated(calls, af.Edge("after", branch="side"))
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.resume()
        run.result(timeout=WAIT)

        assert set(rt.state(run.id).branches) == {"main", "side"}


def test_a_pause_step_in_a_loop_pauses_on_every_visit() -> None:
    """Each visit of a pause step needs its own resume."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("gate", pause="again?", next=[af.Edge("a")]),
            af.Step("a", activity=answering(1), next=[af.Edge("gate")]),
        ],
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        statuses = []
        for _ in range(3):
            statuses.append(run.wait().status)
            run.resume()

        assert statuses == ["paused"] * 3


def test_paused_comes_before_suspended() -> None:
    """An execution of which one branch is paused and one waits is `paused`."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("s", activity=answering(1), next=[af.Edge("a"), af.Edge("b")]),
            af.Step("a", pause="check", next=[af.Edge("c")]),
            af.Step("b", wait_signal=af.WaitSignal(topic="go")),
            af.Step("c", activity=answering(1, "c")),
        ],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        result = rt.start(wf).wait(timeout=WAIT)

    assert result.suspension is not None
    assert (result.status, result.suspension.reason) == ("paused", "paused")
