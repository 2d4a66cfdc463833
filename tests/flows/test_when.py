"""When, otherwise, end: one of two ways, decided once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.flows.helpers import Ailing, Diary, boom, failing, failure, finish, returning


def run_with(flow: af.Flow, **inputs: Any) -> Any:
    """Run *flow* to its end; return its output."""
    with runtime(flow) as rt:
        return rt.start(flow, **inputs).result()


def branching(diary: Diary) -> af.Flow:
    """Make a flow with both arms and something after them."""
    return (
        af.Flow("f", inputs=["x"])
        .when("x")
        .then(diary.noting("yes"))
        .otherwise()
        .then(diary.noting("no"))
        .end()
        .then(diary.noting("after"))
    )


@pytest.mark.parametrize(("x", "arm"), [(True, "yes"), (False, "no")])
def test_one_arm_runs_and_the_flow_goes_on(x: bool, arm: str) -> None:  # noqa: FBT001
    """The condition chooses; what follows `end` follows both."""
    diary = Diary()
    run_with(branching(diary), x=x)

    assert diary.lines == [arm, "after"]


def test_a_condition_may_be_a_callable() -> None:
    """It is given the state."""
    diary = Diary()
    flow = (
        af.Flow("f", inputs=["n"])
        .when(lambda s: s["n"] > 3)
        .then(diary.noting("big"))
        .end()
    )
    run_with(flow, n=5)
    run_with(flow, n=1)

    assert diary.lines == ["big"]


@pytest.mark.parametrize("value", [0, "", None, [], {}, False, "false"], ids=repr)
def test_what_is_false(value: Any) -> None:
    """Python's truth, and the text "false"."""
    diary = Diary()
    run_with(branching(diary), x=value)

    assert diary.lines == ["no", "after"]


@pytest.mark.parametrize("value", [1, "x", [0], {"a": 0}, True, "0"], ids=repr)
def test_what_is_true(value: Any) -> None:
    """Everything else."""
    diary = Diary()
    run_with(branching(diary), x=value)

    assert diary.lines == ["yes", "after"]


def test_without_otherwise_the_flow_goes_on_after_the_block() -> None:
    """A condition that does not hold skips the block."""
    diary = Diary()
    flow = (
        af.Flow("f")
        .when("false")
        .then(diary.noting("skipped"))
        .end()
        .then(diary.noting("after"))
    )
    run_with(flow)

    assert diary.lines == ["after"]


def test_a_block_may_be_the_first_thing() -> None:
    """A flow may begin with a decision."""
    flow = af.Flow("f").when("true").then(returning("a", 1)).end()

    assert run_with(flow) == {"a": 1}


def test_a_block_may_be_the_last_thing() -> None:
    """Both ways lead to the end of the flow."""
    flow = (
        af.Flow("f", inputs=["x"])
        .then(returning("before", 0))
        .when("x")
        .then(returning("a", 1))
        .end()
    )

    assert run_with(flow, x=False) == {"before": 0}
    assert run_with(flow, x=True) == {"before": 0, "a": 1}


def test_an_arm_has_as_many_steps_as_it_likes() -> None:
    """They run in order, of whatever kind."""
    diary = Diary()
    flow = (
        af.Flow("f")
        .when("true")
        .then(diary.noting("a"))
        .sleep(1)
        .map("m", diary.echo, over=["b", "c"], max_concurrency=1)
        .then(diary.noting("d"))
        .end()
        .then(diary.noting("e"))
    )
    run_with(flow)

    assert diary.lines == list("abcde")


def test_blocks_may_follow_each_other() -> None:
    """Each decides for itself."""
    diary = Diary()
    flow = af.Flow("f")
    for name, holds in (("a", "true"), ("b", "false"), ("c", "true")):
        flow.when(holds).then(diary.noting(name)).end()
    run_with(flow)

    assert diary.lines == ["a", "c"]


def test_a_later_condition_sees_what_an_arm_wrote() -> None:
    """Arms write to the one state."""
    flow = (
        af.Flow("f")
        .when("true")
        .then(returning("a", 5), into="n")
        .end()
        .when("n == 5")
        .then(returning("five", "yes"))
        .end()
        .output("five")
    )

    assert run_with(flow) == "yes"


def test_both_arms_may_write_the_same_variable() -> None:
    """Then the rest of the flow need not know which way was taken."""
    flow = (
        af.Flow("f", inputs=["x"])
        .when("x")
        .then(returning("a", 1), into="n")
        .otherwise()
        .then(returning("b", 2), into="n")
        .end()
        .output("n")
    )

    assert (run_with(flow, x=True), run_with(flow, x=False)) == (1, 2)


def nested(diary: Diary) -> af.Flow:
    """Make a flow with conditions three deep, and both arms everywhere."""
    flow = af.Flow("f", inputs=["a", "b", "c"])
    flow.when("a")
    for first in "10":
        flow.when("b")
        for second in "10":
            flow.when("c").then(diary.noting(f"{first}{second}1"))
            flow.otherwise().then(diary.noting(f"{first}{second}0")).end()
            flow.then(diary.noting(f"{first}{second}"))
            if second == "1":
                flow.otherwise()
        flow.end().then(diary.noting(first))
        if first == "1":
            flow.otherwise()
    return flow.end().then(diary.noting("end"))


@pytest.mark.parametrize("way", [f"{n:03b}" for n in range(8)])
def test_blocks_nest_three_deep(way: str) -> None:
    """Every one of the eight ways is walked, and closed level by level."""
    diary = Diary()
    a, b, c = (digit == "1" for digit in way)
    run_with(nested(diary), a=a, b=b, c=c)

    assert diary.lines == [way, way[:2], way[0], "end"]


def test_a_block_right_inside_a_block() -> None:
    """An inner `when` may be the first thing of an arm, and its `end` the last."""
    diary = Diary()
    flow = (
        af.Flow("f", inputs=["a", "b"])
        .when("a")
        .when("b")
        .then(diary.noting("both"))
        .end()
        .otherwise()
        .when("b")
        .then(diary.noting("only b"))
        .end()
        .end()
        .then(diary.noting("end"))
    )
    for a, b in ((1, 1), (1, 0), (0, 1), (0, 0)):
        run_with(flow, a=a, b=b)

    assert diary.lines == ["both", "end", "end", "only b", "end", "end"]


def test_an_output_written_deep_inside_is_there_at_the_end() -> None:
    """Blocks share the state of the flow."""
    flow = (
        af.Flow("f")
        .when("true")
        .when("true")
        .when("true")
        .then(returning("deep", 1))
        .end()
        .end()
        .end()
        .output("deep")
    )

    assert run_with(flow) == 1


def test_waits_inside_an_arm() -> None:
    """An arm may be suspended like any other stretch."""
    flow = (
        af.Flow("f")
        .when("true")
        .wait_signal("go", into="x")
        .otherwise()
        .sleep(10)
        .end()
        .output("x")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        rt.signal(run.id, "go", 1)

        assert run.result() == 1


def test_the_decision_is_made_once() -> None:
    """A condition is asked when the block is reached, and not again."""
    asked: list[int] = []

    def condition(state: Any) -> bool:
        asked.append(1)
        return len(asked) == 1

    flow = (
        af.Flow("f")
        .when(condition)
        .wait_signal("go", into="x")
        .otherwise()
        .then(returning("x", "wrong"))
        .end()
        .output("x")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        rt.signal(run.id, "go", "right")

        assert run.result() == "right"
    assert asked == [1]


def test_the_decision_is_kept_over_a_restart(tmp_path: Path) -> None:
    """Another process goes on in the arm, whatever the condition says now."""
    log, answer = str(tmp_path / "log.db"), [True]
    flow = (
        af.Flow("f")
        .when(lambda s: answer[0])
        .wait_signal("go", into="x")
        .otherwise()
        .then(returning("x", "wrong"))
        .end()
        .output("x")
        .build()
    )
    with runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="x").wait()
    answer[0] = False
    with runtime(flow, log=log) as rt:
        rt.signal("x", "go", "right")

        assert rt.get("x").result() == "right"


def test_the_decision_is_kept_by_a_retry() -> None:
    """What failed in an arm is run again there."""
    ailing, answer = Ailing(1), [True]
    flow = (
        af.Flow("f", state={"value": 1})
        .when(lambda s: answer[0])
        .then(ailing, into="x")
        .otherwise()
        .then(returning("x", "wrong"))
        .end()
        .output("x")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        ailing.heal()
        answer[0] = False
        rt.retry(run.id)

        assert run.result() == 1


def test_a_failing_arm_fails_the_flow() -> None:
    """With the failure of its step."""
    flow = af.Flow("f").when("true").then(failing("a")).end().then(returning("b"))

    assert failure(flow).message == "a broke"


def test_a_condition_that_raises_fails_the_flow() -> None:
    """The failure names the block."""
    flow = af.Flow("f").when(lambda s: s["ghost"], name="check").then(returning("a"))
    error = failure(flow.end())

    assert "ghost" in error.message
    assert error.node == "check"


def test_an_expression_that_cannot_be_evaluated_fails_the_flow() -> None:
    """What is not there is named."""
    flow = af.Flow("f", state={"found": {}}).when("found.ghost > 3")
    error = failure(flow.then(returning("a")).end())

    assert "ghost" in error.message


def test_an_expression_that_is_none_is_refused_before_it_runs() -> None:
    """What does not compile is a problem of the definition."""
    with pytest.raises(af.DefinitionError, match="x =="):
        finish(af.Flow("f", inputs=["x"]).when("x ==").then(returning("a")).end(), x=1)


def test_a_condition_on_what_is_never_there_is_refused_before_it_runs() -> None:
    """A misspelled name is a problem of the definition, with the name it is like."""
    with pytest.raises(af.DefinitionError, match="did you mean 'total'"):
        finish(af.Flow("f", inputs=["total"]).when("totl").then(boom).end(), total=1)
