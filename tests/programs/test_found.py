"""What random programs have found, each as small as it gets."""

from __future__ import annotations

import asyncio

import pytest

import actorflow as af
from actorflow.model import events as ev
from actorflow.model.fold import apply
from actorflow.model.state import ExecutionState
from actorflow.testing import Cancel, Faults, Pause, Resume, Simulation, runtime
from tests.programs.checking import Tally, check
from tests.programs.shapes import Charge, Each, Fail, Fork


def fail() -> None:
    """Fail."""
    raise ValueError("no")


def hear(ctx: af.ActivityContext) -> object:
    """Wait for a signal inside an activity."""
    return ctx.wait_signal("go")


@pytest.mark.parametrize("seed", range(10))
def test_a_flow_fails_when_what_is_left_of_it_begins_to_wait(seed: int) -> None:
    """One branch fails; the other is at work, and then only waits: nobody need come."""
    edges = [af.Edge("fail", branch="a"), af.Edge("hear", branch="b")]
    inner = af.Workflow(
        "inner",
        steps=[
            af.Step("fork", decide=True, next=edges),
            af.Step("fail", activity=fail),
            af.Step("hear", activity=hear),
        ],
    )

    assert Simulation(af.Flow("f").then(inner), seed=seed).run().status == "failed"


UNDONE: list[str] = []


def give_back(result: str) -> None:
    """Undo."""
    UNDONE.append(result)


@af.activity(compensate=give_back)
def take(what: str) -> str:
    """Do what can be undone."""
    return what


HELD = {"take": take}


@af.dynamic
async def by_name(ctx: af.Context) -> None:
    """Call what the code names."""
    await ctx.run(take, "money")


@af.dynamic
async def by_chance(ctx: af.Context) -> None:
    """Call what nobody could know that it is called."""
    await ctx.run(getattr(ctx, "no such thing", globals()["HELD"]["ta" + "ke"]), "it")


@pytest.mark.parametrize("seed", range(3))
def test_what_a_dynamic_node_has_done_is_undone_by_another_process(seed: int) -> None:
    """The node has ended: no process will learn from it again what it called."""
    simulation = Simulation(af.Flow("f").then(by_name).then(fail), seed=seed)

    events = simulation.crash_everywhere().end.events
    undone = [e for e in events if e.address.startswith("undo#")]
    assert type(undone[-1].event).__name__ == "ActivationCompleted"


def test_what_cannot_be_undone_because_it_is_unknown_says_so() -> None:
    """It is no defect of the engine, and the rest is undone."""
    end = Simulation(af.Flow("f").then(by_chance).then(fail)).run(
        faults=["crash after write 3"]
    )

    assert end.error == "activity_failed: no"
    [failed] = [
        e.event
        for e in end.events
        if e.address.startswith("undo#") and isinstance(e.event, ev.ActivationFailed)
    ]
    assert "activities=" in failed.error.message


def test_a_cancellation_that_is_asked_for_twice_is_recorded_once() -> None:
    """The second caller finds the end, and nothing is recorded after it."""

    @af.activity
    def slow(ctx: af.ActivityContext) -> None:
        ctx.record("begun", lambda: True)

    simulation = Simulation(af.Flow("f").then(slow), script=[Cancel(at=0)])

    report = simulation.survive(60, faults=Faults(crash=0.3, late=0.5))
    assert report.end.status == "cancelled"


@pytest.mark.parametrize("seed", range(3))
def test_a_node_that_is_executed_by_itself_is_undone_as_well(seed: int) -> None:
    """Not only as a step of a flow."""

    async def node(ctx: af.Context) -> None:
        await ctx.run(take, "money")
        await ctx.run(fail)

    whole = af.dynamic(name="whole")(node)
    end = Simulation(whole, seed=seed).crash_everywhere().end

    undone = [e.event for e in end.events if e.address.startswith("undo#")]
    assert isinstance(undone[-1], ev.ActivationCompleted)


def test_nobody_is_asked_for_what_can_help_no_more() -> None:
    """What waits in a flow that has failed waits for a retry alone."""
    edges = [af.Edge(name, branch=name) for name in ("fail", "ask", "hear", "sleep")]
    failing = af.Workflow(
        "failing",
        steps=[
            af.Step("fork", decide=True, next=edges),
            af.Step("fail", activity=fail),
            af.Step("ask", ask=af.Ask(id="lost")),
            af.Step("hear", wait_signal=af.WaitSignal(topic="lost")),
            af.Step("sleep", sleep=60),
        ],
    )
    patient = af.Flow("patient").gate("open")
    both = af.Flow("both").parallel("both", failing, patient)
    with runtime(both) as rt:
        run, question = rt.start(both), ""
        for _ in range(2):
            rest = run.wait().suspension
            assert rest is not None
            [question] = rest.questions
            assert question.endswith("open")
            assert (rest.topics, rest.wake_at) == ((), None)
            assert len(rt.questions()) == 1
            rt.clock.advance(3600)
        run.answer(question, True)
        with pytest.raises(af.ExecutionFailed):
            run.result()


def test_a_failure_is_owed_until_its_branch_has_reacted() -> None:
    """A process may die in between; whatever else waits, the next one has to go on."""
    edges = [af.Edge("fail", branch="a"), af.Edge("hear", branch="b")]
    failing = af.Workflow(
        "failing",
        steps=[
            af.Step("fork", decide=True, next=edges),
            af.Step("fail", activity=fail),
            af.Step("hear", wait_signal=af.WaitSignal(topic="never")),
        ],
    )
    state = ExecutionState()
    for recorded in Simulation(af.Flow("f").then(failing)).run().events:
        apply(state, recorded)
        failed = isinstance(recorded.event, ev.ActivationFailed)
        if failed and recorded.address == "main/failing":
            break

    assert (state.status, bool(state.waits)) == ("running", True)


def test_a_command_to_an_execution_that_was_taken_over_is_answered() -> None:
    """It was in the inbox of an actor that left memory with other mail before it."""
    body = af.activity(name="body")(lambda x: x)
    loop = af.Flow("loop", inputs=["x"]).loop(
        "l", body, until="iteration == 1", input="x", into="r"
    )
    simulation = Simulation(
        loop.output("r"),
        inputs={"x": 0},
        seed=2495,
        script=[Pause(at=0), Resume(at=1)],
    )
    faults = ["nudge after turn 12", "steal at write 2", "double result 2"]

    end = simulation.run(faults=[*faults, "crash after turn 44"])

    assert (end.status, end.output) == ("completed", 0)


def test_an_item_of_a_map_that_was_cancelled_with_its_map_ends_unheard() -> None:
    """Its end is on the way while another map, around its own, gives up."""

    @af.activity
    def odd(x: int) -> int:
        if x % 2:
            raise ValueError("odd")
        return x

    @af.dynamic
    async def inner(ctx: af.Context, x: int) -> None:
        await ctx.map(odd, [x, x + 1], on_error="wait")

    @af.dynamic
    async def outer(ctx: af.Context) -> None:
        await ctx.map(inner, [0, 1], on_error="fail_fast")

    ends = {Simulation(outer, seed=seed).run().status for seed in range(100)}

    assert ends == {"failed"}


def test_an_activity_whose_group_has_failed_is_told_so() -> None:
    """It asks for something after the failure, and before it is let go."""

    @af.activity
    def asking(ctx: af.ActivityContext) -> None:
        for key in "abc":
            ctx.record(key, lambda: 1)
        ctx.wait_signal("never")

    deep = af.Flow("deep").then(asking).build()

    @af.dynamic
    async def group(ctx: af.Context) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ctx.run(fail))
            tasks.create_task(ctx.run(deep))

    ends = {Simulation(group, seed=seed).run().status for seed in range(60)}

    assert ends == {"failed"}


def test_a_branch_that_ends_as_its_flow_is_left_ends_no_more() -> None:
    """That it had come to its end was on the way when the flow around it failed."""
    each = Each(part=Charge(0), size=2, on_error="wait", limit=None, style="flow")
    shape = Fork(style="flow", parts=[Fail(0), Fail(0), each])

    check(shape, 1, 370464, Tally())
