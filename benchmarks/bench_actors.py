"""What does an actor cost, against one that owns a thread?

    python benchmarks/bench_actors.py [--json] [--quick]

Every figure is the median of several runs, interleaved with those of Pykka's
ThreadingActor in the same process, so that the ratios mean something on a shared
machine. The garbage collector is on, as users have it.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import threading
import time
import tracemalloc
from collections.abc import Callable
from statistics import median
from typing import Any

import pykka

from actorflow.actors.future import PooledFuture
from actorflow.actors.pooled import PooledActor
from actorflow.actors.system import ActorSystem

STARTED = 1_000
TOLD = 20_000
PINGS = 5_000
CHILDREN = 20_000
ALIVE = 100_000


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


COMPARED: dict[str, Callable[[Any], float]] = {
    "start/s": start,
    "tell/s": tell,
    "ping-pong msg/s": ping_pong,
    "ask/s from outside": ask,
}
ALONE: dict[str, Callable[[], float]] = {
    "spawn/s": spawn,
    "a whole life, us": lives,
    "stop/s": stopping,
}


def measure(rounds: int, alive: int) -> dict[str, Any]:
    """Return every figure."""
    figures: dict[str, Any] = {}
    for name, question in COMPARED.items():
        pairs = [(question(Pooled), question(Threading)) for _ in range(rounds)]
        pooled, threads = (median(column) for column in zip(*pairs, strict=True))
        figures[name] = {
            "pooled": round(pooled),
            "threading": round(threads),
            "ratio": round(pooled / threads, 1),
        }
    for name, alone in ALONE.items():
        figures[name] = {"pooled": round(median(alone() for _ in range(rounds)), 1)}
    figures[f"bytes each, {alive} alive"] = {"pooled": round(bytes_each(alive))}
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--quick", action="store_true", help="one round, fewer actors")
    options = parser.parse_args()
    figures = measure(*((1, 10_000) if options.quick else (5, ALIVE)))
    if options.json:
        print(json.dumps({"python": platform.python_version(), **figures}))
        return
    print(f"{'':28}{'pooled':>12}{'threading':>12}{'ratio':>8}")
    for name, row in figures.items():
        cells = (row.get(key, "") for key in ("pooled", "threading", "ratio"))
        print("{:28}{:>12}{:>12}{:>8}".format(name, *cells))


if __name__ == "__main__":
    main()
