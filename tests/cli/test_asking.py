"""`actorflow ask` and `query`: updates and queries from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import actorflow as af
from tests.cli.conftest import Command


def _positive(amount: int) -> None:
    if amount <= 0:
        raise ValueError("amount must be positive")


@af.dynamic
async def account(ctx: af.Context) -> None:
    """Add up what is asked for."""
    total = 0

    def add(amount: int) -> list[int]:
        nonlocal total
        total += amount
        return [total]

    ctx.on_update("add", add, _positive)
    ctx.on_query("total", lambda: total)
    ctx.on_query("plus", lambda more: total + more)
    await ctx.wait_signal("close")


@pytest.fixture(name="running")
def _running(db: Path) -> Iterator[af.Runtime]:
    """Have another process that runs execution ``a``."""
    with af.Runtime(db, [account]) as rt:
        rt.start(account, execution_id="a").wait(timeout=20)
        yield rt


def test_the_answer_is_printed(actorflow: Command, running: af.Runtime) -> None:
    """Plain for people, a document for programs; one key is one update."""
    first = actorflow("ask", "a", "add", "3", "--key", "k")
    again = actorflow("ask", "a", "add", "3", "--key", "k", "--json")

    assert (first.code, first.out.split()) == (0, ["[", "3", "]"])
    assert again.json == {"id": "a", "update": "add", "answer": [3]}
    assert running.ask("a", "add", 1, timeout=20) == [4]


def test_a_refusal_is_told(actorflow: Command, running: af.Runtime) -> None:
    """It exits 1 with the validator's reason, and nothing has changed."""
    refused = actorflow("ask", "a", "add", "0")
    unknown = actorflow("ask", "a", "remove")

    assert (refused.code, unknown.code) == (1, 1)
    assert "refuses 'add': amount must be positive" in refused.err
    assert "answers the update 'remove'" in unknown.err
    assert running.ask("a", "add", 1, timeout=20) == [1]


def test_what_cannot_be_asked_is_told(
    actorflow: Command, db: Path, running: af.Runtime
) -> None:
    """No log, no execution, no JSON, and an execution that has ended."""
    assert actorflow("ask", "b", "add").code == 4
    assert actorflow("ask", "a", "add", "much").code == 2
    assert actorflow("ask", "a", "add", "--db", str(db) + "x").code == 5
    running.cancel("a")
    ended = actorflow("ask", "a", "add", "1")
    assert (ended.code, "has ended" in ended.err) == (1, True)


def test_nobody_answers(actorflow: Command, db: Path) -> None:
    """Without a process that runs it, the update is recorded for the next."""
    with af.Runtime(db, [account]) as rt:
        rt.start(account, execution_id="a").wait(timeout=20)
    outcome = actorflow("ask", "a", "add", "3", "--timeout", "0", "--key", "k")
    with af.Runtime(db, [account]) as rt:
        assert rt.ask("a", "add", 3, key="k", timeout=20) == [3]

    assert outcome.code == 1
    assert "no answer within 0 s" in outcome.err


def test_a_query_is_answered_out_of_the_log(
    actorflow: Command, running: af.Runtime
) -> None:
    """Whoever runs the execution: the code given replays it, and says what it knows."""
    running.ask("a", "add", 3, timeout=20)
    code = ("--code", f"{__file__}:account")
    plain = actorflow("query", "a", "total", *code)
    document = actorflow("query", "a", "plus", "4", *code, "--json")

    assert (plain.code, plain.out) == (0, "3\n")
    assert document.json == {"id": "a", "query": "plus", "answer": 7}


def test_what_cannot_be_queried_is_told(
    actorflow: Command, running: af.Runtime
) -> None:
    """No such query, no code, other code, no such execution."""
    code = ("--code", f"{__file__}:account")
    assert "'plus', 'total'" in actorflow("query", "a", "nothing", *code).err
    assert actorflow("query", "a", "total").code == 2
    assert actorflow("query", "b", "total", *code).code == 4
    assert actorflow("query", "a", "plus", "x", *code).code == 2
    running.cancel("a")
    assert "has ended" in actorflow("query", "a", "total", *code).err
