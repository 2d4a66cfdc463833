"""Snapshots of executions: they save reading what was continued away, no more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import actorflow as af
from actorflow.cli.checkup import examine
from actorflow.log.codec import Codec
from actorflow.log.memory import MemoryLog
from actorflow.log.sqlite import SQLiteLog
from actorflow.model import snapshots
from actorflow.model.events import Recorded
from actorflow.model.fold import apply
from actorflow.model.snapshots import dump, restore
from actorflow.model.state import ExecutionState
from actorflow.model.steps import BY_NAME
from actorflow.runtime.replay import fold
from actorflow.testing import Simulation, VirtualClock, runtime
from actorflow.testing.laws import check_same
from tests.dynamic.helpers import World, double, refuse
from tests.dynamic.test_continuing import summing
from tests.dynamic.test_replayer import FLOW
from tests.dynamic.test_updates import account


@af.dynamic
async def looping(ctx: af.Context, n: int, runs: int) -> int:
    """Call ten times a run, and wait at the end of the last."""
    for _ in range(10):
        n = await ctx.run(double, n) // 2 + 1
    if n < 10 * runs:
        ctx.continue_as_new(n, runs)
    await ctx.wait_signal("end")
    return n


@af.dynamic
async def catching(ctx: af.Context) -> Any:
    """Fail in several ways, with a parallel and items beside it."""

    async def quiet(node: Any, *args: Any) -> str:
        try:
            return str(await ctx.run(node, *args))
        except af.NodeFailed as error:
            return str(error.cause)

    done = await asyncio.gather(quiet(refuse), quiet(double, 2))
    items = await ctx.map(refuse, ["a", "b"], on_error="continue")
    return [done, [item.ok for item in items], await ctx.ask("ok?", id="ok")]


HISTORIES = {
    "continued": Simulation(summing, inputs={"left": 2}, signals={"number": [1, 2]}),
    "updates": Simulation(account, updates={"add": [1, -1], "close": None}),
    "flow": Simulation(FLOW, inputs={"x": 3}, signals={"word": "w"}),
    "failures": Simulation(catching, answers={"ok": True}),
}


def _folded(events: tuple[Recorded, ...]) -> ExecutionState:
    state = ExecutionState()
    for recorded in events:
        apply(state, recorded)
    return state


@pytest.mark.parametrize("simulation", HISTORIES.values(), ids=HISTORIES.keys())
def test_a_restored_state_is_the_state(simulation: Simulation) -> None:
    """After any event, by its text, and it goes on from there as the original does."""
    events, codec = simulation.run().events, Codec()
    for seq in range(1, len(events) + 1, 2):
        state = _folded(events[:seq])
        restored = restore(codec.loads(codec.dumps(dump(state))))
        check_same(restored, state)
        assert codec.dumps(dump(restored)) == codec.dumps(dump(state))
        for recorded in events[seq:]:
            apply(restored, recorded)
        check_same(restored, _folded(events))


class _Watched(MemoryLog):
    """A log that remembers how many events were read."""

    events_read = 0

    def read(
        self, stream: int, *, after: int = 0, until: int | None = None
    ) -> Iterator[Recorded]:
        """Count."""
        for recorded in super().read(stream, after=after, until=until):
            self.events_read += 1
            yield recorded


@pytest.mark.parametrize("runs", [20, 60])
def test_to_wake_a_loop_does_not_read_what_it_has_continued_away(runs: int) -> None:
    """However long it has run, it is loaded from a snapshot and the rest."""
    world = World()
    with world.process(looping) as rt:
        rt.start(looping, 0, runs, execution_id="n").wait()
        assert rt.row("n").head > 20 * runs
    log = _Watched(store=world.store, clock=world.clock.time)
    row = log.find("execution", "n")
    assert row is not None
    state = fold(log, row.id)
    assert log.events_read < 200
    check_same(state, _folded(tuple(log.read(row.id))))
    with world.process(looping) as rt:
        rt.signal("n", "end")
        assert rt.get("n").result() == 10 * runs


def test_checkpoints_of_the_past_are_the_same() -> None:
    """`at=` finds the snapshot before it, or begins at the first event."""
    world = World()
    with world.process(looping) as rt:
        rt.start(looping, 0, 30, execution_id="n").wait()
        events = tuple(rt.get("n").history())
        for at in (1, 50, 250, 500, len(events)):
            shown = rt.state("n", at=at).activations
            folded = _folded(events[:at]).activations
            assert {a: v.generation for a, v in shown.items()} == {
                a: v.generation for a, v in folded.items()
            }


def test_another_format_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another version has stored costs time, and nothing else."""
    world = World()
    with world.process(looping) as rt:
        rt.start(looping, 0, 20, execution_id="n").wait()
    monkeypatch.setattr(snapshots, "known_format", lambda: "execution/0")
    log = _Watched(store=world.store, clock=world.clock.time)
    row = log.find("execution", "n")
    assert row is not None
    fold(log, row.id)
    assert log.events_read == row.head
    with world.process(looping) as rt:
        rt.signal("n", "end")
        assert rt.get("n").result() == 200


def rounds(n: int) -> int:
    """Count."""
    return n + 1


def cycle() -> af.Workflow:
    """Return a graph that goes round, carries something, and waits at the end."""
    again = af.Edge("go", when="state.n < inputs.times")
    return af.Workflow(
        "cycle",
        inputs=[af.Input("times"), af.Input("ballast", default="")],
        state={"n": 0},
        steps=[
            af.Step(
                "go",
                activity=rounds,
                parameters=BY_NAME,
                store="n",
                next=[again, af.Edge("end", when="state.n >= inputs.times")],
            ),
            af.Step("end", wait_signal=af.WaitSignal(topic="end")),
        ],
        outputs=[af.Output("n")],
    )


@pytest.mark.parametrize("times", [600, 1200])
def test_to_wake_a_cycle_does_not_read_all_its_rounds(times: int) -> None:
    """However often it went round, no more is read than there is between snapshots."""
    world = World()
    with world.process(cycle()) as rt:
        rt.start("cycle", execution_id="n", times=times).wait()
    log = _Watched(store=world.store, clock=world.clock.time)
    row = log.find("execution", "n")
    assert row is not None
    assert row.head > 2 * times
    state = fold(log, row.id)
    assert log.events_read <= snapshots.EVERY
    check_same(state, _folded(tuple(log.read(row.id))))
    with world.process(cycle()) as rt:
        rt.signal("n", "end")
        assert rt.get("n").result() == {"n": times}


def test_what_a_state_carries_is_stored_seldom() -> None:
    """A byte of a snapshot is paid for by the events that it saves reading."""
    world = World()
    size = snapshots.BYTES * snapshots.EVERY
    with world.process(cycle()) as rt:
        for name, ballast in (("light", size // 4), ("heavy", 2 * size)):
            text = "x" * ballast
            rt.start("cycle", execution_id=name, times=600, ballast=text).wait()
    log = MemoryLog(store=world.store, clock=world.clock.time)
    stored = {}
    for name in ("light", "heavy"):
        row = log.find("execution", name)
        assert row is not None
        stored[name] = log.snapshot(row.id)

    assert stored["light"] is not None
    assert stored["heavy"] is None


def test_what_grows_twofold_with_every_join_is_not_written_down() -> None:
    """In memory its parts are shared; in text there would be no end of them."""
    count = 120
    steps: list[af.Step] = []
    for n in range(count):
        onward = [af.Edge(f"split{n + 1}")] if n + 1 < count else []
        apart = [
            af.Edge(f"left{n}", branch=f"l{n}"),
            af.Edge(f"right{n}", branch=f"r{n}"),
        ]
        steps += [
            af.Step(f"split{n}", decide=True, next=apart),
            af.Step(
                f"left{n}",
                activity=rounds,
                parameters={"n": n},
                next=[af.Edge(f"join{n}")],
            ),
            af.Step(f"right{n}", activity=rounds, parameters={"n": n}),
            af.Step(f"join{n}", join=af.Join(branches=[f"r{n}"]), next=onward),
        ]
    joins = af.Workflow("joins", steps=steps)
    with runtime(joins) as rt:
        run = rt.start(joins)
        run.wait()
        row = rt.row(run.id)
        assert row.status == "completed"
        assert row.head > snapshots.EVERY
        assert rt.log.snapshot(row.id) is None


def test_an_execution_as_large_as_its_past_has_none() -> None:
    """To store it would take as long as to read what it came from."""

    @af.dynamic
    async def node(ctx: af.Context) -> int:
        return sum(await ctx.map(double, range(200)))

    world = World()
    with world.process(node) as rt:
        rt.start(node, execution_id="n").result()
    log = MemoryLog(store=world.store, clock=world.clock.time)
    row = log.find("execution", "n")
    assert row is not None
    assert log.snapshot(row.id) is None


def test_large_states_are_stored_seldom() -> None:
    """All snapshots together have no more in them than the events had."""
    taken: list[int] = []

    class Counting(MemoryLog):
        def write(self, batch: Any) -> None:
            taken.extend(len(w.snapshot.data) for w in batch if w.snapshot)
            super().write(batch)

    @af.dynamic
    async def beating(ctx: af.Context, n: int = 0) -> None:
        await ctx.sleep(1)
        if n < 8:
            ctx.continue_as_new(n + 1)

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        await ctx.map(beating, [0] * 40)

    clock = VirtualClock()
    with runtime(node, log=Counting(clock=clock.time), clock=clock) as rt:
        run = rt.start(node)
        run.result()
        events = rt.row(run.id).head
    assert taken
    assert sum(taken) < events


def test_crashes_with_snapshots_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored at every chance, they change nothing of what survives."""
    monkeypatch.setattr(snapshots, "LEAST", 0)
    simulation = Simulation(summing, inputs={"left": 3}, signals={"number": [1, 2, 3]})
    assert simulation.crash_everywhere().end.output == 12
    simulation.survive(10)


def test_the_doctor_compares_snapshots_with_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot that says something else is a finding."""
    path = tmp_path / "log.db"
    with af.Runtime(path, [looping], durability="process") as rt:
        rt.start(looping, 0, 20, execution_id="n").wait(timeout=20)
    with SQLiteLog(path, read_only=True) as log:
        assert not examine(log).damaged
        row = log.find("execution", "n")
        assert row is not None
        stored = log.snapshot(row.id)
        assert stored is not None
        state = restore(stored.data)
        state.forks += 1
        other = attrs.evolve(stored, data=dump(state))
        monkeypatch.setattr(log, "snapshot", lambda _: other)
        (finding,) = examine(log).findings
    assert "not what the events before it lead to" in finding.message
