"""A map runs an activity for every item and collects the results in order."""

from __future__ import annotations

import asyncio
from threading import Barrier, Event, Lock
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.acceptance.helpers import (
    WAIT,
    Calls,
    answering,
    double,
    echo,
    events,
    finish,
    problems,
)


def mapping(
    over: Any, activity: Any, state: dict | None = None, **settings: Any
) -> af.Workflow:
    """Make a workflow of one map that returns its results."""
    return af.Workflow(
        name="w",
        state=state or {},
        steps=[
            af.Step(
                "each",
                map=af.Map(over=over, activity=activity, **settings),
                store="results",
            )
        ],
        outputs=[af.Output("results")],
    )


def results(over: Any, activity: Any = double, **settings: Any) -> Any:
    """Return what a map over *over* gives."""
    return finish(mapping(over, activity, **settings)).output["results"]


def unless_even(n: int) -> int:
    """Return *n*, or fail if it is even."""
    if n % 2 == 0:
        raise ValueError(f"{n} is even")
    return n


# --- items ---------------------------------------------------------------------------


def test_results_come_in_the_order_of_the_items() -> None:
    """Result n belongs to item n, whichever was done first."""
    assert results([3, 1, 2]) == [6, 2, 4]


def test_items_come_from_an_expression() -> None:
    """`over` is an expression over inputs and state."""
    assert results("state.numbers", state={"numbers": [1, 2]}) == [2, 4]


def test_items_may_be_written_as_an_expression() -> None:
    """A list may be written inside the expression."""
    assert results("[1, 2, 3]") == [2, 4, 6]


def test_an_expression_for_the_items_is_no_template() -> None:
    """`over` is an expression already; `${...}` around it is refused at once."""
    wf = mapping("${state.numbers}", double)

    assert "without '${}'" in problems(lambda: af.Runtime(":memory:", definitions=[wf]))


def test_items_come_from_a_function_of_the_state() -> None:
    """`over` may be a callable that is given the state."""
    over = lambda state: range(state["n"])  # noqa: E731

    assert results(over, state={"n": 3}) == [0, 2, 4]


def test_a_map_over_nothing_is_an_empty_list() -> None:
    """No items, no calls, and a result all the same."""
    assert results([]) == []


def test_a_map_over_none_is_an_empty_list() -> None:
    """None counts as no items."""
    assert results("state.x", state={"x": None}) == []


def test_a_map_over_one_value_has_one_item() -> None:
    """A number or a text is one item."""
    assert results("state.x", echo, state={"x": "abc"}) == ["abc"]


def test_a_map_over_a_mapping_has_an_item_for_every_key() -> None:
    """The items of a mapping are its keys with their values, sorted by key."""
    assert results("state.x", echo, state={"x": {"b": 2, "a": 1}}) == [
        {"key": "a", "value": 1},
        {"key": "b", "value": 2},
    ]


def test_over_that_cannot_be_evaluated_fails_the_step() -> None:
    """An expression for the items that fails is the step's failure."""
    error = finish(mapping("{}['ghost']", double)).error

    assert error is not None
    assert "ghost" in error.message


# --- parameters ----------------------------------------------------------------------


def test_an_item_is_the_one_positional_argument() -> None:
    """Without parameters the activity is called with the item."""
    assert results(["a", "b"], lambda anything: anything.upper()) == ["A", "B"]


def test_parameters_see_item_index_and_state() -> None:
    """Templates of a map see `item` and `index` beside inputs and state."""
    wf = mapping(
        ["x", "y"],
        echo,
        state={"prefix": "p"},
        parameters={"value": "${state.prefix}-${index}-${item}"},
    )

    assert finish(wf).output == {"results": ["p-0-x", "p-1-y"]}


def test_an_item_keeps_its_type() -> None:
    """A parameter that is one whole token is the item itself."""
    wf = mapping([{"n": 1}], echo, parameters={"value": "${item.n}"})

    assert finish(wf).output == {"results": [1]}


def test_item_does_not_stay_behind() -> None:
    """A map makes no variable `item`, and leaves one that was there alone."""
    wf = af.Workflow(
        name="w",
        state={"item": "mine"},
        steps=[
            af.Step(
                "each",
                map=af.Map(over=[1], activity=echo, parameters={"value": "${item}"}),
            )
        ],
        result="*",
    )

    assert finish(wf).output == {"item": "mine"}


# --- how many at once ----------------------------------------------------------------


def test_items_run_at_the_same_time() -> None:
    """Four items meet at a barrier that none could pass alone."""
    barrier = Barrier(4)

    def meet(n: int) -> int:
        barrier.wait(timeout=WAIT)
        return n

    assert results([0, 1, 2, 3], meet) == [0, 1, 2, 3]


class Gauge:
    """How many are inside at once, at most."""

    def __init__(self) -> None:
        self.lock, self.inside, self.most = Lock(), 0, 0

    async def __call__(self, n: int) -> int:
        """Stay inside for a few turns of the loop."""
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        await asyncio.to_thread(lambda: None)
        with self.lock:
            self.inside -= 1
        return n


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_items_are_active_than_allowed(limit: int) -> None:
    """`max_concurrency` bounds how many items run at once."""
    gauge = Gauge()

    async def visit(n: int) -> int:
        return await gauge(n)

    wf = mapping([*range(30)], visit, max_concurrency=limit)
    finish(wf)

    assert gauge.most <= limit


def test_a_limit_of_one_is_strictly_one_after_the_other(calls: Calls) -> None:
    """With `max_concurrency=1` items run in their order."""
    results([*range(50)], calls, max_concurrency=1)

    assert calls.seen == [*range(50)]


def test_a_thousand_items_are_all_run_once(calls: Calls) -> None:
    """Every item of a large map runs, exactly once."""
    results([*range(1000)], calls)

    assert sorted(calls.seen) == [*range(1000)]


def test_an_async_activity_is_mapped() -> None:
    """Items of an `async def` run concurrently without a thread each."""

    async def later(n: int) -> int:
        await asyncio.to_thread(lambda: None)
        return n + 1

    assert results([*range(200)], later) == [*range(1, 201)]


# --- failures ------------------------------------------------------------------------


def test_a_failed_item_fails_the_step() -> None:
    """By default one failed item is a failed map."""
    assert finish(mapping([1, 2, 3], unless_even)).status == "failed"


def test_by_default_every_item_runs_before_the_step_fails(calls: Calls) -> None:
    """`on_error="wait"` lets all items run to their end."""

    def visit(n: int) -> int:
        calls(n)
        return unless_even(n)

    finish(mapping([0, 1, 2, 3], visit, max_concurrency=1))

    assert calls.seen == [0, 1, 2, 3]


def test_the_failure_is_that_of_the_lowest_item() -> None:
    """Of several failed items the first declared is the failure told."""
    error = finish(mapping([1, 2, 3, 4], unless_even)).error

    assert error is not None
    assert "2 is even" in error.message


def test_all_failures_are_kept() -> None:
    """The failure of a map holds every item's, lowest index first."""
    error = finish(mapping([1, 2, 3, 4], unless_even)).error

    assert error is not None
    assert [cause.message for cause in error.causes] == ["2 is even", "4 is even"]


def test_a_failure_names_its_item() -> None:
    """Each failed item is told by its address."""
    error = finish(mapping([1, 2, 3, 4], unless_even)).error

    assert error is not None
    assert [c.address for c in error.causes] == ["main/each[1]", "main/each[3]"]


def test_continue_gives_an_outcome_for_every_item() -> None:
    """`on_error="continue"` succeeds, with a value or an error for each item."""
    got = results([1, 2], unless_even, on_error="continue")

    assert [(one.ok, one.value) for one in got] == [(True, 1), (False, None)]


def test_continue_tells_each_error() -> None:
    """The outcome of a failed item holds its failure."""
    got = results([1, 2], unless_even, on_error="continue")

    assert "2 is even" in got[1].error.message


def test_fail_fast_starts_nothing_after_a_failure(calls: Calls) -> None:
    """With `on_error="fail_fast"` items behind a failure are not begun."""

    def visit(n: int) -> int:
        calls(n)
        return unless_even(n)

    wf = mapping([1, 3, 4, 5, 7], visit, on_error="fail_fast", max_concurrency=1)

    assert (finish(wf).status, calls.seen) == ("failed", [1, 3, 4])


def test_a_retry_repeats_only_the_failed_items(calls: Calls) -> None:
    """What other items returned stays recorded; a retry runs the rest."""
    broken = {2, 4}

    def visit(n: int) -> int:
        calls(n)
        if n in broken:
            raise ConnectionError("down")
        return n

    wf = mapping([1, 2, 3, 4], visit, max_concurrency=1)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        calls.seen.clear()
        broken.clear()
        run.retry()
        output = run.result(timeout=WAIT)

    assert (calls.seen, output) == ([2, 4], {"results": [1, 2, 3, 4]})


def test_fail_fast_begins_no_queued_item(calls: Calls) -> None:
    """Items that wait for a thread when another fails are not begun any more."""
    gate = Event()

    def visit(n: int) -> int:
        calls(n)
        if n == 0:
            raise ConnectionError("down")
        assert gate.wait(timeout=WAIT)
        return n

    wf = mapping([*range(50)], visit, on_error="fail_fast")
    with af.Runtime(":memory:", definitions=[wf], threads=1) as rt:
        rt.start(wf).wait(timeout=WAIT)
        gate.set()
        rt.start(double, 1).result(timeout=WAIT)

    assert len(calls) <= 2


def half_parked(on_error: str) -> af.Workflow:
    """Make a map of which item 0 fails and item 1 waits for a signal."""

    def visit(n: int, ctx: af.ActivityContext) -> Any:
        if n == 0:
            raise ValueError("item 0")
        return ctx.wait_signal("go")

    return mapping([0, 1], visit, on_error=on_error)


def test_fail_fast_does_not_wait_for_a_parked_item() -> None:
    """With `on_error="fail_fast"` an item that waits is given up."""
    wf = half_parked("fail_fast")
    with runtime(wf) as rt:
        assert rt.start(wf).wait().status == "failed"


@pytest.mark.parametrize(
    ("on_error", "status"), [("wait", "failed"), ("continue", "completed")]
)
def test_other_maps_wait_for_a_parked_item(on_error: str, status: str) -> None:
    """A map that runs every item to its end rests while one of them waits."""
    wf = half_parked(on_error)
    with runtime(wf) as rt:
        run = rt.start(wf)
        before = run.wait().status
        run.signal("go", 1)

        assert (before, run.wait().status) == ("suspended", status)


def test_a_retry_after_fail_fast_runs_what_had_not_run(calls: Calls) -> None:
    """What `fail_fast` left undone is done by a retry, and nothing twice."""
    broken = [True]

    def visit(n: int) -> int:
        calls(n)
        if n == 2 and broken:
            raise ConnectionError("down")
        return n

    wf = mapping([*range(5)], visit, on_error="fail_fast", max_concurrency=1)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        broken.clear()
        run.retry()
        output = run.result(timeout=WAIT)

    assert (calls.seen, output) == ([0, 1, 2, 2, 3, 4], {"results": [*range(5)]})


def test_every_item_has_attempts_of_its_own(calls: Calls) -> None:
    """A retry policy counts for each item by itself."""

    def flaky(n: int, ctx: af.ActivityContext) -> int:
        calls(n)
        if ctx.attempt < 2:
            raise ConnectionError("down")
        return n

    activity = af.activity(retry=af.Retry(max_attempts=2, initial=0))(flaky)
    got = results([1, 2, 3], activity)

    assert (got, sorted(calls.seen)) == ([1, 2, 3], [1, 1, 2, 2, 3, 3])


def test_a_failed_map_is_caught() -> None:
    """`catch` works for a map as for any activity."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "each",
                map=af.Map(over=[1, 2], activity=unless_even),
                catch=[af.Catch(goto="saved", store="error")],
            ),
            af.Step("saved", activity=answering("saved"), store="x"),
        ],
        outputs=[af.Output("x"), af.Output("why", variable="error.message")],
    )

    assert finish(wf).output == {"x": "saved", "why": "2 is even"}


def test_a_value_that_cannot_be_recorded_fails_its_item() -> None:
    """An item whose result is no data fails like one that raised."""
    wf = mapping([1], answering_object)

    assert finish(wf).status == "failed"


def answering_object(_: int) -> object:
    """Return what no log can hold."""
    return object()


# --- each item is an activation ------------------------------------------------------


def test_every_item_has_its_own_history() -> None:
    """`ctx.record` under one key keeps one value per item."""

    def visit(n: int, ctx: af.ActivityContext) -> Any:
        return ctx.record("k", lambda: n * 10)

    assert results([1, 2, 3], visit) == [10, 20, 30]


def test_every_item_has_its_own_idempotency_key(calls: Calls) -> None:
    """No two items hand out the same key to the outside."""

    def visit(n: int, ctx: af.ActivityContext) -> None:
        calls(ctx.idempotency_key)

    results([*range(20)], visit)

    assert len(set(calls.seen)) == 20


def test_an_item_knows_its_address() -> None:
    """Item 2 of a step `each` of `main` is `main/each[2]`."""

    def visit(n: int, ctx: af.ActivityContext) -> str:
        return ctx.address

    assert results([0, 0, 0], visit)[2] == "main/each[2]"


def test_an_item_can_wait_for_a_signal() -> None:
    """Each item may be parked by itself, and the map suspends with them."""

    def ask(name: str, ctx: af.ActivityContext) -> Any:
        return ctx.wait_signal(f"answer-{name}")

    wf = mapping(["a", "b"], ask)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        suspension = run.wait(timeout=WAIT).suspension
        run.signal("answer-b", 2)
        run.signal("answer-a", 1)
        output = run.result(timeout=WAIT)

    assert suspension is not None
    assert (sorted(suspension.topics), output) == (
        ["answer-a", "answer-b"],
        {"results": [1, 2]},
    )


def test_every_item_is_in_the_history() -> None:
    """The log shows the end of each item under its address."""
    wf = mapping([1, 2, 3], double)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.result(timeout=WAIT)
        done = {r.address for r in events(rt, run.id, "ActivationCompleted")}

    assert done == {"main/each[0]", "main/each[1]", "main/each[2]", "main/each"}


def test_a_map_in_a_loop_starts_afresh_on_every_visit(calls: Calls) -> None:
    """The second visit of a map runs every item again."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "each",
                map=af.Map(over=[1, 2], activity=calls, max_concurrency=1),
                next=[af.Edge("count")],
            ),
            af.Step(
                "count",
                activity=lambda: len(calls),
                store="n",
                next=[af.Edge("each", when="state.n < 4")],
            ),
        ],
    )
    finish(wf)

    assert calls.seen == [1, 2, 1, 2]
