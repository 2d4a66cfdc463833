"""What does an actor cost, against one that owns a thread?

    python -m benchmarks.bench_actors [--quick] [--json FILE]

The floor is Pykka's ThreadingActor, in the same process, in turn with ours. The garbage
collector is on, as users have it.
"""

from __future__ import annotations

import gc
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pykka

from actorflow.actors.future import PooledFuture
from actorflow.actors.pooled import PooledActor
from actorflow.actors.system import ActorSystem
from benchmarks.common import Figure, Options, report

STARTED = 1_000
TOLD = 20_000
PINGS = 5_000
CHILDREN = 20_000
ALIVE, FEWER_ALIVE = 100_000, 10_000


def on_receive(self: Any, message: Any) -> Any:
    """Answer; pass a ping on."""
    if type(message) is int:
        if message:
            self.other.tell(message - 1)
        else:
            self.done.set()
    return message


class Threading(pykka.ThreadingActor):
    """Pykka's actor: a thread each."""

    on_receive = on_receive


class Pooled(PooledActor):
    """Our actor: a turn each."""

    on_receive = on_receive


class Item(PooledActor):
    """A short life: two messages and the end."""

    def __init__(self, done: PooledFuture[None] | None) -> None:
        super().__init__()
        self.done = done

    def on_receive(self, message: str) -> None:
        """End with the second message."""
        if message == "end":
            self._stop()
            if self.done is not None:
                self.done.set()


def start(actor: Any) -> float:
    """Starts a second, by the class's own `start`."""
    began = time.perf_counter()
    refs = [actor.start() for _ in range(STARTED)]
    took = time.perf_counter() - began
    for ref in reversed(refs):
        ref.stop()
    return STARTED / took


def tell(actor: Any) -> float:
    """Messages a second into one actor, until the last is handled."""
    ref = actor.start()
    began = time.perf_counter()
    for _ in range(TOLD):
        ref.tell("hello")
    ref.ask("done")
    took = time.perf_counter() - began
    ref.stop()
    return TOLD / took


def ping_pong(actor: Any) -> float:
    """Messages a second between two actors that have nothing else to do."""
    done = threading.Event()
    one, two = actor.start(), actor.start()
    for ref, other in ((one, two), (two, one)):
        proxy = ref.proxy()
        proxy.other, proxy.done = other, done
    began = time.perf_counter()
    one.tell(PINGS)
    done.wait()
    took = time.perf_counter() - began
    for ref in (two, one):
        ref.stop()
    return PINGS / took


def ask(actor: Any) -> float:
    """Questions a second from outside, one at a time."""
    ref = actor.start()
    began = time.perf_counter()
    for _ in range(PINGS // 5):
        ref.ask("hello")
    took = time.perf_counter() - began
    ref.stop()
    return PINGS // 5 / took


def spawn() -> float:
    """Starts a second, as children of a system."""
    with ActorSystem() as system:
        began = time.perf_counter()
        for _ in range(CHILDREN):
            system.spawn(Pooled)
        return CHILDREN / (time.perf_counter() - began)


class Nursery(PooledActor):
    """Has many children, one after the other."""

    def on_receive(self, future: PooledFuture[None]) -> None:
        """Give each child its two messages."""
        for n in range(CHILDREN):
            child = self.spawn(Item, future if n == CHILDREN - 1 else None)
            child.tell("begin")
            child.tell("end")


def lives() -> float:
    """Microseconds for a whole life: spawned, told twice, stopped."""
    with ActorSystem() as system:
        future: PooledFuture[None] = PooledFuture()
        nursery = system.spawn(Nursery)
        began = time.perf_counter()
        nursery.tell(future)
        future.get()
        return (time.perf_counter() - began) / CHILDREN * 1e6


def stopping() -> float:
    """Stops a second, of all actors of a system at once."""
    system = ActorSystem()
    refs = [system.spawn(Pooled) for _ in range(CHILDREN)]
    refs[-1].ask("up?")
    began = time.perf_counter()
    system.stop()
    return CHILDREN / (time.perf_counter() - began)


def bytes_each(alive: int) -> float:
    """Bytes an actor takes, at rest, with its place in its parent's table."""
    with ActorSystem() as system:
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        refs = [system.spawn(Pooled) for _ in range(alive)]
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        refs[0].ask("alive?")
        return (after - before) / alive


COMPARED: dict[str, tuple[Callable[[Any], float], float | None]] = {
    "starts": (start, 20.0),
    "tells": (tell, None),
    "ping-pong messages": (ping_pong, 5.0),
    "asks from outside": (ask, None),
}
"""What is measured of both kinds of actors, and the goal for the ratio."""
ALONE: dict[str, tuple[str, Callable[[], float]]] = {
    "spawns": ("1/s", spawn),
    "a whole life": ("us", lives),
    "stops": ("1/s", stopping),
}


def measure(options: Options) -> list[Figure]:
    """Return every figure."""
    rounds, figures = 1 if options.quick else min(5, options.rounds), []
    for name, (question, goal) in COMPARED.items():
        compared = Figure(name, "1/s", more_is_better=True, goal=goal)
        for _ in range(rounds):
            compared.add(question(Pooled), question(Threading))
        figures.append(compared)
    for name, (unit, alone) in ALONE.items():
        figures.append(Figure(name, unit, ours=[alone() for _ in range(rounds)]))
    alive = FEWER_ALIVE if options.quick else ALIVE
    size = Figure(f"bytes each, {alive:,} alive", "", goal=1_500.0)
    size.add(bytes_each(alive))
    return [*figures, size]


if __name__ == "__main__":
    report(__doc__, measure)
