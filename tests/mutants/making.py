"""Mutants: a module with one small thing changed, as code for its functions."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from attrs import frozen

_OTHER: dict[type[Any], type[Any]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
Change = Callable[[Any], Any]


@frozen
class Mutant:
    """One change: where, what, and the code of the function that has it."""

    line: int
    what: str
    function: str
    code: CodeType


def mutants_of(source: str, filename: str) -> Iterator[Mutant]:
    """Yield every mutant of the functions in *source*."""
    tree = ast.parse(source)
    for function, path in _functions(tree):
        sites = [n for n in ast.walk(function) if isinstance(n, _SITES)]
        for index, site in enumerate(sites):
            for what, change in _changes(site):
                code = _code(tree, path, index, change, filename)
                if code is not None:
                    name = ".".join(p for p in path)
                    yield Mutant(site.lineno, what, name, code)


_SITES = (
    ast.Compare,
    ast.BoolOp,
    ast.BinOp,
    ast.UnaryOp,
    ast.Constant,
    ast.Return,
    ast.Expr,
    ast.Assign,
    ast.AugAssign,
    ast.If,
    ast.IfExp,
    ast.Delete,
)


def _functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, tuple[str, ...]]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node, (node.name,)
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and not inner.decorator_list:
                    yield inner, (node.name, inner.name)


def _changes(site: Any) -> Iterator[tuple[str, Change]]:
    match site:
        case ast.Compare(ops=[op]) if type(op) in _OTHER:
            yield _named(op), lambda n: _set(n, ops=[_OTHER[type(op)]()])
        case ast.BoolOp(op=op):
            yield _named(op), lambda n: _set(n, op=_OTHER[type(op)]())
        case ast.BinOp(op=op) if type(op) in _OTHER:
            yield _named(op), lambda n: _set(n, op=_OTHER[type(op)]())
        case ast.UnaryOp(op=ast.Not()):
            yield "without not", lambda n: n.operand
        case ast.Constant(value=bool() as value):
            yield f"{not value}", lambda n: _set(n, value=not value)
        case ast.Constant(value=int() as number):
            more = number + 1
            yield f"{more} for {number}", lambda n: _set(n, value=more)
        case ast.Return(value=ast.expr() as given) if not _is_none(given):
            yield "return None", lambda n: _set(n, value=ast.Constant(None))
        case ast.If() | ast.IfExp():
            yield "if True", lambda n: _set(n, test=ast.Constant(True))
            yield "if False", lambda n: _set(n, test=ast.Constant(False))
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Delete():
            yield "left out", lambda _: ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "left out", lambda _: ast.Pass()
        case _:
            pass


def _named(op: Any) -> str:
    return f"{_OTHER[type(op)].__name__} for {type(op).__name__}"


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _set(node: Any, **values: Any) -> Any:
    for name, value in values.items():
        setattr(node, name, value)
    return node


class _Replace(ast.NodeTransformer):
    def __init__(self, site: ast.AST, change: Change) -> None:
        self._site, self._change = site, change

    def visit(self, node: ast.AST) -> Any:
        if node is self._site:
            return ast.copy_location(self._change(node), node)
        return self.generic_visit(node)


def _code(
    tree: ast.Module, path: tuple[str, ...], index: int, change: Change, filename: str
) -> CodeType | None:
    """Return the code of the changed function, compiled with all of its module."""
    changed = copy.deepcopy(tree)
    function = next(f for f, p in _functions(changed) if p == path)
    sites = [n for n in ast.walk(function) if isinstance(n, _SITES)]
    _Replace(sites[index], change).visit(changed)
    module = compile(ast.fix_missing_locations(changed), filename, "exec")
    code: CodeType | None = module
    for name in path:
        code = next(
            (
                c
                for c in (code.co_consts if code else ())
                if isinstance(c, CodeType) and c.co_name == name
            ),
            None,
        )
    return code
