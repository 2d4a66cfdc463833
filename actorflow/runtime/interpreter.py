"""The interpreter of expressions: the only module that knows simpleeval.

A subset of Python without statements, methods, imports or private names, with bounds on
everything that could take long or fill the memory. Text from a file can compute with
data, and can do nothing else.
"""

from __future__ import annotations

import ast
import threading
from collections import ChainMap
from collections.abc import Callable, Mapping
from functools import lru_cache, reduce
from typing import Any, NamedTuple

from simpleeval import (
    DEFAULT_OPERATORS,
    MAX_COMPREHENSION_LENGTH,
    EvalWithCompoundTypes,
    InvalidExpression,
)

from actorflow.errors import ExpressionError

MAX_LENGTH = 10_000
MAX_ITEMS = 100_000
MAX_BITS = 10_000
MAX_WEIGHT = 1_000_000
_TEXT_WEIGHT = 16
"""Characters that weigh as much as an item."""


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


def _check_weight(made: Any) -> None:
    """Refuse a value that is larger than what can be written down.

    A comprehension can name a value twice, at little cost, and the result again: each
    level doubles what it takes to record or print it.
    """
    weight, left = 0, [made]
    while left:
        each = left.pop()
        weight += 1
        if isinstance(each, str | bytes):
            weight += len(each) // _TEXT_WEIGHT
        elif isinstance(each, dict):
            left += each.keys()
            left += each.values()
        elif isinstance(each, list | tuple | set):
            left += each
        if weight + len(left) > MAX_WEIGHT:
            raise InvalidExpression("the value would be too large")


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


_MAKERS = (
    ast.BinOp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.ListComp,
)
"""What can make much of little; all else is as long as its text."""
_CONTAINERS = (dict, list, set, tuple)


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

    def _eval(self, node: ast.AST) -> Any:
        value = super()._eval(node)
        if isinstance(node, _MAKERS) and isinstance(value, _CONTAINERS):
            _check_weight(value)
        return value

    def _eval_call(self, node: ast.Call) -> Any:
        if not isinstance(node.func, ast.Name):
            msg = "only functions can be called, no methods"
            raise InvalidExpression(msg)
        return super()._eval_call(node)

    def _eval_attribute(self, node: ast.Attribute) -> Any:
        if node.attr.startswith("_"):
            msg = f"{node.attr!r} is private"
            raise InvalidExpression(msg)
        return _attribute(self._eval(node.value), node.attr)


def _attribute(owner: Any, name: str) -> Any:
    """Return what a dot leads to: an entry of a mapping, or what is no method."""
    if isinstance(owner, Mapping):
        return owner[name]
    value = getattr(owner, name)
    if callable(value):
        msg = f"{name!r} is a method"
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
_SIMPLE = (ast.BinOp, ast.BoolOp, ast.Compare, ast.Constant, ast.Name, ast.UnaryOp)
_HARMLESS = {
    *(kind for kind in _SIMPLE if kind in _PROTOTYPE.nodes),
    *(each for kind in (ast.operator, ast.cmpop) for each in kind.__subclasses__()),
    *(ast.Load, ast.And, ast.Or, ast.Not, ast.USub),
}


class _Local(threading.local):
    """An interpreter for every thread, as one can do one thing at a time."""

    def __init__(self) -> None:
        self.interpreter = _PROTOTYPE.copy()


_local = _Local()


class Expression(NamedTuple):
    """An expression, parsed.

    Attributes:
        names: what it cannot do without: ``("inputs", "x")``, ``("state", "x")``, or
            ``("", "x")`` for one or the other.
        path: ``("state", "x", "y")``, if it is no more than ``state.x.y``; else empty.
    """

    tree: ast.AST
    names: frozenset[tuple[str, str]]
    path: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def compiled(source: str) -> Expression:
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
    nodes = _nodes_of(tree)
    for reason in filter(None, map(_unavailable, nodes)):
        raise ExpressionError(source, f"failed to compile: {reason}")
    return Expression(tree, _names_in(nodes), _path_of(tree))


def _nodes_of(tree: ast.AST) -> list[ast.AST]:
    """Return what `ast.walk` does, for half of its time."""
    nodes = [tree]
    for node in nodes:  # it grows while one walks
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                nodes.append(value)
            elif isinstance(value, list):
                nodes += [part for part in value if isinstance(part, ast.AST)]
    return nodes


def _unavailable(node: ast.AST) -> str | None:
    """Return why *node* may not be in an expression."""
    if type(node) in _HARMLESS:
        return None  # as most are, and there may be many
    if not isinstance(node, _SYNTAX) and type(node) not in _PROTOTYPE.nodes:
        return f"{type(node).__name__} is not available"
    if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
        return f"{node.attr!r} is private"
    if isinstance(node, ast.Call) and (
        not isinstance(node.func, ast.Name) or node.func.id not in _FUNCTIONS
    ):
        return f"only these can be called: {', '.join(sorted(_FUNCTIONS))}"
    parts: list[ast.expr] = getattr(node, "elts", None) or getattr(node, "args", [])
    if any(type(part) is ast.Starred for part in parts) and type(node) is not ast.List:
        return "* is available in lists only"
    return None


def _names_in(nodes: list[ast.AST]) -> frozenset[tuple[str, str]]:
    """Return what an expression names, but for what it asks about with ``in``."""
    wanted: set[tuple[str, str]] = set()
    bound = {"inputs", "state", *_CONSTANTS, *_FUNCTIONS}
    asked: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                bound.add(node.id)
            wanted.add(("", node.id))
        elif isinstance(node, ast.Attribute):
            wanted.add((_root(node.value), node.attr))
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            wanted.add((_root(node.value), str(node.slice.value)))
        elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant):
            asked.add(str(node.left.value))
    return frozenset(
        (root, name)
        for root, name in wanted
        if name not in asked
        and (root in ("inputs", "state") or (not root and name not in bound))
    )


def _path_of(tree: ast.AST) -> tuple[str, ...]:
    """Return the names in ``state.x.y`` or ``inputs.x.y``; nothing of all else."""
    attributes: list[str] = []
    while isinstance(tree, ast.Attribute):
        attributes.insert(0, tree.attr)
        tree = tree.value
    root = _root(tree)
    return (root, *attributes) if root in ("inputs", "state") else ()


def _root(owner: ast.AST) -> str:
    """Return what an attribute or an item is of, if that has a name."""
    return owner.id if isinstance(owner, ast.Name) else "?"


def evaluate(source: str, names: Mapping[str, Any]) -> Any:
    """Return the value of an expression.

    Raises:
        ExpressionError: it does not compile, or fails on these values.
    """
    tree, _, path = compiled(source)
    try:
        if path:  # as most are: an interpreter would take ten times as long
            return reduce(_attribute, path[1:], names[path[0]])
        return _local.interpreter.evaluate(source, tree, names)
    except KeyError as error:
        raise ExpressionError(source, f"failed to evaluate: no {error}") from error
    except Exception as error:
        raise ExpressionError(source, f"failed to evaluate: {error}") from error
