"""Workflows into files: what is written, and what a file cannot hold."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings

import actorflow as af
from actorflow.model.files import dump, loads
from actorflow.model.nodes import MAX_DEPTH
from tests.model.strategies import workflows


def same(one: af.Workflow, other: af.Workflow) -> bool:
    """Return whether two definitions agree in everything, types included."""
    return repr(one) == repr(other) and one.fingerprint == other.fingerprint


@given(workflows())
@settings(max_examples=60)
def test_written_workflow_is_read_as_the_same(workflow: af.Workflow) -> None:
    """What `to_yaml` writes, `loads` reads: every attribute, and the fingerprint."""
    assert same(loads(workflow.to_yaml()), workflow)


def test_yaml_is_as_one_would_write_it() -> None:
    """Only what is not the default is written, in the order of the documentation."""
    workflow = af.Workflow(
        "w",
        steps=[
            af.Step(
                "a",
                activity="x",
                store="o",
                retry=af.Retry(on="timeout", initial=0.5),
                timeout="1m",
                next=[af.Edge("b"), af.Edge("a", when="state.n < 3")],
            ),
            af.Step("b", sleep=1.0, description="on"),
        ],
        inputs=[af.Input("i"), af.Input("j", default=None)],
        outputs=[af.Output("o")],
        version="1.10",
    )

    assert dump(workflow) == (
        "name: w\nversion: '1.10'\ninputs:\n- i\n- name: j\n  default: null\nsteps:\n"
        "- name: a\n  activity: x\n  store: o\n"
        "  retry:\n  - initial: 0.5\n    on:\n    - timeout\n"
        "  timeout: 60\n  next:\n  - b\n  - step: a\n    when: state.n < 3\n"
        "- name: b\n  description: on\n  sleep: 1\noutputs:\n- o\n"
    )


def refusal(**settings: Any) -> str:
    """Return why a step with these settings cannot be written."""
    workflow = af.Workflow("w", steps=[af.Step("a", **settings)])
    with pytest.raises(af.DefinitionError) as caught:
        workflow.to_yaml()
    (problem,) = caught.value.problems
    return problem


def work(x: Any) -> Any:
    """Be a plain function."""
    return x


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"activity": work}, "steps[0].activity"),
        ({"activity": af.activity(work)}, "steps[0].activity"),
        ({"map": af.Map(over=work, activity="x")}, "steps[0].map.over"),
        ({"activity": "x", "parameters": work}, "steps[0].parameters"),
        (
            {"activity": "x", "next": [af.Edge("a", when=work)]},
            "steps[0].next[0].when",
        ),
        ({"loop": af.Loop(body="x", until=work)}, "steps[0].loop.until"),
    ],
)
def test_callable_cannot_be_written(settings: dict[str, Any], place: str) -> None:
    """Python in a definition has no form in a file; the error says where it is."""
    callable_ = "is 'work', a Python callable, which a file cannot hold"

    assert refusal(**settings).startswith(f"{place} {callable_}")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ((1, 2), "is tuple (1, 2), which a file cannot hold"),
        (b"x", "is bytes b'x', which a file cannot hold"),
        (float("nan"), "is float nan, which a file cannot hold"),
        (10**200, f"is int 1{'0' * 59}..., which a file cannot hold"),
        ({1: 2}, "has the key 1; in a file, keys are text"),
        ("\ud800", "holds half of a character (a lone surrogate)"),
        ({"\ud800": 1}, "holds half of a character (a lone surrogate)"),
    ],
)
def test_value_that_would_come_back_as_another(value: Any, problem: str) -> None:
    """What JSON cannot say is refused rather than changed."""
    found = refusal(activity="x", parameters={"p": [value]})

    assert found == f"steps[0].parameters.p[0] {problem}"


def test_number_too_long_to_be_shown() -> None:
    """Python will not print an integer of five thousand digits; the error says so."""
    found = refusal(activity="x", parameters={"p": 10**5000})

    assert found == "steps[0].parameters.p is int, which a file cannot hold"


class Colour(StrEnum):
    """Text with a name in Python."""

    RED = "red"


def test_named_text_is_written_as_text() -> None:
    """Where names and keys are enums in Python, a file has their values."""
    step = af.Step(Colour.RED, activity=Colour.RED, store=Colour.RED)
    join = {"b.x": Colour.RED}
    end = af.Step("end", join=af.Join(mappings=join), next=[af.Edge(Colour.RED)])
    workflow = af.Workflow("w", steps=[end, step])

    assert loads(workflow.to_yaml()).fingerprint == workflow.fingerprint


def test_graph_in_a_graph_cannot_be_written() -> None:
    """A step that is a graph itself has no form in a file yet, and is not left out."""
    inner = af.Workflow("inner", steps=[af.Step("a", sleep=1)])

    assert refusal(flow=inner).startswith("steps[0].flow is Workflow ")


def test_data_that_holds_itself_is_refused() -> None:
    """A cycle has no end, so it has no file."""
    state: dict[str, Any] = {}
    state["me"] = state
    workflow = af.Workflow("w", steps=[af.Step("a", sleep=1)], state=state)

    with pytest.raises(af.DefinitionError, match="nested deeper than 64 levels"):
        workflow.to_yaml()


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH])
def test_what_is_written_is_never_too_deep_to_be_read(depth: int) -> None:
    """The limit is the same in both directions."""
    state: Any = []
    for _ in range(depth - 2):
        state = [state]
    workflow = af.Workflow("w", steps=[af.Step("a", sleep=1)], state={"x": state})
    written = None
    try:
        written = workflow.to_yaml()
    except af.DefinitionError:
        assert depth == MAX_DEPTH

    assert written is None or same(loads(written), workflow)
