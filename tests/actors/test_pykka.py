"""A Pykka user finds nothing strange: one suite for Pykka's own actors and ours."""

from __future__ import annotations

import uuid
from typing import Any

import pykka
import pytest
from pykka.messages import ProxyCall

from tests.actors.conftest import PATIENCE, Note


class Boom(Exception):  # noqa: N818 - it is what happens, not what is wrong
    """Something a user's code raises."""


def make(base: type[pykka.Actor], **members: Any) -> Any:
    """Return a subclass of *base* with *members*."""
    return type("Example", (base,), members)


def echo(base: type[pykka.Actor]) -> Any:
    """Return an actor class that answers what it is told."""
    return make(base, on_receive=lambda self, message: message)


def test_ask_returns_what_the_actor_answers(base: type[pykka.Actor]) -> None:
    """The reply is the return value of on_receive."""
    assert echo(base).start().ask("hello", timeout=PATIENCE) == "hello"


def test_a_non_blocking_ask_returns_a_future(base: type[pykka.Actor]) -> None:
    """Without blocking, the reply comes by a future."""
    assert echo(base).start().ask(1, block=False).get(timeout=PATIENCE) == 1


def test_a_future_can_be_read_twice(base: type[pykka.Actor]) -> None:
    """Getting a value does not use it up."""
    future = echo(base).start().ask(1, block=False)

    assert (future.get(timeout=PATIENCE), future.get()) == (1, 1)


def test_a_future_maps(base: type[pykka.Actor]) -> None:
    """Futures compose as Pykka's do."""
    future = echo(base).start().ask(1, block=False).map(lambda value: value + 1)

    assert future.get(timeout=PATIENCE) == 2


def test_futures_join(base: type[pykka.Actor]) -> None:
    """Several replies can be awaited as one list."""
    ref = echo(base).start()
    joined = ref.ask(1, block=False).join(ref.ask(2, block=False))

    assert joined.get(timeout=PATIENCE) == [1, 2]


def test_get_all_collects(base: type[pykka.Actor]) -> None:
    """Pykka's get_all takes our futures."""
    ref = echo(base).start()
    futures = [ref.ask(n, block=False) for n in range(3)]

    assert pykka.get_all(futures, timeout=PATIENCE) == [0, 1, 2]


def test_a_late_reply_is_a_timeout(base: type[pykka.Actor], note: Note) -> None:
    """An ask that takes longer than its timeout raises Pykka's Timeout."""
    ref = make(base, on_receive=lambda self, message: note.arrives()).start()

    with pytest.raises(pykka.Timeout):
        ref.ask("wait", timeout=0.01)
    note.set()


def test_messages_are_handled_in_order(base: type[pykka.Actor]) -> None:
    """What one sender sends arrives in that order."""
    seen: list[int] = []
    ref = make(base, on_receive=lambda self, message: seen.append(message)).start()
    for n in range(1_000):
        ref.tell(n)
    ref.ask(1_000, timeout=PATIENCE)

    assert seen == list(range(1_001))


def test_ask_raises_what_the_actor_raised(base: type[pykka.Actor]) -> None:
    """An exception while handling an ask goes to the caller."""

    def on_receive(self: Any, message: Any) -> None:
        raise Boom(message)

    ref = make(base, on_receive=on_receive).start()

    with pytest.raises(Boom, match="hello"):
        ref.ask("hello", timeout=PATIENCE)


def test_an_actor_survives_what_it_raised_to_a_caller(base: type[pykka.Actor]) -> None:
    """An exception that went to a caller does not stop the actor."""

    def on_receive(self: Any, message: Any) -> Any:
        if message == "bad":
            raise Boom
        return message

    ref = make(base, on_receive=on_receive).start()
    with pytest.raises(Boom):
        ref.ask("bad", timeout=PATIENCE)

    assert ref.ask("good", timeout=PATIENCE) == "good"


def failing(base: type[pykka.Actor], note: Note, **members: Any) -> Any:
    """Return an actor class that fails on every message and says so."""

    def on_receive(self: Any, message: Any) -> None:
        raise Boom

    def on_failure(self: Any, kind: Any, value: Any, traceback: Any) -> None:
        self.failed_with.append((kind, value, traceback))
        note.set()

    return make(
        base, on_receive=on_receive, on_failure=on_failure, failed_with=[], **members
    )


def test_an_exception_on_tell_stops_the_actor(
    base: type[pykka.Actor], note: Note
) -> None:
    """Nobody gets the exception, so the actor dies of it."""
    ref = failing(base, note).start()
    ref.tell("go")
    note.arrives()

    assert not ref.is_alive()


def test_on_failure_gets_the_exception(base: type[pykka.Actor], note: Note) -> None:
    """The hook sees type, value and traceback."""
    actor_class = failing(base, note)
    actor_class.start().tell("go")
    note.arrives()

    ((kind, value, traceback),) = actor_class.failed_with
    assert (kind, type(value), traceback is not None) == (Boom, Boom, True)


def test_a_failed_actor_is_not_registered(base: type[pykka.Actor], note: Note) -> None:
    """Who died of an exception is gone from the registry."""
    ref = failing(base, note).start()
    ref.tell("go")
    note.arrives()

    assert ref not in pykka.ActorRegistry.get_all()


def test_on_stop_is_not_called_after_a_failure(
    base: type[pykka.Actor], note: Note
) -> None:
    """on_failure is called instead of on_stop, not as well."""
    stopped: list[str] = []
    ref = failing(base, note, on_stop=lambda self: stopped.append("stop")).start()
    ref.tell("go")
    note.arrives()
    ref.stop(timeout=PATIENCE)

    assert stopped == []


def test_on_start_comes_first(base: type[pykka.Actor]) -> None:
    """The hook runs before the first message."""
    seen: list[str] = []
    ref = make(
        base,
        on_start=lambda self: seen.append("start"),
        on_receive=lambda self, message: seen.append(message),
    ).start()
    ref.ask("message", timeout=PATIENCE)

    assert seen == ["start", "message"]


def test_an_exception_in_on_start_stops_the_actor(base: type[pykka.Actor]) -> None:
    """An actor that cannot start is dead, and says so to whoever asks."""

    def on_start(self: Any) -> None:
        raise Boom

    ref = make(base, on_start=on_start).start()

    with pytest.raises(pykka.ActorDeadError):
        ref.ask("hello", timeout=PATIENCE)


def test_on_stop_comes_last(base: type[pykka.Actor]) -> None:
    """The hook runs after the messages sent before the stop."""
    seen: list[str] = []
    ref = make(
        base,
        on_stop=lambda self: seen.append("stop"),
        on_receive=lambda self, message: seen.append(message),
    ).start()
    ref.tell("message")
    ref.stop(timeout=PATIENCE)

    assert seen == ["message", "stop"]


def test_an_exception_in_on_stop_changes_nothing(base: type[pykka.Actor]) -> None:
    """The actor stops all the same, and its stopper hears that it did."""

    def on_stop(self: Any) -> None:
        raise Boom

    assert make(base, on_stop=on_stop).start().stop(timeout=PATIENCE) is True


def test_the_constructor_gets_the_arguments_of_start(base: type[pykka.Actor]) -> None:
    """Positional and keyword arguments arrive."""

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        super(actor_class, self).__init__()
        self.given = (args, kwargs)

    actor_class = make(base, __init__=init)
    proxy = actor_class.start(1, two=2).proxy()

    assert proxy.given.get(timeout=PATIENCE) == ((1,), {"two": 2})


def test_stop_says_that_it_stopped(base: type[pykka.Actor]) -> None:
    """Stopping a living actor is True."""
    assert echo(base).start().stop(timeout=PATIENCE) is True


def test_stopping_twice_says_that_nothing_was_to_be_done(
    base: type[pykka.Actor],
) -> None:
    """Stopping a dead actor is False."""
    ref = echo(base).start()
    ref.stop(timeout=PATIENCE)

    assert ref.stop(timeout=PATIENCE) is False


def test_an_actor_can_stop_itself(base: type[pykka.Actor]) -> None:
    """Actor.stop() works from the inside."""
    ref = make(base, on_receive=lambda self, message: self.stop()).start()
    ref.ask("stop", timeout=PATIENCE)
    ref.stop(timeout=PATIENCE)

    assert not ref.is_alive()


def test_tell_to_a_dead_actor_raises(base: type[pykka.Actor]) -> None:
    """Who tells a dead actor hears of it."""
    ref = echo(base).start()
    ref.stop(timeout=PATIENCE)

    with pytest.raises(pykka.ActorDeadError):
        ref.tell("hello")


def test_ask_a_dead_actor_raises(base: type[pykka.Actor]) -> None:
    """Who asks a dead actor hears of it by the future."""
    ref = echo(base).start()
    ref.stop(timeout=PATIENCE)

    with pytest.raises(pykka.ActorDeadError):
        ref.ask("hello", block=False).get(timeout=PATIENCE)


def test_asks_behind_a_stop_are_refused(base: type[pykka.Actor], note: Note) -> None:
    """What was asked after a stop was sent gets ActorDeadError, not silence."""
    ref = make(base, on_receive=lambda self, message: note.arrives()).start()
    ref.tell("wait")
    stopped = ref.stop(block=False)
    late = ref.ask("too late", block=False)
    note.set()

    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=PATIENCE)
    assert stopped.get(timeout=PATIENCE) is True


def test_stops_behind_a_stop_are_answered(base: type[pykka.Actor], note: Note) -> None:
    """Several may ask an actor to stop; all hear that it was being stopped."""
    ref = make(base, on_receive=lambda self, message: note.arrives()).start()
    ref.tell("wait")
    stops = [ref.stop(block=False), ref.stop(block=False)]
    note.set()

    assert [stop.get(timeout=PATIENCE) for stop in stops] == [True, True]


def test_an_actor_has_a_uuid_as_urn(base: type[pykka.Actor]) -> None:
    """The urn is a UUID of version 4, as Pykka promises."""
    assert uuid.UUID(echo(base).start().actor_urn).version == 4


def test_urns_differ(base: type[pykka.Actor]) -> None:
    """No two actors have the same urn."""
    actor_class = echo(base)

    assert len({actor_class.start().actor_urn for _ in range(5)}) == 5


def test_actor_and_ref_agree_on_the_urn(base: type[pykka.Actor]) -> None:
    """The actor's urn is its ref's."""
    ref = echo(base).start()

    assert ref.proxy().actor_urn.get(timeout=PATIENCE) == ref.actor_urn


def test_str_names_class_and_urn(base: type[pykka.Actor]) -> None:
    """Actors and refs print the same way."""
    ref = echo(base).start()

    assert str(ref) == f"Example ({ref.actor_urn})"
    assert repr(ref) == f"<ActorRef for Example ({ref.actor_urn})>"


def test_a_started_actor_is_registered(base: type[pykka.Actor]) -> None:
    """The registry finds it by urn, by class and by the class's name."""
    ref = echo(base).start()
    registry = pykka.ActorRegistry

    assert registry.get_by_urn(ref.actor_urn) is ref
    assert ref in registry.get_by_class(base)
    assert ref in registry.get_by_class_name("Example")


def test_a_stopped_actor_is_not_registered(base: type[pykka.Actor]) -> None:
    """The registry forgets whoever stops."""
    ref = echo(base).start()
    ref.stop(timeout=PATIENCE)

    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) is None


def test_broadcast_reaches_a_class(base: type[pykka.Actor], note: Note) -> None:
    """The registry can tell all actors of a class."""
    actor_class = make(base, on_receive=lambda self, message: note.set())
    actor_class.start()
    pykka.ActorRegistry.broadcast("hello", target_class=actor_class)

    note.arrives()


def test_stop_all_stops_the_youngest_first(base: type[pykka.Actor]) -> None:
    """A blocking stop_all goes through the actors in reverse order."""
    stopped: list[int] = []

    def init(self: Any, number: int) -> None:
        super(actor_class, self).__init__()
        self.number = number

    actor_class = make(
        base, __init__=init, on_stop=lambda self: stopped.append(self.number)
    )
    for number in range(5):
        actor_class.start(number)
    pykka.ActorRegistry.stop_all(timeout=PATIENCE)

    assert stopped == [4, 3, 2, 1, 0]


def test_a_base_exception_stops_all_actors(base: type[pykka.Actor]) -> None:
    """What is not an Exception means the program is to end."""

    def on_receive(self: Any, message: Any) -> None:
        raise KeyboardInterrupt

    stopped = Note()
    make(base, on_stop=lambda self: stopped.set()).start()
    make(base, on_receive=on_receive).start().tell("go")

    stopped.arrives()


def test_a_proxy_calls_methods(base: type[pykka.Actor]) -> None:
    """A call through a proxy returns a future of the result."""
    proxy = make(base, add=lambda self, a, b: a + b).start().proxy()

    assert proxy.add(1, b=2).get(timeout=PATIENCE) == 3


def test_a_proxy_reads_attributes(base: type[pykka.Actor]) -> None:
    """An attribute comes as a future."""
    assert (
        make(base, colour="red").start().proxy().colour.get(timeout=PATIENCE) == "red"
    )


def test_a_proxy_writes_attributes(base: type[pykka.Actor]) -> None:
    """Assigning through a proxy assigns in the actor."""
    proxy = make(base, colour="red").start().proxy()
    proxy.colour = "blue"

    assert proxy.colour.get(timeout=PATIENCE) == "blue"


def test_a_proxy_traverses_marked_attributes(base: type[pykka.Actor]) -> None:
    """A traversable attribute's methods run inside the actor."""

    class Playback:
        pykka_traversable = True

        def play(self) -> str:
            return "playing"

    proxy = make(base, playback=Playback()).start().proxy()

    assert proxy.playback.play().get(timeout=PATIENCE) == "playing"


def test_a_proxy_does_not_know_what_is_private(base: type[pykka.Actor]) -> None:
    """Names with an underscore are not offered."""
    proxy = make(base, _secret=1).start().proxy()

    with pytest.raises(AttributeError, match="_secret"):
        _ = proxy._secret


def test_a_deferred_call_is_a_tell(base: type[pykka.Actor], note: Note) -> None:
    """proxy.method.defer() sends without a future."""
    make(base, ring=lambda self: note.set()).start().proxy().ring.defer()

    note.arrives()


def test_a_proxy_to_a_dead_actor_is_refused(base: type[pykka.Actor]) -> None:
    """There is nothing to introspect."""
    ref = echo(base).start()
    ref.stop(timeout=PATIENCE)

    with pytest.raises(pykka.ActorDeadError):
        ref.proxy()


def test_a_method_can_be_called_without_a_proxy(base: type[pykka.Actor]) -> None:
    """Pykka's ProxyCall message works on a plain ask."""
    ref = make(base, double=lambda self, n: 2 * n).start()

    assert ref.ask(ProxyCall(("double",), (21,), {}), timeout=PATIENCE) == 42


def test_an_actor_may_block_on_another(base: type[pykka.Actor]) -> None:
    """An ask from within an actor works, however few threads there are."""
    inner = echo(base).start()
    outer = make(base, on_receive=lambda self, message: inner.ask(message)).start()

    assert outer.ask("hello", timeout=PATIENCE) == "hello"


def test_actors_may_block_on_each_other_in_a_long_chain(
    base: type[pykka.Actor],
) -> None:
    """Twenty actors, each waiting for the next, get their reply."""

    def init(self: Any, following: Any) -> None:
        super(actor_class, self).__init__()
        self.following = following

    def on_receive(self: Any, message: int) -> int:
        if self.following is None:
            return message
        reply: int = self.following.ask(message + 1)
        return reply

    actor_class = make(base, __init__=init, on_receive=on_receive)
    ref = None
    for _ in range(20):
        ref = actor_class.start(ref)

    assert ref is not None
    assert ref.ask(0, timeout=PATIENCE) == 19


def test_an_actor_can_defer_work_to_itself(base: type[pykka.Actor]) -> None:
    """A proxy to oneself schedules what comes later."""

    def on_start(self: Any) -> None:
        self._later = self.actor_ref.proxy()
        self.seen = []

    def first(self: Any) -> None:
        self._later.second()
        self.seen.append("first")

    def second(self: Any) -> None:
        self.seen.append("second")

    proxy = make(base, on_start=on_start, first=first, second=second).start().proxy()
    proxy.first().get(timeout=PATIENCE)

    assert proxy.seen.get(timeout=PATIENCE) == ["first", "second"]


def test_an_unexpected_message_is_logged(
    base: type[pykka.Actor], caplog: pytest.LogCaptureFixture
) -> None:
    """An actor without on_receive warns instead of failing."""
    assert make(base).start().ask("what?", timeout=PATIENCE) is None
    assert "Unexpected message" in caplog.text
