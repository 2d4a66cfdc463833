"""What happens to a pooled actor besides mail: it starts, fails, is judged, and stops.

Everything here is a change of `Phase`, made in the actor's own turn. An actor that has
to wait (for a verdict, for its children to stop) keeps its token, and is scheduled when
what it waits for has come.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pykka import Actor

from actorflow.actors.ref import DEAD, RUNNING, Phase, PooledRef
from actorflow.actors.supervision import Directive, Supervision

if TYPE_CHECKING:
    from actorflow.actors.system import ActorSystem

logger = logging.getLogger(__name__)


class ChildFailed(NamedTuple):
    """A child tells its parent that it failed and waits for the verdict."""

    child: PooledRef[Any]
    error: BaseException


class Lifecycle(Actor):
    """The part of `PooledActor` that is about phases."""

    supervision: ClassVar[Supervision] = Supervision()
    """What `on_child_failure` does unless overridden."""

    watches_children: ClassVar[bool] = False
    """Whether `on_child_stopped` is called."""

    _actor_ref: PooledRef[Any] = None  # type: ignore[assignment]

    @property
    def system(self) -> ActorSystem:
        """The system the actor lives in: its clock, its timers, its dispatcher."""
        return self._actor_ref.system

    def on_child_failure(
        self, child: PooledRef[Any], error: BaseException
    ) -> Directive:
        """Decide what becomes of *child*, which failed with *error*.

        Runs as one of this actor's own messages; the child waits.
        """
        del error
        restarts = self._restarts_of(child)
        return self.supervision.decide(restarts, self.system.clock.monotonic())

    def on_child_stopped(self, child: PooledRef[Any]) -> None:
        """Do something about *child* having stopped, for whatever reason."""

    # -- starting --

    def _prepare(self, ref: PooledRef[Any]) -> None:
        """Do what comes before mail: start, or what a verdict or a close asks for."""
        if ref.phase is Phase.STARTING:
            self._start(ref)
        elif ref.phase is Phase.CLOSING:
            self._closed(ref)
        elif ref.phase is Phase.SUSPENDED:
            self._obey(ref)
        elif ref.phase is Phase.WAITING:
            self._go_on(ref)

    def _go_on(self, ref: PooledRef[Any]) -> None:
        """Go on after waiting; a subclass that waits knows for what."""
        ref.phase = RUNNING

    def _start(self, ref: PooledRef[Any]) -> None:
        ref.phase = RUNNING
        try:
            self.on_start()
        except Exception as error:  # noqa: BLE001 - reported by _fail
            self._fail(ref, error, hook=False)
        except BaseException as error:  # noqa: BLE001 - reported by _crash
            self._crash(ref, error)

    # -- failing --

    def _fail(self, ref: PooledRef[Any], error: Exception, *, hook: bool) -> None:
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

    def _obey(self, ref: PooledRef[Any]) -> None:
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

    def _crash(self, ref: PooledRef[Any], error: BaseException) -> None:
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

    def _close(self, ref: PooledRef[Any], then: Directive, reply_to: Any) -> None:
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

    def _rebuild(self, ref: PooledRef[Any]) -> None:
        ref.phase = Phase.STARTING
        try:
            ref.system.rebuild(ref)
        except Exception as error:  # noqa: BLE001 - reported by _fail
            self._fail(ref, error, hook=False)

    _closing: tuple[Directive, Any] = (Directive.STOP, None)

    def _closed(self, ref: PooledRef[Any]) -> None:
        then, reply_to = self._closing
        if then is Directive.RESTART and ref.actor_class.restartable:
            self._rebuild(ref)
            return
        failed, self._failure = self._failure, None
        if failed is None:
            self._stop()
        else:
            ref.leave()
        if reply_to is not None:
            reply_to.set(None)
