"""Inputs are checked before anything runs; outputs are taken when all has ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from tests.acceptance.helpers import WAIT, Calls, answering, calling, echo, finish


def taking(*inputs: af.Input) -> af.Workflow:
    """Make a workflow that returns its inputs as they came."""
    return af.Workflow(
        name="taking",
        inputs=inputs,
        steps=[
            af.Step(
                "a",
                activity=echo,
                parameters={
                    "value": {item.name: f"${{inputs.{item.name}}}" for item in inputs}
                },
                store="inputs",
            )
        ],
        outputs=[af.Output("inputs")],
    )


def giving(*outputs: af.Output, state: dict | None = None) -> af.Workflow:
    """Make a workflow with those outputs, whose step stores 42 as `answer`."""
    return af.Workflow(
        name="giving",
        state=state or {},
        steps=[af.Step("a", activity=answering(42), store="answer")],
        outputs=outputs,
    )


def got(wf: af.Workflow, **inputs: Any) -> Any:
    """Return the inputs that the workflow saw."""
    return finish(wf, **inputs).output["inputs"]


def refused(wf: af.Workflow, *args: Any, **inputs: Any) -> str:
    """Return what `start` says of inputs that do not fit."""
    with (
        af.Runtime(":memory:", definitions=[wf]) as rt,
        pytest.raises(af.InputError) as caught,
    ):
        rt.start(wf, *args, **inputs)
    return str(caught.value)


# --- inputs --------------------------------------------------------------------------


def test_a_missing_input_is_named() -> None:
    """An execution without a required input is not started."""
    assert "order_id" in refused(taking(af.Input("order_id")))


def test_an_unknown_input_is_named() -> None:
    """An input that the definition does not declare is refused."""
    assert "oder_id" in refused(taking(af.Input("order_id", default=1)), oder_id=1)


def test_all_input_problems_come_at_once() -> None:
    """Every input that does not fit is told in one error."""
    said = refused(taking(af.Input("a"), af.Input("b")), c=1)

    assert all(name in said for name in ("'a'", "'b'", "'c'"))


def test_refused_inputs_leave_no_execution() -> None:
    """Nothing is recorded of a start that was refused."""
    wf = taking(af.Input("a"))
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        with pytest.raises(af.InputError):
            rt.start(wf, execution_id="x")

        assert rt.list() == []


def test_a_default_is_used_when_nothing_is_given() -> None:
    """An input with a default need not be given."""
    assert got(taking(af.Input("limit", default=100))) == {"limit": 100}


def test_a_given_input_beats_its_default() -> None:
    """What the caller gives is what runs."""
    assert got(taking(af.Input("limit", default=100)), limit=7) == {"limit": 7}


def test_none_can_be_a_default() -> None:
    """An input whose default is None is optional."""
    assert got(taking(af.Input("note", default=None))) == {"note": None}


def test_none_can_be_given() -> None:
    """None is a value like any other for an input of any type."""
    assert got(taking(af.Input("note")), note=None) == {"note": None}


def test_inputs_may_be_given_by_position() -> None:
    """Positional inputs fill the declared ones in order."""
    wf = taking(af.Input("a"), af.Input("b"))
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        assert rt.start(wf, 1, 2).result(timeout=WAIT) == {"inputs": {"a": 1, "b": 2}}


def test_too_many_positional_inputs_are_refused() -> None:
    """More positional inputs than are declared cannot be right."""
    assert refused(taking(af.Input("a")), 1, 2)


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("string", "x"),
        ("integer", 3),
        ("number", 3),
        ("number", 2.5),
        ("boolean", False),
        ("object", {"a": 1}),
        ("array", [1]),
        ("any", {"a": [1]}),
    ],
)
def test_an_input_of_its_declared_type_is_taken(type: str, value: Any) -> None:
    """Each declared type accepts its own values."""
    assert got(taking(af.Input("x", type=type)), x=value) == {"x": value}


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("string", 3),
        ("integer", "3"),
        ("integer", 2.5),
        ("integer", True),
        ("number", "2.5"),
        ("number", True),
        ("boolean", 1),
        ("object", [1]),
        ("array", {"a": 1}),
        ("array", "abc"),
    ],
)
def test_an_input_of_another_type_is_refused(type: str, value: Any) -> None:
    """A declared type is enforced when an execution is started."""
    said = refused(taking(af.Input("x", type=type)), x=value)

    assert "x" in said
    assert type in said


def test_an_input_that_cannot_be_recorded_is_refused() -> None:
    """A value that is no data is refused by `start`, naming where it is."""
    wf = taking(af.Input("x"))
    with (
        af.Runtime(":memory:", definitions=[wf]) as rt,
        pytest.raises(af.UnrecordableError, match="lock"),
    ):
        rt.start(wf, x={"lock": object()})


def test_changing_an_input_afterwards_changes_nothing() -> None:
    """Inputs are recorded as they were when `start` was called."""
    given = [1]
    wf = af.Workflow(
        name="w",
        inputs=[af.Input("x")],
        steps=[
            af.Step("wait", wait_signal=af.WaitSignal(topic="go"), next=[af.Edge("a")]),
            af.Step("a", activity=echo, parameters={"value": "${inputs.x}"}, store="x"),
        ],
        outputs=[af.Output("x")],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf, x=given)
        given.append(2)
        run.signal("go")

        assert run.result(timeout=WAIT) == {"x": [1]}


def test_recorded_inputs_are_used_after_a_restart(db: Path) -> None:
    """An execution goes on with the inputs it was started with; none are needed."""
    wf = af.Workflow(
        name="w",
        inputs=[af.Input("x")],
        steps=[
            af.Step("wait", wait_signal=af.WaitSignal(topic="go"), next=[af.Edge("a")]),
            af.Step("a", activity=echo, parameters={"value": "${inputs.x}"}, store="x"),
        ],
        outputs=[af.Output("x")],
    )
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, x="mine", execution_id="run").wait(timeout=WAIT)
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.signal("run", "go")

        assert rt.get("run").result(timeout=WAIT) == {"x": "mine"}


# --- outputs -------------------------------------------------------------------------


def test_an_output_has_the_name_of_its_variable_by_default() -> None:
    """`Output("x")` is the variable `x`."""
    assert finish(giving(af.Output("answer"))).output == {"answer": 42}


def test_an_output_can_rename_a_variable() -> None:
    """`variable=` says what an output is taken from."""
    assert finish(giving(af.Output("result", variable="answer"))).output == {
        "result": 42
    }


def test_an_output_can_reach_into_a_variable() -> None:
    """`variable` may be a dotted path through mappings."""
    wf = giving(
        af.Output("sku", variable="order.line.sku"),
        state={"order": {"line": {"sku": "x1"}}},
    )

    assert finish(wf).output == {"sku": "x1"}


def test_without_outputs_the_output_is_empty() -> None:
    """A graph that declares no outputs returns an empty mapping."""
    assert finish(giving()).output == {}


def test_result_star_returns_the_whole_state() -> None:
    """`result="*"` returns every variable of the first branch."""
    wf = af.Workflow(
        name="w",
        state={"a": 1},
        steps=[af.Step("s", activity=answering(2), store="b")],
        result="*",
    )

    assert finish(wf).output == {"a": 1, "b": 2}


def test_result_names_the_variable_that_is_returned() -> None:
    """`result="b"` returns that variable itself."""
    wf = af.Workflow(
        name="w",
        steps=[af.Step("s", activity=answering(2), store="b")],
        result="b",
    )

    assert finish(wf).output == 2


def test_an_output_nobody_wrote_fails_the_run() -> None:
    """A missing output variable fails the execution, naming variable and branch."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("a", activity=answering(1), next=[af.Edge("b", when="false")]),
            af.Step("b", activity=answering(1, "b"), store="nonexistent"),
        ],
        outputs=[af.Output("nonexistent")],
    )
    result = finish(wf)

    assert result.status == "failed"
    assert result.error is not None
    assert "nonexistent" in result.error.message
    assert "main" in result.error.message


def test_an_output_of_a_branch_that_never_ran_fails_the_run() -> None:
    """An output of a branch whose edge was not taken cannot be given."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a",
                activity=answering(1),
                next=[af.Edge("b", branch="side", when="false")],
            ),
            af.Step("b", activity=answering(1, "b"), store="x"),
        ],
        outputs=[af.Output("x", branch="side")],
    )
    result = finish(wf)

    assert result.status == "failed"
    assert result.error is not None
    assert "side" in result.error.message


def test_an_output_may_be_none() -> None:
    """A variable that is None is there."""
    assert finish(giving(af.Output("x"), state={"x": None})).output == {"x": None}


def test_outputs_are_not_taken_from_a_failed_run(calls: Calls) -> None:
    """A failed execution has an error and no output."""
    wf = af.Workflow(
        name="w",
        state={"x": 1},
        steps=[af.Step("a", activity=lambda: 1 / 0)],
        outputs=[af.Output("x")],
    )

    assert finish(wf).output is None


def test_the_output_is_the_same_when_read_again(db: Path, calls: Calls) -> None:
    """The output of a completed execution is read from the log, running nothing."""
    wf = af.Workflow(
        name="w",
        steps=[af.Step("a", activity=calling(calls, "a", (1, 2)), store="x")],
        outputs=[af.Output("x")],
    )
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, execution_id="run").result(timeout=WAIT)
    with af.Runtime(db, definitions=[wf]) as rt:
        output = rt.get("run").result(timeout=WAIT)

    assert (output, calls.seen) == ({"x": (1, 2)}, ["a"])
