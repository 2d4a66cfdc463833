"""A turn that blocks: another thread takes its place, and gives it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event, Lock, get_ident

import pytest

from actorflow.actors.dispatcher import ThreadDispatcher

PATIENCE = 30.0


@pytest.fixture(name="dispatcher")
def _dispatcher() -> Iterator[ThreadDispatcher]:
    dispatcher = ThreadDispatcher()
    yield dispatcher
    dispatcher.stop(PATIENCE)


class Turns:
    """Turns that note whether two of them were taken at the same time."""

    def __init__(self, dispatcher: ThreadDispatcher) -> None:
        self._dispatcher = dispatcher
        self._alone = Lock()
        self.met = False
        self.taken = 0
        self.left = 0
        self.done = Event()

    def turn(self, throughput: int) -> None:
        """Want another turn, some times."""
        del throughput
        with self.in_turn():
            self.taken += 1
            if self.taken < self.left:
                self._dispatcher.wake(self)
                return
        self.done.set()

    def run(self, count: int) -> None:
        """Take so many turns; wait for the last."""
        self.taken, self.left = 0, count
        self.done.clear()
        self._dispatcher.wake(self)
        assert self.done.wait(PATIENCE)

    def in_turn(self) -> Alone:
        """Note if somebody else is in a turn."""
        return Alone(self, self._alone)


class Alone:
    """Holds a lock that nobody else should want."""

    def __init__(self, turns: Turns, lock: Lock) -> None:
        self._turns, self._lock = turns, lock

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._turns.met = True
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class Held:
    """A turn that is held up, until the test lets it go on."""

    def __init__(self, turns: Turns) -> None:
        self.entered, self.gate, self.ended = Event(), Event(), Event()
        self.thread = 0
        self.come_back: Callable[[], None] | None = None
        self._turns = turns

    def turn(self, throughput: int) -> None:
        """Block; then come back, and be alone."""
        del throughput
        self.thread = get_ident()
        self.entered.set()
        self.gate.wait()
        if self.come_back is not None:
            self.come_back()
        with self._turns.in_turn():
            self.ended.set()


def _relieved(dispatcher: ThreadDispatcher, turns: Turns) -> Held:
    held = Held(turns)
    dispatcher.wake(held)
    assert held.entered.wait(PATIENCE)
    held.come_back = dispatcher.relieve(held.thread)
    return held


def test_another_thread_takes_the_turns(dispatcher: ThreadDispatcher) -> None:
    """They are taken while the first is held up, also when it is back."""
    turns = Turns(dispatcher)
    for _ in range(20):
        held = _relieved(dispatcher, turns)
        turns.run(10)
        held.gate.set()
        assert held.ended.wait(PATIENCE)
        turns.run(10)
    assert not turns.met


def test_there_are_no_more_turns_at_a_time_than_before(
    dispatcher: ThreadDispatcher,
) -> None:
    """Who comes back in the middle of others' turns waits for one of them to end."""
    turns = Turns(dispatcher)
    for _ in range(20):
        several = [_relieved(dispatcher, turns) for _ in range(3)]
        turns.taken, turns.left = 0, 2_000
        turns.done.clear()
        dispatcher.wake(turns)
        for held in several:
            held.gate.set()
        for held in several:
            assert held.ended.wait(PATIENCE)
        assert turns.done.wait(PATIENCE)
    assert not turns.met


def test_a_thread_from_outside_gives_its_place_back(
    dispatcher: ThreadDispatcher,
) -> None:
    """One that stands in makes way as well, and there is still a place afterwards."""
    turns = Turns(dispatcher)
    for _ in range(20):
        held = _relieved(dispatcher, turns)

        def tell(held: Held) -> None:
            turns.taken, turns.left = 0, 50
            turns.done.clear()
            dispatcher.wake(turns)
            held.gate.set()

        dispatcher.stand_in(tell, held, lambda: False)
        assert held.ended.wait(PATIENCE)
        assert turns.done.wait(PATIENCE)
        turns.run(5)
    assert not turns.met


def test_stopping_does_not_wait_for_who_is_held_up() -> None:
    """Nor does that thread ever go on with its turn."""
    dispatcher = ThreadDispatcher()
    turns = Turns(dispatcher)
    held = _relieved(dispatcher, turns)
    dispatcher.stop()
    assert dispatcher.relieve(held.thread) is None
    held.gate.set()
    assert not held.ended.is_set()
