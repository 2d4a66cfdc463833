"""What comparable engines get wrong about people, pauses and retries."""

from __future__ import annotations

import asyncio
from typing import Any

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.testing import Replayer, runtime
from tests.dynamic.helpers import Counted, World, addresses, double, survives

AGAIN = af.Retry(max_attempts=3, initial=5)


def test_a_retried_node_does_not_ask_again() -> None:
    """What a person has answered outlives the attempt; signals are waited for anew."""
    counted = Counted(failing={"work": 2})
    work = counted.activity("work")

    @af.dynamic(retry=AGAIN)
    async def node(ctx: af.Context) -> list[Any]:
        name = await ctx.ask("Who?", schema=str, id="who")
        again = await ctx.ask("Who?", schema=str, id="who")
        await ctx.run(work)
        word = await ctx.wait_signal("word")
        return [name, again, word]

    world = World()
    with world.process(node) as rt:
        run = rt.start(node, execution_id="n")
        run.wait()
        rt.answer("n", "who", "Ada")
        run.wait()
        rt.answer("n", "who", "Grace")
        rt.clock.advance(100)
        assert run.wait().suspension.topics == ("word",)  # type: ignore[union-attr]
    with world.process(node) as rt:
        assert rt.questions() == []
        rt.signal("n", "word", 2)
        assert rt.get("n").result() == ["Ada", "Grace", 2]
        assert counted.calls["work"] == 3
        assert len([a for a in addresses(rt.get("n")) if "/ask:" in a]) == 2
    log = MemoryLog(store=world.store, clock=world.clock.time)
    assert Replayer(log).check(node) == 1


def test_a_signal_that_came_as_the_node_failed_is_kept() -> None:
    """The node had consumed it, and not learned of it: its next attempt does."""

    @af.dynamic(retry=AGAIN)
    async def node(ctx: af.Context) -> Any:
        waiting = asyncio.create_task(ctx.wait_signal("word"))
        if await ctx.wait_signal("go") == "fail":
            raise ConnectionError("as asked")
        return await waiting

    world = World()
    with world.process(node) as rt:
        run = rt.start(node, execution_id="n")
        run.wait()
        rt.pause("n")
        run.signal("go", "fail")
        run.signal("word", "once")
        rt.resume("n")
        rt.clock.advance(10)
    with world.process(node) as rt:
        rt.signal("n", "go", "on")
        assert rt.get("n").result() == "once"
    log = MemoryLog(store=world.store, clock=world.clock.time)
    assert Replayer(log).check(node) == 1


def test_what_was_told_survives_a_crash_anywhere() -> None:
    """Between the answer, the failure and the next attempt, at every write."""

    @af.activity
    def fails(ctx: af.ActivityContext, _: str) -> None:
        raise ConnectionError(ctx.address)

    @af.dynamic
    async def inner(ctx: af.Context) -> str:
        answer: str = await ctx.ask("Who?", id="who")
        await ctx.run(fails, answer)
        return answer

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        try:
            return str(await ctx.run(inner.options(retry=AGAIN)))
        except af.NodeFailed as error:
            return f"{error.cause.type} after {await ctx.ask('Why?', id='why')}"

    answers = {"who": "Ada", "why": "nobody knows"}
    assert survives(node, answers=answers) == "activity_failed after nobody knows"


def test_another_question_is_asked_anew() -> None:
    """Only the same question, under the same id, has been answered before."""
    counted = Counted(failing={"work": 1})
    work = counted.activity("work")

    @af.dynamic(retry=AGAIN)
    async def node(ctx: af.Context) -> Any:
        tried = await ctx.run(double, counted.calls.get("work", 0))
        answer = await ctx.ask(f"After {tried}?", id="q")
        await ctx.run(work)
        return answer

    with runtime(node) as rt:
        run = rt.start(node)
        for word in ("old", "new"):
            run.wait()
            rt.answer(run.id, "q", word)
            rt.clock.advance(10)
        assert run.result() == "new"


def test_questions_of_a_failed_attempt_are_not_open_any_more() -> None:
    """An attempt that fails takes what it has asked with it; the next one asks."""
    counted = Counted(failing={"work": 1})
    work = counted.activity("work")

    @af.dynamic(retry=AGAIN)
    async def node(ctx: af.Context) -> Any:
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(ctx.ask("Well?", id="q"))
            group.create_task(ctx.run(work))
        return asked.result()

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.wait().suspension.questions == ("q",)  # type: ignore[union-attr]
        assert counted.calls["work"] == 2
        assert [each.id for each in rt.questions()] == ["q"]
        rt.answer(run.id, "q", 1)
        assert run.result() == 1


def _joined(*steps: af.Step) -> af.Workflow:
    names = [step.name for step in steps]
    edges = [*(af.Edge(n, branch=n) for n in names), af.Edge("both", branch="final")]
    join = af.Join(branches=names, mappings={f"{n}.said": n for n in names})
    return af.Workflow(
        name="joined",
        steps=[
            af.Step("start", activity=double, parameters={"x": 1}, next=edges),
            *steps,
            af.Step("both", join=join),
        ],
        outputs=[af.Output(name, branch="final") for name in names],
    )


def _question(name: str) -> af.Step:
    return af.Step(name, ask=af.Ask(prompt=f"{name}?"), store="said")


def test_a_join_fires_although_the_others_were_there_before_the_pause() -> None:
    """A asks, B has completed long before; the answer comes in another process."""
    done = af.Step("b", activity=double, parameters={"x": 2}, store="said")
    definition, world = _joined(_question("a"), done), World()
    with world.process(definition) as rt:
        rt.start(definition, execution_id="n").wait()
    with world.process(definition) as rt:
        rt.answer("n", "a", True)
        output = rt.get("n").result()
        assert (output["a"]["approved"], output["b"]) == (True, 4)
        completed = addresses(rt.get("n"), "ActivationCompleted")
        assert len([each for each in completed if each.endswith("/both")]) == 1


def test_a_join_of_two_who_ask_fires_once_with_both() -> None:
    """Whoever is answered first."""
    for order in (["a", "b"], ["b", "a"]):
        definition = _joined(_question("a"), _question("b"))
        with runtime(definition) as rt:
            run = rt.start(definition)
            run.wait()
            for name in order:
                rt.answer(run.id, name, name == "a")
            output = run.result()
            assert [output[n]["approved"] for n in "ab"] == [True, False]


def test_a_child_gives_what_it_says_it_gives() -> None:
    """A result that is not of the annotated type is an error where it is used."""

    @af.dynamic
    async def child(ctx: af.Context) -> int:
        return "no number"  # type: ignore[return-value]

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        try:
            return f"got {await ctx.run(child)!r}"
        except (af.UnreadableError, af.NodeFailed) as error:
            return type(error).__name__

    with runtime(node) as rt:
        assert rt.start(node).result() in ("UnreadableError", "NodeFailed")
