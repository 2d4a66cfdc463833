"""What the code of a dynamic node names: nodes that it may call.

A node's calls are only known when it makes them, and after a restart it may not make
them again, because it has ended. What it has done may still have to be undone. So its
code is read, not run: the nodes among its globals, in its closure, and in the modules
and functions it names.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from actorflow.errors import DefinitionError
from actorflow.model.activities import Activity, Dynamic
from actorflow.model.builder import Flow
from actorflow.model.definition import Workflow

_DEEP = 4
"""How deep to look into lists, mappings and functions."""


def reached(node: Any) -> Iterator[Any]:
    """Yield the activities and dynamic nodes that *node* may lead to, itself too."""
    seen: dict[int, Any] = {}
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen[id(each)] = each  # kept, so that no other object gets its id
        if isinstance(each, Activity | Dynamic):
            yield each
        waiting += _inside(each)


def _inside(node: Any) -> list[Any]:
    if isinstance(node, Dynamic):
        return list(_named_by(node.fn, _DEEP))
    if isinstance(node, Activity):
        return [] if node.compensate is None else [node.compensate]
    try:
        graph = node.workflow if isinstance(node, Flow) else node
    except DefinitionError:  # told when it is used
        return []
    steps = graph.steps if isinstance(graph, Workflow) else ()
    return [each for step in steps for each in step.nodes.values()]


def _named_by(value: Any, depth: int) -> Iterator[Any]:
    """Yield the nodes in *value*, or that its code names."""
    if isinstance(value, Activity | Dynamic | Flow | Workflow):
        yield value
    if not depth or isinstance(value, Dynamic):
        return
    if isinstance(value, list | tuple | dict):
        for each in value.values() if isinstance(value, dict) else value:
            if not isinstance(each, str | int | float):
                yield from _named_by(each, depth - 1)
    elif isinstance(value, FunctionType):
        for each in _known_to(value):
            yield from _named_by(each, depth - 1)


def _known_to(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
    names = set(_names(function.__code__))
    for name in names & function.__globals__.keys():
        value = function.__globals__[name]
        if isinstance(value, ModuleType):
            yield from (vars(value)[other] for other in names & vars(value).keys())
        else:
            yield value


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
