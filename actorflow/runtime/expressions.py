"""Expressions and ``${templates}``: the only module that knows simpleeval.

An expression reads ``inputs`` and ``state`` (in a map also ``item`` and ``index``) in a
subset of Python without statements, methods, imports or private names. Text from a
file can compute with data, and can do nothing else. A condition, a parameter or a list
of items may also be a Python callable, where the definition is written in Python; it
is given the state as a read-only mapping.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Protocol

from simpleeval import DEFAULT_OPERATORS, EvalWithCompoundTypes, InvalidExpression

from actorflow.errors import ExpressionError
from actorflow.model.events import Data
from actorflow.model.rules import Scope

MAX_LENGTH = 10_000
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (abs, all, any, bool, float, int, len, max, min, round, sorted, str, sum)
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


class View(Mapping[str, Any]):
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
        super().__init__(operators=DEFAULT_OPERATORS.copy(), functions=dict(_FUNCTIONS))
        self.functions = dict(_FUNCTIONS)
        # Format specifications reach attributes; templates interpolate instead.
        del self.nodes[ast.JoinedStr], self.nodes[ast.FormattedValue]

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
        tree = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or str(error) or type(error).__name__
        raise ExpressionError(source, f"failed to compile: {reason}") from None
    _check(source, tree)
    return tree


def _check(source: str, tree: ast.AST) -> None:
    allowed = set(_Interpreter().nodes)
    for node in ast.walk(tree):
        known = isinstance(node, ast.operator | ast.unaryop | ast.boolop | ast.cmpop)
        known |= isinstance(node, ast.expr_context | ast.comprehension | ast.Starred)
        if not known and type(node) not in allowed:
            reason = f"failed to compile: {type(node).__name__} is not available"
            raise ExpressionError(source, reason)
        if isinstance(node, ast.Call) and (
            not isinstance(node.func, ast.Name) or node.func.id not in _FUNCTIONS
        ):
            names = ", ".join(sorted(_FUNCTIONS))
            reason = f"failed to compile: only these can be called: {names}"
            raise ExpressionError(source, reason)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            reason = f"failed to compile: {node.attr!r} is private"
            raise ExpressionError(source, reason)


def evaluate(source: str, names: Mapping[str, Any]) -> Any:
    """Return the value of an expression.

    Raises:
        ExpressionError: it does not compile, or fails on these values.
    """
    tree = compiled(source)
    interpreter = _Interpreter()
    interpreter.names = {**_CONSTANTS, **names}
    try:
        return interpreter.eval(source, previously_parsed=tree)
    except KeyError as error:
        raise ExpressionError(source, f"failed to evaluate: no {error}") from error
    except (Exception, RecursionError, MemoryError) as error:
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

    def condition(self, when: Any, scope: Scope) -> bool:
        """Return whether *when* holds."""
        if callable(when):
            return bool(when(self.view(scope)))
        return bool(evaluate(when, self._names(scope)))

    def data(self, template: Any, scope: Scope) -> Data:
        """Return *template* with every expression replaced by its value, as data."""
        if callable(template):
            template = template(self.view(scope))
            return self._values.to_data(template, path="input")
        filled = _plain(self._fill(template, self._names(scope)))
        return self._values.to_data(filled, path="parameters")

    def items(self, over: Any, scope: Scope) -> list[Data]:
        """Return the items to run over.

        None is no items, a mapping gives its ``{"key", "value"}`` pairs sorted by key,
        any other iterable but text gives its elements, a scalar is one item.
        """
        if callable(over):
            value = over(self.view(scope))
        elif isinstance(over, str):
            value = evaluate(over, self._names(scope))
        else:
            value = over
        return [
            self._values.to_data(item, path=f"items[{index}]")
            for index, item in enumerate(_as_items(value))
        ]

    def view(self, scope: Scope) -> View:
        """Return what a callable is given: inputs and variables as one mapping."""
        return View({**scope.inputs, **scope.state, **scope.extra}, self._values)

    def _names(self, scope: Scope) -> dict[str, Any]:
        extra = View(scope.extra, self._values)
        return {
            "inputs": View(scope.inputs, self._values),
            "state": View(scope.state, self._values),
            **{name: extra[name] for name in extra},
        }

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


def _as_items(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [{"key": key, "value": value[key]} for key in sorted(value)]
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        return [value]
    return list(value)
