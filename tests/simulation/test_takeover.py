"""Executions that pass from process to process, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

import actorflow as af
from actorflow.actors.clock import VirtualClock
from actorflow.actors.future import PooledFuture
from actorflow.log.memory import MemoryLog
from actorflow.log.memory_store import MemoryStore
from actorflow.runtime.context import CREDIT
from actorflow.runtime.errands import Lost, Renew, Route
from actorflow.runtime.messages import Command, Settle
from actorflow.testing import runtime


@af.activity(retry=af.Retry(max_attempts=2, initial=60, jitter=0))
def second_time(ctx: af.ActivityContext) -> int:
    """Fail once."""
    if ctx.attempt == 1:
        raise ConnectionError("not yet")
    return ctx.attempt


BUSY = af.Flow("busy").then(second_time, into="r").output("r").build()
RESTING = af.Flow("resting").sleep(60).wait_signal("go").output("go").build()


@contextmanager
def robbed(flow: Any) -> Iterator[tuple[af.Runtime, af.ExecutionHandle]]:
    """Give a process that was thought dead; its successor is dead by now."""
    store, clock = MemoryStore(), VirtualClock()
    log = MemoryLog(store=store, clock=clock.time)
    with runtime(flow, log=log, clock=clock) as rt:
        run = rt.start(flow, execution_id="x")
        rt.clock.advance(1)
        thief = MemoryLog(store=store, clock=lambda: clock.time() + 3600)
        thief.claim("execution", "x")
        thief.abandon()
        yield rt, run


def test_an_execution_comes_back_to_the_process_that_had_lost_it() -> None:
    """It takes it up from the log, although it still has it in memory."""
    with robbed(BUSY) as (rt, run):
        rt._directory.put(Renew())
        rt.clock.advance(120)

        assert run.result() == 2


def test_a_process_that_was_late_forgets_what_was_taken_from_it() -> None:
    """Else it would answer from memory what it knows nothing of any more."""
    store, clock = MemoryStore(), VirtualClock()
    log = MemoryLog(store=store, clock=clock.time)
    with runtime(RESTING, log=log, clock=clock) as rt:
        taken = rt.start(RESTING, execution_id="taken")
        rt.start(RESTING, execution_id="kept")
        rt.clock.advance(1)
        clock.move(20)  # it stands still for longer than its lease
        thief = MemoryLog(store=store, clock=clock.time)
        thief.claim("execution", "taken")
        rt._directory.put(Renew())
        rt.clock.advance(0.01)
        directory: Any = rt._directory.actor

        assert set(directory._runs) == {"kept"}
        taken.signal("go")  # it goes to whoever has it
        assert [row.command for row in thief.inbox()] == ["signal"]


@pytest.mark.parametrize("looks_first", [True, False])
def test_a_rest_is_gone_on_with_by_the_process_that_had_lost_it(
    looks_first: bool,  # noqa: FBT001
) -> None:
    """Its time comes, and its signal."""
    with robbed(RESTING) as (rt, run):
        if looks_first:
            rt._directory.put(Renew())
        rt.clock.advance(120)
        for _ in range(2):  # by the first it may learn that it is stale
            with suppress(af.ActorflowError):
                run.signal("go", "now", key="k")

        assert run.result() == "now"


def test_an_activity_of_a_lost_execution_is_not_kept_waiting() -> None:
    """What it emits will never be durable, and its thread is needed for others."""
    store, clock = MemoryStore(), VirtualClock()
    told: list[BaseException] = []

    @af.activity
    def speak(ctx: af.ActivityContext) -> None:
        thief = MemoryLog(store=store, clock=lambda: clock.time() + 3600)
        thief.claim("execution", "x")
        try:
            for number in range(CREDIT):
                ctx.emit(number)
        except af.FencedError as error:
            told.append(error)

    flow = af.Flow("speaks").then(speak)
    with runtime(flow, log=MemoryLog(store=store, clock=clock.time), clock=clock) as rt:
        rt.start(flow, execution_id="x")
        clock.advance(1)

        assert told


def test_a_command_behind_other_mail_finds_where_the_execution_is_now() -> None:
    """Its caller need not know that it was taken over while the command was waiting."""
    with robbed(RESTING) as (rt, run):
        directory = rt._directory.actor
        assert directory is not None
        known, ref = directory._runs[run.id]
        ref.put(Settle())  # the actor has left when it comes to the command
        known.actors.clear()
        reply: PooledFuture[None] = PooledFuture()
        rt._directory.put(Route(run.id, Command("pause", {}, None, reply)))
        rt._directory.put(Lost(known.stream, af.FencedError(run.id, 1)))
        rt.clock.advance(1)

        assert reply.get() is None
        assert run.status == "paused"
