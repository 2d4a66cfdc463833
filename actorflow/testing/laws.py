"""What must hold in every history, told without the runtime's own fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from actorflow.model import events as ev
from actorflow.model.events import Recorded
from actorflow.model.parts import Activation, Branch, Part
from actorflow.model.state import ENDED, ExecutionState

_ENDS = (ev.ExecutionCompleted, ev.ExecutionFailed, ev.ExecutionCancelled)
_RESTING = ("suspended", "paused")


class SimulationError(AssertionError):
    """A promise was broken; the message says which, where, and how to see it again."""


def check_history(events: Sequence[Recorded]) -> None:
    """Hold a whole history to the laws.

    Raises:
        SimulationError: with the first event that breaks one.
    """
    if [e.seq for e in events] != list(range(1, len(events) + 1)):
        raise SimulationError("the events are not numbered 1, 2, 3 ...")
    _check_ends(events)
    _check_completions(events)
    _check_signals(events)


def _check_ends(events: Sequence[Recorded]) -> None:
    """After its end an execution is retried, restarted, or undone, or nothing."""
    ended: Recorded | None = None
    for recorded in events:
        if ended is not None and not isinstance(
            recorded.event,
            ev.ExecutionRetried | ev.ExecutionStarted | ev.CompensationStarted,
        ):
            _broken(recorded, f"comes after the end, event {ended.seq}")
        ended = recorded if isinstance(recorded.event, _ENDS) else None


def _check_completions(events: Sequence[Recorded]) -> None:
    """What has completed does not complete again, unless it began again."""
    done: dict[str, int] = {}
    for recorded in events:
        event, address = recorded.event, recorded.address
        if isinstance(event, ev.ExecutionStarted):
            done.clear()
        elif isinstance(event, ev.ActivationStarted):
            for other in [a for a in done if lies_in(a, address)]:
                del done[other]
        elif isinstance(event, ev.ActivationCompleted):
            if address in done:
                _broken(recorded, f"has completed before, at event {done[address]}")
            done[address] = recorded.seq
        elif isinstance(event, ev.AttemptStarted) and address in done:
            _broken(recorded, f"had completed, at event {done[address]}")


def lies_in(address: str, root: str) -> bool:
    """Whether *address* is *root*, or anything below it."""
    return address == root or address.startswith((f"{root}/", f"{root}[", f"{root}@"))


def _check_signals(events: Sequence[Recorded]) -> None:
    """Every signal is consumed at most once, and in the order of its topic."""
    topics: dict[int, str] = {}
    latest: dict[str, int] = {}
    keys: set[str] = set()
    for recorded in events:
        event = recorded.event
        if isinstance(event, ev.SignalReceived):
            topics[recorded.seq] = event.topic
            if event.key is not None and event.key in keys:
                _broken(recorded, f"a second signal with the key {event.key!r}")
            keys |= {event.key} if event.key is not None else set()
        elif isinstance(event, ev.WaitEnded) and event.signal is not None:
            topic = topics.get(event.signal)
            if topic is None:
                _broken(recorded, f"there is no signal {event.signal}")
                return
            if event.signal <= latest.get(topic, 0):
                _broken(recorded, f"signal {event.signal} comes twice, or too late")
            latest[topic] = event.signal


def _broken(recorded: Recorded, what: str) -> None:
    name = type(recorded.event).__name__
    raise SimulationError(f"event {recorded.seq}, {name} at {recorded.address}: {what}")


def check_row(row: Any, state: ExecutionState) -> None:
    """Compare what was kept beside the events with what they say."""
    wake_at = state.wake_at if state.status in _RESTING else None
    kept, said = (row.status, row.wake_at), (state.status, wake_at)
    fits = kept == said if row.status not in ENDED else kept[0] == said[0]
    if not fits:
        raise SimulationError(
            f"the log lists (status, wake_at) {kept!r}, but its events say {said!r}"
        )


def check_same(live: ExecutionState, replayed: ExecutionState) -> None:
    """Compare the state in memory with the fold of what is in the log.

    Raises:
        SimulationError: with the first place where they differ.
    """
    for path, one, other in _differences("state", live, replayed):
        raise SimulationError(
            f"after event {replayed.version}, {path} is {one!r} in memory, but "
            f"{other!r} when it is replayed"
        )
    if live.wake_at != replayed.wake_at:
        raise SimulationError(
            f"after event {replayed.version}, it wakes at {live.wake_at} in memory, "
            f"but at {replayed.wake_at} when it is replayed"
        )


def check_counts(state: ExecutionState) -> None:
    """Count from scratch what the fold counts as it goes: who owes, and who is busy.

    Raises:
        SimulationError: with the first part that is told wrong.
    """
    if state.outcome is not None:
        return  # nobody asks any more
    busy: Counter[str | None] = Counter()
    parts: list[Branch | Activation]
    parts = [*state.branches.values(), *state.activations.values()]
    for part in parts:
        owes = _owes(state, part)
        if part.owes != owes:
            _miscounted(state, part, f"owes: {part.owes}, but {owes}")
        busy[_address_above(part)] += part.busy
        if isinstance(part, Activation) and part.fan is not None:
            busy[part.address] += len(part.fan.bare)
    for each in (state, *parts):
        if each.busy_children != busy[each.address]:
            counted = f"{each.busy_children}, but {busy[each.address]}"
            _miscounted(state, each, f"number of busy children: {counted}")


def _owes(state: ExecutionState, part: Branch | Activation) -> bool:
    if isinstance(part, Branch):
        return state.branch_owes(part)
    return state.activation_owes(part)


def _address_above(part: Part) -> str | None:
    return None if part.parent is None else part.parent.address


def _miscounted(state: ExecutionState, part: Part, what: str) -> None:
    raise SimulationError(
        f"after event {state.version}, of {part.address or 'the execution'}, {what} "
        "when it is counted from scratch"
    )


_UNSEEN = ("parent", "calm", "orphans", "stored", "_deadlines", "_naps")
"""What points upward, is used up by actors, or is not the events' doing."""

_Difference = tuple[str, Any, Any]


def _differences(path: str, one: Any, other: Any) -> Iterator[_Difference]:
    if attrs.has(type(one)) and type(one) is type(other):
        for attribute in attrs.fields(type(one)):
            name = attribute.name
            if name not in _UNSEEN:
                pair = getattr(one, name), getattr(other, name)
                yield from _differences(f"{path}.{name}", *pair)
    elif isinstance(one, dict) and isinstance(other, dict):
        if list(one) != list(other):  # in order: first come, first served
            yield path, list(one), list(other)
            return
        for key, value in one.items():
            yield from _differences(f"{path}[{key!r}]", value, other[key])
    elif _is_row(one) and _is_row(other):
        if len(one) != len(other):
            yield path, one, other
            return
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from _differences(f"{path}[{index}]", *pair)
    elif one != other:
        yield path, one, other


def _is_row(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | dict | set)
