"""Sleeping, waiting for signals, asking people, pausing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.flows.helpers import Diary, echo, failing, output, returning


def suspension(run: af.ExecutionHandle) -> af.Suspension:
    """Return why *run* rests."""
    rest = run.wait().suspension

    assert rest is not None
    return rest


# --- sleep ---------------------------------------------------------------------------


def test_a_flow_sleeps_until_its_time_has_come() -> None:
    """Not a second less."""
    flow = af.Flow("f").sleep(60).then(returning("a", 1)).output("a").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.clock.advance(59)
        before = run.wait().status
        rt.clock.advance(1)

        assert before == "suspended"
        assert run.wait().output == 1


def test_a_duration_may_be_text() -> None:
    """As in files."""
    flow = af.Flow("f").sleep("1h30m").build()
    with runtime(flow) as rt:
        run = rt.start(flow)

        assert suspension(run).wake_at == rt.clock.time() + 5400


def test_a_sleeping_flow_says_so() -> None:
    """Reason and time of waking are there to be seen."""
    flow = af.Flow("f").sleep(60).build()
    with runtime(flow) as rt:
        rest = suspension(rt.start(flow))

        assert rest.reason == "sleeping"
        assert rest.wake_at == rt.clock.time() + 60


def test_sleeps_follow_each_other() -> None:
    """Each begins when the one before is over."""
    flow = af.Flow("f").sleep(60).sleep(60).build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.result()

        assert run.wait().duration == pytest.approx(120)


def test_a_sleep_has_no_result() -> None:
    """It leaves nothing in the state."""
    assert output(af.Flow("f").sleep(1).then(returning("a", 1)).build()) == {"a": 1}


def test_a_sleep_goes_on_over_a_restart(tmp_path: Path) -> None:
    """Its end is a time, and not a rest of seconds."""
    log = str(tmp_path / "log.db")
    flow = af.Flow("f").sleep(60).then(returning("a", 1)).output("a").build()
    with runtime(flow, log=log) as rt:
        wake_at = suspension(rt.start(flow, execution_id="x")).wake_at
    with runtime(flow, log=log) as rt:
        assert suspension(rt.get("x")).wake_at == wake_at
        assert rt.get("x").result() == 1


def test_a_pause_stops_the_clock_of_a_sleep() -> None:
    """Time spent paused does not count."""
    flow = af.Flow("f").sleep(60).build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.clock.advance(30)
        rt.pause(run.id)
        rt.clock.advance(1000)
        rt.resume(run.id)
        rt.clock.advance(29)
        before = run.wait().status
        rt.clock.advance(1)

        assert before == "suspended"
        assert run.wait().status == "completed"


# --- wait_signal ---------------------------------------------------------------------


def test_a_signal_s_payload_is_the_result() -> None:
    """It lands in the variable of the step's name, which is the topic's."""
    flow = af.Flow("f").wait_signal("go").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        rt.signal(run.id, "go", {"by": "dhl"})

        assert run.result() == {"go": {"by": "dhl"}}


def test_a_signal_that_came_early_is_kept() -> None:
    """Whoever waits later gets it at once."""
    flow = af.Flow("f").sleep(60).wait_signal("go", into="x").output("x").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.signal(run.id, "go", 1)

        assert run.result() == 1


def test_two_waits_for_a_topic_take_two_signals() -> None:
    """In the order they came."""
    flow = af.Flow("f").wait_signal("go", into="a").wait_signal("go", into="b").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        for payload in (1, 2):
            rt.signal(run.id, "go", payload)

        assert run.result() == {"a": 1, "b": 2}


def test_another_topic_s_signal_wakes_nobody() -> None:
    """It is kept for whoever asks."""
    flow = af.Flow("f").wait_signal("go").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.signal(run.id, "stop")

        assert suspension(run).topics == ("go",)


def test_a_payload_may_be_none() -> None:
    """A signal without payload is a signal."""
    flow = af.Flow("f").wait_signal("go", timeout=60, into="x").output("x").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.signal(run.id, "go")

        assert run.result() is None


def test_a_topic_may_be_a_template() -> None:
    """It is filled in when the step is entered."""
    flow = af.Flow("f", inputs=["n"]).wait_signal("go-${n}", name="w").build()
    with runtime(flow) as rt:
        assert suspension(rt.start(flow, n=7)).topics == ("go-7",)


def test_a_timeout_without_a_node_fails_the_step() -> None:
    """As a `timeout` that names the topic."""
    flow = af.Flow("f").wait_signal("the-topic", timeout=60).build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.clock.advance(60)
        error = run.wait().error

    assert error is not None
    assert error.type == "timeout"
    assert "the-topic" in error.message


def test_on_timeout_runs_a_node_instead() -> None:
    """Its result lands where the payload would have."""
    flow = (
        af.Flow("f")
        .wait_signal("go", timeout=60, on_timeout=returning("late", 9), into="x")
        .then(returning("after"))
        .output("x")
    )

    assert output(flow) == 9


def test_on_timeout_is_not_run_when_the_signal_comes() -> None:
    """And the flow goes on behind it."""
    diary = Diary()
    flow = (
        af.Flow("f")
        .wait_signal("go", timeout=60, on_timeout=diary.noting("late"), into="x")
        .then(diary.noting("after"))
        .output("x")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.signal(run.id, "go", 1)

        assert run.result() == 1
    assert diary.lines == ["after"]


def test_the_flow_goes_on_after_on_timeout() -> None:
    """What follows the wait follows the node too."""
    diary = Diary()
    flow = (
        af.Flow("f")
        .wait_signal("go", timeout=60, on_timeout=diary.noting("late"))
        .then(diary.noting("after"))
    )
    output(flow)

    assert diary.lines == ["late", "after"]


def test_on_timeout_may_be_a_flow() -> None:
    """It takes its inputs by name, and may wait itself."""
    escalate = (
        af.Flow("escalate", inputs=["order"])
        .sleep(60)
        .then(echo, input={"value": "${order}!"})
        .output("echo")
    )
    flow = (
        af.Flow("f", inputs=["order"])
        .wait_signal("go", timeout=60, on_timeout=escalate, into="x")
        .output("x")
    )

    assert output(flow, order="o-1") == "o-1!"


def test_on_timeout_may_be_bound_by_name() -> None:
    """An activity takes inputs and variables of its parameters' names."""
    flow = (
        af.Flow("f", inputs=["value"])
        .wait_signal("go", timeout=60, on_timeout=echo, into="x")
        .output("x")
    )

    assert output(flow, value=3) == 3


def test_a_failing_on_timeout_fails_the_flow() -> None:
    """With its own failure, not with the timeout."""
    flow = af.Flow("f").wait_signal("go", timeout=60, on_timeout=failing("late"))
    with runtime(flow) as rt:
        run = rt.start(flow)
        with pytest.raises(af.ExecutionFailed, match="late broke"):
            run.result()


def test_a_signal_after_the_timeout_is_for_the_next_who_waits() -> None:
    """It is kept, and not lost with the wait."""
    flow = (
        af.Flow("f")
        .wait_signal("go", timeout=60, on_timeout=returning("late"), into="a")
        .sleep(60)
        .wait_signal("go", into="b")
        .output("a", "b")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.clock.advance(61)
        rt.signal(run.id, "go", 1)

        assert run.result() == {"a": None, "b": 1}


def test_a_timeout_in_an_arm_goes_on_after_the_block() -> None:
    """A wait may be the last thing of a `when`."""
    diary = Diary()
    flow = (
        af.Flow("f")
        .when("true")
        .wait_signal("go", timeout=60, on_timeout=diary.noting("late"))
        .otherwise()
        .then(diary.noting("no"))
        .end()
        .then(diary.noting("after"))
    )
    output(flow)

    assert diary.lines == ["late", "after"]


def test_a_timeout_is_not_started_anew_by_a_restart(tmp_path: Path) -> None:
    """The deadline is in the log."""
    log = str(tmp_path / "log.db")
    flow = af.Flow("f").wait_signal("go", timeout=60, on_timeout=returning("late"))
    with runtime(flow, log=log) as rt:
        wake_at = suspension(rt.start(flow, execution_id="x")).wake_at
    with runtime(flow, log=log) as rt:
        assert suspension(rt.get("x")).wake_at == wake_at


# --- gate ----------------------------------------------------------------------------


def gated(**settings: Any) -> af.Flow:
    """Make a flow of one gate and something after it."""
    return (
        af.Flow("f", inputs=["x"])
        .gate("approval", **settings)
        .then(returning("after", "went on"))
        .build()
    )


def test_a_yes_is_a_result() -> None:
    """With who said it, and when."""
    flow = gated()
    with runtime(flow) as rt:
        run = rt.start(flow, x=1)
        run.wait()
        rt.clock.advance(5)
        rt.answer(run.id, "approval", True, by="ada")
        result = run.result()

        assert result["approval"]["approved"] is True
        assert result["approval"]["by"] == "ada"
        assert result["approval"]["at"] is not None


def test_a_no_is_a_result_and_not_an_error() -> None:
    """The flow goes on, and may look at it."""
    flow = gated()
    with runtime(flow) as rt:
        run = rt.start(flow, x=1)
        rt.answer(run.id, "approval", False)
        result = run.result()

        assert result["approval"]["approved"] is False
        assert result["after"] == "went on"


def test_a_decision_can_be_branched_upon() -> None:
    """`approved` is there for conditions."""
    flow = (
        af.Flow("f")
        .gate("ok")
        .when("ok.approved")
        .then(returning("x", "do it"))
        .otherwise()
        .then(returning("y", "leave it"), into="x")
        .end()
        .output("x")
        .build()
    )
    with runtime(flow) as rt:
        yes, no = rt.start(flow), rt.start(flow)
        rt.answer(yes.id, "ok", True)
        rt.answer(no.id, "ok", False)

        assert (yes.result(), no.result()) == ("do it", "leave it")


def test_when_it_was_answered_is_the_time_of_the_answer() -> None:
    """And not of the question."""
    flow = gated()
    with runtime(flow) as rt:
        run = rt.start(flow, x=1)
        run.wait()
        rt.clock.advance(3600)
        now = rt.clock.time()
        rt.answer(run.id, "approval", True)
        at = run.result()["approval"]["at"]

    seconds = at.timestamp() if hasattr(at, "timestamp") else at
    assert seconds == pytest.approx(now)


def test_an_open_gate_is_a_question() -> None:
    """Listed with its prompt, which may be a template."""
    flow = gated(prompt="Refund ${x}?")
    with runtime(flow) as rt:
        run = rt.start(flow, x="o-1")
        rest = suspension(run)
        [question] = rt.questions()

        assert rest.questions == ("approval",)
        assert question.id == "approval"
        assert question.prompt == "Refund o-1?"
        assert question.execution_id == run.id


def test_a_gate_s_default_prompt_is_its_name() -> None:
    """There is always something to show."""
    flow = gated()
    with runtime(flow) as rt:
        rt.start(flow, x=1)
        [question] = rt.questions()

        assert question.prompt == "approval"


def test_an_answered_gate_is_no_question_any_more() -> None:
    """And it cannot be answered twice."""
    flow = af.Flow("f").gate("ok").wait_signal("go").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.answer(run.id, "ok", True)
        run.wait()

        assert list(rt.questions()) == []
        with pytest.raises(af.AnswerError):
            rt.answer(run.id, "ok", False)


def test_an_answer_that_is_no_yes_or_no_is_refused() -> None:
    """The question stays open."""
    flow = gated()
    with runtime(flow) as rt:
        run = rt.start(flow, x=1)
        with pytest.raises(af.AnswerError):
            rt.answer(run.id, "approval", "maybe")

        assert suspension(run).questions == ("approval",)


def test_a_gate_s_timeout_fails_the_step() -> None:
    """Without a default nobody has decided."""
    flow = gated(timeout=60)
    with runtime(flow) as rt:
        run = rt.start(flow, x=1)
        rt.clock.advance(60)
        error = run.wait().error

    assert error is not None
    assert error.type == "timeout"
    assert "approval" in error.message


@pytest.mark.parametrize("default", [True, False])
def test_a_gate_s_default_is_the_answer_after_its_timeout(default: bool) -> None:  # noqa: FBT001
    """By nobody, at the deadline."""
    flow = gated(timeout=60, default=default)
    with runtime(flow) as rt:
        run = rt.start(flow, x=1)
        asked = rt.clock.time()
        run.result()
        decision = run.result()["approval"]

    assert decision["approved"] is default
    assert decision["by"] is None
    at = decision["at"]
    seconds = at.timestamp() if hasattr(at, "timestamp") else at
    assert seconds == pytest.approx(asked + 60)


def test_a_timeout_may_be_text() -> None:
    """As everywhere."""
    flow = gated(timeout="1h", default=True)
    with runtime(flow) as rt:
        run = rt.start(flow, x=1)

        assert suspension(run).wake_at == rt.clock.time() + 3600


def test_an_answer_in_time_stops_the_clock() -> None:
    """The default does not come after the answer."""
    flow = (
        af.Flow("f")
        .gate("ok", timeout=60, default=False)
        .sleep(120)
        .output("ok")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.answer(run.id, "ok", True)

        assert run.result()["approved"] is True


def test_two_gates_are_two_questions() -> None:
    """One after the other, each with its own id."""
    flow = af.Flow("f").gate("first").gate("second").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.answer(run.id, "first", True, by="ada")
        run.wait()
        rt.answer(run.id, "second", False, by="bob")
        result = run.result()

    assert (result["first"]["by"], result["second"]["by"]) == ("ada", "bob")


def test_a_gate_is_asked_again_after_a_restart(tmp_path: Path) -> None:
    """An open question is in the log, and answered once."""
    log, flow = str(tmp_path / "log.db"), gated()
    with runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="x", x=1).wait()
    with runtime(flow, log=log) as rt:
        [question] = rt.questions()
        rt.answer(question.execution_id, question.id, True, by="ada")

        assert rt.get("x").result()["approval"]["by"] == "ada"


def test_gates_of_items_are_answered_one_by_one() -> None:
    """A map of flows with a gate each: every item's question can be told apart."""
    body = af.Flow("body", inputs=["n"]).gate("ok", prompt="n ${n}?").output("ok")
    flow = af.Flow("f").map("m", body, over=[0, 1, 2]).output("m").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        asked = {q.prompt: q.id for q in rt.questions()}
        assert len(set(asked.values())) == 3
        for n in (2, 0, 1):
            rt.answer(run.id, asked[f"n {n}?"], n != 1)

        assert [decision["approved"] for decision in run.result()] == [
            True,
            False,
            True,
        ]


# --- pause ---------------------------------------------------------------------------


def test_a_pause_stops_until_somebody_resumes() -> None:
    """Its text says why."""
    flow = af.Flow("f").pause("look at it").then(returning("a", 1)).output("a").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        result = run.wait()
        rt.resume(run.id)

        assert result.status == "paused"
        assert "look at it" in str(result.suspension)
        assert run.result() == 1


def test_no_time_ends_a_pause() -> None:
    """Not even a year."""
    flow = af.Flow("f").pause().then(returning("a")).build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.clock.advance(365 * 86_400)

        assert run.wait().status == "paused"


def test_every_pause_is_resumed_by_itself() -> None:
    """One resume, one pause."""
    flow = af.Flow("f").pause("one").pause("two").then(returning("a", 1)).build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        rt.resume(run.id)
        second = run.wait()
        rt.resume(run.id)

        assert second.status == "paused"
        assert "two" in str(second.suspension)
        assert run.result() == {"a": 1}
