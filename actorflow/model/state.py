"""The state of one execution: a fold over its events, and the only fold there is.

`ExecutionState.apply` runs when an event has just been recorded and when it is read
back years later. It needs no definition, reads no clock and refuses nothing. Values
are shared, never changed in place, so a fork copies references and still isolates.

What an execution still owes the world is a function of this state. A part *owes* when
its actor can do something without anything from outside; `busy` counts the parts that
owe, so that the status is known without looking at them all.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, field

from actorflow.model import events as ev
from actorflow.model.events import Data, Failure, Recorded

WINDOW = 1024
"""How many items of a map are active at once when the definition sets no limit."""

ENDED = ("completed", "failed", "cancelled")


@define
class Pause:
    """Who stopped a branch or an execution, and since when."""

    reason: str | None
    since: float


@define
class Wait:
    """Something pending from outside.

    Attributes:
        ordinal: which wait of its activation this is, from 0.
        kind: ``signal``, ``time`` or ``pause``.
        since: when it began, seconds since the epoch.
    """

    ordinal: int
    kind: str
    topic: str | None
    reason: str | None
    since: float


@define
class Answer:
    """How a wait ended: with a signal's payload, or because its time was over."""

    payload: Data
    timed_out: bool


@define
class Fan:
    """The items of a map: which are done, which are active, which are still to start."""

    items: list[Data]
    limit: int | None
    on_error: str
    results: list[Data]
    next: int = 0
    live: int = 0
    waiting: int = 0
    failures: dict[int, Failure] = field(factory=dict)
    redo: list[int] = field(factory=list)

    @property
    def finished(self) -> bool:
        """Whether no item is active and none will be started."""
        return self.live == 0 and not self.startable

    @property
    def startable(self) -> bool:
        """Whether there are items that should still be started some time."""
        if self.on_error == "fail_fast" and self.failures:
            return False
        return bool(self.redo) or self.next < len(self.items)

    @property
    def room(self) -> int:
        """How many more items may be active now.

        An item that waits for the outside uses nothing, so it makes room, except
        where one after the other was asked for.
        """
        if self.limit == 1:
            return 1 - self.live
        return (self.limit or WINDOW) - (self.live - self.waiting)


@define
class Activation:
    """One entry into a node.

    Attributes:
        visit: the how-manieth entry under this address, from 1.
        phase: ``running``, ``interrupted`` (its process died), ``backoff`` (until the
            next try), ``waiting``, ``joining``, ``queued`` (to be run again by its
            map), or ``failed``.
        attempt: the try that is to be made, or is being made, from 1.
        until: when backoff or wait end by themselves.
        frozen: since when a pause has stopped that clock.
        records: activity history.
        answers: ended waits, by ordinal.
        interruptions: how often a process died while it ran.
    """

    address: str
    kind: str
    node: str
    step: str | None
    input: Data
    store: str | None
    visit: int
    phase: str = "running"
    attempt: int = 1
    until: float | None = None
    frozen: float | None = None
    wait: Wait | None = None
    error: Failure | None = None
    fan: Fan | None = None
    interruptions: int = 0
    busy: bool = False
    records: dict[str, Data] | None = None
    answers: dict[int, Answer] | None = None
    progress: ev.ProgressReported | None = None


@define
class Branch:
    """One line of control, with its own variables.

    Attributes:
        status: ``active``, ``completed`` or ``failed``.
        step: the step it is in, or was in last.
        target: the step it will enter next, once that is decided.
        current: the address of the activation it is in.
    """

    id: str
    parent: str | None
    variables: dict[str, Data]
    target: str | None
    status: str = "active"
    step: str | None = None
    current: str | None = None
    visits: dict[str, int] = field(factory=dict)
    error: Failure | None = None
    forked: bool = False
    busy: bool = False


def parent_of(address: str) -> str:
    """Return the address of the branch or activation that *address* belongs to."""
    cut = address.rindex("[" if address.endswith("]") else "/")
    return address[:cut]


def item_index(address: str) -> int:
    """Return n for ``...[n]``."""
    return int(address[address.rindex("[") + 1 : -1])


@define
class ExecutionState:
    """Everything that is so after the events applied to it.

    Attributes:
        version: seq of the last event.
        outcome: how it ended, or None.
        failing: the failure that will end it as soon as nothing is in flight.
        signals: received and not yet consumed, per topic, oldest first: (seq, payload).
        topics: addresses that wait for a signal, per topic, first come first served.
        forks: the counter that names branches.
        busy: how many branches and activations owe something.
    """

    version: int = 0
    workflow: str = ""
    fingerprint: str = ""
    inputs: dict[str, Data] = field(factory=dict)
    attributes: dict[str, Data] = field(factory=dict)
    started_at: float = 0.0
    finished_at: float | None = None
    outcome: str | None = None
    output: Data = None
    error: Failure | None = None
    reason: str | None = None
    failing: Failure | None = None
    branches: dict[str, Branch] = field(factory=dict)
    activations: dict[str, Activation] = field(factory=dict)
    waits: dict[str, Wait] = field(factory=dict)
    topics: dict[str, dict[str, None]] = field(factory=dict)
    signals: dict[str, deque[tuple[int, Data]]] = field(factory=dict)
    signal_keys: set[str] = field(factory=set)
    paused: Pause | None = None
    paused_branches: dict[str, Pause] = field(factory=dict)
    forks: int = 0
    busy: int = 0
    _deadlines: list[tuple[float, str]] = field(factory=list, eq=False, repr=False)

    # -- questions ---------------------------------------------------------------------

    @property
    def status(self) -> str:
        """The first that applies: how it ended, running, paused, suspended."""
        if self.outcome:
            return self.outcome
        if self.busy or self.failing:
            return "running"
        if self.paused or any(self._stopped()):
            return "paused"
        # With nothing to wait for, something is still to be decided.
        return "suspended" if self.waits else "running"

    @property
    def suspension_reason(self) -> str | None:
        """Why it rests: paused, sleeping, waiting; the first that applies."""
        if self.status == "paused":
            return "paused"
        if self.status != "suspended":
            return None
        sleeps = any(wait.kind == "time" for wait in self.waits.values())
        return "sleeping" if sleeps else "waiting"

    @property
    def wake_at(self) -> float | None:
        """When the earliest clock that runs will ring."""
        heap = self._deadlines
        while heap:
            until, address = heap[0]
            activation = self.activations.get(address)
            if activation and activation.until == until and activation.frozen is None:
                return until
            heapq.heappop(heap)
        return None

    def is_paused(self, address: str) -> bool:
        """Whether a pause covers the branch that *address* lies in."""
        if self.paused is not None:
            return True
        return (
            bool(self.paused_branches)
            and address.partition("/")[0] in self.paused_branches
        )

    def is_halted(self, address: str) -> bool:
        """Whether nothing new may begin there: paused, failing or ended."""
        return (
            self.failing is not None
            or self.outcome is not None
            or self.is_paused(address)
        )

    def _stopped(self) -> Iterator[bool]:
        for branch in self.branches.values():
            yield branch.status == "active" and branch.id in self.paused_branches
        for wait in self.waits.values():
            yield wait.kind == "pause"

    # -- the fold ----------------------------------------------------------------------

    def apply(self, recorded: Recorded) -> None:
        """Take in one event."""
        self.version = recorded.seq
        _APPLY[type(recorded.event)](self, recorded)

    def _weigh(self, part: Branch | Activation) -> None:
        """Recount whether *part* owes something."""
        if isinstance(part, Branch):
            owes = self._branch_owes(part)
        else:
            owes = self._activation_owes(part)
        if owes != part.busy:
            part.busy = owes
            self.busy += 1 if owes else -1

    def _branch_owes(self, branch: Branch) -> bool:
        if branch.status != "active" or branch.current is not None:
            return False
        return not self.is_halted(branch.id)

    def _activation_owes(self, activation: Activation) -> bool:
        if activation.phase in ("backoff", "interrupted"):
            return not self.is_halted(activation.address)
        if activation.phase != "running":
            return False
        fan = activation.fan
        if fan is None or fan.finished:
            return True
        starts = fan.startable and fan.room > 0
        return starts and not self.is_halted(activation.address)

    def _weigh_all(self) -> None:
        for branch in self.branches.values():
            self._weigh(branch)
        for activation in self.activations.values():
            self._weigh(activation)

    def _drop(self, activation: Activation) -> None:
        self._stop_waiting(activation)
        del self.activations[activation.address]
        if activation.busy:
            self.busy -= 1

    def _set_clock(self, activation: Activation, until: float | None, at: float) -> None:
        activation.until = until
        activation.frozen = None
        if until is None:
            return
        if self.is_paused(activation.address):
            activation.frozen = at
        else:
            heapq.heappush(self._deadlines, (until, activation.address))

    def _stop_waiting(self, activation: Activation) -> None:
        wait, activation.wait = activation.wait, None
        if wait is None:
            return
        address = activation.address
        del self.waits[address]
        if wait.topic is not None:
            waiting = self.topics[wait.topic]
            del waiting[address]
            if not waiting:
                del self.topics[wait.topic]
        parent = self._fan_around(address)
        if parent and parent.fan:
            parent.fan.waiting -= 1
            self._weigh(parent)

    def _fan_around(self, address: str) -> Activation | None:
        return self.activations[parent_of(address)] if address[-1] == "]" else None

    # -- the execution -----------------------------------------------------------------

    def _execution_started(self, recorded: Recorded) -> None:
        event: ev.ExecutionStarted = recorded.event
        self.workflow, self.fingerprint = event.workflow, event.fingerprint
        self.inputs, self.attributes = event.inputs, event.attributes
        self.started_at = recorded.time
        self._initial = event.variables

    def _execution_completed(self, recorded: Recorded) -> None:
        self._end("completed", recorded.time)
        self.output = recorded.event.output

    def _execution_failed(self, recorded: Recorded) -> None:
        self._end("failed", recorded.time)
        self.error = recorded.event.error

    def _execution_cancelled(self, recorded: Recorded) -> None:
        self._end("cancelled", recorded.time)
        self.reason = recorded.event.reason

    def _end(self, outcome: str, time: float) -> None:
        self.outcome, self.finished_at = outcome, time

    def _execution_paused(self, recorded: Recorded) -> None:
        event: ev.ExecutionPaused = recorded.event
        pause = Pause(event.reason, recorded.time)
        if event.branch is None:
            self.paused = pause
        else:
            self.paused_branches[event.branch] = pause
        for activation in self.activations.values():
            if activation.until is not None and activation.frozen is None:
                if self.is_paused(activation.address):
                    activation.frozen = recorded.time
        self._weigh_all()

    def _execution_resumed(self, recorded: Recorded) -> None:
        event: ev.ExecutionResumed = recorded.event
        if event.branch is None:
            self.paused = None
            self.paused_branches.clear()
        else:
            self.paused_branches.pop(event.branch, None)
        for activation in self.activations.values():
            if activation.frozen is not None and not self.is_paused(activation.address):
                self._thaw(activation, recorded.time)
        self._weigh_all()

    def _thaw(self, activation: Activation, now: float) -> None:
        if activation.until is not None and activation.frozen is not None:
            # Rounded, as all times in the log are, so that replay meets the same value.
            until = round(activation.until + now - activation.frozen, 6)
            self._set_clock(activation, until, now)

    def _execution_retried(self, recorded: Recorded) -> None:
        self.outcome = self.finished_at = self.error = self.failing = None
        for branch in self.branches.values():
            if branch.status == "failed":
                branch.status, branch.error = "active", None
                failed = self.activations.get(branch.current or "")
                if failed:
                    self._rearm(failed)
        self._weigh_all()

    def _rearm(self, activation: Activation) -> None:
        activation.phase, activation.attempt, activation.error = "running", 1, None
        fan = activation.fan
        if fan is None:
            return
        fan.redo, fan.failures = sorted(fan.failures), {}
        for index in fan.redo:
            item = self.activations[f"{activation.address}[{index}]"]
            item.phase, item.attempt, item.error = "queued", 1, None

    def _execution_recovered(self, recorded: Recorded) -> None:
        for activation in self.activations.values():
            if activation.phase == "running" and activation.fan is None:
                activation.phase = "interrupted"
                activation.interruptions += 1
                self._weigh(activation)

    def _signal_received(self, recorded: Recorded) -> None:
        event: ev.SignalReceived = recorded.event
        queue = self.signals.setdefault(event.topic, deque())
        queue.append((recorded.seq, event.payload))
        if event.key is not None:
            self.signal_keys.add(event.key)

    # -- branches ----------------------------------------------------------------------

    _initial: dict[str, Data] = field(factory=dict, eq=False, repr=False)

    def _branch_started(self, recorded: Recorded) -> None:
        event: ev.BranchStarted = recorded.event
        parent = self.branches.get(event.parent or "")
        if parent:
            parent.forked = True
        variables = parent.variables if parent else self._initial
        branch = Branch(recorded.address, event.parent, dict(variables), event.step)
        self.branches[branch.id] = branch
        if parent and branch.id.startswith(f"{parent.id}-"):
            number = branch.id[len(parent.id) + 1 :]
            if number.isdigit():
                self.forks = max(self.forks, int(number))
        self._weigh(branch)

    def _branch_moved(self, recorded: Recorded) -> None:
        branch = self.branches[recorded.address]
        branch.target = recorded.event.step
        self._weigh(branch)

    def _branch_diverted(self, recorded: Recorded) -> None:
        event: ev.BranchDiverted = recorded.event
        branch = self.branches[recorded.address]
        if branch.current is not None:
            self._forget(branch.current)
            branch.current = None
        if event.store:
            branch.variables[event.store] = {
                "type": event.error.type,
                "message": event.error.message,
                "details": event.error.details,
                "node": event.error.node,
                "address": event.error.address,
            }
        branch.target = event.step
        self._weigh(branch)

    def _forget(self, address: str) -> None:
        """Drop an activation that failed, and what is left of its items."""
        activation = self.activations[address]
        if activation.fan:
            for index in activation.fan.failures:
                self._drop(self.activations[f"{address}[{index}]"])
        self._drop(activation)

    def _branch_completed(self, recorded: Recorded) -> None:
        branch = self.branches[recorded.address]
        branch.status, branch.target = "completed", None
        if branch.current is not None:  # a second arrival at a join ends there
            self._drop(self.activations[branch.current])
            branch.current = None
        self._weigh(branch)

    def _branch_failed(self, recorded: Recorded) -> None:
        branch = self.branches[recorded.address]
        branch.status, branch.error = "failed", recorded.event.error
        self._weigh(branch)
        if self.failing is None:
            self.failing = recorded.event.error
            self._weigh_all()

    # -- activations -------------------------------------------------------------------

    def _activation_started(self, recorded: Recorded) -> None:
        event: ev.ActivationStarted = recorded.event
        branch = self.branches[parent_of(recorded.address)]
        step = event.step or event.node
        visit = branch.visits[step] = branch.visits.get(step, 0) + 1
        activation = Activation(
            recorded.address,
            event.kind,
            event.node,
            event.step,
            event.input,
            event.store,
            visit,
        )
        if event.kind == "map":
            activation.fan = _fan(event.input)
        elif event.kind == "join":
            activation.phase = "joining"
        branch.step, branch.target, branch.current = step, None, activation.address
        self.activations[activation.address] = activation
        self._weigh(branch)
        self._weigh(activation)

    def _items_started(self, recorded: Recorded) -> None:
        event: ev.ItemsStarted = recorded.event
        parent = self.activations[recorded.address]
        fan = parent.fan
        assert fan is not None
        for index in range(event.first, event.first + event.count):
            address = f"{parent.address}[{index}]"
            item = self.activations.get(address)
            if item is None:
                item = Activation(
                    address, "activity", parent.node, None, None, None, parent.visit
                )
                self.activations[address] = item
                fan.next = index + 1
            else:
                item.phase = "running"
                fan.redo.remove(index)
            fan.live += 1
            self._weigh(item)
        self._weigh(parent)

    def _attempt_failed(self, recorded: Recorded) -> None:
        event: ev.AttemptFailed = recorded.event
        activation = self.activations[recorded.address]
        activation.phase, activation.attempt = "backoff", event.attempt + 1
        activation.error = event.error
        self._set_clock(activation, event.retry_at, recorded.time)
        self._weigh(activation)

    def _activation_completed(self, recorded: Recorded) -> None:
        activation = self.activations[recorded.address]
        self._drop(activation)
        result = recorded.event.result
        fan_parent = self._fan_around(recorded.address)
        if fan_parent and fan_parent.fan:
            fan_parent.fan.results[item_index(recorded.address)] = result
            fan_parent.fan.live -= 1
            self._weigh(fan_parent)
            return
        branch = self.branches[parent_of(recorded.address)]
        if activation.kind == "join":
            self._merge(branch, activation.input["mappings"], result)
        elif activation.fan:
            result = _collected(activation.fan)
            for index in activation.fan.failures:
                self._drop(self.activations[f"{activation.address}[{index}]"])
        if activation.store:
            branch.variables[activation.store] = result
        branch.current = None
        self._weigh(branch)

    def _merge(self, branch: Branch, mappings: dict[str, str], merged: list[str]) -> None:
        """Write what a join took from the branches it *merged* over the variables."""
        for name in merged:
            source = self.branches[name].variables
            whole = True
            for path, dest in mappings.items():
                head, _, rest = path.partition(".")
                if head != name:
                    continue
                whole = False
                found, value = lookup(source, rest) if rest else (True, dict(source))
                if found:
                    branch.variables = with_path(branch.variables, dest, value)
            if whole and name != branch.id:
                branch.variables = {**branch.variables, name: dict(source)}

    def _activation_failed(self, recorded: Recorded) -> None:
        activation = self.activations[recorded.address]
        self._stop_waiting(activation)
        activation.phase, activation.error = "failed", recorded.event.error
        self._set_clock(activation, None, recorded.time)
        self._weigh(activation)
        parent = self._fan_around(recorded.address)
        if parent and parent.fan:
            parent.fan.failures[item_index(recorded.address)] = recorded.event.error
            parent.fan.live -= 1
            self._weigh(parent)

    def _activation_cancelled(self, recorded: Recorded) -> None:
        self._drop(self.activations[recorded.address])

    def _value_recorded(self, recorded: Recorded) -> None:
        activation = self.activations[recorded.address]
        if activation.records is None:
            activation.records = {}
        activation.records[recorded.event.key] = recorded.event.value

    def _wait_started(self, recorded: Recorded) -> None:
        event: ev.WaitStarted = recorded.event
        activation = self.activations[recorded.address]
        wait = Wait(event.wait, event.kind, event.topic, event.reason, recorded.time)
        activation.phase, activation.wait = "waiting", wait
        self.waits[recorded.address] = wait
        if event.topic is not None:
            self.topics.setdefault(event.topic, {})[recorded.address] = None
        self._set_clock(activation, event.deadline, recorded.time)
        self._weigh(activation)
        parent = self._fan_around(recorded.address)
        if parent and parent.fan:
            parent.fan.waiting += 1
            self._weigh(parent)

    def _wait_ended(self, recorded: Recorded) -> None:
        event: ev.WaitEnded = recorded.event
        activation = self.activations[recorded.address]
        topic = activation.wait.topic if activation.wait else None
        self._stop_waiting(activation)
        payload = self._take(topic or "", event.signal) if event.signal else None
        if activation.answers is None:
            activation.answers = {}
        activation.answers[event.wait] = Answer(payload, event.timed_out)
        activation.phase = "running"
        self._set_clock(activation, None, recorded.time)
        self._weigh(activation)

    def _take(self, topic: str, seq: int) -> Data:
        queue = self.signals[topic]
        found = next(entry for entry in queue if entry[0] == seq)
        queue.remove(found)
        if not queue:
            del self.signals[topic]
        return found[1]

    def _progress_reported(self, recorded: Recorded) -> None:
        activation = self.activations.get(recorded.address)
        if activation:
            activation.progress = recorded.event

    def _value_emitted(self, recorded: Recorded) -> None:
        """Emitted values are for those who listen; they change nothing here."""


def _fan(given: dict[str, Any]) -> Fan:
    items = given["items"]
    return Fan(items, given["limit"], given["on_error"], [None] * len(items))


def _collected(fan: Fan) -> list[Data]:
    if fan.on_error != "continue":
        return fan.results
    return [
        ev.outcome_data(result, fan.failures.get(index))
        for index, result in enumerate(fan.results)
    ]


def lookup(variables: dict[str, Data], path: str) -> tuple[bool, Data]:
    """Return (found, value) for a dotted path into nested mappings."""
    value: Data = variables
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return False, None
        value = value[part]
    return True, value


def with_path(tree: dict[str, Data], path: str, value: Data) -> dict[str, Data]:
    """Return a copy of *tree* with *value* at a dotted path; mappings are made."""
    head, _, rest = path.partition(".")
    if not rest:
        return {**tree, head: value}
    inner = tree.get(head)
    return {**tree, head: with_path(inner if isinstance(inner, dict) else {}, rest, value)}


_APPLY: dict[type, Callable[[ExecutionState, Recorded], None]] = {
    ev.ExecutionStarted: ExecutionState._execution_started,
    ev.ExecutionCompleted: ExecutionState._execution_completed,
    ev.ExecutionFailed: ExecutionState._execution_failed,
    ev.ExecutionCancelled: ExecutionState._execution_cancelled,
    ev.ExecutionPaused: ExecutionState._execution_paused,
    ev.ExecutionResumed: ExecutionState._execution_resumed,
    ev.ExecutionRetried: ExecutionState._execution_retried,
    ev.ExecutionRecovered: ExecutionState._execution_recovered,
    ev.SignalReceived: ExecutionState._signal_received,
    ev.BranchStarted: ExecutionState._branch_started,
    ev.BranchMoved: ExecutionState._branch_moved,
    ev.BranchDiverted: ExecutionState._branch_diverted,
    ev.BranchCompleted: ExecutionState._branch_completed,
    ev.BranchFailed: ExecutionState._branch_failed,
    ev.ActivationStarted: ExecutionState._activation_started,
    ev.ItemsStarted: ExecutionState._items_started,
    ev.AttemptFailed: ExecutionState._attempt_failed,
    ev.ActivationCompleted: ExecutionState._activation_completed,
    ev.ActivationFailed: ExecutionState._activation_failed,
    ev.ActivationCancelled: ExecutionState._activation_cancelled,
    ev.ValueRecorded: ExecutionState._value_recorded,
    ev.WaitStarted: ExecutionState._wait_started,
    ev.WaitEnded: ExecutionState._wait_ended,
    ev.ProgressReported: ExecutionState._progress_reported,
    ev.ValueEmitted: ExecutionState._value_emitted,
}
