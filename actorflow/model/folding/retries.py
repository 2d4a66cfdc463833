"""What a retry lets run again: only what failed, and what that had left behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from actorflow.model import events as ev
from actorflow.model.addresses import call_number, parent_of
from actorflow.model.events import Failure, Recorded
from actorflow.model.folding.executions import after
from actorflow.model.parts import Activation, Fan, Scope
from actorflow.model.state import ExecutionState


def _execution_retried(state: ExecutionState, recorded: Recorded) -> None:
    state.outcome = state.finished_at = state.error = state.reason = None
    state.until, state.frozen = after(recorded.time, state.timeout), None
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
                rearm(state, failed)


def rearm(state: ExecutionState, activation: Activation) -> None:
    """Let an activation, and what failed in it, run again."""
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
        rearm(state, child)


def _rearm_calls(
    state: ExecutionState, activation: Activation, error: Failure | None
) -> None:
    """Undo the failures that made a dynamic node fail; what it caught stays.

    It goes on as if they had not come yet. So what it left, or yielded, because of them
    is forgotten, and what it called because of them need not be called again; but if
    it is, what is recorded is its result.
    """
    calls, ended = activation.calls or {}, activation.ended or []
    assert error is not None
    led = _leading(error)
    undone = [called for called in ended if called.error and called.address in led]
    taken = [called.taken for called in undone if called.taken is not None]
    for called in undone:
        called.index = called.error = called.taken = None
        child = state.activations.get(called.address)
        if child is None:
            call_anew(activation, call_number(called.address))
        else:  # of several parts, of which some may have ended well
            activation.open += 1
            rearm(state, child)
    activation.ended = [called for called in ended if called.index is not None]
    for index, called in enumerate(activation.ended):
        called.index = index
    activation.seen = min(activation.seen, len(activation.ended))
    if taken:
        since, activation.emitted = min(taken)
        for number, called in list(calls.items()):
            if called.left is not None and called.left > since:
                call_anew(activation, number)
            elif called.seq > since:
                called.loose = True


def call_anew(activation: Activation, number: str) -> None:
    """Forget a call: it will be made again."""
    assert activation.calls is not None
    del activation.calls[number]
    activation.make_past().undone.add(number)


def _leading(failure: Failure) -> set[str]:
    """Return the addresses at which, or below which, something led to a failure."""
    led: set[str] = set()
    left = [failure]
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
        item = state.activations.get(fan.address(activation.address, index))
        if item is not None:  # a cancelled one begins anew
            item.phase = "queued"


def forget_calls(state: ExecutionState, node: Activation) -> None:
    """A dynamic node is run again from its top; what it recorded by key stays."""
    state.drop_children(node)
    if node.past is not None:
        node.past.undone.clear()
    node.calls = node.ended = None
    node.open = node.seen = node.emitted = 0


HANDLERS: dict[type, Callable[[ExecutionState, Recorded], None]] = {
    ev.ExecutionRetried: _execution_retried,
}
