"""Workers together, and everything that can go wrong: the queue loses nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from attrs import evolve

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.model import events as ev
from actorflow.testing.faults import Crash, Fate, Faults
from actorflow.testing.world import Setup, World

JOBS = 8


@af.activity(retry=af.Retry(max_attempts=3, initial=2.0, jitter=0.0))
def work(ctx: af.ActivityContext, n: int) -> int:
    """Fail once, if the number is odd."""
    if n % 2 and ctx.attempt == 1:
        raise ConnectionError("once")
    return n


job = af.Flow("job", inputs=["n"]).then(work).sleep(30).output("work").build()


def do(world: World, deed: Callable[[af.Runtime], object]) -> None:
    """Do something in whichever process survives it."""
    while True:
        rt = world.someone().rt
        assert rt is not None
        with suppress(Crash):
            deed(rt)
            return


def submit(n: int) -> Callable[[af.Runtime], object]:
    """Put a job into the queue."""
    return lambda rt: rt.enqueue("job", {"n": n}, execution_id=str(n), priority=n % 3)


def world_of(seed: int) -> World:
    """Return a world of workers that a lot happens to."""
    settings = {"worker": af.Worker(concurrency=2), "passivate_after": 5.0}
    faults = evolve(Faults(), crash=0.05, steal=0.05, jump=0.0, most=15)
    return World(Setup([job], [], seed, settings=settings), Fate(seed, faults))


def go_on(world: World, seconds: float) -> MemoryLog:
    """Let time pass for two processes; return the log as it is then."""
    world.someone()
    if len(world.alive) == 1:
        world.boot()
    world.settle(seconds)
    world.kill_the_hung()
    world.wait_for_leases()
    return MemoryLog(store=world.store, clock=world.clock.time)


@pytest.mark.parametrize("seed", range(4))
def test_every_job_is_done_once(seed: int) -> None:
    """Whatever happens to two workers, every job is started once and completed."""
    with world_of(seed).closing() as world:
        for n in range(JOBS):
            do(world, submit(n))
        log, rounds = go_on(world, 10), 40
        while rounds and log.count("execution", status="completed") < JOBS:
            log, rounds = go_on(world, 10), rounds - 1
        found = {row.name: list(log.read(row.id)) for row in log.rows("execution")}
        log.close()

    assert rounds, Counter(type(e[-1].event).__name__ for e in found.values())
    for name, events in found.items():
        kinds = Counter(type(each.event) for each in events)
        assert kinds[ev.ExecutionStarted] == kinds[ev.ExecutionCompleted] == 1
        assert events[-1].event.output == int(name)


@pytest.mark.parametrize("seed", range(3))
def test_every_tick_starts_one(seed: int) -> None:
    """Whatever happens to two workers, every tick has started its one execution."""
    schedule = af.Schedule(
        "s",
        "job",
        cron="* * * * *",
        inputs={"n": 2},
        overlap="allow_all",
        catch_up="all",
    )
    with world_of(seed).closing() as world:
        do(world, lambda rt: rt.schedules.add(schedule))
        began = world.clock.time()
        for _ in range(20):
            go_on(world, 60).close()
        log = MemoryLog(store=world.store, clock=world.clock.time)
        now = world.clock.time() - 120
        rows = log.rows("execution", until=now + 60)
        log.close()
    ticks = [
        datetime.fromtimestamp(at, UTC).strftime("s@%Y-%m-%dT%H:%M:00Z")
        for at in range(int(began // 60 + 1) * 60, int(now), 60)
    ]

    assert len(ticks) > 15
    assert set(ticks) <= {row.name for row in rows}
    assert len({row.name for row in rows}) == len(rows)
