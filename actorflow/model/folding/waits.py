"""Events inside an activation: values, waits, updates, what it tells of itself."""

from __future__ import annotations

from collections.abc import Callable

from actorflow.model import events as ev
from actorflow.model.addresses import parent_of
from actorflow.model.events import Data, Recorded
from actorflow.model.folding.activations import acted
from actorflow.model.folding.retries import forget_calls
from actorflow.model.parts import Answer, Past, Update, Wait
from actorflow.model.state import ExecutionState


def _follow_up_planned(state: ExecutionState, recorded: Recorded) -> None:
    name = recorded.event.name
    state.follow_ups[name] = state.follow_ups.get(name, 0) + 1


def _value_recorded(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.touch(recorded.address)
    if activation.records is None:
        activation.records = {}
    activation.records[recorded.event.key] = recorded.event.value
    acted(activation)
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
    forget_calls(state, activation)
    del state.orphans[orphans:]  # what it only started goes on
    activation.input = recorded.event.input
    activation.records = None
    activation.past = Past(activation.generation + 1)
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
    acted(activation)
    state.weigh(activation)


def _told_only(_: ExecutionState, __: Recorded) -> None:
    """Change nothing: it is there to be read."""


def _heartbeat_received(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.keep(recorded.address)
    if activation is not None:
        activation.heartbeat = recorded.event.detail


def _value_emitted(state: ExecutionState, recorded: Recorded) -> None:
    """Count: emitted values are for those who listen."""
    activation = state.keep(recorded.address)
    if activation is not None:
        activation.emitted += 1
        acted(activation)
        state.weigh(activation)


def _node_settled(state: ExecutionState, recorded: Recorded) -> None:
    activation = state.touch(recorded.address)
    event: ev.NodeSettled = recorded.event
    if event.taken is not None:
        assert activation.ended is not None
        failed = activation.ended[event.taken]
        failed.taken = (recorded.seq, event.emitted)
    acted(activation)
    state.weigh(activation)


HANDLERS: dict[type, Callable[[ExecutionState, Recorded], None]] = {
    ev.ValueRecorded: _value_recorded,
    ev.WaitStarted: _wait_started,
    ev.WaitEnded: _wait_ended,
    ev.NodeContinued: _node_continued,
    ev.UpdateAnswered: _update_answered,
    ev.UpdateRejected: _told_only,
    ev.HeartbeatReceived: _heartbeat_received,
    ev.ProgressReported: _told_only,
    ev.ValueEmitted: _value_emitted,
    ev.NodeSettled: _node_settled,
    ev.FollowUpPlanned: _follow_up_planned,
}
