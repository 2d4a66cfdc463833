"""A map runs a node for every item: where items come from, and what comes out."""

from __future__ import annotations

from threading import Barrier, Lock
from typing import Any

import attrs
import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.flows.helpers import (
    Diary,
    boom,
    double,
    echo,
    events,
    failure,
    finish,
    output,
    returning,
)

WAIT = 20.0  # seconds before a test that hangs says so; no test comes near


@attrs.frozen
class Point:
    """A record."""

    x: int
    y: int


def mapped(node: Any, over: Any, **settings: Any) -> Any:
    """Return what a map of *node* over *over* gives."""
    return output(af.Flow("f").map("m", node, over=over, **settings).output("m"))


def unless_even(n: int) -> int:
    """Return *n*, or fail if it is even."""
    if n % 2 == 0:
        raise ValueError(f"{n} is even")
    return n


# --- items ---------------------------------------------------------------------------


def test_items_come_from_a_list() -> None:
    """The items may stand in the flow itself."""
    assert mapped(double, [1, 2, 3]) == [2, 4, 6]


def test_items_come_from_a_variable() -> None:
    """`over` names what an earlier step returned."""
    flow = (
        af.Flow("f")
        .then(returning("numbers", [1, 2]))
        .map("m", double, over="numbers")
        .output("m")
    )

    assert output(flow) == [2, 4]


def test_items_come_from_an_input() -> None:
    """`over` names an input as it does a variable."""
    flow = af.Flow("f", inputs=["numbers"]).map("m", double, over="numbers").output("m")

    assert output(flow, numbers=[4]) == [8]


def test_items_come_from_inside_a_record() -> None:
    """`over` is a path into what a step returned."""

    @attrs.frozen
    class Order:
        customers: list[str]

    flow = (
        af.Flow("f")
        .then(returning("order", Order(["ada", "bob"])))
        .map("emails", echo, over="order.customers")
        .output("emails")
    )

    assert output(flow) == ["ada", "bob"]


def test_items_come_from_a_callable() -> None:
    """A callable is given the state; anything that can be iterated will do."""
    flow = (
        af.Flow("f", inputs=["n"])
        .map("m", double, over=lambda s: (i for i in range(s["n"])))
        .output("m")
    )

    assert output(flow, n=3) == [0, 2, 4]


def test_items_are_settled_when_the_map_begins() -> None:
    """A callable that gives the items is asked once, whatever happens after."""
    asked: list[int] = []

    def items(state: Any) -> list[int]:
        asked.append(1)
        return [1, 2]

    body = af.Flow("body", inputs=["n"]).wait_signal("s-${n}", into="x").output("x")
    flow = af.Flow("f").map("m", body, over=items).output("m").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        for n in (1, 2):
            run.wait()
            rt.signal(run.id, f"s-{n}", n)

        assert run.result() == [1, 2]
    assert asked == [1]


def test_no_items_give_an_empty_list() -> None:
    """Nothing is called, and the step succeeds."""
    assert mapped(boom, []) == []


@pytest.mark.parametrize("on_error", ["wait", "fail_fast", "continue"])
def test_no_items_give_an_empty_list_in_every_mode(on_error: str) -> None:
    """How failures are treated does not matter where nothing can fail."""
    assert mapped(boom, [], on_error=on_error) == []


def test_no_items_give_an_empty_list_one_after_the_other() -> None:
    """Nor does the limit."""
    assert mapped(boom, [], max_concurrency=1) == []


@pytest.mark.parametrize("item", [None, 0, "", False, [], {}, 1.5, "text", [1, [2]]])
def test_any_value_is_an_item_and_a_result(item: Any) -> None:
    """None and the empty ones are items and results like others."""
    assert mapped(echo, [item, item]) == [item, item]


def test_records_are_items_and_results() -> None:
    """They come as the class they are."""

    def flip(point: Point) -> Point:
        return Point(point.y, point.x)

    assert mapped(flip, [Point(1, 2), Point(3, 4)]) == [Point(2, 1), Point(4, 3)]


def test_a_mapping_item_is_one_argument() -> None:
    """An item that is a mapping is the argument, and not keyword arguments."""
    assert mapped(echo, [{"a": 1}]) == [{"a": 1}]


def test_a_mapping_item_whose_key_looks_special_is_one_argument() -> None:
    """No key of a user's mapping has a meaning of its own."""
    items = [{"*": {"args": [1], "kwargs": {}}}, {"value": 2}, {"$": "tuple"}]

    assert mapped(echo, items) == items


def test_items_that_cannot_be_had_fail_the_step() -> None:
    """A callable that raises is the step's failure, with its message."""
    error = failure(af.Flow("f").map("m", echo, over=lambda s: s["ghost"]))

    assert "ghost" in error.message
    assert error.node == "m"


# --- arguments -----------------------------------------------------------------------


def test_input_templates_see_item_and_index() -> None:
    """Beside inputs and variables there are `item` and `index`."""

    def label(text: str, number: int, prefix: str) -> str:
        return f"{prefix}{number}{text}"

    flow = (
        af.Flow("f", inputs=["prefix"])
        .map(
            "m",
            label,
            over=["a", "b"],
            input={"text": "${item}", "number": "${index}", "prefix": "${prefix}"},
        )
        .output("m")
    )

    assert output(flow, prefix="-") == ["-0a", "-1b"]


def test_input_may_be_a_callable_of_the_state() -> None:
    """A callable sees item and index in what it is given."""
    flow = (
        af.Flow("f", state={"base": 10})
        .map(
            "m",
            echo,
            over=[1, 2],
            input=lambda s: {"value": s["base"] + s["item"] * s["index"]},
        )
        .output("m")
    )

    assert output(flow) == [10, 12]


def test_a_callable_input_may_give_the_one_argument() -> None:
    """As in `then`, what is no mapping is the one positional argument."""
    assert mapped(double, [1, 2], input=lambda s: s["item"] + 1) == [4, 6]


def test_a_flow_takes_the_item_as_its_one_input() -> None:
    """A flow with one input is a body like a function with one parameter."""
    body = af.Flow("body", inputs=["n"]).then(double, input={"value": "${n}"})

    assert mapped(body.output("double"), [1, 2]) == [2, 4]


def test_a_flow_with_several_inputs_gets_them_from_input() -> None:
    """`input=` fills a flow's inputs by name."""
    body = (
        af.Flow("body", inputs=["a", "b"])
        .then(echo, input={"value": "${a}${b}"})
        .output("echo")
    )

    assert mapped(body, ["x", "y"], input={"a": "${item}", "b": "${index}"}) == [
        "x0",
        "y1",
    ]


def test_a_body_that_takes_no_item_fails_with_its_reason() -> None:
    """The item cannot be given to a function without parameters."""
    assert "argument" in failure(af.Flow("f").map("m", boom, over=[1])).message


# --- order and concurrency -----------------------------------------------------------


def test_results_are_in_the_order_of_the_items() -> None:
    """Whichever item ends first."""
    body = (
        af.Flow("body", inputs=["n"])
        .wait_signal("s-${n}", into="x")
        .then(echo, input={"value": "${n}"})
        .output("echo")
    )
    flow = af.Flow("f").map("m", body, over=[0, 1, 2, 3]).output("m").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        for n in (2, 0, 3, 1):
            rt.signal(run.id, f"s-{n}")

        assert run.result() == [0, 1, 2, 3]


def test_items_run_at_the_same_time() -> None:
    """Four items that wait for each other all arrive."""
    barrier = Barrier(4, timeout=WAIT)

    def meet(_: int) -> int:
        return barrier.wait()

    flow = af.Flow("f").map("m", meet, over=range(4)).output("m").build()
    with af.Runtime(":memory:", definitions=[flow], threads=4) as rt:
        assert sorted(rt.start(flow).result(timeout=WAIT)) == [0, 1, 2, 3]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_no_more_than_max_concurrency_items_run_at_once(limit: int) -> None:
    """The peak is the limit, with more threads at hand."""
    lock, running, peak = Lock(), [0], [0]

    def busy(n: int) -> int:
        with lock:
            running[0] += 1
            peak[0] = max(peak[0], running[0])
        result = sum(range(2_000))
        with lock:
            running[0] -= 1
        return n + 0 * result

    flow = (
        af.Flow("f").map("m", busy, over=range(12), max_concurrency=limit).output("m")
    )
    with af.Runtime(":memory:", definitions=[flow], threads=6) as rt:
        assert rt.start(flow).result(timeout=WAIT) == list(range(12))

    assert peak[0] <= limit


def test_max_concurrency_is_used_up() -> None:
    """Two of four may run, and two do: they wait for each other in pairs."""
    barrier = Barrier(2, timeout=WAIT)

    def meet(n: int) -> int:
        barrier.wait()
        return n

    flow = (
        af.Flow("f")
        .map("m", meet, over=range(4), max_concurrency=2)
        .output("m")
        .build()
    )
    with af.Runtime(":memory:", definitions=[flow], threads=4) as rt:
        assert rt.start(flow).result(timeout=WAIT) == [0, 1, 2, 3]


def test_with_room_for_one_items_run_in_order() -> None:
    """`max_concurrency=1` is strictly sequential."""
    diary = Diary()

    assert mapped(diary.echo, [3, 1, 2], max_concurrency=1) == [3, 1, 2]
    assert diary.lines == [3, 1, 2]


def test_with_room_for_one_a_waiting_item_holds_up_the_next() -> None:
    """Strictly sequential means that waiting counts."""
    diary = Diary()
    body = (
        af.Flow("body", inputs=["value"]).then(diary.echo).wait_signal("go", into="x")
    )
    flow = af.Flow("f").map("m", body, over=[1, 2], max_concurrency=1).build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        assert diary.lines == [1]
        rt.signal(run.id, "go")
        run.wait()

        assert diary.lines == [1, 2]


def test_an_item_that_waits_makes_room_for_others() -> None:
    """With room for two, two that wait do not keep the rest from being done."""
    body = (
        af.Flow("body", inputs=["value"])
        .when("value < 2")
        .wait_signal("go")
        .end()
        .then(echo)
        .output("echo")
    )
    flow = (
        af.Flow("f")
        .map("m", body, over=range(5), max_concurrency=2)
        .output("m")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        done = {r.address for r in events(run, "ActivationCompleted")}
        assert {"main/m[2]", "main/m[3]", "main/m[4]"} <= done
        rt.signal(run.id, "go")
        rt.signal(run.id, "go")

        assert run.result() == [0, 1, 2, 3, 4]


def test_sleeps_one_after_the_other_add_up() -> None:
    """Three items of an hour take three hours with room for one."""
    flow = (
        af.Flow("f")
        .map(
            "m",
            af.Flow("b", inputs=["n"]).sleep(3600),
            over=[1, 2, 3],
            max_concurrency=1,
        )
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.result()

        assert run.wait().duration == pytest.approx(3 * 3600)


def test_sleeps_at_the_same_time_do_not_add_up() -> None:
    """A hundred items that sleep for an hour take an hour."""
    body = af.Flow("b", inputs=["n"]).sleep(3600)
    flow = af.Flow("f").map("m", body, over=range(100)).build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.result()

        assert run.wait().duration == pytest.approx(3600)


def test_two_thousand_items() -> None:
    """Many items are as good as few."""
    assert mapped(double, range(2_000)) == [2 * n for n in range(2_000)]


def test_two_thousand_items_of_a_flow_that_waits() -> None:
    """Each of many items may be suspended by itself, and all wake."""
    body = af.Flow("b", inputs=["n"]).sleep(10).then(echo, input={"value": "${n}"})
    flow = af.Flow("f").map("m", body.output("echo"), over=range(2_000)).output("m")

    assert output(flow) == list(range(2_000))


# --- failures ------------------------------------------------------------------------


def test_all_items_run_before_the_map_fails() -> None:
    """`wait` is the default, also one after the other."""
    for limit in (None, 1, 2):
        diary = Diary()

        def note(n: int, diary: Diary = diary) -> int:
            diary.echo(n)
            return unless_even(n)

        flow = af.Flow("f").map(
            "m", note, over=[1, 2, 3, 4], max_concurrency=limit, input={"n": "${item}"}
        )

        assert finish(flow).status == "failed"
        assert sorted(diary.lines) == [1, 2, 3, 4]


def test_the_failure_is_that_of_the_lowest_item() -> None:
    """By index, and not by time."""
    body = (
        af.Flow("body", inputs=["n"])
        .when(lambda s: s["n"] == 0)
        .sleep(60)
        .end()
        .then(boom_with, input={"n": "${n}"})
    )
    flow = af.Flow("f").map("m", body, over=[0, 1, 2]).build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        with pytest.raises(af.ExecutionFailed) as caught:
            run.result()

    assert "item 0 broke" in caught.value.error.message


def boom_with(n: int) -> None:
    """Fail and say who."""
    raise ValueError(f"item {n} broke")


def test_all_failures_are_kept_in_the_order_of_the_items() -> None:
    """`causes` has each with its address."""
    error = failure(af.Flow("f").map("m", unless_even, over=[4, 1, 2]))

    assert [cause.message for cause in error.causes] == ["4 is even", "2 is even"]
    assert [cause.address for cause in error.causes] == ["main/m[0]", "main/m[2]"]


def test_a_failure_says_which_item_it_was() -> None:
    """Its text has the address, with the index in it."""
    assert "main/m[1]" in str(failure(af.Flow("f").map("m", unless_even, over=[1, 2])))


def test_fail_fast_starts_nothing_further() -> None:
    """One after the other, what comes after the failure never runs."""
    diary = Diary()

    def note(n: int) -> int:
        diary.echo(n)
        return unless_even(n)

    flow = af.Flow("f").map(
        "m", note, over=[1, 2, 3], max_concurrency=1, on_error="fail_fast"
    )

    assert "2 is even" in failure(flow).message
    assert diary.lines == [1, 2]


def test_fail_fast_cancels_waiting_items() -> None:
    """An item that waits for a signal does not hold the failure back."""
    body = (
        af.Flow("body", inputs=["n"])
        .when(lambda s: s["n"] == 0)
        .wait_signal("never")
        .end()
        .then(boom_with, input={"n": "${n}"})
    )
    flow = af.Flow("f").map("m", body, over=[0, 1], on_error="fail_fast")

    assert "item 1 broke" in failure(flow).message


def test_continue_gives_an_outcome_for_every_item() -> None:
    """In order, each with a value or an error."""
    outcomes = mapped(unless_even, [1, 2, 3], on_error="continue")

    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert [outcome.value for outcome in outcomes] == [1, None, 3]
    assert outcomes[1].error.message == "2 is even"


def test_continue_tells_none_from_a_failure() -> None:
    """A value of None is a success."""
    assert mapped(echo, [None], on_error="continue") == [af.Outcome(value=None)]


def test_continue_succeeds_even_if_everything_fails() -> None:
    """The step's result is all failures, and the flow goes on."""
    outcomes = mapped(unless_even, [2, 4], on_error="continue")

    assert [outcome.ok for outcome in outcomes] == [False, False]


def test_a_map_over_outcomes_gets_them_as_they_are() -> None:
    """Outcomes are values that a later step can take as items."""

    def describe(outcome: af.Outcome) -> str:
        return "ok" if outcome.ok else outcome.error.message if outcome.error else ""

    flow = (
        af.Flow("f")
        .map("m", unless_even, over=[1, 2], on_error="continue")
        .map("texts", describe, over="m")
        .output("texts")
    )

    assert output(flow) == ["ok", "2 is even"]


def test_each_item_retries_by_itself() -> None:
    """`retry=` on the step is each item's, and counts for it alone."""
    seen: list[int] = []

    def flaky(n: int) -> int:
        seen.append(n)
        if seen.count(n) <= n:
            raise ConnectionError(f"{n} not yet")
        return n

    assert mapped(flaky, [0, 1, 2], retry=af.Retry(max_attempts=3)) == [0, 1, 2]
    assert sorted(seen) == [0, 1, 1, 2, 2, 2]


def test_an_item_that_has_used_up_its_tries_fails() -> None:
    """The others' tries are not taken."""
    calls: list[int] = []

    def flaky(n: int) -> int:
        calls.append(n)
        return unless_even(n)

    flow = af.Flow("f").map(
        "m", flaky, over=[1, 2], retry=af.Retry(max_attempts=3, initial=1)
    )

    with runtime(flow) as rt, pytest.raises(af.ExecutionFailed, match="2 is even"):
        rt.start(flow).result()
    assert calls.count(2) == 3


def test_the_body_s_own_policy_holds() -> None:
    """Without `retry=` on the step, the activity's policy is each item's."""
    seen: list[int] = []

    @af.activity(retry=af.Retry(max_attempts=2))
    def flaky(n: int) -> int:
        seen.append(n)
        if len(seen) == 1:
            raise ConnectionError("not yet")
        return n

    assert mapped(flaky, [7]) == [7]


def test_a_timeout_is_each_item_s() -> None:
    """`timeout=` on the step bounds one try of one item."""
    release = Barrier(2, timeout=WAIT)

    def stuck(n: int) -> int:
        if n:
            release.wait()
        return n

    flow = (
        af.Flow("f")
        .map("m", stuck, over=[0, 1], timeout=0.05, on_error="continue")
        .output("m")
        .build()
    )
    with af.Runtime(":memory:", definitions=[flow]) as rt:
        first, second = rt.start(flow).result(timeout=WAIT)
        release.wait()

    assert first.ok
    assert second.error.type == "timeout"


def test_a_result_that_cannot_be_recorded_fails_its_item() -> None:
    """The failure names the item; others are not harmed."""

    def make(n: int) -> Any:
        return object() if n else n

    outcomes = mapped(make, [0, 1], on_error="continue")

    assert [outcome.ok for outcome in outcomes] == [True, False]


def test_an_item_s_address_has_its_index() -> None:
    """The log calls item n ``main/m[n]``."""
    flow = af.Flow("f").map("m", double, over=[1, 2]).build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.result()
        done = {r.address for r in events(run, "ActivationCompleted")}

    assert {"main/m[0]", "main/m[1]", "main/m"} <= done


def test_every_item_s_context_has_its_own_key() -> None:
    """Idempotency keys differ between items."""

    def key(n: int, ctx: af.ActivityContext) -> str:
        return ctx.idempotency_key

    keys = mapped(key, [1, 2, 3])

    assert len(set(keys)) == 3
