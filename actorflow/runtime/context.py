"""What an activity can ask of the runtime while it runs: `ActivityContext`."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Coroutine, Generator, MutableMapping
from datetime import UTC, datetime
from functools import cached_property
from random import Random
from typing import Any, NamedTuple, Protocol, TypeVar

from actorflow.actors.clock import Clock, SystemClock
from actorflow.model.plain import plain
from actorflow.runtime.typed import typed

T = TypeVar("T")


class AddressLog(logging.LoggerAdapter[logging.Logger]):
    """Names an address in every message; one logger serves all of them."""

    def __init__(self, name: str, address: str) -> None:
        super().__init__(logging.getLogger(name), {"address": address})

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Put the address before the message, and into the record's attributes."""
        extra = {**(self.extra or {}), **kwargs.get("extra", {})}
        return f"{extra['address']}: {msg}", {**kwargs, "extra": extra}


class Parked(BaseException):
    """Unwinds an activity that waits; it is entered again when the wait is over.

    Not an `Exception`, so that an activity's ``except Exception`` lets it through.
    """


class RecordValue(NamedTuple):
    """Write *value* into the activity history, unless *key* is there already."""

    key: str
    value: Any


class AskSignal(NamedTuple):
    """Give me the signal of wait number *ordinal*, or let me be parked."""

    ordinal: int
    topic: str
    timeout: float | None


class Flush(NamedTuple):
    """Answer when everything that was yielded is durable."""


class Report(NamedTuple):
    """Record an event that nobody waits for to be decided upon."""

    event: Any


class Bridge(Protocol):
    """The way from a running activity to its actor and back."""

    def call(self, request: Any) -> Any:
        """Send *request*; block until what it caused is durable; return the reply."""
        ...

    def acall(self, request: Any) -> Coroutine[Any, Any, Any]:
        """Do the same from asyncio."""
        ...


CREDIT = 64
"""Values an activity may yield before the first of them must be durable."""


class Given:
    """A value was yielded; await this to go on when it may be followed by more."""

    __slots__ = ("_bridge",)

    def __init__(self, bridge: Bridge | None) -> None:
        self._bridge = bridge

    def __await__(self) -> Generator[Any, None, None]:
        if self._bridge is not None:
            yield from self._bridge.acall(Flush()).__await__()


@typed(but=("progress",))
class ActivityContext:
    """Given to an activity that has a parameter annotated with this class.

    In an ``async def`` activity `record` and `wait_signal` are awaited; in a ``def``
    they block. `progress`, `heartbeat` and `emit` return at once in both.

    Attributes:
        execution_id: whose execution this is.
        address: which activation of it.
        attempt: which try, from 1.
        visit: the how-manieth entry under this address, from 1.
        idempotency_key: the same for every try; hand it to the outside world, so that
            an effect whose record was lost in a crash is not repeated.
        branch: what a dynamic node has set it apart under (``options(branch=...)``),
            or what it lies in; ``""`` if nothing.
    """

    def __init__(
        self,
        execution_id: str,
        address: str,
        *,
        attempt: int = 1,
        visit: int = 1,
        history: dict[str, Any] | None = None,
        answers: dict[int, Any] | None = None,
        heartbeat: Any = None,
        bridge: Bridge | None = None,
        values: Any = None,
        is_async: bool = False,
        branch: str = "",
        clock: Clock | None = None,
        chance: Random | None = None,
    ) -> None:
        self.execution_id = execution_id
        self.branch = branch
        self.address = address
        self.attempt = attempt
        self.visit = visit
        self.idempotency_key = f"{execution_id}:{address}:{visit}"
        self._heartbeat = heartbeat
        self._history = history or {}
        self._answers = answers or {}
        self._bridge = bridge
        self._values = values
        self._is_async = is_async
        self._waits = 0
        self._emitted = 0
        self._cancelled = False
        self._clock = clock
        self._chance = chance

    @cached_property
    def random(self) -> Random:
        """Chance, which a simulation can repeat; record what you do with it."""
        return Random(None if self._chance is None else self._chance.getrandbits(64))

    def now(self) -> datetime:
        """Return the time of the runtime's clock; record what you do with it."""
        return datetime.fromtimestamp((self._clock or SystemClock()).time(), UTC)

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that names the address."""
        return AddressLog("actorflow.activity", self.address)

    @property
    def cancelled(self) -> bool:
        """Whether the outcome no longer matters; a long activity should then stop."""
        return self._cancelled

    def cancel(self) -> None:
        """Tell the activity that its outcome no longer matters."""
        self._cancelled = True

    def record(self, key: str, fn: Callable[..., T], *args: Any, **kwargs: Any) -> Any:
        """Return what *fn* returned when *key* was first recorded here.

        The first call runs *fn* and makes its value durable before it returns; an
        exception is not recorded. The scope is this activation: retries, re-entries
        and restarts see the value, other steps, visits and items do not.
        """
        if self._is_async:
            return self._record_async(key, fn, args, kwargs)
        if key in self._history:
            return self._recall(key, fn)
        value = fn(*args, **kwargs)
        self._keep(key, self._live().call(self._to_record(key, value, fn)))
        return self._recall(key, fn)

    async def _record_async(
        self, key: str, fn: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        if key not in self._history:
            value = fn(*args, **kwargs)
            if inspect.isawaitable(value):
                value = await value
            request = self._to_record(key, value, fn)
            self._keep(key, await self._live().acall(request))
        return self._recall(key, fn)

    def _to_record(self, key: str, value: Any, fn: Any) -> RecordValue:
        hint = return_hint(fn)
        return RecordValue(
            key, self._values.to_record(value, hint, path=f"record({key!r})")
        )

    def _keep(self, key: str, data: Any) -> None:
        self._history[key] = data

    def _recall(self, key: str, fn: Any) -> Any:
        hint = return_hint(fn)
        path = f"record({key!r})"
        return self._values.from_data(self._history[key], hint, path=path)

    def wait_signal(self, topic: str, timeout: float | None = None) -> Any:
        """Return the payload of the next signal on *topic*.

        The wait is durable: while nothing is there the activity is left, and it is
        entered again from its top when the signal comes; what it had `record`-ed, and
        waits that ended before, replay.

        Raises:
            TimeoutError: no signal came within *timeout* seconds.
        """
        request = AskSignal(self._waits, topic, timeout)
        self._waits += 1
        if self._is_async:
            return self._wait_async(request)
        answer = self._answers.get(request.ordinal)
        return self._answered(request, answer or self._live().call(request))

    async def _wait_async(self, request: AskSignal) -> Any:
        answer = self._answers.get(request.ordinal)
        return self._answered(request, answer or await self._live().acall(request))

    def _answered(self, request: AskSignal, answer: Any) -> Any:
        if answer is None:
            raise Parked
        if answer.timed_out:
            msg = f"no signal on {request.topic!r} within {request.timeout:g} s"
            raise TimeoutError(msg)
        return self._values.from_data(answer.payload, path=f"signal({request.topic!r})")

    def progress(
        self, done: float, total: float | None = None, message: str | None = None
    ) -> None:
        """Tell how far the activity is; recorded, and seen by whoever watches."""
        self._report("progress", *_plain_progress(done, total, message))

    def heartbeat(self, detail: Any = None) -> None:
        """Tell that the activity is alive; anything else it tells does so as well.

        A *detail* is recorded, if it is another than before: should this attempt fail,
        or its process die, the next finds it in `last_heartbeat`.
        """
        data = None
        if detail is not None:
            data = self._values.to_record(detail, path="heartbeat")
        self._report("heartbeat", data)

    @property
    def last_heartbeat(self) -> Any:
        """The last detail that an earlier attempt of this activation told, or None."""
        return self._values.from_data(self._heartbeat, path="heartbeat")

    def emit(self, value: Any) -> Given:
        """Yield *value* upward, to whoever reads `emitted()`.

        A ``def`` is held up while many of its values are not durable yet. An ``async
        def`` is where it awaits what this returns; it need not.
        """
        self._report("emit", self._values.to_record(value, path="emit"))
        self._emitted += 1
        if self._emitted % CREDIT:
            return Given(None)
        if self._is_async:
            return Given(self._live())
        self._live().call(Flush())
        return Given(None)

    def _report(self, *what: Any) -> None:
        bridge: Any = self._live()
        bridge.report(*what)

    def _live(self) -> Bridge:
        if self._bridge is None:
            msg = (
                "this context cannot reach the runtime: an activity in a process pool "
                "has only `execution_id`, `address`, `attempt` and `idempotency_key`"
            )
            raise RuntimeError(msg)
        return self._bridge


def _plain_progress(
    done: Any, total: Any, message: Any
) -> tuple[float | None, float | None, str | None]:
    """Return progress as it can be recorded, whatever kind of number and text it is."""
    return (
        None if done is None else float(plain(done)),
        None if total is None else float(plain(total)),
        None if message is None else str(message).encode("utf-8", "replace").decode(),
    )


def return_hint(fn: Any) -> Any:
    """Return a callable's return annotation, or Any."""
    try:
        hint = inspect.signature(fn, eval_str=True).return_annotation
    except (ValueError, TypeError, NameError, AttributeError, SyntaxError):
        return Any
    return Any if hint is inspect.Signature.empty else hint
