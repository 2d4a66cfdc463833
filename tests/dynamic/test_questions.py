"""People in the loop: questions, their answers, and what is no answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import attrs
import pytest

import actorflow as af
from actorflow.testing import Crash, runtime
from tests.dynamic.helpers import Counted, World, double


@attrs.frozen
class Decision:
    """What a person decides."""

    approved: bool
    limit: int = 0


@af.dynamic
async def publish(ctx: af.Context) -> Any:
    """Ask whether to."""
    await ctx.run(double, 1)
    return await ctx.ask("Publish?", schema=bool, id="publish")


def test_an_answer_is_what_ask_returns() -> None:
    """The node rests until somebody answers."""
    with runtime(publish) as rt:
        run = rt.start(publish)
        rest = run.wait().suspension
        assert rest is not None
        assert rest.questions == ("publish",)
        run.answer("publish", True)
        assert run.result() is True


def test_a_no_is_an_answer() -> None:
    """False, zero and nothing are given as they are."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return list(
            await asyncio.gather(
                ctx.ask("a?", schema=bool, id="a"),
                ctx.ask("b?", schema=int, id="b"),
                ctx.ask("c?", id="c"),
            )
        )

    with runtime(node) as rt:
        run = rt.start(node)
        run.wait()
        for question, value in (("a", False), ("b", 0), ("c", None)):
            run.answer(question, value)
        assert run.result() == [False, 0, None]


@pytest.mark.parametrize(
    ("schema", "bad", "good", "result"),
    [
        (bool, ["yes", 1, None, []], True, True),
        (int, ["1", 1.5, None], 3, 3),
        (float, ["x", None], 1.5, 1.5),
        (str, [1, None, ["a"]], "a", "a"),
        (list[int], ["a", ["a"], {"a": 1}], [1, 2], [1, 2]),
        (
            Decision,
            [True, {"approved": "perhaps"}, {"limit": 1}],
            {"approved": True, "limit": 5},
            [True, 5],
        ),
        (
            {
                "type": "object",
                "properties": {"n": {"type": "integer", "minimum": 1}},
                "required": ["n"],
            },
            [{"n": 0}, {}, 1],
            {"n": 2},
            {"n": 2},
        ),
        ({"enum": ["red", "green"]}, ["blue", 1], "red", "red"),
    ],
    ids=["bool", "int", "float", "str", "list", "attrs", "schema", "enum"],
)
def test_answers_are_checked(schema: Any, bad: Any, good: Any, result: Any) -> None:
    """A bad answer is refused and changes nothing; then a good one is taken."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        answer = await ctx.ask("Well?", schema=schema, id="q")
        if isinstance(answer, Decision):
            return [answer.approved, answer.limit]
        return answer

    with runtime(node) as rt:
        run = rt.start(node)
        run.wait()
        events = len(run.history())
        for value in bad:
            with pytest.raises(af.AnswerError):
                run.answer("q", value)
        assert run.status == "suspended"
        assert len(run.history()) == events
        run.answer("q", good)
        assert run.result() == result


def test_an_answer_may_be_given_as_the_object_itself() -> None:
    """An instance of the class asked for is an answer."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        decision = await ctx.ask("Well?", schema=Decision, id="q")
        return [type(decision) is Decision, decision.limit]

    with runtime(node) as rt:
        run = rt.start(node)
        run.wait()
        run.answer("q", Decision(approved=True, limit=7))
        assert run.result() == [True, 7]


def test_the_same_answer_twice_is_refused() -> None:
    """A duplicate is a clear error and changes nothing."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        answer = await ctx.ask("Publish?", schema=bool, id="publish")
        await ctx.wait_signal("go")
        return answer

    with runtime(node) as rt:
        run = rt.start(node)
        run.wait()
        run.answer("publish", True)
        run.wait()
        events = len(run.history())
        with pytest.raises(af.AnswerError, match="publish"):
            run.answer("publish", False)
        assert len(run.history()) == events
        run.signal("go")
        assert run.result() is True


def test_an_unknown_question_is_refused() -> None:
    """The error tells which questions there are."""
    with runtime(publish) as rt:
        run = rt.start(publish)
        run.wait()
        with pytest.raises(af.AnswerError, match="there are: publish"):
            run.answer("publsh", True)


def test_answering_what_has_ended_is_refused() -> None:
    """After the end there is nothing to answer."""
    with runtime(publish) as rt:
        run = rt.start(publish)
        run.wait()
        run.answer("publish", True)
        run.result()
        with pytest.raises(af.ExecutionEndedError):
            run.answer("publish", True)


def test_several_questions_are_answered_in_any_order() -> None:
    """Those that are still open are listed, the others are not."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        async with asyncio.TaskGroup() as tg:
            tasks = [
                tg.create_task(ctx.ask(f"{name}?", schema=int, id=name))
                for name in "abc"
            ]
        return [task.result() for task in tasks]

    world = World()
    with world.process(node) as rt:
        rt.start(node, execution_id="n").wait()
        assert [q.id for q in rt.questions("n")] == ["a", "b", "c"]
        rt.answer("n", "b", 2)
        rt.get("n").wait()
    with world.process(node) as rt:
        assert [q.id for q in rt.questions()] == ["a", "c"]
        rt.answer("n", "c", 3)
        rt.answer("n", "a", 1)
        assert rt.get("n").result() == [1, 2, 3]


def test_questions_tell_what_is_asked() -> None:
    """A list of questions is enough to show and answer them, after a restart too."""

    @af.dynamic
    async def node(ctx: af.Context, n: int) -> Any:
        return await ctx.ask(f"Number {n}?", schema=int, id="q")

    world = World()
    with world.process(node) as rt:
        for n in (1, 2):
            rt.start(node, execution_id=f"n{n}", n=n).wait()
    with world.process() as rt:
        asked = rt.questions()
    assert [(q.execution_id, q.id, q.prompt, q.schema) for q in asked] == [
        ("n2", "q", "Number 2?", "integer"),
        ("n1", "q", "Number 1?", "integer"),
    ]
    assert asked[0].address == "main/node/ask:q#1"


def test_a_question_without_an_id_is_named_by_its_place() -> None:
    """The name is the same in every replay."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return [await ctx.ask("First?"), await ctx.ask("Second?")]

    with runtime(node) as rt:
        run = rt.start(node)
        for n in (1, 2):
            run.wait()
            (question,) = rt.questions()
            assert question.id == f"main/node#{n}"
            run.answer(question.id, n)
        assert run.result() == [1, 2]


def test_the_same_id_can_be_asked_again() -> None:
    """Once it is answered, an id is free."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        answers: list[Any] = []
        while not (answers and answers[-1]):
            answers.append(await ctx.ask("Enough?", schema=bool, id="enough"))
        return answers

    with runtime(node) as rt:
        run = rt.start(node)
        for enough in (False, False, True):
            run.wait()
            run.answer("enough", enough)
        assert run.result() == [False, False, True]


def test_an_id_can_be_open_only_once() -> None:
    """Asking under an id that is open fails where it is asked."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(ctx.ask("One?", id="q"))
            tg.create_task(ctx.ask("Two?", id="q"))

    with runtime(node) as rt:
        error = rt.start(node).wait().error
    assert error is not None
    assert "'q'" in error.causes[0].message or "'q'" in error.message


def test_no_answer_in_time_is_the_default() -> None:
    """After the timeout the default is the answer, and nobody can answer any more."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        answer = await ctx.ask("Well?", schema=int, id="q", timeout=60, default=7)
        await ctx.wait_signal("go")
        return answer

    world = World()
    with world.process(node) as rt:
        run = rt.start(node, execution_id="n")
        rt.clock.advance(30)
        assert run.wait().suspension.questions == ("q",)  # type: ignore[union-attr]
    world.clock.advance(31)
    with world.process(node) as rt:
        rt.clock.advance(1)
        with pytest.raises(af.AnswerError):
            rt.answer("n", "q", 1)
        rt.signal("n", "go")
        assert rt.get("n").result() == 7


def test_a_question_is_left_like_any_call() -> None:
    """A timeout of asyncio's own closes the question."""

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        try:
            async with asyncio.timeout(60):
                return await ctx.ask("Well?", id="q")
        except TimeoutError:
            return await ctx.wait_signal("go")

    with runtime(node) as rt:
        run = rt.start(node)
        rt.clock.advance(61)
        assert rt.questions() == []
        run.signal("go", "went")
        assert run.result() == "went"


def test_questions_in_children_and_in_items() -> None:
    """Wherever it is asked, it is listed, and its answer goes there."""

    @af.dynamic
    async def item(ctx: af.Context, x: int) -> Any:
        await ctx.run(double, x)
        return [x, await ctx.ask(f"Item {x}?", schema=str, id=f"item-{x}")]

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        one = asyncio.create_task(ctx.run(item, 0))
        return [*await ctx.map(item, [1, 2]), await one]

    world = World()
    with world.process(node) as rt:
        rt.start(node, execution_id="n").wait()
    for n in (2, 0, 1):
        with world.process(node) as rt:
            rt.answer("n", f"item-{n}", "ok")
            rt.get("n").wait()
    with world.process(node) as rt:
        assert rt.get("n").result() == [[1, "ok"], [2, "ok"], [0, "ok"]]


def test_children_before_a_question_run_once() -> None:
    """What has been done before somebody is asked is not done again afterwards."""
    counted = Counted()
    work = counted.activity("work")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        first = await ctx.run(work, None)
        answer = await ctx.ask("Well?", id="q")
        return [first, answer]

    world = World()
    with world.process(node) as rt:
        rt.start(node, execution_id="n").wait()
    with world.process(node) as rt:
        rt.answer("n", "q", "yes")
        assert rt.get("n").result() == ["work", "yes"]
    assert counted.calls == {"work": 1}


def test_an_answer_survives_a_crash_right_after_it() -> None:
    """Whatever write the process dies at, an accepted answer is not asked for again."""
    for at in range(1, 8):
        world = World()
        accepted = False
        try:
            with world.dying(publish, at=at) as rt:
                run = rt.start(publish, execution_id="n")
                run.wait()
                run.answer("publish", True)
                accepted = True
                run.result()
        except (Crash, af.ActorflowError):
            pass
        with world.process(publish) as rt:
            run = rt.start(publish, execution_id="n")
            if run.wait().status == "suspended":
                assert not accepted
                run.answer("publish", True)
            assert run.result() is True


def test_another_process_answers(tmp_path: Path) -> None:
    """Through the inbox, while the execution runs in this one."""
    file = tmp_path / "log.db"
    with af.Runtime(file, [publish]) as rt, af.Runtime(file) as other:
        run = rt.start(publish, execution_id="n")
        run.wait(timeout=20)
        assert [q.id for q in other.questions()] == ["publish"]
        other.answer("n", "publish", True)
        assert run.result(timeout=20) is True


def test_a_gate_of_a_flow_inside_a_node() -> None:
    """Gates are questions, wherever their flow runs."""
    flow = af.Flow("flow").gate("refund").output("refund")

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        verdict = await ctx.run(flow)
        return verdict["approved"]

    with runtime(node) as rt:
        run = rt.start(node)
        run.wait()
        (question,) = rt.questions()
        assert question.address == "main/node/flow#1/main/refund"
        run.answer(question.id, False)
        assert run.result() is False
