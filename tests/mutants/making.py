"""Mutants: a module with one small thing changed, as code for one of its functions."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from attrs import field, frozen

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
Function = ast.FunctionDef | ast.AsyncFunctionDef


@frozen
class Mutant:
    """One change.

    Attributes:
        module: the name of the module.
        function: the dotted name, in it, of the function that is changed.
        line: where.
        lines: those of the statement it is in: who runs one of them meets it.
        around: those of the function.
        what: the change, in words.
        make: compiles the function that has it.
    """

    module: str
    function: str
    line: int
    lines: range
    around: range
    what: str
    make: Callable[[], CodeType] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.function}: {self.what}"


def mutants_of(module: str, source: str, filename: str) -> Iterator[Mutant]:
    """Yield every mutant of the functions in *source*."""
    tree = ast.parse(source)
    for function, path in _functions(tree):
        around = range(function.lineno, (function.end_lineno or 0) + 1)
        for index, (site, lines) in enumerate(_sites(function)):
            for what, change in _changes(site):
                make = _Maker(tree, path, function.lineno, index, change, filename)
                place = ".".join(path), site.lineno, lines, around
                yield Mutant(module, *place, what, make)


def function_at(module: Any, path: str) -> Any:
    """Return the function that *path* names in *module*, without what decorates it."""
    target = module
    for name in path.split("."):
        target = vars(target)[name]
    while not hasattr(target, "__code__"):
        if isinstance(target, property):
            target = target.fget
        else:
            target = target.__wrapped__ if _is_wrapper(target) else target.__func__
    return target.__wrapped__ if _is_wrapper(target) else target


def _is_wrapper(target: Any) -> bool:
    return hasattr(target, "__wrapped__") and not isinstance(
        target, staticmethod | classmethod
    )


def _functions(tree: ast.Module) -> Iterator[tuple[Function, tuple[str, ...]]]:
    for node in tree.body:
        if isinstance(node, Function):
            yield node, (node.name,)
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, Function) and not _is_setter(inner):
                    yield inner, (node.name, inner.name)


def _is_setter(function: Function) -> bool:
    return any(isinstance(d, ast.Attribute) for d in function.decorator_list)


def _sites(function: Function) -> list[tuple[Any, range]]:
    """Return what can be changed in a body, each with the lines of its statement."""
    return [site for statement in function.body for site in _sites_in(statement)]


def _sites_in(node: ast.AST) -> Iterator[tuple[Any, range]]:
    if isinstance(node, ast.Assert):  # it is for the type checker, and the reader
        return
    lines = range(0)
    if isinstance(node, ast.stmt):
        lines = _lines(node)
        yield node, lines
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.match_case | ast.ExceptHandler):
            yield from _sites_in(child)
        elif isinstance(child, ast.expr):
            own = lines or range(child.lineno, (child.end_lineno or child.lineno) + 1)
            for part in _parts(child):
                yield part, own


def _parts(expression: ast.expr) -> Iterator[ast.AST]:
    """Yield what an expression is made of, but for `strict=`, which asserts."""
    left: list[ast.AST] = [expression]
    while left:
        part = left.pop(0)
        if not isinstance(part, ast.keyword) or part.arg != "strict":
            yield part
            left += ast.iter_child_nodes(part)


def _lines(statement: ast.stmt) -> range:
    """Return the lines of a statement; of one with a body, only those before it."""
    end = statement.end_lineno or statement.lineno
    if isinstance(statement, ast.Match):
        end = statement.subject.end_lineno or statement.lineno
    elif body := getattr(statement, "body", None):
        end = max(statement.lineno, body[0].lineno - 1)
    return range(statement.lineno, end + 1)


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
        case ast.Return(value=ast.expr() as given) if not _is_nothing(given):
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


def _is_nothing(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value in {None, False}


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


@frozen
class _Maker:
    tree: ast.Module
    path: tuple[str, ...]
    line: int
    index: int
    change: Change
    filename: str

    def __call__(self) -> CodeType:
        """Compile the module with the change, and return the code of the function."""
        changed = copy.deepcopy(self.tree)
        function = next(
            f
            for f, path in _functions(changed)
            if path == self.path and f.lineno == self.line
        )
        _Replace(_sites(function)[self.index][0], self.change).visit(changed)
        code = compile(ast.fix_missing_locations(changed), self.filename, "exec")
        first = min([self.line, *(d.lineno for d in function.decorator_list)])
        for name in self.path:
            code = next(
                c
                for c in code.co_consts
                if isinstance(c, CodeType)
                and c.co_name == name
                and (name != self.path[-1] or c.co_firstlineno == first)
            )
        return code
