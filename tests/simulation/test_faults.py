"""A simulation with faults: exact, thorough, and able to show what went wrong."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

import actorflow as af
from actorflow.errors import SettingError
from actorflow.testing import (
    Action,
    Answer,
    Cancel,
    End,
    Faults,
    Pause,
    Resume,
    Retry,
    Signal,
    Simulation,
    SimulationError,
)
from actorflow.testing.faults import KINDS, Fate
from tests.runtime.test_crash_matrix import EVERYTHING, SIGNALS

ALL = Faults(
    crash=0.1,
    log=0.1,
    steal=0.1,
    lost=0.1,
    double=0.2,
    nudge=0.3,
    late=0.2,
    stall=0.1,
    jump=0.1,
    most=30,
)


def simulation(seed: int = 0) -> Simulation:
    """Simulate a workflow in which there is one of everything."""
    return Simulation(EVERYTHING, signals=SIGNALS, seed=seed)


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_reproduces_a_run_to_the_last_turn(seed: int) -> None:
    """The same events, at the same times, and the same turns, faults and all."""
    first, second = (simulation(seed).run(faults=ALL) for _ in range(2))

    assert first == second
    assert first.trace == second.trace


def test_another_seed_gives_another_interleaving() -> None:
    """No two of eight runs took the same turns."""
    traces = {simulation(seed).run().trace for seed in range(8)}

    assert len(traces) == 8


def test_the_faults_of_a_run_can_be_had_again() -> None:
    """What `End.faults` names is what `faults=` takes."""
    chosen = simulation(3).run(faults=ALL)
    again = simulation(3).run(faults=chosen.faults)

    assert len(chosen.faults) > 5
    assert (again.faults, again.trace) == (chosen.faults, chosen.trace)


def test_every_kind_of_fault_happens_and_none_changes_the_end() -> None:
    """Crashes, a failing log, thieves, lost and late results, clocks that jump."""
    report = simulation().survive(25, faults=ALL)

    assert set(report.faults) == set(KINDS)
    assert report.end.status == "completed"


def test_live_state_is_compared_with_replayed_state_all_along() -> None:
    """At nearly every write there is a moment at which nothing is on its way."""
    end = simulation().run()

    assert end.compared >= end.writes / 2


def test_a_death_after_any_turn_changes_nothing() -> None:
    """Not only at writes: between any two turns of actors and activities."""
    flow = af.Flow("f").map("m", lambda n: n + 1, over=[1, 2]).sleep(5).output("m")

    report = Simulation(flow).crash_everywhere(turns=True)

    assert report.end.output == [2, 3]
    assert report.points > 30


# -- a run that goes wrong -------------------------------------------------------------


def counting() -> Simulation:
    """Simulate what is not repeatable: it tells how often it was begun."""
    begun: Counter[str] = Counter()

    @af.activity
    def count(ctx: af.ActivityContext) -> int:
        begun["all"] += 1
        return begun["all"]

    def start() -> int:
        begun.clear()
        return 0

    return Simulation(af.Flow("f").then(start).then(count).output("count"))


def test_a_failing_run_names_its_seed_and_the_one_fault_it_takes() -> None:
    """Of all faults that happened, only the one that makes the difference is named."""
    with pytest.raises(SimulationError) as raised:
        counting().survive(60, faults=Faults(crash=0.3, nudge=0.5, double=0.5))

    found = re.search(r"seed=(\d+)\)\.run\(faults=\['([^']+)'\]\)", str(raised.value))
    assert found is not None, raised.value
    assert found[2].startswith(("crash", "lost", "steal"))
    assert counting().run(faults=[found[2]]).outcome != counting().run().outcome


def test_an_execution_that_nothing_moves_shows_its_last_turns() -> None:
    """With what it waits for, and how to see it again."""
    flow = af.Flow("f").wait_signal("never")

    with pytest.raises(SimulationError, match=r"(?s)waits for never.*p1 .*seed=0"):
        Simulation(flow).run()


@pytest.mark.parametrize("name", ["crash", "crash before write", "explosion 3", ""])
def test_a_fault_that_does_not_exist_is_refused(name: str) -> None:
    """With those that do."""
    with pytest.raises(SettingError, match="crash before write N"):
        Simulation(af.Flow("f").sleep(1)).run(faults=[name])


def test_a_chance_must_be_one() -> None:
    """From 0 to 1."""
    with pytest.raises(SettingError, match="crash"):
        Faults(crash=2)


def test_fate_strikes_as_often_as_it_may() -> None:
    """No more than `most` in a run, and no more than `deaths` that end a process."""
    fate = Fate(0, Faults(crash=1, nudge=1, most=7, deaths=2))
    for _ in range(50):
        fate.strikes("crash before write")
        fate.strikes("nudge after turn")

    assert len(fate.struck) == 7
    assert sum("crash" in name for name in fate.struck) == 2


# -- the outside -----------------------------------------------------------------------


def acted(flow: af.Flow, *script: Action, **options: Any) -> End:
    """Run *flow* while the outside does what the script says, faults or not."""
    sim = Simulation(flow, script=script, **options)
    sim.survive(10, faults=Faults(stall=0, jump=0, late=0))
    return sim.run()


def test_a_question_is_answered() -> None:
    """By the answers, or by the script, when it is open."""
    flow = af.Flow("f").gate("ok").output("ok.approved")

    assert acted(flow, answers={"ok": True}).output is True
    assert acted(flow, Answer("ok", False)).output is False


def test_signals_come_when_the_script_says() -> None:
    """At a time, whether or not anybody waits yet."""
    flow = af.Flow("f").sleep(60).wait_signal("go").output("go")

    end = acted(flow, Signal("go", "early", at=5), Signal("go", "late", at=90))

    assert end.output == "early"


def test_a_pause_lasts_until_the_script_resumes() -> None:
    """And what sleeps meanwhile sleeps on."""
    flow = af.Flow("f").sleep(60).output()

    end = acted(flow, Pause(at=10), Resume(at=100))

    assert end.events[-1].time - end.events[0].time == 150


def test_a_script_cancels() -> None:
    """At a time."""
    end = acted(af.Flow("f").sleep(60), Cancel(at=10))

    assert end.status == "cancelled"


def test_a_script_retries_what_has_failed() -> None:
    """When it has."""
    broken = [True]

    @af.activity
    def mended() -> int:
        if broken.pop() if broken else False:
            raise ValueError("once")
        return 1

    end = Simulation(
        af.Flow("f").then(mended, into="r").output("r"), script=[Retry()]
    ).run()

    assert end.output == 1
