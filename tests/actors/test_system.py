"""The actor system: one guardian for all, and an end to everything."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from queue import SimpleQueue
from typing import Any

import pykka
import pytest

from actorflow.actors.dispatcher import ThreadDispatcher
from actorflow.actors.manual import ManualDispatcher
from actorflow.actors.pooled import PooledActor
from actorflow.actors.system import ActorSystem, default_system
from tests.actors.conftest import PATIENCE


class Echo(PooledActor):
    """Answers what it is told, and says when it stops."""

    def __init__(self, stopped: list[Any] | None = None) -> None:
        super().__init__()
        self.stopped = stopped

    def on_receive(self, message: Any) -> Any:
        """Answer."""
        return message

    def on_stop(self) -> None:
        """Note it."""
        if self.stopped is not None:
            self.stopped.append(self.actor_ref)


def test_a_spawned_actor_is_a_pykka_actor(system: ActorSystem) -> None:
    """Its ref is Pykka's, and so is it."""
    ref = system.spawn(Echo)

    assert isinstance(ref, pykka.ActorRef)
    assert issubclass(ref.actor_class, pykka.Actor)


def test_spawned_actors_are_not_registered_one_by_one(system: ActorSystem) -> None:
    """The registry stays short."""
    before = len(pykka.ActorRegistry.get_all())
    for _ in range(10):
        system.spawn(Echo)

    assert len(pykka.ActorRegistry.get_all()) == before


def test_a_spawned_actor_can_be_registered(system: ActorSystem) -> None:
    """Who wants to be found says so."""
    ref = system.spawn(Echo, register=True)

    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) is ref
    ref.stop(timeout=PATIENCE)
    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) is None


def test_stop_all_stops_spawned_actors_too(system: ActorSystem) -> None:
    """Pykka's stop_all reaches them by their guardian."""
    refs = [system.spawn(Echo) for _ in range(100)]
    pykka.ActorRegistry.stop_all(timeout=PATIENCE)

    assert not any(ref.is_alive() for ref in refs)


def test_stopping_the_system_stops_every_actor() -> None:
    """And calls their hooks."""
    stopped: list[Any] = []
    with ActorSystem() as system:
        refs = [system.spawn(Echo, stopped) for _ in range(5)]

    assert stopped == refs[::-1]


def test_services_stop_last(manual: ActorSystem) -> None:
    """What others need until the end is still there at their end."""
    stopped: list[Any] = []
    service = manual.spawn(Echo, stopped, parent=manual.services)
    client = manual.spawn(Echo, stopped)
    manual.stop()

    assert stopped == [client, service]


def test_a_stopped_system_takes_no_more_actors() -> None:
    """There is nobody to answer for them."""
    system = ActorSystem()
    system.stop()

    with pytest.raises(pykka.ActorDeadError):
        system.spawn(Echo)


def test_stopping_twice_is_fine() -> None:
    """The second time there is nothing to do."""
    system = ActorSystem()
    system.stop()
    system.stop()

    assert system.dispatcher.stopped


def test_actors_know_their_system(system: ActorSystem) -> None:
    """Clock and timers are at hand, in the constructor already."""

    class Curious(PooledActor):
        def __init__(self) -> None:
            super().__init__()
            self.known = self.system

        def on_receive(self, message: str) -> Any:
            return self.known

    assert system.spawn(Curious).ask("system", timeout=PATIENCE) is system


def test_an_actor_may_spawn_in_its_constructor(system: ActorSystem) -> None:
    """The ref is there before __init__ is."""

    class Family(PooledActor):
        def __init__(self) -> None:
            super().__init__()
            self.child = self.spawn(Echo)

        def on_receive(self, message: str) -> Any:
            return self.child.ask(message)

    assert system.spawn(Family).ask("hello", timeout=PATIENCE) == "hello"


def test_started_actors_share_the_default_system() -> None:
    """MyActor.start() needs no system of one's own."""
    ref = Echo.start()

    assert ref.proxy().system.get(timeout=PATIENCE) is default_system()
    ref.stop(timeout=PATIENCE)


def test_two_first_letters_at_once_both_arrive(
    manual: ActorSystem, dispatcher: ManualDispatcher
) -> None:
    """The inbox is made with the first of them; the second finds the same."""

    class Diary(PooledActor):
        def on_receive(self, message: str) -> None:
            heard.append(message)

    def made() -> Any:
        if not late:
            late.append(True)
            ref.put("another sender's")  # while this one's inbox is being made
        return SimpleQueue()

    Diary._create_actor_inbox = staticmethod(made)
    heard: list[str] = []
    late: list[bool] = []
    ref = manual.spawn(Diary)
    ref.tell("this one's")
    dispatcher.run_until_idle()

    assert heard == ["another sender's", "this one's"]


def test_a_stopped_actor_is_freed_without_the_garbage_collector(
    manual: ActorSystem, dispatcher: ManualDispatcher
) -> None:
    """No reference cycle keeps it, although refs to it are kept."""
    gc.disable()
    try:
        ref = manual.spawn(Echo)
        dispatcher.run_until_idle()
        actor = weakref.ref(ref.actor)
        ref.stop()

        assert actor() is None
    finally:
        gc.enable()


def test_the_guardian_forgets_who_has_stopped(
    manual: ActorSystem, dispatcher: ManualDispatcher
) -> None:
    """A million short lives leave nothing behind."""
    for _ in range(100):
        manual.spawn(Echo).stop()

    assert not manual.guardian.children


def test_a_dead_actors_mail_is_answered(
    manual: ActorSystem, dispatcher: ManualDispatcher
) -> None:
    """An ask that slipped in after the end gets ActorDeadError, not silence."""
    ref = manual.spawn(Echo)
    future = ref.ask("hello", block=False)
    assert ref.actor is not None
    ref.actor._stop()

    with pytest.raises(pykka.ActorDeadError):
        future.get()


def test_mail_that_was_told_is_given_back(
    manual: ActorSystem, dispatcher: ManualDispatcher
) -> None:
    """Who waits for it in a way of his own learns that nobody will handle it."""
    given_back = []

    class Letter:
        def returned(self) -> None:
            given_back.append(self)

    ref, letter, late = manual.spawn(Echo), Letter(), Letter()
    ref.stop(block=False)
    ref.tell(letter)
    ref.put("nobody waits for this")
    dispatcher.run_until_idle()
    ref.put(late)
    dispatcher.run_until_idle()

    assert given_back == [letter, late]


def test_a_system_may_have_several_threads() -> None:
    """Actors that compute without the GIL may use them."""
    with ActorSystem(ThreadDispatcher(4)) as system:
        refs = [system.spawn(Echo) for _ in range(20)]
        futures = [ref.ask(n, block=False) for n, ref in enumerate(refs)]

        assert pykka.get_all(futures, timeout=PATIENCE) == list(range(20))


PROGRAM = """
import pykka
from actorflow.actors.pooled import PooledActor

class Last(PooledActor):
    use_daemon_thread = {daemon}
    def on_receive(self, message):
        if message:
            self.system.timers.after(0.01, self.actor_ref.tell, message - 1)
        else:
            print("done", flush=True)
            self.stop()

Last.start().tell(3)
"""


@pytest.mark.parametrize(("daemon", "output"), [(False, "done\n"), (True, "")])
def test_a_program_ends_with_its_actors(daemon: bool, output: str) -> None:  # noqa: FBT001 - a parameter of the case
    """As in Pykka: not before they have stopped, unless they are daemons."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(daemon=daemon)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert (ended.stdout, ended.stderr) == (output, "")


def test_what_a_dead_dispatcher_ran_is_forgotten() -> None:
    """Nobody can stop it in good order, so nobody waits for that."""
    system = ActorSystem(ManualDispatcher())
    ref = system.spawn(Echo, register=True)
    system.dispatcher.stop()

    with pytest.raises(pykka.ActorDeadError):
        ref.ask("hello")
    pykka.ActorRegistry.stop_all()

    assert system.guardian not in pykka.ActorRegistry.get_all()
