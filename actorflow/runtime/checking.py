"""What is known to be wrong with a graph once its nodes are: told before it runs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import evolve, frozen

from actorflow.errors import DefinitionError, ExpressionError
from actorflow.model.activities import node_name
from actorflow.model.children import Child
from actorflow.model.definition import Workflow, node_kind
from actorflow.model.steps import BY_NAME, FETCH, Pages, Step
from actorflow.model.variables import Variables, variables_of
from actorflow.runtime.interpreter import compiled
from actorflow.runtime.registry import Activities, as_workflow
from actorflow.runtime.templates import parts_of, sources_in


def bind(workflow: Workflow, activities: Activities) -> None:
    """Make the nodes of *workflow* known, and check that all fits together.

    Raises:
        DefinitionError: with everything that does not.
    """
    problems = list(_problems(workflow, activities, ""))
    if problems:
        raise DefinitionError(workflow.name, list(map(workflow.placed, problems)))


def _problems(workflow: Workflow, activities: Activities, where: str) -> Iterator[str]:
    names = _Names(frozenset(i.name for i in workflow.inputs), variables_of(workflow))
    for step in workflow.steps:
        place = f"{where}step {step.name!r}"
        for problem in _expression_problems(step, names):
            yield f"{place}: {problem}"
        for name, node in step.nodes.items():
            there = place if name == step.name else f"{place}, {name!r}"
            for problem in _node_problems(step, node, activities, names):
                yield f"{there}: {problem}"
            if node_kind(node) == "flow":
                yield from _problems(as_workflow(node), activities, f"{place} > ")


def children_of(workflow: Workflow) -> Iterator[tuple[str, Step, Child]]:
    """Yield every child that *workflow* runs itself, with its place and step."""
    for step in workflow.steps:
        for node in step.nodes.values():
            if isinstance(node, Child):
                yield f"step {step.name!r}", step, node
            elif node_kind(node) == "flow":
                for place, inner, child in children_of(as_workflow(node)):
                    yield f"step {step.name!r} > {place}", inner, child


def started_by(workflow: Workflow) -> Iterator[Any]:
    """Yield what *workflow* starts: its children, and what follows its end."""
    for _, _, child in children_of(workflow):
        yield child.workflow
    for follow_up in workflow.on_complete:
        yield follow_up.start


def child_problems(
    workflow: Workflow, definitions: Mapping[str, Workflow]
) -> Iterator[str]:
    """Yield what is wrong with how *workflow* starts other executions."""
    for follow_up in workflow.on_complete:
        name = node_name(follow_up.start)
        if name not in definitions:
            yield (
                f"on_complete {follow_up.label!r}: this runtime knows no {name!r}; "
                "pass it in `definitions=`"
            )
        elif isinstance(follow_up.parameters, Mapping):
            given = {*follow_up.parameters}
            for problem in _input_problems(definitions[name], given):
                yield f"on_complete {follow_up.label!r}: {problem}"
    for place, step, child in children_of(workflow):
        called = definitions.get(child.name)
        if called is None:
            yield (
                f"{place}: child {child.name!r} is no definition of this runtime; "
                "pass it in `definitions=`"
            )
        elif step.child is not None and isinstance(step.parameters, Mapping):
            for problem in _input_problems(called, {*step.parameters}):
                yield f"{place}: child {child.name!r}: {problem}"


def _input_problems(workflow: Workflow, given: set[str]) -> Iterator[str]:
    names = [item.name for item in workflow.inputs]
    there = ", ".join(names) or "none"
    for name in sorted(given - {*names}):
        yield f"no input {name!r}; there are: {there}"
    for item in workflow.inputs:
        if item.required and item.name not in given:
            yield f"input {item.name!r} is not given"


# --- nodes and what they are given ---------------------------------------------------


def _node_problems(
    step: Step, node: Any, activities: Activities, names: _Names
) -> Iterator[str]:
    if node_kind(node) == "flow":
        inputs = as_workflow(node).inputs
        wanted = [item.name for item in inputs if item.required]
        yield from _missing(step, node, wanted, names)
        return
    if isinstance(node, Child):
        return  # a definition by itself: see `child_problems`
    if isinstance(node, str):
        problem = activities.problem(node)
        if problem is not None:
            yield problem
            return
    bound = activities.bound(node)
    activities.look_inside(bound.activity)
    if step.nodes.get(FETCH) is node:
        cursor, required = bound.signature.names[:1], bound.signature.required
        yield from _unprovided(node, required.difference(cursor), names)
        return
    parameters = step.map.parameters if step.map else step.parameters
    checked = step.activity is not None or (step.map and parameters is not None)
    if checked and isinstance(parameters, Mapping):
        for problem in bound.signature.problems(set(parameters)):
            yield f"{bound.activity.name}: {problem}"
    yield from _missing(step, node, bound.signature.required, names)


def _missing(
    step: Step, node: Any, wanted: Iterable[str], names: _Names
) -> Iterator[str]:
    """Yield the parameters that are to be taken by name, but that nothing provides."""
    part = step.parallel or step.route or step
    if part.parameters is not BY_NAME or step.map or step.loop:
        return
    yield from _unprovided(node, wanted, names)


def _unprovided(node: Any, wanted: Iterable[str], names: _Names) -> Iterator[str]:
    for name in sorted(wanted):
        if not names.has("", name):
            name_of = node_name(node)
            yield f"{name_of}: parameter {name!r} {names.lack('', name)}"


# --- expressions and what they name --------------------------------------------------


@frozen
class _Names:
    """What the expressions of a step can name.

    Attributes:
        more: what is there besides inputs and variables.
    """

    inputs: frozenset[str]
    variables: Variables
    more: frozenset[str] = frozenset()

    def has(self, root: str, name: str) -> bool:
        """Return whether *name* may be there: of the inputs, the state, or either."""
        in_inputs = root != "state" and name in self.inputs
        in_state = root != "inputs" and name in self.variables
        return in_inputs or in_state or (not root and name in self.more)

    def lack(self, root: str, name: str) -> str:
        """Return what is to be told of a name that is not there."""
        there = sorted(self.inputs) if root == "inputs" else [*self.variables.names]
        if not root:
            there = [*there, *self.inputs, *self.more]
        words = [] if root else ["inputs", "state"]
        alike = difflib.get_close_matches(name, [*there, *words], 1)
        hint = f"did you mean {alike[0]!r}?" if alike else f"there are: {_list(there)}"
        reason = {
            "inputs": "is no input",
            "state": "is a variable that nothing writes",
            "": "is neither an input nor a variable that something writes",
        }[root]
        return f"{reason}; {hint}"


_LOOPED = frozenset({"iteration", "previous", "result"})


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names))) or "none"


def _expression_problems(step: Step, names: _Names) -> Iterator[str]:
    looped = evolve(names, more=_LOOPED)
    yield from _parameter_problems("parameters", step.parameters, names)
    for kind in ("parallel", "route"):
        part = getattr(step, kind)
        if part is not None:
            given = part.parameters
            yield from _parameter_problems(f"{kind}.parameters", given, names)
    if step.map:
        inner = evolve(names, more=frozenset({step.map.item, step.map.index}))
        yield from _parameter_problems("map.parameters", step.map.parameters, inner)
        over = step.map.over
        start = over.start if isinstance(over, Pages) else None
        yield from _source_problems("map.over.start", start, names)
        yield from _source_problems("map.over", over, names)
    if step.wait_signal:
        topic = step.wait_signal.topic
        yield from _template_problems("wait_signal.topic", topic, names)
    if step.ask:
        yield from _template_problems("ask.prompt", step.ask.prompt, names)
    if step.loop:
        yield from _source_problems("loop.until", step.loop.until, looped)
        yield from _source_problems("loop.initial", step.loop.initial, names)
    if step.route:
        yield from _source_problems("route.key", step.route.key, names)
    for number, edge in enumerate(step.next):
        if isinstance(edge.when, str):
            where = f"next[{number}].when"
            yield from _checked(where, lambda t: [t], edge.when, names)


def _parameter_problems(where: str, given: Any, names: _Names) -> Iterator[str]:
    for name in given if isinstance(given, Mapping) else ():
        if not isinstance(name, str) or name == "$":
            yield f"{where}: {name!r} is no name that a parameter can have"
    yield from _template_problems(where, given, names)


def _template_problems(where: str, template: Any, names: _Names) -> Iterator[str]:
    for path, text in sources_in(template, where):
        yield from _checked(path, _sources_of, text, names)


def _sources_of(text: str) -> list[str]:
    return [part[0] for part in parts_of(text) if isinstance(part, tuple)]


def _source_problems(where: str, source: Any, names: _Names) -> Iterator[str]:
    if not isinstance(source, str):
        return
    if "${" in source:
        yield f"{where} {source!r}: write the expression without '${{}}'"
    else:
        yield from _checked(where, lambda text: [text], source, names)


def _checked(
    where: str, split: Callable[[str], list[str]], text: str, names: _Names
) -> Iterator[str]:
    """Yield what is wrong with the expressions in *text*."""
    try:
        wanted = [name for source in split(text) for name in compiled(source).names]
    except ExpressionError as error:
        yield f"{where}: {error}"
        return
    for root, name in sorted(set(wanted)):
        if not names.has(root, name):
            shown = f"{root}.{name}" if root else name
            yield f"{where}: {shown!r} {names.lack(root, name)}"
