"""A parallel step runs several nodes at the same time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.flows.helpers import (
    Ailing,
    Diary,
    double,
    echo,
    events,
    failing,
    failure,
    finish,
    output,
    returning,
)

WAIT = 20.0  # seconds before a test that hangs says so; no test comes near


def waiting(name: str, topic: str) -> af.Flow:
    """Make a flow that returns the payload of the one signal it waits for."""
    return af.Flow(name).wait_signal(topic, into="got").output("got")


# --- results -------------------------------------------------------------------------


def test_results_are_a_mapping_by_the_nodes_names() -> None:
    """The step's variable has one entry for every node."""
    flow = af.Flow("f").parallel("p", returning("a", 1), returning("b", 2)).build()

    assert output(flow) == {"p": {"a": 1, "b": 2}}


def test_results_are_in_the_order_of_the_nodes() -> None:
    """Whoever ends first, the mapping is in the declared order."""
    flow = (
        af.Flow("f")
        .parallel(
            "p",
            af.Flow("slow").sleep(100).then(returning("x", 1)).output("x"),
            af.Flow("slower").sleep(200).then(returning("x", 2)).output("x"),
            returning("quick", 3),
        )
        .output("p")
        .build()
    )

    assert list(output(flow).items()) == [("slow", 1), ("slower", 2), ("quick", 3)]


def test_a_node_may_return_none() -> None:
    """None is a result with an entry of its own."""
    flow = af.Flow("f").parallel("p", returning("a"), returning("b", 1)).output("p")

    assert output(flow) == {"a": None, "b": 1}


def test_one_node_is_enough() -> None:
    """A parallel of one is a mapping of one."""
    assert output(af.Flow("f").parallel("p", returning("a", 1)).output("p")) == {"a": 1}


def test_all_nodes_are_bound_to_the_same_state() -> None:
    """Each takes what it names; none sees a sibling's result."""

    def left(x: int, y: int = 0) -> list[int]:
        return [x, y]

    def right(y: int = 0) -> int:
        return y

    flow = af.Flow("f", inputs=["x"], state={"y": 5}).parallel("p", left, right)

    assert output(flow.output("p"), x=1) == {"left": [1, 5], "right": 5}


def test_input_is_given_to_every_node() -> None:
    """`input=` maps for all of them alike."""
    flow = (
        af.Flow("f", inputs=["n"])
        .parallel("p", double, echo, input=lambda s: {"value": s["n"] + 1})
        .output("p")
    )

    assert output(flow, n=1) == {"double": 4, "echo": 2}


def test_the_same_function_may_run_twice_under_two_names() -> None:
    """`options(name=...)` tells the arms apart."""
    activity = af.activity(double)
    flow = (
        af.Flow("f", inputs=["value"])
        .parallel("p", activity.options(name="one"), activity.options(name="two"))
        .output("p")
    )

    assert output(flow, value=2) == {"one": 4, "two": 4}


# --- concurrency ---------------------------------------------------------------------


def test_nodes_run_at_the_same_time() -> None:
    """Three activities that wait for each other all arrive."""
    barrier = Barrier(3, timeout=WAIT)

    def meeting(name: str) -> af.Activity[[], Any]:
        return af.activity(name=name)(barrier.wait)

    flow = af.Flow("f").parallel("p", meeting("a"), meeting("b"), meeting("c")).build()
    with af.Runtime(":memory:", definitions=[flow]) as rt:
        met = rt.start(flow).result(timeout=WAIT)["p"]

    assert sorted(met.values()) == [0, 1, 2]


def test_sleeps_of_nodes_overlap() -> None:
    """Three flows of an hour take an hour."""
    hours = [
        af.Flow(name).sleep(3600).then(returning("x", name)).output("x")
        for name in "abc"
    ]
    result = finish_asleep(af.Flow("f").parallel("p", *hours).build())

    assert result.duration == pytest.approx(3600)


def finish_asleep(flow: af.Flow) -> af.ExecutionResult:
    """Run a flow that sleeps to its end."""
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.result()
        return run.wait()


def test_max_concurrency_holds_back_nodes() -> None:
    """With room for one, three hours are three hours long."""
    hours = [af.Flow(name).sleep(3600) for name in "abc"]
    result = finish_asleep(
        af.Flow("f").parallel("p", *hours, max_concurrency=1).build()
    )

    assert result.duration == pytest.approx(3 * 3600)


def test_with_room_for_one_nodes_run_in_the_order_they_are_written() -> None:
    """`max_concurrency=1` is strictly sequential."""
    diary = Diary()
    flow = af.Flow("f").parallel(
        "p", *[diary.noting(name) for name in "cab"], max_concurrency=1
    )

    output(flow)

    assert diary.lines == list("cab")


def test_a_waiting_node_suspends_only_itself() -> None:
    """The others are done while one waits."""
    flow = (
        af.Flow("f").parallel("p", waiting("slow", "go"), returning("quick", 1)).build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        rest = run.wait()
        done = {r.address for r in events(run, "ActivationCompleted")}
        rt.signal(run.id, "go", 7)

        assert rest.status == "suspended"
        assert "main/p[quick]" in done
        assert run.result() == {"p": {"slow": 7, "quick": 1}}


def test_every_waiting_node_wakes_by_itself() -> None:
    """Signals come in any order; each moves its own node."""
    flow = (
        af.Flow("f")
        .parallel("p", *[waiting(name, name) for name in "abc"])
        .output("p")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        topics = []
        for name in "cab":
            rest = run.wait().suspension
            assert rest is not None
            topics.append(sorted(rest.topics))
            rt.signal(run.id, name, name.upper())

        assert topics == [["a", "b", "c"], ["a", "b"], ["b"]]
        assert run.result() == {"a": "A", "b": "B", "c": "C"}


# --- failures: wait ------------------------------------------------------------------


def test_all_siblings_run_to_the_end_before_the_step_fails() -> None:
    """`wait` is the default: nobody is stopped by a sibling's failure."""
    diary = Diary()
    later = af.Flow("later").sleep(60).then(diary.noting("slept"))
    flow = af.Flow("f").parallel("p", failing("a"), later, diary.noting("c")).build()

    with runtime(flow) as rt:
        run = rt.start(flow)
        with pytest.raises(af.ExecutionFailed):
            run.result()

    assert sorted(diary.lines) == ["c", "slept"]


def test_a_suspended_sibling_keeps_the_step_open() -> None:
    """After a failure the execution waits for the sibling, then fails."""
    flow = af.Flow("f").parallel("p", failing("a"), waiting("b", "go")).build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        before = run.wait().status
        rt.signal(run.id, "go")

        assert before == "suspended"
        assert run.wait().status == "failed"


def test_the_failure_is_that_of_the_lowest_declared_node() -> None:
    """The first by declaration, and not the first in time."""
    slow = af.Flow("slow").sleep(60).then(failing("x", "slow broke"))
    flow = af.Flow("f").parallel("p", slow, failing("quick", "quick broke")).build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        with pytest.raises(af.ExecutionFailed) as caught:
            run.result()

    assert "slow broke" in caught.value.error.message


def test_all_failures_are_kept_in_the_order_of_the_nodes() -> None:
    """`causes` has every one of them, each with its address."""
    error = failure(
        af.Flow("f").parallel(
            "p", failing("a"), returning("b", 1), failing("c"), failing("d")
        )
    )

    assert [cause.message for cause in error.causes] == [
        "a broke",
        "c broke",
        "d broke",
    ]
    assert [cause.address for cause in error.causes] == [
        "main/p[a]",
        "main/p[c]",
        "main/p[d]",
    ]


def test_a_failure_names_node_and_address() -> None:
    """A failure has its place, with one failed node too."""
    error = failure(af.Flow("f").parallel("p", returning("a"), failing("b")))

    assert "b broke" in str(error)
    assert "main/p[b]" in str(error)


def test_a_failed_parallel_can_be_caught_by_its_graph() -> None:
    """A flow that is run as a step has a `catch`, whatever inside it failed."""
    inner = af.Flow("inner").parallel("p", failing("a"), returning("b", 1))
    flow = (
        af.Flow("f")
        .then(inner, catch=[af.Catch(on=["all"], goto="saved", store="error")])
        .then(returning("saved", "yes"))
        .output("saved")
    )

    assert output(flow) == "yes"


# --- failures: fail fast and continue ------------------------------------------------


def test_fail_fast_starts_nothing_further() -> None:
    """After the failure nodes that have not begun never do."""
    diary = Diary()
    flow = af.Flow("f").parallel(
        "p", failing("a"), diary.noting("b"), max_concurrency=1, on_error="fail_fast"
    )

    assert "a broke" in failure(flow).message
    assert diary.lines == []


def test_fail_fast_does_not_wait_for_the_waiting() -> None:
    """A sibling that waits for a signal is cancelled, not waited for."""
    flow = af.Flow("f").parallel(
        "p", waiting("b", "never"), failing("a"), on_error="fail_fast"
    )

    assert finish(flow).status == "failed"


def test_fail_fast_does_not_wait_for_the_sleeping() -> None:
    """A sibling that sleeps for a year does not hold the failure back."""
    year = af.Flow("year").sleep("365d")
    flow = af.Flow("f").parallel("p", year, failing("a"), on_error="fail_fast")

    assert finish(flow).status == "failed"


def test_fail_fast_raises_the_failure_that_happened() -> None:
    """With one failure, it is that one, wherever it was declared."""
    flow = af.Flow("f").parallel(
        "p", waiting("b", "never"), failing("a"), on_error="fail_fast"
    )

    assert "a broke" in failure(flow).message


def test_fail_fast_tells_a_running_activity() -> None:
    """An ``async def`` activity that still runs is cancelled where it awaits."""
    began, told = Event(), Event()

    async def patient() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.set()
            raise

    def impatient() -> None:
        began.wait(WAIT)
        raise ValueError("enough")

    flow = af.Flow("f").parallel("p", patient, impatient, on_error="fail_fast").build()
    with af.Runtime(":memory:", definitions=[flow]) as rt:
        with pytest.raises(af.ExecutionFailed, match="enough"):
            rt.start(flow).result(timeout=5)

        assert told.wait(WAIT)


def test_continue_gives_an_outcome_for_every_node() -> None:
    """The step succeeds; each entry has a value or an error."""
    flow = (
        af.Flow("f")
        .parallel("p", returning("a", 1), failing("b"), on_error="continue")
        .output("p")
    )
    outcomes = output(flow)

    assert outcomes["a"] == af.Outcome(value=1)
    assert not outcomes["b"].ok
    assert outcomes["b"].error.message == "b broke"


def test_continue_gives_outcomes_when_nothing_fails_too() -> None:
    """The type of a result does not depend on luck."""
    flow = af.Flow("f").parallel("p", returning("a"), on_error="continue").output("p")

    assert output(flow) == {"a": af.Outcome(value=None)}


def test_a_later_step_can_read_the_outcomes() -> None:
    """Outcomes are values: callables and expressions see `ok`, `value`, `error`."""
    flow = (
        af.Flow("f")
        .parallel("p", returning("a", 1), failing("b"), on_error="continue")
        .then(echo, input=lambda s: {"value": sum(o.ok for o in s["p"].values())})
        .output("echo")
    )

    assert output(flow) == 1


# --- retries -------------------------------------------------------------------------


def test_each_node_retries_by_itself() -> None:
    """A node's own policy repeats that node alone."""
    diary, tries = Diary(), []

    @af.activity(retry=af.Retry(max_attempts=3, initial=10))
    def flaky() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("not yet")
        return len(tries)

    flow = af.Flow("f").parallel("p", flaky, diary.noting("b", 2)).output("p").build()

    assert output(flow) == {"flaky": 3, "b": 2}
    assert diary.lines == ["b"]


def test_retry_repeats_only_what_failed() -> None:
    """`rt.retry` on a failed parallel leaves the completed nodes alone."""
    ailing, diary = Ailing(1), Diary()
    flow = (
        af.Flow("f", state={"value": 1})
        .parallel("p", diary.noting("a", 1), ailing, diary.noting("c", 3))
        .output("p")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        ailing.heal()
        rt.retry(run.id)

        assert run.result() == {"a": 1, "ailing": 1, "c": 3}
    assert sorted(diary.lines) == ["a", "c"]


def test_retry_after_fail_fast_runs_what_was_cancelled_too() -> None:
    """Cancelled and never-started siblings have no result yet, so they run."""
    ailing, diary = Ailing(1), Diary()
    flow = (
        af.Flow("f", state={"value": 1})
        .parallel(
            "p",
            diary.noting("a", 1),
            ailing,
            diary.noting("c", 3),
            max_concurrency=1,
            on_error="fail_fast",
        )
        .output("p")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        ailing.heal()
        rt.retry(run.id)

        assert run.result() == {"a": 1, "ailing": 1, "c": 3}
    assert diary.lines == ["a", "c"]


def test_retry_after_fail_fast_waits_again_where_it_was_cancelled() -> None:
    """A sibling that was cancelled while it waited is entered once more."""
    ailing = Ailing(1)
    flow = (
        af.Flow("f", state={"value": 1})
        .parallel("p", waiting("b", "go"), ailing, on_error="fail_fast")
        .output("p")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        ailing.heal()
        rt.retry(run.id)
        rest = run.wait().suspension
        rt.signal(run.id, "go", 2)

        assert rest is not None
        assert rest.topics == ("go",)
        assert run.result() == {"b": 2, "ailing": 1}


def test_a_signal_for_a_cancelled_sibling_is_kept_for_the_retry() -> None:
    """What was accepted is delivered, once somebody waits for it."""
    ailing = Ailing(1)
    flow = (
        af.Flow("f", state={"value": 1})
        .parallel(
            "p",
            waiting("b", "go"),
            af.Flow("c", inputs=["value"]).wait_signal("c").then(ailing),
            on_error="fail_fast",
        )
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.signal(run.id, "c")
        assert run.wait().status == "failed"
        ailing.heal()
        rt.retry(run.id)
        rt.signal(run.id, "go", 2)

        assert run.result()["p"]["b"] == 2


@pytest.mark.parametrize("kind", ["route", "loop"])
def test_what_was_cancelled_begins_anew_whatever_had_failed_inside(kind: str) -> None:
    """No failure of the first time is left over for the second."""
    ailing, late = Ailing(1), Ailing(2)
    leaf = af.Flow("leaf", state={"value": 1}).then(ailing).output("ailing")
    inner = af.Flow("inner")
    if kind == "route":
        inner.route("'k'", {"k": leaf})
    else:
        leaf = af.Flow("leaf", inputs=["_"], state={"value": 1}).then(ailing)
        inner.loop("l", leaf, max_iterations=1)
    flow = (
        af.Flow("f", state={"value": 2})
        .parallel(
            "p",
            af.Flow("both").parallel("q", inner, waiting("w", "go")),
            af.Flow("late", inputs=["value"]).sleep(60).then(late),
            on_error="fail_fast",
        )
        .then(returning("end", "reached"))
        .output("end")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.clock.advance(60)
        assert run.wait().status == "failed"
        ailing.heal()
        late.heal()
        rt.retry(run.id)
        rt.clock.advance(60)
        rt.signal(run.id, "go")

        assert run.result() == "reached"
    assert ailing.seen == [1]


def test_retry_inside_a_flow_goes_on_where_that_flow_failed() -> None:
    """A flow in a parallel does not repeat the steps it had completed."""
    ailing, diary = Ailing(1), Diary()
    inner = (
        af.Flow("inner", state={"value": 1}).then(diary.noting("before")).then(ailing)
    )
    flow = af.Flow("f").parallel("p", inner, diary.noting("b")).build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        ailing.heal()
        rt.retry(run.id)
        run.result()

    assert sorted(diary.lines) == ["b", "before"]


def test_a_second_failure_can_be_retried_again() -> None:
    """Completed nodes are remembered through any number of retries."""
    ailing, diary = Ailing(1), Diary()
    flow = (
        af.Flow("f", state={"value": 1})
        .parallel("p", diary.noting("a"), ailing)
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        for _ in range(3):
            assert run.wait().status == "failed"
            rt.retry(run.id)
        assert run.wait().status == "failed"
        ailing.heal()
        rt.retry(run.id)
        run.result()

    assert diary.lines == ["a"]


# --- restarts ------------------------------------------------------------------------


def test_completed_nodes_are_remembered_over_a_restart(tmp_path: Path) -> None:
    """Another process goes on with the node that waited, and no other."""
    diary, log = Diary(), str(tmp_path / "log.db")
    flow = (
        af.Flow("f")
        .parallel("p", diary.noting("a", 1), waiting("b", "go"))
        .output("p")
        .build()
    )
    with runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="x").wait()
    with runtime(flow, log=log) as rt:
        rt.signal("x", "go", 2)

        assert rt.get("x").result() == {"a": 1, "b": 2}
    assert diary.lines == ["a"]


def test_results_survive_a_second_restart(tmp_path: Path) -> None:
    """What completed before the first interruption is known after the second."""
    diary, log = Diary(), str(tmp_path / "log.db")
    flow = (
        af.Flow("f")
        .parallel("p", diary.noting("n"), waiting("b", "one"), waiting("c", "two"))
        .output("p")
        .build()
    )
    with runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="x").wait()
    with runtime(flow, log=log) as rt:
        rt.signal("x", "one", 1)
        rt.get("x").wait()
    with runtime(flow, log=log) as rt:
        rt.signal("x", "two", 2)

        assert rt.get("x").result() == {"n": None, "b": 1, "c": 2}
    assert diary.lines == ["n"]


def test_a_parallel_of_parallels_of_parallels() -> None:
    """Blocks nest without limit, through flows."""
    innermost = af.Flow("c").parallel("p", returning("x", 1), returning("y", 2))
    middle = af.Flow("b").parallel("p", innermost, returning("z", 3))
    outer = af.Flow("a").parallel("p", middle, returning("w", 4)).output("p")

    assert output(outer) == {
        "b": {"p": {"c": {"p": {"x": 1, "y": 2}}, "z": 3}},
        "w": 4,
    }
