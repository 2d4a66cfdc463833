"""Event-sourced actors by key: there when a message comes, gone when none does."""

from __future__ import annotations

import threading
from typing import Any, Generic, TypeVar

from pykka import messages

from actorflow.actors.eventsourced import EventSourcedActor
from actorflow.actors.future import PooledFuture
from actorflow.actors.home import EventSourcedLog, register_events
from actorflow.actors.manager import Address, Deliver, EntityManager, Leave
from actorflow.actors.system import ActorSystem
from actorflow.actors.writer import LogWriter

E = TypeVar("E", bound=EventSourcedActor)


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
        self.manager = system.spawn(EntityManager, log, writer, max_active)

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
        self._entities.manager.tell(Leave(self._address, future))
        self._entities.system.wait(future, timeout)

    def stop(self, timeout: float | None = None) -> None:
        """Do as `passivate`: an actor with a key is never gone for good."""
        self.passivate(timeout)

    @property
    def actor_class(self) -> type[EventSourcedActor]:
        """The class of the actor."""
        return self._address[0]

    def _send(self, message: Any, reply_to: PooledFuture[Any] | None) -> None:
        self._entities.manager.tell(Deliver(self._address, message, reply_to))

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
