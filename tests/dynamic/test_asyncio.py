"""Plain asyncio inside a dynamic node is durable, whatever the process does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.dynamic.helpers import World, addresses, double, echo, survives


@af.dynamic
async def with_gather(ctx: af.Context) -> list[int]:
    """Wait for several at once."""
    return list(await asyncio.gather(*(ctx.run(double, n) for n in range(4))))


@af.dynamic
async def with_group(ctx: af.Context) -> list[int]:
    """Wait for the tasks of a group, some of which have tasks of their own."""

    async def two(n: int) -> int:
        async with asyncio.TaskGroup() as tg:
            a = tg.create_task(ctx.run(double, n))
            b = tg.create_task(ctx.run(double, n + 1))
        return int(a.result() + b.result())

    async with asyncio.TaskGroup() as tg:
        tasks = [tg.create_task(two(n)) for n in range(3)]
    return [task.result() for task in tasks]


@af.dynamic
async def with_wait(ctx: af.Context) -> list[Any]:
    """Take what is first, then the rest."""
    slow = asyncio.create_task(asyncio.sleep(50, "slow"))
    quick = asyncio.create_task(ctx.run(double, 21))
    done, pending = await asyncio.wait(
        {slow, quick}, return_when=asyncio.FIRST_COMPLETED
    )
    first = [task.result() for task in done]
    assert pending == {slow}
    return [*first, await slow]


@af.dynamic
async def with_as_completed(ctx: af.Context) -> list[int]:
    """Take results in the order of their times."""

    async def after(seconds: int) -> int:
        await asyncio.sleep(seconds)
        return int(await ctx.run(double, seconds))

    return [
        await next_one for next_one in asyncio.as_completed(map(after, (30, 10, 20)))
    ]


@af.dynamic
async def with_timeout(ctx: af.Context) -> list[str]:
    """Be too late once, and in time once."""
    told = []
    try:
        async with asyncio.timeout(10):
            await ctx.wait_signal("never")
    except TimeoutError:
        told.append("late")
    async with asyncio.timeout(10):
        await ctx.run(double, 1)
        told.append("in time")
    try:
        await asyncio.wait_for(asyncio.sleep(100), 5)
    except TimeoutError:
        told.append("late again")
    return told


@af.dynamic
async def with_shield(ctx: af.Context) -> int:
    """Let go of the wait, not of the work."""
    work = asyncio.ensure_future(ctx.run(double, 4))
    waiting = asyncio.create_task(asyncio.wait_for(asyncio.shield(work), 100))
    await asyncio.sleep(0)
    waiting.cancel()
    return int(await work)


@af.dynamic
async def with_queue(ctx: af.Context) -> list[int]:
    """Have workers take from a queue."""
    queue: asyncio.Queue[int] = asyncio.Queue(maxsize=2)
    results: list[int] = []

    async def work() -> None:
        while True:
            results.append(await ctx.run(double, await queue.get()))
            queue.task_done()

    workers = [asyncio.create_task(work()) for _ in range(3)]
    for n in range(6):
        await queue.put(n)
    await queue.join()
    for worker in workers:
        worker.cancel()
    return sorted(results)


@af.dynamic
async def with_locks(ctx: af.Context) -> dict[str, Any]:
    """Use what asyncio has for taking turns."""
    lock, two_at_once, go = asyncio.Lock(), asyncio.Semaphore(2), asyncio.Event()
    inside = peak = 0
    order: list[int] = []

    async def work(n: int) -> None:
        nonlocal inside, peak
        await go.wait()
        async with two_at_once:
            inside += 1
            peak = max(peak, inside)
            await ctx.run(double, n)
            inside -= 1
        async with lock:
            await asyncio.sleep(1)
            order.append(n)

    async with asyncio.TaskGroup() as tg:
        for n in range(4):
            tg.create_task(work(n))
        await ctx.run(double, 0)
        go.set()
    return {"peak": peak, "order": sorted(order)}


@af.dynamic
async def with_condition(ctx: af.Context) -> list[int]:
    """Wait for a condition, and at a barrier."""
    changed, barrier = asyncio.Condition(), asyncio.Barrier(2)
    stock: list[int] = []

    async def consume() -> int:
        async with changed:
            await changed.wait_for(lambda: len(stock) == 2)
        await barrier.wait()
        return sum(stock)

    consumers = [asyncio.create_task(consume()) for _ in range(2)]
    for n in range(2):
        value = await ctx.run(double, n)
        async with changed:
            stock.append(value)
            changed.notify_all()
    return list(await asyncio.gather(*consumers))


@af.dynamic
async def with_async_generator(ctx: af.Context) -> list[int]:
    """Iterate over an async generator, and enter an async context manager."""

    async def pages() -> Any:
        for n in range(3):
            yield await ctx.run(double, n)

    return [page async for page in pages()]


@pytest.mark.parametrize(
    ("node", "output"),
    [
        (with_gather, [0, 2, 4, 6]),
        (with_group, [2, 6, 10]),
        (with_wait, [42, "slow"]),
        (with_as_completed, [20, 40, 60]),
        (with_timeout, ["late", "in time", "late again"]),
        (with_shield, 8),
        (with_queue, [0, 2, 4, 6, 8, 10]),
        (with_locks, {"peak": 2, "order": [0, 1, 2, 3]}),
        (with_condition, [2, 2]),
        (with_async_generator, [0, 2, 4]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_asyncio_survives_a_crash_at_every_write(node: Any, output: Any) -> None:
    """Whatever write the process dies at, the node ends as if it had not."""
    assert survives(node) == output


def test_a_sleep_is_a_timer_in_the_log() -> None:
    """A plain `asyncio.sleep` takes its time, and the node rests meanwhile."""

    @af.dynamic
    async def nap(ctx: af.Context) -> float:
        before = ctx.now()
        await asyncio.sleep(86_400)
        return (ctx.now() - before).total_seconds()

    with runtime(nap) as rt:
        run = rt.start(nap)
        rest = run.wait().suspension
        assert rest is not None
        assert rest.reason == "sleeping"
        assert run.result() == pytest.approx(86_400)


def test_a_sleep_goes_on_in_another_process() -> None:
    """What was slept before a restart counts."""

    @af.dynamic
    async def nap(ctx: af.Context) -> str:
        await asyncio.sleep(100)
        return "rested"

    world = World()
    with world.process(nap) as rt:
        rt.start(nap, execution_id="n").wait()
    world.clock.advance(60)
    with world.process(nap) as rt:
        run = rt.get("n")
        rt.clock.advance(39)
        assert run.status == "suspended"
        rt.clock.advance(2)
        assert run.status == "completed"


def test_a_race_ends_on_replay_as_it_did() -> None:
    """Whoever was first is first after a restart, whatever the seed."""

    @af.dynamic
    async def race(ctx: af.Context) -> bool:
        tasks = [asyncio.create_task(ctx.run(echo, n)) for n in range(4)]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        winners = [task.result() for task in done]
        confirmed = await ctx.run(echo, winners)
        await asyncio.sleep(1)
        return bool(confirmed == winners)

    assert survives(race) is True


def test_sets_of_tasks_have_one_order() -> None:
    """What asyncio gives as a set is walked in the same order in every replay."""

    @af.dynamic
    async def wave(ctx: af.Context) -> int:
        tasks = {asyncio.create_task(ctx.run(double, n)) for n in range(8)}
        done, _ = await asyncio.wait(tasks)
        total = 0
        for task in done:
            total += await ctx.run(echo, task.result())
        return total

    assert survives(wave) == 56


def test_names_of_tasks_are_the_same_in_every_replay() -> None:
    """They tell the place of a task, not how many the process has made."""

    @af.dynamic
    async def names(ctx: af.Context) -> list[str]:
        async def name() -> str:
            await ctx.run(double, 1)
            task = asyncio.current_task()
            assert task is not None
            return task.get_name()

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(name()), group.create_task(name(), name="mine")]
        return [await name(), *(task.result() for task in tasks)]

    assert survives(names) == ["main/names", "Task-1", "mine"]


def test_children_run_at_the_same_time() -> None:
    """A gather starts all of its calls before any has ended."""
    with runtime(with_gather) as rt:
        run = rt.start(with_gather)
        run.result()
        kinds = [
            (e.address, type(e.event).__name__)
            for e in run.history()
            if "double" in e.address
        ]
    assert [kind for _, kind in kinds[:4]] == ["ActivationStarted"] * 4


def test_addresses_tell_the_call_in_its_task() -> None:
    """A call is named by its order, inside a task behind the path of the task."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        async def inner() -> None:
            await ctx.run(double, 1)
            await asyncio.create_task(ctx.run(double, 2))
            await asyncio.create_task(deep())

        async def deep() -> None:
            await ctx.run(double, 3)

        await ctx.run(double, 0)
        await inner()
        await asyncio.create_task(inner())

    with runtime(node) as rt:
        run = rt.start(node)
        run.result()
        assert addresses(run)[1:] == [
            "main/node/double#1",
            "main/node/double#2",
            "main/node/double#3",
            "main/node/double#2:1",
            "main/node/double#3:1",
            "main/node/double#3:2",
            "main/node/double#3.2:1",
        ]


def test_a_node_that_waits_for_nothing_fails() -> None:
    """An await that no call can end is found out, not waited for."""

    @af.dynamic
    async def stuck(ctx: af.Context) -> None:
        await asyncio.Event().wait()

    with runtime(stuck) as rt, pytest.raises(af.ExecutionFailed, match="wait_signal"):
        rt.start(stuck).result()


def test_a_busy_node_lets_others_go_on() -> None:
    """A loop of `sleep(0)` does not hold up other executions."""

    @af.dynamic
    async def spin(ctx: af.Context) -> None:
        while True:
            await asyncio.sleep(0)

    with runtime(spin, double) as rt:
        rt.start(spin, execution_id="spin")
        assert rt.start(double, x=1).result() == 2
        rt.cancel("spin")


def test_on_real_threads() -> None:
    """The same node runs on the threads of an ordinary runtime."""
    with af.Runtime(":memory:", [with_group]) as rt:
        assert rt.start(with_group).result(timeout=20) == [2, 6, 10]
