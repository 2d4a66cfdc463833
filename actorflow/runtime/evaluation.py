"""What the rules of the model need of the world: expressions, and nodes' signatures."""

from __future__ import annotations

from typing import Any

from actorflow.log.codec import Codec
from actorflow.model.activities import node_name
from actorflow.model.children import Child
from actorflow.model.definition import Workflow, node_kind
from actorflow.model.events import Data
from actorflow.model.rules import View
from actorflow.model.steps import BY_NAME
from actorflow.runtime.expressions import Expressions
from actorflow.runtime.registry import Activities, as_workflow


class Evaluation:
    """Judges definitions on recorded data; a `model.rules.Evaluator`."""

    def __init__(self, codec: Codec, activities: Activities) -> None:
        self._expressions = Expressions(codec)
        self._activities = activities
        self.condition = self._expressions.condition
        self.data = self._expressions.data
        self.value = self._expressions.value
        self.items = self._expressions.items
        self.iterator = self._expressions.iterator

    def undo_of(self, node: Any) -> str | None:
        """Return the name of the node that compensates *node*."""
        if node_kind(node) != "activity":
            return None
        undo = self._activities.bound(node).activity.compensate
        return None if undo is None else node_name(undo)

    def _definition(self, child: Child) -> Workflow:
        return self._activities.definition(child.workflow)

    def arguments(self, node: Any, parameters: Any, view: View) -> Data:
        """Return what *node* is to be called with."""
        names = self.names_of(node) if parameters is BY_NAME else ()
        return self._expressions.arguments(parameters, names, view)

    def names_of(self, node: Any) -> tuple[str, ...]:
        """Return the names of what *node* can be given."""
        kind = node_kind(node)
        if kind in ("flow", "child"):
            graph = as_workflow(node) if kind == "flow" else self._definition(node)
            return tuple(item.name for item in graph.inputs)
        return self._activities.bound(node).signature.names
