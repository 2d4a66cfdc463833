"""From what a user hands to a runtime to definitions that are known to fit together."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from actorflow.errors import ActivityError, DefinitionError, InputError, UnreadableError
from actorflow.log.codec import Codec
from actorflow.model.activities import (
    Activity,
    Dynamic,
    activity,
    as_activity,
    node_name,
)
from actorflow.model.definition import Workflow, node_kind
from actorflow.model.events import Data
from actorflow.model.steps import BY_NAME, Input, Step
from actorflow.model.validation import fits
from actorflow.runtime.binding import BoundActivity, Call, parameters_of, signature_of
from actorflow.runtime.reach import reached

K = TypeVar("K")
V = TypeVar("V")


class Activities:
    """Activities, each bound once; by name where a graph names them."""

    def __init__(
        self, codec: Codec, definitions: Mapping[str, Workflow] | None = None
    ) -> None:
        self._codec = codec
        self._definitions = {} if definitions is None else definitions
        self._by_name: dict[str, BoundActivity] = {}
        self._by_node: dict[Any, BoundActivity] = {}
        self._by_fn: dict[Any, BoundActivity] = {}
        self._lately = Lately[Any, BoundActivity]()
        self._ambiguous: set[str] = set()
        self._undo: dict[str, Any] = {}
        self._undo_reached: dict[str, Any] = {}
        self._limits: dict[tuple[str, str], Any] = {}

    def add(self, node: Any) -> BoundActivity:
        """Make a node known: itself, and by its name."""
        activity = node if isinstance(node, Dynamic) else as_activity(node)
        bound = self._by_node.get(node) or self._bind(activity)
        self._by_node[node] = bound
        known = self._by_name.setdefault(activity.name, bound)
        if known.activity.fn is not activity.fn:
            self._ambiguous.add(activity.name)
        undo = getattr(activity, "compensate", None)
        if undo is not None:
            self._add_undo(undo)
            if node_kind(undo) != "flow":
                self.add(undo)
        self.look_inside(activity)
        return bound

    def look_inside(self, node: Any) -> None:
        """Note how to undo what a dynamic node may call, when it has ended."""
        for each in reached(node) if isinstance(node, Dynamic) else ():
            undo = getattr(each, "compensate", None)
            if undo is not None:
                self._undo_reached.setdefault(node_name(undo), undo)

    def _add_undo(self, node: Any) -> None:
        """Make a compensating node known by its name, the only thing recorded of it.

        Raises:
            DefinitionError: another compensating node has that name.
        """
        name = node_name(node)
        known = self._undo.setdefault(name, node)
        if known is not node and _code_of(known) is _code_of(node) is not None:
            self._undo[name] = node  # the same closure, made again
        elif known is not node:
            problem = f"two nodes that compensate are named {name!r}; rename one"
            raise DefinitionError(name, [problem])

    def undo(self, name: str) -> Any:
        """Return the compensating node of that name; if none is known, one that fails.

        What a dynamic node has called in another process may be unknown to this one.
        """
        return self._undo.get(name) or self._undo_reached.get(name) or _unknown(name)

    def problem(self, name: str) -> str | None:
        """Return why nothing, or not one thing, has that name."""
        if name in self._ambiguous:
            return f"several activities are named {name!r}; name one with `name=`"
        if name not in self._by_name:
            alike = get_close_matches(name, self._by_name, 1)
            hint = f"; did you mean {alike[0]!r}?" if alike else ""
            how = "pass it in `activities=`, or with `--activities` on the command line"
            return f"activity {name!r} is not known; {how}{hint}"
        return None

    def definition(self, node: Any) -> Workflow:
        """Return the definition that *node* is, or names.

        Raises:
            DefinitionError: there is none of that name, or it is none.
        """
        if not isinstance(node, str):
            return as_workflow(node)
        if node not in self._definitions:
            known = ", ".join(self._definitions) or "none"
            problem = f"no definition has that name; there are: {known}"
            raise DefinitionError(node, [problem])
        return self._definitions[node]

    def bound(self, node: Any) -> BoundActivity:
        """Return the bound activity that a step names, or is given."""
        if isinstance(node, str):
            return self._by_name[node]
        known = self._by_node.get(node)
        if known is None:
            known = self._lately.get(node)
        return known or self._met(node)

    def _met(self, node: Any) -> BoundActivity:
        """Return what a dynamic node calls and no definition names: not kept for good.

        It may make a closure, or a copy with other settings, for every call.
        """
        activity = node if isinstance(node, Dynamic) else as_activity(node)
        undo = getattr(activity, "compensate", None)
        if undo is not None:
            self._add_undo(undo)
        like = self._by_fn.get(activity.fn) or self._lately.get(activity.fn)
        if like is None:
            bound = self._bound_to(activity)
            self._lately.put(activity.fn, bound)
        else:
            self._agree_on_limits(activity)
            bound = like.with_settings_of(activity)
        self._lately.put(node, bound)
        return bound

    def _agree_on_limits(self, activity: Any) -> None:
        """Check that a limit that is shared by name is the same for all.

        Raises:
            DefinitionError: it is not.
        """
        for setting in ("rate_limit", "concurrency_limit"):
            limit = getattr(activity, setting, None)
            if limit is None or limit.name is None:
                continue
            known = self._limits.setdefault((setting, limit.name), limit)
            if known != limit:
                problem = f"{setting} is {limit} here and {known} elsewhere; make one"
                raise DefinitionError(activity.name, [problem])

    def _bind(self, activity: Any) -> BoundActivity:
        bound = self._by_fn[activity.fn] = self._bound_to(activity)
        return bound

    def _bound_to(self, activity: Any) -> BoundActivity:
        self._agree_on_limits(activity)
        self._codec.trust(activity.fn.__module__)
        bound = BoundActivity(activity, self._codec)
        for hint in bound.signature.hints.values():
            self._codec.learn(hint)
        return bound


def _unknown(name: str) -> Activity[..., Any]:
    def fail(**_: Any) -> None:
        message = (
            f"{name!r}, which compensates, is not known here; pass the activity that "
            "names it in `activities=`"
        )
        raise ActivityError(message, type="definition")

    return activity(name=name)(fail)


def _code_of(node: Any) -> Any:
    return getattr(getattr(node, "fn", node), "__code__", None)


class Lately(Generic[K, V]):
    """Remembers what was put or asked for lately: two generations of a thousand."""

    def __init__(self, size: int = 1_000) -> None:
        self._size = size
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """Return what was put under *key*, if that was lately."""
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        """Remember *value*; what was not asked for in a while is forgotten."""
        if len(self._young) >= self._size:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


def as_workflow(definition: Any) -> Workflow:
    """Return the graph that *definition* is: itself, a flow's, or one of one step.

    Raises:
        DefinitionError: it is nothing that can be executed.
    """
    if isinstance(definition, Workflow):
        return definition
    graph = getattr(definition, "workflow", None)
    if isinstance(graph, Workflow):
        return graph
    if isinstance(definition, Dynamic):
        return _single_step(definition, "dynamic")
    if isinstance(definition, Activity) or callable(definition):
        return _single_step(as_activity(definition), "activity")
    problem = f"{definition!r} is no workflow, flow or activity"
    raise DefinitionError(str(definition), [problem])


def _single_step(activity: Any, kind: str) -> Workflow:
    signature = signature_of(activity)
    parameters = parameters_of(activity.fn)
    inputs = [
        Input(name) if name in signature.required else Input(name, default=default)
        for name in signature.names
        if _recordable(default := parameters[name].default)
        or name in signature.required
    ]
    step = Step(
        activity.name,
        **{kind: activity},
        parameters=BY_NAME,
        store="result",
    )
    return Workflow(activity.name, inputs=inputs, steps=[step], result="result")


def _recordable(default: Any) -> bool:
    return default is None or isinstance(default, str | int | float | bool)


def input_data(
    workflow: Workflow, args: tuple[Any, ...], kwargs: Mapping[str, Any], codec: Codec
) -> dict[str, Data]:
    """Check the inputs of an execution and write them down.

    Raises:
        InputError: with every input that is missing, unknown or of the wrong type.
        UnrecordableError: a value cannot be recorded.
    """
    names = [item.name for item in workflow.inputs]
    problems = []
    if len(args) > len(names):
        problems.append(f"{len(args)} inputs given, {len(names)} declared")
    given = dict(zip(names, args, strict=False))
    problems += [f"input {n!r} is given twice" for n in kwargs if n in given]
    given |= kwargs
    there = ", ".join(names) or "none"
    problems += [
        f"unknown input {name!r}; there are: {there}"
        for name in given
        if name not in names
    ]
    for item in workflow.inputs:
        if item.name not in given and item.required:
            problems.append(f"input {item.name!r} is required")
        elif item.name in given:
            problems += _type_problem(item, given[item.name])
    if problems:
        raise InputError(workflow.name, problems)
    return {
        item.name: codec.to_record(
            given.get(item.name, None if item.required else item.default),
            path=f"inputs.{item.name}",
        )
        for item in workflow.inputs
    }


def queued_inputs(
    workflow: Workflow, given: Mapping[str, Data], codec: Codec
) -> dict[str, Data]:
    """Check the inputs that came by the queue, and add the defaults.

    Raises:
        InputError: with every input that is missing, unknown or of the wrong type.
    """
    values, problems = {}, []
    for name, data in given.items():
        try:
            values[name] = codec.from_data(data, path=f"inputs.{name}")
        except UnreadableError as error:
            problems.append(f"input {name!r}: {error}")
    if problems:
        raise InputError(workflow.name, problems)
    checked = input_data(workflow, (), values, codec)
    return {**checked, **given}


def flow_inputs(workflow: Workflow, call: Call, codec: Codec) -> dict[str, Data]:
    """Return the inputs of a flow that is run as part of another.

    Raises:
        InputError: with every input that is missing or unknown.
    """
    names = [item.name for item in workflow.inputs]
    given = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
    problems = [f"unknown input {name!r}" for name in given if name not in names]
    if len(call.args) > len(names):
        problems.append(f"{len(call.args)} inputs given, {len(names)} declared")
    problems += [
        f"input {item.name!r} is required"
        for item in workflow.inputs
        if item.required and item.name not in given
    ]
    if problems:
        raise InputError(workflow.name, problems)
    defaults = {i.name: i.default for i in workflow.inputs if i.name not in given}
    return {**given, **codec.to_data(defaults, path="inputs")}


def child_inputs(workflow: Workflow, call: Call, codec: Codec) -> dict[str, Data]:
    """Return the inputs of a child execution, checked as a caller's would be.

    Raises:
        InputError: with every input that is missing, unknown or of the wrong type.
    """
    args = tuple(codec.from_data(each) for each in call.args)
    given = {name: codec.from_data(each) for name, each in call.kwargs.items()}
    return input_data(workflow, args, given, codec)


def _type_problem(item: Input, value: Any) -> list[str]:
    required_null = value is None and item.required and item.type != "any"
    if fits(item.type, value) and not required_null:
        return []
    return [f"input {item.name!r} must be {item.type}, not {type(value).__name__}"]
