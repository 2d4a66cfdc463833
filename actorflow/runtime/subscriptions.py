"""Subscribers of the log: each is called with every event, in the order of commit.

How far a subscriber has come is kept in the log, in a stream of its own that has no
events. So it goes on where it was after a restart, whoever wrote meanwhile; and one
process at a time calls it, as one process at a time owns a stream.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

from actorflow.actors.future import PooledFuture
from actorflow.actors.pooled import PooledActor
from actorflow.actors.ref import PooledRef
from actorflow.actors.system import ActorSystem
from actorflow.actors.writer import LogWriter
from actorflow.errors import LogError, OwnedError, SettingError, StreamNotFoundError
from actorflow.log.port import EventLog, Followed, Stream, StreamRow, Summary, Write
from actorflow.model.events import Recorded
from actorflow.runtime.bells import Bells

logger = logging.getLogger(__name__)

KIND = "subscriber"
PAGE = 200
RETRY = 3.0
"""Seconds until it is tried again to take over from another process."""

Subscriber = Callable[[str, Recorded], Any]
Start = Literal["now", "beginning"]


class Look:
    """There may be new events."""


class _CatchUp:
    """Reply when everything so far was handed out."""

    def __init__(self, reply: PooledFuture[None]) -> None:
        self.reply = reply


class _Lost:
    """Another process calls this subscriber now."""


class _Claimed:
    """The subscriber's stream is here, or is not."""

    def __init__(self, stream: Stream | None, error: Exception | None) -> None:
        self.stream, self.error = stream, error


class _Place(NamedTuple):
    """Where events are read, positions are written, and news is heard of."""

    log: EventLog
    writer: LogWriter
    bells: Bells


class SubscriptionActor(PooledActor):
    """Calls one subscriber; lives where users' code may block."""

    def __init__(
        self,
        place: _Place,
        name: str,
        call: Subscriber,
        *,
        kind: str,
        start: int,
    ) -> None:
        super().__init__()
        self._log, self._writer, self._bells = place
        self._name, self._call, self._kind = name, call, kind
        self._position = start
        self._failed: Exception | None = None
        self._stream: Stream | None = None
        self._looking = False
        self._waiting: list[PooledFuture[None]] = []
        self._stop_following: Callable[[], None] | None = None

    def on_start(self) -> None:
        """Take the stream that keeps the position, or wait until it is free."""
        tell = self._actor_ref.put
        self._writer.call(
            lambda: self._log.claim(KIND, self._name),
            lambda stream, error: tell(_Claimed(stream, error)),
        )

    def on_stop(self) -> None:
        """Leave the position to whoever comes next."""
        self._follow_no_more()
        if self._stream is not None:
            self._writer.append(Write(self._stream, release=True))

    def _follow_no_more(self) -> None:
        if self._stop_following is not None:
            self._stop_following()
            self._stop_following = None

    def on_receive(self, message: Any) -> None:
        """Begin, or hand out what is new."""
        if isinstance(message, _Claimed):
            self._claimed(message)
        elif isinstance(message, _Lost):
            self._stream = None
            self._follow_no_more()
            self._actor_ref.system.timers.after(RETRY, self.on_start)
        elif isinstance(message, _CatchUp):
            self._waiting.append(message.reply)
            if self._failed is not None:
                self._refuse_waiting(self._failed)
            self._look()
        elif isinstance(message, Look):
            self._looking = False
            if self._stream is not None:
                self._hand_out()

    def _claimed(self, message: _Claimed) -> None:
        if isinstance(message.error, OwnedError):
            self._actor_ref.system.timers.after(RETRY, self.on_start)
            return
        if isinstance(message.error, StreamNotFoundError):
            self._stream = Stream(KIND, self._name, self._name)
            self._keep_position(create=True)
        elif message.error is not None:
            self._give_up(message.error)
            return
        else:
            self._stream = message.stream
            row = self._log.find(KIND, self._name)
            assert row is not None
            if not _is_sound(row):
                self._give_up(LogError(_UNSOUND.format(self._name)))
                return
            self._position = int(row.attributes["position"])
        self._stop_following = self._bells.follow(self._look)
        self._look()

    def _give_up(self, error: Exception) -> None:
        logger.error("subscriber %r: %s", self._name, error)
        self._failed = error
        self._refuse_waiting(error)

    def _refuse_waiting(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, []
        for reply in waiting:
            reply.set_exception(error)

    def _look(self) -> None:
        if not self._looking:
            self._looking = True
            self._actor_ref.put(Look())

    def _hand_out(self) -> None:
        page = self._log.follow(self._kind, after=self._position, limit=PAGE)
        for followed in page:
            self._deliver(followed)
        if page:
            self._position = page[-1].position
            self._keep_position()
        if len(page) == PAGE:
            self._look()
        else:
            self._all_handed_out()

    def _all_handed_out(self) -> None:
        waiting, self._waiting = self._waiting, []
        for reply in waiting:
            self._writer.then((reply.set, None), on_lost=partial(_refuse, reply))

    def _deliver(self, followed: Followed) -> None:
        try:
            self._call(followed.name, followed.recorded)
        except Exception:
            place = f"{followed.name}, event {followed.recorded.seq}"
            logger.exception("subscriber %r failed at %s", self._name, place)

    def _keep_position(self, *, create: bool = False) -> None:
        assert self._stream is not None
        position = self._position
        check = _check(self._name, position)
        kept = Summary("active", attributes={"position": position, "check": check})
        write = Write(self._stream, summary=kept, create=create)
        self._writer.append(write, on_lost=self._lost)

    def _lost(self, _: Stream | None, error: Exception) -> None:
        """Another process has taken over: it goes on from the last position kept."""
        logger.warning("subscriber %r: %s", self._name, error)
        self._actor_ref.put(_Lost())


def _check(name: str, position: int) -> int:
    """Return what guards a position: there are no events that it could be had from."""
    return zlib.crc32(f"{name}\0{position}".encode())


def _is_sound(row: StreamRow) -> bool:
    """Return whether the position of a subscriber is the one that was kept."""
    position, check = row.attributes.get("position"), row.attributes.get("check")
    if not isinstance(position, int):
        return False
    # An older version has kept none.
    return check == _check(row.name, position) or set(row.attributes) == {"position"}


_UNSOUND = (
    "how far {!r} had come is damaged in the log; to leave nothing out, subscribe by "
    "another name, from the beginning"
)


class Subscription:
    """A subscriber that is being called; `close` it to stop that."""

    def __init__(self, system: ActorSystem, ref: PooledRef[SubscriptionActor]) -> None:
        self._system, self._ref = system, ref

    def catch_up(self, timeout: float | None = None) -> None:
        """Return when it has been called with everything that is durable by now.

        Raises:
            TimeoutError: that took longer than *timeout* seconds, or another process
                calls it.
        """
        reply: PooledFuture[None] = PooledFuture()
        self._ref.put(_CatchUp(reply))
        self._system.wait(reply, timeout)

    def close(self) -> None:
        """Call it no more; who subscribes under its name again goes on from there."""
        self._system.wait(self._ref.stop(block=False))


class Subscriptions:
    """The subscribers of one runtime, by name."""

    def __init__(
        self, system: ActorSystem, log: EventLog, writer: LogWriter, bells: Bells
    ) -> None:
        self._system = system
        self._place = _Place(log, writer, bells)
        self._refs: dict[str, PooledRef[SubscriptionActor]] = {}

    def add(self, name: str, call: Subscriber, kind: str, start: Start) -> Subscription:
        """Begin to call *call*, or go on where the subscriber *name* was.

        Raises:
            SettingError: *start* has no meaning, or *name* is taken here.
        """
        if start not in ("now", "beginning"):
            raise SettingError("start", start, "now or beginning")
        known = self._refs.get(name)
        if not name or (known is not None and known.is_alive()):
            raise SettingError("name", name, "one that no other subscriber has here")
        after = self._place.log.end() if start == "now" else 0
        ref = self._refs[name] = self._system.spawn(
            SubscriptionActor, self._place, name, call, kind=kind, start=after
        )
        return Subscription(self._system, ref)


def _refuse(reply: Any, _: Any, error: Exception) -> None:
    """Tell who waits for a log that has failed."""
    reply.set_exception(error)
