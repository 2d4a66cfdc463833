"""What is recorded of an exception that came out of a dynamic node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import evolve

from actorflow.errors import NodeFailed, NonDeterminismError, UnrecordableError
from actorflow.log.codec import Codec
from actorflow.model.events import Failure
from actorflow.model.policy import failure_of

DEPTH = 20
"""How far back the causes of an exception are followed."""


def failure_in(error: BaseException, address: str, node: str) -> Failure:
    """Return the failure of a node: that of its child, if it let that through.

    Otherwise the node's own, with those of children that led to it as causes; a retry
    repeats these.
    """
    recorded = _recorded(error)
    if recorded is not None:
        return recorded
    failure = failure_of(error, address=address, node=node)
    return evolve(failure, causes=tuple(dict.fromkeys(_behind(error, DEPTH))))


def recordable(details: Any, codec: Codec) -> Any:
    """Return what is attached to a failure, or a description of it."""
    try:
        return codec.to_data(details, path="details")
    except UnrecordableError:
        try:
            return repr(details).encode("utf-8", "replace").decode()
        except Exception:  # noqa: BLE001 - it is anybody's code
            return f"<{type(details).__qualname__}>"


def diverged(error: NonDeterminismError, address: str, node: str) -> Failure:
    """Return the failure of an execution whose code is not that of its log."""
    failure = failure_of(error, address=address, node=node)
    details = {
        "address": error.address,
        "expected": error.expected,
        "got": error.got,
        "seq": error.seq,
        "place": error.place,
    }
    return evolve(failure, type="fatal", details=details)


def _recorded(error: BaseException) -> Failure | None:
    found = getattr(
        error, "cause" if isinstance(error, NodeFailed) else "failure", None
    )
    return found if isinstance(found, Failure) else None


def _behind(error: BaseException, depth: int) -> Iterator[Failure]:
    """Yield the recorded failures among what led to an exception."""
    if isinstance(error, BaseExceptionGroup):
        led: list[BaseException | None] = list(error.exceptions)
    elif error.__cause__ is not None or error.__suppress_context__:
        led = [error.__cause__]
    else:
        led = [error.__context__]
    for each in led:
        if each is None or not depth:
            continue
        recorded = _recorded(each)
        if recorded is not None:
            yield recorded
        else:
            yield from _behind(each, depth - 1)
