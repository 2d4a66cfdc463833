"""Event-sourced actors by key: there when a message comes, gone when none does.

One manager actor routes. It knows who is in memory, activates whoever is not, and lets
go of whoever has been idle; a message that comes while an actor is leaving waits until
the next life of that actor.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from attrs import define, field
from pykka import messages
from pykka._envelope import Envelope

from actorflow.actors.eventsourced import (
    EventSourcedActor,
    EventSourcedLog,
    Leaving,
    Passivate,
    home_of,
    register_events,
)
from actorflow.actors.future import PooledFuture
from actorflow.actors.pooled import PooledActor
from actorflow.actors.ref import PooledRef
from actorflow.actors.supervision import Directive, Supervision
from actorflow.actors.system import ActorSystem
from actorflow.actors.writer import LogWriter

logger = logging.getLogger(__name__)

E = TypeVar("E", bound=EventSourcedActor)
Address = tuple[type[EventSourcedActor], str]

_MICRO = 1e-6


class Entities:
    """All event-sourced actors of one log.

    Args:
        system: where they live.
        log: their streams, and the codec of their events.
        writer: the one writer of that log.
        max_active: how many may be in memory; the least recently used leaves first.
    """

    def __init__(
        self,
        system: ActorSystem,
        log: EventSourcedLog,
        writer: LogWriter,
        *,
        max_active: int = 10_000,
    ) -> None:
        self.system = system
        self._log = log
        self._classes: dict[str, type[EventSourcedActor]] = {}
        self._lock = threading.Lock()
        self.manager = system.spawn(_Manager, log, writer, max_active)

    def ref(self, actor_class: type[E], key: str) -> EntityRef[E]:
        """Return a reference to the actor of that class and key; it costs nothing.

        Raises:
            TypeError: the class declares no events.
            ValueError: another class has its name, or an event another's tag.
        """
        name = actor_class.type_name or actor_class.__name__
        with self._lock:
            known = self._classes.get(name)
            if known is None:
                register_events(actor_class, self._log.codec)
                self._classes[name] = actor_class
            elif known is not actor_class:
                raise ValueError(
                    f"{name!r} is already the name of {known}; give {actor_class} "
                    "another `type_name`"
                )
        return EntityRef(self, actor_class, key)


class EntityRef(Generic[E]):
    """A reference to an event-sourced actor, whether it is in memory or not."""

    __slots__ = ("_address", "_entities")

    def __init__(self, entities: Entities, actor_class: type[E], key: str) -> None:
        self._entities = entities
        self._address: Address = (actor_class, key)

    def __repr__(self) -> str:
        return f"<EntityRef for {self._address[0].__name__}/{self._address[1]}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EntityRef) and self._address == other._address

    def __hash__(self) -> int:
        return hash(self._address)

    def ask(
        self, command: str, /, *args: Any, timeout: float | None = None, **kwargs: Any
    ) -> Any:
        """Call *command*; return its result when what it persisted is durable.

        Raises:
            OwnedError: the actor lives in another process.
            TimeoutError: no reply within *timeout* seconds.
            Exception: what the command raised.
        """
        return self._entities.system.wait(self.call(command, args, kwargs), timeout)

    def tell(self, command: str, /, *args: Any, **kwargs: Any) -> None:
        """Call *command* without waiting; what it raises is logged."""
        self._check(command)
        self._send(messages.ProxyCall((command,), args, kwargs), None)

    def proxy(self) -> EntityProxy[E]:
        """Return an object with the actor's commands; calling one gives a future."""
        return EntityProxy(self)

    def call(
        self, command: str, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> PooledFuture[Any]:
        """Call *command* and return a future of its result."""
        self._check(command)
        return self.request(messages.ProxyCall((command,), args, kwargs or {}))

    def request(self, message: Any) -> PooledFuture[Any]:
        """Send *message* (for `on_receive`) and return a future of the reply."""
        future: PooledFuture[Any] = PooledFuture()
        if self._entities.system.waiter is not None:
            future.wait_by(self._entities.system.waiter)
        self._send(message, future)
        return future

    def passivate(self, timeout: float | None = None) -> None:
        """Let the actor leave memory; return when it has.  A message brings it back."""
        future: PooledFuture[Any] = PooledFuture()
        self._entities.manager.tell(_Leave(self._address, future))
        self._entities.system.wait(future, timeout)

    def stop(self, timeout: float | None = None) -> None:
        """Do as `passivate`: an actor with a key is never gone for good."""
        self.passivate(timeout)

    @property
    def actor_class(self) -> type[EventSourcedActor]:
        """The class of the actor."""
        return self._address[0]

    def _send(self, message: Any, reply_to: PooledFuture[Any] | None) -> None:
        self._entities.manager.tell(_Deliver(self._address, message, reply_to))

    def _check(self, command: str) -> None:
        actor_class = self._address[0]
        offered = not command.startswith("_") and not hasattr(
            EventSourcedActor, command
        )
        if not offered or not callable(getattr(actor_class, command, None)):
            raise AttributeError(f"{actor_class.__name__} has no command {command!r}")


class EntityProxy(Generic[E]):
    """Pykka's proxy, for actors by key: calls and attributes are futures."""

    def __init__(self, ref: EntityRef[E]) -> None:
        self._ref = ref

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if callable(getattr(self._ref.actor_class, name, None)):
            return _Command(self._ref, name)
        return self._ref.request(messages.ProxyGetAttr((name,)))


class _Command:
    """One command of one actor."""

    def __init__(self, ref: EntityRef[Any], name: str) -> None:
        self._ref = ref
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> PooledFuture[Any]:
        return self._ref.call(self._name, args, kwargs)

    def defer(self, *args: Any, **kwargs: Any) -> None:
        """Call without a future, as in Pykka."""
        self._ref.tell(self._name, *args, **kwargs)


@define(eq=False)
class _Deliver:
    """A message on its way to an actor."""

    address: Address
    message: Any
    reply_to: PooledFuture[Any] | None


class _Leave(NamedTuple):
    """Somebody wants an actor to leave memory, and to know when it has."""

    address: Address
    reply_to: PooledFuture[Any]


class _Sweep(NamedTuple):
    """Some of those with this patience may have been idle for that long."""

    seconds: float


@define(eq=False)
class _Active:
    """An actor in memory, or on its way out."""

    ref: PooledRef[Any]
    used: float = 0.0
    leaving: bool = False
    waiting: list[_Deliver] = field(factory=list)
    when_gone: list[PooledFuture[Any]] = field(factory=list)


class _Manager(PooledActor):
    """Knows which actors are in memory."""

    supervision: ClassVar[Supervision] = Supervision(exceeded=Directive.STOP)
    watches_children: ClassVar[bool] = True

    def __init__(
        self, log: EventSourcedLog, writer: LogWriter, max_active: int
    ) -> None:
        super().__init__()
        self._log = log
        self._writer = writer
        self._max_active = max_active
        self._active: dict[Address, _Active] = {}
        self._addresses: dict[PooledRef[Any], Address] = {}
        self._idle: dict[float, OrderedDict[Address, _Active]] = {}
        self._sweeping: set[float] = set()

    def on_receive(self, message: _Deliver) -> None:
        """Give a message to its actor, which may have to be activated."""
        try:
            active = self._active.get(message.address) or self._activate(
                message.address
            )
        except Exception as error:
            if message.reply_to is None:
                raise
            message.reply_to.set_exception(error)
            return
        if active.leaving:
            active.waiting.append(message)
            return
        self._touch(message.address, active)
        active.ref.put(Envelope(message.message, message.reply_to))

    def _handle_receive(self, message: Any) -> Any:
        if isinstance(message, _Leave):
            return self._on_leave(message)
        if isinstance(message, Leaving):
            return self._passivate(self._addresses.get(message.ref))
        if isinstance(message, _Sweep):
            return self._on_sweep(message.seconds)
        return super()._handle_receive(message)

    def on_child_stopped(self, child: PooledRef[Any]) -> None:
        """Forget an actor that is gone; bring it back for messages that came since."""
        address = self._addresses.pop(child)
        active = self._active.pop(address)
        self._idle_of(address).pop(address, None)
        for future in active.when_gone:
            future.set()
        for message in active.waiting:
            self.on_receive(message)

    def _activate(self, address: Address) -> _Active:
        actor_class, key = address
        ref = self.spawn(actor_class)
        ref.put(home_of(actor_class, key, self._log, self._writer))
        active = self._active[address] = _Active(ref)
        self._addresses[ref] = address
        if len(self._addresses) > self._max_active:
            self._passivate(self._least_recently_used())
        return active

    def _touch(self, address: Address, active: _Active) -> None:
        active.used = self.system.clock.monotonic()
        idle = self._idle_of(address)
        idle[address] = active
        idle.move_to_end(address)
        self._plan_sweep(address[0].passivate_after)

    def _idle_of(self, address: Address) -> OrderedDict[Address, _Active]:
        return self._idle.setdefault(address[0].passivate_after, OrderedDict())

    def _least_recently_used(self) -> Address | None:
        oldest = [next(iter(idle.items())) for idle in self._idle.values() if idle]
        return min(oldest, key=lambda pair: pair[1].used)[0] if oldest else None

    def _on_leave(self, leave: _Leave) -> None:
        active = self._active.get(leave.address)
        if active is None:
            leave.reply_to.set()
            return
        active.when_gone.append(leave.reply_to)
        self._passivate(leave.address)

    def _passivate(self, address: Address | None) -> None:
        active = self._active.get(address) if address is not None else None
        if address is None or active is None or active.leaving:
            return
        self._idle_of(address).pop(address, None)
        active.leaving = True
        active.ref.put(Passivate())

    def _plan_sweep(self, seconds: float) -> None:
        idle = self._idle[seconds]
        if seconds in self._sweeping or not idle:
            return
        self._sweeping.add(seconds)
        first = next(iter(idle.values()))
        delay = first.used + seconds - self.system.clock.monotonic()
        self.system.timers.after(delay, self._actor_ref.put, _Sweep(seconds))

    def _on_sweep(self, seconds: float) -> None:
        self._sweeping.discard(seconds)
        idle = self._idle[seconds]
        latest = self.system.clock.monotonic() - seconds + _MICRO
        while idle and next(iter(idle.values())).used <= latest:
            self._passivate(next(iter(idle)))
        self._plan_sweep(seconds)
