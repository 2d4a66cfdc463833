"""The fluent builder: names, variables, binding, and all problems at once."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
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
    failure,
    finish,
    increment,
    output,
    problems,
    returning,
)


@attrs.frozen
class Order:
    """A record that travels through flows."""

    total: Decimal
    customers: list[str]


def fetch_order(order_id: str) -> Order:
    """Look an order up."""
    return Order(Decimal("9.90"), [f"{order_id}-ada", f"{order_id}-bob"])


def total_of(order: Order) -> Decimal:
    """Return what an order costs."""
    return order.total


# --- the shape of a chain ------------------------------------------------------------


def test_every_call_returns_the_same_builder() -> None:
    """A flow is one chain: each method gives the flow it was called on."""
    flow = af.Flow("f", inputs=["x"])
    chain = (
        flow.then(returning("a"))
        .parallel("p", returning("b"))
        .map("m", echo, over=[1])
        .loop("l", increment, max_iterations=1)
        .route("'k'", {"k": returning("c")})
        .sleep(1)
        .wait_signal("s")
        .gate("g")
        .pause("why")
        .when("true")
        .then(returning("d"))
        .otherwise()
        .then(returning("e"))
        .end()
        .output("a")
        .build()
    )

    assert chain is flow


def test_steps_run_in_the_order_they_are_written() -> None:
    """What is written first is done first."""
    diary = Diary()
    flow = af.Flow("f")
    for name in "abcde":
        flow.then(diary.noting(name))

    output(flow.build())

    assert diary.lines == list("abcde")


def test_a_flow_runs_without_a_call_of_build() -> None:
    """`build` only checks; a runtime takes the flow as it is."""
    assert output(af.Flow("f").then(returning("a", 1)).output("a")) == 1


def test_a_flow_is_a_workflow_underneath() -> None:
    """`flow.workflow` is the graph, with the flow's name."""
    workflow = af.Flow("f").then(returning("a")).build().workflow

    assert isinstance(workflow, af.Workflow)
    assert workflow.name == "f"


def test_the_graph_of_a_flow_runs_as_the_flow_does() -> None:
    """The flow and its graph are one definition."""
    flow = af.Flow("f").then(returning("a", 1)).output("a").build()

    assert output(flow.workflow) == 1


def test_the_graph_of_a_flow_can_be_drawn() -> None:
    """Every step is in the drawing."""
    drawing = af.Flow("f").then(returning("a")).sleep(1).build().workflow.to_mermaid()

    assert "a" in drawing
    assert "sleep" in drawing


def test_building_twice_gives_the_same_graph() -> None:
    """`build` changes nothing."""
    flow = af.Flow("f").then(returning("a")).build()
    first = flow.workflow

    assert flow.build().workflow is first


def test_the_same_chain_has_the_same_fingerprint() -> None:
    """Written down twice it is one definition."""

    def make() -> str:
        return af.Flow("f").then(returning("a")).build().workflow.fingerprint

    assert make() == make()


def test_a_version_changes_the_fingerprint() -> None:
    """Two versions of a flow are two definitions."""
    first = af.Flow("f").then(returning("a")).workflow.fingerprint
    second = af.Flow("f", version="2").then(returning("a")).workflow.fingerprint

    assert first != second


# --- problems ------------------------------------------------------------------------


def test_a_flow_without_steps_is_refused() -> None:
    """There must be something to do."""
    [problem] = problems(af.Flow("f").build)

    assert "at least one step" in problem


def test_all_problems_come_at_once() -> None:
    """One error lists the builder's problems beside those of the graph."""
    flow = (
        af.Flow("f", inputs=["x", "x"])
        .end()
        .map("m", echo, over=[1], max_concurrency=0)
        .parallel("p", echo, echo)
        .route("'k'", {})
        .loop("l", echo, max_iterations=0)
        .when("true")
        .then(returning("a"))
    )
    text = "\n".join(problems(flow.build))

    for part in ("'x'", "`end`", "map.max", "'echo'", "choice", "loop.max", "end()"):
        assert part in text
    assert len(problems(flow.build)) == 7


MEANINGLESS: dict[str, tuple[Callable[[af.Flow], af.Flow], str]] = {
    "no arms": (lambda f: f.parallel("p"), "at least one arm"),
    "no room": (lambda f: f.parallel("p", echo, max_concurrency=0), "max_concurrency"),
    "arms' on_error": (lambda f: f.parallel("p", echo, on_error="never"), "on_error"),
    "equal arms": (lambda f: f.parallel("p", echo, echo), "'echo'"),
    "items' on_error": (lambda f: f.map("m", echo, over=[], on_error="x"), "on_error"),
    "less than no room": (
        lambda f: f.map("m", echo, over=[], max_concurrency=-1),
        "max_concurrency",
    ),
    "no iterations": (lambda f: f.loop("l", echo, max_iterations=0), "max_iterations"),
    "fewer": (lambda f: f.loop("l", echo, max_iterations=-3), "max_iterations"),
    "on_max": (lambda f: f.loop("l", echo, on_max="never"), "on_max"),
    "no choices": (lambda f: f.route("x", {}), "choice"),
    "sleeping backwards": (lambda f: f.sleep(-1), "sleep"),
    "waiting backwards": (lambda f: f.wait_signal("s", timeout=-1), "timeout"),
    "late without time": (lambda f: f.wait_signal("s", on_timeout=echo), "timeout"),
    "no topic": (lambda f: f.wait_signal(""), "topic"),
    "gate backwards": (lambda f: f.gate("g", timeout=-1), "timeout"),
    "default without time": (lambda f: f.gate("g", default=True), "timeout"),
    "a name with a slash": (lambda f: f.then(echo, name="a/b"), "a/b"),
    "a variable with a dot": (lambda f: f.then(echo, into="a.b"), "a.b"),
    "a variable of state": (lambda f: f.then(echo, into="state.a"), "state.a"),
    "running backwards": (lambda f: f.then(echo, timeout=-1), "timeout"),
    "no attempts": (
        lambda f: f.then(echo, retry=af.Retry(max_attempts=0)),
        "max_attempts",
    ),
    "a sleep of no length": (lambda f: f.sleep("soon"), "'soon'"),
    "a sleep of nothing": (lambda f: f.sleep(None), "sleep"),  # type: ignore[arg-type]
    "a timeout that is none": (lambda f: f.then(echo, timeout="soon"), "'soon'"),
    "a wait that is none": (lambda f: f.wait_signal("s", timeout="x"), "'x'"),
    "a gate that is none": (lambda f: f.gate("g", timeout="soon"), "'soon'"),
    "a sleep that is a list": (lambda f: f.sleep([1]), "[1]"),  # type: ignore[arg-type]
    "no condition": (
        lambda f: f.when(None).then(echo).end(),  # type: ignore[arg-type]
        "condition",
    ),
    "no retry of a flow": (
        lambda f: f.then(af.Flow("i").then(echo), retry=af.Retry()),
        "retry",
    ),
    "no retry of items that are flows": (
        lambda f: f.map("m", af.Flow("i").then(echo), over=[], retry=af.Retry()),
        "retry",
    ),
    "no timeout of items that are flows": (
        lambda f: f.map("m", af.Flow("i").then(echo), over=[], timeout=3),
        "timeout",
    ),
    "a pause with nothing after": (lambda f: f.pause("why"), "pause"),
}


@pytest.mark.parametrize(("make", "part"), MEANINGLESS.values(), ids=MEANINGLESS.keys())
def test_a_setting_without_meaning_is_refused(
    make: Callable[[af.Flow], af.Flow], part: str
) -> None:
    """`build` names what is wrong, and where."""
    flow = make(af.Flow("f").then(returning("before")))

    assert part in "\n".join(problems(flow.build))


UNMATCHED: dict[str, tuple[Callable[[af.Flow], af.Flow], str]] = {
    "otherwise alone": (lambda f: f.otherwise(), "otherwise"),
    "end alone": (lambda f: f.end(), "end"),
    "two ends": (lambda f: f.when("true").then(echo).end().end(), "end"),
    "otherwise late": (
        lambda f: f.when("true").then(echo).end().otherwise(),
        "otherwise",
    ),
    "two otherwises": (
        lambda f: f.when("true").then(echo).otherwise().then(double).otherwise().end(),
        "otherwise",
    ),
    "empty": (lambda f: f.when("true").end(), "empty"),
    "empty when": (lambda f: f.when("true").otherwise().then(echo).end(), "empty"),
    "empty otherwise": (lambda f: f.when("true").then(echo).otherwise().end(), "empty"),
    "no end": (lambda f: f.when("true").then(echo), "end"),
    "no end of the other": (
        lambda f: f.when("true").then(echo).otherwise().then(double),
        "end",
    ),
    "one end for two": (lambda f: f.when("true").when("true").then(echo).end(), "end"),
}


@pytest.mark.parametrize(("make", "part"), UNMATCHED.values(), ids=UNMATCHED.keys())
def test_blocks_must_match(make: Callable[[af.Flow], af.Flow], part: str) -> None:
    """What is opened is closed once, and holds something."""
    flow = make(af.Flow("f").then(returning("before")))

    assert part in "\n".join(problems(flow.build))


def test_a_problem_of_a_block_names_it() -> None:
    """With several blocks, the message says which one is wrong."""
    flow = (
        af.Flow("f")
        .when("true", name="first")
        .then(echo)
        .end()
        .when("true", name="second")
        .end()
    )

    assert "'second'" in "\n".join(problems(flow.build))


def test_inputs_that_are_one_text_are_refused() -> None:
    """A text is not taken for a list of letters."""
    text = "\n".join(problems(af.Flow("f", inputs="abc").then(echo).build))

    assert "'abc'" in text


def test_a_node_that_is_none_is_refused() -> None:
    """A missing node is one problem among the others."""
    flow = af.Flow("f").then(None).map("m", None, over=[1]).loop("l", None)

    assert len(problems(flow.build)) >= 3


def test_a_node_that_cannot_be_called_is_refused() -> None:
    """A number is no node, and the message says so."""
    flow = af.Flow("f").then(42).then(echo)

    assert "42" in "\n".join(problems(lambda: finish_in_runtime(flow)))


def finish_in_runtime(flow: af.Flow) -> None:
    """Give *flow* to a runtime."""
    with runtime(flow.build()):
        pass


def test_problems_of_a_nested_flow_are_told() -> None:
    """A flow inside a flow is checked with it."""
    inner = af.Flow("inner").sleep(-1)
    outer = af.Flow("outer").then(inner)

    assert "sleep" in "\n".join(problems(outer.build))


def test_an_output_that_no_step_writes_is_refused() -> None:
    """A flow cannot return a variable that it never has."""
    flow = af.Flow("f", inputs=["x"], state={"y": 1}).then(echo, into="z")

    assert "'ghost'" in "\n".join(problems(flow.output("ghost").build))


def test_an_activity_s_missing_parameter_is_told_before_it_runs() -> None:
    """A parameter that nothing provides is named."""
    told = problems(lambda: finish(af.Flow("f").then(echo)))

    assert "parameter 'value' is neither an input nor a variable" in "\n".join(told)


# --- growing -------------------------------------------------------------------------


def test_a_built_flow_does_not_grow() -> None:
    """A step added after `build` is a problem, not a surprise."""
    flow = af.Flow("f").then(returning("a")).build()

    assert "built" in "\n".join(problems(flow.then(returning("b")).build))


GROWING: dict[str, Callable[[af.Flow], af.Flow]] = {
    "when": lambda f: f.when("true"),
    "sleep": lambda f: f.sleep(1),
    "output": lambda f: f.output("b"),
    "wait_signal": lambda f: f.wait_signal("s", timeout=1, on_timeout=boom),
    "otherwise": lambda f: f.otherwise(),
    "end": lambda f: f.end(),
}


@pytest.mark.parametrize("grow", GROWING.values(), ids=GROWING.keys())
def test_nothing_can_be_added_to_a_built_flow(
    grow: Callable[[af.Flow], af.Flow],
) -> None:
    """Whatever is said after `build` is refused, and never silently without effect."""
    flow = af.Flow("f").then(returning("a")).then(returning("b")).output("a").build()

    assert problems(lambda: grow(flow).build())


# --- names ---------------------------------------------------------------------------


def names(flow: af.Flow) -> list[str]:
    """Return the names of a flow's steps."""
    return [step.name for step in flow.build().workflow.steps]


def test_a_step_is_named_after_its_node() -> None:
    """Without `name=`, function, activity and flow give theirs."""
    inner = af.Flow("inner").then(returning("x"))
    flow = af.Flow("f", inputs=["value"]).then(echo).then(returning("a")).then(inner)

    assert names(flow) == ["echo", "a", "inner"]


def test_a_name_that_is_taken_gets_a_number() -> None:
    """The same node twice is two steps."""
    flow = af.Flow("f").then(returning("a")).then(returning("a")).then(returning("a"))

    assert names(flow) == ["a", "a-2", "a-3"]


def test_a_numbered_name_that_is_taken_is_passed_over() -> None:
    """Uniqueness holds against names that look numbered."""
    flow = (
        af.Flow("f")
        .then(returning("a"), name="a-2")
        .then(returning("a"))
        .then(returning("a"))
    )

    assert len(set(names(flow))) == 3


def test_the_same_node_twice_keeps_both_results() -> None:
    """Each step has a variable of its own."""
    flow = (
        af.Flow("f")
        .then(double, input={"value": 1})
        .then(double, input={"value": 5})
        .build()
    )

    assert output(flow) == {"double": 2, "double-2": 10}


def test_steps_without_nodes_have_names_of_their_own() -> None:
    """Two sleeps, two pauses and two blocks do not clash."""
    flow = (
        af.Flow("f")
        .sleep(1)
        .sleep(2)
        .pause()
        .pause()
        .when("true")
        .then(returning("a"))
        .end()
        .when("true")
        .then(returning("b"))
        .end()
    )

    assert len(names(flow)) == len(set(names(flow)))


def test_names_may_be_members_of_enums() -> None:
    """A text with a name of its own is that text, not what it is shown as."""

    class Name(str, Enum):  # noqa: UP042 - str() of it is "Name.ONE"
        ONE = "one"

    flow = af.Flow("f", inputs=["x"])
    for _ in range(2):
        flow.then(double, name=Name.ONE)
    names = [(step.name, step.store) for step in flow.build().workflow.steps]

    assert names == [("one", "one"), ("one-2", "one-2")]
    assert {type(name) for pair in names for name in pair} == {str}


def test_inputs_may_be_whatever_gives_names_once() -> None:
    """They are read once."""
    flow = af.Flow("f", inputs=(name for name in "xy")).then(double).build()

    assert [each.name for each in flow.workflow.inputs] == ["x", "y"]


def test_name_gives_address_and_variable() -> None:
    """`name=` is what the log and the state call the step."""
    flow = af.Flow("f").then(returning("a", 1), name="mine").build()
    with runtime(flow) as rt:
        run = rt.start(flow)

        assert run.result() == {"mine": 1}
        assert "main/mine" in {r.address for r in run.history()}


def test_into_gives_the_variable_and_not_the_name() -> None:
    """`into=` only says where the result lands."""
    flow = af.Flow("f").then(returning("a", 1), into="mine").build()
    with runtime(flow) as rt:
        run = rt.start(flow)

        assert run.result() == {"mine": 1}
        assert "main/a" in {r.address for r in run.history()}


def test_into_may_overwrite_a_variable() -> None:
    """The last result in a variable is what is there."""
    flow = af.Flow("f", state={"x": 1}).then(returning("a", 2), into="x").build()

    assert output(flow) == {"x": 2}


ADDING: dict[str, tuple[Callable[..., af.Flow], Any]] = {
    "then": (lambda f, **k: f.then(returning("n", 1), **k), 1),
    "parallel": (lambda f, **k: f.parallel("n", returning("a", 1), **k), {"a": 1}),
    "map": (lambda f, **k: f.map("n", double, over=[1], **k), [2]),
    "loop": (lambda f, **k: f.loop("n", increment, max_iterations=1, **k), 1),
    "route": (
        lambda f, **k: f.route("'a'", {"a": returning("x", 1)}, name="n", **k),
        {"key": "a", "result": 1},
    ),
}


@pytest.mark.parametrize(("add", "expected"), ADDING.values(), ids=ADDING.keys())
def test_every_kind_of_step_takes_into(
    add: Callable[..., af.Flow], expected: Any
) -> None:
    """Default: the step's name; else the variable that is named."""
    plain = add(af.Flow("f")).build()
    named = add(af.Flow("f"), into="there").build()

    assert output(plain) == {"n": expected}
    assert output(named) == {"there": expected}


# --- inputs, state and binding -------------------------------------------------------


def test_parameters_are_bound_by_name_from_inputs() -> None:
    """An input of the parameter's name is its argument."""
    assert output(af.Flow("f", inputs=["value"]).then(double).build(), value=4) == {
        "double": 8
    }


def test_parameters_are_bound_by_name_from_results() -> None:
    """A variable of the parameter's name is its argument, of the type it had."""
    flow = (
        af.Flow("f", inputs=["order_id"])
        .then(fetch_order, into="order")
        .then(total_of, into="total")
        .output("total")
        .build()
    )

    assert output(flow, order_id="o") == Decimal("9.90")


def test_parameters_are_bound_by_name_from_the_initial_state() -> None:
    """`state=` gives variables to begin with."""
    flow = af.Flow("f", state={"value": 3}).then(double).output("double").build()

    assert output(flow) == 6


def test_a_variable_hides_an_input_of_the_same_name() -> None:
    """What was computed is nearer than what was given."""
    flow = (
        af.Flow("f", inputs=["value"])
        .then(returning("a", 10), into="value")
        .then(double)
        .output("double")
        .build()
    )

    assert output(flow, value=1) == 20


def test_a_parameter_with_a_default_need_not_be_bound() -> None:
    """Nothing of that name leaves the default in place."""

    def greet(who: str = "world") -> str:
        return f"hello {who}"

    assert output(af.Flow("f").then(greet).output("greet").build()) == "hello world"


def test_a_variable_that_is_none_is_bound() -> None:
    """None is a value, and not the absence of one."""

    def given(x: Any = "default") -> Any:
        return x

    flow = af.Flow("f", state={"x": None}).then(given).output("given").build()

    assert output(flow) is None


def test_input_may_be_a_mapping_of_templates() -> None:
    """Whole tokens keep their type, text is filled in."""
    flow = (
        af.Flow("f", inputs=["n"])
        .then(echo, input={"value": ["${n}", "n is ${n}"]})
        .output("echo")
        .build()
    )

    assert output(flow, n=3) == [3, "n is 3"]


def test_input_may_be_a_callable_that_gives_keyword_arguments() -> None:
    """It is given the state; a mapping is keyword arguments."""
    flow = (
        af.Flow("f", inputs=["order_id"])
        .then(fetch_order, into="order")
        .then(double, input=lambda s: {"value": len(s["order"].customers)})
        .output("double")
        .build()
    )

    assert output(flow, order_id="o") == 4


def test_input_may_be_a_callable_that_gives_the_one_argument() -> None:
    """Anything else than a mapping is the one positional argument."""
    flow = (
        af.Flow("f", inputs=["n"])
        .then(double, input=lambda s: s["n"] + 1)
        .output("double")
        .build()
    )

    assert output(flow, n=3) == 8


def test_the_one_argument_may_be_none() -> None:
    """None is an argument like any other."""
    flow = af.Flow("f").then(echo, input=lambda s: None).output("echo").build()

    assert output(flow) is None


def test_the_state_of_a_callable_cannot_be_changed_by_it() -> None:
    """What a callable does to its view is not a result."""

    def meddle(state: Any) -> Any:
        state["list"].append(4)
        return {"value": len(state["list"])}

    flow = af.Flow("f", state={"list": [1]}).then(echo, input=meddle).build()

    assert output(flow)["list"] == [1]


def test_what_an_activity_does_to_its_argument_stays_with_it() -> None:
    """A result is the only way into the state."""

    def spoil(items: list[int]) -> int:
        items.append(99)
        return len(items)

    flow = af.Flow("f", state={"items": [1]}).then(spoil).build()

    assert output(flow) == {"items": [1], "spoil": 2}


def test_an_input_with_a_default_may_be_left_out() -> None:
    """`Input` says more about an input than its name."""
    flow = af.Flow("f", inputs=[af.Input("value", default=5)]).then(double).build()

    assert output(flow) == {"double": 10}


def test_a_missing_input_is_refused_at_start() -> None:
    """All inputs without a default must be given."""
    flow = af.Flow("f", inputs=["x", "y"]).then(returning("a")).build()

    with runtime(flow) as rt, pytest.raises(af.InputError) as caught:
        rt.start(flow)

    assert len(caught.value.problems) == 2


def test_the_callable_of_an_input_that_fails_fails_the_step() -> None:
    """The failure names the step and what went wrong."""
    flow = af.Flow("f").then(echo, input=lambda s: s["ghost"]).build()
    error = failure(flow)

    assert "ghost" in error.message
    assert error.node == "echo"


# --- output --------------------------------------------------------------------------


def test_without_output_the_whole_state_is_returned() -> None:
    """Inputs are not part of it; every variable is."""
    flow = (
        af.Flow("f", inputs=["x"], state={"s": 0})
        .then(returning("a", 1))
        .then(returning("b", 2))
        .build()
    )

    assert output(flow, x=7) == {"s": 0, "a": 1, "b": 2}


def test_one_output_is_the_variable_itself() -> None:
    """A single name unwraps it."""
    assert output(af.Flow("f").then(returning("a", [1])).output("a").build()) == [1]


def test_several_outputs_are_a_mapping() -> None:
    """Two names give both, in a mapping."""
    flow = (
        af.Flow("f")
        .then(returning("a", 1))
        .then(returning("b", 2))
        .then(returning("c", 3))
        .output("a", "c")
        .build()
    )

    assert output(flow) == {"a": 1, "c": 3}


def test_an_output_may_be_a_path() -> None:
    """It reaches into the variable, alone and among several."""
    flow = af.Flow("f").then(returning("a", {"b": {"c": 1}}))

    assert output(flow.output("a.b.c")) == 1


def test_several_outputs_may_be_paths() -> None:
    """Each is named by its path."""
    flow = af.Flow("f").then(returning("a", {"b": 1})).output("a.b", "a")

    assert output(flow) == {"a.b": 1, "a": {"b": 1}}


def test_an_output_may_be_none() -> None:
    """None is a result."""
    assert output(af.Flow("f").then(returning("a")).output("a").build()) is None


def test_an_output_that_was_never_written_is_none() -> None:
    """The arm that would have written it was not taken."""
    flow = af.Flow("f").when("false").then(returning("a", 1)).end().output("a").build()

    assert output(flow) is None


def test_the_last_word_on_the_output_counts() -> None:
    """`output` may be said anywhere; a second one replaces the first."""
    flow = (
        af.Flow("f")
        .output("b")
        .then(returning("a", 1))
        .then(returning("b", 2))
        .output("a")
        .build()
    )

    assert output(flow) == 1


# --- policies on a step --------------------------------------------------------------


def test_a_step_s_retry_repeats_its_activity() -> None:
    """`retry=` on `then` replaces the activity's own policy."""
    tries: list[int] = []

    def flaky() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("not yet")
        return len(tries)

    flow = af.Flow("f").then(flaky, retry=af.Retry(max_attempts=3)).build()

    assert output(flow) == {"flaky": 3}


def test_a_caught_failure_goes_on_at_the_named_step() -> None:
    """`catch=` on `then` leads to a step of the flow by its name."""
    flow = (
        af.Flow("f")
        .then(boom, catch=[af.Catch(on=["all"], goto="after", store="error")])
        .then(returning("skipped"))
        .then(returning("after", "caught"))
        .build()
    )
    result = output(flow)

    assert result["after"] == "caught"
    assert "skipped" not in result
