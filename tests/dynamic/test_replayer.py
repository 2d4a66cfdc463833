"""`Replayer`: today's code against yesterday's histories, without the world."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.testing import Replayer, ReplayError
from tests.dynamic import test_asyncio as examples
from tests.dynamic.helpers import Counted, World, double, echo, refuse
from tests.dynamic.test_sync import straight


def _log(world: World) -> MemoryLog:
    return MemoryLog(store=world.store, clock=world.clock.time)


def _recorded(definition: Any, *signals: str, seed: int = 0, **inputs: Any) -> World:
    world = World()
    with world.process(definition, seed=seed) as rt:
        run = rt.start(definition, execution_id="n", **inputs)
        for word in signals:
            run.wait()
            run.signal("word", word)
        run.wait()
        for _ in range(3):
            rt.clock.advance(10_000)
    return world


EXAMPLES = [
    examples.with_gather,
    examples.with_group,
    examples.with_wait,
    examples.with_as_completed,
    examples.with_timeout,
    examples.with_shield,
    examples.with_queue,
    examples.with_locks,
    examples.with_condition,
    examples.with_async_generator,
]


@pytest.mark.parametrize("node", EXAMPLES, ids=lambda node: node.name)
@pytest.mark.parametrize("seed", [0, 7])
def test_unchanged_code_replays(node: Any, seed: int) -> None:
    """What a node has recorded is what it does, whatever the order of the turns was."""
    world = _recorded(node, seed=seed)
    assert Replayer(_log(world)).check(node) == 1


def test_functions_replay_as_well() -> None:
    """A ``def`` node is compared like a coroutine."""
    world = _recorded(straight, "w", n=2)
    assert Replayer(_log(world)).check(straight) == 1


@af.activity(retry=af.Retry(max_attempts=3, initial=5))
def flaky(ctx: af.ActivityContext) -> int:
    """Fail once, after telling and recording something."""
    ctx.emit("trying")
    ctx.progress(1)
    ctx.record("key", lambda: 1)
    if ctx.attempt == 1:
        raise ConnectionError("once")
    return ctx.attempt


@af.dynamic
async def inner(ctx: af.Context, x: int) -> int:
    """Be nested."""
    await ctx.emit(x)
    return int(await ctx.run(double, x)) + int(await ctx.record("one", lambda: 1))


FLOW = (
    af.Flow("everything", inputs=["x"])
    .then(flaky, input={}, into="flaky")
    .then(inner, into="inner")
    .map("items", inner, over=[1, 2, 3], max_concurrency=2)
    .map("plain", double, over=[1, 2, 3])
    .parallel("both", double, inner)
    .loop("loop", double, until=lambda i, prev, new: i == 3, input=1)
    .when(lambda s: s["inner"] > 1)
    .then(double, name="yes")
    .otherwise()
    .then(double, name="no")
    .end()
    .sleep(60)
    .wait_signal("word", into="word")
    .output("items", "loop", "word")
)


def test_whole_flows_replay() -> None:
    """Steps, items, iterations, branches, retries and waits are compared too."""
    world = _recorded(FLOW, "a", x=3)
    assert Replayer(_log(world)).check(FLOW) == 1


def test_open_histories_replay_as_far_as_they_go() -> None:
    """An execution that has not ended is compared up to its last event."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        await ctx.run(double, 1)
        await ctx.wait_signal("never")
        await ctx.run(double, 2)

    world = _recorded(node)
    assert Replayer(_log(world)).check(node) == 1


def test_every_prefix_of_a_history_replays() -> None:
    """Wherever a process died, what it had recorded is what the code does."""
    for at in range(2, 12):
        world = World()
        try:
            with world.dying(examples.with_group, at=at) as rt:
                rt.start(examples.with_group, execution_id="n").result()
        except BaseException:  # noqa: BLE001, S110 - the process has died
            pass
        assert Replayer(_log(world)).check(examples.with_group) == 1


def test_failures_and_retries_replay() -> None:
    """Histories with failures, cancellations and retries are compared as well."""
    counted = Counted(failing={"bad": 1})
    bad = counted.activity("bad")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        with contextlib.suppress(af.NodeFailed):
            await ctx.run(refuse)
        async with asyncio.TaskGroup() as tg:
            tg.create_task(ctx.run(bad))
            tg.create_task(ctx.run(double, 1))
            tg.create_task(asyncio.sleep(5))

    world = World()
    with world.process(node) as rt:
        run = rt.start(node, execution_id="n")
        assert run.wait().status == "failed"
        rt.retry("n")
        run.result()
    assert Replayer(_log(world)).check(node) == 1


def test_a_pause_and_a_cancellation_replay() -> None:
    """What people did to an execution is part of its history."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        await ctx.wait_signal("word")
        await ctx.run(double, 1)
        await ctx.wait_signal("never")

    world = World()
    with world.process(node) as rt:
        run = rt.start(node, execution_id="n")
        run.wait()
        run.pause()
        run.signal("word")
        run.wait()
        run.resume()
        run.wait()
        run.cancel(reason="enough")
    assert Replayer(_log(world)).check(node) == 1


@af.dynamic(name="node")
async def recorded(ctx: af.Context) -> str:
    """Be yesterday's code."""
    await ctx.run(double, 1)
    await ctx.run(echo, "a")
    await ctx.emit("told")
    return "recorded"


def _version(fn: Any) -> Any:
    return af.dynamic(name="node")(fn)


@_version
async def other_input(ctx: af.Context) -> str:
    """Call the same with something else."""
    await ctx.run(double, 2)
    return "recorded"


@_version
async def call_added(ctx: af.Context) -> str:
    """Call more."""
    await ctx.run(double, 1)
    await ctx.run(double, 5)
    await ctx.run(echo, "a")
    return "recorded"


@_version
async def call_removed(ctx: af.Context) -> str:
    """Call less."""
    await ctx.run(double, 1)
    await ctx.emit("told")
    return "recorded"


@_version
async def other_value(ctx: af.Context) -> str:
    """Yield something else."""
    await ctx.run(double, 1)
    await ctx.run(echo, "a")
    await ctx.emit("lied")
    return "recorded"


@_version
async def other_result(ctx: af.Context) -> str:
    """Return something else."""
    await ctx.run(double, 1)
    await ctx.run(echo, "a")
    await ctx.emit("told")
    return "different"


@_version
async def fails(ctx: af.Context) -> str:
    """Fail."""
    raise ValueError("new bug")


@pytest.mark.parametrize(
    ("version", "expected", "got"),
    [
        (other_input, r"double#1.*\[1\]", r"\[2\]"),
        (call_added, "echo#2", "double#2"),
        (call_removed, "echo#2", "ValueEmitted|ActivationCompleted"),
        (other_value, "told", "lied"),
        (other_result, "recorded", "different"),
        (fails, "double#1", "new bug|ActivationFailed|nothing"),
    ],
    ids=lambda value: getattr(getattr(value, "fn", None), "__name__", None),
)
def test_changed_code_does_not_replay(version: Any, expected: str, got: str) -> None:
    """The first diverging event is reported, with what the code does instead."""
    world = _recorded(recorded)
    with pytest.raises(ReplayError, match=f"(?s){expected}.*got.*({got})") as raised:
        Replayer(_log(world)).check(version)
    (divergence,) = raised.value.divergences
    assert divergence.execution_id == "n"


def test_changed_graphs_do_not_replay() -> None:
    """The same for steps: another order is another history."""
    old = af.Flow("f").then(double, input={"x": 1}).then(echo, input={"x": 2})
    new = af.Flow("f").then(echo, input={"x": 2}).then(double, input={"x": 1})
    world = _recorded(old)
    with pytest.raises(ReplayError, match=r"step='double'.*step='echo'"):
        Replayer(_log(world)).check(new)


def test_a_patch_makes_changed_code_replay() -> None:
    """Guarded by `ctx.patched`, new code leads to old histories and to new ones."""

    @_version
    async def patched(ctx: af.Context) -> str:
        await ctx.run(double, 1)
        if ctx.patched("v2"):
            await ctx.run(double, 5)
        await ctx.run(echo, "a")
        await ctx.emit("told")
        return "recorded"

    assert Replayer(_log(_recorded(recorded))).check(patched) == 1
    assert Replayer(_log(_recorded(patched))).check(patched) == 1


def test_nothing_runs_that_touches_the_world() -> None:
    """Neither activities nor what `record` would call are executed."""
    counted = Counted()
    work = counted.activity("work")

    def make() -> int:
        counted.calls["make"] = counted.calls.get("make", 0) + 1
        return 1

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return [await ctx.run(work), await ctx.record("made", make)]

    world = _recorded(node)
    before = dict(counted.calls)
    Replayer(_log(world)).check(node)
    assert counted.calls == before == {"work": 1, "make": 1}


def test_the_log_is_only_read(tmp_path: Path) -> None:
    """A file is opened as a reader; nothing in it changes."""
    file = tmp_path / "log.db"
    with af.Runtime(file, [recorded]) as rt:
        for n in range(3):
            rt.start(recorded, execution_id=f"n{n}").result(timeout=20)
    before = file.read_bytes()
    assert Replayer(file).check(recorded) == 3
    assert Replayer(file).check(recorded, execution_id="n1") == 1
    assert file.read_bytes() == before
