"""Events of the execution itself: how it begins, pauses, goes on and ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from actorflow.model import events as ev
from actorflow.model.events import Recorded
from actorflow.model.parts import Activation, Pause, Scope
from actorflow.model.state import ExecutionState, rank_of


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
    ExecutionState.__init__(  # as if it were new; whoever holds it sees that
        state,
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
        until=after(recorded.time, event.timeout),
    )


def after(now: float, seconds: float | None) -> float | None:
    """Return the time so many seconds later, if any."""
    return None if seconds is None else round(now + seconds, 6)


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
    assert activation.until is not None
    assert activation.frozen is not None
    # Rounded, as all times in the log are, so that replay meets the same value.
    until = round(activation.until + now - activation.frozen, 6)
    state.set_clock(activation, until, now)


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


HANDLERS: dict[type, Callable[[ExecutionState, Recorded], None]] = {
    ev.ExecutionQueued: _execution_queued,
    ev.ExecutionStarted: _execution_started,
    ev.DeadlineSet: _deadline_set,
    ev.ExecutionCompleted: _execution_completed,
    ev.ExecutionFailed: _execution_failed,
    ev.ExecutionCancelled: _execution_cancelled,
    ev.ExecutionPaused: _execution_paused,
    ev.ExecutionResumed: _execution_resumed,
    ev.ExecutionRecovered: _execution_recovered,
    ev.ExecutionReleased: _execution_released,
    ev.CompensationStarted: _compensation_started,
    ev.SignalReceived: _signal_received,
}
