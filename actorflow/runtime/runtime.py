"""The runtime: opens a log, hosts executions, and is the face of it all."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from random import Random
from threading import Event, Thread
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from actorflow.actors.clock import Clock
from actorflow.actors.dispatcher import ThreadDispatcher
from actorflow.actors.entities import Entities, EntityRef
from actorflow.actors.eventsourced import EventSourcedActor
from actorflow.actors.manager import Recheck
from actorflow.actors.manual import ManualDispatcher
from actorflow.actors.system import ActorSystem
from actorflow.actors.writer import LogWriter, WriterThread
from actorflow.errors import LogError, RuntimeClosedError
from actorflow.log.blobs import BlobStore, FileBlobs, MemoryBlobs
from actorflow.log.codec import Codec
from actorflow.log.memory import MemoryLog
from actorflow.log.port import EXECUTION, EventLog
from actorflow.log.sqlite import SQLiteLog
from actorflow.model.events import Failure, Outcome, Recorded
from actorflow.model.steps import Page
from actorflow.runtime.actors import ACTORS
from actorflow.runtime.bells import Bell, Bells
from actorflow.runtime.collector import Collector
from actorflow.runtime.definitions import Definitions
from actorflow.runtime.directory import Directory
from actorflow.runtime.errands import Changed, Crashed, Fetch, Hold, Ready
from actorflow.runtime.intake import Look
from actorflow.runtime.launching import Launching
from actorflow.runtime.lifecycle import Lifecycle
from actorflow.runtime.run import Run
from actorflow.runtime.schedulebook import ScheduleBook
from actorflow.runtime.schedules import Nudge, ScheduleKeeper, Schedules
from actorflow.runtime.services import Executors, Services
from actorflow.runtime.settings import check_settings
from actorflow.runtime.subscriptions import Start as StartAt
from actorflow.runtime.subscriptions import Subscriber, Subscription, Subscriptions
from actorflow.runtime.typed import typed
from actorflow.runtime.watchdog import Watchdog
from actorflow.runtime.worker import Worker

logger = logging.getLogger(__name__)


Durability = Literal["full", "process"]
_DURABILITY = ("full", "process")
LEASE = 10.0
LARGE = 256 * 1024
SMALLEST_CLAIM = 256
"""Bytes; what is shorter is hardly longer than a reference."""

E = TypeVar("E", bound=EventSourcedActor)


@typed(but=("check", "ring_when_durable"))
class Runtime(Launching):
    """Hosts executions on one log; use it as a context manager.

    Opening it resumes what other processes left unfinished, as far as its definitions
    are given. Leaving the ``with`` block stops cleanly: nothing is marked failed, and
    what was running goes on when the log is opened again.

    Args:
        log: the path of a SQLite file, ``":memory:"``, or an `EventLog`.
        definitions: workflows, flows and activities that may be executed; what they
            reach needs no other registration.
        activities: for graphs that name their nodes: activities, dynamic nodes, flows.
        durability: ``full`` survives a power cut, ``process`` the death of the process.
        threads: how many activities may run at once on threads (and on processes).
        clock: where the time comes from; a `VirtualClock` for tests.
        on_event: called with every (execution id, event), in order, when it is durable.
        passivate_after: seconds after which a resting execution leaves memory.
        max_resting: how many resting executions stay in memory at most.
        writer_thread: commit on a thread of its own; better beside activities that
            burn Python on threads.
        blobs: where large values are kept, by default in a directory beside the log; a
            path, or a `BlobStore`.
        claim_check_over: bytes of JSON over which a value is large; the log has only a
            reference to it then. A quarter of a megabyte where *blobs* is given, else
            no value is large.
        worker: take executions from the queue of the log, as many at once as it says;
            None takes none.

        blocked_after: seconds (of real time) for which the code of a dynamic node may
            run without awaiting anything; then it is logged, with its stack, and all
            other executions go on without it. None looks after nothing.

    Raises:
        DefinitionError: a definition has problems, or two have one name.
        LogError: the log cannot be opened.
    """

    def __init__(
        self,
        log: str | Path | EventLog,
        definitions: Iterable[Any] = (),
        activities: Iterable[Any] = (),
        *,
        durability: Durability = "full",
        threads: int = 8,
        clock: Clock | None = None,
        on_event: Callable[[str, Recorded], Any] | None = None,
        passivate_after: float = 30.0,
        max_resting: int = 1_000,
        writer_thread: bool = False,
        blobs: BlobStore | str | Path | None = None,
        claim_check_over: int | None = None,
        worker: Worker | None = None,
        blocked_after: float | None = 1.0,
        dispatcher: Any = None,
        executors: Executors | None = None,
        codec: Codec | None = None,
        seed: int | str | None = None,
    ) -> None:
        check_settings(
            {
                "log": (log, _is_log(log), "a path, or a log that is open"),
                "definitions": (definitions, _is_list(definitions), "a list"),
                "activities": (activities, _is_list(activities), "a list"),
                "worker": (
                    worker,
                    worker is None or isinstance(worker, Worker),
                    "an actorflow.Worker",
                ),
                "codec": (
                    codec,
                    codec is None or isinstance(codec, Codec),
                    "an actorflow.Codec",
                ),
                "durability": (
                    durability,
                    durability in _DURABILITY,
                    "full or process",
                ),
                "threads": (threads, threads >= 1, "at least 1"),
                "passivate_after": (passivate_after, passivate_after > 0, "positive"),
                "blocked_after": (
                    blocked_after,
                    blocked_after is None or blocked_after > 0,
                    "positive, or None",
                ),
                "max_resting": (max_resting, max_resting >= 0, "0 or more"),
                "blobs": (
                    blobs,
                    blobs is None or _is_store(blobs),
                    "a path or a BlobStore",
                ),
                "claim_check_over": (
                    claim_check_over,
                    claim_check_over is None or _is_large(claim_check_over),
                    f"at least {SMALLEST_CLAIM} bytes",
                ),
            }
        )
        self._closed = False
        self._pid = os.getpid()
        self._failure: Exception | None = None
        self.codec = codec or getattr(log, "codec", None) or Codec()
        _teach(self.codec)
        self._definitions = Definitions(self.codec)
        self._definitions.define(definitions, activities)
        self.definitions = self._definitions.workflows
        dispatcher = dispatcher or ThreadDispatcher(clock=clock)
        self.is_virtual = isinstance(dispatcher, ManualDispatcher)
        self._system = ActorSystem(dispatcher, clock=clock)
        self.clock: Any = self._system.clock
        self.bells = Bells()
        self._notifier = _Notifier(self._attach(on_event)) if on_event else None
        self.log = self._open(log, durability)
        self._keep_large(blobs, claim_check_over)
        self._writer = LogWriter(
            self._system,
            self.log,
            thread=WriterThread.OWN if writer_thread else WriterThread.SHARED,
            on_failure=self._log_failed,
        )
        stand_in = getattr(dispatcher, "stand_in", None)
        self._executors = executors or Executors.real(threads, stand_in=stand_in)
        self._services = Services(
            system=self._system,
            writer=self._writer,
            collector=Collector(self._system.dispatcher),
            codec=self.codec,
            activities=self._definitions.activities,
            executors=self._executors,
            owner=self.log.owner.id,
            actors=ACTORS,
            changed=self._changed,
            crashed=self._crashed,
            directory=self._tell_directory,
            posted=self._posted,
            define=self._learn,
            publish=self._notifier.publish if self._notifier else None,
            watchdog=self._watchdog(blocked_after),
            bells=self.bells,
            random=Random(seed),
            max_interruptions=(worker or Worker()).max_attempts,
        )
        self._host_users_code(clock)
        self._directory = self._system.spawn(
            Directory,
            self._services,
            self.log,
            self.definitions,
            passivate_after=passivate_after,
            max_resting=max_resting,
            renew_every=LEASE / 3,
            shared=not self.is_virtual,
            worker=worker,
        )
        self.schedules = self._open_schedules(keep=worker is not None)
        try:
            self._ask(Ready)
        except BaseException:  # nobody has it yet, so nobody else would close it
            self.close()
            raise

    def _watchdog(self, after: float | None) -> Watchdog | None:
        if after is None or self.is_virtual:
            return None

        dispatcher: Any = self._system.dispatcher

        def relieve(thread: int) -> Any:
            self._executors.lose(thread)
            return dispatcher.relieve(thread)

        return Watchdog(after, relieve)

    def _open_schedules(self, *, keep: bool) -> Schedules:
        services, book = self._services, ScheduleBook(self.log, self.clock.time)
        tell = self._directory.put
        if keep:
            keeper = self._system.spawn(ScheduleKeeper, services, self.log, book, tell)
            services.nudge = lambda: keeper.put(Nudge())

        def nudge() -> None:
            services.nudge()
            tell(Look())

        return Schedules(
            book,
            self._writer,
            self._system,
            self.codec,
            checked=self._queueable,
            nudge=nudge,
        )

    def _open(self, log: str | Path | EventLog, durability: Durability) -> EventLog:
        if not isinstance(log, str | Path):
            log.changed()  # raises if it is closed, or only to be read
            return log
        if str(log) == ":memory:":
            return MemoryLog(codec=self.codec, clock=self.clock.time)
        return SQLiteLog(
            log,
            codec=self.codec,
            durability=durability,
            lease=LEASE,
            clock=self.clock.time,
        )

    def _host_users_code(self, clock: Clock | None) -> None:
        """Give it a dispatcher of its own: it may be slow, and may ask us."""
        users = self._system
        if not self.is_virtual:
            users = ActorSystem(name="actorflow-entities", clock=clock)
        self._entity_system = users
        self._entities = Entities(users, self.log, self._writer)
        self._services.late = lambda: self._entities.manager.put(Recheck())
        self._subscriptions = Subscriptions(users, self.log, self._writer, self.bells)

    def _keep_large(
        self, blobs: BlobStore | str | Path | None, over: int | None
    ) -> None:
        if blobs is None and over is None:
            return
        if isinstance(blobs, str | Path):
            blobs = FileBlobs(blobs, clock=self.clock.time)
        store = blobs or self.codec.blobs or MemoryBlobs(clock=self.clock.time)
        self.codec.keep_large(store, over=LARGE if over is None else over)

    # -- actors of your own ------------------------------------------------------------

    def actor(self, actor_class: type[E], key: str) -> EntityRef[E]:
        """Return the event-sourced actor of that class and key.

        It costs nothing: the actor is activated by its first message, replayed from its
        stream, and leaves memory when it is idle.
        """
        self.check()
        made: Any = actor_class  # whatever a caller really gave
        fine = isinstance(made, type) and issubclass(made, EventSourcedActor)
        wanted = "a subclass of EventSourcedActor"
        check_settings({"actor_class": (made, fine, wanted)})
        return self._entities.ref(actor_class, key)

    # -- following ---------------------------------------------------------------------

    def subscribe(
        self, name: str, call: Subscriber, *, start: StartAt = "now"
    ) -> Subscription:
        """Call *call* with every event of every execution, in the order of the log.

        How far it has come is kept in the log under *name*: whoever subscribes under
        that name later goes on from there, so that nothing is left out, and nothing is
        told again because an execution is resumed. If the process dies while it is
        called, the last few events may come once more, with the same (id, seq).

        Args:
            name: whose position it is; one process at a time is called under it.
            call: given an execution's id and a `Recorded` event, or a `Lifecycle`. It
                may block, and what it raises is logged.
            start: where a new name begins: ``now``, or at the ``beginning``. That is
                kept once `Subscription.catch_up` has returned.
        """
        self.check()
        self._attach(call)
        return self._subscriptions.add(name, call, EXECUTION, start)

    def _attach(self, call: Any) -> Any:
        """Let callbacks read what came before; return them."""
        if isinstance(call, Lifecycle):
            call.attach(self.history, self.codec)
        return call

    # -- for handles -------------------------------------------------------------------

    def ring_when_durable(self, bell: Bell) -> None:
        """Ring once for what was on its way before the bell was hung."""
        if not self._writer.idle:
            self._writer.then((bell.ring,))

    def check(self) -> None:
        """Raise if this runtime can no longer do anything.

        Raises:
            RuntimeClosedError: it is closed, or another process opened it.
            LogError: it gave up on its log.
        """
        if self._pid != os.getpid():
            msg = (
                "this runtime was opened by the process that forked this one, and its "
                "threads have stayed there; open one here"
            )
            raise RuntimeClosedError(msg)
        if self._failure is not None:
            raise self._failure
        if self._closed:
            msg = "this runtime is closed"
            raise RuntimeClosedError(msg)

    # -- called by the actors ----------------------------------------------------------

    def _changed(self, run: Run, status: str) -> None:
        self._directory.put(Changed(run, status))
        self.bells.ring_status(run.id)
        parent = (run.state.origin or {}).get("execution")
        while parent and self.bells.waited:
            # Whoever waits for a parent waits for what its children wait for.
            self.bells.ring_status(parent)
            row = self.log.find(EXECUTION, parent)
            parent = row.parent if row else None

    def _crashed(self, run: Run, error: Exception) -> None:
        self._directory.put(Crashed(run, error))

    def _tell_directory(self, message: Any) -> None:
        self._directory.put(message)

    def _posted(self) -> None:
        if not self._services.fetching:
            self._services.fetching = True
            self._directory.put(Fetch())

    def _log_failed(self, error: Exception) -> None:
        self._failure = error if isinstance(error, LogError) else LogError(str(error))
        self.bells.ring_all()

    # -- the end -----------------------------------------------------------------------

    def drain(self, grace: float = 30.0) -> None:
        """Take nothing further and begin nothing, so that `close` interrupts nothing.

        Activities that run may end, for up to *grace* seconds; those that still run
        then are handed over, to run again elsewhere. `close` is next.
        """
        self._ask(Hold)
        end, pause = self.clock.monotonic() + grace, Event()
        while self._executors.busy and self.clock.monotonic() < end:
            pause.wait(0.02)

    def close(self) -> None:
        """Stop cleanly; what was running goes on when the log is opened again."""
        if self._closed or self._pid != os.getpid():  # or it is the parent's
            return
        self._closed = self._services.closing = True
        self._executors.close()
        if self._services.watchdog is not None:
            self._services.watchdog.close()
        if self._entity_system is not self._system:
            self._entity_system.stop()
        with suppress(TimeoutError):  # a simulated crash leaves nobody to answer
            self._system.stop()
        try:
            self.log.close()
        except LogError:
            if self._failure is None:  # else everybody has been told already
                raise
        finally:
            if self._notifier:
                self._notifier.close()
            self.bells.ring_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Notifier:
    """Calls a user's function for every event, on a thread of its own."""

    def __init__(self, call: Callable[[str, Recorded], Any]) -> None:
        self._call = call
        self._queue: SimpleQueue[tuple[str, Sequence[Recorded]] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="actorflow-on-event", daemon=True)
        self._thread.start()

    def publish(self, execution_id: str, events: Sequence[Recorded]) -> None:
        self._queue.put((execution_id, events))

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while (entry := self._queue.get()) is not None:
            for recorded in entry[1]:
                try:
                    self._call(entry[0], recorded)
                except Exception:
                    logger.exception("on_event failed for %s", entry[0])


def _is_log(log: object) -> bool:
    return isinstance(log, str | Path) or hasattr(log, "owner")


def _is_list(given: object) -> bool:
    return isinstance(given, Iterable) and not isinstance(given, str)


def _is_large(size: object) -> bool:
    return isinstance(size, int) and size >= SMALLEST_CLAIM


_STORE = ("put", "get", "is_empty", "sweep")


def _is_store(blobs: object) -> bool:
    methods = (getattr(blobs, name, None) for name in _STORE)
    return isinstance(blobs, str | Path) or all(map(callable, methods))


def _teach(codec: Codec) -> None:
    codec.register(Outcome, name="actorflow:Outcome")
    codec.register(Failure, name="actorflow:Failure")
    codec.register(Page, name="actorflow:Page")
