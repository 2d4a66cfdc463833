"""What is started when an execution has ended: completion hooks, follow-ups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import field, frozen

from actorflow.model.activities import node_name
from actorflow.model.misfits import several
from actorflow.model.plain import plainly
from actorflow.model.steps import BY_NAME

STATUSES = ("completed", "failed", "cancelled")


def _statuses(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else several(value)


@frozen(eq=False, field_transformer=plainly)
class FollowUp:
    """Something that is started, once, when an execution has ended.

    It is an execution of its own: with retries, a history and an end, which the one
    before it does not wait for. An activity makes it a completion hook.

    Attributes:
        start: an activity, a dynamic node, a flow, a workflow, or the name of one that
            the runtime knows.
        on: the ends that it is started after: ``completed``, ``failed``, ``cancelled``.
        parameters: its inputs, as in `Step`. They see the inputs of the execution, and
            ``execution_id``, ``status``, ``output`` and ``error``.
        name: the last part of its id; by default the name of what is started.
    """

    start: Any
    on: tuple[str, ...] = field(
        default=("completed",), converter=_statuses, kw_only=True
    )
    parameters: Any = field(default=BY_NAME, kw_only=True)
    name: str | None = field(default=None, kw_only=True)

    @property
    def label(self) -> str:
        """What tells it apart from others of the same execution."""
        return self.name or node_name(self.start)


def follow_ups(value: Any) -> tuple[FollowUp, ...]:
    """Return follow-ups as a tuple, whether one or several are given, or bare nodes."""
    if value is None:
        return ()
    each = value if isinstance(value, list | tuple) else (value,)
    return tuple(v if isinstance(v, FollowUp) else FollowUp(v) for v in each)


def follow_up_id(execution_id: str, label: str, count: int) -> str:
    """Return the id of what is started for the *count*-th time."""
    again = f"~{count}" if count > 1 else ""
    return f"{execution_id}/then/{label}{again}"


def follow_up_problems(given: Iterable[FollowUp]) -> Iterator[str]:
    """Yield what is wrong with the follow-ups of one definition, or of one start."""
    labels: set[str] = set()
    for each in given:
        label = each.label
        if label in labels:
            yield f"on_complete has two named {label!r}; name one with `name=`"
        labels.add(label)
        if not label or set(label) & set("/[]#@"):
            yield f"on_complete: name {label!r} may not be empty or contain / [ ] # @"
        if not each.on:
            yield f"on_complete {label!r}: `on` is empty, so it would never be started"
        for status in each.on:
            if status not in STATUSES:
                there = ", ".join(STATUSES)
                yield f"on_complete {label!r}: on {status!r} is none of {there}"
