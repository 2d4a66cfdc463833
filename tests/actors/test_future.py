"""Futures: one outcome, many readers."""

from __future__ import annotations

import asyncio
import queue
import threading

import pykka
import pytest

from actorflow.actors.future import FutureTimeoutError, PooledFuture
from tests.actors.conftest import PATIENCE


class Boom(Exception):  # noqa: N818 - it is what happens, not what is wrong
    """Something that is set on a future."""


@pytest.fixture(params=[PooledFuture, pykka.ThreadingFuture], ids=["pooled", "pykka"])
def future(request: pytest.FixtureRequest) -> pykka.Future[object]:
    """A future, ours or Pykka's."""
    made: pykka.Future[object] = request.param()
    return made


def test_a_value_set_is_a_value_got(future: pykka.Future[object]) -> None:
    """The simplest case."""
    future.set(1)

    assert future.get(timeout=0) == 1


def test_none_is_a_value(future: pykka.Future[object]) -> None:
    """A future set to nothing is set."""
    future.set()

    assert future.get(timeout=0) is None


def test_a_future_is_set_once(future: pykka.Future[object]) -> None:
    """The second outcome is refused."""
    future.set(1)

    with pytest.raises(queue.Full):
        future.set(2)
    assert future.get() == 1


def test_an_exception_does_not_replace_a_value(future: pykka.Future[object]) -> None:
    """Whatever its kind, there is one outcome."""
    future.set(1)

    with pytest.raises(queue.Full):
        future.set_exception((Boom, Boom(), None))


def test_an_exception_is_raised(future: pykka.Future[object]) -> None:
    """With the traceback it had."""
    try:
        raise Boom
    except Boom:
        future.set_exception()

    with pytest.raises(Boom) as caught:
        future.get(timeout=0)
    assert caught.traceback[-1].name == "test_an_exception_is_raised"


def test_a_hook_computes_the_value_once(future: pykka.Future[object]) -> None:
    """When it is first asked for."""
    calls: list[object] = []

    def compute(timeout: float | None) -> int:
        calls.append(timeout)
        return len(calls)

    future.set_get_hook(compute)

    assert (future.get(timeout=2), future.get()) == (1, 1)
    assert calls == [2]


def test_a_hooked_future_cannot_be_set(future: pykka.Future[object]) -> None:
    """It has its value already, so to speak."""
    future.set_get_hook(lambda _: 1)

    with pytest.raises(queue.Full):
        future.set(2)


def test_a_set_future_cannot_be_hooked(future: pykka.Future[object]) -> None:
    """Nor the other way round."""
    future.set(1)

    with pytest.raises(queue.Full):
        future.set_get_hook(lambda _: 2)


def test_a_future_filters_and_reduces(future: pykka.Future[object]) -> None:
    """What Pykka's base class does works on top."""
    future.set([1, 2, 3, 4])

    assert future.filter(lambda n: n > 2).reduce(lambda a, b: a + b).get() == 7  # type: ignore[misc]


def test_a_future_can_be_awaited(future: pykka.Future[object]) -> None:
    """In Pykka's manner: it blocks, after giving way once."""
    future.set(1)

    async def main() -> object:
        return await future

    assert asyncio.run(main()) == 1


def test_awaiting_does_not_block_the_loop() -> None:
    """Other tasks of an asyncio program run while one awaits a reply."""
    future: PooledFuture[int] = PooledFuture()

    async def main() -> tuple[int, int]:
        async def reply() -> int:
            future.set(1)
            return 2

        return await asyncio.gather(_awaited(future), reply())

    assert tuple(asyncio.run(main())) == (1, 2)


def test_awaiting_a_reply_from_another_thread() -> None:
    """The loop is woken by whoever sets the future."""
    future: PooledFuture[int] = PooledFuture()
    thread = threading.Thread(target=future.set, args=(1,))

    async def main() -> int:
        asyncio.get_running_loop().call_soon(thread.start)
        return await _awaited(future)

    assert asyncio.run(main()) == 1
    thread.join()


def test_an_await_can_be_cancelled() -> None:
    """What is set later disturbs nobody."""
    future: PooledFuture[int] = PooledFuture()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_awaited(future), timeout=0.001)
        future.set(1)
        await asyncio.sleep(0)  # noqa: TID251 - gives way once

    asyncio.run(main())
    assert future.get() == 1


async def _awaited(future: PooledFuture[int]) -> int:
    return await future


def test_all_waiting_threads_get_the_value() -> None:
    """Setting wakes everybody."""
    future: PooledFuture[int] = PooledFuture()
    got: list[int] = []
    threads = [
        threading.Thread(target=lambda: got.append(future.get(timeout=PATIENCE)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    future.set(1)
    for thread in threads:
        thread.join(PATIENCE)

    assert got == [1] * 5


def test_only_one_of_many_setters_wins() -> None:
    """Racing threads do not overwrite each other."""
    for _ in range(50):
        future: PooledFuture[int] = PooledFuture()
        winners: list[int] = []
        start = threading.Barrier(4)

        def race(n: int, future: PooledFuture[int], winners: list[int]) -> None:
            start.wait()  # noqa: B023 - joined below
            try:
                future.set(n)
            except queue.Full:
                return
            winners.append(n)

        threads = [
            threading.Thread(target=race, args=(n, future, winners)) for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)

        assert winners == [future.get()]


def test_a_timeout_is_pykkas_and_pythons() -> None:
    """Who catches either catches it."""
    with pytest.raises(FutureTimeoutError) as caught:
        PooledFuture().get(timeout=0)

    assert isinstance(caught.value, pykka.Timeout)
    assert isinstance(caught.value, TimeoutError)
    assert str(caught.value) == "no reply within 0 seconds"


def test_a_callback_is_called_when_done() -> None:
    """By whoever sets the future."""
    future: PooledFuture[int] = PooledFuture()
    seen: list[int] = []
    future.when_done(lambda done: seen.append(done.get()))
    assert seen == []
    future.set(1)

    assert seen == [1]


def test_a_callback_on_a_done_future_is_called_at_once() -> None:
    """There is nothing to wait for."""
    future: PooledFuture[int] = PooledFuture()
    future.set(1)
    seen: list[int] = []
    future.when_done(lambda done: seen.append(done.get()))

    assert seen == [1]
