"""Edges decide where control goes on, and when it splits into branches."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Event
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.acceptance.helpers import (
    WAIT,
    Calls,
    answering,
    boom,
    branches,
    calling,
    echo,
    events,
    finish,
    variables,
)


def deciding(
    calls: Calls, *edges: af.Edge, state: dict | None = None, **settings: Any
) -> af.Workflow:
    """Make a workflow that goes from `a` over *edges* to steps named a letter."""
    steps = [af.Step("a", activity=calling(calls, "a"), next=edges, **settings)]
    steps += [af.Step(edge.step, activity=calling(calls, edge.step)) for edge in edges]
    return af.Workflow(name="w", state=state or {}, steps=steps)


RANGES = [
    af.Edge("big", when="state.value > 10"),
    af.Edge("small", when="state.value < 20"),
    af.Edge("huge", when="state.value > 20"),
]

# --- which edges ---------------------------------------------------------------------


def test_all_matching_edges_are_followed(calls: Calls) -> None:
    """By default every edge whose condition holds is taken."""
    finish(deciding(calls, *RANGES, state={"value": 15}))

    assert sorted(calls.seen) == ["a", "big", "small"]


def test_first_follows_one_edge(calls: Calls) -> None:
    """With `edges="first"` the first that holds is taken, and no other."""
    finish(deciding(calls, *RANGES, state={"value": 15}, edges="first"))

    assert calls.seen == ["a", "big"]


def test_first_stays_in_its_branch(calls: Calls) -> None:
    """One taken edge makes no new branch."""
    wf = deciding(calls, *RANGES, state={"value": 15}, edges="first")

    assert list(branches(wf)) == ["main"]


def test_first_does_not_look_at_later_edges(calls: Calls) -> None:
    """Conditions behind the first that holds are not evaluated."""
    edges = [af.Edge("b"), af.Edge("c", when="state.known.missing > 1")]
    finish(deciding(calls, *edges, edges="first", state={"known": {}}))

    assert calls.seen == ["a", "b"]


def test_first_takes_an_edge_without_a_condition(calls: Calls) -> None:
    """An edge without `when` always holds."""
    edges = [af.Edge("b"), af.Edge("c", when="true")]
    finish(deciding(calls, *edges, edges="first"))

    assert calls.seen == ["a", "b"]


@pytest.mark.parametrize("strategy", ["all", "first"])
def test_where_no_edge_holds_the_run_completes(calls: Calls, strategy: str) -> None:
    """A step whose edges all say no is the end of its branch, and no failure."""
    wf = deciding(calls, *RANGES[2:], state={"value": 15}, edges=strategy)

    assert (finish(wf).status, calls.seen) == ("completed", ["a"])


def test_a_condition_sees_what_its_step_stored(calls: Calls) -> None:
    """Edges are evaluated after the result is in the state."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a",
                activity=answering(150),
                store="size",
                next=[
                    af.Edge("large", when="state.size > 100"),
                    af.Edge("small", when="state.size <= 100"),
                ],
            ),
            af.Step("large", activity=calling(calls, "large")),
            af.Step("small", activity=calling(calls, "small")),
        ],
    )
    finish(wf)

    assert calls.seen == ["large"]


def test_a_condition_sees_the_inputs(calls: Calls) -> None:
    """`inputs` is there beside `state`."""
    wf = af.Workflow(
        name="w",
        inputs=[af.Input("rush")],
        steps=[
            af.Step(
                "a", activity=answering(1), next=[af.Edge("b", when="inputs.rush")]
            ),
            af.Step("b", activity=calling(calls, "b")),
        ],
    )
    finish(wf, rush=True)

    assert calls.seen == ["b"]


def test_a_condition_may_be_a_function(calls: Calls) -> None:
    """`when` takes a callable that is given the state."""
    edges = [
        af.Edge("b", when=lambda state: state["value"] > 10),
        af.Edge("c", when=lambda state: state["value"] < 10),
    ]
    finish(deciding(calls, *edges, state={"value": 15}))

    assert calls.seen == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (None, False),
        (True, True),
        (False, False),
        (0, False),
        (0.0, False),
        (2, True),
        ("", False),
        ("false", False),
        ("False", False),
        ("yes", True),
        ([], False),
        ([0], True),
        ({}, False),
        ({"a": 0}, True),
    ],
    ids=repr,
)
def test_truth(calls: Calls, value: Any, holds: bool) -> None:  # noqa: FBT001
    """Nothing, zero, empty and the word false are no; all else is yes."""
    finish(deciding(calls, af.Edge("b", when="state.value"), state={"value": value}))

    assert ("b" in calls.seen) is holds


def test_a_condition_that_fails_fails_the_run(calls: Calls) -> None:
    """A condition that cannot be evaluated fails the run, naming what is missing."""
    edge = af.Edge("b", when="state.known.missing > 1")
    result = finish(deciding(calls, edge, state={"known": {}}))

    assert result.status == "failed"
    assert result.error is not None
    assert "missing" in result.error.message


def test_a_condition_that_fails_is_not_caught(calls: Calls) -> None:
    """`catch` is about the step, which succeeded; not about its edges."""
    wf = af.Workflow(
        name="w",
        state={"known": {}},
        steps=[
            af.Step(
                "a",
                activity=calling(calls, "a"),
                retry=af.Retry(initial=0),
                catch=[af.Catch(goto="saved")],
                next=[af.Edge("saved", when="state.known.missing > 1")],
            ),
            af.Step("saved", activity=calling(calls, "saved")),
        ],
    )

    assert (finish(wf).status, calls.seen) == ("failed", ["a"])


def test_a_callable_condition_that_raises_fails_the_run(calls: Calls) -> None:
    """An exception in a condition is a failure of the execution, not of the process."""
    result = finish(deciding(calls, af.Edge("b", when=lambda state: 1 / 0)))

    assert result.status == "failed"
    assert result.error is not None
    assert "division" in result.error.message


# --- branches ------------------------------------------------------------------------


def test_one_unnamed_edge_continues_the_branch(calls: Calls) -> None:
    """A chain is one branch from its start to its end."""
    assert list(branches(deciding(calls, af.Edge("b")))) == ["main"]


def test_one_named_edge_starts_a_branch_of_that_name(calls: Calls) -> None:
    """Over a named edge a new branch goes on, and the old one is complete."""
    wf = deciding(calls, af.Edge("b", branch="side"))
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.result(timeout=WAIT)
        seen = {name: b.status for name, b in rt.state(run.id).branches.items()}

    assert seen == {"main": "completed", "side": "completed"}


def test_a_branch_inherits_its_parents_variables() -> None:
    """A new branch begins with a copy of the variables of the one it came from."""
    wf = af.Workflow(
        name="w",
        state={"a": 1},
        steps=[
            af.Step(
                "s",
                activity=answering(2),
                store="b",
                next=[af.Edge("t", branch="side")],
            ),
            af.Step("t", activity=answering(3, "t"), store="c"),
        ],
    )

    assert branches(wf)["side"] == {"a": 1, "b": 2, "c": 3}


def test_an_edge_that_names_its_own_branch_continues_it(calls: Calls) -> None:
    """In branch x, an edge named x leads on in x, so a named loop is legal."""
    wf = af.Workflow(
        name="w",
        state={"n": 0},
        steps=[
            af.Step(
                "a",
                activity=lambda n: n + 1,
                parameters={"n": "${state.n}"},
                store="n",
                next=[af.Edge("a", branch="loop", when="state.n < 5")],
            ),
        ],
        outputs=[af.Output("n", branch="loop")],
    )

    assert finish(wf).output == {"n": 5}


def test_several_edges_split_the_branch(calls: Calls) -> None:
    """Unnamed branches are numbered under the one they came from."""
    wf = deciding(calls, af.Edge("b"), af.Edge("c"))

    assert sorted(branches(wf)) == ["main", "main-1", "main-2"]


def test_branch_numbers_are_unique_in_an_execution() -> None:
    """One counter numbers all branches: main-1 splits into main-1-3 and main-1-4."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("s", activity=answering(1), next=[af.Edge("a"), af.Edge("b")]),
            af.Step("a", activity=answering(1, "a"), next=[af.Edge("c"), af.Edge("d")]),
            af.Step("b", activity=answering(1, "b")),
            af.Step("c", activity=answering(1, "c")),
            af.Step("d", activity=answering(1, "d")),
        ],
    )

    assert sorted(branches(wf)) == ["main", "main-1", "main-1-3", "main-1-4", "main-2"]


def test_named_and_unnamed_edges_can_be_mixed(calls: Calls) -> None:
    """A split may name some of its branches and leave others to be numbered."""
    wf = deciding(calls, af.Edge("b", branch="side"), af.Edge("c"))

    assert set(branches(wf)) == {"main", "side", "main-1"}


def test_branches_do_not_see_each_others_variables() -> None:
    """What one branch stores is not in the other's state."""
    wf = af.Workflow(
        name="w",
        state={"x": 0},
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("a", branch="one"), af.Edge("b", branch="two")],
            ),
            af.Step("a", activity=answering("one", "a"), store="x"),
            af.Step("b", activity=answering("two", "b"), store="x"),
        ],
    )
    state = branches(wf)

    assert [state[name]["x"] for name in ("main", "one", "two")] == [0, "one", "two"]


def test_nested_values_are_not_shared_between_branches() -> None:
    """The copy at a split is deep: nothing a branch does reaches its sibling."""

    def add(order: dict, line: str) -> dict:
        order["lines"].append(line)
        return order

    steps = [
        af.Step(
            name,
            activity=add,
            parameters={"order": "${state.order}", "line": name},
            store="order",
        )
        for name in ("a", "b")
    ]
    wf = af.Workflow(
        name="w",
        state={"order": {"lines": []}},
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("a", branch="one"), af.Edge("b", branch="two")],
            ),
            *steps,
        ],
    )
    state = branches(wf)

    assert [state[name]["order"]["lines"] for name in ("main", "one", "two")] == [
        [],
        ["a"],
        ["b"],
    ]


def test_branches_run_at_the_same_time() -> None:
    """Two branches meet at a barrier that neither could pass alone."""
    barrier = Barrier(2)

    def meet() -> int:
        barrier.wait(timeout=WAIT)
        return 1

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("s", activity=answering(1), next=[af.Edge("a"), af.Edge("b")]),
            af.Step("a", activity=meet),
            af.Step("b", activity=meet),
        ],
    )

    assert finish(wf).status == "completed"


def test_outputs_are_taken_from_named_branches() -> None:
    """An output may name the branch it comes from; an untaken branch never ran."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "analyse",
                activity=answering(150),
                store="size",
                next=[
                    af.Edge("large", branch="big", when="state.size > 100"),
                    af.Edge("small", branch="little", when="state.size <= 100"),
                ],
            ),
            af.Step("large", activity=answering("large", "large"), store="how"),
            af.Step("small", activity=answering("small", "small"), store="how"),
        ],
        outputs=[af.Output("size"), af.Output("how", branch="big")],
    )

    assert finish(wf).output == {"size": 150, "how": "large"}


def test_the_run_waits_for_every_branch() -> None:
    """An execution has ended when its last branch has."""
    gate = Event()

    def slow() -> str:
        assert gate.wait(timeout=WAIT)
        return "slow"

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("a", branch="quick"), af.Edge("b", branch="slow")],
            ),
            af.Step("a", activity=gate.set),
            af.Step("b", activity=slow, store="x"),
        ],
        outputs=[af.Output("x", branch="slow")],
    )

    assert finish(wf).output == {"x": "slow"}


def test_a_hundred_branches_all_run(calls: Calls) -> None:
    """There is no limit on how many ways control may split."""
    names = [f"s{n}" for n in range(100)]
    finish(deciding(calls, *(af.Edge(name) for name in names)))

    assert sorted(calls.seen) == sorted(["a", *names])


def test_a_branch_cannot_be_started_twice() -> None:
    """A second branch of a name that exists fails the run, naming it."""
    wf = af.Workflow(
        name="w",
        state={"n": 0},
        steps=[
            af.Step(
                "a",
                activity=lambda n: n + 1,
                parameters={"n": "${state.n}"},
                store="n",
                next=[
                    af.Edge("side", branch="side"),
                    af.Edge("a", when="state.n < 2"),
                ],
            ),
            af.Step("side", activity=answering(1)),
        ],
    )
    result = finish(wf)

    assert result.status == "failed"
    assert result.error is not None
    assert "side" in result.error.message


# --- when a branch fails -------------------------------------------------------------


def split(left: Any, right: Any, after: Any) -> af.Workflow:
    """Make a workflow of a branch `l`, and a branch `r` that has a second step."""
    return af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("left", branch="l"), af.Edge("right", branch="r")],
            ),
            af.Step("left", activity=left),
            af.Step("right", activity=right, store="x", next=[af.Edge("after")]),
            af.Step("after", activity=after),
        ],
    )


def test_one_failed_branch_fails_the_run() -> None:
    """A failure that nothing catches in one branch is the execution's failure."""
    result = finish(split(boom, answering(1, "r"), answering(1, "after")))

    assert result.status == "failed"
    assert result.error is not None
    assert result.error.address == "l/left"


def failing_beside(calls: Calls) -> tuple[af.Runtime, af.ExecutionHandle]:
    """Run a branch that is half-way through a step when its sibling has failed."""
    gate = Event()

    def right() -> str:
        assert gate.wait(timeout=WAIT)
        return "done"

    wf = split(boom, right, calling(calls, "after"))

    def release(_: str, recorded: af.Recorded) -> None:
        if type(recorded.event).__name__ == "BranchFailed":
            gate.set()

    rt = af.Runtime(":memory:", definitions=[wf], on_event=release)
    return rt, rt.start(wf)


def test_what_runs_beside_a_failure_is_finished_and_recorded(calls: Calls) -> None:
    """A sibling's running step is not thrown away."""
    rt, run = failing_beside(calls)
    with rt:
        run.wait(timeout=WAIT)
        done = [r.address for r in events(rt, run.id, "ActivationCompleted")]

    assert "r/right" in done


def test_a_sibling_of_a_failed_branch_begins_no_further_step(calls: Calls) -> None:
    """Beside a failure a branch stops at its next boundary."""
    rt, run = failing_beside(calls)
    with rt:
        run.wait(timeout=WAIT)

    assert calls.seen == []


def test_nothing_is_recorded_after_the_end() -> None:
    """A branch that ends in the moment in which another fails comes too late."""
    wf = af.Workflow(
        name="w",
        state={"n": 0},
        steps=[
            af.Step(
                "s",
                activity=af.activity(name="more")(lambda n: n + 1),
                parameters={"n": "${state.n}"},
                store="n",
                next=[
                    af.Edge("s", when="state.n < 2"),
                    af.Edge("s", when="state.n < 2"),
                    af.Edge("t", branch="side"),  # a second one is a failure
                ],
            ),
            af.Step("t", activity=echo, parameters={"value": 1}),
        ],
    )
    ends = set()
    for seed in range(40):
        with runtime(wf, seed=seed) as rt:
            run = rt.start(wf)
            run.wait()
            ends.add(type(run.history()[-1].event).__name__)

    assert ends == {"ExecutionFailed"}


def test_the_failure_of_a_branch_that_is_caught_fails_nothing() -> None:
    """A caught failure in one branch leaves the execution to complete."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("s", activity=answering(1), next=[af.Edge("a"), af.Edge("b")]),
            af.Step("a", activity=boom, catch=[af.Catch(goto="c")]),
            af.Step("b", activity=answering(1, "b")),
            af.Step("c", activity=answering(1, "c")),
        ],
    )

    assert finish(wf).status == "completed"


def failing_once(calls: Calls) -> Callable[[], str]:
    """Make a function that fails the first time."""

    def flaky() -> str:
        calls("flaky")
        if calls.seen.count("flaky") == 1:
            raise ConnectionError("down")
        return "up"

    return flaky


def test_a_failure_does_not_wait_for_a_sleeping_branch(calls: Calls) -> None:
    """Beside a failed branch a sleeper is not slept out: the execution has failed."""
    wf = split(failing_once(calls), answering(1, "r"), answering(1, "after"))
    wf = af.Workflow(
        name="w",
        steps=[wf.steps[0], wf.steps[1], af.Step("right", sleep=3_600)],
    )
    with runtime(wf) as rt:
        assert rt.start(wf).wait().status == "failed"


def test_a_sleeper_goes_on_after_a_retry(calls: Calls) -> None:
    """A retry of one branch leaves the clock of the other as it was."""
    wf = split(failing_once(calls), answering(1, "r"), answering(1, "after"))
    wf = af.Workflow(
        name="w",
        steps=[wf.steps[0], wf.steps[1], af.Step("right", sleep=3_600)],
    )
    with runtime(wf) as rt:
        begun = rt.clock.time()
        run = rt.start(wf)
        run.wait()
        rt.clock.advance(100)
        run.retry()
        run.result()

        assert rt.clock.time() - begun == pytest.approx(3_600)


def test_a_wait_goes_on_after_a_retry(calls: Calls) -> None:
    """A branch that waited when its sibling failed still gets its signal."""
    wf = split(failing_once(calls), answering(1, "r"), answering(1, "after"))
    wf = af.Workflow(
        name="w",
        steps=[
            wf.steps[0],
            wf.steps[1],
            af.Step("right", wait_signal=af.WaitSignal(topic="go", store="x")),
        ],
        outputs=[af.Output("x", branch="r")],
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        run.retry()
        run.signal("go", "hello")

        assert run.result() == {"x": "hello"}


def test_a_retry_repairs_every_failed_branch(calls: Calls) -> None:
    """When several branches have failed, one retry runs them all again."""
    broken = [True]

    def flaky(name: str) -> str:
        calls(name)
        if broken:
            raise ConnectionError(name)
        return name

    barrier = Barrier(2)

    def both(name: str) -> af.Activity:
        def function() -> str:
            if broken:
                barrier.wait(timeout=WAIT)  # so that neither is stopped by the other
            return flaky(name)

        return af.activity(name=name)(function)

    wf = split(both("left"), both("right"), answering(1, "after"))
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        broken.clear()
        run.retry()
        run.result(timeout=WAIT)

    assert sorted(calls.seen) == ["left", "left", "right", "right"]


# --- the graph -----------------------------------------------------------------------


def test_a_graph_can_be_drawn() -> None:
    """`to_mermaid` shows every step."""
    wf = split(boom, answering(1), echo)
    drawn = wf.to_mermaid()

    assert all(step.name in drawn for step in wf.steps)


def test_a_diamond_without_a_join_runs_its_end_in_every_branch(calls: Calls) -> None:
    """Two branches that reach the same step each run it for themselves."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("s", activity=answering(1), next=[af.Edge("a"), af.Edge("b")]),
            af.Step("a", activity=answering(1, "a"), next=[af.Edge("end")]),
            af.Step("b", activity=answering(1, "b"), next=[af.Edge("end")]),
            af.Step("end", activity=calling(calls, "end")),
        ],
    )
    finish(wf)

    assert calls.seen == ["end", "end"]


def test_the_variables_of_main_are_those_at_its_split() -> None:
    """A branch that has split keeps its variables for outputs and joins."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                store="x",
                next=[af.Edge("a"), af.Edge("b")],
            ),
            af.Step("a", activity=answering(2, "a"), store="x"),
            af.Step("b", activity=answering(3, "b"), store="x"),
        ],
    )

    assert variables(wf) == {"x": 1}
