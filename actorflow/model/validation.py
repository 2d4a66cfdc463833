"""What can be known to be wrong with a graph before it runs; all of it at once."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping

from actorflow.model.activities import Activity, activity_problems, retry_problems
from actorflow.model.children import Child, child_problems
from actorflow.model.deadlock import deadlock_problems
from actorflow.model.definition import Workflow, node_kind, targets
from actorflow.model.followups import follow_up_problems
from actorflow.model.misfits import misfits
from actorflow.model.policy import count_problems
from actorflow.model.steps import KINDS, NODE_KINDS, RUNNING_KINDS, Map, Pages, Step
from actorflow.model.variables import output_problems

_TYPES: dict[str, type | tuple[type, ...]] = {
    "any": object,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": Mapping,
    "array": (list, tuple),
}
INPUT_TYPES = tuple(_TYPES)
# Addresses are built from names with these between them.
_NAME = re.compile(r"[^/\[\]#@\s][^/\[\]#@]*")


def fits(kind: str, value: object) -> bool:
    """Return whether *value* may be given for an input of type *kind*, or be None."""
    if isinstance(value, bool):
        return kind in ("any", "boolean")
    return value is None or isinstance(value, _TYPES[kind])


def workflow_problems(workflow: Workflow) -> Iterator[str]:
    """Yield every problem, each with its place and what to do."""
    # Everything else builds upon what these are.
    yield from _misfit_problems(workflow) or _structural_problems(workflow)


def _structural_problems(workflow: Workflow) -> Iterator[str]:
    if not workflow.name:
        yield "the workflow needs a name"
    if not workflow.steps:
        yield "the workflow needs at least one step"
        return
    yield from _name_problems(workflow)
    names = {step.name for step in workflow.steps}
    start_known = not workflow.start_at or workflow.start_at in names
    if not start_known:
        yield f"start_at names {workflow.start_at!r}, which is no step"
    branches = {e.branch for s in workflow.steps for e in s.next if e.branch}
    for step in workflow.steps:
        for check in _STEP_CHECKS:
            for problem in check(step):
                yield f"step {step.name!r}: {problem}"
        for target in dict.fromkeys(targets(step)):
            if target not in names:
                yield f"step {step.name!r} goes to {target!r}, which is no step"
    yield from _joined_problems(workflow, branches)
    if start_known and all(
        t in names for step in workflow.steps for t in targets(step)
    ):
        yield from _unreachable(workflow)
        yield from deadlock_problems(workflow)
    yield from _interface_problems(workflow, branches)


def _misfit_problems(workflow: Workflow) -> list[str]:
    """Return what is not of the type it is declared with, each with its step."""
    steps: object = workflow.steps  # whatever a caller really gave
    if not isinstance(steps, tuple) or not all(isinstance(s, Step) for s in steps):
        return misfits(workflow)
    problems = misfits(workflow, but=["steps"])
    for number, step in enumerate(steps):
        named = isinstance(step.name, str) and step.name
        place = f"step {step.name!r}" if named else f"step number {number + 1}"
        problems += [f"{place}: {problem}" for problem in misfits(step)]
    return problems


def _name_problems(workflow: Workflow) -> Iterator[str]:
    for number, step in enumerate(workflow.steps):
        if not step.name:
            yield f"step number {number + 1} needs a name"
        elif not _NAME.fullmatch(step.name):
            yield f"step name {step.name!r} may not contain / [ ] # @"
    for name, count in Counter(step.name for step in workflow.steps).items():
        if count > 1 and name:
            yield f"{count} steps are named {name!r}; names must be unique"
    named = Counter(e.branch for s in workflow.steps for e in s.next if e.branch)
    for branch, count in named.items():
        if branch == "main":
            yield "branch name 'main' is taken by the first branch"
        elif not _NAME.fullmatch(branch):
            yield f"branch name {branch!r} may not contain / [ ] # @"
        stem, _, suffix = branch.rpartition("-")
        if suffix.isdigit() and (stem == "main" or stem in named):
            yield (
                f"branch name {branch!r} is one that unnamed branches of {stem!r} get; "
                "choose another"
            )
        if count > 1:
            yield f"{count} edges start branch {branch!r}; branch names must be unique"


def _kind_problems(step: Step) -> Iterator[str]:
    if not step.kinds:
        yield f"has no kind; give it one of {', '.join(KINDS)}"
    elif len(step.kinds) > 1:
        yield f"is {' and '.join(step.kinds)} at once; a step has one kind"
    if step.decide is False:
        yield "decide must be true, or left out"


def _modifier_problems(step: Step) -> Iterator[str]:
    runs_code = any(kind in RUNNING_KINDS for kind in step.kinds)
    can_fail = runs_code or step.wait_signal is not None or step.ask is not None
    if step.retry and not can_fail:
        yield "retry is for steps that can fail: those that run code, wait_signal"
    whole = "flow" in step.kinds or (
        step.map and node_kind(step.map.activity) == "flow"
    )
    if whole and (step.retry or step.timeout is not None):
        yield "retry and timeout are for activities, inside the flow"
    if step.catch and not can_fail:
        yield "catch is for steps that can fail: those that run code, wait_signal"
    if step.timeout is not None and not runs_code:
        yield "timeout is for steps that run code"
    if step.timeout is not None and step.timeout <= 0:
        yield f"timeout must be positive, not {step.timeout:g} s"
    if step.parameters and not {*NODE_KINDS} & {*step.kinds}:
        yield "parameters are for activity, flow, dynamic and child steps"
    if step.store and (step.join or step.sleep is not None or step.pause is not None):
        yield f"store is of no use: {'/'.join(step.kinds)} has no result"
    if step.edges not in ("all", "first"):
        yield f"edges must be 'all' or 'first', not {step.edges!r}"
    yield from _policy_problems(step)


def _policy_problems(step: Step) -> Iterator[str]:
    for number, retry in enumerate(step.retry):
        yield from retry_problems(retry, f"retry[{number}]")
    for number, catch in enumerate(step.catch):
        if not catch.on:
            yield f"catch[{number}]: `on` is empty, so nothing would be caught"
    for node in step.nodes.values():
        if isinstance(node, Activity):
            yield from misfits(node) or activity_problems(node)
        elif isinstance(node, Child):
            yield from misfits(node) or child_problems(node)


def _wait_problems(step: Step) -> Iterator[str]:
    if step.sleep is not None and step.sleep <= 0:
        yield f"sleep must be positive, not {step.sleep:g} s"
    wait = step.wait_signal
    if wait and not wait.topic:
        yield "wait_signal needs a topic"
    if wait and wait.timeout is not None and wait.timeout <= 0:
        yield f"wait_signal.timeout must be positive, not {wait.timeout:g} s"
    if wait and wait.on_timeout and wait.timeout is None:
        yield "wait_signal.on_timeout needs a timeout"
    ask = step.ask
    if ask and ask.timeout is not None and ask.timeout <= 0:
        yield f"ask.timeout must be positive, not {ask.timeout:g} s"
    if ask and ask.default is not None and ask.timeout is None:
        yield "ask.default needs a timeout"
    if step.pause is not None and not step.next:
        yield "a pause needs an edge to go on by"


def _composite_problems(step: Step) -> Iterator[str]:
    for name, part in (("parallel", step.parallel), ("map", step.map)):
        limit = part.max_concurrency if part else None
        if limit is not None:
            yield from count_problems(f"{name}.max_concurrency", limit)
        if part and part.on_error not in ("wait", "fail_fast", "continue"):
            how = "wait, fail_fast or continue"
            yield f"{name}.on_error must be {how}, not {part.on_error!r}"
    if step.parallel and not step.parallel.arms:
        yield "parallel needs at least one arm"
    if step.route and not step.route.choices:
        yield "route needs at least one choice"
    for key, count in Counter(str(key) for key in _keys(step)).items():
        if count > 1:
            yield f"{count} keys of the route are written {key!r}; keep one"
    for name in (*(step.parallel.arms if step.parallel else ()), *_keys(step)):
        if not _NAME.fullmatch(str(name)):
            yield f"name {name!r} may not contain / [ ] # @"


def _map_problems(step: Step) -> Iterator[str]:
    if step.map is None:
        return
    for attribute in ("item", "index"):
        name = getattr(step.map, attribute)
        if not name.isidentifier() or name in ("inputs", "state"):
            yield f"map.{attribute} must be a name of your own, not {name!r}"
    if step.map.batch is not None:
        yield from count_problems("map.batch", step.map.batch)
    yield from _source_problems(step.map)
    if step.map.item == step.map.index:
        yield f"map.item and map.index are both {step.map.item!r}"


def _source_problems(part: Map) -> Iterator[str]:
    pages = part.over
    if not isinstance(pages, Pages):
        if part.activity is None:
            yield "map needs an activity to run for every item"
        if part.over is None:
            yield "map.over is what to run over; without items, give an empty list"
        return
    if pages.fetch is None:
        yield "map.over.fetch is what fetches a page; name it"
    if pages.max_pages is not None:
        yield from count_problems("map.over.max_pages", pages.max_pages)
    if part.batch is not None:
        yield "map.batch is for items; a page is a batch already"


def _loop_problems(step: Step) -> Iterator[str]:
    limit = step.loop.max_iterations if step.loop else None
    if limit is not None:
        yield from count_problems("loop.max_iterations", limit)
    if step.loop and step.loop.on_max not in ("end", "error"):
        yield f"loop.on_max must be end or error, not {step.loop.on_max!r}"
    if step.loop and step.loop.stream not in ("every", "last"):
        yield f"loop.stream must be every or last, not {step.loop.stream!r}"


def _keys(step: Step) -> Iterator[str]:
    yield from step.route.choices if step.route else ()


def _join_problems(step: Step) -> Iterator[str]:
    join = step.join
    if not join:
        return
    if join.count is not None:
        yield from count_problems("join.count", join.count)
    if join.branches and join.count is not None and join.count > len(join.branches):
        listed = len(join.branches)
        yield f"join.count is {join.count}, but {listed} branches are listed"
    places = Counter(join.mappings.values())
    for source, dest in join.mappings.items():
        branch = source.partition(".")[0]
        if join.branches and branch not in join.branches:
            yield f"join maps {source!r}, but does not list branch {branch!r}"
        if places[dest] > 1:
            yield f"join maps {source!r} to {dest!r}, as it does another; choose one"
        if "" in dest.split("."):
            yield f"join maps {source!r} to {dest!r}, which is no path"


def _store_problems(step: Step) -> Iterator[str]:
    wait = step.wait_signal
    stores = [step.store, wait.store if wait else None, *(c.store for c in step.catch)]
    for store in stores:
        if store and store.startswith("state."):
            yield f"store {store!r}: write the bare variable name, without 'state.'"
        elif store and "." in store:
            yield f"store {store!r}: a variable name may not contain a dot"


_STEP_CHECKS: tuple[Callable[[Step], Iterator[str]], ...] = (
    _kind_problems,
    _modifier_problems,
    _wait_problems,
    _composite_problems,
    _map_problems,
    _loop_problems,
    _join_problems,
    _store_problems,
)


def _joined_problems(workflow: Workflow, branches: set[str]) -> Iterator[str]:
    leading: dict[str, list[str | None]] = defaultdict(list)
    for step in workflow.steps:
        for edge in step.next:
            leading[edge.step].append(edge.branch)
    for step in workflow.steps:
        listed = list(step.join.branches) if step.join else []
        for branch in listed:
            if branch not in branches and branch != "main":
                yield f"step {step.name!r} joins {branch!r}, which no edge starts"
        if len(listed) == 1 and leading[step.name] == listed:
            yield f"step {step.name!r} joins only the branch that arrives at it"


def _unreachable(workflow: Workflow) -> Iterator[str]:
    seen = {workflow.start.name}
    pending = [workflow.start]
    while pending:
        for target in targets(pending.pop()):
            if target not in seen:
                seen.add(target)
                pending.append(workflow.step(target))
    for step in workflow.steps:
        if step.name and step.name not in seen:
            yield f"step {step.name!r} can never be reached; no edge leads to it"


def _interface_problems(workflow: Workflow, branches: set[str]) -> Iterator[str]:
    yield from follow_up_problems(workflow.on_complete)
    if workflow.timeout is not None and workflow.timeout <= 0:
        yield f"timeout must be positive, not {workflow.timeout:g} s"
    for kind, names in (
        ("input", [item.name for item in workflow.inputs]),
        ("output", [item.name for item in workflow.outputs]),
    ):
        for name, count in Counter(names).items():
            if count > 1:
                yield f"{count} {kind}s are named {name!r}; names must be unique"
    for item in workflow.inputs:
        if item.type not in INPUT_TYPES:
            yield (
                f"input {item.name!r} has type {item.type!r}, "
                f"which is none of {', '.join(INPUT_TYPES)}"
            )
        elif not item.required and not fits(item.type, item.default):
            yield (
                f"input {item.name!r} is {item.type}, but its default is "
                f"{item.default!r}"
            )
    for output in workflow.outputs:
        if output.variable.startswith("state."):
            yield f"output {output.name!r}: write the variable without 'state.'"
        if output.branch != "main" and output.branch not in branches:
            yield (
                f"output {output.name!r} reads branch {output.branch!r}, "
                "which no edge starts"
            )
    yield from output_problems(workflow)
