"""Which variables the branches of a graph can ever have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import frozen

from actorflow.model.definition import Workflow
from actorflow.model.steps import REQUIRED, Step

_NUMBERED = re.compile(r".+-[0-9]+")


@frozen
class Variables:
    """The names that something writes.

    Attributes:
        numbered: whether branches without a name of their own are joined, whole.
    """

    names: frozenset[str]
    numbered: bool = False

    def __contains__(self, name: str) -> bool:
        return name in self.names or (
            self.numbered and _NUMBERED.fullmatch(name) is not None
        )

    def __str__(self) -> str:
        return ", ".join(sorted(self.names)) or "none"


def variables_of(workflow: Workflow) -> Variables:
    """Return what the state, the steps and the joins of a graph can write."""
    names = {*workflow.state}
    named = {e.branch for step in workflow.steps for e in step.next if e.branch}
    numbered = False
    for step in workflow.steps:
        names.update(_stored(step))
        if step.join is None:
            continue
        mapped = {source for source in step.join.mappings if "." not in source}
        whole = set(step.join.branches) or {*named, "main"}
        names |= whole - mapped
        names |= {place.partition(".")[0] for place in step.join.mappings.values()}
        numbered = numbered or not step.join.branches
    return Variables(frozenset(names), numbered)


def _stored(step: Step) -> Iterator[str]:
    stores = [step.store, *(catch.store for catch in step.catch)]
    if step.wait_signal:
        stores.append(step.wait_signal.store)
    yield from (store for store in stores if store)


def output_problems(workflow: Workflow) -> Iterator[str]:
    """Yield every output that is taken from a variable which nothing writes."""
    there = variables_of(workflow)
    wanted = [
        (f"output {output.name!r}", output.variable)
        for output in workflow.outputs
        if output.default is REQUIRED
    ]
    if workflow.result not in (None, "*"):
        wanted.append((f"output {workflow.result!r}", workflow.result))
    for what, path in wanted:
        name = path.partition(".")[0]
        if name not in there and not path.startswith("state."):
            yield f"{what}: nothing writes the variable {name!r}; there are: {there}"
