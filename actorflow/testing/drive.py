"""Drives one simulated execution from its start to its end, as the outside would."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from actorflow.errors import ActorflowError
from actorflow.model.state import ENDED, ExecutionState
from actorflow.runtime.runtime import Runtime
from actorflow.testing.faults import Crash
from actorflow.testing.laws import SimulationError
from actorflow.testing.outside import (
    REFUSALS,
    Action,
    Answer,
    Ask,
    Resume,
    Retry,
    Signal,
)
from actorflow.testing.world import World

EXECUTION = "simulated"
_TRIES = 100
_AFTERMATH = 2.0
"""Seconds that a failing write may take to be tried again."""
_RESTING = ("suspended", "paused")


@frozen
class Outside:
    """What the outside has for an execution; see `Simulation`."""

    definition: Any
    inputs: Mapping[str, Any] = field(factory=dict)
    signals: Mapping[str, Any] = field(factory=dict)
    answers: Mapping[str, Any] = field(factory=dict)
    updates: Mapping[str, Any] = field(factory=dict)
    script: Sequence[Action] = ()


class Driver:
    """Everything outside one execution: who starts it, and whom it waits for.

    Attributes:
        replies: what updates were answered with, by key.
    """

    def __init__(self, world: World, outside: Outside) -> None:
        self._world = world
        self._definition, self._inputs = outside.definition, outside.inputs
        self._signals = _queues(outside.signals)
        self._answers = _queues(outside.answers)
        self._updates = deque(
            Ask(name, value, key=f"{name}-{number}")
            for name, values in _queues(outside.updates).items()
            for number, value in enumerate(values)
        )
        self.replies: dict[str, Any] = {}
        script = outside.script
        self._timed = deque(sorted((a for a in script if a.at is not None), key=_at))
        self._untimed = deque(a for a in script if a.at is None)
        self._accepted: list[tuple[str, str]] = []
        self._count = 0
        self._vain: tuple[int, float] | None = None
        self._leases = 0

    @property
    def _state(self) -> ExecutionState:
        """The state as it is in the log."""
        account = self._world.ledger.of(self._world.processes[0].log, EXECUTION)
        return ExecutionState() if account is None else account.state

    def drive(self) -> None:
        """Start the execution; keep the world turning until it has ended."""
        world = self._world
        self._persist(self._start)
        while not self._has_ended():
            world.someone()
            moved = (
                (not self._is_time() and (world.step() or world.look_around()))
                or self._act()
                or world.kill_the_hung()
                or world.pass_time(self._until_next())
                or self._act(again=True)
            )
            if not moved:
                self._wait_for_leases()
        self._let_go()
        executions = world.executions()
        for name, key in self._accepted:
            if key not in (executions[name].state.signal_keys or ()):
                raise SimulationError(f"the signal with the key {key!r} was lost")

    def _start(self, rt: Runtime) -> None:
        rt.start(self._definition, execution_id=EXECUTION, **self._inputs)

    def _has_ended(self) -> bool:
        status = self._state.status
        scripted = [*self._timed, *self._untimed]
        if status == "failed" and any(isinstance(a, Retry) for a in scripted):
            return False
        return status in ENDED

    def _let_go(self) -> None:
        """See that nothing of an ended execution stays in memory."""
        world = self._world
        world.fate.rest()
        if len(world.executions()) > 1 or world.store.posted:
            world.someone()  # for the others that its end concerns
        world.settle(_AFTERMATH)
        for process in world.alive:
            for run in process.runs():
                if run.state.outcome is not None:
                    raise SimulationError(
                        f"{process.name} keeps {run.id!r}, which has ended, in memory"
                    )

    def _wait_for_leases(self) -> None:
        """Nothing moves: perhaps somebody must first be taken for dead."""
        self._leases += 1
        if self._leases > len(self._world.processes):
            waits = ", ".join(w.topic or w.kind for w in self._state.waits.values())
            raise SimulationError(
                f"nothing can move the execution, which is {self._state.status}; it "
                f"waits for {waits or 'nothing'}"
            )
        self._world.wait_for_leases()

    # -- what the outside does ---------------------------------------------------------

    def _is_time(self) -> bool:
        return bool(self._timed) and self._until_next() == 0

    def _until_next(self) -> float | None:
        if not self._timed:
            return None
        return self._world.left_until(_at(self._timed[0]))

    def _act(self, *, again: bool = False) -> bool:
        """Do what is to be done now; return whether there was something.

        What was in vain is not done *again* before something has been written, or time
        has passed: a log that is failing just now is tried again in a while.
        """
        if again:
            self._vain = None
        found = self._next_action()
        if found is not None:
            self._perform(*found)
        return found is not None

    def _next_action(self) -> tuple[Action, str] | None:
        """Return what is to be done, and to which execution."""
        state = self._state
        if self._is_time():
            return self._timed.popleft(), EXECUTION
        if state.status == "failed" and self._untimed:
            return self._untimed.popleft(), EXECUTION
        if state.status not in _RESTING or self._is_due(state):
            return None
        if self._vain == self._moment():
            return None
        action = self._asked_for(state)
        if action is not None:
            return action, EXECUTION
        return self._asked_for_by_a_child() or self._next_untimed()

    def _moment(self) -> tuple[int, float]:
        return self._world.ledger.writes, self._world.clock.monotonic()

    def _asked_for_by_a_child(self) -> tuple[Action, str] | None:
        """Return what a child waits for, that its parents are not the cause of."""
        for name, account in self._world.executions().items():
            state = account.state
            by_parent = state.paused is not None and state.paused.by_parent
            if name != EXECUTION and state.status in _RESTING and not by_parent:
                action = self._asked_for(state)
                if action is not None and not self._is_due(state):
                    return action, name
        return None

    def _is_due(self, state: ExecutionState) -> bool:
        """Whether it is about to be woken."""
        wake_at = state.wake_at
        due = wake_at is not None and wake_at <= self._world.clock.time()
        return due and state.status == "suspended"

    def _asked_for(self, state: ExecutionState) -> Action | None:
        """Return what the execution waits for, if the outside has it."""
        if state.status == "paused":
            scripted = [*self._timed, *self._untimed]
            return None if any(isinstance(a, Resume) for a in scripted) else Resume()
        if self._updates and self._updates[0].name in state.listening:
            return self._updates.popleft()
        for _, wait in state.pending:
            given = self._signals.get(wait.topic or "")
            if wait.kind == "signal" and given:
                return Signal(str(wait.topic), given.popleft())
            given = self._answers.get(wait.topic or "") or self._answers.get("*")
            if wait.kind == "question" and given:
                once = wait.topic in self._answers
                answer = given.popleft() if once else given[0]
                return Answer(str(wait.topic), answer)
        return None

    def _next_untimed(self) -> tuple[Action, str] | None:
        if self._untimed and not isinstance(self._untimed[0], Retry):
            return self._untimed.popleft(), EXECUTION
        return None

    def _perform(self, action: Action, name: str) -> None:
        """Do it to an execution, again and again if its process dies of it."""
        self._count += 1
        key, world = f"action-{self._count}", self._world
        world.note(f"outside: {action}")
        posted = world.store.last_posted
        try:
            reply = self._persist(lambda rt: action.perform(rt, name, key))
        except REFUSALS as error:
            world.note(f"refused: {error}")
            self._vain = self._moment()
            return
        if world.store.last_posted != posted:
            self._vain = self._moment()
        if isinstance(action, Ask):
            self.replies[action.key or key] = reply
        if isinstance(action, Signal) and world.store.last_posted == posted:
            self._accepted.append((name, key))

    def _persist(self, call: Any) -> Any:
        for tries in range(_TRIES):
            process = self._world.someone()
            try:
                return call(process.rt)
            except Crash:
                continue
            except REFUSALS:
                if tries:
                    return None  # it was done the first time; only the reply was lost
                raise
            except TimeoutError as error:
                raise SimulationError(f"{process.name} gives no reply") from error
            except ActorflowError as error:
                self._world.note(f"not yet: {error}")
                self._world.look_around()
                self._world.step()
                self._world.kill_the_hung()
        raise SimulationError(f"not done after {_TRIES} tries")


def _at(action: Action) -> float:
    return action.at or 0.0


def _queues(given: Mapping[str, Any]) -> dict[str, deque[Any]]:
    return {
        name: deque(value if isinstance(value, list) else [value])
        for name, value in given.items()
    }
