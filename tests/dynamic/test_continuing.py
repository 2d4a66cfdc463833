"""`ctx.continue_as_new`: a node that goes on for ever, with a short history."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.model.events import NodeContinued
from actorflow.testing import Replayer, ReplayError, Simulation, runtime
from tests.dynamic.helpers import Counted, World, addresses, double, kinds, survives


@af.dynamic
async def summing(ctx: af.Context, left: int, total: int = 0) -> int:
    """Add up *left* signalled numbers, each in a run of its own."""
    total += await ctx.run(double, await ctx.wait_signal("number"))
    await ctx.emit(total)
    if left > 1:
        ctx.continue_as_new(left - 1, total=total)
    return total


@af.dynamic
def summing_on_a_thread(ctx: af.Context, left: int, total: int = 0) -> int:
    """Do the same, with calls that block."""
    total += ctx.run(double, ctx.wait_signal("number"))
    ctx.emit(total)
    if left > 1:
        ctx.continue_as_new(left - 1, total=total)
    return total


SUMMING = pytest.mark.parametrize(
    "node", [summing, summing_on_a_thread], ids=["async", "blocking"]
)


@SUMMING
def test_it_begins_anew_and_stays_the_same_execution(node: Any) -> None:
    """One id, one result, one order of values; the history shows every beginning."""
    with runtime(node) as rt:
        run = rt.start(node, 3)
        for number in (1, 2, 3):
            run.signal("number", number)
        assert run.result() == 12
        assert list(run.emitted()) == [2, 6, 12]
        continued = [
            e.event.input["*"]["kwargs"]
            for e in run.history()
            if isinstance(e.event, NodeContinued)
        ]
        assert continued == [{"total": 2}, {"total": 6}]
        assert [a for a in addresses(run) if "double" in a] == [
            f"main/{node.name}/double#2",
            f"main/{node.name}/double#g2:2",
            f"main/{node.name}/double#g3:2",
        ]


@SUMMING
def test_it_survives_a_crash_anywhere(node: Any) -> None:
    """A continuation is recorded or not; what came before is never run again."""
    inputs, signals = {"left": 2}, {"number": [1, 2]}
    assert survives(node, inputs=inputs, signals=signals) == 6
    Simulation(node, inputs=inputs, signals=signals).survive(10)


@SUMMING
def test_it_replays(node: Any) -> None:
    """A history with continuations is what today's code does."""
    world = World()
    with world.process(node) as rt:
        run = rt.start(node, 3)
        for number in (1, 2, 3):
            run.signal("number", number)
        run.result()
    log = MemoryLog(store=world.store, clock=world.clock.time)
    assert Replayer(log).check(node) == 1


def test_other_inputs_are_another_code() -> None:
    """What a node continues with is compared on replay."""

    @af.dynamic(name="node")
    async def old(ctx: af.Context, n: int) -> None:
        if n < 2:
            ctx.continue_as_new(n + 1)
        await ctx.wait_signal("never")

    @af.dynamic(name="node")
    async def new(ctx: af.Context, n: int) -> None:
        if n < 3:
            ctx.continue_as_new(n + 2)
        await ctx.wait_signal("never")

    world = World()
    with world.process(old) as rt:
        rt.start(old, 1).wait()
    log = MemoryLog(store=world.store, clock=world.clock.time)
    with pytest.raises(ReplayError, match="NodeContinued"):
        Replayer(log).check(new)


def test_a_loaded_node_replays_only_its_last_run() -> None:
    """What was continued away is neither called nor compared again."""
    entered: list[int] = []

    @af.dynamic
    async def node(ctx: af.Context, n: int) -> int:
        entered.append(n)
        await ctx.wait_signal("go")
        if n < 4:
            ctx.continue_as_new(n + 1)
        return n

    world = World()
    with world.process(node) as rt:
        run = rt.start(node, 1, execution_id="n")
        for _ in range(3):
            run.signal("go")
        run.wait()
    assert entered == [1, 2, 3, 4]
    with world.process(node) as rt:
        rt.signal("n", "go")
        assert rt.get("n").result() == 4
        view = rt.state("n", at=len(rt.get("n").history()) - 4)
    assert entered == [1, 2, 3, 4, 4]
    assert view.activations["main/node"].generation == 4


def test_what_is_left_running_is_left() -> None:
    """Children, timers and waits of the old run end with it; nothing of them comes."""
    counted = Counted()
    late = counted.activity("late")

    @af.dynamic
    async def node(ctx: af.Context, n: int) -> str:
        async def later() -> None:
            await asyncio.sleep(100)
            await ctx.run(late)

        tasks = [asyncio.create_task(later()) for _ in range(2)]
        waiting = asyncio.create_task(ctx.wait_signal("never"))
        await asyncio.sleep(10)
        if n < 3:
            ctx.continue_as_new(n + 1)
        await ctx.wait_signal("go")
        return f"{len(tasks)} {waiting.done()}"

    with runtime(node) as rt:
        run = rt.start(node, 1)
        rt.clock.advance(30)
        rest = run.wait().suspension
        assert rest is not None
        assert sorted(rest.topics) == ["go", "never"]
        state = run.state()
        assert len(state.waits) == 4
        run.signal("go")
        assert run.result() == "2 False"
    assert counted.calls == {}


def test_signals_and_updates_go_to_the_new_run() -> None:
    """What was not taken is kept, and handlers are installed by the new run itself."""

    @af.dynamic
    async def node(ctx: af.Context, seen: list[int]) -> list[int]:
        more = asyncio.Event()

        def handle(number: int) -> None:
            seen.append(number)
            more.set()

        def add(number: int) -> int:
            handle(number)
            return len(seen)

        ctx.on_signal("number", handle)
        ctx.on_update("add", add)
        ctx.on_query("seen", lambda: seen)
        await more.wait()
        await ctx.close_handlers()
        if len(seen) < 6:
            ctx.continue_as_new(seen)
        return seen

    with runtime(node) as rt:
        run = rt.start(node, [])
        run.signal("number", 1)
        run.signal("number", 2)
        assert run.ask("add", 3, key="k") == 3
        assert run.query("seen") == [1, 2, 3]
        assert run.ask("add", 4) == 4
        assert run.ask("add", 3, key="k") == 3
        run.signal("number", 5)
        run.signal("number", 6)
        assert run.result() == [1, 2, 3, 4, 5, 6]
    signals, updates = {"number": [1, 2, 5]}, {"add": [3, 4, 6]}
    simulation = Simulation(node, inputs={"seen": []}, signals=signals, updates=updates)
    assert sorted(simulation.crash_everywhere().end.output) == [1, 2, 3, 4, 5, 6]


@af.dynamic
async def collecting(ctx: af.Context, total: int) -> int:
    """Add up what slow handlers are told, until it is ten."""

    async def slow(number: int) -> None:
        nonlocal total
        await asyncio.sleep(60)
        total += number

    ctx.on_signal("number", slow)
    ctx.on_update("wait", slow)
    await asyncio.sleep(10)
    with pytest.raises(af.HandlerError, match="close_handlers"):
        ctx.continue_as_new(total)
    await ctx.close_handlers()
    with pytest.raises(af.HandlerError, match="has closed its handlers"):
        ctx.on_signal("other", slow)
    if total < 10:
        ctx.continue_as_new(total)
    return total


@af.dynamic
def collecting_on_a_thread(ctx: af.Context, total: int) -> int:
    """Do the same, with calls that block."""

    def slow(number: int) -> None:
        nonlocal total
        ctx.sleep(60)
        total += number

    ctx.on_signal("number", slow)
    ctx.on_update("wait", slow)
    ctx.sleep(10)
    ctx.close_handlers()
    if total < 10:
        ctx.continue_as_new(total)
    return total


@pytest.mark.parametrize("node", [collecting, collecting_on_a_thread])
def test_handlers_are_closed_first(node: Any) -> None:
    """So nothing that a handler is told is lost: the inputs have it, or it waits."""
    with runtime(node) as rt:
        run = rt.start(node, 0)
        run.signal("number", 1)
        rt.clock.advance(20)
        run.signal("number", 2)
        rt.clock.advance(200)
        run.ask("wait", 7, timeout=None)
        assert run.result() == 10
    signals, updates = {"number": [1, 2]}, {"wait": [7]}
    given: Any = {"inputs": {"total": 0}, "signals": signals, "updates": updates}
    assert Simulation(node, **given).crash_everywhere().end.output == 10


def test_calls_made_are_counted() -> None:
    """A node may continue when it has made so many that a replay would take long."""

    @af.dynamic
    async def node(ctx: af.Context, n: int = 0) -> int:
        while ctx.calls_made < 5:
            n = await ctx.run(double, n + 1)
        if n < 1_000:
            ctx.continue_as_new(n)
        return n

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.result() == 2_046
        assert kinds(run.history()).count("NodeContinued") == 1
    assert Simulation(node).crash_everywhere().end.output == 2_046


def test_inside_of_others() -> None:
    """As a child, an item, a step or in a task group: nobody above notices."""

    @af.dynamic
    async def counting(ctx: af.Context, n: int, rounds: int = 1) -> int:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(1))
            if n < 3:
                ctx.continue_as_new(n + 1, rounds + 1)
        return rounds

    @af.dynamic
    async def outer(ctx: af.Context) -> Any:
        return [await ctx.run(counting, 2), await ctx.map(counting, [1])]

    flow = af.Flow("inside").then(outer).map("items", counting, over=[2]).build()
    end = Simulation(flow).crash_everywhere().end
    assert end.output == {"outer": [2, [3]], "items": [2]}


def test_a_retry_repeats_the_run_that_failed() -> None:
    """Not those before it: they have ended well, and are forgotten."""
    counted = Counted(failing={"work-3": 1})

    @af.dynamic
    async def node(ctx: af.Context, n: int) -> int:
        await ctx.run(counted.activity(f"work-{n}"))
        if n < 4:
            ctx.continue_as_new(n + 1)
        return n

    with runtime(node) as rt:
        run = rt.start(node, 1)
        assert run.wait().status == "failed"
        run.retry()
        assert run.result() == 4
    assert counted.calls == {"work-1": 1, "work-2": 1, "work-3": 2, "work-4": 1}


def test_attempts_and_deadlines_begin_anew() -> None:
    """Every run has the node's retries and timeout for itself."""
    failed: list[int] = []

    @af.dynamic(retry=af.Retry(max_attempts=2, initial=1), timeout=10)
    async def node(ctx: af.Context, n: int) -> int:
        await asyncio.sleep(8)
        if n not in failed:
            failed.append(n)
            raise ConnectionError("once")
        if n < 3:
            ctx.continue_as_new(n + 1)
        return n

    with runtime(node) as rt:
        assert rt.start(node, 1).result() == 3
    assert failed == [1, 2, 3]


def test_every_run_is_told_from_the_others() -> None:
    """Keys, chance, records and idempotency keys are those of one run."""
    seen: list[str] = []

    @af.activity
    def note(ctx: af.ActivityContext) -> str:
        seen.append(ctx.idempotency_key)
        return ctx.idempotency_key

    @af.dynamic
    async def node(ctx: af.Context, found: list[Any]) -> list[Any]:
        key = await ctx.run(note.options(key="note"))
        kept = await ctx.record("n", lambda: len(found))
        new = ctx.patched("new")
        found = [*found, [key, kept, new, ctx.random.random(), str(ctx.uuid4())]]
        if len(found) < 3:
            ctx.continue_as_new(found)
        return found

    with runtime(node) as rt:
        found = rt.start(node, []).result()
    assert len(set(seen)) == 3
    assert [each[1] for each in found] == [0, 1, 2]
    assert all(each[2] for each in found)
    assert len({each[3] for each in found}) == len({each[4] for each in found}) == 3


@SUMMING
def test_inputs_that_do_not_fit_are_refused(node: Any) -> None:
    """In the line that gives them, and nothing is recorded."""

    def ask(ctx: af.Context) -> str:
        with pytest.raises(af.ActivityError, match="no parameter 'y'"):
            ctx.continue_as_new(y=1)
        with pytest.raises(af.UnrecordableError):
            ctx.continue_as_new(object())
        return "went on"

    @af.dynamic(name="node")
    async def coroutine(ctx: af.Context, x: int = 1) -> str:
        return ask(ctx)

    @af.dynamic(name="node")
    def function(ctx: af.Context, x: int = 1) -> str:
        return ask(ctx)

    definition = coroutine if node is summing else function
    with runtime(definition) as rt:
        run = rt.start(definition)
        assert run.result() == "went on"
        assert "NodeContinued" not in kinds(run.history())


@pytest.mark.parametrize("kind", ["task", "handler", "query"])
def test_only_the_node_itself_continues(kind: str) -> None:
    """A handler, a task or a query would take the node away from under itself."""

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        async def again(_: Any = None) -> None:
            ctx.continue_as_new()

        ctx.on_query("again", ctx.continue_as_new)
        ctx.on_signal("again", again)
        if kind == "task":
            await asyncio.create_task(again())
        return str(await ctx.wait_signal("never"))

    with runtime(node) as rt:
        run = rt.start(node)
        if kind == "query":
            with pytest.raises(af.ReadOnlyError):
                run.query("again")
            return
        if kind == "handler":
            run.signal("again")
        with pytest.raises(af.ExecutionFailed, match="only the node itself"):
            run.result()


def test_on_real_threads() -> None:
    """In an ordinary runtime too."""
    with af.Runtime(":memory:", [summing, summing_on_a_thread]) as rt:
        for node in (summing, summing_on_a_thread):
            run = rt.start(node, 3)
            for number in (1, 2, 3):
                run.signal("number", number)
            assert run.result(timeout=20) == 12
