"""What a type checker knows of the public names.  Never run: mypy reads it.

An unused ``type: ignore`` is an error, so each of them proves that the checker objects.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, assert_type

import actorflow as af


@af.activity
def bare(url: str, *, limit: int = 10) -> list[str]:
    """Keep the signature without parentheses."""
    return [url] * limit


@af.activity(timeout=5, retry=af.Retry(on=(OSError, "timeout")), executor="inline")
def configured(amount: int) -> float:
    """Keep the signature with a policy."""
    return amount / 2


@af.activity(timeout="1m30s", heartbeat_timeout=timedelta(seconds=5))
def durations_are_written_in_three_ways(amount: int) -> int:
    """Take them as seconds, as text and as what the standard library has."""
    return amount


@af.dynamic(timeout="10m")
async def for_a_while(ctx: af.Context) -> None:
    """Take them here as well."""


@af.activity(name="later")
async def later(amount: int) -> str:
    """Keep the signature of an `async def`."""
    return str(amount)


@af.activity
def with_context(ctx: af.ActivityContext, x: int) -> int:
    """Take the context as the first parameter."""
    return x if ctx.attempt else 0


def results() -> None:
    """A call gives what the function gives."""
    assert_type(bare("x", limit=3), list[str])
    assert_type(configured(3), float)
    soon: Coroutine[Any, Any, str] = later(3)
    soon.close()
    assert_type(bare.options(timeout=3)("x"), list[str])
    assert_type(bare.options(key="k").fn("x", limit=1), list[str])


def parameters() -> None:
    """A call takes what the function takes."""
    bare(3)  # type: ignore[arg-type]
    bare("x", 3)  # type: ignore[call-arg]
    configured()  # type: ignore[call-arg]
    configured(amount="x")  # type: ignore[arg-type]
    configured.options(timeout=1)("x")  # type: ignore[arg-type]
    with_context(3)  # type: ignore[call-arg, arg-type]


def settings() -> None:
    """A decorator's settings are known."""
    af.activity(executor="gpu")  # type: ignore[call-overload]
    af.activity(timout=5)  # type: ignore[call-overload]
    af.Retry(max_attempts="3")  # type: ignore[arg-type]
    af.Retry(initial="1m30s", max_delay=None, on=OSError, never="timeout")
    af.Catch()  # type: ignore[call-arg]
    af.RateLimit(5, per="1m")
    af.ConcurrencyLimit(5, name="db")


def activities(plain: Callable[[int], str]) -> None:
    """An activity is one of its parameters and its result."""
    made = af.activity(plain)
    typed: af.Activity[[int], str] = made
    wrong: af.Activity[[str], str] = made  # type: ignore[assignment]
    assert_type(typed(3), str)
    assert_type(wrong.name, str)


def graphs() -> None:
    """A graph takes lists and callables, and gives itself."""
    step = af.Step(
        "a",
        activity=bare,
        next=[af.Edge("b", when=lambda state: state["x"] > 1), af.Edge("c")],
        catch=[af.Catch(goto="b")],
        sleep="1h",
    )
    workflow = af.Workflow("w", steps=[step], inputs=[af.Input("x", default=1)])
    assert_type(workflow.fingerprint, str)
    assert_type(workflow.steps, tuple[af.Step, ...])
    assert_type(workflow.may_start("a", "side"), bool)
    af.Step("a", next=["b"])  # type: ignore[list-item]
    af.Step("a", edges="most")  # type: ignore[arg-type]
    af.Workflow("w")  # type: ignore[call-arg]


def files() -> None:
    """A file is given by its path, or open."""
    assert_type(af.Workflow.load("w.yaml"), af.Workflow)
    assert_type(af.Workflow.load(Path("w.json")), af.Workflow)
    assert_type(af.Workflow.load(io.StringIO()), af.Workflow)
    assert_type(af.Workflow.load(io.BytesIO()), af.Workflow)
    assert_type(af.Workflow.loads("", name="x").to_yaml(), str)
    af.Workflow.load(3)  # type: ignore[arg-type]


def runs(runtime: af.Runtime) -> None:
    """An execution is known by its handle."""
    run = runtime.start(bare, "x", execution_id="e", limit=3)
    assert_type(run, af.ExecutionHandle)
    assert_type(run.wait(timeout=1), af.ExecutionResult)
    assert_type(run.status, str)
    runtime.start(bare, on_conflict="whatever")  # type: ignore[arg-type]


def handlers(ctx: af.Context) -> None:
    """A handler takes one value, and may be a coroutine function."""

    async def later(value: int) -> None:
        """Be awaited."""

    ctx.on_signal("topic", print)
    ctx.on_signal("topic", later)
    ctx.on_signal(3, print)  # type: ignore[arg-type]
    ctx.on_signal("topic")  # type: ignore[call-arg]
    ctx.on_signal("topic", 3)  # type: ignore[arg-type]
    ctx.on_update("add", later, validator=print)
    ctx.on_update("add", later, print, print)  # type: ignore[call-arg]
    ctx.on_query("count", lambda: 3)
    ctx.on_query(print)  # type: ignore[call-arg, arg-type]


async def runs_anew(ctx: af.Context) -> int:
    """It never returns, so nothing has to come after it."""
    await ctx.close_handlers()
    assert_type(ctx.calls_made, int)
    ctx.continue_as_new(3, total=4)


def asks(runtime: af.Runtime, run: af.ExecutionHandle) -> None:
    """What a handler returns has no type here."""
    assert_type(runtime.ask("e", "add", 3, key="k", timeout=None), Any)
    assert_type(run.ask("add", 3), Any)
    assert_type(run.query("count", 3, address="main/node"), Any)
    run.ask("add", 3, "k")  # type: ignore[call-arg]
    runtime.query("e")  # type: ignore[call-arg]
    run.ask("add", timeout="1m")  # type: ignore[arg-type]
