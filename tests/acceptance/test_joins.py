"""A join waits for other branches and takes over what they found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.acceptance.helpers import (
    WAIT,
    Calls,
    answering,
    branches,
    calling,
    echo,
    finish,
)

BOTH = af.Join(
    branches=["a", "b"], mappings={"a.result": "doubled", "b.result": "tripled"}
)


def work(factor: int) -> Callable[[int], int]:
    """Return a function of its own name that multiplies."""

    def function(value: int) -> int:
        return value * factor

    function.__name__ = f"times_{factor}"
    return function


def forking(
    join: af.Join, *after: af.Step, next: Sequence[af.Edge] = (), **settings: Any
) -> af.Workflow:
    """Make a workflow that doubles in branch a, triples in b, and joins in final."""
    return af.Workflow(
        name="w",
        steps=[
            af.Step(
                "start",
                activity=answering(10),
                store="value",
                next=[
                    af.Edge("work_a", branch="a"),
                    af.Edge("work_b", branch="b"),
                    af.Edge("own", branch="final"),
                ],
            ),
            af.Step(
                "work_a",
                activity=work(2),
                parameters={"value": "${state.value}"},
                store="result",
            ),
            af.Step(
                "work_b",
                activity=work(3),
                parameters={"value": "${state.value}"},
                store="result",
            ),
            af.Step(
                "own",
                activity=answering("mine", "own"),
                store="own",
                next=[af.Edge("join")],
            ),
            af.Step("join", join=join, next=next),
            *after,
        ],
        **settings,
    )


def joined(join: af.Join) -> dict[str, Any]:
    """Return the variables of the branch that joined."""
    return branches(forking(join))["final"]


# --- what comes over -----------------------------------------------------------------


def test_a_join_takes_over_the_mapped_variables() -> None:
    """`branch.variable` of each joined branch lands where the mapping says."""
    state = joined(BOTH)

    assert (state["doubled"], state["tripled"]) == (20, 30)


def test_the_step_after_a_join_sees_what_came_over() -> None:
    """The branch goes on with its own variables and the joined ones."""
    wf = forking(
        BOTH,
        af.Step(
            "sum",
            activity=echo,
            parameters={"value": "${state.doubled + state.tripled + state.value}"},
            store="total",
        ),
        next=[af.Edge("sum")],
        outputs=[af.Output("total", branch="final")],
    )

    assert finish(wf).output == {"total": 60}


def test_a_joining_branch_keeps_its_own_variables() -> None:
    """What the waiting branch had before is still there."""
    assert joined(BOTH)["own"] == "mine"


def test_a_mapping_of_a_branch_takes_all_its_variables() -> None:
    """`"a": "left"` stores the whole state of branch a under `left`."""
    state = joined(af.Join(branches=["a", "b"], mappings={"a": "left"}))

    assert state["left"] == {"value": 10, "result": 20}


def test_a_listed_branch_without_a_mapping_lands_under_its_name() -> None:
    """Without an entry all variables of a branch are stored under its name."""
    state = joined(af.Join(branches=["a", "b"], mappings={"a.result": "x"}))

    assert (state["x"], state["b"]) == (20, {"value": 10, "result": 30})


def test_without_mappings_every_branch_lands_under_its_name() -> None:
    """A bare join keeps the branches apart."""
    state = joined(af.Join(branches=["a", "b"]))

    assert (state["a"]["result"], state["b"]["result"]) == (20, 30)


def test_a_destination_may_be_a_dotted_path() -> None:
    """Mappings on the way to the destination are made."""
    state = joined(
        af.Join(branches=["a", "b"], mappings={"a.result": "r.a", "b.result": "r.b"})
    )

    assert state["r"] == {"a": 20, "b": 30}


def test_a_source_may_be_a_dotted_path() -> None:
    """A mapping reaches into a variable of the joined branch."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("t", branch="a"), af.Edge("j", branch="final")],
            ),
            af.Step("t", activity=answering({"deep": {"er": 7}}, "t"), store="x"),
            af.Step(
                "j", join=af.Join(branches=["a"], mappings={"a.x.deep.er": "seven"})
            ),
        ],
    )

    assert branches(wf)["final"]["seven"] == 7


def test_a_mapped_variable_that_is_missing_is_left_out() -> None:
    """A mapping of a variable the branch never wrote changes nothing."""
    state = joined(af.Join(branches=["a", "b"], mappings={"a.ghost": "ghost"}))

    assert "ghost" not in state


def test_joined_values_are_copies(calls: Calls) -> None:
    """What a joined branch holds is not shared with the one that took it over."""

    def add(items: list) -> list:
        items.append(1)
        return items

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("t", branch="a"), af.Edge("j", branch="final")],
            ),
            af.Step("t", activity=answering([], "t"), store="x"),
            af.Step(
                "j",
                join=af.Join(branches=["a"], mappings={"a.x": "x"}),
                next=[af.Edge("add")],
            ),
            af.Step("add", activity=add, parameters={"items": "${state.x}"}, store="x"),
        ],
    )
    state = branches(wf)

    assert (state["a"]["x"], state["final"]["x"]) == ([], [1])


# --- when it is ready ----------------------------------------------------------------


def gated(
    join: af.Join, gates: dict[str, Event], **settings: Any
) -> tuple[af.Workflow, Calls]:
    """Make a workflow whose branches a, b wait at gates, and a step behind the join."""
    calls = Calls()

    def waiting(name: str) -> Callable[[], str]:
        def function() -> str:
            if name in gates:
                assert gates[name].wait(timeout=WAIT)
            return name

        function.__name__ = name
        return function

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[
                    af.Edge("a", branch="a"),
                    af.Edge("b", branch="b"),
                    af.Edge("j", branch="final"),
                ],
            ),
            af.Step("a", activity=waiting("a"), store="x"),
            af.Step("b", activity=waiting("b"), store="x"),
            af.Step("j", join=join, next=[af.Edge("after")]),
            af.Step(
                "after",
                activity=calls,
                parameters={"value": "${state}"},
            ),
        ],
    )
    return wf, calls


def test_a_join_waits_for_all_listed_branches() -> None:
    """Nothing behind the join runs while a listed branch is at work."""
    gate = Event()
    order: list[str] = []

    def a() -> None:
        assert gate.wait(timeout=WAIT)
        order.append("a")

    def after() -> None:
        order.append("after")

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("a", branch="a"), af.Edge("j", branch="final")],
            ),
            af.Step("a", activity=a),
            af.Step("j", join=af.Join(branches=["a"]), next=[af.Edge("after")]),
            af.Step("after", activity=after),
        ],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        for recorded in run.stream():
            if recorded.address.startswith("final"):
                gate.set()
        run.result(timeout=WAIT)

    assert order == ["a", "after"]


def test_without_branches_a_join_waits_for_all_others() -> None:
    """`Join()` waits for every branch of the execution but its own."""
    state = branches(forking(af.Join()))["final"]

    assert (state["a"]["result"], state["b"]["result"]) == (20, 30)


def test_so_many_branches_can_be_enough() -> None:
    """`count=1` goes on with the first that is done, while another still runs."""
    gate = Event()
    wf, calls = gated(af.Join(branches=["a", "b"], count=1), {"b": gate})
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        for recorded in run.stream():
            done = type(recorded.event).__name__ == "ActivationCompleted"
            if done and recorded.address == "final/after":
                gate.set()

    assert [sorted(seen) for seen in calls.seen] == [["a"]]


def test_the_forked_parent_does_not_count() -> None:
    """`count=1` is not satisfied by the branch that split."""
    gates = {"a": Event(), "b": Event()}
    wf, calls = gated(af.Join(count=1), gates)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        for recorded in run.stream():
            if recorded.address == "final/j":
                gates["a"].set()
            done = type(recorded.event).__name__ == "ActivationCompleted"
            if done and recorded.address == "final/after":
                gates["b"].set()

    assert ["a" in seen for seen in calls.seen] == [True]


def test_a_listed_branch_that_was_not_taken_is_not_waited_for() -> None:
    """A join lists branches that may run; those whose edge said no are no matter."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(5),
                store="n",
                next=[
                    af.Edge("a", branch="a", when="state.n > 100"),
                    af.Edge("b", branch="b"),
                    af.Edge("j", branch="final"),
                ],
            ),
            af.Step("a", activity=answering("a", "a"), store="x"),
            af.Step("b", activity=answering("b", "b"), store="x"),
            af.Step(
                "j",
                join=af.Join(branches=["a", "b"], mappings={"a.x": "a", "b.x": "b"}),
            ),
        ],
        outputs=[af.Output("b", branch="final")],
    )

    assert finish(wf).output == {"b": "b"}


def test_a_join_whose_branches_were_all_not_taken_goes_on() -> None:
    """A join with nothing to wait for is ready."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(5),
                store="n",
                next=[
                    af.Edge("a", branch="a", when="state.n > 100"),
                    af.Edge("j", branch="final"),
                ],
            ),
            af.Step("a", activity=answering("a", "a"), store="x"),
            af.Step("j", join=af.Join(branches=["a"])),
        ],
        outputs=[af.Output("n", branch="final")],
    )

    assert finish(wf).output == {"n": 5}


def test_a_branch_that_may_still_be_taken_is_waited_for() -> None:
    """A listed branch that another branch starts later is waited for."""
    gate = Event()

    def slow() -> int:
        assert gate.wait(timeout=WAIT)
        return 1

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("p", branch="parent"), af.Edge("j", branch="final")],
            ),
            af.Step("p", activity=slow, next=[af.Edge("c", branch="child")]),
            af.Step("c", activity=answering(7, "c"), store="x"),
            af.Step("j", join=af.Join(branches=["child"], mappings={"child.x": "x"})),
        ],
        outputs=[af.Output("x", branch="final")],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        for recorded in run.stream():
            if recorded.address == "final/j":
                gate.set()
        output = run.result(timeout=WAIT)

    assert output == {"x": 7}


def test_a_joined_branch_that_fails_fails_the_run() -> None:
    """A join is no catch: the failure of a listed branch is the execution's."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("a", branch="a"), af.Edge("j", branch="final")],
            ),
            af.Step("a", activity=lambda: 1 / 0),
            af.Step("j", join=af.Join(branches=["a"])),
        ],
    )

    assert finish(wf).status == "failed"


def test_a_retried_branch_is_joined_at_last() -> None:
    """After a retry the join goes on with what the second try found."""
    tries: list[int] = []

    def flaky() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("down")
        return "up"

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("a", branch="a"), af.Edge("j", branch="final")],
            ),
            af.Step("a", activity=flaky, store="x"),
            af.Step("j", join=af.Join(branches=["a"], mappings={"a.x": "x"})),
        ],
        outputs=[af.Output("x", branch="final")],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.retry()

        assert run.result(timeout=WAIT) == {"x": "up"}


# --- where it goes on ----------------------------------------------------------------


def test_the_edges_of_a_join_see_own_and_joined_variables(calls: Calls) -> None:
    """A condition behind a join may use what the branch had and what came over."""
    wf = forking(
        BOTH,
        af.Step("yes", activity=calling(calls, "yes")),
        next=[af.Edge("yes", when="state.own == 'mine' and state.doubled == 20")],
    )
    finish(wf)

    assert calls.seen == ["yes"]


def test_a_join_can_split_again() -> None:
    """Branches started behind a join carry own and joined variables."""
    wf = forking(
        BOTH,
        af.Step("x", activity=answering(1, "x")),
        af.Step("y", activity=answering(1, "y")),
        next=[af.Edge("x", branch="x"), af.Edge("y", branch="y")],
    )
    state = branches(wf)["x"]

    assert (state["own"], state["doubled"], state["tripled"]) == ("mine", 20, 30)


def test_a_join_can_be_the_last_step() -> None:
    """An execution may end with a join."""
    assert finish(forking(BOTH)).status == "completed"


def test_joins_can_follow_joins() -> None:
    """A branch that has joined may be joined itself."""
    wf = forking(
        BOTH,
        af.Step("x", activity=answering("x", "x"), store="x"),
        af.Step(
            "again", join=af.Join(branches=["left"], mappings={"left.x": "from_left"})
        ),
        next=[af.Edge("x", branch="left"), af.Edge("again", branch="right")],
        outputs=[
            af.Output("from_left", branch="right"),
            af.Output("doubled", branch="right"),
        ],
    )

    assert finish(wf).output == {"from_left": "x", "doubled": 20}


def test_a_join_in_a_loop_is_met_again() -> None:
    """A join whose branches are done is ready on every visit."""
    wf = af.Workflow(
        name="w",
        state={"n": 0},
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("a", branch="a"), af.Edge("j", branch="final")],
            ),
            af.Step("a", activity=answering(1, "a"), store="x"),
            af.Step(
                "j",
                join=af.Join(branches=["a"], mappings={"a.x": "x"}),
                next=[af.Edge("count")],
            ),
            af.Step(
                "count",
                activity=plus_one,
                parameters={"n": "${state.n}"},
                store="n",
                next=[af.Edge("j", when="state.n < 3")],
            ),
        ],
        outputs=[af.Output("n", branch="final")],
    )

    assert finish(wf).output == {"n": 3}


def plus_one(n: int) -> int:
    """Return the next number."""
    return n + 1


@pytest.mark.parametrize("late", ["a", "b"])
def test_the_order_of_arrival_does_not_matter(late: str) -> None:
    """Whoever comes last, the joined state is the same."""
    gate = Event()
    wf, calls = gated(
        af.Join(branches=["a", "b"], mappings={"a.x": "a", "b.x": "b"}), {late: gate}
    )
    early = {"a": "b", "b": "a"}[late]
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        for recorded in rt.start(wf).stream():
            if recorded.address == early:
                gate.set()

    assert calls.seen == [{"a": "a", "b": "b"}]


def test_joins_that_wait_for_each_other_fail_and_say_so() -> None:
    """Where only the variables decide whether joins meet, the run fails, unhung."""
    wf = af.Workflow(
        name="w",
        inputs=[af.Input("both")],
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[
                    af.Edge("j", branch="a"),
                    af.Edge("k", branch="b", when="inputs.both"),
                ],
            ),
            af.Step("j", join=af.Join(branches=["b"])),
            af.Step("k", join=af.Join(branches=["a"])),
        ],
    )
    result = finish(wf, both=True)

    assert result.status == "failed"
    assert result.error is not None
    assert "joins wait for each other" in result.error.message
    assert finish(wf, both=False).status == "completed"


def test_a_join_of_a_branch_that_waits_is_suspended() -> None:
    """While a joined branch waits for a signal, the execution waits with it."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering(1),
                next=[af.Edge("w", branch="a"), af.Edge("j", branch="final")],
            ),
            af.Step("w", wait_signal=af.WaitSignal(topic="go", store="x")),
            af.Step("j", join=af.Join(branches=["a"], mappings={"a.x": "x"})),
        ],
        outputs=[af.Output("x", branch="final")],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        suspension = run.wait(timeout=WAIT).suspension
        run.signal("go", "hello")
        output = run.result(timeout=WAIT)

    assert suspension is not None
    assert (suspension.topics, output) == (("go",), {"x": "hello"})


def test_a_branch_beyond_the_count_still_ends_before_the_run_does() -> None:
    """A branch that a join did not wait for is not cut off: the run waits for it."""
    gate = Event()
    wf, _ = gated(af.Join(branches=["a", "b"], count=1), {"b": gate})
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        for recorded in run.stream():
            done = type(recorded.event).__name__ == "ActivationCompleted"
            if done and recorded.address == "final/after":
                gate.set()
        status = {name: b.status for name, b in rt.state(run.id).branches.items()}

    assert status["b"] == "completed"


def test_a_join_that_begins_anew_waits_for_all_again() -> None:
    """What had ended before a restart does not count after it."""
    both = af.Join(branches=["a", "b"], mappings={"a.got": "a", "b.got": "b"})
    wf = af.Workflow(
        "w",
        steps=[
            af.Step(
                "start",
                decide=True,
                next=[
                    af.Edge("a", branch="a"),
                    af.Edge("b", branch="b"),
                    af.Edge("join", branch="final"),
                ],
            ),
            af.Step("a", wait_signal=af.WaitSignal(topic="a"), store="got"),
            af.Step("b", wait_signal=af.WaitSignal(topic="b"), store="got"),
            af.Step("join", join=both),
        ],
        outputs=[af.Output("a", branch="final"), af.Output("b", branch="final")],
    )
    with runtime(wf, passivate_after=10_000) as rt:
        run = rt.start(wf, execution_id="o-1")
        run.signal("b", "old")
        run.wait()
        run = rt.start(wf, execution_id="o-1", on_conflict="restart")
        for topic in ("a", "b"):
            run.signal(topic, "new")
            run.wait()

        assert run.result() == {"a": "new", "b": "new"}
