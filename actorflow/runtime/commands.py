"""Which commands the inbox may bring, and what their arguments must look like.

The inbox is a table that other programs can write to. What comes out of it is checked
before an execution sees it: a row that makes no sense is left where it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, get_origin, get_type_hints

from actorflow.errors import UnreadableError
from actorflow.log.port import InboxRow
from actorflow.runtime.execution import ExecutionActor
from actorflow.runtime.messages import Command

INTERNAL = frozenset({"begin", "give_up", "go_on", "release", "restart", "wake"})
"""Commands that a runtime gives itself; from outside they are nonsense."""


def command_of(row: InboxRow) -> Command:
    """Return the command that another process left.

    Raises:
        UnreadableError: there is no such command, or its arguments do not fit it.
    """
    command = _commands().get(row.command)
    if command is None:
        known = ", ".join(sorted(_commands()))
        raise UnreadableError(
            "command", f"{row.command!r} is unknown here; there are {known}"
        )
    _check(row.command, inspect.signature(command), get_type_hints(command), row.data)
    return Command(row.command, dict(row.data), row.id)


def _check(
    name: str,
    signature: inspect.Signature,
    hints: Mapping[str, Any],
    data: Mapping[str, Any],
) -> None:
    try:
        signature.bind(None, **data)
    except TypeError as error:
        raise UnreadableError(name, str(error)) from None
    for key, value in data.items():
        hint = hints[key]
        if get_origin(hint) is dict:
            hint = dict
        if hint is not Any and not isinstance(value, hint):
            kind = type(value).__name__
            raise UnreadableError(f"{name}.{key}", f"it is {kind}, not {hint}")


@cache
def _commands() -> Mapping[str, Callable[..., Any]]:
    """Return what an execution can be told, by name."""
    there = {
        name.removeprefix("do_"): method
        for name, method in inspect.getmembers(ExecutionActor, inspect.isfunction)
        if name.startswith("do_")
    }
    return {
        "answer": _answer,
        "update": _update,
        "follow_up": _follow_up,
        **{name: method for name, method in there.items() if name not in INTERNAL},
    }


def _answer(
    self: Any,
    question: str,
    value: Any,
    by: str | None = None,
) -> None:
    """An answer has no method of its own: its question replies."""


def _follow_up(self: Any, workflow: str, id: str, inputs: dict[str, Any]) -> None:
    """What follows an end has no method either: the directory starts it."""


def _update(
    self: Any,
    name: str,
    key: str,
    value: Any = None,
    keyed: bool = False,  # noqa: FBT001, FBT002 - as it is in the row
) -> None:
    """An update has no method of its own: it waits for its node."""
