"""A simulated process: a runtime whose four doors lead into a simulated world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from actorflow.actors.dispatcher import Runnable
from actorflow.actors.future import PooledFuture
from actorflow.actors.manual import ManualDispatcher
from actorflow.actors.ref import PooledRef
from actorflow.errors import LogUnavailableError
from actorflow.log.memory import MemoryLog
from actorflow.log.port import Write
from actorflow.runtime.jobs import Job, Left, Raised, Returned
from actorflow.runtime.run import Run
from actorflow.runtime.runtime import Runtime
from actorflow.testing.faults import Crash
from actorflow.testing.lockstep import LockstepExecutors

if TYPE_CHECKING:
    from actorflow.testing.world import World

_TROUBLES = ("the database is locked", "the disk is full", "disk I/O error")


class SimulatedDispatcher(ManualDispatcher):
    """One of several: who waits on it keeps the whole world turning."""

    def __init__(self, world: World, process: Process, seed: str) -> None:
        super().__init__(world.clock, seed=seed)
        self._world = world
        self._process = process
        self.before_turn = self._note

    def wait_for(self, future: PooledFuture[Any], timeout: float | None) -> bool:
        """See `ManualDispatcher.wait_for`."""
        return self._world.wait_for(self._process, future, timeout)

    def _note(self, runnable: Runnable) -> None:
        self._world.note(f"{self._process.name} {_name_of(runnable)}")


def _name_of(runnable: Any) -> str:
    """Return a name that is the same in every run."""
    if not isinstance(runnable, PooledRef):
        return repr(runnable)
    address = getattr(runnable.actor, "address", "")
    return f"{runnable.actor_class.__name__} {address}".strip()


class SimulatedLog(MemoryLog):
    """A log that fails as fate has it, and whose every write is checked."""

    def __init__(self, world: World, process: Process, **settings: Any) -> None:
        super().__init__(**settings)
        self._world = world
        self._process = process

    def write(self, batch: Sequence[Write]) -> None:
        """See `EventLog.write`."""
        world, fate = self._world, self._world.fate
        world.ledger.writes += 1
        if fate.strikes("crash before write"):
            raise Crash
        if fate.strikes("failing write"):
            trouble = _TROUBLES[int(fate.amount * len(_TROUBLES))]
            raise LogUnavailableError(trouble)
        if fate.strikes("steal at write"):
            world.steal_from(self._process, fate.amount)
        owners = world.ledger.owners(self, batch)
        super().write(batch)
        world.note(f"{self._process.name} write {world.ledger.writes}")
        world.check(world.ledger.written, self, batch, owners)
        if fate.strikes("crash after write"):
            raise Crash

    @property
    def holds(self) -> bool:
        """Whether the lease has not run out."""
        return self.store.lives(self._id, self._clock())

    def expire(self) -> None:
        """Let the lease run out."""
        with self.store.lock:
            self.store.owners[self._id].expires_at = 0.0


class SimulatedExecutors(LockstepExecutors):
    """Executors whose results come late, twice or never, as fate has it."""

    def __init__(self, world: World, process: Process) -> None:
        super().__init__(process.dispatcher)
        self._world = world
        self._process = process

    def submit(self, job: Job) -> None:
        """Begin *job*, unless that breaks a promise."""
        self._world.check(self._world.ledger.begins, job, self._process.log)
        job.tell = partial(self._told, job, job.tell)
        super().submit(job)

    def _told(self, job: Job, tell: Callable[[Any], Any], message: Any) -> None:
        # An attempt with a timeout would end otherwise if its result came late.
        if not isinstance(message, Returned | Raised | Left) or job.wants_began:
            tell(message)
            return
        fate = self._world.fate
        if fate.strikes("lost result"):
            self._process.hangs = True
            return
        late, delay = fate.strikes("late result"), fate.amount * fate.seconds
        double, echo = fate.strikes("double result"), fate.amount * fate.seconds
        after = self._process.dispatcher.timers.after
        after(delay, tell, message) if late else tell(message)
        if double:
            after(echo, tell, message)


class Process:
    """One process: alive, standing still, or dead.

    Attributes:
        stopped: it stands still, as after a SIGSTOP.
        hangs: the result of an activity was lost, so it may wait for ever.
    """

    def __init__(self, world: World, number: int) -> None:
        self.name = f"p{number}"
        self.stopped = self.dead = self.hangs = False
        self.rt: Runtime | None = None
        self.log = SimulatedLog(
            world,
            self,
            store=world.store,
            codec=world.setup.codec(),
            clock=world.clock.time,
            owner_label=self.name,
        )
        seed = f"{world.setup.seed}/{self.name}"
        self.dispatcher = SimulatedDispatcher(world, self, seed)
        self.executors = SimulatedExecutors(world, self)

    def open(self, world: World) -> None:
        """Open the runtime, which resumes what it finds."""
        setup = world.setup
        self.rt = Runtime(
            self.log,
            setup.definitions,
            setup.activities,
            clock=world.clock,
            dispatcher=self.dispatcher,
            executors=self.executors,
            seed=f"{setup.seed}/{self.name}/chance",
            **setup.settings,
        )

    def runs(self) -> Iterator[Run]:
        """Yield what it has in memory."""
        directory = self.rt and self.rt._directory.actor  # noqa: SLF001 - from below
        if directory:
            for run, _ in directory._runs.values():  # noqa: SLF001 - as above
                yield run

    def die(self) -> None:
        """Be gone, at once, with everything that was in memory."""
        if not self.dead:
            self.dead = True
            self.dispatcher.stop()
            self.log.abandon()
        if self.rt is not None:
            self.rt.close()

    def close(self) -> None:
        """Leave in good order."""
        if not self.dead and self.rt is not None:
            self.rt.close()
            self.dead = True
