"""A thread from outside may take the turns while the dispatcher's own thread sleeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actorflow.actors.clock import VirtualClock
from actorflow.actors.dispatcher import ThreadDispatcher
from actorflow.actors.future import current
from actorflow.actors.pooled import PooledActor
from actorflow.actors.system import ActorSystem
from tests.actors.conftest import PATIENCE, Note


class Sleeper(ThreadDispatcher):
    """Tells when a place has been left."""

    def __init__(self, **settings: Any) -> None:
        self.asleep = Note()
        super().__init__(**settings)

    def _leave_place(self) -> None:
        super()._leave_place()
        self.asleep.set()


class Caller(PooledActor):
    """Calls what it is told to call; returns the thread it did so on."""

    def on_receive(self, message: Callable[[], Any]) -> threading.Thread:
        """Call it."""
        message()
        return threading.current_thread()


class Turn:
    """Calls something when it has its turn."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call

    def turn(self, throughput: int) -> None:
        """Call it."""
        self._call()


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    """A dispatcher of one thread that has gone to sleep."""
    dispatcher = Sleeper()
    dispatcher.asleep.arrives()
    yield dispatcher
    dispatcher.stop(PATIENCE)


def never() -> bool:
    """Have nothing better to do."""
    return False


def test_turns_are_taken_on_the_thread_that_stands_in(sleeper: Sleeper) -> None:
    """It does what follows as well: nobody is woken for it."""
    with ActorSystem(sleeper) as system:
        first, second = system.spawn(Caller), system.spawn(Caller)
        threads = []

        def note_thread() -> None:
            threads.append(threading.current_thread())

        def go_on() -> None:
            note_thread()
            second.tell(note_thread)

        sleeper.stand_in(first.put, go_on, never)

        assert threads == [threading.current_thread()] * 2


def test_it_leaves_when_it_has_had_enough(sleeper: Sleeper) -> None:
    """What is left is done by the dispatcher's own thread."""
    with ActorSystem(sleeper) as system:
        ref, late = system.spawn(Caller), Note()

        def go_on() -> None:
            system.spawn(Caller).tell(late.set)

        sleeper.stand_in(ref.put, go_on, lambda: True)

        late.arrives()
        assert ref.ask(never, timeout=PATIENCE) is not threading.current_thread()


def test_it_only_tells_while_the_dispatcher_is_awake(sleeper: Sleeper) -> None:
    """Two threads never take turns of a dispatcher of one."""
    with ActorSystem(sleeper) as system:
        ref, other = system.spawn(Caller), system.spawn(Caller)
        begun, go_on = Note(), Note()

        def hold() -> None:
            begun.set()
            go_on.arrives()

        ref.tell(hold)
        begun.arrives()
        threads: list[threading.Thread] = []
        done = Note()

        def note_thread() -> None:
            threads.append(threading.current_thread())
            done.set()

        sleeper.stand_in(other.put, note_thread, never)
        assert not threads
        go_on.set()
        done.arrives()

        assert threading.current_thread() not in threads


def test_nobody_takes_turns_beside_the_one_that_stands_in(sleeper: Sleeper) -> None:
    """What others send meanwhile waits for it."""
    with ActorSystem(sleeper) as system:
        ref, other = system.spawn(Caller), system.spawn(Caller)
        threads: list[threading.Thread] = []

        def send() -> None:
            sender = threading.Thread(
                target=lambda: other.tell(
                    lambda: threads.append(threading.current_thread())
                )
            )
            sender.start()
            sender.join(PATIENCE)
            assert not threads

        sleeper.stand_in(ref.put, send, never)

        assert threads == [threading.current_thread()]


def test_a_timer_that_it_set_rings(sleeper: Sleeper) -> None:
    """The dispatcher's own thread learns of it, although it slept meanwhile."""
    with ActorSystem(sleeper) as system:
        rang = Note()
        ref = system.spawn(Caller)

        sleeper.stand_in(ref.put, lambda: system.timers.after(0, rang.set), never)

        rang.arrives()


def test_a_virtual_timer_that_it_set_rings() -> None:
    """So it does when time passes only by hand."""
    clock = VirtualClock()
    dispatcher = Sleeper(clock=clock)
    dispatcher.asleep.arrives()
    with ActorSystem(dispatcher) as system:
        rang, ref = Note(), system.spawn(Caller)
        dispatcher.stand_in(ref.put, lambda: system.timers.after(60, rang.set), never)
        assert not rang.is_set()

        clock.advance(60)

        rang.arrives()


def test_a_turn_may_block_while_standing_in(sleeper: Sleeper) -> None:
    """Another thread takes its place, so that what it waits for can happen."""
    with ActorSystem(sleeper) as system:
        ref, other = system.spawn(Caller), system.spawn(Caller)
        answers = []

        sleeper.stand_in(
            ref.put, lambda: answers.append(other.ask(never, timeout=PATIENCE)), never
        )

        assert len(answers) == 1
        assert answers[0] is not threading.current_thread()


def test_stopping_waits_for_the_one_that_stands_in(sleeper: Sleeper) -> None:
    """When `stop` has returned, no turn is being taken."""
    begun, go_on, ended = Note(), Note(), Note()

    def hold() -> None:
        begun.set()
        go_on.arrives()
        ended.set()

    substitute = threading.Thread(
        target=sleeper.stand_in, args=(sleeper.wake, Turn(hold), never)
    )
    substitute.start()
    begun.arrives()
    stopped = Note()

    def stop() -> None:
        sleeper.stop(PATIENCE)
        assert ended.is_set()
        stopped.set()

    stopper = threading.Thread(target=stop)
    stopper.start()
    go_on.set()

    stopped.arrives()
    substitute.join(PATIENCE)


def test_the_one_that_stands_in_may_stop_the_dispatcher(sleeper: Sleeper) -> None:
    """It does not wait for the thread whose place it has."""
    sleeper.stand_in(sleeper.wake, Turn(sleeper.stop), never)

    assert sleeper.stopped


def test_a_stopped_dispatcher_lets_nobody_stand_in(sleeper: Sleeper) -> None:
    """A turn after the end would act for a runtime that is gone."""
    called = Note()
    sleeper.stop(PATIENCE)

    sleeper.stand_in(sleeper.wake, Turn(called.set), never)

    assert not called.is_set()


def test_the_thread_is_its_own_again_afterwards(sleeper: Sleeper) -> None:
    """Waiting for a reply on it is ordinary waiting."""
    with ActorSystem(sleeper) as system:
        sleeper.stand_in(system.spawn(Caller).put, never, never)

        assert current.waiter is None
