"""Events of activations: entered, tried, completed, failed, cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from actorflow.model import events as ev
from actorflow.model.addresses import call_number, item_key, parent_of
from actorflow.model.events import Data, Recorded
from actorflow.model.folding.branches import merge
from actorflow.model.folding.items import collected, fan, item_completed, note_child
from actorflow.model.folding.retries import call_anew, forget_calls
from actorflow.model.parts import (
    Activation,
    Branch,
    Called,
    ChildLink,
    Compensation,
    Result,
    Scope,
    Wait,
    new_item,
)
from actorflow.model.state import ExecutionState


def _activation_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ActivationStarted = recorded.event
    parent = state.part(parent_of(recorded.address))
    activation = Activation(
        recorded.address,
        parent,
        kind=event.kind,
        node=event.node,
        step=event.step,
        input=event.input,
        store=event.store,
        undo=event.undo,
        branch=event.branch,
        started_at=recorded.time,
    )
    if event.kind in ("map", "parallel"):
        activation.fan = fan(event.input)
    elif event.kind == "join":
        activation.phase = "joining"
        state.scope_around(activation).joining[activation.address] = None
    state.activations[activation.address] = activation
    note_child(state, activation)
    if isinstance(parent, Branch):
        step = event.step or event.node
        activation.visit = parent.visits[step] = parent.visits.get(step, 0) + 1
        parent.step, parent.target, parent.current = step, None, activation.address
    elif isinstance(parent, Activation):
        activation.visit = parent.visit
        parent.open += 1
        parent.count += 1
        if parent.kind == "dynamic":
            _called(parent, activation, recorded.seq)
        else:
            parent.child = activation.address
    state.weigh(activation)
    if not isinstance(parent, ExecutionState):
        state.weigh(parent)


def _called(node: Activation, child: Activation, seq: int) -> None:
    if node.calls is None:
        node.calls = {}
    node.calls[call_number(child.address)] = Called(
        child.address, child.kind, child.node, child.input, seq
    )
    acted(node)


def _flow_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.FlowStarted = recorded.event
    activation = state.touch(recorded.address)
    activation.scope = Scope(event.inputs, event.variables)


def _attempt_started(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.touch(recorded.address)
    if activation.phase == "backoff":
        activation.started_at = recorded.time
    activation.phase = "running"
    state.set_clock(activation, recorded.event.deadline, recorded.time)
    state.weigh(activation)


def _attempt_failed(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.AttemptFailed = recorded.event
    activation = state.touch(recorded.address)
    activation.phase, activation.attempt = "backoff", event.attempt + 1
    activation.error = event.error
    if activation.kind == "dynamic":
        told = list(_told(state, activation, event.learned))
        if told:
            activation.make_past().kept += told
        forget_calls(state, activation)
    state.set_clock(activation, event.retry_at, recorded.time)
    state.weigh(activation)


def _told(
    state: ExecutionState, node: Activation, learned: int | None
) -> Iterator[Called]:
    """Yield the calls of a node whose results the next attempt is given.

    That is what a person has answered, and a signal that the node has not learned of.
    """
    for index, called in enumerate(node.ended or ()):
        is_new = learned is not None and index >= learned
        kinds = ("ask", "wait_signal") if is_new else ("ask",)
        if called.kind in kinds and called.error is None:
            yield called
    for called in (node.calls or {}).values():
        wait = state.activations.get(called.address)
        if called.kind in ("ask", "wait_signal") and wait is not None and wait.is_told:
            said = (wait.answers or {})[wait.attempt - 1].payload
            value = said["value"] if called.kind == "ask" else said
            given = called.address, called.kind, called.node, called.input, called.seq
            yield Called(*given, value)


def _activation_completed(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.activations.get(recorded.address)
    if activation is None:
        _bare_item_completed(state, recorded)
        return
    parent, result = activation.parent, recorded.event.result
    fan = activation.fan
    if fan is not None:
        result = collected(fan)
    elif activation.link is not None and activation.link.end is not None:
        result = activation.link.end.output
    if isinstance(parent, Activation):
        # Before it is dropped: its parent is not to find fewer at work than live.
        _child_completed(parent, activation, result, recorded.time)
    orphans = len(state.orphans)
    state.drop(activation)
    del state.orphans[orphans:]  # what has ended well leaves its children at work
    if isinstance(parent, Branch):
        _step_completed(state, parent, activation, result, recorded.seq)
    elif isinstance(parent, ExecutionState):
        state.compensations.pop()
    end = activation.link.end if activation.link is not None else None
    if activation.undo is not None:
        _can_be_undone(state, activation, activation.undo, result)
    elif end is not None and end.undoable:
        _can_be_undone(state, activation, activation.node, result, end.execution)


def _bare_item_completed(state: ExecutionState, recorded: Recorded) -> None:
    address = recorded.address
    bracket = address.rindex("[")
    parent, index = state.activations[address[:bracket]], int(address[bracket + 1 : -1])
    fan, result = parent.fan, recorded.event.result
    assert fan is not None
    entered = fan.bare.pop(index)
    item_completed(fan, index, result)
    state.item_ended(parent, fan)
    undo = fan.body(index)[2]
    if undo is not None:
        _can_be_undone(state, new_item(parent, fan, index, entered), undo, result)


def _can_be_undone(
    state: ExecutionState,
    activation: Activation,
    undo: str,
    result: Data,
    child: str | None = None,
) -> None:
    """Remember the state as it is now, for the node that would undo this one."""
    part = activation.parent
    while part is not None and not isinstance(part, Branch):
        part = part.parent
    if part is None:
        return
    state.compensations.append(
        Compensation(
            activation.address,
            undo,
            state.scope_of(part.owner).inputs,
            dict(part.variables),
            result,
            child,
        )
    )


def _step_completed(
    state: ExecutionState,
    branch: Branch,
    activation: Activation,
    result: Data,
    seq: int,
) -> None:
    if activation.kind == "join":
        merge(state, branch, activation.input["mappings"], result)
        state.scope_of(branch.owner).joined[activation.step or ""] = (branch.name, seq)
    if activation.store:
        branch.variables[activation.store] = result
    branch.current = None
    state.weigh(branch)


def _child_completed(
    parent: Activation, child: Activation, result: Data, time: float
) -> None:
    if parent.fan is not None and child.address != parent.child:
        index = parent.fan.index(item_key(child.address))
        item_completed(parent.fan, index, result)
        return
    parent.open -= 1
    if parent.calls is not None:
        _call_ended(parent, child, time).value = result
    else:
        parent.results = {child.address: Result(result)}


def _call_ended(node: Activation, child: Activation, time: float) -> Called:
    """Put a call behind those that have ended before it."""
    assert node.calls is not None
    if node.ended is None:
        node.ended = []
    called = node.calls[call_number(child.address)]
    called.index, called.time = len(node.ended), time
    node.ended.append(called)
    return called


def acted(activation: Activation) -> None:
    """A dynamic node did something, so it has taken in all its results."""
    activation.seen = len(activation.ended or ())


def _activation_failed(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.touch(recorded.address)
    state.stop_waiting(activation)
    activation.phase, activation.error = "failed", recorded.event.error
    if activation.calls is not None:
        _forget_last_left(activation, recorded.seq)
        if activation.open:
            _leave_open_calls(state, activation)
    state.set_clock(activation, None, recorded.time)
    state.weigh(activation)
    parent = activation.parent
    if isinstance(parent, ExecutionState):  # a compensation; the others go on
        state.compensations.pop()
        state.drop(activation)
    elif isinstance(parent, Branch):
        state.weigh(parent)
    if not isinstance(parent, Activation):
        return
    if parent.fan is not None and activation.address != parent.child:
        index = parent.fan.index(item_key(recorded.address))
        parent.fan.failures[index] = recorded.event.error
        parent.fan.live -= 1
    else:
        parent.open -= 1
        if parent.fan is not None:
            parent.fan.broken = recorded.event.error
        if parent.calls is not None:
            _call_failed(state, parent, activation, recorded.time)
    state.weigh(parent)


def _forget_last_left(node: Activation, seq: int) -> None:
    """What a dynamic node left as it failed, at event *seq*, a retry makes anew."""
    assert node.calls is not None
    left = {c.left: n for n, c in node.calls.items() if c.left is not None}
    while (number := left.get(seq := seq - 1)) is not None:
        call_anew(node, number)


def _leave_open_calls(state: ExecutionState, node: Activation) -> None:
    """What runs of a node that has failed, a retry makes anew.

    But for a wait that has ended, though its node has not learned of that yet: what it
    was given is given to nobody else.
    """
    assert node.calls is not None
    for number, called in list(node.calls.items()):
        if called.index is None and called.left is None:
            child = state.activations[called.address]
            if child.is_told:
                continue
            state.drop(child)
            node.open -= 1
            call_anew(node, number)


def _call_failed(
    state: ExecutionState, node: Activation, child: Activation, time: float
) -> None:
    """Keep the failure for the dynamic node's code, which may catch it.

    What is made of several parts stays, for a retry repeats only those that failed.
    """
    _call_ended(node, child, time).error = child.error
    if child.kind in ("dynamic", "map", "flow", "child"):
        state.part_failed = True
    else:
        state.drop(child)


def _activation_cancelled(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.touch(recorded.address)
    state.drop(activation)
    parent = activation.parent
    if isinstance(parent, Activation):
        if parent.fan is not None and activation.address != parent.child:
            parent.fan.live -= 1
            parent.fan.redo.append(parent.fan.index(item_key(recorded.address)))
        else:
            parent.open -= 1
            if parent.calls is not None:
                parent.calls[call_number(activation.address)].left = recorded.seq
            acted(parent)
        state.weigh(parent)


def _child_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ChildStarted = recorded.event
    activation = state.activations[recorded.address]
    link = activation.link
    if link is None or link.execution not in (None, event.execution):
        link = activation.link = ChildLink()  # a fork has children of its own
    link.execution = event.execution
    link.attached = event.on_parent_close != "abandon"
    wait = Wait(0, "child", event.execution, None, recorded.time)
    activation.phase, activation.wait = "waiting", wait
    state.waits[recorded.address] = wait
    state.weigh(activation)


def _child_ended(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ChildEnded = recorded.event
    activation = state.activations[recorded.address]
    state.stop_waiting(activation)
    if activation.link is None:
        activation.link = ChildLink()
    activation.link.execution = event.execution
    activation.link.end = event
    if event.status == "completed":
        state.child_ends.pop(event.execution, None)
    else:
        state.child_ends[event.execution] = event.seq
    activation.phase = "ended"
    state.weigh(activation)


HANDLERS: dict[type, Callable[[ExecutionState, Recorded], None]] = {
    ev.ActivationStarted: _activation_started,
    ev.FlowStarted: _flow_started,
    ev.AttemptStarted: _attempt_started,
    ev.AttemptFailed: _attempt_failed,
    ev.ActivationCompleted: _activation_completed,
    ev.ActivationFailed: _activation_failed,
    ev.ActivationCancelled: _activation_cancelled,
    ev.ChildStarted: _child_started,
    ev.ChildEnded: _child_ended,
}
