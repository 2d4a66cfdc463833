"""What cannot be repeated after a restart is refused, with what can be done instead."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime


async def _in_executor() -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, print)


async def _to_thread() -> Any:
    return await asyncio.to_thread(print)


async def _connect() -> Any:
    return await asyncio.open_connection("localhost", 1)


async def _serve() -> Any:
    return await asyncio.start_server(lambda *_: None, "localhost", 1)


async def _program() -> Any:
    return await asyncio.create_subprocess_exec("true")


async def _shell() -> Any:
    return await asyncio.create_subprocess_shell("true")


async def _threadsafe() -> Any:
    return asyncio.get_running_loop().call_soon_threadsafe(print)


async def _resolve() -> Any:
    return await asyncio.get_running_loop().getaddrinfo("localhost", 1)


async def _reader() -> Any:
    return asyncio.get_running_loop().add_reader(0, print)


async def _stop() -> Any:
    return asyncio.get_running_loop().stop()


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        (_in_executor, r"ctx\.run\(activity"),
        (_to_thread, r"to_thread.*ctx\.run\(activity"),
        (_connect, r"open_connection.*ctx\.run\(activity"),
        (_serve, r"start_server.*ctx\.run\(activity"),
        (_program, r"subprocess_exec.*ctx\.run\(activity"),
        (_shell, r"subprocess_shell.*ctx\.run\(activity"),
        (_threadsafe, r"ctx\.wait_signal"),
        (_resolve, r"ctx\.run\(activity"),
        (_reader, r"ctx\.run\(activity"),
        (_stop, "return"),
    ],
)
def test_refused(what: Callable[[], Awaitable[Any]], instead: str) -> None:
    """The error names what was tried, and the durable way."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        with pytest.raises(af.NotDurableError, match=instead):
            await what()

    with runtime(node) as rt:
        assert rt.start(node).result() is None


def test_a_loop_of_its_own_is_refused() -> None:
    """`asyncio.run` inside a node fails, as it does inside any coroutine."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        inner = asyncio.sleep(0)
        try:
            asyncio.run(inner)
        finally:
            inner.close()

    with runtime(node) as rt, pytest.raises(af.ExecutionFailed, match="running event"):
        rt.start(node).result()


def test_what_cannot_be_recorded_is_refused_where_it_is_given() -> None:
    """An argument or a yielded value that is no data raises in the node's own line."""

    @af.dynamic
    async def node(ctx: af.Context) -> list[str]:
        told = []
        gives: list[Any] = [
            lambda: ctx.run(node, object()),
            lambda: ctx.emit([object()]),
            lambda: ctx.record("lock", object),
        ]
        for give in gives:
            try:
                await give()
            except af.UnrecordableError as error:
                told.append(error.path)
        return told

    with runtime(node) as rt:
        assert rt.start(node).result() == ["argument 0", "emit[0]", "record('lock')"]


def test_exiting_ends_the_node_and_nothing_else() -> None:
    """`SystemExit` in a node's code fails the node; other executions go on."""

    @af.dynamic
    async def leave(ctx: af.Context) -> None:
        raise SystemExit(3)

    @af.dynamic
    async def stay(ctx: af.Context) -> str:
        await asyncio.sleep(1)
        return "here"

    with runtime(leave, stay) as rt:
        run = rt.start(stay)
        with pytest.raises(af.ExecutionFailed):
            rt.start(leave).result()
        assert run.result() == "here"
