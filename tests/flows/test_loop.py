"""A loop runs its body at least once, each time with the last result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.testing import runtime
from tests.flows.helpers import (
    Ailing,
    Diary,
    echo,
    events,
    failure,
    increment,
    output,
    problems,
    returning,
)


@attrs.frozen
class Status:
    """A record that a loop passes on."""

    tries: int
    delivered: bool


def looped(body: Any, **settings: Any) -> Any:
    """Return what a loop over *body* gives."""
    return output(af.Flow("f").loop("l", body, **settings).output("l"))


# --- the body ------------------------------------------------------------------------


def test_the_body_runs_until_until_holds() -> None:
    """The result is the last iteration's."""
    assert looped(increment, until=lambda i, prev, new: new >= 3) == 3


def test_the_body_runs_at_least_once() -> None:
    """`until` is asked after an iteration, never before."""
    diary = Diary()

    assert looped(diary.echo, until=lambda *_: True, input=lambda s: 5) == 5
    assert diary.lines == [5]


def test_each_iteration_is_given_the_last_result() -> None:
    """What one returns is the next one's argument."""
    seen: list[Any] = []

    def body(value: Any) -> int:
        seen.append(value)
        return len(seen) * 10

    looped(body, max_iterations=3)

    assert seen == [None, 10, 20]


def test_until_sees_iteration_previous_and_new() -> None:
    """Iterations count from 1; `previous` is what the iteration was given."""
    seen: list[tuple[int, Any, Any]] = []

    def until(i: int, prev: Any, new: Any) -> bool:
        seen.append((i, prev, new))
        return bool(new >= 3)

    looped(increment, until=until, input=lambda s: 0)

    assert seen == [(1, 0, 1), (2, 1, 2), (3, 2, 3)]


def test_until_sees_records_as_what_they_are() -> None:
    """A condition may read attributes of a result."""

    def poll(last: Status | None) -> Status:
        tries = (last.tries if last else 0) + 1
        return Status(tries, delivered=tries == 4)

    result = looped(poll, until=lambda i, prev, new: new.delivered, max_iterations=100)

    assert result == Status(4, delivered=True)


def test_until_may_be_an_expression() -> None:
    """Over `iteration`, `previous` and `result`, beside the state."""
    assert looped(increment, until="result >= 3 and iteration == 3") == 3


def test_an_expression_sees_the_state_too() -> None:
    """Inputs and variables are at hand."""
    flow = (
        af.Flow("f", inputs=["goal"])
        .loop("l", increment, until="result >= goal")
        .output("l")
    )

    assert output(flow, goal=4) == 4


def test_none_is_a_result_like_others() -> None:
    """An iteration that returns None has happened."""
    diary = Diary()

    def body(value: Any) -> None:
        diary.echo(value)

    assert looped(body, until=lambda i, prev, new: i == 3) is None
    assert len(diary) == 3


@pytest.mark.parametrize("value", [{"a": 1}, [1, 2], {"*": {"args": [], "kwargs": {}}}])
def test_any_value_is_passed_on_as_one_argument(value: Any) -> None:
    """A mapping is an argument, and not keyword arguments."""
    assert looped(echo, input=lambda s: value, max_iterations=3) == value


# --- what the first iteration is given -----------------------------------------------


def test_the_first_iteration_is_given_what_input_gives() -> None:
    """`input=` may be a callable of the state."""
    flow = (
        af.Flow("f", inputs=["start"])
        .loop("l", increment, input=lambda s: s["start"], max_iterations=2)
        .output("l")
    )

    assert output(flow, start=10) == 12


def test_input_may_be_an_expression() -> None:
    """An expression over inputs and state."""
    flow = (
        af.Flow("f", inputs=["start"])
        .loop("l", increment, input="start * 10", max_iterations=1)
        .output("l")
    )

    assert output(flow, start=2) == 21


def test_without_input_it_is_the_variable_of_that_name() -> None:
    """A loop goes on from the variable its result will land in."""
    flow = af.Flow("f", state={"n": 5}).loop("n", increment, max_iterations=2)

    assert output(flow.output("n")) == 7


def test_without_input_it_is_the_variable_of_into() -> None:
    """`into=` names that variable."""
    flow = (
        af.Flow("f")
        .then(returning("a", 5), into="n")
        .loop("l", increment, into="n", max_iterations=2)
        .output("n")
    )

    assert output(flow) == 7


def test_without_input_and_variable_it_is_none() -> None:
    """There is nothing to begin with."""
    assert looped(echo, max_iterations=1) is None


def test_a_flow_with_its_own_input_of_the_loops_name_begins_with_it() -> None:
    """An input of the flow with that name is no variable, but is what there is."""
    flow = af.Flow("f", inputs=["n"]).loop("n", increment, max_iterations=1).output("n")

    assert output(flow, n=5) == 6


# --- limits --------------------------------------------------------------------------


def test_an_explicit_maximum_ends_the_loop_normally() -> None:
    """The last result is the loop's."""
    assert looped(increment, until=lambda *_: False, max_iterations=5) == 5


def test_a_maximum_without_until_repeats_that_often() -> None:
    """`until` may be left out."""
    assert looped(increment, max_iterations=7) == 7


def test_until_wins_over_the_maximum() -> None:
    """If both hold at the same iteration it is a normal end."""
    assert (
        looped(
            increment,
            until=lambda i, prev, new: i == 3,
            max_iterations=3,
            on_max="error",
        )
        == 3
    )


def test_on_max_error_makes_the_maximum_a_failure() -> None:
    """The failure names loop and number."""
    flow = af.Flow("f").loop("poll", increment, max_iterations=3, on_max="error")
    error = failure(flow)

    assert error.node == "poll"
    assert "3 iterations" in error.message


def test_without_a_maximum_1024_iterations_are_an_error() -> None:
    """A loop that never ends fails as a `LoopLimitError`."""
    diary = Diary()
    error = failure(af.Flow("f").loop("l", lambda v: diary.echo(0)))

    assert len(diary) == 1024
    assert any("LoopLimitError" in name for name in error.exceptions)
    assert error.node == "l"


def test_a_loop_may_be_longer_than_1024_if_it_says_so() -> None:
    """The cap is for those that set none."""
    assert looped(increment, max_iterations=1500) == 1500


def test_the_1024th_iteration_may_end_the_loop() -> None:
    """The cap is an error only if the loop wants to go on."""
    assert looped(increment, until=lambda i, prev, new: i == 1024) == 1024


def test_a_loop_limit_can_be_retried_on_by_its_class() -> None:
    """A graph around it can catch the failure by the name of the class."""
    inner = af.Flow("inner").loop("l", increment, max_iterations=2, on_max="error")
    flow = (
        af.Flow("f")
        .then(inner, catch=[af.Catch(on=[af.LoopLimitError], goto="after")])
        .then(returning("after", "caught"))
        .output("after")
    )

    assert output(flow) == "caught"


# --- failures ------------------------------------------------------------------------


def test_a_failing_iteration_fails_the_loop() -> None:
    """`until` is not asked about it, and the failure has the iteration's address."""
    asked: list[int] = []

    def body(value: int | None) -> int:
        if value == 1:
            raise ValueError("second one broke")
        return 1

    def until(i: int, prev: Any, new: Any) -> bool:
        asked.append(i)
        return False

    error = failure(af.Flow("f").loop("l", body, until=until))

    assert error.message == "second one broke"
    assert error.address == "main/l@2"
    assert asked == [1]


def test_an_until_that_raises_fails_the_loop() -> None:
    """The failure is the loop's own."""
    error = failure(af.Flow("f").loop("l", increment, until=lambda i, p, n: n.ghost))

    assert "ghost" in error.message
    assert error.node == "l"


def test_an_until_that_fails_can_be_retried_without_repeating_the_iteration() -> None:
    """What was recorded stays: only the condition is asked again."""
    diary, broken = Diary(), [True]

    def until(i: int, prev: Any, new: Any) -> bool:
        if broken[0]:
            raise ValueError("not now")
        return True

    flow = af.Flow("f").loop("l", diary.echo, until=until, input=lambda s: 1)
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        broken[0] = False
        rt.retry(run.id)

        assert run.result() == {"l": 1}
    assert diary.lines == [1]


def test_each_iteration_retries_by_itself() -> None:
    """The body's policy counts from one in every iteration."""
    seen: list[int] = []

    @af.activity(retry=af.Retry(max_attempts=2, initial=1))
    def flaky(value: int | None) -> int:
        now = value or 0
        seen.append(now)
        if seen.count(now) == 1:
            raise ConnectionError("not yet")
        return now + 1

    assert looped(flaky, max_iterations=3) == 3
    assert seen == [0, 0, 1, 1, 2, 2]


def test_retry_repeats_only_the_iteration_that_failed() -> None:
    """The ones before are not run again, and the numbering goes on."""
    ailing = Ailing(2)

    def body_of(value: int | None) -> int:
        result: int = ailing((value or 0) + 1)
        return result

    flow = af.Flow("f").loop("l", body_of, max_iterations=4).output("l").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        assert ailing.seen == [1, 2]
        ailing.heal()
        rt.retry(run.id)

        assert run.result() == 4
    assert ailing.seen == [2, 3, 4]


# --- interruptions -------------------------------------------------------------------


def asking(diary: Diary) -> af.Flow:
    """Make a body that notes its argument, waits for a signal, and returns it."""
    return (
        af.Flow("body", inputs=["last"])
        .then(diary.echo, input={"value": "${last}"}, into="seen")
        .wait_signal("next", into="got")
        .output("got")
    )


def test_a_body_may_be_a_flow() -> None:
    """A flow with one input takes the last result."""
    body = (
        af.Flow("body", inputs=["last"])
        .sleep(60)
        .then(increment, input={"value": "${last}"}, into="n")
        .output("n")
    )

    assert looped(body, max_iterations=3) == 3


def test_a_loop_of_a_flow_sleeps_in_every_iteration() -> None:
    """Polling every hour for three times takes three hours."""
    body = (
        af.Flow("body", inputs=["last"])
        .sleep(3600)
        .then(increment, input={"value": "${last}"}, into="n")
        .output("n")
    )
    flow = af.Flow("f").loop("l", body, max_iterations=3)
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.result()

        assert run.wait().duration == pytest.approx(3 * 3600)


def test_a_restart_goes_on_in_the_very_iteration(tmp_path: Path) -> None:
    """Same iteration, same argument; what it had done inside is not repeated."""
    diary, log = Diary(), str(tmp_path / "log.db")
    flow = (
        af.Flow("f")
        .loop("l", asking(diary), until=lambda i, prev, new: new == "stop")
        .output("l")
        .build()
    )
    with runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="x").wait()
        rt.signal("x", "next", "one")
        rt.get("x").wait()
    with runtime(flow, log=log) as rt:
        assert rt.get("x").wait().suspension is not None
        rt.signal("x", "next", "two")
        rt.get("x").wait()
    with runtime(flow, log=log) as rt:
        rt.signal("x", "next", "stop")

        assert rt.get("x").result() == "stop"
    assert diary.lines == [None, "one", "two"]


def test_previous_is_known_after_a_restart(tmp_path: Path) -> None:
    """`until` sees the same three values, whoever asks."""
    log, seen = str(tmp_path / "log.db"), []

    def until(i: int, prev: Any, new: Any) -> bool:
        seen.append((i, prev, new))
        return bool(new == "stop")

    flow = af.Flow("f").loop("l", asking(Diary()), until=until).build()
    for payload in ("one", "two", "stop"):
        with runtime(flow, log=log) as rt:
            run = rt.start(flow, execution_id="x")
            run.wait()
            rt.signal("x", "next", payload)
            run.wait()

    assert seen == [(1, None, "one"), (2, "one", "two"), (3, "two", "stop")]


def test_until_is_asked_once_for_every_iteration() -> None:
    """What it decided is a fact; it is not asked again for good measure."""
    asked: list[int] = []

    def until(i: int, prev: Any, new: Any) -> bool:
        asked.append(i)
        return i == 3

    looped(asking_once(), until=until)

    assert asked == [1, 2, 3]


def asking_once() -> af.Flow:
    """Make a body that sleeps, so that the loop is looked at more than once."""
    return af.Flow("body", inputs=["last"]).sleep(1).then(returning("a", 1)).output("a")


def test_every_iteration_has_its_address() -> None:
    """The log calls iteration n ``main/l@n``."""
    flow = af.Flow("f").loop("l", increment, max_iterations=3)
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.result()
        done = [r.address for r in events(run, "ActivationCompleted")]

    assert done == ["main/l@1", "main/l@2", "main/l@3", "main/l"]


def test_a_loop_in_a_loop() -> None:
    """The inner loop is run anew in every iteration of the outer one."""
    inner = (
        af.Flow("inner", inputs=["n"])
        .loop("l", increment, input="n", max_iterations=3)
        .output("l")
    )

    assert looped(inner, input=lambda s: 0, max_iterations=4) == 12


def test_the_same_signal_is_consumed_once_by_every_iteration() -> None:
    """Signals that came early serve the iterations in their order."""
    diary = Diary()
    flow = af.Flow("f").loop("l", asking(diary), max_iterations=3).output("l").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        for payload in "abc":
            rt.signal(run.id, "next", payload)

        assert run.result() == "c"
    assert diary.lines == [None, "a", "b"]


# --- what iterations yield -----------------------------------------------------------


def drafting(log: Any = None, **settings: Any) -> Any:
    """Make a loop of three iterations that yield two values each."""

    def draft(ctx: af.ActivityContext, number: int | None) -> int:
        number = number or 0
        if log is not None and number == 1:
            log.append(ctx.wait_signal("go"))
        ctx.emit(number)
        ctx.emit(number + 1)
        return number + 1

    return af.Flow("f").loop("l", draft, max_iterations=3, **settings).build()


def emitted(flow: Any) -> list[Any]:
    """Run *flow*; return what a listener gets."""
    with runtime(flow) as rt:
        run = rt.start(flow)
        return list(run.emitted())


def test_listeners_get_what_every_iteration_yields() -> None:
    """In the order of the iterations."""
    assert emitted(drafting()) == [0, 1, 1, 2, 2, 3]


def test_listeners_may_get_what_the_last_iteration_yields() -> None:
    """And nothing of those before."""
    assert emitted(drafting(stream="last")) == [2, 3]


def test_what_an_iteration_yields_is_there_before_the_next_begins() -> None:
    """It is live: nobody waits for the loop to end."""
    flow = drafting([])
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        live = iter(run.emitted())
        assert [next(live), next(live)] == [0, 1]
        run.signal("go")
        assert list(live) == [1, 2, 2, 3]


@pytest.mark.parametrize(
    ("stream", "values"), [("every", [0, 1, 1, 2, 2, 3]), ("last", [2, 3])]
)
def test_no_value_is_lost_or_doubled_by_a_restart(
    stream: str, values: list[int]
) -> None:
    """A loop that waits in its second iteration goes on there."""
    flow, log = drafting([], stream=stream), MemoryLog()
    with runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="x").wait()
    with runtime(flow, log=MemoryLog(store=log.store)) as rt:
        rt.signal("x", "go")
        assert list(rt.get("x").emitted()) == values


def test_a_loop_in_a_loop_holds_back_for_its_outer_one() -> None:
    """Only the last of the last is passed on."""
    inner = (
        af.Flow("inner", inputs=["n"])
        .loop("l", yielding, input="n", max_iterations=2, stream="last")
        .output("l")
    )
    flow = af.Flow("f").loop("o", inner, input="0", max_iterations=2, stream="last")

    assert emitted(flow.build()) == [3]


def test_a_listener_that_comes_later_gets_the_rest() -> None:
    """What was recorded until the event it names is left out."""
    flow = drafting()
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        third = [r.seq for r in events(run, "ValueEmitted")][2]
        assert list(run.emitted(after=third)) == [2, 2, 3]


def yielding(ctx: af.ActivityContext, number: int) -> int:
    """Yield a number and return the next."""
    ctx.emit(number)
    return number + 1


def test_a_stream_of_another_kind_is_a_mistake() -> None:
    """There are two."""
    found = problems(af.Flow("f").loop("l", echo, stream="some").build)

    assert found == ("step 'l': loop.stream must be every or last, not 'some'",)
