"""The dispatchers: everybody gets a turn, nobody gets two at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from actorflow.actors import dispatcher as dispatchers
from actorflow.actors.dispatcher import ThreadDispatcher
from actorflow.actors.future import PooledFuture, current
from actorflow.actors.manual import ManualDispatcher
from actorflow.actors.pooled import PooledActor
from actorflow.actors.system import ActorSystem
from tests.actors.conftest import PATIENCE, Note


class Recorder(PooledActor):
    """Keeps what it is told, and notices if it is ever in two turns at once."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []
        self.inside = 0

    def on_receive(self, message: Any) -> list[Any]:
        """Keep *message*; return everything so far."""
        self.inside += 1
        assert self.inside == 1
        self.seen.append(message)
        self.inside -= 1
        return list(self.seen)


class Caller(PooledActor):
    """Calls what it is told to call."""

    def on_receive(self, message: Callable[[], Any]) -> Any:
        """Call it."""
        return message()


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run *work* on *count* threads at the same time."""
    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)


def test_no_message_is_lost_between_threads() -> None:
    """Four senders, four dispatcher threads: everything arrives, each order kept."""
    with ActorSystem(ThreadDispatcher(4)) as system:
        refs = [system.spawn(Recorder) for _ in range(5)]

        in_threads(4, lambda sender: send_numbers(refs, sender))
        for ref in refs:
            seen = ref.ask("end", timeout=PATIENCE)[:-1]
            for sender in range(4):
                assert [n for s, n in seen if s == sender] == list(range(500))


def send_numbers(refs: list[Any], sender: int) -> None:
    """Send 500 numbered messages to each of *refs*."""
    for n in range(500):
        for ref in refs:
            ref.tell([sender, n])


def test_a_busy_actor_does_not_starve_the_others() -> None:
    """With one thread, an actor with endless mail lets others have a turn."""
    with ActorSystem() as system:
        done = Note()
        other = system.spawn(Caller)

        class Endless(PooledActor):
            def on_receive(self, message: str) -> None:
                if not done.is_set():
                    self.actor_ref.tell(message)

        system.spawn(Endless).tell("again")
        other.tell(done.set)

        done.arrives()


def test_a_turn_is_bounded() -> None:
    """An actor with much mail is interrupted by others after some of it."""
    dispatcher = ManualDispatcher()
    with ActorSystem(dispatcher) as system:
        first, second = system.spawn(Recorder), system.spawn(Recorder)
        for n in range(200):
            first.tell(n)
        second.tell("me too")
        dispatcher.step()
        dispatcher.step()

        assert first.actor is not None
        assert second.actor is not None
        assert len(first.actor.seen) == dispatchers.THROUGHPUT
        assert second.actor.seen == ["me too"]


def test_mail_sent_during_a_turn_is_handled(dispatcher: ManualDispatcher) -> None:
    """Telling oneself leads to another turn."""
    with ActorSystem(dispatcher) as system:
        seen: list[int] = []

        class Countdown(PooledActor):
            def on_receive(self, message: int) -> None:
                seen.append(message)
                if message:
                    self.actor_ref.tell(message - 1)

        system.spawn(Countdown).tell(3)
        dispatcher.run_until_idle()

        assert seen == [3, 2, 1, 0]


class Humble(Recorder):
    """Lets everybody else go first."""

    low_priority: ClassVar[bool] = True


def test_a_low_priority_actor_waits_for_the_others(
    dispatcher: ManualDispatcher,
) -> None:
    """Its turn comes when nobody else wants one, so its mail gathers."""
    order: list[str] = []

    class Last(PooledActor):
        low_priority: ClassVar[bool] = True

        def on_receive(self, message: str) -> None:
            order.append(message)

    with ActorSystem(dispatcher) as system:
        last, other = system.spawn(Last), system.spawn(Caller)
        last.tell("last")

        def first() -> None:
            order.append("first")
            other.tell(second)

        def second() -> None:
            order.append("second")

        other.tell(first)
        dispatcher.run_until_idle()

    assert order == ["first", "second", "last"]


def test_a_hurried_actor_waits_no_longer(dispatcher: ManualDispatcher) -> None:
    """Hurrying puts a low-priority actor in line with the others."""
    with ActorSystem(dispatcher) as system:
        order: list[str] = []
        humble, other = system.spawn(Humble), system.spawn(Caller)
        humble.tell("hurried")
        dispatcher.hurry(humble)
        other.tell(lambda: order.append("other"))
        dispatcher.step()

        assert humble.actor is not None
        assert (humble.actor.seen, order) == (["hurried"], [])


def test_a_low_priority_actor_is_not_forgotten() -> None:
    """Although others never stop, it gets a turn in the end."""
    with ActorSystem() as system:
        done = Note()

        class Last(PooledActor):
            low_priority: ClassVar[bool] = True

            def on_receive(self, message: str) -> None:
                done.set()

        class Endless(PooledActor):
            def on_receive(self, message: str) -> None:
                if not done.is_set():
                    self.actor_ref.tell(message)

        system.spawn(Endless).tell("again")
        system.spawn(Last).tell("please")

        done.arrives()


def test_an_idle_dispatcher_serves_low_priority_at_once(note: Note) -> None:
    """Mail from another thread wakes a waiting dispatcher for the humble, too."""
    with ActorSystem() as system:

        class Last(PooledActor):
            low_priority: ClassVar[bool] = True

            def on_receive(self, message: str) -> None:
                note.set()

        ref = system.spawn(Last)
        system.spawn(Caller).ask(print_nothing, timeout=PATIENCE)
        ref.tell("go")

        note.arrives()


def print_nothing() -> None:
    """Do nothing."""


def test_others_run_while_an_actor_blocks(system: ActorSystem, note: Note) -> None:
    """`with self.blocking()` gives the thread's place to another thread."""
    entered = Note()

    class Blocker(PooledActor):
        def on_receive(self, message: str) -> str:
            with self.blocking():
                entered.set()
                note.arrives()
            return "unblocked"

    blocked = system.spawn(Blocker).ask("block", block=False)
    entered.arrives()
    system.spawn(Caller).tell(note.set)

    assert blocked.get(timeout=PATIENCE) == "unblocked"


def test_the_stand_in_leaves_again(system: ActorSystem) -> None:
    """After blocking, there are as many threads as before."""

    class Blocker(PooledActor):
        def on_receive(self, message: str) -> None:
            with self.blocking():
                pass

    for _ in range(20):
        system.spawn(Blocker).ask("block", timeout=PATIENCE)
    dispatcher = system.dispatcher
    assert isinstance(dispatcher, ThreadDispatcher)
    others = [t for t in dispatcher._threads if t is not threading.current_thread()]
    system.stop()
    for thread in others:
        thread.join(PATIENCE)

    assert not any(thread.is_alive() for thread in others)


def test_actors_blocked_on_each_other_in_a_ring_of_asks(system: ActorSystem) -> None:
    """One thread is enough for a hundred nested asks."""

    class Nested(PooledActor):
        def on_receive(self, message: int) -> int:
            if not message:
                return 0
            inner: int = self.spawn(Nested).ask(message - 1)
            return inner + 1

    assert system.spawn(Nested).ask(100, timeout=PATIENCE) == 100


def test_a_long_turn_is_reported(
    system: ActorSystem,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The warning names the actor that held everybody up."""
    monkeypatch.setattr(dispatchers, "LONG_TURN", -1.0)
    ref = system.spawn(Recorder)
    with caplog.at_level(logging.WARNING):
        ref.ask("slow", timeout=PATIENCE)
        ref.ask("next", timeout=PATIENCE)

    assert f"{ref} held its dispatcher up" in caplog.text


def test_blocking_with_notice_is_not_reported(
    system: ActorSystem,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Who gave its place away held nobody up."""

    class Blocker(PooledActor):
        def on_receive(self, message: str) -> None:
            with self.blocking():
                pass

    ref = system.spawn(Blocker)
    monkeypatch.setattr(dispatchers, "LONG_TURN", -1.0)
    ref.ask("block", timeout=PATIENCE)
    system.spawn(Recorder).ask("next", timeout=PATIENCE)
    monkeypatch.undo()

    assert f"{ref} held" not in caplog.text


def test_a_stopped_dispatcher_has_no_threads() -> None:
    """Stopping waits for the threads to end."""
    dispatcher = ThreadDispatcher(3)
    threads = list(dispatcher._threads)
    dispatcher.stop()

    assert not any(thread.is_alive() for thread in threads)


def test_the_seed_decides_who_is_next() -> None:
    """The same seed gives the same order; another one gives another."""

    def order(seed: int | None) -> list[int]:
        seen: list[int] = []
        dispatcher = ManualDispatcher(seed=seed)
        with ActorSystem(dispatcher) as system:
            for n in range(20):
                system.spawn(Caller).tell(lambda n=n: seen.append(n))
            dispatcher.run_until_idle()
        return seen

    assert order(7) == order(7)
    assert order(7) != order(8)
    assert order(None) == list(range(20))


def test_a_seed_keeps_the_order_of_one_sender() -> None:
    """Shuffling turns does not shuffle an inbox."""
    dispatcher = ManualDispatcher(seed=3)
    with ActorSystem(dispatcher) as system:
        ref = system.spawn(Recorder)
        for n in range(50):
            ref.tell(n)
        dispatcher.run_until_idle()

        assert ref.actor is not None
        assert ref.actor.seen == list(range(50))


def test_a_manual_dispatcher_runs_on_the_callers_thread(manual: ActorSystem) -> None:
    """Nothing happens anywhere else."""
    ref = manual.spawn(Caller)

    assert ref.ask(threading.current_thread) is threading.current_thread()


def test_a_nested_ask_works_without_threads(manual: ActorSystem) -> None:
    """An actor that waits for another lets it run."""
    inner = manual.spawn(Recorder)
    outer = manual.spawn(Caller)

    assert outer.ask(lambda: inner.ask("hello")) == ["hello"]


def test_a_crash_goes_to_whoever_runs_the_dispatcher(
    dispatcher: ManualDispatcher,
) -> None:
    """A simulated crash ends the world, without hooks, and is seen outside."""

    class Crash(BaseException):
        pass

    stopped: list[str] = []

    class Witness(PooledActor):
        def on_receive(self, message: Any) -> None:
            raise Crash

        def on_stop(self) -> None:
            stopped.append("on_stop")

    with ActorSystem(dispatcher) as system:
        system.spawn(Witness)
        system.spawn(Witness).tell("crash")
        with pytest.raises(Crash):
            dispatcher.run_until_idle()

    assert (stopped, dispatcher.step()) == ([], False)


def test_waiting_jumps_to_the_next_timer(manual: ActorSystem) -> None:
    """A day passes at once when only a timer can set the future."""
    future: PooledFuture[str] = PooledFuture()
    manual.timers.after(86_400, future.set, "a day later")

    assert manual.wait(future) == "a day later"
    assert manual.clock.monotonic() == 86_400


def test_waiting_ends_with_its_timeout(manual: ActorSystem) -> None:
    """Virtual patience runs out in virtual time."""
    future: PooledFuture[str] = PooledFuture()
    manual.timers.after(100, future.set, "too late")

    with pytest.raises(TimeoutError, match="10 seconds"):
        manual.wait(future, timeout=10)
    assert manual.clock.monotonic() == 10


def test_waiting_for_nothing_is_noticed(manual: ActorSystem) -> None:
    """When nothing is left to do, the future will never be set."""
    with pytest.raises(TimeoutError, match="nothing is left"):
        manual.wait(PooledFuture())


def test_the_current_dispatcher_is_known_only_during_a_turn(
    manual: ActorSystem,
) -> None:
    """Outside of turns, waiting is ordinary waiting."""
    during = manual.spawn(Caller).ask(lambda: current.waiter)

    assert (during, current.waiter) == (manual.dispatcher, None)
