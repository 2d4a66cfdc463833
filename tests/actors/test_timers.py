"""Clocks and timers: what falls due, when, and in which order."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorflow.actors.clock import SystemClock, VirtualClock
from actorflow.actors.dispatcher import ThreadDispatcher
from actorflow.actors.manual import ManualDispatcher
from actorflow.actors.timers import LONGEST_WAIT, Timer, Timers
from tests.actors.conftest import Note


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that stands still."""
    return VirtualClock(start=1_000.0)


@pytest.fixture
def timers(clock: VirtualClock) -> Timers:
    """Timers that nobody runs."""
    return Timers(clock)


def test_the_system_clock_has_whole_microseconds() -> None:
    """A time survives being stored in microseconds."""
    time = SystemClock().time()

    assert round(time * 1e6) / 1e6 == time


def test_a_virtual_clock_stands_still(clock: VirtualClock) -> None:
    """Time passes only when somebody says so."""
    assert (clock.time(), clock.time()) == (1_000.0, 1_000.0)


def test_advancing_moves_both_times(clock: VirtualClock) -> None:
    """Wall and monotonic time go together."""
    clock.advance(2.5)

    assert (clock.time(), clock.monotonic()) == (1_002.5, 2.5)


def test_a_jump_moves_the_wall_time_only(clock: VirtualClock) -> None:
    """Setting a machine's clock does not change how long things take."""
    clock.jump(-100)

    assert (clock.time(), clock.monotonic()) == (900.0, 0.0)


def test_time_does_not_go_back(clock: VirtualClock) -> None:
    """A negative advance is a mistake."""
    with pytest.raises(ValueError, match="go back"):
        clock.advance(-1)


def test_a_timer_is_not_early(clock: VirtualClock, timers: Timers) -> None:
    """Before its time, nothing happens."""
    fired: list[str] = []
    timers.after(1.0, fired.append, "late")
    clock.advance(0.999999)
    timers.run_due()

    assert fired == []


def test_a_timer_fires_when_due(clock: VirtualClock, timers: Timers) -> None:
    """At its time, exactly, it is due."""
    fired: list[str] = []
    timers.after(0.3, fired.append, "elapsed")
    timers.at(1_000.3, fired.append, "wall")
    clock.advance(0.1)
    clock.advance(0.2)
    timers.run_due()

    assert sorted(fired) == ["elapsed", "wall"]


def test_timers_fire_in_due_order(clock: VirtualClock, timers: Timers) -> None:
    """Earlier ones first, whatever the order they were made in."""
    fired: list[int] = []
    for n in (3, 1, 2):
        timers.after(n, fired.append, n)
    clock.advance(10)
    timers.run_due()

    assert fired == [1, 2, 3]


def test_timers_of_one_time_fire_in_the_order_made(
    clock: VirtualClock, timers: Timers
) -> None:
    """Nobody overtakes."""
    fired: list[int] = []
    for n in range(10):
        timers.after(1, fired.append, n)
    clock.advance(1)
    timers.run_due()

    assert fired == list(range(10))


def test_a_cancelled_timer_does_not_fire(clock: VirtualClock, timers: Timers) -> None:
    """Cancelling is final."""
    fired: list[str] = []
    timer = timers.after(1, fired.append, "cancelled")
    timer.cancel()
    clock.advance(1)
    timers.run_due()

    assert (fired, timer.active) == ([], False)


def test_cancelling_what_has_fired_does_nothing(
    clock: VirtualClock, timers: Timers
) -> None:
    """It is too late, and that is fine."""
    fired: list[str] = []
    timer = timers.after(1, fired.append, "fired")
    clock.advance(1)
    timers.run_due()
    timer.cancel()

    assert fired == ["fired"]


def test_cancelled_timers_do_not_pile_up(timers: Timers) -> None:
    """A million timeouts that never happen take no memory."""
    for _ in range(10_000):
        timers.after(3_600, print).cancel()

    assert len(timers._elapsed.entries) < 200


def test_live_timers_survive_the_cleaning_up(
    clock: VirtualClock, timers: Timers
) -> None:
    """Getting rid of the cancelled ones loses no other."""
    fired: list[int] = []
    for n in range(1_000):
        timers.after(2, fired.append, n)
        for _ in range(3):
            timers.after(1, print).cancel()
    clock.advance(2)
    timers.run_due()

    assert fired == list(range(1_000))


def test_a_wall_timer_follows_the_clock(clock: VirtualClock, timers: Timers) -> None:
    """Durable times are wall times: set the clock forward, and they are due."""
    fired: list[str] = []
    timers.at(5_000.0, fired.append, "due")
    clock.jump(4_000)
    timers.run_due()

    assert fired == ["due"]


def test_an_elapsed_timer_ignores_the_wall(clock: VirtualClock, timers: Timers) -> None:
    """A duration is not shortened by setting the clock."""
    fired: list[str] = []
    timers.after(10.0, fired.append, "due")
    clock.jump(4_000)
    timers.run_due()

    assert fired == []


def test_a_far_wall_timer_is_looked_at_now_and_then(timers: Timers) -> None:
    """Nobody sleeps through a jump of the clock for long."""
    timers.at(1_000_000.0, print)

    assert timers.patience() == LONGEST_WAIT


def test_patience_ends_with_the_next_timer(timers: Timers) -> None:
    """Who waits, waits for the earliest."""
    timers.at(1_020.0, print)
    timers.after(7.0, print)

    assert timers.patience() == 7.0


def test_without_timers_there_is_nothing_to_wait_for(timers: Timers) -> None:
    """No timer, no due time."""
    assert (timers.remaining(), timers.patience()) == (None, None)


def test_a_failing_callback_does_not_stop_the_others(
    clock: VirtualClock, timers: Timers, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the rest fire."""
    fired: list[str] = []
    timers.after(1, lambda: 1 // 0)
    timers.after(2, fired.append, "next")
    clock.advance(2)
    timers.run_due()

    assert fired == ["next"]
    assert "callback failed" in caplog.text


def test_a_dispatcher_fires_timers_while_it_waits(note: Note) -> None:
    """A real timer fires without any message."""
    dispatcher = ThreadDispatcher()
    dispatcher.timers.after(0.001, note.set)

    note.arrives()
    dispatcher.stop()


def test_an_earlier_timer_is_noticed_by_who_already_waits(note: Note) -> None:
    """A dispatcher waiting for a far timer wakes for a near one."""
    dispatcher = ThreadDispatcher()
    waiting = Note()
    dispatcher.timers.after(3_600, print)
    dispatcher.timers.after(0, waiting.set)
    waiting.arrives()
    dispatcher.timers.after(0.001, note.set)

    note.arrives()
    dispatcher.stop()


class Restless:
    """Always wants another turn."""

    def __init__(self, dispatcher: ThreadDispatcher, enough: Note) -> None:
        self.dispatcher = dispatcher
        self.enough = enough

    def turn(self, throughput: int) -> None:
        """Ask for the next turn at once."""
        if not self.enough.is_set():
            self.dispatcher.wake(self)


def test_timers_fire_although_others_are_busy(note: Note) -> None:
    """A dispatcher that never waits fires timers all the same."""
    dispatcher = ThreadDispatcher()
    dispatcher.wake(Restless(dispatcher, note))
    dispatcher.timers.after(0.001, note.set)

    note.arrives()
    dispatcher.stop()


def test_threads_can_wait_on_a_virtual_clock(clock: VirtualClock, note: Note) -> None:
    """A dispatcher with threads fires when the clock is advanced, not before."""
    dispatcher = ThreadDispatcher(clock=clock)
    dispatcher.timers.after(86_400, note.set)
    assert not note.is_set()
    clock.advance(86_400)

    note.arrives()
    dispatcher.stop()


def test_advancing_a_manual_dispatcher_fires_on_the_way() -> None:
    """Each timer sees its own due time, not the end of the advance."""
    dispatcher = ManualDispatcher(VirtualClock(start=0.0))
    seen: list[Any] = []
    for delay in (1.0, 2.5):
        dispatcher.timers.after(delay, lambda: seen.append(dispatcher.clock.time()))
    dispatcher.clock.advance(10.0)

    assert (seen, dispatcher.clock.time()) == ([1.0, 2.5], 10.0)


def test_timers_made_by_timers_fire_in_the_same_advance() -> None:
    """A chain of timers unrolls within the time that passes."""
    dispatcher = ManualDispatcher()
    ticks: list[float] = []

    def tick() -> None:
        ticks.append(dispatcher.clock.monotonic())
        dispatcher.timers.after(1.0, tick)

    tick()
    dispatcher.advance(3.0)

    assert ticks == [0.0, 1.0, 2.0, 3.0]


def test_the_next_timer_is_known() -> None:
    """A simulation can ask how long nothing will happen."""
    dispatcher = ManualDispatcher()
    dispatcher.timers.after(5.0, print)
    dispatcher.timers.at(dispatcher.clock.time() + 3.0, print)

    assert dispatcher.next_timer() == 3.0


STEP = st.one_of(
    st.tuples(st.just("after"), st.integers(0, 50)),
    st.tuples(st.just("cancel"), st.integers(0, 50)),
    st.tuples(st.just("advance"), st.integers(0, 20)),
)


@given(st.lists(STEP, max_size=300))
def test_timers_do_what_a_list_would_do(steps: list[tuple[str, int]]) -> None:
    """However they are made, cancelled and waited for, the right ones fire."""
    clock = VirtualClock()
    timers = Timers(clock)
    made: list[Timer] = []
    due: dict[int, float] = {}
    fired: list[int] = []
    for action, number in steps:
        if action == "after":
            due[len(made)] = clock.monotonic() + number
            made.append(timers.after(number, fired.append, len(made)))
        elif action == "cancel" and number < len(made):
            made[number].cancel()
            due.pop(number, None)
        elif action == "advance":
            clock.advance(number)
            timers.run_due()
            expected = sorted(n for n in due if due[n] <= clock.monotonic())
            assert sorted(fired) == expected
            for n in expected:
                del due[n]
            fired.clear()


def test_timers_keep_nothing_alive_after_firing() -> None:
    """A fired timer holds no reference to its callback's arguments."""
    clock = VirtualClock()
    timers = Timers(clock)
    thing = object()
    timer = timers.after(1, lambda _: None, thing)
    held = sys.getrefcount(thing)
    clock.advance(1)
    timers.run_due()

    assert sys.getrefcount(thing) < held
    assert not timer.active
