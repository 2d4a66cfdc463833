"""The fold: how each event changes the state of an execution.

There is one, and it runs when an event has just been recorded and when it is read back
years later. It needs no definition, reads no clock and refuses nothing. Values are
shared, never changed in place, so a fork copies references and still isolates.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from actorflow.model import events as ev
from actorflow.model.events import Data, Recorded
from actorflow.model.state import (
    Activation,
    Answer,
    Branch,
    ExecutionState,
    Fan,
    Pause,
    Wait,
    item_index,
    lookup,
    parent_of,
    with_path,
)


def apply(state: ExecutionState, recorded: Recorded) -> None:
    """Take in one event."""
    state.version = recorded.seq
    _APPLY[type(recorded.event)](state, recorded)


# -- the execution -----------------------------------------------------------------


def _execution_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ExecutionStarted = recorded.event
    state.workflow, state.fingerprint = event.workflow, event.fingerprint
    state.inputs, state.attributes = event.inputs, event.attributes
    state.started_at = recorded.time
    state.initial = event.variables


def _execution_completed(state: ExecutionState, recorded: Recorded) -> None:
    _end(state, "completed", recorded.time)
    state.output = recorded.event.output


def _execution_failed(state: ExecutionState, recorded: Recorded) -> None:
    _end(state, "failed", recorded.time)
    state.error = recorded.event.error


def _execution_cancelled(state: ExecutionState, recorded: Recorded) -> None:
    _end(state, "cancelled", recorded.time)
    state.reason = recorded.event.reason


def _end(state: ExecutionState, outcome: str, time: float) -> None:
    state.outcome, state.finished_at = outcome, time


def _execution_paused(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ExecutionPaused = recorded.event
    pause = Pause(event.reason, recorded.time)
    if event.branch is None:
        state.paused = pause
    else:
        state.paused_branches[event.branch] = pause
    for activation in state.activations.values():
        if activation.until is not None and activation.frozen is None:
            if state.is_paused(activation.address):
                activation.frozen = recorded.time
    state.weigh_all()


def _execution_resumed(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ExecutionResumed = recorded.event
    if event.branch is None:
        state.paused = None
        state.paused_branches.clear()
    else:
        state.paused_branches.pop(event.branch, None)
    for activation in state.activations.values():
        if activation.frozen is not None and not state.is_paused(activation.address):
            _thaw(state, activation, recorded.time)
    state.weigh_all()


def _thaw(state: ExecutionState, activation: Activation, now: float) -> None:
    if activation.until is not None and activation.frozen is not None:
        # Rounded, as all times in the log are, so that replay meets the same value.
        until = round(activation.until + now - activation.frozen, 6)
        state.set_clock(activation, until, now)


def _execution_retried(state: ExecutionState, recorded: Recorded) -> None:
    state.outcome = state.finished_at = state.error = state.failing = None
    for branch in state.branches.values():
        if branch.status == "failed":
            branch.status, branch.error = "active", None
            failed = state.activations.get(branch.current or "")
            if failed:
                _rearm(state, failed)
    state.weigh_all()


def _rearm(state: ExecutionState, activation: Activation) -> None:
    activation.phase, activation.attempt, activation.error = "running", 1, None
    fan = activation.fan
    if fan is None:
        return
    fan.redo, fan.failures = sorted(fan.failures), {}
    for index in fan.redo:
        item = state.activations[f"{activation.address}[{index}]"]
        item.phase, item.attempt, item.error = "queued", 1, None


def _execution_recovered(state: ExecutionState, recorded: Recorded) -> None:
    for activation in state.activations.values():
        if activation.phase == "running" and activation.fan is None:
            activation.phase = "interrupted"
            activation.interruptions += 1
            state.weigh(activation)


def _signal_received(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.SignalReceived = recorded.event
    queue = state.signals.setdefault(event.topic, deque())
    queue.append((recorded.seq, event.payload))
    if event.key is not None:
        state.signal_keys.add(event.key)


# -- branches ----------------------------------------------------------------------


def _branch_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.BranchStarted = recorded.event
    parent = state.branches.get(event.parent or "")
    if parent:
        parent.forked = True
    variables = parent.variables if parent else state.initial
    branch = Branch(recorded.address, event.parent, dict(variables), event.step)
    state.branches[branch.id] = branch
    if parent and branch.id.startswith(f"{parent.id}-"):
        number = branch.id[len(parent.id) + 1 :]
        if number.isdigit():
            state.forks = max(state.forks, int(number))
    state.weigh(branch)


def _branch_moved(state: ExecutionState, recorded: Recorded) -> None:
    branch = state.branches[recorded.address]
    branch.target = recorded.event.step
    state.weigh(branch)


def _branch_diverted(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.BranchDiverted = recorded.event
    branch = state.branches[recorded.address]
    if branch.current is not None:
        _forget(state, branch.current)
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
    state.weigh(branch)


def _forget(state: ExecutionState, address: str) -> None:
    """Drop an activation that failed, and what is left of its items."""
    activation = state.activations[address]
    if activation.fan:
        for index in activation.fan.failures:
            state.drop(state.activations[f"{address}[{index}]"])
    state.drop(activation)


def _branch_completed(state: ExecutionState, recorded: Recorded) -> None:
    branch = state.branches[recorded.address]
    branch.status, branch.target = "completed", None
    if branch.current is not None:  # a second arrival at a join ends there
        state.drop(state.activations[branch.current])
        branch.current = None
    state.weigh(branch)


def _branch_failed(state: ExecutionState, recorded: Recorded) -> None:
    branch = state.branches[recorded.address]
    branch.status, branch.error = "failed", recorded.event.error
    state.weigh(branch)
    if state.failing is None:
        state.failing = recorded.event.error
        state.weigh_all()


# -- activations -------------------------------------------------------------------


def _activation_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ActivationStarted = recorded.event
    branch = state.branches[parent_of(recorded.address)]
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
    state.activations[activation.address] = activation
    state.weigh(branch)
    state.weigh(activation)


def _items_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ItemsStarted = recorded.event
    parent = state.activations[recorded.address]
    fan = parent.fan
    assert fan is not None
    for index in range(event.first, event.first + event.count):
        address = f"{parent.address}[{index}]"
        item = state.activations.get(address)
        if item is None:
            item = Activation(
                address, "activity", parent.node, None, None, None, parent.visit
            )
            state.activations[address] = item
            fan.next = index + 1
        else:
            item.phase = "running"
            fan.redo.remove(index)
        fan.live += 1
        state.weigh(item)
    state.weigh(parent)


def _attempt_failed(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.AttemptFailed = recorded.event
    activation = state.activations[recorded.address]
    activation.phase, activation.attempt = "backoff", event.attempt + 1
    activation.error = event.error
    state.set_clock(activation, event.retry_at, recorded.time)
    state.weigh(activation)


def _activation_completed(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.activations[recorded.address]
    state.drop(activation)
    result = recorded.event.result
    fan_parent = state.fan_around(recorded.address)
    if fan_parent and fan_parent.fan:
        fan_parent.fan.results[item_index(recorded.address)] = result
        fan_parent.fan.live -= 1
        state.weigh(fan_parent)
        return
    branch = state.branches[parent_of(recorded.address)]
    if activation.kind == "join":
        _merge(state, branch, activation.input["mappings"], result)
    elif activation.fan:
        result = _collected(activation.fan)
        for index in activation.fan.failures:
            state.drop(state.activations[f"{activation.address}[{index}]"])
    if activation.store:
        branch.variables[activation.store] = result
    branch.current = None
    state.weigh(branch)


def _merge(
    state: ExecutionState, branch: Branch, mappings: dict[str, str], merged: list[str]
) -> None:
    """Write what a join took from the branches it *merged* over the variables."""
    for name in merged:
        source = state.branches[name].variables
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


def _activation_failed(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.activations[recorded.address]
    state.stop_waiting(activation)
    activation.phase, activation.error = "failed", recorded.event.error
    state.set_clock(activation, None, recorded.time)
    state.weigh(activation)
    parent = state.fan_around(recorded.address)
    if parent and parent.fan:
        parent.fan.failures[item_index(recorded.address)] = recorded.event.error
        parent.fan.live -= 1
        state.weigh(parent)


def _activation_cancelled(state: ExecutionState, recorded: Recorded) -> None:
    state.drop(state.activations[recorded.address])


def _value_recorded(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.activations[recorded.address]
    if activation.records is None:
        activation.records = {}
    activation.records[recorded.event.key] = recorded.event.value


def _wait_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.WaitStarted = recorded.event
    activation = state.activations[recorded.address]
    wait = Wait(event.wait, event.kind, event.topic, event.reason, recorded.time)
    activation.phase, activation.wait = "waiting", wait
    state.waits[recorded.address] = wait
    if event.topic is not None:
        state.topics.setdefault(event.topic, {})[recorded.address] = None
    state.set_clock(activation, event.deadline, recorded.time)
    state.weigh(activation)
    parent = state.fan_around(recorded.address)
    if parent and parent.fan:
        parent.fan.waiting += 1
        state.weigh(parent)


def _wait_ended(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.WaitEnded = recorded.event
    activation = state.activations[recorded.address]
    topic = activation.wait.topic if activation.wait else None
    state.stop_waiting(activation)
    payload = _take(state, topic or "", event.signal) if event.signal else None
    if activation.answers is None:
        activation.answers = {}
    activation.answers[event.wait] = Answer(payload, event.timed_out)
    activation.phase = "running"
    state.set_clock(activation, None, recorded.time)
    state.weigh(activation)


def _take(state: ExecutionState, topic: str, seq: int) -> Data:
    queue = state.signals[topic]
    found = next(entry for entry in queue if entry[0] == seq)
    queue.remove(found)
    if not queue:
        del state.signals[topic]
    return found[1]


def _progress_reported(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.activations.get(recorded.address)
    if activation:
        activation.progress = recorded.event


def _value_emitted(state: ExecutionState, recorded: Recorded) -> None:
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


_APPLY: dict[type, Callable[[ExecutionState, Recorded], None]] = {
    ev.ExecutionStarted: _execution_started,
    ev.ExecutionCompleted: _execution_completed,
    ev.ExecutionFailed: _execution_failed,
    ev.ExecutionCancelled: _execution_cancelled,
    ev.ExecutionPaused: _execution_paused,
    ev.ExecutionResumed: _execution_resumed,
    ev.ExecutionRetried: _execution_retried,
    ev.ExecutionRecovered: _execution_recovered,
    ev.SignalReceived: _signal_received,
    ev.BranchStarted: _branch_started,
    ev.BranchMoved: _branch_moved,
    ev.BranchDiverted: _branch_diverted,
    ev.BranchCompleted: _branch_completed,
    ev.BranchFailed: _branch_failed,
    ev.ActivationStarted: _activation_started,
    ev.ItemsStarted: _items_started,
    ev.AttemptFailed: _attempt_failed,
    ev.ActivationCompleted: _activation_completed,
    ev.ActivationFailed: _activation_failed,
    ev.ActivationCancelled: _activation_cancelled,
    ev.ValueRecorded: _value_recorded,
    ev.WaitStarted: _wait_started,
    ev.WaitEnded: _wait_ended,
    ev.ProgressReported: _progress_reported,
    ev.ValueEmitted: _value_emitted,
}
