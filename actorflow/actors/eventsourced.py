"""Actors whose state is a fold over their own recorded events.

A command decides and calls `persist`; the events are folded into the state at once and
written behind; whatever leaves the actor (a reply, an error) waits until everything it
may be based on is durable. So nothing unrecorded is ever visible outside, and many
commands share a commit.

A message is all or nothing: when its handler raises, the events it persisted are taken
back, and the state is folded again from the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from pykka import messages

from actorflow.actors.declared import event
from actorflow.actors.home import Home
from actorflow.actors.pooled import PooledActor
from actorflow.actors.ref import RUNNING, Phase, PooledRef
from actorflow.actors.supervision import Directive
from actorflow.errors import LogCorruptError, OwnedError, UnreadableError
from actorflow.log.port import Snapshot, Stream, Summary, Write
from actorflow.model.events import Recorded

__all__ = ["EventSourcedActor", "event"]

logger = logging.getLogger(__name__)


class Passivate(NamedTuple):
    """Leave memory, once everything is durable."""


class Leaving(NamedTuple):
    """An actor wants to leave memory and tells its parent."""

    ref: PooledRef[Any]


class StreamLost(NamedTuple):
    """A write was refused: what the actor knows is not what the log knows."""

    stream: Stream


class EventSourcedActor(PooledActor):
    """An actor that remembers by events.  Made by `Entities`, by key.

    Subclasses write commands (public methods, called by `EntityRef`), in which they
    call `persist`, and `apply`, which folds one event into the state and does nothing
    else.
    """

    events: ClassVar[tuple[type[Any], ...]] = ()
    """The events this class folds; by default what `apply` is annotated with."""

    type_name: ClassVar[str] = ""
    """What the log calls this class; by default its name."""

    snapshot_every: ClassVar[int] = 100
    """Events after which a snapshot is stored, if `to_snapshot` gives one."""

    snapshot_format: ClassVar[str] = "1"
    """Change it with the shape of snapshots: older ones are then ignored."""

    passivate_after: ClassVar[float] = 60.0
    """Seconds without a message after which the actor leaves memory."""

    _wraps_on_receive: ClassVar[bool] = True
    _folding = False
    _poison: Exception | None = None
    _leaving = False

    def __init__(self) -> None:
        """Create the state before any event; subclasses call this first."""
        super().__init__()
        self._unrecorded: list[Recorded] = []

    # -- for subclasses --

    def apply(self, event: Any) -> None:
        """Fold *event* into the state: live, and on replay."""
        raise TypeError(f"{type(self).__name__} does not define apply({event!r})")

    def to_snapshot(self) -> Any:
        """Return the state as a recordable value; None for no snapshots."""
        return None

    def from_snapshot(self, value: Any) -> None:
        """Take the state that `to_snapshot` gave."""
        raise TypeError(
            f"{type(self).__name__} does not define from_snapshot({value!r})"
        )

    def persist(self, *events: Any) -> None:
        """Record *events*, which have happened, and fold them into the state.

        The reply to the message at hand waits until they are durable.

        Raises:
            UnrecordableError: one of them cannot be recorded; then none is.
        """
        home = self._home()
        assert home.stream is not None
        if self._folding:
            raise RuntimeError("apply() only folds; persist() belongs into a command")
        if home.stream.lost is not None:
            raise home.stream.lost
        home.check(events)
        time = self.system.clock.time()
        for each in events:
            home.stream.head += 1
            self._unrecorded.append(Recorded(home.stream.head, time, "", each))
            self._fold(each)

    def stop(self) -> None:
        """Leave memory; the parent stops sending messages here first."""
        ref = self._actor_ref
        if ref.parent is not None:
            ref.parent.put(Leaving(ref))

    # -- messages --

    def _handle_receive(self, message: Any) -> Any:
        if isinstance(message, Passivate):
            return self._leave(self._actor_ref)
        if isinstance(message, StreamLost):
            return self._recover_from_loss(self._actor_ref, message.stream)
        if isinstance(message, messages.ProxySetAttr):
            raise AttributeError("the state changes by events only")  # noqa: TRY004
        response = super()._handle_receive(message)
        self._commit()
        return response

    def _receive(self, message: Any) -> Any:
        if type(message) is Home:
            self._actor_ref.context = message
            self._recover(self._actor_ref)
            return None
        response = self.on_receive(message)
        self._commit()
        return response

    def _reply(self, reply_to: Any, response: Any) -> None:
        self._when_durable(reply_to, (reply_to.set, response))

    def _receive_failed(
        self, ref: PooledRef[Any], reply_to: Any, error: Exception
    ) -> None:
        """Take back what the message persisted, and tell the caller."""
        dirty = bool(self._unrecorded)
        if dirty:
            home = self._home()
            assert home.stream is not None
            home.stream.head -= len(self._unrecorded)
            self._unrecorded = []
        if reply_to is not None:
            self._when_durable(reply_to, (reply_to.set_exception, error))
        else:
            logger.warning("%s refused a message:", self, exc_info=error)
        if dirty:
            self._close(ref, Directive.RESTART, None)

    def _when_durable(self, reply_to: Any, effect: tuple[Any, ...]) -> None:
        home: Home | None = self._actor_ref.context
        if home is None or not home.in_flight:
            effect[0](*effect[1:])
            return

        def refuse(_: Stream | None, error: Exception) -> None:
            reply_to.set_exception(error)

        home.writer.then(effect, stream=home.stream, on_lost=refuse)

    # -- recording --

    def _home(self) -> Home:
        home: Home | None = self._actor_ref.context
        if home is None or home.stream is None:
            raise RuntimeError(f"{self} has no stream: get it from Entities")
        return home

    def _fold(self, event: Any) -> None:
        self._folding = True
        try:
            self.apply(event)
        except Exception as error:
            self._poison = error
            raise
        finally:
            self._folding = False

    def _commit(self) -> None:
        """Hand the events of one message to the log."""
        if not self._unrecorded:
            return
        if self._poison is not None:  # apply() failed, whatever the command made of it
            raise self._poison
        home = self._home()
        assert home.stream is not None
        snapshot = self._snapshot(home, home.stream.head, self.snapshot_every)
        events, self._unrecorded = self._unrecorded, []
        write = Write(home.stream, events, snapshot=snapshot)
        if not home.created:
            write.create, write.summary, home.created = True, Summary("active"), True
        home.writer.append(
            write, (home.made_durable, home.stream.head), on_lost=self._on_lost()
        )

    def _on_lost(self) -> Callable[[Stream | None, Exception], object]:
        ref = self._actor_ref

        def on_lost(stream: Stream | None, _: Exception) -> None:
            assert stream is not None
            ref.put(StreamLost(stream))

        return on_lost

    def _snapshot(self, home: Home, seq: int, every: int) -> Snapshot | None:
        if seq - home.snapshot_at < every:
            return None
        home.snapshot_at = seq
        path = f"{home.name}.to_snapshot()"
        try:
            value = self.to_snapshot()
            data = value is not None and home.log.codec.to_data(value, path=path)
        except Exception:  # events are facts, snapshots a convenience
            logger.exception("No snapshot of %s", home.name)
            return None
        return None if value is None else Snapshot(seq, home.format, data)

    # -- recovery --

    def _start(self, ref: PooledRef[Any]) -> None:
        if ref.context is None:
            ref.phase = RUNNING  # its first message brings it home
        else:
            self._recover(ref)

    def _recover(self, ref: PooledRef[Any]) -> None:
        """Wait until the stream is ours and everything handed in is durable."""
        home: Home = ref.context
        ref.park(Phase.WAITING)
        if home.stream is None or home.stream.lost is not None:

            def settle_in(stream: Stream | None, error: Exception | None) -> None:
                home.settle_in(stream, error)
                ref.unpark()

            home.writer.call(home.claim, settle_in)
        else:
            home.writer.then((ref.unpark,))

    def _go_on(self, ref: PooledRef[Any]) -> None:
        home: Home = ref.context
        if self._leaving:
            self._stop()
        elif home.error is not None:
            self._refuse_service(ref, home.error)
        elif home.stream is None or home.stream.lost is not None:
            self._recover(ref)
        else:
            self._come_alive(ref, home, home.stream)

    def _come_alive(self, ref: PooledRef[Any], home: Home, stream: Stream) -> None:
        ref.phase = RUNNING
        try:
            if stream.id is not None:
                self._replay(home, stream.id, stream.head)
            self.on_start()
            self._commit()
        except Exception as error:  # noqa: BLE001 - given to whoever is waiting
            stream.head -= len(self._unrecorded)
            self._refuse_service(ref, error)

    def _replay(self, home: Home, stream: int, head: int) -> None:
        after = 0
        snapshot = home.log.snapshot(stream, until=head)
        if snapshot is not None and snapshot.format == home.format:
            self.from_snapshot(home.log.codec.from_data(snapshot.data))
            after = snapshot.seq
        home.snapshot_at = after
        for recorded in home.log.read(stream, after=after, until=head):
            if type(recorded.event) not in home.events:
                raise UnreadableError(
                    f"event {recorded.seq} of {home.name!r}",
                    f"{home.type} does not know {recorded.event!r}",
                )
            self._fold(recorded.event)
            after = recorded.seq
        if after != head:
            raise LogCorruptError(home.name, head, "it is missing")

    def _refuse_service(self, ref: PooledRef[Any], error: Exception) -> None:
        """Stop; whoever sent a message gets *error*."""
        level = logging.INFO if isinstance(error, OwnedError) else logging.ERROR
        logger.log(level, "%s cannot be activated:", self, exc_info=error)
        ref.epitaph = error
        ref.leave()

    def _recover_from_loss(self, ref: PooledRef[Any], stream: Stream) -> None:
        if ref.context.stream is stream:
            self._close(ref, Directive.RESTART, None)

    def _leave(self, ref: PooledRef[Any]) -> None:
        """Give the stream back, with a snapshot; stop when that is durable."""
        home = self._home()
        assert home.stream is not None
        if home.stream.lost is not None or not home.created:
            self._stop()
            return
        snapshot = self._snapshot(home, home.stream.head, 1)
        self._leaving = True
        ref.park(Phase.WAITING)
        home.writer.append(
            Write(home.stream, snapshot=snapshot, release=True),
            (ref.unpark,),
            on_lost=lambda *_: ref.unpark(),
        )
