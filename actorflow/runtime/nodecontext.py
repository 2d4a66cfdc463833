"""What a dynamic node can ask for: `Context`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from random import Random
from typing import Any, NoReturn, Protocol
from uuid import UUID

from attrs import frozen

from actorflow.runtime.context import AddressLog
from actorflow.runtime.nodechild import ChildHandle
from actorflow.runtime.typed import typed


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


class Host(Protocol):
    """What makes the calls: for a coroutine it returns awaitables, else results."""

    @property
    def replaying(self) -> bool:
        """Whether the node is still catching up."""
        ...

    def now(self) -> datetime:
        """Return the time of the latest event taken in."""
        ...

    def call(self, node: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a node."""
        ...

    def call_map(
        self, node: Any, items: list[Any], limit: int | None, on_error: str
    ) -> Any:
        """Run a node for every item."""
        ...

    def start_child(
        self, node: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> ChildHandle:
        """Start an execution of its own."""
        ...

    def emit(self, value: Any) -> Any:
        """Yield a value upward."""
        ...

    def sleep(self, seconds: float) -> Any:
        """Wait for so many seconds."""
        ...

    def wait_signal(self, topic: str, timeout: float | None) -> Any:
        """Wait for a signal."""
        ...

    def on_signal(self, topic: str, handler: Callable[[Any], Any]) -> None:
        """Handle the signals of a topic."""
        ...

    def on_update(
        self,
        name: str,
        handler: Callable[[Any], Any],
        validator: Callable[[Any], Any] | None,
    ) -> None:
        """Handle the updates of a name."""
        ...

    def on_query(self, name: str, function: Callable[..., Any]) -> None:
        """Answer the queries of a name."""
        ...

    def must_not_look(self) -> None:
        """Refuse to change anything while a query is being answered."""
        ...

    def continue_as_new(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Begin anew."""
        ...

    def close_handlers(self) -> Any:
        """Take no further messages."""
        ...

    @property
    def calls_made(self) -> int:
        """How many calls the node has made."""
        ...

    @property
    def seed(self) -> str:
        """What the node's chance comes from."""
        ...

    def ask_person(self, asked: Question) -> Any:
        """Wait for an answer."""
        ...

    def record(self, key: str, fn: Callable[..., Any], args: Any) -> Any:
        """Return what is recorded under a key."""
        ...

    def patched(self, patch_id: str) -> bool:
        """Return whether to take the new way."""
        ...


class _Log(AddressLog):
    """Is silent while the node replays."""

    def __init__(self, host: Host, address: str) -> None:
        super().__init__("actorflow.node", address)
        self._host = host

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        return not self._host.replaying and super().isEnabledFor(level)


def schema_of(hint: Any) -> Any:
    """Return what a program that lists questions can know of a type."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    if hint is None or isinstance(hint, dict | str):
        return hint
    return names.get(hint) or getattr(hint, "__name__", str(hint))


@typed()
class Context:
    """Given to a dynamic node as its first argument.

    `run`, `map`, `start_child` are the only ways down. Everything else here, and plain
    asyncio, is recorded as well: after a restart the node meets the same values, in the
    same order.

    In an ``async def`` node, `run`, `map`, `emit`, `sleep`, `wait_signal`, `ask` and
    `record` are awaited; in a ``def`` node they block, and return what they give.

    A node that leaves memory while it waits is unwound like a generator that is closed:
    its ``finally`` blocks run, and can call nothing here. What must happen once belongs
    into an activity.

    Attributes:
        execution_id: whose execution this is.
        address: which activation of it.
        branch: what the caller has set it apart under (``options(branch=...)``), or
            what it lies in; ``""`` if nothing.
    """

    __slots__ = ("_host", "_log", "_random", "address", "branch", "execution_id")

    def __init__(
        self, host: Host, execution_id: str, address: str, branch: str = ""
    ) -> None:
        self._host = host
        self.branch = branch
        self._random: Random | None = None
        self._log: _Log | None = None
        self.execution_id = execution_id
        self.address = address

    def __repr__(self) -> str:
        return f"<Context of {self.address} in {self.execution_id!r}>"

    @property
    def random(self) -> Random:
        """A random source that gives the same numbers in every replay."""
        self._host.must_not_look()
        if self._random is None:
            self._random = Random(self._host.seed)
        return self._random

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that is silent while the node replays."""
        if self._log is None:
            self._log = _Log(self._host, self.address)
        return self._log

    def run(self, node: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run an activity, a flow or another dynamic node; return its result.

        Calls are told apart by the task they are made in and their order there, or by
        the key of ``node.options(key=...)``: two calls with one key are one run, and
        only after a failure the key stands for another one. Other options of a call
        are ``retry``, ``timeout``, ``branch`` (sets it apart) and ``as_output`` (its
        result is this node's, which then returns nothing).

        Raises:
            NodeFailed: it failed; `.cause` says why.
        """
        return self._host.call(node, args, kwargs)

    def map(
        self,
        node: Any,
        items: Iterable[Any],
        *,
        max_concurrency: int | None = None,
        on_error: str = "wait",
    ) -> Any:
        """Run *node* for every item; return the results in order.

        Every item is resumable by itself.

        Raises:
            NodeFailed: an item failed, unless *on_error* is ``continue``: then the
                results are `Outcome`.
        """
        return self._host.call_map(node, list(items), max_concurrency, on_error)

    def start_child(self, workflow: Any, /, *args: Any, **kwargs: Any) -> ChildHandle:
        """Start a definition as an execution of its own; return its handle at once.

        It is started once, however often the node is replayed, under an id that follows
        from this execution's and from the place of the call. A node that ends well
        leaves its children at work; else see `Child`, which *workflow* may be.
        """
        return self._host.start_child(workflow, args, kwargs)

    def emit(self, value: Any) -> Any:
        """Yield *value* upward; it is recorded before this returns."""
        return self._host.emit(value)

    def sleep(self, seconds: float) -> Any:
        """Sleep, durably; in a coroutine `asyncio.sleep` does the same."""
        return self._host.sleep(seconds)

    def wait_signal(self, topic: str, timeout: float | None = None) -> Any:
        """Return the payload of the next signal on *topic*.

        Raises:
            TimeoutError: none came within *timeout* seconds.
            HandlerError: the node handles that topic by `on_signal`.
        """
        return self._host.wait_signal(topic, timeout)

    def on_signal(self, topic: str, handler: Callable[[Any], Any]) -> None:
        """Call *handler* with every signal on *topic*, while the node does the rest.

        Signals are handled in order, one after the other; handlers of different topics
        overlap. The handler is given the payload, as what its parameter is annotated
        with. In an ``async def`` node it may be a coroutine function, and may do all
        that the node may. What it raises fails the node.

        A node that returns takes no further signals, and waits for handlers that are
        at work; a node that fails cancels them. What it has not taken stays for others.

        Raises:
            HandlerError: the topic has a handler here, or it does not take a payload.
        """
        self._host.on_signal(topic, handler)

    def on_update(
        self,
        name: str,
        handler: Callable[[Any], Any],
        validator: Callable[[Any], Any] | None = None,
    ) -> None:
        """Call *handler* with every update of that name; what it returns is the answer.

        Callers send updates by `Runtime.ask`. Like signals, those of one name are
        handled one after the other, while the node does the rest.

        An update is recorded when it is accepted: when its value can be read as what
        the handler's parameter is annotated with, and *validator* has not raised. What
        the handler raises fails the update, not the node.

        Args:
            name: of the update.
            handler: takes the value; like that of `on_signal`.
            validator: takes the value and raises if it is to be refused, with the
                reason. It only looks: it is not called again on replay.

        Raises:
            HandlerError: the name has a handler here, or it does not take a value.
        """
        self._host.on_update(name, handler, validator)

    def close_handlers(self) -> Any:
        """Take no further signals and updates; return when no handler is at work.

        What comes later is kept for others, or for the node when it has continued as
        new. Awaited in an ``async def`` node; and not from handlers themselves, which
        would wait for their own end.
        """
        return self._host.close_handlers()

    def on_query(self, name: str, function: Callable[..., Any]) -> None:
        """Let *function* answer every query of that name, by `Runtime.query`.

        It is called between two steps of the node, returns at once, and only looks:
        nothing of it is recorded.

        Raises:
            HandlerError: the name is taken here, or it is not a plain function.
        """
        self._host.on_query(name, function)

    def ask(
        self,
        prompt: str,
        *,
        schema: Any = None,
        id: str | None = None,
        timeout: float | None = None,
        default: Any = None,
    ) -> Any:
        """Ask a person (or a program) and return the answer, now or in three weeks.

        Args:
            prompt: the question.
            schema: the type the answer must have, or a JSON Schema; it is validated
                when it is given.
            id: names the question for `Runtime.answer`; by default its address.
            timeout: seconds after which *default* is the answer.
            default: see *timeout*.
        """
        return self._host.ask_person(Question(prompt, schema, id, timeout, default))

    def continue_as_new(self, *args: Any, **kwargs: Any) -> NoReturn:
        """End here, and begin anew with other inputs and nothing to replay.

        For a node that goes on for ever, so that its history does not. It stays the
        same execution and address: who waits for the result, or reads what is emitted,
        goes on doing so. Signals that were not taken are there for the new run, which
        installs its handlers itself. What the node has running is left, as when it
        returns.

        Not from handlers or tasks: there it is for the node itself to notice.

        Raises:
            ActivityError: the inputs do not fit the node.
            HandlerError: the node has handlers; `close_handlers` first, and take the
                inputs then.
        """
        self._host.continue_as_new(args, kwargs)
        raise AssertionError  # the host has raised

    def record(self, key: str, fn: Callable[..., Any], *args: Any) -> Any:
        """Return what *fn* returned when *key* was first recorded here."""
        return self._host.record(key, fn, args)

    def patched(self, patch_id: str) -> bool:
        """Return whether to take the new way: False for what began on the old one."""
        return self._host.patched(patch_id)

    @property
    def calls_made(self) -> int:
        """How many calls the node has made: what a replay has to make again."""
        return self._host.calls_made

    def now(self) -> datetime:
        """Return the time of the latest event the node has taken in."""
        return self._host.now()

    def uuid4(self) -> UUID:
        """Return a random UUID that is the same in every replay."""
        return UUID(int=self.random.getrandbits(128), version=4)
