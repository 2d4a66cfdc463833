"""The actor system: a dispatcher, a clock, and the guardian of all actors in it."""

from __future__ import annotations

import atexit
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pykka import ActorDeadError, ActorRegistry, Future

from actorflow.actors.clock import Clock
from actorflow.actors.dispatcher import Dispatcher, ThreadDispatcher
from actorflow.actors.future import PooledFuture
from actorflow.actors.manual import ManualDispatcher
from actorflow.actors.ref import Phase, PooledRef
from actorflow.actors.timers import Timers

if TYPE_CHECKING:
    from actorflow.actors.pooled import PooledActor

_CHILDLESS = (Phase.CLOSING, Phase.DEAD)

A = TypeVar("A", bound="PooledActor")
T = TypeVar("T")


class ActorSystem:
    """Where pooled actors live.

    Actors are not registered with Pykka one by one: the system's guardian is, and it
    stops its children, so `pykka.ActorRegistry.stop_all` works and stays linear.

    Args:
        dispatcher: who runs the actors; by default one thread of its own.
        clock: the time; by default the dispatcher's.
        name: of the threads.
    """

    def __init__(
        self,
        dispatcher: Dispatcher | None = None,
        *,
        clock: Clock | None = None,
        name: str = "actorflow",
    ) -> None:
        # Imported late: pooled actors know systems, so systems cannot know them first.
        from actorflow.actors.guardian import Guardian

        self.name = name
        self.dispatcher: Dispatcher = dispatcher or ThreadDispatcher(
            name=name, clock=clock
        )
        self.clock: Clock = clock or self.dispatcher.clock
        self.waiter: ManualDispatcher | None = None
        if isinstance(self.dispatcher, ManualDispatcher):
            self.waiter = self.dispatcher
        self._wake = self.dispatcher.wake
        self._wake_low = self.dispatcher.wake_when_idle
        self._births = threading.Lock()
        self._waiting_for_the_last: threading.Event | None = None
        self.services = self._spawn_root(Guardian)
        self.guardian = self._spawn_root(Guardian)

    @property
    def timers(self) -> Timers:
        """The dispatcher's timers."""
        return self.dispatcher.timers

    def spawn(
        self,
        actor_class: type[A],
        *args: Any,
        parent: PooledRef[Any] | None = None,
        register: bool = False,
        **kwargs: Any,
    ) -> PooledRef[A]:
        """Start an actor as a child of *parent*, by default of the guardian.

        Actors that others need until the very end (the log writer) are children of
        `services`, which is stopped last.

        Raises:
            ActorDeadError: the parent has stopped, or is stopping.
        """
        if parent is None:
            parent = self.guardian
        ref = self._conceive(actor_class, args, kwargs)
        ref.parent = parent
        ref.actor.__init__(*args, **kwargs)  # type: ignore[misc]
        children = parent.children
        if children is None:
            children = self._first_child_of(parent)
        children[ref] = None
        if parent.phase in _CHILDLESS:
            ref.bury()
            msg = f"{parent} has stopped and cannot have children"
            raise ActorDeadError(msg)
        if register:
            ref.registered = True
            ActorRegistry.register(ref)
        ref.start()
        return ref

    def adopt(self, ref: PooledRef[Any]) -> None:
        """Let an actor that was made elsewhere live here."""
        ref.system = self
        low = ref.actor_class.low_priority
        ref._wake = self._wake_low if low else self._wake  # noqa: SLF001

    def rebuild(self, ref: PooledRef[A]) -> None:
        """Put a fresh actor behind *ref*."""
        actor: A = ref.actor_class.__new__(ref.actor_class)
        actor._actor_ref = ref  # noqa: SLF001
        actor.__init__(*ref.args, **(ref.kwargs or {}))  # type: ignore[misc]
        ref.actor = actor

    def wait(self, future: Future[T], timeout: float | None = None) -> T:
        """Return what *future* is set to.

        On a manual dispatcher this runs whatever is to be run, and jumps to the next
        timer when nothing is ready, for up to *timeout* virtual seconds.

        Raises:
            TimeoutError: time ran out, or nothing is left that could set the future.
        """
        if self.waiter is not None and isinstance(future, PooledFuture):
            future.wait_by(self.waiter)
        return future.get(timeout=timeout)

    def stop(self, timeout: float | None = None) -> None:
        """Stop every actor, children first and services last, and the dispatcher.

        Where the dispatcher has stopped already (a simulated crash), nothing is left to
        do but to forget the actors.
        """
        for root in (self.guardian, self.services):
            if self.dispatcher.stopped:
                root.leave()
            else:
                self.wait(root.stop(block=False), timeout)
        self.dispatcher.stop(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def registered_left(self) -> None:
        """Take note that an actor has left Pykka's registry."""
        if self._waiting_for_the_last is not None:
            self._waiting_for_the_last.set()

    def outlive(self) -> None:
        """Wait until all registered actors but the daemons have stopped."""
        left = self._waiting_for_the_last = threading.Event()
        roots = (self.guardian, self.services)
        while True:
            left.clear()
            if not any(
                isinstance(ref, PooledRef)
                and ref.system is self
                and ref not in roots
                and not ref.actor_class.use_daemon_thread
                for ref in ActorRegistry.get_all()
            ):
                return
            left.wait()

    def _conceive(
        self, actor_class: type[A], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> PooledRef[A]:
        """Make an actor that has a ref, but has not been through `__init__`."""
        actor: A = actor_class.__new__(actor_class)
        ref: PooledRef[A] = PooledRef(actor)
        actor._actor_ref = ref  # noqa: SLF001
        if actor_class.restartable:
            ref.args, ref.kwargs = args, kwargs or None
        ref.system = self
        ref._wake = self._wake_low if actor_class.low_priority else self._wake  # noqa: SLF001
        return ref

    def _first_child_of(self, parent: PooledRef[Any]) -> dict[PooledRef[Any], None]:
        with self._births:
            if parent.children is None:
                parent.children = {}
            return parent.children

    def _spawn_root(self, actor_class: type[A]) -> PooledRef[A]:
        ref = self._conceive(actor_class, (), {})
        ref.actor.__init__()  # type: ignore[misc]
        ref.registered = True
        ActorRegistry.register(ref)
        ref.start()
        return ref


_default: ActorSystem | None = None
_default_lock = threading.Lock()


def default_system() -> ActorSystem:
    """Return the system of actors that were started by their class's `start`.

    The program ends when those have stopped, as it does with Pykka's own.
    """
    global _default  # noqa: PLW0603 - one per process, made when first needed
    if _default is None:
        with _default_lock:
            if _default is None:
                _default = ActorSystem(name="actorflow-default")
                atexit.register(_default.outlive)
    return _default
