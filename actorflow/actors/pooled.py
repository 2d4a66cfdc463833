"""The pooled actor: a Pykka actor that takes turns instead of owning a thread.

Everything a Pykka user knows holds: `start`, `tell`, `ask`, `proxy`, `stop`, the
hooks, the registry, what an exception does. New is what has to do with turns
(`blocking`), with parents (`spawn`, `on_child_failure`), and with time (`system`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from pykka import messages
from pykka._envelope import Envelope

from actorflow.actors import system as systems
from actorflow.actors.future import PooledFuture
from actorflow.actors.lifecycle import ChildFailed, Lifecycle
from actorflow.actors.ref import DEAD, RUNNING, ChildStopped, Phase, PooledRef, Turn
from actorflow.actors.supervision import Directive

if TYPE_CHECKING:
    pass

logger = logging.getLogger(__name__)

A = TypeVar("A", bound="PooledActor")


class PooledActor(Lifecycle):
    """An actor on a shared dispatcher.

    Started by its own `start`, it is Pykka's actor on a default system of the process:
    an exception on `tell` stops it. Spawned by an `ActorSystem` or by another actor, it
    has a parent, which decides what its failure means.
    """

    low_priority: ClassVar[bool] = False
    """Whether its turns may wait until nobody else wants one."""

    restartable: ClassVar[bool] = True
    """Whether a fresh one can take its place, made of the same arguments.

    They are kept for that. One that is not is stopped where it would be restarted.
    """

    use_daemon_thread: ClassVar[bool] = False
    """Whether the program may end while the actor is alive (as in Pykka)."""

    # Pykka's hooks; bare callables, because every birth and every ask calls them.
    _create_actor_inbox: ClassVar[Callable[[], Any]] = staticmethod(SimpleQueue)
    _create_future: ClassVar[Callable[[], PooledFuture[Any]]] = staticmethod(
        PooledFuture
    )

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        """Create the actor; subclasses must call this, as in Pykka."""
        if self._actor_ref is None:  # a spawned actor has its ref already
            self._actor_ref = PooledRef(self)  # type: ignore[unreachable]

    def _start_actor_loop(self) -> None:
        """Take turns on the default system.  Called by `start`, after registering."""
        self._actor_ref.registered = True
        systems.default_system().adopt(self._actor_ref)
        self._actor_ref.start()

    @property
    def actor_ref(self) -> PooledRef[Self]:
        """The actor's ref."""
        return self._actor_ref

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """See `pykka.Actor.actor_urn`."""
        return self._actor_ref.actor_urn

    @property
    def actor_inbox(self) -> PooledRef[Self]:  # type: ignore[override]
        """See `pykka.Actor.actor_inbox`."""
        return self._actor_ref

    @property
    def actor_stopped(self) -> PooledRef[Self]:  # type: ignore[override]
        """See `pykka.Actor.actor_stopped`."""
        return self._actor_ref

    def spawn(self, actor_class: type[A], *args: Any, **kwargs: Any) -> PooledRef[A]:
        """Start a child, which stops before this actor and is judged by it."""
        ref = self._actor_ref
        return ref.system.spawn(actor_class, *args, parent=ref, **kwargs)

    def blocking(self) -> AbstractContextManager[None]:
        """Let other actors run while this one blocks: ``with self.blocking(): ...``."""
        return self._actor_ref.system.dispatcher.blocking()

    # -- the turn --

    def _take_turn(self, ref: PooledRef[Self], throughput: int) -> Turn:
        """Handle up to *throughput* messages."""
        if ref.phase is not RUNNING:
            self._prepare(ref)
        mail = ref._mail  # noqa: SLF001 - two halves of one
        if mail is None:
            return self._end_turn(ref)
        on_receive = self._receive if self._wraps_on_receive else self.on_receive
        for _ in range(min(mail.qsize(), throughput)):
            if ref.phase is not RUNNING:
                break
            message = mail.get()
            reply_to = None
            if type(message) is Envelope:
                reply_to, message = message.reply_to, message.message
            try:
                if isinstance(message, tuple):
                    if type(message) is messages._ActorStop:  # noqa: SLF001
                        self._close(ref, Directive.STOP, reply_to)
                        continue
                    response = self._handle_receive(message)
                else:
                    response = on_receive(message)
                if reply_to is not None:
                    self._reply(reply_to, response)
            except Exception as error:  # noqa: BLE001 - this is where they all end
                self._receive_failed(ref, reply_to, error)
            except BaseException as error:  # noqa: BLE001 - this as well
                self._crash(ref, error)
        return Turn.DONE if ref.phase is RUNNING else self._end_turn(ref)

    def _end_turn(self, ref: PooledRef[Self]) -> Turn:
        if ref.phase is RUNNING:
            return Turn.DONE
        if ref.phase is DEAD:
            ref.bury()
            return Turn.DONE
        return Turn.AGAIN if ref.phase is Phase.STARTING else Turn.PARKED

    _wraps_on_receive: ClassVar[bool] = False

    def _receive(self, message: Any) -> Any:
        """Stand in for `on_receive`, in a subclass that has to do more."""
        return self.on_receive(message)

    def _handle_receive(self, message: Any) -> Any:
        if isinstance(message, ChildFailed):
            return self._judge(*message)
        if isinstance(message, ChildStopped):
            return self.on_child_stopped(message.child)
        return super()._handle_receive(message)

    def _reply(self, reply_to: Any, response: Any) -> None:
        reply_to.set(response)

    def _receive_failed(
        self, ref: PooledRef[Self], reply_to: Any, error: Exception
    ) -> None:
        if reply_to is None:
            self._fail(ref, error, hook=True)
        else:
            logger.info("Exception returned from %s to caller:", self, exc_info=error)
            reply_to.set_exception(error)
