"""Flows inside flows: as steps, items, arms, choices and loop bodies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.flows.helpers import (
    Ailing,
    Diary,
    boom,
    double,
    echo,
    events,
    failing,
    failure,
    finish,
    increment,
    output,
    problems,
    returning,
)


def waiting(name: str, topic: str | None = None) -> af.Flow:
    """Make a flow that returns the payload of the one signal it waits for."""
    return af.Flow(name).wait_signal(topic or name, into="got").output("got")


# --- a flow as a step ----------------------------------------------------------------


def test_a_flow_is_a_step_of_another() -> None:
    """Its output is the step's result."""
    inner = af.Flow("inner").then(returning("a", 1)).output("a")

    assert output(af.Flow("f").then(inner)) == {"inner": 1}


def test_without_output_a_flow_s_result_is_its_whole_state() -> None:
    """As it is for an execution."""
    inner = af.Flow("inner", state={"s": 0}).then(returning("a", 1))

    assert output(af.Flow("f").then(inner)) == {"inner": {"s": 0, "a": 1}}


def test_a_flow_takes_its_inputs_by_name() -> None:
    """From the inputs and variables of the flow around it."""
    inner = (
        af.Flow("inner", inputs=["a", "b"])
        .then(echo, input={"value": ["${a}", "${b}"]})
        .output("echo")
    )
    flow = af.Flow("f", inputs=["a"], state={"b": 2}).then(inner).output("inner")

    assert output(flow, a=1) == [1, 2]


def test_a_flow_s_inputs_may_be_mapped() -> None:
    """`input=` fills them, as it does parameters."""
    inner = af.Flow("inner", inputs=["value"]).then(double).output("double")
    flow = (
        af.Flow("f", inputs=["n"])
        .then(inner, input=lambda s: {"value": s["n"] + 1})
        .output("inner")
    )

    assert output(flow, n=1) == 4


def test_a_flow_s_default_is_used_where_nothing_is_given() -> None:
    """An input with a default need not be bound."""
    inner = af.Flow("inner", inputs=[af.Input("value", default=4)]).then(double)

    assert output(af.Flow("f").then(inner)) == {"inner": {"double": 8}}


def test_a_flow_s_input_that_nothing_provides_is_refused() -> None:
    """Before anything runs."""
    inner = af.Flow("inner", inputs=["ghost"]).then(returning("a"))

    assert "ghost" in "\n".join(problems(lambda: finish(af.Flow("f").then(inner))))


def test_a_flow_s_missing_input_fails_the_step() -> None:
    """And is named."""
    inner = af.Flow("inner", inputs=["ghost"]).then(returning("a"))
    error = failure(af.Flow("f").then(inner, input=lambda _: {}))

    assert "ghost" in error.message
    assert error.address == "main/inner"


def test_a_flow_does_not_see_the_variables_around_it() -> None:
    """Only what comes in as an input is there."""

    def look(hidden: str = "nothing") -> str:
        return hidden

    inner = af.Flow("inner").then(look).output("look")
    flow = af.Flow("f", state={"hidden": "s3"}).then(inner).output("inner")

    assert output(flow) == "nothing"


def test_a_flow_s_variables_stay_inside() -> None:
    """Only its result comes out."""
    inner = af.Flow("inner").then(returning("a", 1), into="x").output("x")
    flow = af.Flow("f", state={"x": "outer"}).then(inner)

    assert output(flow) == {"x": "outer", "inner": 1}


def test_the_same_flow_twice_is_two_steps() -> None:
    """Each walk has its own state."""
    inner = (
        af.Flow("inner", state={"value": 1})
        .then(increment, into="value")
        .output("value")
    )

    assert output(af.Flow("f").then(inner).then(inner)) == {"inner": 2, "inner-2": 2}


def test_a_step_inside_has_an_address_inside() -> None:
    """The log says where in which flow."""
    inner = af.Flow("inner").then(returning("a"))
    flow = af.Flow("f").then(inner)
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.result()
        addresses = {r.address for r in events(run, "ActivationCompleted")}

    assert any(a.startswith("main/inner/") and a.endswith("/a") for a in addresses)


def test_flows_nest_ten_deep() -> None:
    """There is no limit to it."""
    flow = af.Flow("f0").sleep(1).then(returning("a", "bottom")).output("a")
    for depth in range(1, 11):
        flow = af.Flow(f"f{depth}").then(flow, into="x").output("x")

    assert output(flow) == "bottom"


def test_a_failure_deep_inside_is_the_execution_s() -> None:
    """With the address of what failed."""
    flow = af.Flow("f0").then(boom)
    for depth in range(1, 4):
        flow = af.Flow(f"f{depth}").then(flow)
    error = failure(flow)

    assert error.message == "something broke"
    assert error.address is not None
    assert error.address.endswith("/boom")


def test_a_flow_can_be_executed_and_nested() -> None:
    """The same definition, by itself and inside another."""
    inner = waiting("inner", "go")
    outer = af.Flow("outer").then(inner).output("inner")
    with runtime(inner, outer) as rt:
        alone, nested = rt.start(inner), rt.start(outer)
        rt.signal(alone.id, "go", 1)
        rt.signal(nested.id, "go", 2)

        assert (alone.result(), nested.result()) == (1, 2)


def test_a_changed_inner_flow_is_a_changed_definition() -> None:
    """The fingerprint of a flow covers what it contains."""

    def outer(inner: af.Flow) -> str:
        return af.Flow("outer").then(inner).workflow.fingerprint

    first = outer(af.Flow("inner").then(returning("a")))
    second = outer(af.Flow("inner").then(returning("a")).then(returning("b")))

    assert first != second


def test_a_graph_is_a_node_too() -> None:
    """A `Workflow` may stand wherever a flow may."""
    graph = af.Workflow(
        name="graph",
        inputs=[af.Input("n")],
        steps=[
            af.Step(
                "d", activity=double, parameters={"value": "${inputs.n}"}, store="d"
            )
        ],
        outputs=[af.Output("d")],
    )
    flow = af.Flow("f").map("m", graph, over=[1, 2]).output("m")

    assert output(flow) == [{"d": 2}, {"d": 4}]


def test_a_caught_failure_of_a_nested_flow() -> None:
    """`catch=` covers whatever failed inside, and the flow goes on."""
    inner = af.Flow("inner").then(returning("fine")).then(boom)
    flow = (
        af.Flow("f")
        .then(inner, catch=[af.Catch(on=["all"], goto="after", store="error")])
        .then(echo, name="after", input={"value": "${error.message}"}, into="x")
        .output("x")
    )

    assert output(flow) == "something broke"


def test_a_retry_of_a_nested_flow_is_refused() -> None:
    """`retry=` is for activities; what is inside the flow has its own."""
    inner = af.Flow("inner").then(returning("a", 1))
    flow = af.Flow("f").then(inner, retry=af.Retry(max_attempts=3))

    with pytest.raises(af.DefinitionError, match="inside the flow"):
        flow.build()


def test_after_rt_retry_a_nested_flow_goes_on_where_it_failed() -> None:
    """Steps it had completed are not run again."""
    ailing, diary = Ailing(1), Diary()
    inner = (
        af.Flow("inner", state={"value": 1})
        .then(diary.noting("before"))
        .then(ailing)
        .then(diary.noting("after"))
    )
    flow = af.Flow("f").then(af.Flow("middle").then(inner)).build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        ailing.heal()
        rt.retry(run.id)
        run.result()

    assert diary.lines == ["before", "after"]
    assert ailing.seen == [1]


def test_a_retry_reaches_through_every_kind_of_step() -> None:
    """A failure below items, arms, iterations and choices runs again, and it alone."""
    ailing, diary = Ailing(7), Diary()
    leaf = af.Flow("leaf", inputs=["value"]).then(diary.echo).then(ailing, into="r")
    choice = af.Flow("choice", inputs=["value"]).route(
        "'k'", {"k": leaf.output("r")}, into="r"
    )
    arm = af.Flow("arm", inputs=["value"]).parallel("r", choice.output("r"), double)
    each = af.Flow("each", inputs=["last"]).map("r", arm.output("r"), over=[7])
    loop = af.Flow("loop", inputs=["n"]).loop("r", each.output("r"), max_iterations=1)
    inner = af.Flow("inner", inputs=["n"]).map("r", loop.output("r"), over=[0])
    flow = af.Flow("f").map("r", inner.output("r"), over=[0, 1]).output("r").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        ailing.heal()
        rt.retry(run.id)

        result = [[{"choice": {"key": "k", "result": 7}, "double": 14}]]
        assert run.result() == [result, result]
    assert diary.lines == [7, 7]
    assert ailing.seen == [7, 7]


# --- waits inside --------------------------------------------------------------------


def test_a_nested_flow_s_wait_suspends_the_execution() -> None:
    """And its signal comes to the execution."""
    flow = af.Flow("f").then(waiting("inner", "go")).output("inner").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        rest = run.wait().suspension
        rt.signal(run.id, "go", 1)

        assert rest is not None
        assert rest.topics == ("go",)
        assert run.result() == 1


def test_a_pause_inside_is_resumed_from_outside() -> None:
    """`rt.resume` reaches a pause however deep."""
    inner = af.Flow("inner").pause("look").then(returning("a", 1)).output("a")
    flow = af.Flow("f").then(af.Flow("middle").then(inner).output("inner"))
    with runtime(flow) as rt:
        run = rt.start(flow)
        status = run.wait().status
        rt.resume(run.id)

        assert status == "paused"
        assert run.result() == {"middle": 1}


def test_a_parallel_of_flows_with_different_waits() -> None:
    """One sleeps, one waits, one asks, one pauses: each is woken by its own."""
    flow = (
        af.Flow("f")
        .parallel(
            "p",
            af.Flow("sleeps").sleep(60).then(returning("x", 1)).output("x"),
            waiting("waits"),
            af.Flow("asks").gate("ok").output("ok"),
            af.Flow("pauses").pause().then(returning("y", 4)).output("y"),
        )
        .output("p")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        rt.clock.advance(60)
        [question] = rt.questions()
        rt.answer(run.id, question.id, True)
        rt.signal(run.id, "waits", 2)
        rt.resume(run.id)
        result = run.result()

    assert result["sleeps"] == 1
    assert result["waits"] == 2
    assert result["asks"]["approved"] is True
    assert result["pauses"] == 4


def test_one_topic_serves_waiting_flows_in_turn() -> None:
    """Signals of one topic go to those who wait, first come first served."""
    flow = (
        af.Flow("f")
        .map(
            "m",
            af.Flow("b", inputs=["n"]).wait_signal("go", into="x").output("x"),
            over=range(3),
        )
        .output("m")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        for payload in "abc":
            rt.signal(run.id, "go", payload)

        assert run.result() == ["a", "b", "c"]


def test_a_timeout_of_one_item_leaves_the_others_alone() -> None:
    """Each item's wait has its own clock and its own end."""
    body = (
        af.Flow("body", inputs=["n"])
        .wait_signal(
            "s-${n}", timeout=60, on_timeout=returning("late", "late"), into="x"
        )
        .output("x")
    )
    flow = af.Flow("f").map("m", body, over=[0, 1, 2]).output("m").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        rt.signal(run.id, "s-1", "in time")

        assert run.result() == ["late", "in time", "late"]


# --- combinations --------------------------------------------------------------------


def test_a_map_of_flows_with_everything_inside() -> None:
    """Decisions, sleeps, parallels, loops, routes and maps in every item."""
    body = (
        af.Flow("body", inputs=["n"])
        .when(lambda s: s["n"] % 2 == 0)
        .sleep(10)
        .otherwise()
        .sleep(5)
        .end()
        .parallel("p", double, increment, input=lambda s: {"value": s["n"]})
        .loop("l", increment, input="n", max_iterations=2)
        .route("str(n)", {"0": returning("zero", "z")}, default=returning("other", "o"))
        .map("m", double, over=lambda s: range(s["n"]))
        .output("p", "l", "route", "m")
    )
    flow = af.Flow("f").map("all", body, over=[0, 1, 2]).output("all")

    assert output(flow) == [
        {
            "p": {"double": 2 * n, "increment": n + 1},
            "l": n + 2,
            "route": {"key": str(n), "result": "o" if n else "z"},
            "m": [2 * i for i in range(n)],
        }
        for n in range(3)
    ]


def test_a_loop_over_a_parallel_of_maps() -> None:
    """Every iteration fans out twice, and gets the last one's result."""
    left = (
        af.Flow("left", inputs=["last"])
        .map("m", increment, over=lambda s: s["last"]["left"])
        .output("m")
    )
    right = (
        af.Flow("right", inputs=["last"])
        .map("m", double, over=lambda s: s["last"]["right"])
        .output("m")
    )
    body = af.Flow("body", inputs=["last"]).parallel("p", left, right).output("p")
    flow = (
        af.Flow("f")
        .loop(
            "l",
            body,
            input=lambda s: {"left": [0, 10], "right": [1, 3]},
            max_iterations=3,
        )
        .output("l")
    )

    assert output(flow) == {"left": [3, 13], "right": [8, 24]}


def test_a_restart_in_the_middle_of_it_all(tmp_path: Path) -> None:
    """A map of routes to loops of flows that wait: nothing done is done again."""
    diary, log = Diary(), str(tmp_path / "log.db")
    step = (
        af.Flow("step", inputs=["last"])
        .then(diary.echo, input={"value": "${last}"}, into="seen")
        .wait_signal("go", into="got")
        .then(increment, input={"value": "${last}"}, into="next")
        .output("next")
    )
    polling = (
        af.Flow("polling", inputs=["n"])
        .loop("l", step, input=lambda s: s["n"] * 10, max_iterations=2)
        .output("l")
    )
    body = (
        af.Flow("body", inputs=["n"]).route("'poll'", {"poll": polling}).output("route")
    )
    flow = af.Flow("f").map("m", body, over=[1, 2]).output("m").build()
    with runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="x").wait()
    result = None
    for _ in range(4):
        with runtime(flow, log=log) as rt:
            rt.get("x").wait()
            rt.signal("x", "go")
            rt.get("x").wait()
            result = rt.get("x").wait()

    assert result is not None
    assert result.output == [
        {"key": "poll", "result": 12},
        {"key": "poll", "result": 22},
    ]
    assert sorted(diary.lines) == [10, 11, 20, 21]


@pytest.mark.parametrize("on_error", ["wait", "continue"])
def test_a_failing_flow_among_items(on_error: str) -> None:
    """An item fails as a whole when a step inside it does."""
    body = (
        af.Flow("body", inputs=["n"])
        .sleep(1)
        .when("n == 1")
        .then(failing("bad"))
        .end()
        .then(echo, input={"value": "${n}"})
        .output("echo")
    )
    flow = af.Flow("f").map("m", body, over=[0, 1, 2], on_error=on_error).output("m")
    with runtime(flow) as rt:
        run = rt.start(flow)
        if on_error == "wait":
            with pytest.raises(af.ExecutionFailed, match="bad broke"):
                run.result()
        else:
            outcomes = run.result()
            assert [o.value for o in outcomes] == [0, None, 2]
            assert outcomes[1].error.message == "bad broke"


def test_cancelling_ends_everything_inside() -> None:
    """Whatever waits, however deep, waits no more."""
    flow = (
        af.Flow("f")
        .parallel("p", waiting("a"), af.Flow("b").map("m", waiting("c"), over=[]))
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        rt.cancel(run.id)

        assert run.wait().status == "cancelled"


def test_pausing_stops_every_item_at_its_next_step() -> None:
    """And resuming lets them all go on."""
    diary = Diary()
    body = (
        af.Flow("body", inputs=["value"])
        .wait_signal("s-${value}", into="x")
        .then(diary.echo)
        .output("echo")
    )
    flow = af.Flow("f").map("m", body, over=[0, 1]).output("m").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        rt.pause(run.id)
        for n in (0, 1):
            rt.signal(run.id, f"s-{n}")
        assert run.wait().status == "paused"
        assert diary.lines == []
        rt.resume(run.id)

        assert run.result() == [0, 1]


# --- dynamic nodes as bodies ---------------------------------------------------------


@af.dynamic
async def doubling(ctx: af.Context, value: int) -> int:
    """Return twice the value, by way of an activity."""
    result: int = await ctx.run(double, value)
    return result


@af.dynamic
async def adding(ctx: af.Context, value: int | None) -> int:
    """Return one more, by way of an activity."""
    result: int = await ctx.run(increment, value)
    return result


BODIES: dict[str, tuple[Any, Any]] = {
    "step": (lambda: af.Flow("f", state={"value": 2}).then(doubling, into="r"), 4),
    "item": (lambda: af.Flow("f").map("r", doubling, over=[1, 2]), [2, 4]),
    "arm": (
        lambda: af.Flow("f", state={"value": 2}).parallel("r", doubling, double),
        {"doubling": 4, "double": 4},
    ),
    "iteration": (lambda: af.Flow("f").loop("r", adding, max_iterations=3), 3),
    "choice": (
        lambda: af.Flow("f", state={"value": 2}).route(
            "'k'", {"k": doubling}, into="r"
        ),
        {"key": "k", "result": 4},
    ),
}


@pytest.mark.parametrize(("make", "expected"), BODIES.values(), ids=BODIES.keys())
def test_a_dynamic_node_may_stand_wherever_a_flow_may(make: Any, expected: Any) -> None:
    """As step, item, arm, iteration and choice."""
    assert output(make().output("r")) == expected


def test_a_flow_may_be_run_by_a_dynamic_node_in_a_flow() -> None:
    """The two nest in each other."""
    inner = waiting("inner", "go")

    @af.dynamic
    async def middle(ctx: af.Context) -> Any:
        return [await ctx.run(inner), await ctx.run(inner)]

    flow = af.Flow("f").then(middle).output("middle").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        for payload in (1, 2):
            run.wait()
            rt.signal(run.id, "go", payload)

        assert run.result() == [1, 2]
