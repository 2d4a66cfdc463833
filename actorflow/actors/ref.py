"""The reference to a pooled actor, which is also its inbox and its place in the queue.

One object instead of Pykka's five (ref, weak reference, inbox, lock, stopped event):
that is what makes a hundred thousand actors cheap.
"""

from __future__ import annotations

import logging
import uuid
from _thread import LockType, allocate_lock
from collections.abc import Callable
from enum import IntEnum
from itertools import count
from queue import SimpleQueue
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pykka import Actor, ActorDeadError, ActorRef, ActorRegistry, messages
from pykka._envelope import Envelope

from actorflow.actors.dispatcher import Runnable
from actorflow.actors.future import PooledFuture
from actorflow.actors.supervision import Directive

if TYPE_CHECKING:
    from actorflow.actors.pooled import PooledActor
    from actorflow.actors.system import ActorSystem

A = TypeVar("A", bound="PooledActor")

logger = logging.getLogger(__name__)

_numbers = count(1)
_making = RLock()
"""Held while an actor is given an inbox or a number, so that it gets one."""
# With 12 more digits, a urn:uuid of version 4: Pykka promises one. Nothing depends on
# its value, so it does not have to come from a seed.
_RUN = str(uuid.uuid4())[:24]  # noqa: TID251


class Phase(IntEnum):
    """Where an actor is in its life.  Anything but RUNNING needs a second look."""

    RUNNING = 0
    STARTING = 1  # on_start is still to come
    WAITING = 2  # for something it asked for, before it handles more mail
    SUSPENDED = 3  # failed; its parent decides
    CLOSING = 4  # waits for its children to stop
    DEAD = 5


class Turn(IntEnum):
    """How a turn ended: what becomes of the token."""

    DONE = 0  # given back
    AGAIN = 1  # kept for another turn
    PARKED = 2  # kept until somebody calls `unpark`


RUNNING, DEAD = Phase.RUNNING, Phase.DEAD
_STOP = messages._ActorStop()  # noqa: SLF001 - Pykka's own message for it


class ChildStopped(NamedTuple):
    """A child tells its parent, if that watches its children, that it is gone."""

    child: PooledRef[Any]


class Parked:
    """Where an actor that keeps its token meets the one who lets it go on.

    They may come in any order, on different threads: the actor is scheduled by the
    second. Only the first of several others counts.
    """

    __slots__ = ("_claimed", "_met", "verdict")

    def __init__(self) -> None:
        self._claimed = allocate_lock()
        self._met = allocate_lock()
        self.verdict = Directive.STOP

    def claim(self) -> bool:
        """Return True to the first who wants to let the actor go on."""
        return self._claimed.acquire(blocking=False)

    def meet(self) -> bool:
        """Return whether the other one has been here before."""
        return not self._met.acquire(blocking=False)


class PooledRef(ActorRef[A]):
    """Pykka's `ActorRef`, for a `PooledActor`.

    The token is held from the moment the actor is scheduled until the end of its turn.
    Whoever puts mail and gets the token schedules the actor; whoever ends a turn looks
    at the mail once more after letting go. So there is one turn at a time, and no mail
    is left lying.
    """

    __slots__ = (
        "_mail",
        "_number",
        "_token",
        "_wake",
        "actor",
        "actor_class",
        "args",
        "children",
        "context",
        "epitaph",
        "kwargs",
        "parent",
        "parked",
        "phase",
        "registered",
        "system",
    )

    actor: A | None
    parent: PooledRef[Any] | None
    children: dict[PooledRef[Any], None] | None
    parked: Parked | None
    context: Any
    """What the actor keeps across restarts."""
    epitaph: Exception | None
    """What senders to a dead actor get, if not `ActorDeadError`."""
    args: tuple[Any, ...] | None
    kwargs: dict[str, Any] | None
    system: ActorSystem
    _mail: SimpleQueue[Any] | None
    """None before the first mail: one with work of its own may never get any."""
    _token: LockType
    _wake: Callable[[Runnable], Any]

    def __init__(self, actor: A) -> None:
        self.actor = actor
        self.actor_class = type(actor)
        self._number = 0
        self._mail = None
        self._token = allocate_lock()
        self._token.acquire()  # given back by the first turn
        self.phase = Phase.STARTING
        self.parent = None
        self.children = None
        self.parked = None
        self.context = None
        self.epitaph = None
        self.registered = False
        self.args = self.kwargs = None

    # -- what Pykka's ActorRef keeps in attributes --

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """A urn:uuid, unique to this actor; made when first asked for."""
        with _making:
            if not self._number:
                self._number = next(_numbers)
        return f"urn:uuid:{_RUN}{self._number:012x}"

    @property
    def actor_inbox(self) -> PooledRef[A]:  # type: ignore[override]
        """The inbox: this object."""
        return self

    @property
    def actor_stopped(self) -> PooledRef[A]:  # type: ignore[override]
        """The stopped flag, with `is_set` and `set`: this object."""
        return self

    def _actor_weakref(self) -> A | None:  # type: ignore[override]
        return self.actor

    def is_set(self) -> bool:
        """Return whether the actor has stopped, or will after the message at hand."""
        return self.phase is DEAD

    def set(self) -> None:
        """Stop the actor after the message at hand."""
        self.phase = DEAD

    def is_alive(self) -> bool:
        """Return whether the actor takes messages."""
        return self.phase is not DEAD

    # -- sending --

    def tell(self, message: Any) -> None:
        """Send *message*; raise `ActorDeadError` if the actor has stopped."""
        if self.phase is DEAD:
            msg = f"{self} not found"
            raise ActorDeadError(msg)
        mail = self._mail
        if mail is None:
            mail = self._inbox()
        mail.put(message)
        if self._token.acquire(False):  # by position: twice as fast
            self._wake(self)

    def put(self, envelope: Any) -> None:
        """Put mail into the inbox, as Pykka does: a message or an `Envelope`."""
        mail = self._mail
        if mail is None:
            mail = self._inbox()
        mail.put(envelope)
        if self._token.acquire(False):
            self._wake(self)

    def _inbox(self) -> SimpleQueue[Any]:
        """Return the inbox; make it if it is not there."""
        made = self.actor_class._create_actor_inbox()  # noqa: SLF001 - Pykka's hook
        with _making:
            if self._mail is None:
                self._mail = made
            return self._mail

    def ask(
        self, message: Any, *, block: bool = True, timeout: float | None = None
    ) -> Any:
        """Send *message*; return the reply, or a future of it if not *block*."""
        future: PooledFuture[Any] = self.actor_class._create_future()  # noqa: SLF001
        if self.system.dispatcher.stopped:
            self.leave()  # nobody is there to give it a turn
        if self.phase is DEAD:
            future.set_exception(ActorDeadError(f"{self} not found"))
        else:
            if self.system.waiter is not None:
                future.wait_by(self.system.waiter)
            self.put(Envelope(message, future))
        return future.get(timeout=timeout) if block else future

    # -- taking turns --

    def turn(self, throughput: int) -> None:
        """Let the actor handle some of its mail, on the dispatcher's thread."""
        actor = self.actor
        if actor is None:
            self._return_mail()
        else:
            end = actor._take_turn(self, throughput)  # noqa: SLF001 - two halves of one
            if end is not Turn.DONE:
                self._keep_token(end)
                return
        self._release()

    def _release(self) -> None:
        """Give the token back, and look once more."""
        self._token.release()
        mail = self._mail
        if mail is not None and not mail.empty() and self._token.acquire(False):
            self._wake(self)

    def start(self) -> None:
        """Schedule the actor for the first time."""
        if self.actor_class.on_start is not Actor.on_start:
            self._wake(self)
            return
        self.phase = RUNNING
        self._release()

    def _keep_token(self, end: Turn) -> None:
        if end is Turn.AGAIN or (self.parked is not None and self.parked.meet()):
            self._wake(self)

    def park(self, phase: Phase) -> None:
        """Stop handling mail, from the end of this turn until `unpark`."""
        self.parked = Parked()
        self.phase = phase

    def unpark(self, verdict: Directive = Directive.STOP) -> bool:
        """Schedule a parked actor, with what is to become of it.

        Return False if somebody else has done so already.
        """
        parked = self.parked
        if parked is None or not parked.claim():
            return False
        parked.verdict = verdict
        if parked.meet():
            self._wake(self)
        return True

    def close(self) -> None:
        """Ask the actor to stop, whether it is well or waits for a verdict."""
        if self.phase is not DEAD:
            self.put(_STOP)
        if self.phase is Phase.SUSPENDED:
            self.unpark(Directive.STOP)

    def empty(self) -> bool:
        """Return whether there is no mail."""
        return self._mail is None or self._mail.empty()

    def get(self) -> Any:
        """Take the oldest mail; there must be some."""
        assert self._mail is not None
        return self._mail.get()

    # -- dying --

    def leave(self) -> None:
        """Be dead to the world, while the actor still cleans up."""
        self.phase = DEAD
        if self.registered:
            self.registered = False
            _unregister(self)
            logger.debug("Stopped %s", self)
            self.system.registered_left()

    def bury(self) -> None:
        """Let go of the actor; what is left in its inbox is answered."""
        self.leave()
        self.actor = self.parked = self.context = self.args = self.kwargs = None
        if self.children:
            for child in reversed(list(self.children)):
                child.close()
        self._return_mail()
        parent, self.parent = self.parent, None
        if parent is not None and parent.children is not None:
            parent.children.pop(self, None)
            if parent.actor_class.watches_children:
                parent.put(ChildStopped(self))
            if parent.phase is Phase.CLOSING and not parent.children:
                parent.unpark()

    def disown(self) -> None:
        """Let the parent stop without waiting for this actor, which cannot stop."""
        parent, self.parent = self.parent, None
        if parent is not None and parent.children is not None:
            parent.children.pop(self, None)
            if parent.phase is Phase.CLOSING and not parent.children:
                parent.unpark()

    def _return_mail(self) -> None:
        while not self.empty():
            envelope = self.get()
            if type(envelope) is not Envelope:
                give_back(envelope)
                continue
            if envelope.reply_to is None:
                continue
            if isinstance(envelope.message, messages._ActorStop):  # noqa: SLF001
                envelope.reply_to.set(None)
            else:
                error = self.epitaph or ActorDeadError(
                    f"{self} stopped before handling the message"
                )
                envelope.reply_to.set_exception((type(error), error, None))


def give_back(message: Any) -> None:
    """Do with *message*, which was told, what is to be done if nobody handles it.

    A message that somebody waits for in a way of its own (not by `ask`) has a method
    `returned`, which tells him.
    """
    returned = getattr(message, "returned", None)
    if returned is not None:
        returned()


def _unregister(ref: PooledRef[Any]) -> None:
    """Do what Pykka does, but at once for the youngest, which usually goes first."""
    with ActorRegistry._actor_refs_lock:  # noqa: SLF001 - Pykka's scans it twice
        refs = ActorRegistry._actor_refs  # noqa: SLF001
        if refs and refs[-1] is ref:
            refs.pop()
            return
    ActorRegistry.unregister(ref)
