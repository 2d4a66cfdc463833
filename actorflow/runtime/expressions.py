"""Expressions and ``${templates}``: the only module that knows simpleeval.

An expression reads ``inputs`` and ``state`` (in a map also ``item`` and ``index``) in a
subset of Python without statements, methods, imports or private names. Text from a
file can compute with data, and can do nothing else. A condition, a parameter or a list
of items may also be a Python callable, where the definition is written in Python; it
is given the state as a read-only mapping.
"""

from __future__ import annotations

import ast
import threading
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from simpleeval import (
    DEFAULT_OPERATORS,
    MAX_COMPREHENSION_LENGTH,
    EvalWithCompoundTypes,
    InvalidExpression,
)

from actorflow.errors import ExpressionError
from actorflow.model.events import Data
from actorflow.model.rules import View
from actorflow.model.steps import BY_NAME

MAX_LENGTH = 10_000
MAX_ITEMS = 100_000
MAX_BITS = 10_000


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int):
        _bounded(base.bit_length() * max(exponent, 1))
    return base**exponent


def _times(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        _bounded(left.bit_length() + right.bit_length())
    return DEFAULT_OPERATORS[ast.Mult](left, right)


def _modulo(left: Any, right: Any) -> Any:
    # `"%1000000000d" % 1` would fill the memory.
    if isinstance(left, str | bytes):
        raise InvalidExpression("text cannot be formatted with %; use a template")
    return left % right


def _round(number: Any, digits: int | None = None) -> Any:
    _bounded(abs(digits or 0))
    return round(number, digits)


def _bounded(bits: int) -> None:
    if bits > MAX_BITS:
        raise InvalidExpression("the number would be too large")


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (abs, all, any, bool, float, int, len, max, min, sorted, str)
} | {"round": _round, "sum": sum}
_OPERATORS = DEFAULT_OPERATORS | {
    ast.Mod: _modulo,
    ast.Mult: _times,
    ast.Pow: _power,
}
_CONSTANTS = {"True": True, "False": False, "None": None}
_CONSTANTS |= {"true": True, "false": False, "TRUE": True, "FALSE": False, "null": None}


class Values(Protocol):
    """What is needed of a codec here."""

    def to_data(self, value: Any, hint: Any = ..., *, path: str = ...) -> Data:
        """Write a value down."""
        ...

    def from_data(self, data: Data, hint: Any = ..., *, path: str = ...) -> Any:
        """Bring a value back."""
        ...


def call_data(args: tuple[Data, ...], kwargs: Mapping[str, Data]) -> Data:
    """Return the input that records a call; keyword arguments alone are a mapping."""
    return {"*": {"args": list(args), "kwargs": dict(kwargs)}} if args else dict(kwargs)


class Variables(Mapping[str, Any]):
    """Variables as a read-only mapping; each is brought back when it is looked at."""

    def __init__(self, variables: Mapping[str, Data], values: Values) -> None:
        self._variables = variables
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values.from_data(self._variables[name], path=name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __repr__(self) -> str:
        return f"<variables {', '.join(self) or 'none'}>"


class _Interpreter(EvalWithCompoundTypes):
    """simpleeval without method calls, so that text cannot run what data carries."""

    def __init__(self) -> None:
        super().__init__(operators=dict(_OPERATORS), functions=dict(_FUNCTIONS))
        self.functions = dict(_FUNCTIONS)
        # Format specifications reach attributes; templates interpolate instead.
        del self.nodes[ast.JoinedStr], self.nodes[ast.FormattedValue]

    def evaluate(self, source: str, tree: ast.AST, names: Mapping[str, Any]) -> Any:
        """Return the value of *tree*."""
        self.expr = source
        self.names = ChainMap(_CONSTANTS, names)  # type: ignore[arg-type]
        # simpleeval counts from here to its own limit, which is too low for a fan-out.
        self._max_count = MAX_COMPREHENSION_LENGTH - MAX_ITEMS
        try:
            return self._eval(tree)
        finally:
            self.names = ChainMap()

    def copy(self) -> _Interpreter:
        """Return another one; unlike making one, this leaves `warnings` alone."""
        other = _Interpreter.__new__(_Interpreter)
        other.__dict__.update(self.__dict__)
        other.nodes = {
            node: getattr(other, handler.__name__)
            for node, handler in self.nodes.items()
        }
        return other

    def _check_disallowed_items(self, item: Any) -> None:
        """Do nothing: only the functions above can be called, whatever data holds.

        To look through every value at every step would cost its size every time.
        """

    def _eval_call(self, node: ast.Call) -> Any:
        if not isinstance(node.func, ast.Name):
            msg = "only functions can be called, no methods"
            raise InvalidExpression(msg)
        return super()._eval_call(node)

    def _eval_attribute(self, node: ast.Attribute) -> Any:
        if node.attr.startswith("_"):
            msg = f"{node.attr!r} is private"
            raise InvalidExpression(msg)
        owner = self._eval(node.value)
        if isinstance(owner, Mapping):
            return owner[node.attr]
        value = getattr(owner, node.attr)
        if callable(value):
            msg = f"{node.attr!r} is a method"
            raise InvalidExpression(msg)
        return value


_PROTOTYPE = _Interpreter()
_SYNTAX = (
    ast.boolop,
    ast.cmpop,
    ast.comprehension,
    ast.expr_context,
    ast.operator,
    ast.Starred,
    ast.unaryop,
)


class _Local(threading.local):
    """An interpreter for every thread, as one can do one thing at a time."""

    def __init__(self) -> None:
        self.interpreter = _PROTOTYPE.copy()


_local = _Local()


@lru_cache(maxsize=4096)
def compiled(source: str) -> ast.AST:
    """Return the parsed expression.

    Raises:
        ExpressionError: it is no expression, or uses what expressions may not.
    """
    if len(source) > MAX_LENGTH:
        raise ExpressionError(
            source[:60] + "...", f"longer than {MAX_LENGTH} characters"
        )
    try:
        # A file may break an expression into lines anywhere.
        tree = ast.parse(source.strip().replace("\n", " "), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or str(error) or type(error).__name__
        raise ExpressionError(source, f"failed to compile: {reason}") from None
    _check(source, tree)
    return tree


def _check(source: str, tree: ast.AST) -> None:
    for node in ast.walk(tree):
        reason = _unavailable(node)
        if reason is not None:
            raise ExpressionError(source, f"failed to compile: {reason}")


def _unavailable(node: ast.AST) -> str | None:
    """Return why *node* may not be in an expression."""
    if not isinstance(node, _SYNTAX) and type(node) not in _PROTOTYPE.nodes:
        return f"{type(node).__name__} is not available"
    if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
        return f"{node.attr!r} is private"
    if isinstance(node, ast.Call) and (
        not isinstance(node.func, ast.Name) or node.func.id not in _FUNCTIONS
    ):
        return f"only these can be called: {', '.join(sorted(_FUNCTIONS))}"
    stars = any(isinstance(part, ast.Starred) for part in ast.iter_child_nodes(node))
    if stars and not isinstance(node, ast.List):
        return "* is available in lists only"
    return None


def evaluate(source: str, names: Mapping[str, Any]) -> Any:
    """Return the value of an expression.

    Raises:
        ExpressionError: it does not compile, or fails on these values.
    """
    tree = compiled(source)
    try:
        return _local.interpreter.evaluate(source, tree, names)
    except KeyError as error:
        raise ExpressionError(source, f"failed to evaluate: no {error}") from error
    except Exception as error:
        raise ExpressionError(source, f"failed to evaluate: {error}") from error


# --- templates -----------------------------------------------------------------------

Part = str | tuple[str]
"""Literal text, or a one-tuple with the source of an expression."""


@lru_cache(maxsize=4096)
def parts_of(text: str) -> tuple[Part, ...]:
    """Split a template into literal text and expressions; ``$${`` is a literal ``${``.

    Raises:
        ExpressionError: a ``${`` is not closed, is empty, or does not compile.
    """
    parts: list[Part] = []
    literal, at = "", 0
    while (start := text.find("${", at)) >= 0:
        if start > at and text[start - 1] == "$":
            literal += text[at : start - 1] + "${"
            at = start + 2
            continue
        end = _closing(text, start + 2)
        source = text[start + 2 : end]
        if not source.strip():
            raise ExpressionError(text, "malformed template expression: it is empty")
        compiled(source)
        parts += [literal + text[at:start], (source,)]
        literal, at = "", end + 1
    return tuple(part for part in [*parts, literal + text[at:]] if part)


def _closing(text: str, at: int) -> int:
    """Return where the brace opened before *at* closes; quotes and nesting count."""
    depth, quote = 1, ""
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                return at
        at += 1
    raise ExpressionError(text, "unclosed template expression: a '${' needs its '}'")


def sources_in(template: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path, text) for every string inside a template."""
    if isinstance(template, str):
        yield path, template
    elif isinstance(template, Mapping):
        for key, value in template.items():
            yield from sources_in(value, f"{path}.{key}" if path else str(key))
    elif isinstance(template, list | tuple):
        for index, value in enumerate(template):
            yield from sources_in(value, f"{path}[{index}]")


class Expressions:
    """Judges the expressions of definitions on recorded data."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def condition(self, when: Any, view: View) -> bool:
        """Return whether *when* holds: as in Python, but the word false is no."""
        if callable(when):
            return _holds(when(self.variables(view)))
        return _holds(evaluate(when, self._names(view)))

    def data(self, template: Any, view: View) -> Data:
        """Return *template* with every expression replaced by its value, as data."""
        if callable(template):
            template = template(self.variables(view))
            return self._values.to_data(template, path="input")
        filled = _plain(self._fill(template, self._names(view)))
        return self._values.to_data(filled, path="parameters")

    def value(self, source: Any, view: View) -> Data:
        """Return the value of an expression, or what a callable returns, as data."""
        return self._values.to_data(_plain(self._value(source, view)), path="value")

    def items(self, over: Any, view: View) -> list[Data]:
        """Return the items to run over.

        None is no items, a mapping gives its ``{"key", "value"}`` pairs sorted by key,
        any other iterable but text gives its elements, a scalar is one item.
        """
        return [
            self._values.to_data(item, path=f"items[{index}]")
            for index, item in enumerate(_as_items(self._value(over, view)))
        ]

    def arguments(self, parameters: Any, names: Sequence[str], view: View) -> Data:
        """Return what a node with parameters *names* is called with.

        A mapping gives keyword arguments, and so does a callable that returns one; any
        other value it returns is the one positional argument. `BY_NAME` takes the
        inputs and variables that have the parameters' names.
        """
        if parameters is BY_NAME:
            there = {**view.inputs, **view.state}
            return {name: there[name] for name in names if name in there}
        if callable(parameters):
            value = parameters(self.variables(view))
            if not isinstance(value, Mapping):
                return call_data((self._values.to_data(value, path="input"),), {})
            return self._values.to_data(_plain(value), path="input")
        return self.data(parameters, view)

    def variables(self, view: View) -> Variables:
        """Return what a callable is given: inputs and variables as one mapping."""
        return Variables({**view.inputs, **view.state, **view.extra}, self._values)

    def _value(self, source: Any, view: View) -> Any:
        if callable(source):
            return source(self.variables(view))
        return (
            evaluate(source, self._names(view)) if isinstance(source, str) else source
        )

    def _names(self, view: View) -> Mapping[str, Any]:
        """Return what text can name: inputs, state, and bare what they have in them."""
        there = {
            "inputs": Variables(view.inputs, self._values),
            "state": Variables(view.state, self._values),
        }
        return ChainMap(there, self.variables(view))  # type: ignore[arg-type]

    def _fill(self, template: Any, names: Mapping[str, Any]) -> Any:
        if isinstance(template, str):
            return _interpolate(template, names)
        if isinstance(template, Mapping):
            return {key: self._fill(value, names) for key, value in template.items()}
        if type(template) in (list, tuple):
            return type(template)(self._fill(value, names) for value in template)
        return template


def _interpolate(text: str, names: Mapping[str, Any]) -> Any:
    if "${" not in text:
        return text
    # A template that is one whole token keeps the type of its value.
    whole = parts_of(text.strip())
    if len(whole) == 1 and isinstance(whole[0], tuple):
        return evaluate(whole[0][0], names)
    values = [
        part if isinstance(part, str) else evaluate(part[0], names)
        for part in parts_of(text)
    ]
    return "".join("" if value is None else str(value) for value in values)


def _plain(value: Any) -> Any:
    """Return *value* with views, which an expression may yield whole, as mappings."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_plain(entry) for entry in value)
    return value


def _holds(value: Any) -> bool:
    # What came from a form or a signal may be the word.
    is_word = isinstance(value, str) and value.lower() == "false"
    return bool(value) and not is_word


def _as_items(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [{"key": key, "value": value[key]} for key in sorted(value)]
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        return [value]
    return list(value)
