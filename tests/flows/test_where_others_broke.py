"""Flows that other engines get wrong: after a crash, by a name, by a value.

Each test is a defect that was found in one of them, and must not be one here.
"""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.testing import Simulation, runtime
from tests.flows.helpers import Diary, double, echo, events, output, returning

WAIT = 20.0  # seconds before a test that hangs says so; no test comes near


# --- names ---------------------------------------------------------------------------


def test_the_same_node_twice_is_two_steps_also_after_a_crash() -> None:
    """The second is not taken for done because the first is."""
    flow = (
        af.Flow("f", inputs=["value"])
        .then(double, into="value")
        .then(double, into="value")
        .output("value")
        .build()
    )

    assert output(flow, value=1) == 4
    Simulation(flow, inputs={"value": 1}).crash_everywhere()


def test_nodes_without_names_do_not_replace_each_other() -> None:
    """Those of a flow and of a flow in it, loops and routes too."""
    inner = (
        af.Flow("inner", inputs=["n"])
        .then(lambda n: n + 100, into="n")
        .loop("loop", lambda n: n * 2, input="n", max_iterations=1, into="n")
        .route("'k'", {"k": echo}, input=lambda s: s["n"], into="r")
        .output("r")
    )
    flow = (
        af.Flow("outer", inputs=["n"])
        .then(lambda n: n + 1, into="n")
        .loop("loop", lambda n: n * 10, input="n", max_iterations=1, into="n")
        .then(inner, into="inner")
        .route("'k'", {"k": double}, input=lambda s: s["inner"]["result"], into="r")
        .output("r")
    )

    assert output(flow, n=1)["result"] == 2 * 2 * (20 + 100)


def test_a_name_cannot_pass_for_two_steps() -> None:
    """Definitions are told apart by what they are, not by how they are spelled."""
    one = af.Flow("f").then(returning("a;then:b")).build()
    two = af.Flow("f").then(returning("a")).then(returning("b")).build()

    assert one.workflow.fingerprint != two.workflow.fingerprint


# --- what comes first ----------------------------------------------------------------


def test_an_arm_of_the_first_step_gets_the_flows_input_after_a_crash() -> None:
    """Not what its sibling has returned."""
    diary = Diary()
    arms = [
        af.activity(name=name)(lambda value, name=name: diary.echo((name, value)))
        for name in "ab"
    ]
    flow = af.Flow("f", inputs=["value"]).parallel("p", *arms).output("p").build()
    Simulation(flow, inputs={"value": 7}).crash_everywhere()

    assert set(diary.lines) == {("a", 7), ("b", 7)}


def test_a_route_that_comes_first_is_decided_once_whatever_crashes() -> None:
    """And on the flow's input, so only one of its nodes is ever called."""
    diary = Diary()

    def deep(name: str) -> af.Flow:
        return (
            af.Flow(name, inputs=["key"])
            .then(diary.noting(f"{name} 1", "other"))
            .then(diary.noting(f"{name} 2", "other"))
        )

    flow = af.Flow("f", inputs=["key"]).route(
        "key", {"one": deep("one"), "other": deep("other")}
    )
    Simulation(flow.build(), inputs={"key": "one"}).crash_everywhere()

    assert set(diary.lines) == {"one 1", "one 2"}


@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
def test_a_loop_goes_on_with_its_value_after_a_crash(first: bool) -> None:  # noqa: FBT001 - the case
    """Whether it is the first step or not."""
    flow = af.Flow("f", inputs=["n"])
    if not first:
        flow.then(echo, input={"value": "${inputs.n}"}, into="n")
    flow.loop("l", lambda n: n * 2, input="n", max_iterations=4).output("l").build()

    assert output(flow, n=1) == 16
    Simulation(flow, inputs={"n": 1}).crash_everywhere()


# --- what comes last -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sleep", "signal", "gate", "timeout"])
def test_a_wait_at_the_end_of_an_inner_flow_does_not_end_the_outer(kind: str) -> None:
    """The steps after it run."""
    inner = af.Flow("inner")
    if kind == "sleep":
        inner.sleep(10)
    elif kind == "signal":
        inner.wait_signal("go")
    elif kind == "gate":
        inner.gate("ok", timeout=10, default=False)
    else:
        inner.wait_signal("never", timeout=10, on_timeout=returning("late"))
    flow = af.Flow("f").then(inner).then(returning("after", "ran")).output("after")
    with runtime(flow.build()) as rt:
        run = rt.start(flow)
        rt.clock.advance(5)
        run.signal("go")
        rt.clock.advance(10)
        assert run.result() == "ran"


def test_a_timeout_as_the_last_step_has_a_result_that_can_be_read() -> None:
    """Nothing is left half written."""
    flow = af.Flow("f").wait_signal("never", timeout=10, on_timeout=returning("late"))
    with runtime(flow.build()) as rt:
        run = rt.start(flow)
        rt.clock.advance(10)
        assert run.result() == {"never": None}


# --- values --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        [["k", [52, 50]]],
        {"branch": "x", "result": 1},
        {"_loop": "done", "value": 2},
        {"*": {"args": [1], "kwargs": {}}},
        {"$": "blob", "sha256": "0" * 64},
        {"$": "chain", "v": [[1], [2]]},
        {"items": [1], "cursor": None},
        {"value": 1, "error": None},
    ],
    ids=["forked", "routed", "looped", "called", "large", "joined", "paged", "outcome"],
)
def test_a_value_is_never_taken_for_something_of_the_engines(value: Any) -> None:
    """However it is shaped: as a result, an argument, an item, or a loop's state."""
    make = returning("make", value)
    flow = (
        af.Flow("f")
        .then(make)
        .then(echo, input=lambda s: {"value": s["make"]}, into="step")
        .parallel("arms", echo, input=lambda s: {"value": s["make"]})
        .map("items", echo, over=lambda s: [s["make"]])
        .loop("loop", echo, input="make", max_iterations=2)
        .route("'k'", {"k": echo}, input=lambda s: {"value": s["make"]})
        .then(lambda s: s, input=lambda s: {"s": s["make"]}, into="last")
    )
    got = output(flow)

    assert got["make"] == got["step"] == got["arms"]["echo"] == got["loop"] == value
    assert got["items"] == [value]
    assert got["route"] == {"key": "k", "result": value}


def test_what_a_template_found_is_not_found_again() -> None:
    """Inside lists and mappings too, every iteration sees what is so now."""
    seen = Diary()
    body = (
        af.Flow("body", inputs=["n"])
        .then(
            af.activity(name="note")(seen.echo),
            input={
                "value": {"list": ["${n}"], "deep": {"n": "${n}", "text": "n=${n}"}}
            },
        )
        .then(lambda n: n + 1, into="next")
        .output("next")
    )
    flow = af.Flow("f", inputs=["n"]).loop("l", body, input="n", max_iterations=3)
    for _ in range(2):
        output(flow, n=1)

    expected = [
        {"list": [n], "deep": {"n": n, "text": f"n={n}"}} for n in (1, 2, 3, 1, 2, 3)
    ]
    assert seen.lines == expected


# --- asking the engine from inside ---------------------------------------------------


def test_an_activity_may_use_the_runtime_it_runs_on() -> None:
    """Start, signal and wait for another execution, without a deadlock."""
    other = af.Flow("other").wait_signal("go", into="got").output("got").build()
    started: list[af.Runtime] = []

    def work() -> Any:
        run = started[0].start(other, execution_id="other")
        run.signal("go", 42)
        return run.result(WAIT)

    flow = af.Flow("f").then(af.activity(work)).output("work").build()
    with af.Runtime(":memory:", [flow, other], threads=1) as rt:
        started.append(rt)
        assert rt.start(flow).result(WAIT) == 42


def test_a_timeout_is_real_in_an_arm() -> None:
    """A thread that does not come back holds up nobody, and is named."""
    stuck = Event()
    slow = af.activity(name="slow", timeout=0.05)(lambda: stuck.wait(WAIT))
    flow = af.Flow("f").parallel("p", slow, returning("quick", 1)).build()
    with af.Runtime(":memory:", [flow]) as rt:
        result = rt.start(flow).wait(WAIT)
        stuck.set()

    assert result.error is not None
    assert (result.error.type, result.error.node) == ("timeout", "slow")


# --- interruptions -------------------------------------------------------------------


def test_a_failure_beside_waits_keeps_both() -> None:
    """Items that fail, wait and are done at the same time: none forgets the others."""
    diary = Diary()

    def work(ctx: af.ActivityContext, kind: str) -> Any:
        diary.lines.append(kind)
        if kind == "fails" and diary.lines.count("fails") == 1:
            raise ValueError(kind)
        return ctx.wait_signal("go") if kind == "waits" else None

    flow = af.Flow("f").map("m", work, over=["done", "fails", "waits"]).output("m")
    log = MemoryLog()
    with runtime(flow.build(), log=log) as rt:
        rt.start(flow, execution_id="x").wait()
    with runtime(flow, log=MemoryLog(store=log.store)) as rt:
        rt.signal("x", "go", {"any": "thing"})
        assert rt.get("x").wait().status == "failed"
        rt.retry("x")
        assert rt.get("x").result() == [None, None, {"any": "thing"}]
    assert diary.lines.count("done") == 1
    assert diary.lines.count("fails") == 2


def test_executions_with_the_same_flow_do_not_share_anything() -> None:
    """Not the decisions of a route, not items, not iterations."""
    flow = (
        af.Flow("f", inputs=["n"])
        .map("m", echo, over=lambda s: [s["n"]])
        .wait_signal("go")
        .loop("l", lambda n: n + 1, input="n", max_iterations=2)
        .route("n", {1: returning("one", 1), 2: returning("two", 2)})
        .build()
    )
    with runtime(flow) as rt:
        runs = [rt.start(flow, n=n) for n in (1, 2)]
        for run in runs:
            run.signal("go")
        results = [run.result() for run in runs]

    assert [(r["m"], r["l"], r["route"]["result"]) for r in results] == [
        ([1], 3, 1),
        ([2], 4, 2),
    ]


def test_many_steps_in_a_row_are_no_deeper_than_one() -> None:
    """Nothing of a chain is recursive."""
    flow = af.Flow("f", inputs=["value"])
    for _ in range(1200):
        flow.then(echo, into="value")

    assert output(flow.output("value"), value="kept") == "kept"


def test_every_step_is_recorded_with_its_input() -> None:
    """Nothing has to be remembered by the code that is entered again."""
    flow = af.Flow("f", inputs=["value"]).then(echo).build()
    with runtime(flow) as rt:
        run = rt.start(flow, value=[1, {"a": None}])
        run.wait()
        (started,) = events(run, "ActivationStarted")

    assert started.event.input == {"value": [1, {"a": None}]}
