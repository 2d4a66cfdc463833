"""A simulated world: processes on one log, one clock, and one thread.

Everything that happens is one process taking one turn, a fault, or time that passes
because nothing else can happen. Who is next and what goes wrong comes from a seed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

from attrs import field, frozen

from actorflow.actors.clock import VirtualClock
from actorflow.actors.future import PooledFuture
from actorflow.log.codec import Codec
from actorflow.log.memory_store import MemoryStore
from actorflow.runtime.errands import Poll, Renew
from actorflow.runtime.intake import Wake
from actorflow.runtime.messages import Settle
from actorflow.runtime.run import Run
from actorflow.testing.faults import Crash, Fate
from actorflow.testing.laws import SimulationError
from actorflow.testing.ledger import Account, Ledger
from actorflow.testing.processes import Process

_TURNS = 50_000
_PROCESSES = 3
_STEALING_TURNS = 60
_LEASE = 10.0


@frozen
class Setup:
    """What every process of a world is given."""

    definitions: Sequence[Any]
    activities: Sequence[Any]
    seed: int
    codec: Callable[[], Codec] = field(default=Codec)
    settings: Mapping[str, Any] = field(factory=dict)


class World:
    """Processes, and what happens between them."""

    def __init__(self, setup: Setup, fate: Fate) -> None:
        self.setup = setup
        self.fate = fate
        self.clock = VirtualClock()
        self.store = MemoryStore()
        self.ledger = Ledger()
        self.trace: list[str] = []
        self.processes: list[Process] = []
        self.turns = 0
        self._random = Random(f"{setup.seed}/who")
        self._looked_at: tuple[int, ...] = ()
        self._broken: Exception | None = None

    @property
    def alive(self) -> list[Process]:
        """The processes that take turns."""
        return [p for p in self.processes if not p.dead and not p.stopped]

    def executions(self) -> dict[str, Account]:
        """Return the account of every execution there is, by its id."""
        streams = self.store.streams
        return {streams[s].row.name: a for s, a in self.ledger.accounts.items()}

    def note(self, line: str) -> None:
        """Write down what happens."""
        self.trace.append(f"{self.clock.monotonic():g} {line}")

    def check(self, check: Callable[..., None], *args: Any) -> None:
        """Run a check in the middle of a turn, which goes on whatever it finds."""
        try:
            check(*args)
        except Exception as error:  # noqa: BLE001 - raised at the end of the turn
            self.broken(error)

    def broken(self, error: Exception) -> None:
        """A promise was broken; the run ends with this turn."""
        self._broken = self._broken or error

    # -- processes ---------------------------------------------------------------------

    def boot(self) -> Process | None:
        """Start a process; return None if it died of it."""
        process = Process(self, len(self.processes) + 1)
        self.processes.append(process)
        self.note(f"{process.name} starts")
        self.clock.drive_by(self.settle)
        try:
            process.open(self)
        except Crash:
            self._bury(process)
            return None
        return process

    def someone(self) -> Process:
        """Return a process that is alive; start one if none is."""
        while not self.alive:
            self.boot()
        return self._random.choice(self.alive)

    def _bury(self, process: Process) -> None:
        if not process.dead:
            self.note(f"{process.name} dies")
        process.die()

    def kill_the_hung(self) -> bool:
        """Kill a process that waits for a result that was lost, if there is one."""
        hung = next((p for p in self.alive if p.hangs), None)
        if hung is not None:
            self._bury(hung)
        return hung is not None

    def steal_from(self, victim: Process, amount: float) -> None:
        """Let another process take over while *victim* stands still."""
        if len(self.alive) >= _PROCESSES or victim.rt is None:
            return
        victim.stopped = True
        self.note(f"{victim.name} stands still, and its lease runs out")
        victim.log.expire()
        try:
            self.boot()
            for _ in range(int(amount * _STEALING_TURNS)):
                self.step()
        finally:
            victim.stopped = False
        self.note(f"{victim.name} goes on")

    # -- turns -------------------------------------------------------------------------

    def step(self) -> bool:
        """Let one process take one turn; return whether any wanted one."""
        waiting = self.alive
        while waiting:
            process = waiting.pop(self._random.randrange(len(waiting)))
            if self._turn(process):
                return True
        return False

    def _turn(self, process: Process) -> bool:
        try:
            if not process.dispatcher.step():
                return False
        except Crash:
            self._bury(process)
            return True
        self._check(process)
        if process.rt is not None and not process.dead:
            self._strike(process)
        return True

    def _check(self, process: Process) -> None:
        for run in process.runs():
            if self._is_owner(run):
                self.ledger.compare(run)
        if self._broken is not None:
            raise self._broken
        self.turns += 1
        if self.turns > _TURNS:
            raise SimulationError(f"no end in sight after {_TURNS} turns")

    def _is_owner(self, run: Run) -> bool:
        """Whether what *run* holds in memory is worth anything."""
        stored = self.store.streams.get(run.stream.id or 0)
        return stored is None or stored.row.epoch == run.stream.epoch

    def _strike(self, process: Process) -> None:
        fate = self.fate
        if fate.strikes("nudge after turn"):
            self._nudge(process, fate.amount)
        if fate.strikes("stall after turn"):
            self.note(f"{fate.amount * fate.seconds:g} seconds pass")
            self.clock.move(fate.amount * fate.seconds)
        if fate.strikes("jump after turn"):
            self.clock.jump((fate.amount - 0.5) * 2 * fate.seconds)
        if fate.strikes("crash after turn"):
            self._bury(process)

    def _nudge(self, process: Process, amount: float) -> None:
        assert process.rt is not None
        directory = process.rt._directory  # noqa: SLF001 - seen from below
        refs: list[tuple[Any, Any]] = [
            (ref, Settle()) for run in process.runs() for ref in run.actors.values()
        ]
        refs += [(directory, message) for message in (Poll(), Renew(), Wake())]
        ref, message = refs[int(amount * len(refs))]
        ref.put(message)

    def look_around(self) -> bool:
        """Let processes that may have missed something look; return if any may."""
        seen = (self.ledger.writes, self.store.last_posted, len(self.processes))
        dead = sum(p.dead for p in self.processes)
        if len(self.processes) == 1 or self._looked_at == (*seen, dead):
            return False
        self._looked_at = (*seen, dead)
        for process in self.alive:
            directory = process.rt and process.rt._directory  # noqa: SLF001 - see there
            if directory:
                directory.put(Poll())
                directory.put(Renew())
        return True

    # -- time --------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """Return the virtual seconds until the next timer of anybody alive."""
        delays = [p.dispatcher.next_timer() for p in self.alive]
        return min((d for d in delays if d is not None), default=None)

    def left_until(self, end: float) -> float:
        """Return the seconds until *end*, as exact as the clock is."""
        return max(0.0, round(end - self.clock.monotonic(), 6))

    def pass_time(self, limit: float | None = None) -> bool:
        """Jump to the next timer, or by *limit*; return False if there is neither."""
        delay = self.next_timer()
        if delay is None or (limit is not None and delay > limit):
            if limit is None:
                return False
            self._move(limit)
            return True
        self._move(delay)
        for process in self.alive:
            if process.dispatcher.next_timer() == 0:
                process.dispatcher.timers.run_next()
                break
        return True

    def wait_for_leases(self) -> None:
        """Let the leases of the dead run out."""
        self._move(_LEASE)
        self._looked_at = ()

    def _move(self, seconds: float) -> None:
        if seconds > 0:
            self.note(f"+{seconds:g} s")
        renewing = [p for p in self.alive if p.log.holds]
        self.clock.move(seconds)
        for process in renewing:  # the others have to notice that they were late
            process.log.renew()

    def settle(self, seconds: float) -> None:
        """Let *seconds* pass, with everything that falls due on the way."""
        end = self.clock.monotonic() + seconds
        while True:
            while self.step() or self.look_around():
                pass
            left = self.left_until(end)
            if not left or not self.pass_time(left):
                return

    def wait_for(
        self, process: Process, future: PooledFuture[Any], timeout: float | None
    ) -> bool:
        """Keep turning until *future* is done; see `ManualDispatcher.wait_for`."""
        end = None if timeout is None else self.clock.monotonic() + timeout
        while not future.done:
            if process.dead:
                raise Crash
            if self.step() or self.look_around():
                continue
            left = None if end is None else self.left_until(end)
            if left == 0 or not self.pass_time(left):
                return future.done
        return True

    # -- the end -----------------------------------------------------------------------

    @contextmanager
    def closing(self) -> Iterator[World]:
        """Leave nothing behind, whatever happens."""
        listener = _Listener(self)
        listener.begin()
        try:
            yield self
        finally:
            listener.end()
            self.fate.rest()
            for process in self.processes:
                process.stopped = False
                process.die()


_EXPECTED = (
    "actorflow.actors.committer",  # that the log is failing
    "actorflow.activity",  # what users log
    "actorflow.node",
)


class _Listener(logging.Handler):
    """Keeps the log of the runtime quiet, and takes its errors for what they are."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world
        self._logger = logging.getLogger("actorflow")

    def begin(self) -> None:
        """Listen, instead of whoever would."""
        self._propagates, self._logger.propagate = self._logger.propagate, False
        self._logger.addHandler(self)

    def end(self) -> None:
        """Listen no more."""
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagates

    def emit(self, record: logging.LogRecord) -> None:
        """Take an error in the log for a broken promise."""
        error = record.exc_info and record.exc_info[1]
        if not record.name.startswith(_EXPECTED) and not isinstance(error, Crash):
            text = f"the runtime logged: {record.getMessage()} {error or ''}"
            self._world.broken(SimulationError(text))
