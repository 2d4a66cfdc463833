"""`Simulation`: the whole runtime in one thread, in virtual time, from a seed.

The same seed gives the same run, to the last event. A simulation can be crashed at
every write to its log; whatever happens, the execution must end as it would have.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import define, field, frozen

from actorflow.actors.clock import VirtualClock
from actorflow.actors.manual import ManualDispatcher
from actorflow.log.codec import Codec
from actorflow.log.memory import MemoryLog
from actorflow.log.memory_store import MemoryStore
from actorflow.model import events as ev
from actorflow.model.events import Recorded
from actorflow.model.fold import apply
from actorflow.model.state import ENDED, ExecutionState
from actorflow.runtime.handle import ExecutionHandle
from actorflow.runtime.jobs import Job
from actorflow.runtime.runtime import Runtime
from actorflow.testing.faults import Crash, CrashingLog
from actorflow.testing.lockstep import LockstepExecutors
from actorflow.testing.runtimes import runtime

EXECUTION = "simulated"
_TURNS = 10_000


class SimulationError(AssertionError):
    """A promise was broken; the message says which, where, and how to see it again."""


@frozen
class End:
    """How a simulated execution ended.

    Attributes:
        attempts: how often an activity was begun, by (address, visit).
        writes: how many writes the log took, crashes included.
    """

    status: str
    output: Any
    error: str | None
    events: tuple[Recorded, ...]
    attempts: Mapping[tuple[str, int], int]
    writes: int

    @property
    def outcome(self) -> tuple[Any, ...]:
        """What must be the same however often the process died."""
        return (self.status, self.output, self.error)


@frozen
class CrashReport:
    """What `Simulation.crash_everywhere` has tried: every one ended the same."""

    points: int
    end: End


@define
class _Witness:
    """Sees every attempt begin, and checks that it was allowed to."""

    log: MemoryLog
    attempts: dict[tuple[str, int], int] = field(factory=dict)

    broken: SimulationError | None = None

    def saw(self, job: Job) -> None:
        """Count an attempt; note it if it may not begin."""
        if not job.attempt:
            return  # a handler, which is part of a node's attempt
        row = self.log.find("execution", EXECUTION)
        state = _replayed(self.log, row.id) if row else ExecutionState()
        activation = state.activations.get(job.address)
        if activation is None:
            msg = (
                f"{job.address} runs although the log says it has ended, or has not "
                f"yet begun (event {state.version})"
            )
            self.broken = SimulationError(msg)
            return
        key = (job.address, activation.visit)
        self.attempts[key] = self.attempts.get(key, 0) + 1


class _Witnessed(LockstepExecutors):
    """Executors that let a witness see every job."""

    def __init__(self, dispatcher: ManualDispatcher, witness: _Witness) -> None:
        super().__init__(dispatcher)
        self._witness = witness

    def submit(self, job: Job) -> None:
        """Begin *job*, unless that breaks a promise."""
        self._witness.saw(job)
        super().submit(job)


class Simulation:
    """One execution of *definition*, to be run as often as you like.

    Args:
        definition: what is executed.
        inputs: its inputs by name.
        activities: for graphs that name their activities.
        seed: who is next, whenever several could be.
        signals: what the outside sends when the execution waits for nothing else: one
            payload, or a list of them, by topic.
        settings: anything else that `Runtime` takes.

    Waits for a time are over when nothing else can happen; pauses are resumed.
    """

    def __init__(
        self,
        definition: Any,
        *,
        inputs: Mapping[str, Any] | None = None,
        activities: Iterable[Any] = (),
        seed: int = 0,
        signals: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._definition = definition
        self._inputs = dict(inputs or {})
        self._activities = list(activities)
        self._seed = seed
        self._signals = dict(signals or {})
        self._settings = dict(settings or {})

    def run(self) -> End:
        """Run to the end without a fault."""
        return self._run(None, after=False)

    def crash_everywhere(self) -> CrashReport:
        """Die before and after every write, each time resume, and compare the ends.

        Raises:
            SimulationError: an execution ended in another way than without the crash,
                something recorded ran again, or live and replayed state differ.
        """
        expected = self.run()
        points = 0
        for at in range(1, expected.writes + 1):
            for after in (False, True):
                points += 1
                self._compare(expected, self._run(at, after=after), at, after=after)
        return CrashReport(points, expected)

    def _compare(self, expected: End, end: End, at: int, *, after: bool) -> None:
        where = f"crash {'after' if after else 'before'} write {at}, seed {self._seed}"
        if end.outcome != expected.outcome:
            msg = f"{where}: ended as {end.outcome}, not as {expected.outcome}"
            raise SimulationError(msg)
        repeated = {
            key: count - expected.attempts.get(key, 0)
            for key, count in end.attempts.items()
            if count > max(expected.attempts.get(key, 0), 1) + 1
        }
        if repeated:
            msg = f"{where}: one crash repeated attempts more than once: {repeated}"
            raise SimulationError(msg)

    def _run(self, crash_at: int | None, *, after: bool) -> End:
        store, clock = MemoryStore(), VirtualClock()
        log = self._log(store, clock, crash_at, after=after)
        attempts: dict[tuple[str, int], int] = {}
        try:
            self._live(log, clock, attempts)
        except Crash:
            log.abandon()
            self._live(self._log(store, clock, None, after=after), clock, attempts)
        return _end(MemoryLog(store=store, clock=clock.time), attempts, log.writes)

    def _log(
        self, store: MemoryStore, clock: VirtualClock, at: int | None, *, after: bool
    ) -> CrashingLog:
        return CrashingLog(
            at=at, after=after, store=store, codec=Codec(), clock=clock.time
        )

    def _live(
        self, log: CrashingLog, clock: VirtualClock, attempts: dict[Any, int]
    ) -> None:
        """Be a process: open the log, drive the execution to its end, leave."""
        witness = _Witness(log, attempts)
        definitions = [self._definition]
        with runtime(
            *definitions,
            activities=self._activities,
            log=log,
            clock=clock,
            seed=self._seed,
            executors=lambda dispatcher: _Witnessed(dispatcher, witness),
            **self._settings,
        ) as rt:
            run = rt.start(self._definition, execution_id=EXECUTION, **self._inputs)
            self._drive(rt, run)
            if witness.broken is not None:
                raise witness.broken
            _check_folds(rt, log)

    def _drive(self, rt: Runtime, run: ExecutionHandle) -> None:
        """Be the outside world, until there is nothing left to wait for."""
        pending = {
            topic: deque(_listed(value)) for topic, value in self._signals.items()
        }
        consumed = [e.event.topic for e in run.history() if _is_signal(e)]
        for topic in consumed:
            pending[topic].popleft()
        for _ in range(_TURNS):
            result = run.wait()
            if result.status in ENDED:
                return
            rest = result.suspension
            assert rest is not None
            topic = next((t for t in rest.topics if pending.get(t)), None)
            if rest.reason == "paused":
                rt.resume(run.id)
            elif topic is not None:
                rt.signal(run.id, topic, pending[topic].popleft())
            elif rest.wake_at is not None:
                rt.clock.advance(max(0.0, rest.wake_at - rt.clock.time()))
            else:
                msg = f"nothing can move the execution: it waits for {rest.topics}"
                raise SimulationError(msg)
        msg = f"no end in sight after {_TURNS} turns, seed {self._seed}"
        raise SimulationError(msg)


def _end(log: MemoryLog, attempts: Mapping[Any, int], writes: int) -> End:
    row = log.find("execution", EXECUTION)
    assert row is not None
    events = tuple(log.read(row.id))
    state = _replayed(log, row.id)
    error = (
        None if state.error is None else f"{state.error.type}: {state.error.message}"
    )
    return End(state.status, state.output, error, events, attempts, writes)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_signal(recorded: Recorded) -> bool:
    return isinstance(recorded.event, ev.SignalReceived)


def _replayed(log: MemoryLog, stream: int) -> ExecutionState:
    state = ExecutionState()
    for recorded in log.read(stream):
        apply(state, recorded)
    return state


def _check_folds(rt: Runtime, log: MemoryLog) -> None:
    """Compare the status that was kept beside the events with what they say."""
    row = rt.row(EXECUTION)
    state = _replayed(log, row.id)
    if row.status != state.status:
        msg = f"the log lists {row.status!r}, but its events say {state.status!r}"
        raise SimulationError(msg)
