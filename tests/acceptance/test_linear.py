"""Steps run one after the other, once, and their results go where I said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import actorflow as af
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
    variables,
)

CHAIN = af.Workflow(
    name="chain",
    inputs=[af.Input("n")],
    steps=[
        af.Step(
            "first",
            activity=double,
            parameters={"value": "${inputs.n}"},
            store="twice",
            next=[af.Edge("second")],
        ),
        af.Step(
            "second",
            activity=double,
            parameters={"value": "${state.twice}"},
            store="four_times",
        ),
    ],
    outputs=[af.Output("four_times")],
)
FAILING = af.Workflow(name="failing", steps=[af.Step("break", activity=boom)])


def chained(calls: Calls, *names: str, **settings: Any) -> af.Workflow:
    """Make a workflow that calls *names* one after the other."""
    steps = []
    for name, after in zip(names, [*names[1:], None], strict=True):
        following = [af.Edge(after)] if after else []
        steps.append(af.Step(name, activity=calling(calls, name), next=following))
    return af.Workflow(name="chained", steps=steps, **settings)


# --- what runs -----------------------------------------------------------------------


def test_a_step_sees_what_an_earlier_one_stored() -> None:
    """The result of one step is in the state when the next one begins."""
    assert finish(CHAIN, n=3).output == {"four_times": 12}


def test_a_run_that_ends_well_is_completed() -> None:
    """An execution whose last step is done has the status `completed`."""
    assert finish(CHAIN, n=3).status == "completed"


def test_steps_run_in_the_order_of_the_edges(calls: Calls) -> None:
    """Edges, not the place in the list, say what comes next."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("a", activity=calling(calls, "a"), next=[af.Edge("c")]),
            af.Step("b", activity=calling(calls, "b")),
            af.Step("c", activity=calling(calls, "c"), next=[af.Edge("b")]),
        ],
    )
    finish(wf)

    assert calls.seen == ["a", "c", "b"]


def test_every_step_runs_once(calls: Calls) -> None:
    """No step of a chain is entered twice."""
    finish(chained(calls, *"abcdefgh"))

    assert calls.seen == list("abcdefgh")


def test_start_at_names_the_first_step(calls: Calls) -> None:
    """With `start_at` an execution begins there, not at the head of the list."""
    wf = af.Workflow(
        name="w",
        start_at="b",
        steps=[
            af.Step("a", activity=calling(calls, "a")),
            af.Step("b", activity=calling(calls, "b"), next=[af.Edge("a")]),
        ],
    )
    finish(wf)

    assert calls.seen == ["b", "a"]


def test_the_first_step_of_the_list_is_the_start(calls: Calls) -> None:
    """Without `start_at` an execution begins at the head of the list."""
    finish(chained(calls, "z", "a"))

    assert calls.seen == ["z", "a"]


def test_a_step_without_edges_ends_the_run(calls: Calls) -> None:
    """A step with no `next` is the last, wherever it stands in the list."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a",
                activity=calling(calls, "a"),
                next=[af.Edge("c"), af.Edge("b", when="false")],
            ),
            af.Step("c", activity=calling(calls, "c")),
            af.Step("b", activity=calling(calls, "b"), next=[af.Edge("c")]),
        ],
    )
    finish(wf)

    assert calls.seen == ["a", "c"]


def test_a_loop_over_edges_visits_a_step_many_times() -> None:
    """A step may be entered again; its stored result is that of the last visit."""
    wf = af.Workflow(
        name="w",
        state={"n": 0},
        steps=[
            af.Step(
                "count",
                activity=lambda n: n + 1,
                parameters={"n": "${state.n}"},
                store="n",
                next=[af.Edge("count", when="state.n < 25")],
            )
        ],
        outputs=[af.Output("n")],
    )

    assert finish(wf).output == {"n": 25}


def test_every_visit_has_an_idempotency_key_of_its_own(calls: Calls) -> None:
    """A step entered three times hands out three different keys."""

    def touch(ctx: af.ActivityContext) -> int:
        calls(ctx.idempotency_key)
        return len(calls)

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "t",
                activity=touch,
                store="n",
                next=[af.Edge("t", when="state.n < 3")],
            )
        ],
    )
    finish(wf)

    assert len(set(calls.seen)) == 3


# --- activities in steps -------------------------------------------------------------


def test_an_activity_can_be_named() -> None:
    """A step that names its activity finds it among the runtime's."""
    wf = af.Workflow(
        name="w",
        steps=[af.Step("a", activity="echo", parameters={"value": "hi"}, store="said")],
        outputs=[af.Output("said")],
    )

    assert finish(wf, [echo]).output == {"said": "hi"}


def test_a_decorated_activity_is_found_by_its_own_name() -> None:
    """`name=` of the decorator is what a graph says."""
    fetch = af.activity(name="fetch-v2")(lambda: "page")
    wf = af.Workflow(
        name="w",
        steps=[af.Step("a", activity="fetch-v2", store="page")],
        outputs=[af.Output("page")],
    )

    assert finish(wf, [fetch]).output == {"page": "page"}


def test_calling_an_activity_calls_the_function() -> None:
    """An activity is still the function: calling it runs it here and now."""
    assert af.activity(double)(4) == 8


def test_options_leave_the_original_alone() -> None:
    """`options` returns a copy with other settings."""
    fetch = af.activity(timeout=30.0)(echo)
    fetch.options(timeout=5.0)

    assert fetch.timeout == 30.0


def test_an_async_function_is_an_activity() -> None:
    """An `async def` runs and its result is stored like any other."""

    async def fetch() -> str:
        await asyncio.to_thread(lambda: None)
        return "page"

    wf = af.Workflow(
        name="w",
        steps=[af.Step("a", activity=fetch, store="page")],
        outputs=[af.Output("page")],
    )

    assert finish(wf).output == {"page": "page"}


def test_an_activity_can_be_started_by_itself() -> None:
    """`start` takes an activity; its result is the result of the execution."""
    with af.Runtime(":memory:") as rt:
        assert rt.start(double, value=4).result(timeout=WAIT) == 8


def test_an_activity_takes_positional_inputs_too() -> None:
    """Inputs of an execution may be given by position."""
    with af.Runtime(":memory:") as rt:
        assert rt.start(double, 4).result(timeout=WAIT) == 8


def test_a_definition_can_be_started_by_name() -> None:
    """`start` finds one of the runtime's definitions by its name."""
    with af.Runtime(":memory:", definitions=[CHAIN]) as rt:
        assert rt.start("chain", n=1).result(timeout=WAIT) == {"four_times": 4}


def test_an_unknown_name_cannot_be_started() -> None:
    """Starting a name that no definition has says which names there are."""
    with (
        af.Runtime(":memory:", definitions=[CHAIN]) as rt,
        pytest.raises(af.DefinitionError, match="chain"),
    ):
        rt.start("chian", n=1)


# --- store ---------------------------------------------------------------------------


def test_a_result_of_none_is_stored() -> None:
    """`store` writes None like every other result."""
    wf = af.Workflow(
        name="w",
        state={"x": "before"},
        steps=[af.Step("a", activity=answering(None), store="x")],
    )

    assert variables(wf) == {"x": None}


def test_without_store_the_state_stays_as_it_was() -> None:
    """A step without `store` changes no variable."""
    wf = af.Workflow(
        name="w", state={"x": 1}, steps=[af.Step("a", activity=answering(2))]
    )

    assert variables(wf) == {"x": 1}


def test_the_definitions_state_is_never_changed_by_a_run() -> None:
    """Two executions of one definition begin with the same variables."""

    def add(items: list[int]) -> list[int]:
        items.append(1)
        return items

    wf = af.Workflow(
        name="w",
        state={"items": []},
        steps=[
            af.Step(
                "a",
                activity=add,
                parameters={"items": "${state.items}"},
                store="items",
            )
        ],
        outputs=[af.Output("items")],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        rt.start(wf).result(timeout=WAIT)

        assert rt.start(wf).result(timeout=WAIT) == {"items": [1]}


def test_an_activity_cannot_change_the_state_in_place() -> None:
    """What an activity does to its arguments stays with the activity."""

    def spoil(order: dict) -> None:
        order["total"] = 0

    wf = af.Workflow(
        name="w",
        state={"order": {"total": 5}},
        steps=[
            af.Step("a", activity=spoil, parameters={"order": "${state.order}"}),
        ],
    )

    assert variables(wf) == {"order": {"total": 5}}


# --- failure -------------------------------------------------------------------------


def test_an_exception_fails_the_run() -> None:
    """An activity that raises, with nothing to catch it, fails the execution."""
    assert finish(FAILING).status == "failed"


def test_a_failure_says_what_the_exception_said() -> None:
    """The message of the exception is in the result's error."""
    error = finish(FAILING).error

    assert error is not None
    assert "something broke" in error.message


def test_a_failure_says_where() -> None:
    """The error names the activation that failed."""
    error = finish(FAILING).error

    assert error is not None
    assert error.address == "main/break"


def test_a_plain_exception_is_an_activity_failed() -> None:
    """An exception of no particular class is of the type `activity_failed`."""
    error = finish(FAILING).error

    assert error is not None
    assert error.type == "activity_failed"


def test_result_raises_what_failed() -> None:
    """`result()` of a failed execution raises `ExecutionFailed` with the failure."""
    with (
        af.Runtime(":memory:", definitions=[FAILING]) as rt,
        pytest.raises(af.ExecutionFailed, match="something broke"),
    ):
        rt.start(FAILING).result(timeout=WAIT)


def test_wait_returns_a_failure_as_a_result() -> None:
    """`wait()` does not raise for a failed execution; it has no output."""
    assert finish(FAILING).output is None


def test_nothing_runs_after_a_failure(calls: Calls) -> None:
    """The step behind a failed one is not entered."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("a", activity=boom, next=[af.Edge("b")]),
            af.Step("b", activity=calling(calls, "b")),
        ],
    )
    finish(wf)

    assert calls.seen == []


def test_a_failed_step_stores_nothing() -> None:
    """`store` is written on success only."""
    wf = af.Workflow(name="w", steps=[af.Step("a", activity=boom, store="x")])
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)

        assert rt.state(run.id).variables == {}


def test_a_result_that_cannot_be_recorded_fails_its_step() -> None:
    """A value that is no data fails the step that returned it, naming the value."""
    wf = af.Workflow(
        name="w", steps=[af.Step("a", activity=answering({"lock": object()}))]
    )
    error = finish(wf).error

    assert error is not None
    assert "lock" in error.message


def test_system_exit_in_an_activity_fails_the_step() -> None:
    """An activity that calls `sys.exit` fails; the process and the runtime go on."""

    def leave() -> None:
        raise SystemExit(3)

    wf = af.Workflow(name="w", steps=[af.Step("a", activity=leave)])
    with af.Runtime(":memory:", definitions=[wf, CHAIN]) as rt:
        failed = rt.start(wf).wait(timeout=WAIT).status
        went_on = rt.start(CHAIN, n=1).wait(timeout=WAIT).status

    assert (failed, went_on) == ("failed", "completed")


# --- reading a run -------------------------------------------------------------------


def test_a_handle_is_awaited_for_the_result() -> None:
    """`await run` is `run.result()` from asyncio."""

    async def main() -> Any:
        with af.Runtime(":memory:", definitions=[CHAIN]) as rt:
            return await rt.start(CHAIN, n=2)

    assert asyncio.run(main()) == {"four_times": 8}


def test_a_stream_ends_with_the_run() -> None:
    """`stream()` gives every event from the first and ends when the execution does."""
    with af.Runtime(":memory:", definitions=[CHAIN]) as rt:
        run = rt.start(CHAIN, n=2)
        seen = [recorded.seq for recorded in run.stream()]

        assert seen == [recorded.seq for recorded in rt.history(run.id)]


def test_a_stream_can_be_read_from_asyncio() -> None:
    """`async for` gives the same events as `for`."""

    async def main() -> list[int]:
        with af.Runtime(":memory:", definitions=[CHAIN]) as rt:
            run = rt.start(CHAIN, n=2)
            return [recorded.seq async for recorded in run.stream()]

    seen = asyncio.run(main())

    assert seen == list(range(1, len(seen) + 1))


def test_a_stream_begins_after_a_given_event() -> None:
    """`stream(after=n)` begins with event n + 1."""
    with af.Runtime(":memory:", definitions=[CHAIN]) as rt:
        run = rt.start(CHAIN, n=2)
        run.wait(timeout=WAIT)

        assert next(iter(run.stream(after=3))).seq == 4


def test_events_are_numbered_without_a_gap() -> None:
    """The history of an execution is numbered 1, 2, 3 ..."""
    with af.Runtime(":memory:", definitions=[CHAIN]) as rt:
        run = rt.start(CHAIN, n=2)
        run.wait(timeout=WAIT)
        numbers = [recorded.seq for recorded in rt.history(run.id)]

    assert numbers == list(range(1, len(numbers) + 1))


def test_every_step_is_in_the_history() -> None:
    """Each step leaves a completion in the log, under its own address."""
    with af.Runtime(":memory:", definitions=[CHAIN]) as rt:
        run = rt.start(CHAIN, n=2)
        run.wait(timeout=WAIT)
        done = [r.address for r in events(rt, run.id, "ActivationCompleted")]

    assert done == ["main/first", "main/second"]


def test_the_state_can_be_seen_as_it_was() -> None:
    """`state(at=n)` is the checkpoint after event n."""
    with af.Runtime(":memory:", definitions=[CHAIN]) as rt:
        run = rt.start(CHAIN, n=2)
        run.wait(timeout=WAIT)
        first = events(rt, run.id, "ActivationCompleted")[0]

        assert rt.state(run.id, at=first.seq).variables == {"twice": 4}


@pytest.mark.parametrize("at", [-1, 999])
def test_a_state_that_never_was_is_an_error(at: int) -> None:
    """`state(at=)` of an event that does not exist does not answer with another."""
    with af.Runtime(":memory:", definitions=[CHAIN]) as rt:
        run = rt.start(CHAIN, n=2)
        run.wait(timeout=WAIT)

        with pytest.raises((ValueError, af.ActorflowError)):
            rt.state(run.id, at=at)


def test_every_event_reaches_the_hook(calls: Calls) -> None:
    """`on_event` is called with every event, in order, exactly once."""
    hook = lambda run, recorded: calls((run, recorded.seq))  # noqa: E731
    with af.Runtime(":memory:", definitions=[CHAIN], on_event=hook) as rt:
        run = rt.start(CHAIN, n=2)
        run.wait(timeout=WAIT)
        head = len(run.history())

    assert calls.seen == [(run.id, seq) for seq in range(1, head + 1)]


def test_a_hook_that_raises_harms_nobody() -> None:
    """An exception of `on_event` does not touch the execution."""
    with af.Runtime(":memory:", definitions=[CHAIN], on_event=lambda *_: 1 / 0) as rt:
        assert rt.start(CHAIN, n=1).wait(timeout=WAIT).status == "completed"


def test_a_hook_may_ask_the_runtime(calls: Calls) -> None:
    """`on_event` may read the execution it is told about."""
    known: list[af.Runtime] = []

    def hook(run: str, recorded: af.Recorded) -> None:
        calls(known[0].get(run).id)

    with af.Runtime(":memory:", definitions=[CHAIN], on_event=hook) as rt:
        known.append(rt)
        run = rt.start(CHAIN, n=1)
        run.wait(timeout=WAIT)

    assert set(calls.seen) == {run.id}


def test_a_run_has_a_start_an_end_and_a_duration() -> None:
    """The result of an ended execution tells its times, which agree."""
    result = finish(CHAIN, n=1)

    assert result.finished_at is not None
    assert result.duration == result.finished_at - result.started_at


def test_a_duration_is_never_negative() -> None:
    """Even an execution that is over at once ends after it started."""
    wf = af.Workflow(
        name="w",
        steps=[af.Step("a", activity=echo, parameters={"value": "${1 / 0}"})],
    )
    duration = finish(wf).duration

    assert duration is not None
    assert duration >= 0


def test_list_tells_the_status() -> None:
    """`list` finds executions by status and workflow."""
    with af.Runtime(":memory:", definitions=[CHAIN, FAILING]) as rt:
        good = rt.start(CHAIN, n=1)
        bad = rt.start(FAILING)
        good.wait(timeout=WAIT)
        bad.wait(timeout=WAIT)

        assert [row.id for row in rt.list(status="failed")] == [bad.id]
        assert [row.id for row in rt.list(workflow="chain")] == [good.id]


def test_list_finds_by_attribute() -> None:
    """`where` compares the search attributes given at the start."""
    with af.Runtime(":memory:", definitions=[CHAIN]) as rt:
        rt.start(CHAIN, n=1, attributes={"customer": "umbrella"})
        mine = rt.start(CHAIN, n=1, attributes={"customer": "acme"})

        assert [row.id for row in rt.list(where={"customer": "acme"})] == [mine.id]


def test_an_unknown_id_is_an_error() -> None:
    """`get` of an id nobody started raises, naming it."""
    with (
        af.Runtime(":memory:", definitions=[CHAIN]) as rt,
        pytest.raises(af.ExecutionNotFoundError, match="o-42"),
    ):
        rt.get("o-42")


def test_a_wait_that_runs_out_is_a_timeout() -> None:
    """`result(timeout=)` raises `TimeoutError` while the execution goes on."""
    wf = af.Workflow(
        name="w",
        steps=[af.Step("a", wait_signal=af.WaitSignal(topic="go"))],
    )
    with (
        af.Runtime(":memory:", definitions=[wf]) as rt,
        pytest.raises(TimeoutError, match="go"),
    ):
        rt.start(wf).result(timeout=0.01)


@pytest.mark.parametrize(
    "ask",
    [
        lambda rt: rt.start(CHAIN, n=1),
        lambda rt: rt.get("run"),
        lambda rt: rt.list(),
        lambda rt: rt.signal("run", "go"),
        lambda rt: list(rt.history("run")),
        lambda rt: rt.state("run"),
    ],
    ids=["start", "get", "list", "signal", "history", "state"],
)
def test_a_closed_runtime_refuses(ask: Callable[[af.Runtime], Any]) -> None:
    """A runtime that was left does nothing more, and says that it is closed."""
    with af.Runtime(":memory:", definitions=[CHAIN]) as rt:
        rt.start(CHAIN, n=1, execution_id="run").result(timeout=WAIT)

    with pytest.raises(af.RuntimeClosedError):
        ask(rt)


def test_two_runs_do_not_share_variables() -> None:
    """Executions of one definition, side by side, each keep their own state."""
    with af.Runtime(":memory:", definitions=[CHAIN]) as rt:
        runs = [rt.start(CHAIN, n=n) for n in range(20)]
        outputs = [run.result(timeout=WAIT)["four_times"] for run in runs]

    assert outputs == [4 * n for n in range(20)]
