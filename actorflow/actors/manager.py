"""Who of the event-sourced actors is in memory: the one actor that routes to them.

It activates whoever is not there, and lets go of whoever has been idle; a message that
comes while an actor is leaving waits until the next life of that actor.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, ClassVar, NamedTuple

from attrs import define, field
from pykka._envelope import Envelope

from actorflow.actors.eventsourced import (
    EventSourcedActor,
    Leaving,
    Passivate,
    StreamLost,
)
from actorflow.actors.future import PooledFuture
from actorflow.actors.home import EventSourcedLog, Home, home_of
from actorflow.actors.pooled import PooledActor
from actorflow.actors.ref import PooledRef
from actorflow.actors.supervision import Directive, Supervision
from actorflow.actors.writer import LogWriter
from actorflow.errors import FencedError
from actorflow.log.port import ACTOR

Address = tuple[type[EventSourcedActor], str]

_MICRO = 1e-6


@define(eq=False)
class Deliver:
    """A message on its way to an actor."""

    address: Address
    message: Any
    reply_to: PooledFuture[Any] | None


class Leave(NamedTuple):
    """Somebody wants an actor to leave memory, and to know when it has."""

    address: Address
    reply_to: PooledFuture[Any]


class Recheck(NamedTuple):
    """The lease had run out: others may have taken actors that are in memory."""


class _Sweep(NamedTuple):
    """Some of those with this patience may have been idle for that long."""

    seconds: float


@define(eq=False)
class _Active:
    """An actor in memory, or on its way out."""

    ref: PooledRef[Any]
    used: float = 0.0
    leaving: bool = False
    waiting: list[Deliver] = field(factory=list)
    when_gone: list[PooledFuture[Any]] = field(factory=list)


class EntityManager(PooledActor):
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

    def on_receive(self, message: Deliver) -> None:
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
        if isinstance(message, Leave):
            return self._on_leave(message)
        if isinstance(message, Leaving):
            return self._passivate(self._addresses.get(message.ref))
        if isinstance(message, Recheck):
            return self._on_recheck()
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

    def _on_leave(self, leave: Leave) -> None:
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

    def _on_recheck(self) -> None:
        """Tell those that have been taken: until they write they would not notice."""
        for active in self._active.values():
            home: Home | None = active.ref.context
            stream = None if home is None else home.stream
            if stream is None or stream.id is None or stream.lost is not None:
                continue
            row = self._log.find(ACTOR, stream.name)
            if row is not None and row.epoch != stream.epoch:
                stream.lost = FencedError(stream.name, stream.epoch)
                active.ref.put(StreamLost(stream))

    def _on_sweep(self, seconds: float) -> None:
        self._sweeping.discard(seconds)
        idle = self._idle[seconds]
        latest = self.system.clock.monotonic() - seconds + _MICRO
        while idle and next(iter(idle.values())).used <= latest:
            self._passivate(next(iter(idle)))
        self._plan_sweep(seconds)
