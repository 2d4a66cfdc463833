"""What no node should do: it is recorded so that one can read it, and harms nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Lock
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.dynamic.helpers import World, double, echo


def _made_of_itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def _deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(10_000):
        value = [value]
    return value


class Hostile:
    """Raises whenever somebody looks at it."""

    def __repr__(self) -> str:
        raise RuntimeError("do not look")

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("do not compare")

    def __hash__(self) -> int:
        raise RuntimeError("do not hash")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"do not touch {name}")


UNRECORDABLE: dict[str, Callable[[], Any]] = {
    "object": object,
    "lock": Lock,
    "function": lambda: print,
    "class": lambda: Hostile,
    "hostile": Hostile,
    "in-a-list": lambda: [1, {"a": object()}],
    "made-of-itself": _made_of_itself,
    "deep": _deep,
    "generator": lambda: (n for n in range(3)),
    "lone-surrogate": lambda: "\ud800",
    "huge-key": lambda: {object(): 1},
}


async def _emits(ctx: af.Context, value: Any) -> None:
    await ctx.emit(value)


async def _calls(ctx: af.Context, value: Any) -> None:
    await ctx.run(echo, value)


async def _maps(ctx: af.Context, value: Any) -> None:
    await ctx.map(echo, [1, value])


async def _records(ctx: af.Context, value: Any) -> None:
    await ctx.record("key", lambda: value)


async def _returns(_: af.Context, value: Any) -> Any:
    return value


async def _child_returns(ctx: af.Context, value: Any) -> Any:
    await ctx.run(lambda: value)


async def _child_emits(ctx: af.Context, value: Any) -> Any:
    def child(inner: af.ActivityContext) -> None:
        inner.emit(value)

    await ctx.run(child)


WAYS = [_emits, _calls, _maps, _records, _returns, _child_returns, _child_emits]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
@pytest.mark.parametrize("kind", UNRECORDABLE)
def test_what_cannot_be_recorded_is_refused_where_it_is_given(
    way: Any, kind: str
) -> None:
    """The node can catch it; if not, it fails with it, and others do not notice."""

    @af.dynamic
    async def catches(ctx: af.Context) -> str:
        try:
            result = await way(ctx, UNRECORDABLE[kind]())
        except (af.UnrecordableError, af.NodeFailed):
            return "caught"
        return str(result is None)

    @af.dynamic
    async def fails(ctx: af.Context) -> Any:
        return await way(ctx, UNRECORDABLE[kind]())

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        calls = [ctx.run(catches), ctx.run(fails), ctx.run(double, 2)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        return [str(results[0]), type(results[1]).__name__, results[2]]

    with runtime(node) as rt:
        run = rt.start(node)
        caught, failed, other = run.result()
        assert other == 4
        if way is not _returns:
            assert caught == "caught"
        assert failed == "NodeFailed"
        assert all("UnrecordableError" in text for text in _failures(run))


def _failures(run: Any) -> list[str]:
    """Return the classes of what failed, of an execution."""
    ends = [each.event for each in run.history() if hasattr(each.event, "error")]
    return [" ".join(event.error.exceptions) for event in ends]


class CannotBeShownError(Exception):
    """Raises when it is to be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class CannotBePickledError(Exception):
    """Holds what no other process can have."""

    def __init__(self) -> None:
        super().__init__("cannot be pickled")
        self.lock = Lock()

    def __reduce__(self) -> Any:
        raise TypeError("no")


class LooksLikeOursError(Exception):
    """Has the attributes that the engine's own errors have."""

    failure = "not a failure"
    cause = "not a cause"
    details = object()


class NeedsArgumentsError(Exception):
    """Cannot be made again from its arguments."""

    def __init__(self, one: int, *, two: int) -> None:
        super().__init__()
        self.sum = one + two


def _local() -> BaseException:
    class LocalError(Exception):
        """Cannot be imported."""

    return LocalError("local")


def _in_circles() -> BaseException:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    one.__suppress_context__ = other.__suppress_context__ = True
    return one


def _group() -> BaseException:
    return BaseExceptionGroup("group", [SystemExit(3), ValueError("in it")])


EXCEPTIONS: dict[str, tuple[Callable[[], BaseException], str]] = {
    "local": (_local, "local"),
    "shown": (CannotBeShownError, "CannotBeShownError"),
    "pickled": (CannotBePickledError, "cannot be pickled"),
    "ours": (lambda: LooksLikeOursError("ours"), "ours"),
    "arguments": (lambda: NeedsArgumentsError(1, two=2), "NeedsArgumentsError"),
    "circles": (_in_circles, "one"),
    "group": (_group, "group"),
    "surrogate": (lambda: ValueError("\ud800"), "?"),
    "long": (lambda: ValueError("x" * 1_000_000), "x"),
    "exit": (lambda: SystemExit(2), "2"),
    "generator": (GeneratorExit, "GeneratorExit"),
    "stop": (lambda: StopIteration(1), ""),  # in a coroutine, a `RuntimeError`
    "details": (lambda: af.ActivityError("odd", details=Hostile()), "odd"),
    "no-cause": (lambda: af.NodeFailed("a", "b", None), ""),
}


@pytest.mark.parametrize("kind", EXCEPTIONS)
@pytest.mark.parametrize("where", ["node", "function", "activity", "task"])
def test_any_exception_is_recorded_so_that_one_can_read_it(
    where: str, kind: str
) -> None:
    """Its message and class are there after a restart; nothing is imported for that."""
    make, message = EXCEPTIONS[kind]

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        raise make()

    @af.dynamic
    def function(ctx: af.Context) -> None:
        raise make()

    @af.activity
    def activity() -> None:
        raise make()

    @af.dynamic
    async def task(ctx: af.Context) -> None:
        async def inner() -> None:
            raise make()

        await asyncio.create_task(inner())

    body = {"node": node, "function": function, "activity": activity, "task": task}

    @af.dynamic
    async def outer(ctx: af.Context) -> Any:
        try:
            await ctx.run(body[where])
        except af.NodeFailed as error:
            await ctx.wait_signal("go")
            return [error.cause.message, *error.cause.exceptions]
        return "nothing"

    world = World()
    with world.process(outer) as rt:
        rt.start(outer, execution_id="n").wait()
    with world.process(outer) as rt:
        rt.signal("n", "go")
        text, *classes = rt.get("n").result()
    assert message in text
    name = type(make()).__qualname__
    assert classes
    assert any(name in cls for cls in classes) or kind == "stop"


def test_recursion_without_an_end_ends() -> None:
    """As in Python itself: with an error that a node on the way may catch."""

    @af.dynamic
    async def forever(ctx: af.Context, depth: int) -> Any:
        return await ctx.run(forever, depth + 1)

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        try:
            await ctx.run(forever, 0)
        except af.NodeFailed as error:
            return error.cause.message
        return "?"

    with runtime(node) as rt:
        assert "nested 200 deep" in rt.start(node).result()


def test_deep_recursion_rests_wakes_and_is_undone() -> None:
    """All the way down: it waits, leaves memory, comes back, fails, and is retried."""
    failing = [True]

    @af.activity
    def bottom() -> int:
        if failing[0]:
            raise ConnectionError("down")
        return 0

    @af.dynamic
    async def deep(ctx: af.Context, n: int) -> Any:
        if n:
            return 1 + await ctx.run(deep, n - 1)
        await ctx.wait_signal("go")
        return await ctx.run(bottom)

    world = World()
    with world.process(deep) as rt:
        assert rt.start(deep, 150, execution_id="n").wait().status == "suspended"
    with world.process(deep) as rt:
        rt.signal("n", "go")
        assert rt.get("n").wait().status == "failed"
    with world.process(deep) as rt:
        failing[0] = False
        rt.retry("n")
        assert rt.get("n").result() == 150
        other = rt.start(deep, 150)
        other.wait()
        other.cancel()
        assert other.wait().status == "cancelled"


def test_very_many_children_are_no_matter() -> None:
    """Some thousands here; a hundred thousand take ten seconds and 600 MB."""

    @af.dynamic
    async def node(ctx: af.Context, count: int) -> int:
        calls = (ctx.run(double, n) for n in range(count))
        return sum(await asyncio.gather(*calls))

    with runtime(node) as rt:
        assert rt.start(node, 2_000).result() == sum(range(2_000)) * 2


@af.activity(executor="process")
def odd(kind: str) -> None:
    """Raise, in another process, what cannot come back from there."""
    make, _ = EXCEPTIONS[kind]
    raise make()


def test_exceptions_of_other_processes_are_described_there() -> None:
    """Those that cannot be pickled, or made again, do not break the pool either."""

    @af.dynamic
    async def node(ctx: af.Context) -> list[list[str]]:
        told = []
        for kind in ("pickled", "arguments", "local"):
            try:
                await ctx.run(odd, kind)
            except af.NodeFailed as error:
                told.append([error.cause.message, error.cause.exceptions[0]])
        return told

    with af.Runtime(":memory:", [node], threads=1) as rt:
        pickled, arguments, local = rt.start(node).result(timeout=60)
    assert pickled[0] == "cannot be pickled"
    assert pickled[1].endswith(":CannotBePickledError")
    assert arguments[1].endswith(":NeedsArgumentsError")
    assert local == ["local", f"{__name__}:_local.<locals>.LocalError"]
