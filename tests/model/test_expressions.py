"""Expressions and templates: what text in a definition can compute, and no more."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import threading
import warnings
from collections.abc import Mapping
from operator import setitem
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from actorflow.errors import ExpressionError, UnrecordableError
from actorflow.log.codec import Codec
from actorflow.runtime.expressions import Expressions
from actorflow.runtime.interpreter import compiled, evaluate
from actorflow.runtime.templates import parts_of, sources_in

STATE = {
    "user_name": "Alice",
    "count": 42,
    "nothing": None,
    "files": ["b", "a", "c"],
    "order": {"total": 120, "lines": [{"sku": "x", "n": 2}, {"sku": "y", "n": 3}]},
}
INPUTS = {"base_url": "http://shop", "limit": 100}


@frozen
class Point:
    """A user's own class."""

    x: int

    def move(self) -> int:
        """Be called by nobody."""
        raise AssertionError("text has called a method")


@pytest.fixture(name="expressions")
def _expressions() -> Expressions:
    """Judge on values as the codec brings them back."""
    return Expressions(Codec())


def scope(**state: Any) -> Any:
    """Return what an expression sees: recorded data."""
    codec = Codec()
    state = {**STATE, **state}
    return SimpleNamespace(
        inputs={name: codec.to_data(value) for name, value in INPUTS.items()},
        state={name: codec.to_data(value) for name, value in state.items()},
        extra={},
    )


def value_of(source: str, **names: Any) -> Any:
    """Evaluate *source* on the example values."""
    return evaluate(source, {"state": STATE, "inputs": INPUTS, **names})


def error_of(source: str, **names: Any) -> str:
    """Return why *source* cannot be evaluated."""
    with pytest.raises(ExpressionError) as caught:
        value_of(source, **names)
    return str(caught.value)


# --- expressions ---------------------------------------------------------------------


def doubled(times: int) -> str:
    """Return an expression whose value takes twice as much to write, so many times."""
    source = "[1]"
    for n in range(times):
        source = f"[[v{n}, v{n}] for v{n} in {source}]"
    return source


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("state.count * 2", 84),
        ("state.count > inputs.limit", False),
        ("state.order.total > inputs.limit and true", True),
        ("state['order']['lines'][0].sku", "x"),
        ("state.files[-1]", "c"),
        ("state.files[:2]", ["b", "a"]),
        ("'a' in state.files", True),
        ("'missing' in state", False),
        ("state.nothing is null", True),
        ("'big' if state.count > 10 else 'small'", "big"),
        ("not (state.count == 42 or false)", False),
        ("1 < state.count <= 42", True),
        ("state.user_name + '!'", "Alice!"),
        ("-state.count // 5 % 7", -9 % 7),
        ("2 ** 10", 1024),
        (
            "{'n': state.count, **state.order.lines[0]}",
            {"n": 42, "sku": "x"} | {"n": 2},
        ),
        ("[0, *state.files]", [0, "b", "a", "c"]),
        ("[line.n for line in state.order.lines if line.sku != 'y']", [2]),
        ("{f: 1 for f in state.files}", {"a": 1, "b": 1, "c": 1}),
        ("sum(line.n for line in state.order.lines)", 5),
        ("sorted(state.files)", ["a", "b", "c"]),
        ("max(state.files, key=len)", "b"),
        ("len(state.files) == int('3')", True),
        ("round(2.567, 1)", 2.6),
        ("any([0, 1]) and all([])", True),
        ("str(true) + str(min(2, 1)) + str(abs(-1.0))", "True11.0"),
        ("  state.count  ", 42),
        ("state.count\n  > 10\n  and true\n", True),
        ("'}' + \"{\"", "}{"),
    ],
)
def test_expression_has_a_value(source: str, expected: Any) -> None:
    """A subset of Python computes with inputs and state."""
    assert value_of(source) == expected


def test_expression_reads_attributes_of_objects() -> None:
    """What came back as a class of its own is read like a mapping."""
    assert value_of("at.year + p.x", at=dt.date(2024, 2, 29), p=Point(1)) == 2025


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("state.missing", "failed to evaluate: no 'missing'"),
        ("state.order.missing.deeper", "failed to evaluate: no 'missing'"),
        ("nobody", "failed to evaluate: 'nobody' is not defined"),
        ("state.files[9]", "failed to evaluate: list index out of range"),
        ("1 / 0", "failed to evaluate: division by zero"),
        ("state.nothing.x", "failed to evaluate: 'NoneType' object"),
        ("'a' < 1", "failed to evaluate: '<' not supported"),
        ("1 +", "failed to compile: invalid syntax"),
        ("", "failed to compile: invalid syntax"),
        ("state.count = 1", "failed to compile: invalid syntax"),
    ],
)
def test_expression_says_what_is_wrong(source: str, reason: str) -> None:
    """The error quotes the expression and says at which stage it failed, and why."""
    error = error_of(source)

    assert error.startswith(f"{source!r}: ")
    assert reason in error


# --- what text must not do -----------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "__import__('os').system('true')",
        "().__class__.__base__.__subclasses__()",
        "state.__class__",
        "state.user_name.__len__()",
        "state.user_name.upper()",
        "state.get('count')",
        "str.format('{0.__class__}', state)",
        "getattr(state, 'count')",
        "eval('1')",
        "open('x')",
        "(lambda: 1)()",
        "(lambda x: x)",
        "f'{state.count}'",
        "[f() for f in state.files]",
        "await state",
        "(x := 1)",
        "(yield)",
        "max(*state.files)",
        "{*state.files}",
    ],
)
def test_text_cannot_reach_python(source: str) -> None:
    """Methods, private names, imports and new functions are refused unevaluated."""
    with pytest.raises(ExpressionError, match="failed to compile"):
        compiled(source)


def test_methods_of_users_classes_are_out_of_reach() -> None:
    """A method is no value, so it cannot be handed to a function that would call it."""
    assert "'move' is a method" in error_of("sorted(ps, key=p.move)", ps=[], p=Point(1))


def test_callables_in_data_are_never_called() -> None:
    """Only the functions of the language can be called, whatever the data carries."""
    assert "only these can be called" in error_of("run('x')", run=os.system)


@pytest.mark.parametrize(
    "source",
    [
        "9 ** 9 ** 9",
        "9 ** 4000000",
        "(2 ** 9000) ** 9000",
        "2 ** 9000 * 2 ** 9000",
        "round(5, -1000000000)",
        "1 << 10 ** 9",
        "'%1000000000d' % 1",
        "'%.*f' % (1000000000, 1.0)",
        "'a' * 10 ** 9",
        "[0] * 10 ** 9",
        "[1 for a in xs for b in xs for c in xs for d in xs]",
        "int('9' * 5000)",
        "(" * 150 + "1" + ")" * 150,
        "-" * 5_000 + "1",
        "1" + " + 1" * 2_400,
        "[" * 90 + "]" * 90,
        "1" * 9_000,
        "'a' + " * 9_000 + "'a'",
        f"str({doubled(60)})",
        f"{doubled(60)} == {doubled(60)}",
        f"[{doubled(14)}] * 50_000",
        "str([['x' * 90_000] * 90_000])",
        "x\0y",
        "'\ud800'",
        "\ud800",
    ],
    ids=lambda source: ascii(source[:30]),
)
@pytest.mark.timeout(10)
def test_costly_expression_is_refused_or_done_at_once(source: str) -> None:
    """Text can take neither the processor nor the memory, nor overflow the stack."""
    with contextlib.suppress(ExpressionError):
        assert len(str(value_of(source, xs=list(range(100))))) < 300_000


def evaluate_quietly(text: str) -> None:
    """Evaluate *text*; let nothing but an `ExpressionError` pass unseen."""
    with warnings.catch_warnings(), contextlib.suppress(ExpressionError):
        warnings.simplefilter("ignore")  # Python warns of text such as `1if 2else 3`
        value_of(text)


@given(st.text(max_size=60))
def test_arbitrary_text_is_an_expression_or_an_error(text: str) -> None:
    """Whatever a file holds, the one exception is an `ExpressionError`."""
    evaluate_quietly(text)


ATOMS = st.sampled_from(
    [
        *(
            "state",
            "inputs",
            ".count",
            ".files",
            ".order",
            ".__class__",
            ".upper",
            "(1)",
        ),
        *("[0]", "[x for x in ", "]", "{", "}", "(", ")", "max", "str", "sum", "len"),
        *(
            " if ",
            " else ",
            " and ",
            " not ",
            " in ",
            " is ",
            "*",
            "**",
            "%",
            "<<",
            "-",
        ),
        *(
            "1",
            "0",
            "9999",
            "1e308",
            "'a'",
            '"',
            "null",
            "lambda: ",
            ",",
            ":",
            ":=",
            "$",
        ),
    ]
)


@given(st.lists(ATOMS, max_size=12).map("".join))
@pytest.mark.timeout(30)
def test_arbitrary_pieces_are_an_expression_or_an_error(text: str) -> None:
    """The same for text that comes near to being an expression."""
    evaluate_quietly(text)


@given(
    st.lists(ATOMS | st.sampled_from(["${", "}", "$${", "$"]), max_size=8).map("".join)
)
def test_arbitrary_template_is_filled_or_an_error(text: str) -> None:
    """The same for templates."""
    # A function, say, is a value that cannot be recorded.
    errors = (ExpressionError, UnrecordableError)
    with warnings.catch_warnings(), contextlib.suppress(*errors):
        warnings.simplefilter("ignore")
        Expressions(Codec()).data(text, scope())


def test_threads_do_not_see_each_others_names() -> None:
    """Two branches that evaluate at the same time keep their values apart."""
    wrong: list[int] = []
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        barrier.wait()
        source = "[x + n for x in [0]][0]"
        seen = [evaluate(source, {"n": number}) for _ in range(300)]
        wrong.extend(value for value in seen if value != number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_comprehension_may_be_as_long_as_a_fan_out() -> None:
    """Ten thousand items and more can be filtered before they are mapped over."""
    assert len(value_of("[x for x in xs]", xs=range(20_000))) == 20_000


# --- templates -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("${state.count * 2}", 84),
        ("  ${state.count}  ", 42),
        ("${state.files}", ["b", "a", "c"]),
        ("${state.nothing}", None),
        ("${inputs.base_url}/users/${state.user_name}", "http://shop/users/Alice"),
        ("${state.count} ", 42),
        ("n=${state.count}", "n=42"),
        ("<${state.nothing}>", "<>"),
        ("it's ${state.user_name}'s", "it's Alice's"),
        ("${ {'a': '}'}['a'] }", "}"),
        ("$${state.count}", "${state.count}"),
        ("costs $5, {not} a } template", "costs $5, {not} a } template"),
        ("", ""),
        (123, 123),
        (True, True),
        (None, None),
        (
            {"a": ["${state.count}", {"b": "x${state.count}"}], "c": 1.5},
            {"a": [42, {"b": "x42"}], "c": 1.5},
        ),
    ],
)
def test_template_is_filled(
    expressions: Expressions, template: Any, expected: Any
) -> None:
    """One whole token keeps its type; text around it makes text; the rest passes."""
    assert expressions.data(template, scope()) == expected


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("${1 + }", "failed to compile"),
        ("${state.undefined}", "failed to evaluate: no 'undefined'"),
        ("Hello ${name", "unclosed template expression"),
        ("${'}", "unclosed template expression"),
        ("${}", "malformed template expression"),
        ("a ${ } b", "malformed template expression"),
    ],
)
def test_template_says_what_is_wrong(
    expressions: Expressions, template: str, reason: str
) -> None:
    """What cannot be filled is an error that quotes the text."""
    with pytest.raises(ExpressionError, match=reason):
        expressions.data({"deep": [template]}, scope())


def test_template_may_be_checked_before_it_is_filled() -> None:
    """Every text inside a template is found with its path, so that all are checked."""
    template = {"a": ["x", {"b": "${y}"}], "c": 3}

    assert list(sources_in(template, "p")) == [("p.a[0]", "x"), ("p.a[1].b", "${y}")]


def test_parts_of_a_template() -> None:
    """A template is literal text and the sources of expressions, in turn."""
    assert parts_of("a${b}c$${d}") == ("a", ("b",), "c${d}")


def test_callable_gives_the_whole_input(expressions: Expressions) -> None:
    """Where the definition is Python, a callable is given inputs and state as one."""

    def bind(view: Mapping[str, Any]) -> dict[str, Any]:
        return {"n": view["count"], "of": view["limit"], "all": len(view)}

    everything = len(STATE) + len(INPUTS)
    assert expressions.data(bind, scope()) == {"n": 42, "of": 100, "all": everything}


def test_view_of_the_state_cannot_be_written(expressions: Expressions) -> None:
    """A condition looks; only steps change the state."""
    with pytest.raises(TypeError):
        expressions.condition(lambda view: setitem(view, "count", 1), scope())


def test_values_come_back_as_what_they_were(expressions: Expressions) -> None:
    """An expression sees a recorded date as a date, not as the text in the log."""
    when = dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)

    assert expressions.condition("state.when.year == 2024", scope(when=when))


# --- conditions and items ------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[(None, False), (0, False), ("", False), ([], False), ({}, False)],
        *[("false", False), ("False", False), ("no", True), ("0", True)],
        *[(1, True), ("x", True), ([0], True), ({"a": 0}, True), (0.1, True)],
    ],
)
def test_condition_holds_as_in_python(
    expressions: Expressions, value: Any, expected: Any
) -> None:
    """Nothing, zero, what is empty and the word false are no; all else is yes."""
    assert expressions.condition("state.value", scope(value=value)) is expected


def test_condition_may_be_a_callable(expressions: Expressions) -> None:
    """Where the definition is Python, a condition may be Python too."""
    assert expressions.condition(lambda view: view["count"] == 42, scope())


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ("state.files", ["b", "a", "c"]),
        ("state.nothing", []),
        ("[]", []),
        ("state.count", [42]),
        ("state.user_name", ["Alice"]),
        (
            "state.order.lines[0]",
            [{"key": "n", "value": 2}, {"key": "sku", "value": "x"}],
        ),
        ([1, "two"], [1, "two"]),
        (lambda view: view["files"][:1], ["b"]),
    ],
)
def test_items_to_run_over(
    expressions: Expressions, over: Any, expected: list[Any]
) -> None:
    """Lists give elements, mappings sorted pairs, a scalar itself, null nothing."""
    assert expressions.items(over, scope()) == expected


PATHS = [
    "state.order",
    "state.order.total",
    "state.order.nothing",
    "state.count.real",
    "state.count.bit_length",
    "state.missing",
    "inputs.limit",
    "inputs.limit.x",
    "state.files.sort",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_means_what_it_means_inside_an_expression(
    expressions: Expressions, path: str
) -> None:
    """It is looked up without the interpreter; the value, or the refusal, is equal."""

    def outcome(source: str) -> Any:
        try:
            return expressions.value(source, scope())
        except ExpressionError as error:
            return str(error).rpartition("failed to evaluate")[2]

    assert compiled(path).path == tuple(path.split("."))
    assert compiled(f"({path}) or ({path})").path == ()
    assert outcome(path) == outcome(f"{path} if True else 0")


@pytest.mark.parametrize("name", ["count", "order", "files", "nothing"])
def test_a_variable_goes_on_as_it_is_recorded(
    expressions: Expressions, name: str
) -> None:
    """What brings it back and writes it down again would give the same."""
    view = scope()
    given = {"it": f"${{state.{name}}}", "same": f"${{state.{name} if True else 0}}"}

    arguments = expressions.arguments(given, ["it", "same"], view)

    assert arguments["it"] is view.state[name]
    assert arguments["it"] == arguments["same"]
