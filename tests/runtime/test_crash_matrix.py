"""Dying at every write to the log changes nothing about how an execution ends."""

from __future__ import annotations

import pytest

import actorflow as af
from actorflow.testing import Simulation, SimulationError


@af.activity
def double(x: int) -> int:
    """Return twice the value."""
    return x * 2


@af.activity(retry=af.Retry(max_attempts=3, initial=5))
def third_time_lucky(ctx: af.ActivityContext) -> int:
    """Fail twice."""
    if ctx.attempt < 3:
        raise ValueError("not yet")
    return ctx.attempt


@af.activity
def agent(ctx: af.ActivityContext) -> list[object]:
    """Record, wait, record, wait."""
    plan = ctx.record("plan", lambda: "the-plan")
    first = ctx.wait_signal("first", timeout=600)
    seen = ctx.record("seen", lambda: first)
    return [plan, seen, ctx.wait_signal("second")]


@af.activity
def item(x: int, ctx: af.ActivityContext) -> object:
    """Be an item that waits, one that fails once, or one that just returns."""
    if x == 2:
        return ctx.wait_signal("item")
    if x == 3 and ctx.attempt == 1:
        raise ConnectionError("once")
    return x


@af.activity
def refuse() -> None:
    """Fail for good."""
    raise PermissionError("no")


@af.activity
def pick_up(error: dict[str, object]) -> object:
    """Return the class of a caught failure."""
    return error["type"]


LINE = af.Workflow(
    "line",
    inputs=[af.Input("n")],
    steps=[
        af.Step(
            name,
            activity=double,
            parameters={"x": f"${{{source}}}"},
            store=name,
            next=[af.Edge(after)] if after else [],
        )
        for name, source, after in [
            ("a", "inputs.n", "b"),
            ("b", "state.a", "c"),
            ("c", "state.b", None),
        ]
    ],
    outputs=[af.Output("c")],
)

EVERYTHING = af.Workflow(
    "everything",
    steps=[
        af.Step(
            "begin",
            activity=double,
            parameters={"x": 1},
            next=[
                af.Edge("talk", branch="talker"),
                af.Edge("nap", branch="sleeper"),
                af.Edge("meet", branch="final"),
            ],
        ),
        af.Step("talk", activity=agent, store="said", next=[af.Edge("try")]),
        af.Step("try", activity=third_time_lucky, store="tries"),
        af.Step("nap", sleep="1h", next=[af.Edge("wait")]),
        af.Step(
            "wait",
            wait_signal=af.WaitSignal(topic="go", store="go"),
            next=[af.Edge("look")],
        ),
        af.Step("look", pause="have a look", next=[af.Edge("fail")]),
        af.Step(
            "fail", activity=refuse, catch=[af.Catch(goto="caught", store="error")]
        ),
        af.Step(
            "caught",
            activity=pick_up,
            parameters={"error": "${state.error}"},
            store="caught",
            next=[af.Edge("few")],
        ),
        af.Step(
            "few",
            map=af.Map(over=[1, 2, 3, 4], activity=item, max_concurrency=2),
            retry=[af.Retry(max_attempts=2, on=[ConnectionError])],
            store="few",
            next=[af.Edge("many")],
        ),
        af.Step("many", map=af.Map(over=[1, 2, 3], activity=double), store="many"),
        af.Step(
            "meet",
            join=af.Join(
                branches=["talker", "sleeper"],
                mappings={
                    "talker.said": "said",
                    "talker.tries": "tries",
                    "sleeper.caught": "caught",
                    "sleeper.few": "few",
                    "sleeper.many": "many",
                },
            ),
        ),
    ],
    outputs=[
        af.Output(name, branch="final")
        for name in ("said", "tries", "caught", "few", "many")
    ],
)
SIGNALS = {"first": 1, "second": 2, "go": 3, "item": "I"}


def test_a_line_ends_the_same_whatever_crashes() -> None:
    """Three steps in a row survive a death before and after every write."""
    report = Simulation(LINE, inputs={"n": 1}).crash_everywhere()

    assert report.end.output == {"c": 8}
    assert report.points >= 8


def test_a_crash_in_a_line_repeats_nothing_recorded() -> None:
    """Without a crash every step is attempted once."""
    end = Simulation(LINE, inputs={"n": 1}).run()

    assert set(end.attempts.values()) == {1}


@pytest.mark.parametrize("seed", range(4))
def test_everything_ends_the_same_whatever_crashes(seed: int) -> None:
    """Waits, sleeps, pauses, retries, catches, maps and joins survive any death."""
    report = Simulation(EVERYTHING, seed=seed, signals=SIGNALS).crash_everywhere()

    assert report.end.output == {
        "said": ["the-plan", 1, 2],
        "tries": 3,
        "caught": "activity_failed",
        "few": [1, "I", 3, 4],
        "many": [2, 4, 6],
    }


def test_the_same_seed_gives_the_same_run() -> None:
    """Two runs from one seed agree to the last event."""
    first, second = (
        Simulation(EVERYTHING, seed=5, signals=SIGNALS).run() for _ in range(2)
    )

    assert first.events == second.events


def test_another_seed_gives_another_order() -> None:
    """The seed decides who is next."""
    orders = {
        tuple(
            recorded.address
            for recorded in Simulation(EVERYTHING, seed=seed, signals=SIGNALS)
            .run()
            .events
        )
        for seed in range(5)
    }

    assert len(orders) > 1


def test_a_failing_execution_fails_the_same_whatever_crashes() -> None:
    """How it fails does not depend on where the process died."""
    failing = af.Workflow(
        "failing",
        steps=[
            af.Step("ok", activity=double, parameters={"x": 1}, next=[af.Edge("no")]),
            af.Step("no", activity=refuse),
        ],
    )

    report = Simulation(failing).crash_everywhere()

    assert report.end.error == "activity_failed: no"


def test_an_execution_that_nothing_moves_is_reported() -> None:
    """A simulation says what is missing instead of hanging."""
    waiting = af.Workflow(
        "waiting", steps=[af.Step("w", wait_signal=af.WaitSignal(topic="never"))]
    )

    with pytest.raises(SimulationError, match="never"):
        Simulation(waiting).run()


def test_a_branch_name_is_used_once() -> None:
    """Who comes to a fork again cannot start a branch of the same name."""
    twice = af.Workflow(
        "twice",
        steps=[
            af.Step(
                "fork",
                activity=double,
                parameters={"x": 1},
                next=[af.Edge("work", branch="side"), af.Edge("again", branch="back")],
            ),
            af.Step("work", activity=double, parameters={"x": 2}),
            af.Step(
                "again", activity=double, parameters={"x": 3}, next=[af.Edge("fork")]
            ),
        ],
    )

    end = Simulation(twice).run()

    assert end.status == "failed"
    assert "branch names are used once" in (end.error or "")
