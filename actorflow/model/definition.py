"""A graph of steps: what executions are executions of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from actorflow.errors import DefinitionError
from actorflow.model.activities import Dynamic, node_name
from actorflow.model.children import Child
from actorflow.model.followups import FollowUp, follow_ups
from actorflow.model.misfits import several
from actorflow.model.ordering import circles
from actorflow.model.plain import plainly
from actorflow.model.policy import optional_seconds
from actorflow.model.steps import Input, Output, Pages, Step, mapping, names

if TYPE_CHECKING:
    from actorflow.model.files import Source


def _steps(value: Iterable[Step]) -> tuple[Step, ...]:
    return several(value)


def _inputs(value: Iterable[Input]) -> tuple[Input, ...]:
    return several(value)


def _outputs(value: Iterable[Output]) -> tuple[Output, ...]:
    return several(value)


@frozen(eq=False, slots=False, field_transformer=plainly)
class Workflow:
    """A graph of steps: validated when it is made, immutable after.

    Attributes:
        name: under which executions are recorded.
        steps: in order; the first is where an execution begins, unless *start_at*.
        inputs: what a caller gives.
        state: the variables the first branch begins with.
        outputs: what an execution returns, taken from its branches' variables.
        timeout: seconds until an execution has to have ended, pauses not counted; it
            fails then with a ``timeout``.
        on_complete: what is started when an execution has ended; see `FollowUp`.
        result: instead of *outputs*: the one variable of the first branch that an
            execution returns; ``"*"`` is all of them.
        version: a label of your own; part of the fingerprint.
        compatible_with: fingerprints of older definitions whose executions this one
            may carry on.

    Raises:
        DefinitionError: with all problems at once.
    """

    name: str
    steps: tuple[Step, ...] = field(converter=_steps, kw_only=True)
    inputs: tuple[Input, ...] = field(default=(), converter=_inputs, kw_only=True)
    state: Mapping[str, Any] = field(factory=dict, converter=mapping, kw_only=True)
    outputs: tuple[Output, ...] = field(default=(), converter=_outputs, kw_only=True)
    start_at: str | None = field(default=None, kw_only=True)
    version: str = field(default="", kw_only=True)
    compatible_with: tuple[str, ...] = field(default=(), converter=names, kw_only=True)
    description: str = field(default="", kw_only=True)
    result: str | None = field(default=None, kw_only=True)
    timeout: float | None = field(
        default=None, kw_only=True, converter=optional_seconds
    )
    on_complete: tuple[FollowUp, ...] = field(
        default=(), kw_only=True, converter=follow_ups
    )

    def __attrs_post_init__(self) -> None:
        # Imported late: validation reads definitions, definitions only call it.
        from actorflow.model.validation import workflow_problems

        problems = list(workflow_problems(self))
        if problems:
            raise DefinitionError(self.name or "workflow", problems)

    def step(self, name: str) -> Step:
        """Return the step of that name.

        Raises:
            KeyError: there is none.
        """
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Step]:
        return {step.name: step for step in self.steps}

    @property
    def start(self) -> Step:
        """The step an execution begins with."""
        return self.step(self.start_at) if self.start_at else self.steps[0]

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of everything that decides how recorded events are read.

        Names, edges, expressions and kinds count; descriptions, retry policies and the
        code of activities do not, so that those may change under running executions.
        """
        shape = _shape(self)
        try:
            text = json.dumps(shape, sort_keys=True, default=str)
        except TypeError:  # keys of several kinds have no order; their names do
            text = json.dumps(_text(shape), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def may_start(self, step: str, branch: str) -> bool:
        """Return whether control may still start *branch* when it is at *step*."""
        bit, ahead = self._branches_ahead
        return bool(ahead[step] & bit.get(branch, 0))

    @cached_property
    def _branches_ahead(self) -> tuple[dict[str, int], dict[str, int]]:
        """A bit for every named branch, and for every step those that lie ahead."""
        bit: dict[str, int] = {}
        ahead = dict.fromkeys(self._by_name, 0)
        for step in self.steps:
            for edge in step.next:
                if edge.branch:
                    ahead[step.name] |= bit.setdefault(edge.branch, 1 << len(bit))
        following = {step.name: targets(step) for step in self.steps}
        for circle in circles(following, self.start.name):
            found = 0
            for name in circle:
                found |= ahead[name]
                for target in following[name]:
                    found |= ahead[target]
            ahead.update(dict.fromkeys(circle, found))
        return bit, ahead

    def placed(self, problem: str) -> str:
        """Return *problem* with its place in the file this was read from, if it was."""
        place: Callable[[str], str] | None = self.__dict__.get("_place")
        return problem if place is None else place(problem)

    def read_from(self, place: Callable[[str], str]) -> Workflow:
        """Let *place* tell where in a file problems are; return itself."""
        self.__dict__["_place"] = place
        return self

    def to_mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart."""
        from actorflow.model.drawing import mermaid

        return mermaid(self)

    def to_dot(self) -> str:
        """Return the graph in Graphviz's language."""
        from actorflow.model.drawing import dot

        return dot(self)

    @classmethod
    def load(cls, source: Source) -> Workflow:
        """Return the workflow in a YAML or JSON file, given by its path or open.

        Raises:
            DefinitionError: with all problems at once, each with its line.
        """
        from actorflow.model.files import load

        return load(source)

    @classmethod
    def loads(cls, text: str, *, name: str = "<text>") -> Workflow:
        """Return the workflow in *text*; *name* is what problems call it.

        Raises:
            DefinitionError: with all problems at once, each with its line.
        """
        from actorflow.model.files import loads

        return loads(text, name=name)

    def to_yaml(self) -> str:
        """Return the workflow as a file that `load` reads.

        Raises:
            DefinitionError: it holds what a file cannot, such as a Python callable.
        """
        from actorflow.model.files import dump

        return dump(self)


def targets(step: Step) -> list[str]:
    """Return every step control may go to from *step*: edges, catches, timeouts."""
    found = [edge.step for edge in step.next] + [catch.goto for catch in step.catch]
    if step.wait_signal and step.wait_signal.on_timeout:
        found.append(step.wait_signal.on_timeout)
    return found


def _shape(workflow: Workflow) -> dict[str, Any]:
    return {
        "name": workflow.name,
        "version": workflow.version,
        "inputs": [item.name for item in workflow.inputs],
        "state": workflow.state,
        "start": workflow.start.name,
        "steps": [_step_shape(step) for step in workflow.steps],
        "outputs": [(o.name, o.variable, o.branch) for o in workflow.outputs],
    }


def _step_shape(step: Step) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "name": step.name,
        "kind": step.kind,
        "nodes": {name: _node_shape(node) for name, node in step.nodes.items()},
        "parameters": _text(step.parameters),
        "store": step.store,
        "edges": step.edges,
        "next": [(e.step, _text(e.when), e.branch) for e in step.next],
        "catch": [(c.goto, c.on, c.store) for c in step.catch],
    }
    if step.map:
        over = step.map.over
        if isinstance(over, Pages):
            over = {"pages": [_text(over.start), over.max_pages]}
        shape["map"] = [_text(over), _text(step.map.parameters)]
        if step.map.batch is not None:
            shape["batch"] = step.map.batch
        if (names := (step.map.item, step.map.index)) != ("item", "index"):
            shape["map"] += names
    if step.parallel:
        shape["parallel"] = [_text(step.parallel.parameters)]
    if step.loop:
        loop = step.loop
        shape["loop"] = [_text(loop.until), _text(loop.initial), loop.max_iterations]
    if step.route:
        shape["route"] = [_text(step.route.key), _text(step.route.parameters)]
    if step.join:
        shape["join"] = [step.join.branches, step.join.count, dict(step.join.mappings)]
    if step.wait_signal:
        wait = step.wait_signal
        shape["wait"] = [wait.topic, wait.store, wait.on_timeout]
    return shape


def _node_shape(node: Any) -> Any:
    graph = node if isinstance(node, Workflow) else getattr(node, "workflow", None)
    return graph.fingerprint if isinstance(graph, Workflow) else node_name(node)


def _text(value: Any) -> Any:
    """Return a stand-in for *value* that is the same in every process."""
    if isinstance(value, Mapping):
        return {str(key): _text(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_text(entry) for entry in value]
    if callable(value):
        return f"<{getattr(value, '__qualname__', type(value).__qualname__)}>"
    return value


def node_kind(node: Any) -> str:
    """Return what kind of node it is: one of `NODE_KINDS`."""
    if isinstance(node, Dynamic):
        return "dynamic"
    if isinstance(node, Child):
        return "child"
    if isinstance(node, Workflow) or isinstance(
        getattr(node, "workflow", None), Workflow
    ):
        return "flow"
    return "activity"
