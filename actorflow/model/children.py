"""Child executions: a definition that is run as an execution of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from attrs import field, frozen

from actorflow.model.activities import (
    attempt_problems,
    node_name,
    retries,
    with_options,
)
from actorflow.model.plain import plainly
from actorflow.model.policy import Retry, optional_seconds

ParentClose = Literal["cancel", "abandon"]
PARENT_CLOSE = ("cancel", "abandon")
MAX_DEPTH = 100
"""How deep children may have children: deeper is a recursion without an end."""


@frozen(eq=False, slots=False, field_transformer=plainly)
class Child:
    """A node that runs a definition as an execution of its own.

    It has its own stream and an id that follows from its parent's and from where it is
    called, so that it is started once, whatever crashes. Its parent waits for it
    durably, in whatever process either of them runs.

    Attributes:
        workflow: a workflow, a flow, a dynamic node, an activity, or the name of one of
            the runtime's definitions.
        on_parent_close: what becomes of it when its parent fails, is cancelled, or does
            not want its result any more: ``cancel``, or ``abandon`` (it goes on alone).
            A parent that pauses takes those along that it would cancel.
        retry: when to let a failed child go on; what it has completed stays.
        key: of a call in a dynamic node: stays the same when code moves.
        branch: as of an activity; *as_output* likewise.
    """

    workflow: Any
    on_parent_close: ParentClose = field(default="cancel", kw_only=True)
    retry: tuple[Retry, ...] = field(default=(), converter=retries, kw_only=True)
    timeout: float | None = field(
        default=None, converter=optional_seconds, kw_only=True
    )
    key: str | None = field(default=None, kw_only=True)
    branch: str | None = field(default=None, kw_only=True)
    as_output: bool = field(default=False, kw_only=True)

    @property
    def name(self) -> str:
        """The name of its definition."""
        return node_name(self.workflow)

    def options(self, **changes: Any) -> Child:
        """Return a copy with other settings; the original is untouched.

        Raises:
            DefinitionError: a setting does not exist or has no meaning.
        """
        return with_options(self, changes, child_problems)


def as_child(node: Any) -> Child | None:
    """Return *node* as a `Child`; None for None."""
    return node if node is None or isinstance(node, Child) else Child(node)


def child_problems(child: Child) -> Iterator[str]:
    """Yield what is wrong with a child's settings."""
    if child.on_parent_close not in PARENT_CLOSE:
        there = " or ".join(PARENT_CLOSE)
        yield f"on_parent_close must be {there}, not {child.on_parent_close!r}"
    yield from attempt_problems(child)


def child_id(parent: str, starts: int, address: str, visit: int) -> str:
    """Return the id of the child that an activation of *parent* stands for.

    *starts* is how often the parent was started: one that was restarted under its id
    starts children of its own.
    """
    anew = f"~{starts}" if starts > 1 else ""
    again = f"~{visit}" if visit > 1 else ""
    return f"{parent}{anew}/{address}{again}"
