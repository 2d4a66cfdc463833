"""A route runs one of several nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.flows.helpers import (
    Ailing,
    Diary,
    double,
    echo,
    failing,
    failure,
    output,
    problems,
    returning,
)


def routed(key: Any, choices: dict[Any, Any], **settings: Any) -> Any:
    """Return what a route gives."""
    flow = af.Flow("f", inputs=["key"]).route(key, choices, **settings)
    return output(flow.output("route"), key=None)


def test_the_result_has_key_and_result() -> None:
    """Whoever reads it knows which way was taken."""
    assert routed(lambda s: "a", {"a": returning("x", 1), "b": returning("y", 2)}) == {
        "key": "a",
        "result": 1,
    }


def test_only_the_chosen_node_runs() -> None:
    """The others are not called."""
    diary = Diary()
    routed(lambda s: "b", {name: diary.noting(name) for name in "abc"})

    assert diary.lines == ["b"]


def test_the_key_may_be_an_expression() -> None:
    """Over inputs and state."""
    flow = (
        af.Flow("f", inputs=["region"])
        .route("region", {"eu": returning("x", 1), "us": returning("y", 2)})
        .output("route")
    )

    assert output(flow, region="us") == {"key": "us", "result": 2}


def test_the_default_gets_any_other_key() -> None:
    """The envelope has the key that nothing was declared for."""
    result = routed(lambda s: "zz", {"a": returning("x")}, default=returning("d", 9))

    assert result == {"key": "zz", "result": 9}


def test_the_default_is_not_taken_for_a_known_key() -> None:
    """A declared choice wins."""
    result = routed(lambda s: "a", {"a": returning("x", 1)}, default=returning("d", 9))

    assert result == {"key": "a", "result": 1}


def test_keys_may_be_numbers_beside_a_default() -> None:
    """What a key is written as need not be text."""
    choices = {1: returning("one", "1"), 20: returning("twenty", "20")}
    default = returning("other", "?")

    assert routed(lambda s: 20, choices, default=default)["result"] == "20"
    assert routed(lambda s: 3, choices, default=default)["result"] == "?"


def test_two_keys_that_are_written_alike_are_a_problem() -> None:
    """The second could never be chosen."""
    choices: dict[Any, Any] = {1: returning("one"), "1": returning("text")}

    assert problems(af.Flow("f").route("1", choices).build) == (
        "step 'route': 2 keys of the route are written '1'; keep one",
    )


def test_an_unknown_key_without_default_fails_and_is_named() -> None:
    """The failure says route, key and what there is."""
    error = failure(
        af.Flow("f").route(
            lambda s: "zz", {"a": returning("x"), "b": returning("y")}, name="where"
        )
    )

    assert "'zz'" in error.message
    assert "'a'" in error.message
    assert "'b'" in error.message
    assert error.node == "where"


def test_a_key_that_cannot_be_had_fails_the_step() -> None:
    """A callable that raises is the step's failure."""
    error = failure(af.Flow("f").route(lambda s: s["ghost"], {"a": returning("x")}))

    assert "ghost" in error.message
    assert error.node == "route"


@pytest.mark.parametrize("key", [1, True, None])
def test_keys_need_not_be_text(key: Any) -> None:
    """The envelope has the key as it was."""
    result = routed(lambda s: key, {str(key): returning("x", 1)})

    assert result == {"key": key, "result": 1}


def test_none_is_a_result() -> None:
    """A node that returns nothing has been run."""
    assert routed(lambda s: "a", {"a": returning("x")}) == {"key": "a", "result": None}


def test_the_chosen_node_is_bound_by_name() -> None:
    """As in `then`."""
    flow = (
        af.Flow("f", inputs=["value"])
        .route("'double'", {"double": double, "echo": echo})
        .output("route")
    )

    assert output(flow, value=4)["result"] == 8


def test_input_is_given_to_the_chosen_node() -> None:
    """`input=` maps for whichever it is."""
    flow = (
        af.Flow("f", inputs=["n"])
        .route("'double'", {"double": double}, input=lambda s: {"value": s["n"] + 1})
        .output("route")
    )

    assert output(flow, n=4)["result"] == 10


def test_two_keys_may_lead_to_one_node() -> None:
    """A node may be given twice."""
    node = returning("x", 1)

    assert routed(lambda s: "b", {"a": node, "b": node}) == {"key": "b", "result": 1}


def test_a_key_that_is_no_name_is_refused_by_build() -> None:
    """Addresses are made of keys."""
    text = "\n".join(problems(af.Flow("f").route("x", {"a/b": echo}).build))

    assert "a/b" in text


def test_a_failing_choice_fails_the_step() -> None:
    """With the failure of the node that was chosen."""
    error = failure(af.Flow("f").route("'a'", {"a": failing("x", "x broke")}))

    assert error.message == "x broke"


# --- decided once --------------------------------------------------------------------


def test_the_key_is_asked_for_once() -> None:
    """Whatever happens while the choice runs, the decision stands."""
    asked: list[int] = []

    def key(state: Any) -> str:
        asked.append(1)
        return "a" if len(asked) == 1 else "b"

    waiting = af.Flow("a-flow").wait_signal("go", into="x").output("x")
    flow = af.Flow("f").route(key, {"a": waiting, "b": returning("b")}).output("route")
    with runtime(flow) as rt:
        run = rt.start(flow)
        run.wait()
        rt.signal(run.id, "go", 1)

        assert run.result() == {"key": "a", "result": 1}
    assert asked == [1]


def test_the_decision_is_kept_over_a_restart(tmp_path: Path) -> None:
    """Another process does not decide again, though it would decide otherwise."""
    log, answer = str(tmp_path / "log.db"), ["a"]
    waiting = af.Flow("a-flow").wait_signal("go", into="x").output("x")
    flow = (
        af.Flow("f")
        .route(lambda s: answer[0], {"a": waiting, "b": returning("b")})
        .output("route")
        .build()
    )
    with runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="x").wait()
    answer[0] = "b"
    with runtime(flow, log=log) as rt:
        rt.signal("x", "go", 1)

        assert rt.get("x").result() == {"key": "a", "result": 1}


def test_the_decision_is_kept_by_a_retry() -> None:
    """`rt.retry` runs what failed, and that is the choice, not the question."""
    ailing, answer = Ailing(1), ["a"]
    flow = (
        af.Flow("f", state={"value": 1})
        .route(lambda s: answer[0], {"a": ailing, "b": returning("b")})
        .output("route")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        ailing.heal()
        answer[0] = "b"
        rt.retry(run.id)

        assert run.result() == {"key": "a", "result": 1}


# --- flows ---------------------------------------------------------------------------


def test_a_route_to_flows() -> None:
    """A choice may be a flow that sleeps and waits."""
    slow = af.Flow("slow").sleep(3600).then(returning("x", "late")).output("x")
    asked = af.Flow("asked").wait_signal("go", into="x").output("x")
    flow = (
        af.Flow("f", inputs=["way"])
        .route("way", {"slow": slow, "asked": asked})
        .output("route")
        .build()
    )
    with runtime(flow) as rt:
        first, second = rt.start(flow, way="slow"), rt.start(flow, way="asked")
        rt.signal(second.id, "go", "ok")

        assert first.result() == {"key": "slow", "result": "late"}
        assert second.result() == {"key": "asked", "result": "ok"}


def test_a_flow_of_a_route_takes_its_inputs_by_name() -> None:
    """Inputs of the chosen flow are bound like parameters."""
    flow = (
        af.Flow("f", inputs=["n"])
        .route(
            "'twice'",
            {
                "twice": af.Flow("twice", inputs=["n"])
                .then(double, input={"value": "${n}"})
                .output("double")
            },
        )
        .output("route")
    )

    assert output(flow, n=4)["result"] == 8


def test_a_route_in_a_route_in_a_route() -> None:
    """Blocks nest without limit, through flows."""
    third = af.Flow("third").route("'c'", {"c": returning("x", 1)}).output("route")
    second = af.Flow("second").route("'b'", {"b": third}).output("route")
    first = af.Flow("first").route("'a'", {"a": second}).output("route")

    assert output(first) == {
        "key": "a",
        "result": {"key": "b", "result": {"key": "c", "result": 1}},
    }


def test_the_next_step_reads_the_envelope() -> None:
    """The result of a route is a variable like others."""
    flow = (
        af.Flow("f")
        .route("'a'", {"a": returning("x", 5)}, into="way")
        .then(double, input={"value": "${way.result}"})
        .output("double")
    )

    assert output(flow) == 10
