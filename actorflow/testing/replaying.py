"""One history, replayed: the engine decides, and the history answers for the world."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from typing import Any

from actorflow.errors import NonDeterminismError
from actorflow.log.port import Stream
from actorflow.model import events as ev
from actorflow.model.definition import Workflow
from actorflow.model.events import Failure, Recorded
from actorflow.model.fold import apply
from actorflow.model.state import Activation, Branch, parent_of
from actorflow.runtime.actors import ACTORS
from actorflow.runtime.dynamic import DynamicActor
from actorflow.runtime.emitter import EmitterActor
from actorflow.runtime.execution import ExecutionActor
from actorflow.runtime.fanout import FanActor
from actorflow.runtime.messages import Ended, Settle
from actorflow.runtime.nodecalls import Calls
from actorflow.runtime.nodehost import NodeHost
from actorflow.runtime.run import Run, RunActor
from actorflow.runtime.runtime import Runtime

LEAVES = {"activity", "wait_signal", "ask", "sleep", "pause"}
"""Kinds of activations whose ends come from outside."""

Difference = tuple[Recorded, Any]


class Stopped(BaseException):
    """A difference was found; nothing further is to be done."""


class _Leaf(RunActor):
    """An activity or a wait: what becomes of it is in the history."""

    def __init__(self, run: Run, address: str, work: Any) -> None:
        super().__init__(run, address)

    def handle(self, message: Any) -> None:
        """Leave when it has ended."""
        del message
        activation = self.run.state.activations.get(self.address)
        if activation is None or activation.phase == "failed":
            self.leave()


class _Fan(FanActor):
    """A map or a parallel: how many items begin at a time is in the history."""

    def _carried_activity(self) -> Any:
        return None

    def _start_items(self, activation: Any, fan: Any) -> None:
        """Begin those that have been entered and have no actor yet."""
        del activation
        for index in range(fan.next):
            address = f"{self.address}[{fan.key(index)}]"
            item = self.run.state.activations.get(address)
            begun = item is None or item.phase in ("failed", "queued")
            if not begun and address not in self.run.actors:
                self._begin(fan, index, address)

    def handle(self, message: Any) -> None:
        """Begin items also when none is left to be started."""
        activation = self.run.state.activations.get(self.address)
        if activation is not None and activation.fan is not None:
            self._start_items(activation, activation.fan)
        super().handle(message)


class _Host(NodeHost):
    """A host that makes no value anew: what was recorded is in the history."""

    async def may_recall(self, key: str) -> bool:
        """Bring the value from the history."""
        if key in self._records or self._replay.foresee(self._actor.address, key):
            return True
        await self._loop.create_future()  # the history ends before
        return False

    def patched(self, patch_id: str) -> bool:
        """Take the way that was taken; a new one only where the history ends."""
        known = self._patches.get(patch_id)
        if known is None:
            key = f"patch:{patch_id}"
            known = key in self._records
            known = known or self._replay.foresee(self._actor.address, key)
            known = known or not self._replay.has_more(self._actor.address)
            self._patches[patch_id] = known
        return known

    @property
    def _replay(self) -> ReplayedRun:
        run = self._run
        assert isinstance(run, ReplayedRun)
        return run


class _Node(DynamicActor):
    host_class = _Host

    async def wait_until_durable(self) -> None:
        """Everything is as durable as it will ever be."""

    def _fail_execution(self, calls: Calls) -> None:
        error = calls.diverged
        assert error is not None
        run = self.run
        assert isinstance(run, ReplayedRun)
        run.differs_from(error)


class _Root(ExecutionActor):
    """The execution, which takes from the history what was asked of it."""

    def _was_interrupted(self) -> bool:
        return False


class ReplayedRun(Run):
    """A run whose future is known.

    Attributes:
        difference: the first event that was not led to, and what was instead.
    """

    def __init__(self, services: Any, workflow: Workflow, history: list[Recorded]):
        super().__init__(services, Stream("execution", "replay", workflow.name), workflow)
        self._left = deque(history)
        self._matched: set[int] = set()
        self._at: dict[str, deque[Recorded]] = {}
        for recorded in history:
            self._at.setdefault(recorded.address, deque()).append(recorded)
        self._extra: list[tuple[str, Any]] = []
        self.difference: Difference | None = None

    # -- what the engine records -------------------------------------------------------

    def record_one(self, address: str, event: Any, now: float | None = None) -> None:
        """Compare with what the history has there, and take that in."""
        del now
        expected = self._next_at(address)
        if isinstance(event, ev.NodeSettled) and not (
            expected is not None and same(event, expected.event)
        ):
            return  # when it is recorded is a matter of chance
        if expected is None:
            self._extra.append((address, event))
            last = self.state.version
            apply(self.state, Recorded(last, self._now, address, event))
        elif same(event, expected.event):
            self._take(expected)
        else:
            self._differ(expected, event)

    @property
    def _now(self) -> float:
        return self._left[0].time if self._left else self.services.clock.time()

    def _take(self, recorded: Recorded) -> None:
        self._matched.add(recorded.seq)
        self._at[recorded.address].popleft()
        apply(self.state, recorded)

    def _next_at(self, address: str) -> Recorded | None:
        there = self._at.get(address)
        while there and isinstance(there[0].event, ev.BranchMoved):
            # Whether a choice is recorded before it is followed is a matter of chance.
            self._matched.add(there.popleft().seq)
        return there[0] if there else None

    def foresee(self, address: str, key: str) -> bool:
        """Take in the value that is recorded under *key* later, if one is."""
        for recorded in self._at.get(address, ()):
            event = recorded.event
            if isinstance(event, ev.ValueRecorded) and event.key == key:
                self._matched.add(recorded.seq)
                self._at[address].remove(recorded)
                apply(self.state, recorded)
                return True
        return False

    def has_more(self, address: str) -> bool:
        """Whether the history has more of what lies at and below *address*."""
        return any(
            there and (at == address or at.startswith(f"{address}/"))
            for at, there in self._at.items()
        )

    def _differ(self, expected: Recorded, got: Any) -> None:
        if self.difference is None:
            self.difference = (expected, got)
        raise Stopped

    def differs_from(self, error: NonDeterminismError) -> None:
        """A node has found a difference by itself."""
        there = self._at.get(error.address) or self._left
        self._differ(there[0], error)

    # -- what the history answers ------------------------------------------------------

    def go_on(self) -> bool:
        """Take in the next event that nobody has led to; False at the end."""
        while self._left and self._left[0].seq in self._matched:
            self._left.popleft()
        if not self._left:
            return False
        recorded = self._left[0]
        if isinstance(recorded.event, ev.BranchMoved):
            self._next_at(recorded.address)
        elif self._comes_from_outside(recorded):
            self._bring(recorded)
        else:
            self._differ(recorded, self._instead(recorded))
        return True

    def _comes_from_outside(self, recorded: Recorded) -> bool:
        event = recorded.event
        if self._at[recorded.address][0] is not recorded:
            return False
        if isinstance(event, _OUTSIDE):
            return True
        part = self.state.activations.get(recorded.address)
        if part is None or isinstance(event, ev.ActivationStarted | ev.WaitStarted):
            return isinstance(event, ev.WaitStarted) and part is not None
        return part.kind in LEAVES and not isinstance(event, ev.ActivationCancelled)

    def _bring(self, recorded: Recorded) -> None:
        self._take(recorded)
        event, address = recorded.event, recorded.address
        if isinstance(event, ev.ActivationCompleted | ev.ActivationFailed):
            self.tell(parent_of(address), Ended(address))
            self.settle(address)
        elif isinstance(event, ev.ExecutionStarted):
            self.stop_children()
        elif isinstance(event, ev.ExecutionRetried | ev.BranchStarted):
            self.actors[""].put(_Wake())
        elif not address:
            self.settle_all()
        elif isinstance(event, ev.ItemsStarted):
            self.settle(address)
        while self.state.calm:
            self.settle(self.state.calm.pop())

    def _instead(self, recorded: Recorded) -> Any:
        """Return what the code has done where it should have led to *recorded*."""
        parent = parent_of(recorded.address) if recorded.address else ""
        for address, event in self._extra:
            if address == recorded.address or parent_of(address or " ") == parent:
                return f"{type(event).__name__} at {address}"
        part = self.state.activations.get(recorded.address)
        if part is None and recorded.address not in self.state.branches:
            return "nothing: the code does not come there"
        return "nothing: the code waits for something else"

    # -- nothing is written ------------------------------------------------------------

    def record(self, *facts: Any) -> None:
        """See `record_one`."""
        for address, event in facts:
            self.record_one(address, event)

    def after_durable(
        self, call: Callable[..., Any], *args: Any, otherwise: Any = None
    ) -> None:
        """It is as durable as it will ever be."""
        del otherwise
        call(*args)

    def commit(self) -> None:
        """Let those look around for whom nothing is busy any more."""
        state = self.state
        while state.calm:
            self.settle(state.calm.pop())
        if state.scope.failing and not state.busy_children and not state.outcome:
            self.settle("")

    def flush(self) -> None:
        """Write nothing."""

    def begin(self, address: str, kind: str, work: Any) -> None:
        """Start the actor of an activation; of leaves, one that does nothing."""
        cls = _Leaf if kind in LEAVES else _ACTORS[kind]
        self.spawn(cls, address, work)


class _Wake(Settle):
    """Give every branch that goes on an actor."""


_OUTSIDE = (
    ev.ExecutionStarted,
    ev.ExecutionPaused,
    ev.ExecutionResumed,
    ev.ExecutionCancelled,
    ev.ExecutionRetried,
    ev.ExecutionRecovered,
    ev.SignalReceived,
    ev.ItemsStarted,
    ev.NodeSettled,
    ev.WaitEnded,
    ev.AttemptFailed,
)

_ACTORS: dict[str, Any] = {**ACTORS, "map": _Fan, "parallel": _Fan, "dynamic": _Node}


class Replay:
    """One replay: brings event after event, and lets the engine react to each."""

    def __init__(
        self,
        rt: Runtime,
        workflow: Workflow,
        execution_id: str,
        history: list[Recorded],
    ) -> None:
        self._dispatcher: Any = rt._system.dispatcher  # noqa: SLF001 - part of testing
        services = copy.copy(rt._services)  # noqa: SLF001
        services.crashed = self._crashed
        self._run = ReplayedRun(services, workflow, history)
        self._run.stream.name = execution_id
        self._defect: Exception | None = None

    def run(self) -> Difference | None:
        """Return the first difference, if there is one."""
        run = self._run
        try:
            run.go_on()  # it has started
            run.go_on()  # and so has its first branch
            run.spawn(_Root, "")
            self._dispatcher.run_until_idle()
            while self._defect is None and run.go_on():
                self._dispatcher.run_until_idle()
        except Stopped:
            pass
        if run.difference is None and self._defect is not None:
            return run.next_left(), f"{type(self._defect).__name__}: {self._defect}"
        return run.difference

    def close(self) -> None:
        """Let go of the actors."""
        self._dispatcher.stopped = False
        self._run.stop()
        self._dispatcher.run_until_idle()

    def _crashed(self, _: Run, error: Exception) -> None:
        self._defect = self._defect or error


def same(event: Any, other: Any) -> bool:
    """Whether two events say the same, but for when."""
    if type(event) is not type(other):
        return False
    return all(
        _plain(getattr(event, a.name)) == _plain(getattr(other, a.name))
        for a in type(event).__attrs_attrs__
        if a.name not in ("deadline", "retry_at", "attributes")
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Failure):
        return (value.type, value.message, value.address, value.node)
    return value


del Activation, Branch, EmitterActor
