"""From what a user hands to a runtime to definitions that are known to fit together."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from actorflow.errors import DefinitionError, ExpressionError, InputError
from actorflow.log.codec import Codec
from actorflow.model.definition import (
    Activity,
    Input,
    Step,
    Workflow,
    as_activity,
)
from actorflow.model.events import Data
from actorflow.model.validation import fits
from actorflow.runtime.binding import signature_of
from actorflow.runtime.expressions import compiled, parts_of, sources_in
from actorflow.runtime.services import Activities


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
    if isinstance(definition, Activity) or callable(definition):
        return _single_step(as_activity(definition))
    problem = f"{definition!r} is no workflow, flow or activity"
    raise DefinitionError(str(definition), [problem])


def _single_step(activity: Activity[..., Any]) -> Workflow:
    signature = signature_of(activity)
    parameters = inspect.signature(activity.fn).parameters
    inputs = [
        Input(name) if name in signature.required else Input(name, default=default)
        for name in signature.names
        if _recordable(default := parameters[name].default)
        or name in signature.required
    ]
    step = Step(
        activity.name,
        activity=activity,
        parameters={item.name: f"${{inputs.{item.name}}}" for item in inputs},
        store="result",
    )
    return Workflow(activity.name, inputs=inputs, steps=[step], result="result")


def _recordable(default: Any) -> bool:
    return default is None or isinstance(default, str | int | float | bool)


def bind(workflow: Workflow, activities: Activities) -> None:
    """Make the activities of *workflow* known, and check that all fits together.

    Raises:
        DefinitionError: with everything that does not.
    """
    problems: list[str] = []
    for step in workflow.steps:
        if step.node is not None and not isinstance(step.node, str):
            activities.add(step.node)
        problems += [
            f"step {step.name!r}: {problem}"
            for problem in _step_problems(step, activities)
        ]
    if problems:
        raise DefinitionError(workflow.name, problems)


def _step_problems(step: Step, activities: Activities) -> Iterable[str]:
    unknown = activities.problem(step.node) if isinstance(step.node, str) else None
    if unknown is not None:
        yield unknown
    elif step.node is not None:
        yield from _call_problems(step, activities)
    yield from _expression_problems(step)


def _call_problems(step: Step, activities: Activities) -> Iterable[str]:
    parameters = step.map.parameters if step.map else step.parameters
    if not isinstance(parameters, Mapping) or (step.map and not parameters):
        return
    bound = activities.bound(step.node)
    for problem in bound.signature.problems(set(parameters)):
        yield f"{bound.activity.name}: {problem}"


def _expression_problems(step: Step) -> Iterable[str]:
    templates = {"parameters": step.parameters}
    if step.map:
        templates["map.parameters"] = step.map.parameters
    if step.wait_signal:
        templates["wait_signal.topic"] = step.wait_signal.topic
    for where, template in templates.items():
        for path, text in sources_in(template, where):
            yield from _compile_problem(parts_of, text, path)
    if step.map and isinstance(step.map.over, str):
        if "${" in step.map.over:
            yield f"map.over {step.map.over!r}: write the expression without '${{}}'"
        else:
            yield from _compile_problem(compiled, step.map.over, "map.over")
    for number, edge in enumerate(step.next):
        if isinstance(edge.when, str):
            yield from _compile_problem(compiled, edge.when, f"next[{number}].when")


def _compile_problem(compile_: Any, text: str, where: str) -> Iterable[str]:
    try:
        compile_(text)
    except ExpressionError as error:
        yield f"{where}: {error}"


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
        item.name: codec.to_data(
            given.get(item.name, None if item.required else item.default),
            path=f"inputs.{item.name}",
        )
        for item in workflow.inputs
    }


def _type_problem(item: Input, value: Any) -> list[str]:
    required_null = value is None and item.required and item.type != "any"
    if fits(item.type, value) and not required_null:
        return []
    return [f"input {item.name!r} must be {item.type}, not {type(value).__name__}"]
