"""What a dynamic node can ask for: `Context`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import frozen

if TYPE_CHECKING:
    from actorflow.runtime.dynamic import DynamicActor


@frozen
class Question:
    """What is asked, and what counts as an answer."""

    prompt: str
    schema: Any = None
    id: str | None = None
    timeout: float | None = None
    default: Any = None

    @property
    def hint(self) -> Any:
        """The type an answer is brought back as."""
        return (
            Any if self.schema is None or isinstance(self.schema, dict) else self.schema
        )


def schema_of(hint: Any) -> Any:
    """Return what a program that lists questions can know of a type."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    if hint is None or isinstance(hint, dict | str):
        return hint
    return names.get(hint) or getattr(hint, "__name__", str(hint))


class Context:
    """Given to a dynamic node as its first argument.

    `run` and `map` are the only ways down. Everything else here, and plain asyncio, is
    recorded as well: after a restart the node meets the same values, in the same order.

    Attributes:
        execution_id: whose execution this is.
        address: which activation of it.
        random: a random source that gives the same numbers in every replay.
        log: a logger that is silent while the node replays.
    """

    def __init__(self, actor: DynamicActor, execution_id: str, address: str) -> None:
        self._actor = actor
        self.execution_id = execution_id
        self.address = address
        self.random = Random(f"{execution_id}:{address}")
        self.log = logging.getLogger(f"actorflow.node.{address}")
        self.log.addFilter(lambda _: not actor.replaying)

    def run(self, node: Any, /, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """Run an activity, a flow or another dynamic node; return its result.

        Calls are told apart by the task they are made in and their order there, or by
        the key of ``node.options(key=...)``; two calls with one key are one run.

        Raises:
            NodeFailed: it failed; `.cause` says why.
        """
        return self._actor.call(node, args, kwargs)

    def map(
        self,
        node: Any,
        items: Iterable[Any],
        *,
        max_concurrency: int | None = None,
        on_error: str = "wait",
    ) -> Awaitable[list[Any]]:
        """Run *node* for every item; return the results in order.

        Every item is resumable by itself.
        """
        return self._actor.call_map(node, list(items), max_concurrency, on_error)

    def emit(self, value: Any) -> Awaitable[None]:
        """Yield *value* upward; it is recorded before this returns."""
        return self._actor.emit(value)

    def wait_signal(self, topic: str, timeout: float | None = None) -> Awaitable[Any]:
        """Return the payload of the next signal on *topic*.

        Raises:
            TimeoutError: none came within *timeout* seconds.
        """
        return self._actor.wait_signal(topic, timeout)

    def ask(
        self,
        prompt: str,
        *,
        schema: Any = None,
        id: str | None = None,
        timeout: float | None = None,
        default: Any = None,
    ) -> Awaitable[Any]:
        """Ask a person (or a program) and return the answer, now or in three weeks.

        Args:
            prompt: the question.
            schema: the type the answer must have; it is validated when it is given.
            id: names the question for `Runtime.answer`; by default the call's number.
            timeout: seconds after which *default* is the answer.
        """
        question = Question(prompt, schema, id, timeout, default)
        return self._actor.ask_person(question)

    async def record(self, key: str, fn: Callable[..., Any], *args: Any) -> Any:
        """Return what *fn* returned when *key* was first recorded here."""
        return self._actor.record_value(key, fn, args)

    def patched(self, patch_id: str) -> bool:
        """Return whether to take the new way: False for what began on the old one."""
        return self._actor.patched(patch_id)

    def now(self) -> datetime:
        """Return the time of the latest event the node has taken in."""
        return datetime.fromtimestamp(self._actor.loop.now, UTC)

    def uuid4(self) -> UUID:
        """Return a random UUID that is the same in every replay."""
        return UUID(int=self.random.getrandbits(128), version=4)
