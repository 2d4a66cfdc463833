"""An agent that survives: it plans, uses tools side by side, and asks before it speaks.

Run it with ``python examples/agent.py``. The model is a few lines of Python here, and
so are the tools; put yours into `plan` and `TOOLS`. Give it the path of a log, kill it
whenever you like, and start it again: what a tool has found is not looked for again,
and a question that was put to somebody is still open.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from attrs import frozen

import actorflow as af

FACTS = {"height of K2": 8611, "height of Mont Blanc": 4806}
ROUNDS = 5
"""How often the agent may think, before it has to say what it knows."""


@frozen
class Use:
    """A tool that the model wants used."""

    tool: str
    argument: str


@frozen
class Thought:
    """What the model says next: tools that it wants used, or an answer."""

    uses: tuple[Use, ...] = ()
    answer: str | None = None


@frozen
class Verdict:
    """What a person says to an answer."""

    fine: bool
    remark: str = ""


@af.activity(retry=af.Retry(max_attempts=3, initial=1.0, on=ConnectionError))
def think(question: str, found: dict[str, int], remarks: list[str]) -> Thought:
    """Stand in for a model: look everything up, subtract, and answer in a sentence."""
    facts = [fact for fact in FACTS if fact.removeprefix("height of ") in question]
    missing = [fact for fact in facts if fact not in found]
    if missing:
        return Thought(uses=tuple(Use("look_up", fact) for fact in missing))
    higher, lower = sorted((found[fact] for fact in facts), reverse=True)
    difference = f"{higher} - {lower}"
    if difference not in found:
        return Thought(uses=(Use("subtract", difference),))
    politely = "I am glad to tell you: " if remarks else ""
    return Thought(answer=f"{politely}{found[difference]} metres")


@af.activity
def look_up(fact: str) -> int:
    """Find a fact."""
    say(f"looking up: {fact}")
    return FACTS[fact]


@af.activity
def subtract(numbers: str) -> int:
    """Subtract one number from another."""
    say(f"subtracting: {numbers}")
    one, other = numbers.split(" - ")
    return int(one) - int(other)


TOOLS = {"look_up": look_up, "subtract": subtract}


@af.dynamic
async def use(ctx: af.Context, wanted: Use) -> int | None:
    """Use one tool; what it cannot do is nothing that it has found."""
    try:
        return int(await ctx.run(TOOLS[wanted.tool], wanted.argument))
    except af.NodeFailed as error:
        ctx.log.warning("%s: %s", wanted.tool, error.cause.message)
        return None


@af.dynamic
async def agent(ctx: af.Context, question: str) -> str:
    """Think, use tools, and think again; answer when somebody has agreed to it."""
    found: dict[str, int] = {}
    remarks: list[str] = []
    for _ in range(ROUNDS):
        thought: Thought = await ctx.run(think, question, found, remarks)
        if thought.answer is None:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    (wanted, group.create_task(ctx.run(use, wanted)))
                    for wanted in thought.uses
                ]
            results = {wanted.argument: task.result() for wanted, task in tasks}
            found |= {key: value for key, value in results.items() if value is not None}
            await ctx.emit(results)
            continue
        prompt = f"Shall I answer {thought.answer!r}?"
        verdict: Verdict = await ctx.ask(prompt, schema=Verdict, id="answer")
        if verdict.fine:
            return thought.answer
        remarks.append(verdict.remark)
    raise af.ActivityError(f"no answer in {ROUNDS} rounds", type="no_answer")


def say(line: str) -> None:
    """Tell whoever watches, at once and in one piece: tools work side by side."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(log: str | Path = ":memory:") -> None:
    """Ask the agent, or go on where it was; its question is put on the terminal."""
    question = "How much higher is K2 than Mont Blanc?"
    with af.Runtime(log, [agent]) as rt:
        run = rt.start(agent, question, execution_id="heights")
        while run.wait().status == "suspended":
            [asked] = rt.questions(run.id)
            say(f"{asked.prompt} (Enter for yes, or what is wrong with it)")
            remark = sys.stdin.readline().strip()
            rt.answer(run.id, asked.id, Verdict(not remark, remark))
        say(run.result())


if __name__ == "__main__":
    main(*sys.argv[1:])
