"""Parameters are templates over `inputs` and `state`; a whole token keeps its type."""

from __future__ import annotations

from typing import Any

import pytest

import actorflow as af
from tests.acceptance.helpers import Calls, echo, finish, problems, variables

STATE: dict[str, Any] = {
    "user": "Alice",
    "count": 42,
    "rate": 1.5,
    "nothing": None,
    "empty": {},
    "yes": True,
    "items": [1, 2, 3],
    "order": {"lines": [{"sku": "x1"}], "total": 9},
}


def step(value: Any) -> af.Workflow:
    """Make a workflow whose only step is given *value* as a template."""
    return af.Workflow(
        name="w",
        inputs=[af.Input("base", default="https://x.test")],
        state=STATE,
        steps=[
            af.Step("a", activity=echo, parameters={"value": value}, store="out"),
        ],
    )


def rendered(template: Any) -> Any:
    """Return what an activity gets for *template*."""
    return variables(step(template))["out"]


def failure(template: str) -> str:
    """Return the message of the step that could not evaluate *template*."""
    result = finish(step(template))

    assert result.status == "failed"
    assert result.error is not None
    return result.error.message


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("${state.count}", 42),
        ("${state.count * 2}", 84),
        ("  ${state.count}  ", 42),
        ("${state.rate}", 1.5),
        ("${state.yes}", True),
        ("${state.nothing}", None),
        ("${state.items}", [1, 2, 3]),
        ("${state.order}", {"lines": [{"sku": "x1"}], "total": 9}),
        ("${state.order.lines[0].sku}", "x1"),
        ("${state.order['total']}", 9),
        ("${state.items[-1]}", 3),
        ("${inputs.base}", "https://x.test"),
        ("${inputs}", {"base": "https://x.test"}),
        ("${state}", STATE),
        ("${state.count > 40 and state.user == 'Alice'}", True),
        ('${state.user == "Alice"}', True),
        ("${len(state.items)}", 3),
        ("${'x' if state.yes else 'y'}", "x"),
        ("${2 in state.items}", True),
    ],
)
def test_a_template_that_is_one_token_keeps_its_type(template: str, value: Any) -> None:
    """The value of an expression that is the whole string is passed as it is."""
    got = rendered(template)

    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Hello ${state.user}!", "Hello Alice!"),
        ("${inputs.base}/users/${state.user}", "https://x.test/users/Alice"),
        ("${state.user}${state.count}", "Alice42"),
        ("n=${state.count}", "n=42"),
        ("[${state.nothing}]", "[]"),
        ("no token at all", "no token at all"),
        ("costs $5 and {braces}", "costs $5 and {braces}"),
        ("", ""),
    ],
)
def test_a_template_with_text_around_is_text(template: str, text: str) -> None:
    """Tokens inside a longer string are written into it; None is nothing."""
    assert rendered(template) == text


@pytest.mark.parametrize("value", [123, True, None, 1.5, [], {}])
def test_what_is_no_string_is_passed_through(value: Any) -> None:
    """Numbers, booleans and None are parameters as they stand."""
    assert rendered(value) == value


def test_templates_inside_mappings_are_evaluated() -> None:
    """A mapping among the parameters is searched for templates, to any depth."""
    assert rendered({"a": {"b": "${state.count}"}}) == {"a": {"b": 42}}


def test_templates_inside_lists_are_evaluated() -> None:
    """A list among the parameters is searched for templates, to any depth."""
    assert rendered([["${state.count}"], "x${state.count}"]) == [[42], "x42"]


def test_a_brace_inside_quotes_belongs_to_the_expression() -> None:
    """A closing brace in a string literal does not end the token."""
    assert rendered("${state.user + '}'}") == "Alice}"


def test_a_mapping_can_be_written_in_an_expression() -> None:
    """A token may hold braces that match."""
    assert rendered("${ {'a': state.count} }") == {"a": 42}


def test_a_value_that_looks_like_a_template_is_left_alone() -> None:
    """What an expression gives is data: it is not evaluated again."""
    wf = af.Workflow(
        name="w",
        inputs=[af.Input("text")],
        steps=[
            af.Step(
                "a", activity=echo, parameters={"value": "${inputs.text}"}, store="out"
            )
        ],
    )

    assert variables(wf, text="${state.secret}")["out"] == "${state.secret}"


def test_a_callable_gives_the_parameters() -> None:
    """`parameters` may be a function of the state."""
    wf = af.Workflow(
        name="w",
        state={"n": 3},
        steps=[
            af.Step(
                "a",
                activity=echo,
                parameters=lambda state: {"value": state["n"] + 1},
                store="out",
            )
        ],
    )

    assert variables(wf)["out"] == 4


def test_an_unknown_variable_fails_the_step_naming_it() -> None:
    """A template that asks for what is not there fails, and says which."""
    assert "undefined" in failure("${state.empty.undefined}")


def test_a_failing_template_is_an_ordinary_failure_of_its_step() -> None:
    """A template that fails has the error type `activity_failed`, and its address."""
    error = finish(step("${state.empty.undefined}")).error

    assert error is not None
    assert (error.type, error.address) == ("activity_failed", "main/a")


def test_a_failing_template_is_caught_like_any_failure() -> None:
    """`catch` sees a template error."""
    wf = af.Workflow(
        name="w",
        inputs=[af.Input("given", default={})],
        steps=[
            af.Step(
                "a",
                activity=echo,
                parameters={"value": "${inputs.given.undefined}"},
                catch=[af.Catch(goto="saved")],
            ),
            af.Step("saved", activity=echo, parameters={"value": 1}, store="out"),
        ],
    )

    assert variables(wf)["out"] == 1


def test_a_failing_template_is_visible_in_the_history() -> None:
    """A step whose template fails leaves its failure in the log, in its place."""
    wf = step("${state.empty.undefined}")
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait()
        places = [
            r.address
            for r in run.history()
            if type(r.event).__name__.endswith("Failed")
        ]

    assert places[0] == "main/a"


def test_division_by_zero_fails_the_step() -> None:
    """An expression that raises fails its step, not the process."""
    assert "division" in failure("${state.count / 0}")


@pytest.mark.parametrize(
    ("template", "phrase"),
    [
        ("Hello ${name", "unclosed"),
        ("${}", "empty"),
        ("${1 + }", "${1 + }"),
        ("${import os}", "${import os}"),
        ("${lambda: 1}", "lambda"),
    ],
)
def test_a_template_that_cannot_be_read_is_refused_at_once(
    template: str, phrase: str
) -> None:
    """A template that does not compile is a problem of the definition."""
    found = problems(lambda: af.Runtime(":memory:", definitions=[step(template)]))

    assert phrase.strip("${}") in found.lower()


@pytest.mark.parametrize(
    "template",
    [
        "${().__class__.__bases__}",
        "${inputs.__class__}",
        "${state.__class__.__mro__}",
        "${open('/etc/passwd')}",
        "${__import__('os').getcwd()}",
        "${eval('1')}",
        "${'{0.__class__}'.format(state)}",
        "${9 ** 9 ** 9 ** 9}",
        "${'x' * 10 ** 12}",
        "${[0] * 10 ** 12}",
    ],
)
def test_an_expression_reaches_nothing_but_its_data(template: str) -> None:
    """No expression gets at the interpreter, the machine or all its memory."""
    try:
        result = finish(step(template))
    except af.DefinitionError:
        return
    assert result.status == "failed"


def test_an_expression_cannot_change_the_state() -> None:
    """Methods that would change a variable are not there."""
    wf = af.Workflow(
        name="w",
        state={"items": [1]},
        steps=[
            af.Step(
                "a",
                activity=echo,
                parameters={"value": "${state.items.append(2)}"},
                catch=[af.Catch(goto="end")],
                next=[af.Edge("end")],
            ),
            af.Step("end", activity=echo, parameters={"value": 1}),
        ],
    )
    try:
        state = variables(wf)
    except af.DefinitionError:
        return
    assert state["items"] == [1]


def test_parameters_are_evaluated_again_on_every_visit(calls: Calls) -> None:
    """A step in a loop sees the state of each visit."""
    wf = af.Workflow(
        name="w",
        state={"n": 0},
        steps=[
            af.Step(
                "a",
                activity=lambda n: calls(n) + 1,
                parameters={"n": "${state.n}"},
                store="n",
                next=[af.Edge("a", when="state.n < 3")],
            )
        ],
    )
    finish(wf)

    assert calls.seen == [0, 1, 2]
