"""What a runtime may execute: workflows by name, and everything they reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from actorflow.errors import DefinitionError
from actorflow.log.codec import Codec
from actorflow.model.activities import Dynamic, node_name
from actorflow.model.definition import Workflow, node_kind
from actorflow.runtime.checking import bind, child_problems, started_by
from actorflow.runtime.linking import linked
from actorflow.runtime.registry import Activities, as_workflow


class Definitions:
    """Takes in definitions, each checked with everything it names.

    Attributes:
        activities: all activities that any of them reaches.
        workflows: those that may be executed, by name.
    """

    def __init__(self, codec: Codec) -> None:
        self.workflows: dict[str, Workflow] = {}
        self.activities = Activities(codec, self.workflows)
        self._nameable: dict[str, Any] = {}

    def define(self, definitions: Iterable[Any], activities: Iterable[Any]) -> None:
        """Take in all of them.

        Raises:
            DefinitionError: with the problems of all of them.
        """
        definitions = list(definitions)
        problems: list[str] = []
        names: set[str] = set()
        for node in activities:
            problems += _problems_of(self._add_node, node)
            name = node_name(node)
            if name in names:
                problems.append(f"two of `activities=` are named {name!r}; rename one")
            names.add(name)
        for definition in definitions:
            if isinstance(definition, Dynamic) or _is_graph(definition):
                self._nameable.setdefault(node_name(definition), definition)
        for definition in definitions:
            problems += _problems_of(self._enter, definition)
        for workflow in self.workflows.values():
            for problem in child_problems(workflow, self.workflows):
                problems.append(f"{workflow.name}: {problem}")
        if problems:
            raise DefinitionError("definitions of this runtime", problems)

    def add(self, definition: Any) -> Workflow:
        """Take in one more, unless it is known; return it as it will be executed.

        Raises:
            DefinitionError: it has problems, or another of that name is known.
        """
        known = len(self.workflows)
        workflow = self._enter(definition)
        if len(self.workflows) > known:
            problems = list(child_problems(workflow, self.workflows))
            if problems:
                del self.workflows[workflow.name]
                raise DefinitionError(workflow.name, problems)
        return workflow

    def _enter(self, definition: Any) -> Workflow:
        """Take in a definition, and those that it runs as children."""
        workflow = linked(as_workflow(definition), self._nameable)
        known = self.workflows.get(workflow.name)
        if known is not None and known.fingerprint != workflow.fingerprint:
            problem = f"two definitions are named {workflow.name!r}; rename one"
            raise DefinitionError(workflow.name, [problem])
        if known is None:
            bind(workflow, self.activities)
            self.workflows[workflow.name] = workflow
            for started in started_by(workflow):
                self._enter_started(started)
        return self.workflows[workflow.name]

    def _enter_started(self, node: Any) -> None:
        """Take in what another definition starts, if it is not to come later."""
        if not isinstance(node, str):
            self._enter(node)
        elif node in self._nameable:
            self._enter(self._nameable[node])
        elif node not in self.workflows and self.activities.problem(node) is None:
            self._enter(self.activities.bound(node).activity)

    def named(self, name: str) -> Workflow:
        """Return the workflow of that name.

        Raises:
            DefinitionError: there is none.
        """
        return self.activities.definition(name)

    def _add_node(self, node: Any) -> None:
        if not _is_graph(node):
            self.activities.add(node)
        if isinstance(node, Dynamic) or _is_graph(node):
            self._nameable[node_name(node)] = node


def _is_graph(node: Any) -> bool:
    try:
        return node_kind(node) == "flow"
    except DefinitionError:  # of a flow that cannot be built; told when it is added
        return False


def _problems_of(add: Callable[[Any], Any], definition: Any) -> Sequence[str]:
    try:
        add(definition)
    except DefinitionError as error:
        return [f"{error.name}: {problem}" for problem in error.problems]
    return []
