"""What the simulation checks is told apart from what is right."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.log.memory_store import MemoryStore
from actorflow.log.port import Stream, Summary, Write
from actorflow.model import events as ev
from actorflow.model.events import Recorded
from actorflow.model.fold import apply
from actorflow.model.state import ExecutionState
from actorflow.testing import Simulation, SimulationError
from actorflow.testing.laws import check_counts, check_history, check_row, check_same
from actorflow.testing.ledger import Ledger

FLOW = (
    af.Flow("f")
    .then(af.activity(name="one")(lambda: 1), into="one")
    .wait_signal("go")
    .wait_signal("go", name="again")
    .output("one")
)


def history() -> list[Recorded]:
    """Make a history that is right."""
    return list(Simulation(FLOW, signals={"go": [1, 2]}).run().events)


def numbered(events: list[Recorded]) -> list[Recorded]:
    """Number *events* anew."""
    return [evolve(each, seq=seq) for seq, each in enumerate(events, 1)]


def index_of(events: list[Recorded], cls: type[Any], nth: int = 0) -> int:
    """Return where the *nth* event of that class is."""
    return [n for n, each in enumerate(events) if isinstance(each.event, cls)][nth]


def folded(events: list[Recorded]) -> ExecutionState:
    """Fold *events*."""
    state = ExecutionState()
    for each in events:
        apply(state, each)
    return state


def test_a_right_history_breaks_no_law() -> None:
    """So the laws are not too strict."""
    check_history(history())


def test_a_gap_is_found() -> None:
    """Events are numbered 1, 2, 3."""
    events = history()
    del events[3]

    with pytest.raises(SimulationError, match="numbered"):
        check_history(events)


def test_an_event_after_the_end_is_found() -> None:
    """Nothing is recorded once the end is."""
    events = history()

    with pytest.raises(SimulationError, match="after the end"):
        check_history(numbered([*events, events[-2]]))


def test_what_completes_twice_is_found() -> None:
    """Unless it has begun again."""
    events = history()
    at = index_of(events, ev.ActivationCompleted)

    with pytest.raises(SimulationError, match="completed before"):
        check_history(numbered([*events[: at + 1], events[at], *events[at + 1 :]]))


def test_an_attempt_of_what_has_completed_is_found() -> None:
    """What is recorded never runs again."""
    events = history()
    at = index_of(events, ev.ActivationCompleted)
    again = evolve(events[at], event=ev.AttemptStarted(1))

    with pytest.raises(SimulationError, match="had completed"):
        check_history(numbered([*events[: at + 1], again, *events[at + 1 :]]))


def test_a_signal_that_comes_twice_is_found() -> None:
    """A signal is consumed once, in the order of its topic."""
    events = history()
    first, second = (index_of(events, ev.WaitEnded, nth) for nth in (0, 1))
    signal = events[first].event.signal
    event = evolve(events[second].event, signal=signal)
    events[second] = evolve(events[second], event=event)

    with pytest.raises(SimulationError, match="twice"):
        check_history(events)


def test_a_signal_that_nobody_sent_is_found() -> None:
    """A wait ends by a signal that is there."""
    events = history()
    at = index_of(events, ev.WaitEnded)
    event = evolve(events[at].event, signal=1)
    events[at] = evolve(events[at], event=event)

    with pytest.raises(SimulationError, match="no signal 1"):
        check_history(events)


def test_states_that_differ_are_told_apart_by_their_first_difference() -> None:
    """Deep inside, and with the path to it."""
    live, replayed = folded(history()), folded(history())
    check_same(live, replayed)
    live.branches["main"].variables["one"] = 2

    with pytest.raises(SimulationError, match=r"variables\['one'\] is 2 in memory"):
        check_same(live, replayed)


def test_who_is_busy_is_counted_from_scratch() -> None:
    """The counts that the fold keeps as it goes are what one would count now."""
    events = history()[:3]
    state = folded(events)
    check_counts(state)
    state.busy_children += 1

    with pytest.raises(SimulationError, match="of the execution, number of busy"):
        check_counts(state)


def test_what_owes_is_told_from_scratch() -> None:
    """An actor that nobody would wake is found."""
    state = folded(history()[:3])
    state.branches["main"].owes ^= True

    with pytest.raises(SimulationError, match="of main, owes"):
        check_counts(state)


def test_the_order_of_those_who_wait_counts() -> None:
    """First come, first served: another order is another state."""
    live, replayed = ExecutionState(), ExecutionState()
    live.topics = {"go": {"a": None, "b": None}}
    replayed.topics = {"go": {"b": None, "a": None}}

    with pytest.raises(SimulationError, match="topics"):
        check_same(live, replayed)


def test_a_row_that_does_not_fit_its_events_is_found() -> None:
    """The status beside the events is what the events say."""
    log = MemoryLog()
    stream = Stream("execution", "x", "f")
    started = Recorded(1, 1.0, "", ev.ExecutionStarted("f", "0"))
    stream.head = 1
    log.write([Write(stream, [started], summary=Summary("completed"), create=True)])
    row = log.find("execution", "x")

    with pytest.raises(SimulationError, match="lists"):
        check_row(row, folded([started]))


def test_a_writer_who_is_not_the_owner_is_found() -> None:
    """Whatever the log itself thinks of it."""
    store = MemoryStore()
    one, other = MemoryLog(store=store), MemoryLog(store=store)
    stream = Stream("execution", "x", "f", head=1)
    started = Recorded(1, 1.0, "", ev.ExecutionStarted("f", "0"))
    batch = [Write(stream, [started], summary=Summary("running"), create=True)]
    one.write(batch)

    with pytest.raises(SimulationError, match="owner 1 holds"):
        Ledger().written(other, batch, ["1"])
