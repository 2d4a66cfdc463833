"""Names of dynamic nodes and of flows, as a file has them, become what they name.

Activities stay names: nothing of them but the name is part of a definition. A graph
inside a graph is, so it is put in its place before anything asks for a fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve

from actorflow.errors import DefinitionError
from actorflow.model.definition import Workflow, node_kind
from actorflow.model.steps import Step
from actorflow.runtime.registry import as_workflow

Known = Mapping[str, Any]
"""Dynamic nodes, flows and workflows, by name."""


def linked(workflow: Workflow, known: Known) -> Workflow:
    """Return *workflow* with nodes in the place of their names; itself if none are.

    Raises:
        DefinitionError: a name is not that of such a node, or of one it lies in.
    """
    return _Linker(known, (workflow.name,)).workflow(workflow)


class _Linker:
    """Links a graph, and the graphs in it; *inside* are the names on the way down."""

    def __init__(self, known: Known, inside: tuple[str, ...]) -> None:
        self._known = known
        self._inside = inside

    def workflow(self, workflow: Workflow) -> Workflow:
        problems: list[str] = []
        steps = []
        for step in workflow.steps:
            try:
                steps.append(self._step(step))
            except DefinitionError as error:
                problems += [f"step {step.name!r}: {p}" for p in error.problems]
        if problems:
            raise DefinitionError(workflow.name, list(map(workflow.placed, problems)))
        if all(new is old for new, old in zip(steps, workflow.steps, strict=True)):
            return workflow
        return evolve(workflow, steps=steps).read_from(workflow.placed)

    def _step(self, step: Step) -> Step:
        kind = step.kind
        if kind in ("dynamic", "flow"):
            node = getattr(step, kind)
            new = self._node(node, kind)
            return step if new is node else evolve(step, **{kind: new})
        replace = _PARTS.get(kind)
        if replace is None:
            return step
        part = getattr(step, kind)
        changed = replace(part, self._node)
        return step if changed is part else evolve(step, **{kind: changed})

    def _node(self, node: Any, wanted: str | None = None) -> Any:
        if isinstance(node, str):
            return self._named(node, wanted)
        if node_kind(node) != "flow":
            return node
        graph = as_workflow(node)
        new = _Linker(self._known, (*self._inside, graph.name)).workflow(graph)
        return node if new is graph else new

    def _named(self, name: str, wanted: str | None) -> Any:
        node = self._known.get(name)
        kind = None if node is None else node_kind(node)
        if wanted is not None and kind != wanted:
            what = {"dynamic": "dynamic node", "flow": "flow"}[wanted]
            have = "" if kind is None else f"; {name!r} is a {kind} node"
            problem = f"{what} {name!r} is not known; pass it in `activities=`{have}"
            raise DefinitionError(name, [problem])
        if kind == "flow" and name in self._inside:
            way = " > ".join([*self._inside, name])
            raise DefinitionError(
                name, [f"flow {name!r} would run inside itself: {way}"]
            )
        return name if node is None else self._node(node)


def _in_map(part: Any, link: Callable[[Any], Any]) -> Any:
    node = link(part.activity)
    return part if node is part.activity else evolve(part, activity=node)


def _in_loop(part: Any, link: Callable[[Any], Any]) -> Any:
    node = link(part.body)
    return part if node is part.body else evolve(part, body=node)


def _in_parallel(part: Any, link: Callable[[Any], Any]) -> Any:
    arms = {name: link(node) for name, node in part.arms.items()}
    return part if _same(arms, part.arms) else evolve(part, arms=arms)


def _in_route(part: Any, link: Callable[[Any], Any]) -> Any:
    choices = {key: link(node) for key, node in part.choices.items()}
    default = None if part.default is None else link(part.default)
    if _same(choices, part.choices) and default is part.default:
        return part
    return evolve(part, choices=choices, default=default)


def _same(new: Mapping[Any, Any], old: Mapping[Any, Any]) -> bool:
    return all(new[key] is node for key, node in old.items())


_PARTS: dict[str, Callable[[Any, Callable[[Any], Any]], Any]] = {
    "map": _in_map,
    "loop": _in_loop,
    "parallel": _in_parallel,
    "route": _in_route,
}
