"""One history, replayed: the engine decides, and the history answers for the world."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from actorflow.actors.future import PooledFuture
from actorflow.errors import NonDeterminismError, QueryFailed
from actorflow.log.port import Stream
from actorflow.model import events as ev
from actorflow.model.addresses import parent_of
from actorflow.model.definition import Workflow
from actorflow.model.events import Failure, Recorded
from actorflow.model.fold import apply
from actorflow.model.parts import Activation, Fan
from actorflow.model.policy import class_name
from actorflow.runtime.actors import ACTORS
from actorflow.runtime.dynamic import DynamicActor
from actorflow.runtime.execution import ExecutionActor
from actorflow.runtime.fanout import FanActor
from actorflow.runtime.feeding import Feeder
from actorflow.runtime.messages import Command, Ended, Settle
from actorflow.runtime.nodecalls import Calls
from actorflow.runtime.nodehost import NodeHost
from actorflow.runtime.nodeloop import NodeLoop
from actorflow.runtime.nodeplace import calling
from actorflow.runtime.run import Run, RunActor
from actorflow.runtime.runtime import Runtime
from actorflow.runtime.serving import Answer

LEAVES = {"activity", "wait_signal", "ask", "update", "sleep", "pause"}
LEAVES |= {"child", "tell_child", "undo_child"}
"""Kinds of activations whose ends come from outside."""

Difference = tuple[Recorded, Any]


class Stopped(BaseException):
    """A difference was found; nothing further is to be done."""


class _Leaf(RunActor):
    """An activity or a wait: what becomes of it is in the history."""

    def __init__(self, run: Run, address: str, work: Any) -> None:  # noqa: ARG002
        super().__init__(run, address)

    def handle(self, message: Any) -> None:
        """Leave when it has ended."""
        del message
        activation = self.run.state.find(self.address)
        if activation is None or activation.phase == "failed":
            self.leave()


class _Feeder(Feeder):
    """What items were found is in the history."""

    def feed(self, activation: Activation, fan: Fan) -> None:
        """Only look after a page that is being fetched."""
        del fan
        self.tend(activation)


class _Fan(FanActor):
    """A map or a parallel: how many items begin at a time is in the history."""

    def __init__(self, run: Run, address: str, work: Any) -> None:
        super().__init__(run, address, work)
        self._feeder = _Feeder(run, address, work.step)

    def _carried_activity(self) -> Any:
        return None

    def _start_items(self, activation: Any, fan: Any) -> None:
        """Begin those that have been entered and have no actor yet."""
        del activation
        for index in range(fan.next):
            address = self._address(fan, index)
            if self._is_active(address) and address not in self.run.actors:
                self._begin(fan, index, address)

    def handle(self, message: Any) -> None:
        """Begin items also when none is left to be started."""
        activation = self.run.state.find(self.address)
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

    def takes(self, patch: str) -> bool:
        """Take the way that was taken; a new one only where the history ends."""
        address = self._actor.address
        if patch in self._records or self._replay.foresee(address, patch):
            return True
        return not self._replay.has_more(address)

    @property
    def _replay(self) -> ReplayedRun:
        run = self._run
        assert isinstance(run, ReplayedRun)
        return run


class _Node(DynamicActor):
    """A dynamic node, whose calls are compared with those of the history."""

    host_class = _Host

    async def wait_until_durable(self) -> None:
        """Everything is as durable as it will ever be."""

    def _record_attempt(self, activation: Activation) -> None:
        """When an attempt begins is in the history."""

    def _watch_clock(self, activation: Activation) -> None:
        """When its time is over is in the history."""

    def _delay(self, attempt: int, failure: Failure) -> float | None:
        """Whether there is another attempt is in the history."""
        run = self.run
        assert isinstance(run, ReplayedRun)
        failed = ev.AttemptFailed(attempt, failure, 0.0)
        return 0.0 if run.expects(self.address, failed) else None

    def _fail_execution(self, calls: Calls) -> None:
        run = self.run
        assert isinstance(run, ReplayedRun)
        run.differs(self.divergence(calls))


class _Wake(Settle):
    """Give every branch that goes on an actor."""


class _Root(ExecutionActor):
    """The execution; what is asked of it is in the history."""

    def handle(self, message: Any) -> None:
        """Wake its branches, or see what follows."""
        if isinstance(message, _Wake):
            self.wake_branches()
        super().handle(message)

    def _was_interrupted(self) -> bool:
        return False


class ReplayedRun(Run):
    """A run whose future is known.

    Attributes:
        difference: the first event that was not led to, and what was instead.
        place: the line of code that led to something else, if one did.
    """

    def __init__(
        self, services: Any, workflow: Workflow, history: list[Recorded]
    ) -> None:
        super().__init__(
            services, Stream("execution", "replay", workflow.name), workflow
        )
        self._left = deque(history)
        self._matched: set[int] = set()
        self._at: dict[tuple[str, str], deque[Recorded]] = {}
        for recorded in history:
            self._at.setdefault(_queue_of(recorded), deque()).append(recorded)
        self._extra: list[Recorded] = []
        self._latest: Recorded | None = None
        self.difference: Difference | None = None
        self.place: str | None = None

    # -- what the engine records -------------------------------------------------------

    def record_one(self, address: str, event: Any, now: float | None = None) -> None:
        """Compare with what the history has there, and take that in."""
        del now
        mine = Recorded(self.state.version, self._now, address, event)
        expected = self._next_at(mine)
        if isinstance(event, ev.NodeSettled) and not (
            expected is not None and same(event, expected.event)
        ):
            return  # when it is recorded is a matter of chance
        if isinstance(event, ev.ActivationCompleted) and self.has_more(address, 1):
            self.differs(mine)
        elif expected is None:
            self._extra.append(mine)
            apply(self.state, mine)
        elif same(event, expected.event):
            self._latest = mine
            self._take(expected)
        else:
            self.differs(mine)
        if self.difference is not None:
            raise Stopped

    @property
    def _now(self) -> float:
        return self._left[0].time if self._left else 0.0

    def _take(self, recorded: Recorded) -> None:
        self._matched.add(recorded.seq)
        self._at[_queue_of(recorded)].popleft()
        apply(self.state, recorded)

    def _next_at(self, mine: Recorded) -> Recorded | None:
        there = self._at.get(_queue_of(mine))
        while there and isinstance(there[0].event, ev.BranchMoved):
            # Whether a choice is recorded before it is followed is a matter of chance.
            self._matched.add(there.popleft().seq)
        return there[0] if there else None

    def expects(self, address: str, event: Any) -> bool:
        """Whether the history has *event* next at *address*."""
        there = self._at.get((address, ""))
        return there is not None and len(there) > 0 and same(event, there[0].event)

    def foresee(self, address: str, key: str) -> bool:
        """Take in the value that is recorded under *key* later, if one is."""
        there = self._at.get((address, ""), deque())
        for recorded in there:
            event = recorded.event
            if isinstance(event, ev.ValueRecorded) and event.key == key:
                self._matched.add(recorded.seq)
                there.remove(recorded)
                apply(self.state, recorded)
                return True
        return False

    def has_more(self, address: str, below: int = 0) -> bool:
        """Whether the history has more of what lies at (or only *below*) *address*."""
        return any(
            there and ((at == address and not below) or at.startswith(f"{address}/"))
            for (at, _), there in self._at.items()
        )

    def differs(self, got: Any) -> None:
        """Note that the first event that is left is not what the code leads to."""
        self._skip_matched()
        if self.difference is None and self._left:
            self.difference = (self._left[0], got)
            self.place = calling(NodeLoop.run_ready.__code__)

    def _skip_matched(self) -> None:
        while self._left and self._left[0].seq in self._matched:
            self._left.popleft()

    # -- what the history answers ------------------------------------------------------

    def go_on(self) -> bool:
        """Take in what nobody led to, up to what the code must; False at the end."""
        brought = False
        while True:
            self._skip_matched()
            recorded = self._left[0] if self._left else None
            if recorded is None:
                return brought
            if isinstance(recorded.event, ev.BranchMoved):
                self._next_at(recorded)
            elif self._comes_from_outside(recorded):
                alone = self._is_of_node(recorded)
                if brought and alone:
                    return True
                self._bring(recorded)
                brought = True
                if alone:
                    return True
            elif not brought:
                self.differs(self._instead(recorded))
                return False
            else:
                return True

    def _comes_from_outside(self, recorded: Recorded) -> bool:
        event, address = recorded.event, recorded.address
        if not address:
            return not isinstance(event, _ENDS) or _is_given_up(event)
        if self._is_of_node(recorded):
            return _is_out_of_time(recorded)
        if isinstance(event, _OUTSIDE) or self._is_page(recorded):
            return True
        if isinstance(event, ev.BranchStarted):
            first = event.parent is None and "/" not in address
            return first and event.step == self.workflow.start.name
        part = self.state.find(address)
        decided = isinstance(event, ev.ActivationStarted | ev.ActivationCancelled)
        return part is not None and part.kind in LEAVES and not decided

    def _is_page(self, recorded: Recorded) -> bool:
        """Whether it begins to fetch a page; when, is a matter of room."""
        if not isinstance(recorded.event, ev.ActivationStarted):
            return False
        part = self.state.activations.get(parent_of(recorded.address))
        return part is not None and part.fan is not None

    def _is_of_node(self, recorded: Recorded) -> bool:
        """Whether it is about an attempt of a dynamic node, which has to notice it."""
        part = self.state.find(recorded.address)
        is_node = part is not None and part.kind == "dynamic"
        return is_node and isinstance(recorded.event, _ATTEMPTS)

    def _bring(self, recorded: Recorded) -> None:
        is_page = self._is_page(recorded)
        self._take(recorded)
        event, address = recorded.event, recorded.address
        if is_page or isinstance(event, ev.ChildStarted):  # a node may wait to end
            self.settle(parent_of(address))
        elif isinstance(event, ev.ActivationCompleted | ev.ActivationFailed):
            self.tell(parent_of(address), Ended(address))
            self.settle(address)
        elif isinstance(event, ev.ExecutionStarted):
            self.stop_children()
        elif isinstance(event, ev.ExecutionRetried | ev.BranchStarted):
            self.tell("", _Wake())
        elif not address:
            self.settle_all()
        elif isinstance(event, _ITEMS) or self._is_of_node(recorded):
            self.settle(address)
        for calm in self.state.take_calm():
            self.settle(calm)

    def _instead(self, recorded: Recorded) -> Any:
        """Return what the code has done where it should have led to *recorded*."""
        parent = parent_of(recorded.address) if recorded.address else ""
        for mine in self._extra:
            if mine.address and parent_of(mine.address) == parent:
                return mine
        if isinstance(recorded.event, ev.BranchStarted):
            return ev.BranchStarted(self.workflow.start.name)
        return self._latest or "nothing"

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
        for address in state.take_calm():
            self.settle(address)
        if state.scope.failing and not state.busy_children and not state.outcome:
            self.settle("")

    def rest(self, activation: Activation, work: Any) -> None:
        """What comes, and when, the history says."""

    def flush(self) -> None:
        """Write nothing."""

    def begin(self, address: str, kind: str, work: Any) -> None:
        """Start the actor of an activation; of leaves, one that does nothing."""
        cls = _Leaf if kind in LEAVES else _ACTORS[kind]
        self.spawn(cls, address, work)


_OUTSIDE = (
    ev.AttemptFailed,
    ev.AttemptStarted,
    ev.ItemsFound,
    ev.ItemsStarted,
    ev.NodeSettled,
    ev.WaitEnded,
)
_ITEMS = (ev.ItemsFound, ev.ItemsStarted)
_ATTEMPTS = (ev.AttemptStarted, ev.AttemptFailed, ev.ActivationFailed)
_ENDS = (ev.ExecutionCompleted, ev.ExecutionFailed, ev.CompensationStarted)


def _is_given_up(event: Any) -> bool:
    """Whether the engine gave the execution up, or a person ended it."""
    error = getattr(event, "error", None)
    if error is None:
        return isinstance(event, ev.CompensationStarted)
    late = error.type == "timeout" and error.address is None
    return late or error.type == "engine" or NAME in error.exceptions


def _is_out_of_time(recorded: Recorded) -> bool:
    """Whether time began or ended an attempt; what its code raises has a class."""
    if isinstance(recorded.event, ev.AttemptStarted):
        return True
    error = getattr(recorded.event, "error", None)
    if not isinstance(error, Failure) or error.address != recorded.address:
        return False
    return error.type == "timeout" and not error.exceptions


NAME = class_name(NonDeterminismError)


def _queue_of(recorded: Recorded) -> tuple[str, str]:
    """Return what an event is in order with: others of its address, but for some.

    The steps of a branch are in order with each other; when values pass through an
    emitter, in relation to other things, is a matter of chance.
    """
    event, address = recorded.event, recorded.address
    if isinstance(event, ev.ValueEmitted | ev.NodeSettled):
        return (address, type(event).__name__)
    if isinstance(event, ev.ActivationStarted) and event.step is not None:
        return (parent_of(address), "steps")
    return (address, "")


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
        run.go_on()  # it has started, and so has its first branch
        if not run.state.branches:
            run.go_on()
            return run.difference
        run.spawn(_Root, "")
        with suppress(Stopped):
            while self._react() and run.go_on():
                pass
        if self._defect is not None:
            run.differs(f"{type(self._defect).__name__}: {self._defect}")
        return run.difference

    def query(self, data: dict[str, Any]) -> Answer:
        """Return what the replayed nodes answer; `run` comes first.

        Raises:
            ActorflowError: what `Runtime.query` would raise.
        """
        reply: PooledFuture[Answer] = PooledFuture()
        self._run.inbound += 1
        self._run.actors[""].put(Command("query", data, None, reply))
        self._react()
        if not reply.done:
            problem = "the node is in the middle of something where its history ends"
            raise QueryFailed(self._run.id, data["name"], problem)
        answer: Answer = reply.get()
        return answer

    def place(self, address: str) -> str | None:
        """Return the line of code of the node that looks after *address*, if any."""
        if self._run.place is not None:
            return self._run.place
        while address:
            ref = self._run.actors.get(address)
            if ref is not None and isinstance(ref.actor, DynamicActor):
                return ref.actor.place()
            address = parent_of(address)
        return None

    def _react(self) -> bool:
        """Let the engine react; return whether all is well."""
        while self._run.difference is None and self._defect is None:
            if not self._dispatcher.step():
                return True
        return False

    def close(self) -> None:
        """Let go of the actors."""
        self._run.stop()

    def _crashed(self, _: Run, error: Exception) -> None:
        self._defect = self._defect or error


def same(event: Any, other: Any) -> bool:
    """Whether two events say the same, but for when."""
    if type(event) is not type(other):
        return False
    return all(
        _plain(getattr(event, a.name)) == _plain(getattr(other, a.name))
        for a in type(event).__attrs_attrs__
        if a.name not in ("deadline", "retry_at", "learned", "attributes")
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Failure):
        return (value.type, value.message, value.address, value.node)
    return value
