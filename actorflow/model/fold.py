"""The fold: how each event changes the state of an execution.

There is one, and it runs when an event has just been recorded and when it is read back
years later. It needs no definition, reads no clock and refuses nothing. Values are
shared, never changed in place, so a fork copies references and still isolates.
Should an event come to mean another state, raise `snapshots.REVISION`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from attrs import fields

from actorflow.model import events as ev
from actorflow.model.events import Data, Failure, Recorded
from actorflow.model.policy import failure_data
from actorflow.model.state import (
    Activation,
    Answer,
    Branch,
    Called,
    ChildLink,
    Compensation,
    ExecutionState,
    Fan,
    Pause,
    Result,
    Scope,
    Update,
    Wait,
    call_number,
    item_key,
    lookup,
    new_item,
    parent_of,
    rank_of,
    with_path,
)


def apply(state: ExecutionState, recorded: Recorded) -> None:
    """Take in one event."""
    state.version = recorded.seq
    _APPLY[type(recorded.event)](state, recorded)
    if state.until is not None:
        _mind_pauses(state, recorded.time)


def _mind_pauses(state: ExecutionState, now: float) -> None:
    """Let the clock of the whole execution stand still while it is paused."""
    assert state.until is not None
    paused = state.paused is not None or state.pauses > 0
    if paused and state.frozen is None:
        state.frozen = now
    elif not paused and state.frozen is not None:
        state.until = round(state.until + now - state.frozen, 6)
        state.frozen = None


# -- the execution ---------------------------------------------------------------------


def _execution_queued(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ExecutionQueued = recorded.event
    state.workflow, state.attributes = event.workflow, event.attributes
    state.started_at = recorded.time
    state.scope = Scope(event.inputs, {})
    state.queued, state.tags = event, tuple(event.tags)
    state.rank = rank_of(event, recorded.time)


def _execution_started(state: ExecutionState, recorded: Recorded) -> None:
    """Begin, or begin anew: a restarted execution keeps nothing but its log.

    What came while it was in the queue was meant for what begins now.
    """
    event: ev.ExecutionStarted = recorded.event
    was_queued = state.queued is not None
    fresh = ExecutionState(
        tags=state.tags,
        signals=state.signals if was_queued else {},
        signal_keys=state.signal_keys if was_queued else None,
        version=recorded.seq,
        workflow=event.workflow,
        fingerprint=event.fingerprint,
        attributes=event.attributes,
        started_at=recorded.time,
        scope=Scope(event.inputs, event.variables),
        origin=event.parent,
        starts=state.starts + 1,
        hooks=event.on_complete or [],
        follow_ups=state.follow_ups,
        timeout=event.timeout,
        until=_after(recorded.time, event.timeout),
    )
    for attribute in fields(ExecutionState):
        setattr(state, attribute.name, getattr(fresh, attribute.name))


def _after(now: float, seconds: float | None) -> float | None:
    return None if seconds is None else round(now + seconds, 6)


def _follow_up_planned(state: ExecutionState, recorded: Recorded) -> None:
    name = recorded.event.name
    state.follow_ups[name] = state.follow_ups.get(name, 0) + 1


def _deadline_set(state: ExecutionState, recorded: Recorded) -> None:
    state.until, state.frozen = recorded.event.deadline, None


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
    if outcome != "completed":
        _orphan_all(state)


def _orphan_all(state: ExecutionState) -> None:
    for activation in state.children.values():
        state.orphan(activation)


def _execution_paused(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ExecutionPaused = recorded.event
    pause = Pause(event.reason, recorded.time, event.by_parent)
    if event.branch is None:
        state.paused = pause
    else:
        state.paused_branches[event.branch] = pause
    for activation in state.activations.values():
        runs = activation.until is not None and activation.frozen is None
        if runs and state.is_paused(activation.address):
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
    state.outcome = state.finished_at = state.error = state.reason = None
    state.until, state.frozen = _after(recorded.time, state.timeout), None
    _rearm_scope(state, state.scope)
    for activation in state.children.values():
        if activation.phase == "waiting":  # it may have been cancelled meanwhile
            state.stop_waiting(activation)
            activation.phase = "running"
    state.weigh_all()


def _rearm_scope(state: ExecutionState, scope: Scope) -> None:
    """Let what failed in a scope run again, and only that."""
    scope.failing = None
    for address in scope.branches.values():
        branch = state.branches[address]
        if branch.status == "failed":
            branch.status, branch.error = "active", None
            scope.active[address] = None
            failed = state.activations.get(branch.current or "")
            if failed is not None:
                _rearm(state, failed)


def _rearm(state: ExecutionState, activation: Activation) -> None:
    error = activation.error
    activation.phase, activation.attempt, activation.error = "running", 1, None
    activation.interruptions = 0
    if activation.scope is not None:
        _rearm_scope(state, activation.scope)
    if activation.fan is not None:
        _rearm_items(state, activation, activation.fan)
    if activation.calls is not None:
        _rearm_calls(state, activation, error)
        return
    child = state.child_of(activation)
    if child is not None and child.phase == "failed":
        activation.open += 1
        _rearm(state, child)


def _rearm_calls(
    state: ExecutionState, activation: Activation, error: Failure | None
) -> None:
    """Undo the failures that made a dynamic node fail; what it caught stays.

    It goes on as if they had not come yet. So what it left, or yielded, because of them
    is forgotten, and what it called because of them need not be called again; but if
    it is, what is recorded is its result.
    """
    calls, ended = activation.calls or {}, activation.ended or []
    led = _leading(error)
    undone = [called for called in ended if called.error and called.address in led]
    taken = [called.taken for called in undone if called.taken is not None]
    for called in undone:
        called.index = called.error = called.taken = None
        child = state.activations.get(called.address)
        if child is None:
            _call_anew(activation, call_number(called.address))
        else:  # of several parts, of which some may have ended well
            activation.open += 1
            _rearm(state, child)
    activation.ended = [called for called in ended if called.index is not None]
    for index, called in enumerate(activation.ended):
        called.index = index
    activation.seen = min(activation.seen, len(activation.ended))
    if taken:
        since, activation.emitted = min(taken)
        for number, called in list(calls.items()):
            if called.left is not None and called.left > since:
                _call_anew(activation, number)
            elif called.seq > since:
                called.loose = True


def _call_anew(activation: Activation, number: str) -> None:
    """Forget a call: it will be made again."""
    assert activation.calls is not None
    del activation.calls[number]
    activation.undone = {*(activation.undone or ()), number}


def _leading(failure: Failure | None) -> set[str]:
    """Return the addresses at which, or below which, something led to a failure."""
    led: set[str] = set()
    left = [] if failure is None else [failure]
    while left:
        each = left.pop()
        address = each.address or ""
        while address and address not in led:
            led.add(address)
            address = parent_of(address)
        left += each.causes
    return led


def _rearm_items(state: ExecutionState, activation: Activation, fan: Fan) -> None:
    fan.broken = None
    fan.redo, fan.failures = deque(sorted({*fan.redo, *fan.failures})), {}
    for index in fan.redo:
        item = state.activations.get(f"{activation.address}[{fan.key(index)}]")
        if item is not None:  # a cancelled one begins anew
            item.phase = "queued"


def _execution_recovered(state: ExecutionState, _: Recorded) -> None:
    for activation in _interrupted(state):
        activation.interruptions += 1


def _execution_released(state: ExecutionState, _: Recorded) -> None:
    _interrupted(state)


def _interrupted(state: ExecutionState) -> list[Activation]:
    """Let what is in flight be tried again; return it."""
    found = [state.touch(each.address) for each in list(state.attempted())]
    for activation in found:
        activation.phase = "interrupted"
        state.weigh(activation)
    return found


def _compensation_started(state: ExecutionState, recorded: Recorded) -> None:
    state.outcome = state.finished_at = None  # of a child that is undone
    state.compensating = recorded.event
    _orphan_all(state)
    state.weigh_all()


def _signal_received(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.SignalReceived = recorded.event
    queue = state.signals.setdefault(event.topic, deque())
    queue.append((recorded.seq, event.payload))
    if event.key is not None:
        if state.signal_keys is None:
            state.signal_keys = set()  # made when needed: an empty one is large
        state.signal_keys.add(event.key)


# -- branches --------------------------------------------------------------------------


def _branch_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.BranchStarted = recorded.event
    address = recorded.address
    owner = state.part(parent_of(address))
    scope = state.scope_of(owner.address)
    parent = state.branches.get(event.parent or "")
    if parent is not None:
        parent.forked = True
        _count_fork(state, parent, address)
    variables = parent.variables if parent else scope.variables
    name = address.rpartition("/")[2]
    branch = Branch(
        address,
        owner,
        name=name,
        variables=dict(variables),
        target=event.step,
        since=recorded.seq,
    )
    state.branches[address] = branch
    scope.branches[name] = address
    scope.active[address] = None
    state.weigh(branch)
    if isinstance(owner, Activation):
        state.weigh(owner)


def _count_fork(state: ExecutionState, parent: Branch, address: str) -> None:
    if address.startswith(f"{parent.address}-"):
        number = address[len(parent.address) + 1 :]
        if number.isdigit():
            state.forks = max(state.forks, int(number))


def _branch_moved(state: ExecutionState, recorded: Recorded) -> None:
    branch = state.branches[recorded.address]
    branch.target = recorded.event.step
    state.weigh(branch)


def _branch_diverted(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.BranchDiverted = recorded.event
    branch = state.branches[recorded.address]
    if branch.current is not None:
        state.drop(state.activations[branch.current])
        branch.current = None
    if event.store:
        branch.variables[event.store] = failure_data(event.error)
    branch.target = event.step
    state.weigh(branch)


def _branch_completed(state: ExecutionState, recorded: Recorded) -> None:
    branch = state.branches[recorded.address]
    branch.status, branch.target = "completed", None
    scope = state.scope_around(branch)
    scope.active.pop(branch.address, None)
    if not branch.forked:
        scope.ended[branch.name] = None
    if branch.current is not None:  # a second arrival at a join ends there
        state.drop(state.activations[branch.current])
        branch.current = None
    _branch_ended(state, branch)


def _branch_failed(state: ExecutionState, recorded: Recorded) -> None:
    branch = state.branches[recorded.address]
    branch.status, branch.error = "failed", recorded.event.error
    owner = branch.parent
    scope = state.scope_of(owner.address if owner else "")
    scope.active.pop(branch.address, None)
    if scope.failing is None:
        scope.failing = recorded.event.error
        if isinstance(owner, Activation):
            state.part_failed = True
            state.weigh_within(owner)
        else:
            state.weigh_all()
    _branch_ended(state, branch)


def _branch_ended(state: ExecutionState, branch: Branch) -> None:
    state.weigh(branch)
    if isinstance(branch.parent, Activation):
        state.weigh(branch.parent)


# -- activations -----------------------------------------------------------------------


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
        activation.fan = _fan(event.input)
    elif event.kind == "join":
        activation.phase = "joining"
        state.scope_around(activation).joining[activation.address] = None
    state.activations[activation.address] = activation
    _note_child(state, activation)
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


def _note_child(state: ExecutionState, activation: Activation) -> None:
    if activation.kind == "child":
        activation.link = ChildLink()
        state.children[activation.address] = activation


def _called(node: Activation, child: Activation, seq: int) -> None:
    if node.calls is None:
        node.calls = {}
    node.calls[call_number(child.address)] = Called(
        child.address, child.kind, child.node, child.input, seq
    )
    _acted(node)


def _fan(given: dict[str, Any]) -> Fan:
    # Its own list, where more are to come: what is recorded is never changed.
    items = [] if "source" in given else given["items"]
    return Fan(
        items,
        given.get("names"),
        [(kind, node, undo) for kind, node, undo in map(_body, given["bodies"])],
        given["limit"],
        given["on_error"],
        [None] * len(items),
        source=given.get("source"),
        open="source" in given,
        cursor=given.get("cursor"),
    )


def _body(recorded: list[Any]) -> tuple[str, str, str | None]:
    kind, node, *undo = recorded
    return kind, node, undo[0] if undo else None


def _flow_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.FlowStarted = recorded.event
    activation = state.touch(recorded.address)
    activation.scope = Scope(event.inputs, event.variables)
    state.weigh(activation)


def _items_found(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ItemsFound = recorded.event
    parent = state.activations[recorded.address]
    fan = parent.fan
    assert fan is not None
    found = event.items
    if found is None:  # of large pages there is only a reference, which has a part
        (page,) = (parent.results or {}).values()
        found = [lookup({"page": page.value}, "page.items")[1]]
    parent.results = None
    if not fan.bodies:  # nothing is run for them: they are results
        fan.results += found
        fan.next += len(found)
        fan.items += [None] * len(found)
    else:
        fan.items += found
        fan.results += [None] * len(found)
    fan.open, fan.broken = not event.last, event.error
    if event.cursor is not None:
        fan.cursor = event.cursor
    state.weigh(parent)


def _items_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ItemsStarted = recorded.event
    parent = state.activations[recorded.address]
    fan = parent.fan
    assert fan is not None
    if event.bare:
        indexes = range(event.first, event.first + event.count)
        fan.bare.update(dict.fromkeys(indexes, recorded.time))
        fan.next, fan.live = indexes.stop, fan.live + event.count
        state.weigh_children(parent, (), event.count)
        return
    begun, again = 0, []
    for index in range(event.first, event.first + event.count):
        address = f"{parent.address}[{fan.key(index)}]"
        item = state.activations.get(address)
        if item is None:
            state.activations[address] = new_item(parent, fan, index, recorded.time)
            begun += 1
            _note_child(state, state.activations[address])
        else:
            _rearm(state, item)
            state.weigh_within(item)
            again.append(item)
        if index < fan.next:
            fan.redo.remove(index)
        else:
            fan.next = index + 1
        fan.live += 1
    state.weigh_children(parent, again, begun)


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
        told = _told(state, activation, event.learned)
        activation.kept = [*(activation.kept or ()), *told] or None
        _forget_calls(state, activation)
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


def _forget_calls(state: ExecutionState, node: Activation) -> None:
    """A dynamic node is run again from its top; what it recorded by key stays."""
    state.drop_children(node)
    node.calls = node.ended = node.undone = None
    node.open = node.seen = node.emitted = 0


def _activation_completed(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.activations.get(recorded.address)
    if activation is None:
        _bare_item_completed(state, recorded)
        return
    parent, result = activation.parent, recorded.event.result
    fan = activation.fan
    if fan is not None:
        result = _collected(fan)
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
    _item_completed(fan, index, result)
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
    owner = part.parent.address if part.parent else ""
    state.compensations.append(
        Compensation(
            activation.address,
            undo,
            state.scope_of(owner).inputs,
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
        _merge(state, branch, activation.input["mappings"], result)
        owner = branch.parent.address if branch.parent else ""
        state.scope_of(owner).joined[activation.step or ""] = (branch.name, seq)
    if activation.store:
        branch.variables[activation.store] = result
    branch.current = None
    state.weigh(branch)


def _child_completed(
    parent: Activation, child: Activation, result: Data, time: float
) -> None:
    if parent.fan is not None and child.address != parent.child:
        index = parent.fan.index(item_key(child.address))
        _item_completed(parent.fan, index, result)
        return
    parent.open -= 1
    if parent.calls is not None:
        _call_ended(parent, child, time).value = result
    else:
        parent.results = {child.address: Result(result)}


def _item_completed(fan: Fan, index: int, result: Data) -> None:
    fan.results[index] = result
    fan.live -= 1
    if fan.source is not None:
        fan.items[index] = None  # nobody needs it any more, and there may be millions


def _call_ended(node: Activation, child: Activation, time: float) -> Called:
    """Put a call behind those that have ended before it."""
    assert node.calls is not None
    if node.ended is None:
        node.ended = []
    called = node.calls[call_number(child.address)]
    called.index, called.time = len(node.ended), time
    node.ended.append(called)
    return called


def _acted(activation: Activation) -> None:
    """A dynamic node did something, so it has taken in all its results."""
    activation.seen = len(activation.ended or ())


def _collected(fan: Fan) -> Data:
    """Return what a map or a parallel gives: a list, or a mapping by name."""
    results = fan.results
    if fan.on_error == "continue":
        results = [
            ev.outcome_data(result, fan.failures.get(index))
            for index, result in enumerate(results)
        ]
    if fan.source == "pages":
        whole = {"items": {"$": "chain", "v": results}}
        given = {"results": results} if fan.bodies else whole
        return {**given, "cursor": fan.cursor, "pages": len(results)}
    return results if fan.names is None else dict(zip(fan.names, results, strict=True))


def _merge(
    state: ExecutionState, branch: Branch, mappings: dict[str, str], merged: list[str]
) -> None:
    """Write what a join took from the branches it *merged* over the variables."""
    owner = branch.parent
    scope = state.scope_of(owner.address if owner else "")
    for name in merged:
        source = state.branches[scope.branches[name]].variables
        whole = True
        for path, dest in mappings.items():
            head, _, rest = path.partition(".")
            if head != name:
                continue
            whole = False
            found, value = lookup(source, rest) if rest else (True, dict(source))
            if found:
                branch.variables = with_path(branch.variables, dest, value)
        if whole and name != branch.name:
            branch.variables = {**branch.variables, name: dict(source)}
    for path, dest in mappings.items():
        # What a branch would have given that was never started is nothing.
        never = path.partition(".")[0] not in scope.branches
        if never and not lookup(branch.variables, dest)[0]:
            branch.variables = with_path(branch.variables, dest, None)


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
    left = {c.left: n for n, c in (node.calls or {}).items() if c.left is not None}
    while (number := left.get(seq := seq - 1)) is not None:
        _call_anew(node, number)


def _leave_open_calls(state: ExecutionState, node: Activation) -> None:
    """What runs of a node that has failed, a retry makes anew.

    But for a wait that has ended, though its node has not learned of that yet: what it
    was given is given to nobody else.
    """
    for number, called in list((node.calls or {}).items()):
        if called.index is None and called.left is None:
            child = state.activations[called.address]
            if child.is_told:
                continue
            state.drop(child)
            node.open -= 1
            _call_anew(node, number)


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
            _acted(parent)
        state.weigh(parent)


def _child_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ChildStarted = recorded.event
    activation = state.activations[recorded.address]
    state.stop_waiting(activation)
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


def _value_recorded(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.touch(recorded.address)
    if activation.records is None:
        activation.records = {}
    activation.records[recorded.event.key] = recorded.event.value
    _acted(activation)
    state.weigh(activation)


def _wait_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.WaitStarted = recorded.event
    activation = state.touch(recorded.address)
    wait = Wait(
        event.wait, event.kind, event.topic, event.reason, recorded.time, event.schema
    )
    activation.phase, activation.wait = "waiting", wait
    state.waits[recorded.address] = wait
    state.pauses += event.kind == "pause"
    if event.kind == "question":
        state.questions[event.topic or ""] = recorded.address
    elif event.topic is not None:
        waiting = state.waiting_for(event.kind)
        waiting.setdefault(event.topic, {})[recorded.address] = None
    state.set_clock(activation, event.deadline, recorded.time)
    state.weigh(activation)


def _wait_ended(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.WaitEnded = recorded.event
    activation = state.touch(recorded.address)
    wait = activation.wait
    topic = wait.topic if wait else None
    state.stop_waiting(activation)
    payload = event.answer
    if wait is not None and wait.kind == "update" and payload is not None:
        node = parent_of(recorded.address)
        state.updates[topic or "", payload["key"]] = Update(node, payload["keyed"])
    if event.signal is not None:
        payload = _take(state, topic or "", event.signal)
    if activation.answers is None:
        activation.answers = {}
    activation.answers[event.wait] = Answer(payload, event.timed_out, recorded.time)
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


def _node_continued(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.touch(recorded.address)
    orphans = len(state.orphans)
    _forget_calls(state, activation)
    del state.orphans[orphans:]  # what it only started goes on
    activation.input = recorded.event.input
    activation.records = activation.kept = None
    activation.generation += 1
    activation.attempt, activation.started_at = 1, recorded.time
    state.set_clock(activation, None, recorded.time)
    state.weigh(activation)


def _update_answered(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.UpdateAnswered = recorded.event
    activation = state.touch(recorded.address)
    update = state.updates[event.name, event.key]
    if update.keyed:
        update.answered, update.result, update.error = True, event.result, event.error
    else:
        del state.updates[event.name, event.key]
    _acted(activation)
    state.weigh(activation)


def _update_rejected(_: ExecutionState, __: Recorded) -> None:
    """Change nothing: it is there to be read."""


def _heartbeat_received(state: ExecutionState, recorded: Recorded) -> None:
    if state.find(recorded.address) is not None:
        activation = state.touch(recorded.address)
        activation.heartbeat = recorded.event.detail


def _progress_reported(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.find(recorded.address)
    if activation is not None:
        activation = state.touch(recorded.address)
        activation.progress = recorded.event


def _value_emitted(state: ExecutionState, recorded: Recorded) -> None:
    """Count: emitted values are for those who listen."""
    activation = state.find(recorded.address)
    if activation is not None:
        activation = state.touch(recorded.address)
        activation.emitted += 1
        _acted(activation)
        state.weigh(activation)


def _node_settled(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.touch(recorded.address)
    event: ev.NodeSettled = recorded.event
    if event.taken is not None:
        assert activation.ended is not None
        failed = activation.ended[event.taken]
        failed.taken = (recorded.seq, event.emitted)
    _acted(activation)
    state.weigh(activation)


_APPLY: dict[type, Callable[[ExecutionState, Recorded], None]] = {
    ev.ExecutionQueued: _execution_queued,
    ev.ExecutionStarted: _execution_started,
    ev.FollowUpPlanned: _follow_up_planned,
    ev.DeadlineSet: _deadline_set,
    ev.ExecutionCompleted: _execution_completed,
    ev.ExecutionFailed: _execution_failed,
    ev.ExecutionCancelled: _execution_cancelled,
    ev.ExecutionPaused: _execution_paused,
    ev.ExecutionResumed: _execution_resumed,
    ev.CompensationStarted: _compensation_started,
    ev.ExecutionRetried: _execution_retried,
    ev.ExecutionRecovered: _execution_recovered,
    ev.ExecutionReleased: _execution_released,
    ev.SignalReceived: _signal_received,
    ev.BranchStarted: _branch_started,
    ev.BranchMoved: _branch_moved,
    ev.BranchDiverted: _branch_diverted,
    ev.BranchCompleted: _branch_completed,
    ev.BranchFailed: _branch_failed,
    ev.ActivationStarted: _activation_started,
    ev.FlowStarted: _flow_started,
    ev.ItemsFound: _items_found,
    ev.ItemsStarted: _items_started,
    ev.AttemptStarted: _attempt_started,
    ev.AttemptFailed: _attempt_failed,
    ev.ActivationCompleted: _activation_completed,
    ev.ActivationFailed: _activation_failed,
    ev.ActivationCancelled: _activation_cancelled,
    ev.ChildStarted: _child_started,
    ev.ChildEnded: _child_ended,
    ev.ValueRecorded: _value_recorded,
    ev.WaitStarted: _wait_started,
    ev.WaitEnded: _wait_ended,
    ev.NodeSettled: _node_settled,
    ev.NodeContinued: _node_continued,
    ev.UpdateAnswered: _update_answered,
    ev.UpdateRejected: _update_rejected,
    ev.HeartbeatReceived: _heartbeat_received,
    ev.ProgressReported: _progress_reported,
    ev.ValueEmitted: _value_emitted,
}
