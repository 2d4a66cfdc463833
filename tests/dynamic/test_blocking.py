"""A node that blocks is named, and nobody else has to wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.log.memory_store import MemoryStore
from actorflow.runtime import dynamic
from actorflow.runtime.watchdog import Watchdog
from actorflow.testing import runtime
from tests.dynamic.helpers import World, double

PATIENCE = 30.0


class Body:
    """A node whose body blocks until the test lets it go on."""

    def __init__(self, wait: Callable[[Event], object] = Event.wait) -> None:
        self.entered, self.gate = Event(), Event()
        self._wait = wait

    def block(self) -> None:
        """Be stuck."""
        self.entered.set()
        self._wait(self.gate)

    @property
    def node(self) -> Any:
        """The node: it calls, blocks, and calls again."""

        @af.dynamic(name="stuck")
        async def stuck(ctx: af.Context) -> Any:
            before = await ctx.run(double, 1)
            self.block()
            after = await ctx.run(double, 2)
            return [before, after, await ctx.wait_signal("go")]

        return stuck


@af.dynamic
async def other(ctx: af.Context) -> int:
    """Be in need of the dispatcher, and of threads."""
    return sum(await ctx.map(double, [1, 2, 3]))


class Looking:
    """A watchdog that looks when the test says so, at a time of the test's."""

    def __init__(self, rt: af.Runtime) -> None:
        watchdog = rt._services.watchdog
        assert watchdog is not None
        self._watchdog: Watchdog = watchdog
        self._time = 0.0
        watchdog._now = lambda: self._time

    def find(self, body: Body) -> None:
        """Look when *body* has just begun to block, and a long time later."""
        assert body.entered.wait(PATIENCE)
        body.entered.clear()
        for _ in range(3):
            self._watchdog.look()
            self._time += 7_200.0


@contextmanager
def _runtime(*definitions: Any, **settings: Any) -> Iterator[af.Runtime]:
    # Its own thread would look after an hour; in these tests it does not.
    with af.Runtime(":memory:", definitions, blocked_after=7_200.0, **settings) as rt:
        yield rt


def _found(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if "has blocked" in r.getMessage()]


def _spin(gate: Event) -> None:
    while not gate.is_set():
        pass


@pytest.mark.parametrize("wait", [Event.wait, _spin], ids=["waiting", "computing"])
@pytest.mark.parametrize("threads", [1, 8])
def test_others_go_on_while_a_node_blocks(wait: Any, threads: int) -> None:
    """The dispatcher goes on with another thread, and activities find one as well."""
    body = Body(wait)
    with _runtime(body.node, other, threads=threads) as rt:
        looking = Looking(rt)
        stuck = rt.start(body.node)
        looking.find(body)
        for _ in range(3):
            assert rt.start(other).result(timeout=PATIENCE) == 12
        body.gate.set()
        stuck.signal("go", "on")
        assert stuck.result(timeout=PATIENCE) == [2, 4, "on"]
        assert rt.start(other).result(timeout=PATIENCE) == 12


def test_what_blocks_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    """The node, its execution, and the lines that it is in, down to what blocks."""
    body = Body()
    with _runtime(body.node) as rt:
        stuck = rt.start(body.node, execution_id="x-1")
        looking = Looking(rt)
        looking.find(body)
        body.gate.set()
        stuck.signal("go")
        stuck.result(timeout=PATIENCE)
    [message] = _found(caplog)
    assert "main/stuck of execution x-1 has blocked for 7200.0 s" in message
    assert "self._wait(self.gate)" in message
    assert "in stuck\n    self.block()" in message
    assert "actorflow/runtime" not in message
    assert "held its dispatcher up" not in caplog.text


def test_every_time_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A node that blocks once more, in the same turn too, is found once more."""
    first, second = Body(), Body()

    @af.dynamic
    async def twice(ctx: af.Context) -> None:
        await ctx.run(double, 1)  # so that `start` has returned by then
        first.block()
        ctx.patched("back in the engine for a moment")
        second.block()

    with _runtime(twice, other) as rt:
        run = rt.start(twice)
        looking = Looking(rt)
        for body in (first, second):
            looking.find(body)
            assert rt.start(other).result(timeout=PATIENCE) == 12
            body.gate.set()
        run.result(timeout=PATIENCE)
    assert len(_found(caplog)) == 2


def test_a_node_that_blocks_at_once_does_not_keep_its_start_waiting() -> None:
    """Its execution is durable, and whoever starts it hears so, although it blocks."""
    body = Body()

    @af.dynamic
    async def at_once(ctx: af.Context) -> str:
        body.block()
        return "done"

    with _runtime(at_once) as rt:
        thread = Thread(target=rt.start, args=(at_once,), daemon=True)
        thread.start()
        Looking(rt).find(body)
        thread.join(PATIENCE)
        [row] = rt.list()
        assert row.status == "running"
        body.gate.set()
        assert rt.get(row.id).result(timeout=PATIENCE) == "done"


def test_messages_wait_for_the_node_that_blocks() -> None:
    """What is sent to its execution is taken in, in order, when it is back."""
    body = Body()

    @af.dynamic
    async def listening(ctx: af.Context) -> list[Any]:
        await ctx.run(double, 1)  # so that `start` has returned by then
        body.block()
        return [await ctx.wait_signal("word") for _ in range(3)]

    with _runtime(listening) as rt:
        run = rt.start(listening)
        Looking(rt).find(body)
        threads = [
            Thread(target=run.signal, args=("word", n), daemon=True) for n in range(3)
        ]
        for thread in threads:
            thread.start()
        body.gate.set()
        assert sorted(run.result(timeout=PATIENCE)) == [0, 1, 2]
        for thread in threads:
            thread.join(PATIENCE)


def test_a_runtime_ends_although_a_node_blocks_for_ever() -> None:
    """Others stop cleanly; the execution goes on when the log is opened again."""
    body, world = Body(), MemoryStore()
    with af.Runtime(
        MemoryLog(store=world), [body.node, other], blocked_after=7_200.0
    ) as rt:
        rt.start(body.node, execution_id="s")
        Looking(rt).find(body)
        rt.start(other, execution_id="o").result(timeout=PATIENCE)
    body.gate.set()
    with af.Runtime(MemoryLog(store=world), [body.node, other]) as rt:
        rt.signal("s", "go", "on")
        assert rt.get("s").result(timeout=PATIENCE) == [2, 4, "on"]


def test_a_node_may_take_its_time_if_it_awaits() -> None:
    """Many short turns, or one that is over, are not one that blocks."""
    told: list[Any] = []
    watchdog = Watchdog(10.0, told.append, iter(range(0, 10_000, 5)).__next__)
    watchdog._thread = Thread()
    actor: Any = SimpleNamespace(run=SimpleNamespace(away=None))
    for _ in range(100):
        watchdog.enter(actor)
        watchdog.look()
        watchdog.leave(actor)
    for _ in range(100):
        watchdog.look()
    assert told == []


def test_a_long_replay_leaves_turns_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on where it was, some calls at a time, and ends as it would have."""
    turns: list[int] = []
    advance = dynamic.DynamicActor._advance

    def note(self: Any, *args: Any) -> None:
        turns.append(self._calls.taken)
        advance(self, *args)

    @af.dynamic
    async def long(ctx: af.Context) -> int:
        total: int = sum([await ctx.run(double, n) for n in range(30)])
        word: int = await ctx.wait_signal("go")
        return total + word

    world = World()
    with world.process(long) as rt:
        rt.start(long, execution_id="n").wait()
    monkeypatch.setattr(dynamic, "ENDS", 7)
    monkeypatch.setattr(dynamic.DynamicActor, "_advance", note)
    with world.process(long) as rt:
        rt.signal("n", "go", 1)
        assert rt.get("n").result() == sum(range(30)) * 2 + 1
    assert [taken for taken in turns if taken in (7, 14, 21, 28)] == [7, 14, 21, 28]


def test_it_can_be_switched_off() -> None:
    """Nobody looks then; nor where time is virtual, as that could not be repeated."""
    with af.Runtime(":memory:", blocked_after=None) as rt:
        assert rt._services.watchdog is None
    with runtime() as rt:
        assert rt._services.watchdog is None
    with pytest.raises(af.SettingError, match="blocked_after"):
        af.Runtime(":memory:", blocked_after=0)
