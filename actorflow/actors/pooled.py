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
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, TypeVar

from pykka import Actor, messages
from pykka._envelope import Envelope

from actorflow.actors import system as systems
from actorflow.actors.future import PooledFuture
from actorflow.actors.ref import DEAD, RUNNING, ChildStopped, Phase, PooledRef, Turn
from actorflow.actors.supervision import Directive, Supervision

if TYPE_CHECKING:
    from actorflow.actors.system import ActorSystem

logger = logging.getLogger(__name__)

A = TypeVar("A", bound="PooledActor")


class ChildFailed(NamedTuple):
    """A child tells its parent that it failed and waits for the verdict."""

    child: PooledRef[Any]
    error: BaseException


class PooledActor(Actor):
    """An actor on a shared dispatcher.

    Started by its own `start`, it is Pykka's actor on a default system of the process:
    an exception on `tell` stops it. Spawned by an `ActorSystem` or by another actor, it
    has a parent, which decides what its failure means.
    """

    low_priority: ClassVar[bool] = False
    """Whether its turns may wait until nobody else wants one."""

    use_daemon_thread: ClassVar[bool] = False
    """Whether the program may end while the actor is alive (as in Pykka)."""

    supervision: ClassVar[Supervision] = Supervision()
    """What `on_child_failure` does unless overridden."""

    _actor_ref: PooledRef[Any] = None  # type: ignore[assignment]
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

    @property
    def system(self) -> ActorSystem:
        """The system the actor lives in: its clock, its timers, its dispatcher."""
        return self._actor_ref.system

    def spawn(self, actor_class: type[A], *args: Any, **kwargs: Any) -> PooledRef[A]:
        """Start a child, which stops before this actor and is judged by it."""
        ref = self._actor_ref
        return ref.system.spawn(actor_class, *args, parent=ref, **kwargs)

    def blocking(self) -> AbstractContextManager[None]:
        """Let other actors run while this one blocks: ``with self.blocking(): ...``."""
        return self._actor_ref.system.dispatcher.blocking()

    def on_child_failure(
        self, child: PooledRef[Any], error: BaseException
    ) -> Directive:
        """Decide what becomes of *child*, which failed with *error*.

        Runs as one of this actor's own messages; the child waits.
        """
        del error
        restarts = self._restarts_of(child)
        return self.supervision.decide(restarts, self.system.clock.monotonic())

    watches_children: ClassVar[bool] = False
    """Whether `on_child_stopped` is called."""

    def on_child_stopped(self, child: PooledRef[Any]) -> None:
        """Do something about *child* having stopped, for whatever reason."""

    # -- the turn --

    def _take_turn(self, ref: PooledRef[Self], throughput: int) -> Turn:
        """Handle up to *throughput* messages."""
        if ref.phase is not RUNNING:
            self._prepare(ref)
        mail = ref._mail  # noqa: SLF001 - two halves of one
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
        if ref.phase is DEAD:
            ref.bury()
            return Turn.DONE
        return Turn.AGAIN if ref.phase is Phase.STARTING else Turn.PARKED

    def _prepare(self, ref: PooledRef[Self]) -> None:
        """Do what comes before mail: start, or what a verdict or a close asks for."""
        if ref.phase is Phase.STARTING:
            self._start(ref)
        elif ref.phase is Phase.CLOSING:
            self._closed(ref)
        elif ref.phase is Phase.SUSPENDED:
            self._obey(ref)
        elif ref.phase is Phase.WAITING:
            self._go_on(ref)

    def _go_on(self, ref: PooledRef[Self]) -> None:
        """Go on after waiting; a subclass that waits knows for what."""
        ref.phase = RUNNING

    _wraps_on_receive: ClassVar[bool] = False

    def _receive(self, message: Any) -> Any:
        """Stand in for `on_receive`, in a subclass that has to do more."""
        return self.on_receive(message)

    def _start(self, ref: PooledRef[Self]) -> None:
        ref.phase = RUNNING
        try:
            self.on_start()
        except Exception as error:  # noqa: BLE001 - reported by _fail
            self._fail(ref, error, hook=False)
        except BaseException as error:  # noqa: BLE001 - reported by _crash
            self._crash(ref, error)

    def _handle_receive(self, message: Any) -> Any:
        if isinstance(message, ChildFailed):
            return self._judge(*message)
        if isinstance(message, ChildStopped):
            return self.on_child_stopped(message.child)
        return super()._handle_receive(message)

    def _reply(self, reply_to: Any, response: Any) -> None:
        reply_to.set(response)

    # -- failing --

    def _receive_failed(
        self, ref: PooledRef[Self], reply_to: Any, error: Exception
    ) -> None:
        if reply_to is None:
            self._fail(ref, error, hook=True)
        else:
            logger.info("Exception returned from %s to caller:", self, exc_info=error)
            reply_to.set_exception(error)

    def _fail(self, ref: PooledRef[Self], error: Exception, *, hook: bool) -> None:
        """Stop, or wait for the verdict of the parent if there is one."""
        if ref.parent is None:
            self._handle_failure(type(error), error, error.__traceback__)
            if hook:
                self._call_on_failure(error)
            return
        logger.error("Unhandled exception in %s:", self, exc_info=error)
        self._failure = error
        parent = ref.parent
        ref.park(Phase.SUSPENDED)
        if parent.phase in (Phase.CLOSING, DEAD):
            ref.unpark(Directive.STOP)
        else:
            parent.put(ChildFailed(ref, error))

    def _judge(self, child: PooledRef[Any], error: BaseException) -> None:
        try:
            directive = self.on_child_failure(child, error)
        except BaseException:
            child.unpark(Directive.STOP)
            raise
        if directive is not Directive.ESCALATE:
            child.unpark(directive)
            return
        self._escalated = child
        raise error

    def _obey(self, ref: PooledRef[Self]) -> None:
        """Do what the parent decided."""
        assert ref.parked is not None
        verdict = ref.parked.verdict
        if verdict is Directive.RESUME:
            ref.phase = RUNNING
            if self._escalated is not None:
                self._escalated.unpark(Directive.RESUME)
                self._escalated = None
            return
        assert self._failure is not None
        self._call_on_failure(self._failure)
        self._close(ref, verdict, None)

    def _call_on_failure(self, error: BaseException) -> None:
        try:
            self.on_failure(type(error), error, error.__traceback__)
        except Exception as failure:  # noqa: BLE001 - logged, as in Pykka
            self._handle_failure(type(failure), failure, failure.__traceback__)

    def _handle_failure(self, *exc_info: Any) -> None:
        logger.error("Unhandled exception in %s:", self, exc_info=exc_info)
        self._actor_ref.leave()

    def _crash(self, ref: PooledRef[Self], error: BaseException) -> None:
        """Stop everything: the meaning of a `BaseException` in Pykka."""
        ref.leave()
        ref.system.dispatcher.crashed(error)
        self._stop()

    _failure: BaseException | None = None
    _escalated: PooledRef[Any] | None = None
    _restarts: dict[PooledRef[Any], list[float]] | None = None

    def _restarts_of(self, child: PooledRef[Any]) -> list[float]:
        alive = {
            ref: times
            for ref, times in (self._restarts or {}).items()
            if ref.is_alive()
        }
        self._restarts = alive
        return alive.setdefault(child, [])

    # -- stopping --

    def _stop(self) -> None:
        """Stop at once, without handling the rest of the inbox."""
        self._actor_ref.leave()
        try:
            self.on_stop()
        except Exception as error:  # noqa: BLE001 - logged, as in Pykka
            self._handle_failure(type(error), error, error.__traceback__)

    def _close(self, ref: PooledRef[Self], then: Directive, reply_to: Any) -> None:
        """Stop the children; when they are gone, stop or restart."""
        self._closing = (then, reply_to)
        if not ref.children:
            self._closed(ref)
            return
        ref.park(Phase.CLOSING)
        for child in reversed(list(ref.children)):
            child.close()
        if not ref.children:  # gone already: on another thread
            ref.unpark()

    def _rebuild(self, ref: PooledRef[Self]) -> None:
        ref.phase = Phase.STARTING
        try:
            ref.system.rebuild(ref)
        except Exception as error:  # noqa: BLE001 - reported by _fail
            self._fail(ref, error, hook=False)

    _closing: tuple[Directive, Any] = (Directive.STOP, None)

    def _closed(self, ref: PooledRef[Self]) -> None:
        then, reply_to = self._closing
        if then is Directive.RESTART:
            self._rebuild(ref)
            return
        failed, self._failure = self._failure, None
        if failed is None:
            self._stop()
        else:
            ref.leave()
        if reply_to is not None:
            reply_to.set(None)
