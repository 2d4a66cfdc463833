"""Kill the process at any instruction: the execution ends as it would have ended."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import Simulation
from tests.acceptance.crashing import RUN, Scene
from tests.acceptance.helpers import WAIT, Calls, answering, calling, events, python

pytestmark = pytest.mark.acceptance
SIGKILLED = -9


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return a folder in which a process can be killed."""
    return Scene(tmp_path)


def kill(
    scene: Scene, workflow: str, *, topic: str | None = None, last: int | None = None
) -> None:
    """Run a workflow in a process that kills itself on its way."""
    if last is None:
        scene.arm()
    script = (
        "from tests.acceptance.crashing import victim\n"
        f"victim({str(scene.db.parent)!r}, {workflow!r}, {topic!r}, {last!r})"
    )
    done = python(script)
    assert done.returncode == SIGKILLED, done.stderr


def resume(scene: Scene, wf: af.Workflow) -> Any:
    """Open the log again; return the output of the execution."""
    with af.Runtime(scene.db, definitions=[wf]) as rt:
        return rt.get(RUN).result(timeout=WAIT)


# --- killed --------------------------------------------------------------------------


def test_only_the_interrupted_step_runs_again(scene: Scene) -> None:
    """Killed in the fourth step, an execution repeats the fourth and no other."""
    kill(scene, "chain")
    resume(scene, scene.chain())

    assert scene.diary == ["a", "b", "c", "d", "d"]


def test_the_output_is_that_of_an_undisturbed_run(scene: Scene) -> None:
    """What earlier steps had returned is there after the restart."""
    kill(scene, "chain")

    assert resume(scene, scene.chain()) == {"a": "a", "b": "b", "c": "c", "d": "d"}


def test_only_unfinished_items_of_a_map_run_again(scene: Scene) -> None:
    """Killed in item 6 of 10, a map goes on with item 6."""
    kill(scene, "mapping")
    output = resume(scene, scene.mapping())

    assert (scene.diary, output) == (
        [*"0123456", *"6789"],
        [n * n for n in range(10)],
    )


def test_what_was_recorded_is_not_done_again(scene: Scene) -> None:
    """A charge that `ctx.record` had recorded is not charged by the second try."""
    kill(scene, "recording")
    resume(scene, scene.recording())

    assert scene.diary.count("charge") == 1


def test_the_second_try_has_the_same_idempotency_key(scene: Scene) -> None:
    """A step that is repeated after a crash can be recognised by the outside."""
    kill(scene, "recording")
    resume(scene, scene.recording())
    tries = [line for line in scene.diary if line.startswith("try-")]

    assert len(tries) == 2
    assert len(set(tries)) == 1


def test_a_signal_that_was_taken_is_not_lost(scene: Scene) -> None:
    """Killed right after a wait was over, an execution has the signal's payload."""
    kill(scene, "signalled", topic="go")

    assert resume(scene, scene.signalled()) == "hello"


def test_a_finished_branch_is_not_run_again(scene: Scene) -> None:
    """Killed in one branch, an execution joins what the other had found."""
    kill(scene, "forked", topic="go")
    output = resume(scene, scene.forked())

    assert (sorted(scene.diary), output) == (
        ["end", "left", "right", "right", "s"],
        {"l": "left", "r": "right"},
    )


@pytest.mark.parametrize("last", [1, 5])
def test_killed_after_an_event_it_goes_on_from_there(scene: Scene, last: int) -> None:
    """Whatever the last durable event was, the execution goes on behind it."""
    kill(scene, "chain", last=last)

    assert resume(scene, scene.chain()) == {"a": "a", "b": "b", "c": "c", "d": "d"}


def test_a_takeover_is_in_the_history(scene: Scene) -> None:
    """The log tells that another owner has gone on with what was in flight."""
    kill(scene, "chain")
    wf = scene.chain()
    with af.Runtime(scene.db, definitions=[wf]) as rt:
        rt.get(RUN).result(timeout=WAIT)

        assert len(events(rt, RUN, "ExecutionRecovered")) == 1


def test_the_log_of_a_killed_process_has_no_gap(scene: Scene) -> None:
    """Events are numbered on, over the crash, without a gap or a double."""
    kill(scene, "chain")
    wf = scene.chain()
    with af.Runtime(scene.db, definitions=[wf]) as rt:
        rt.get(RUN).result(timeout=WAIT)
        numbers = [recorded.seq for recorded in rt.history(RUN)]

    assert numbers == [*range(1, len(numbers) + 1)]


# --- left cleanly --------------------------------------------------------------------


def holding(calls: Calls, gate: Event, running: Event) -> af.Workflow:
    """Make a workflow whose second step is held until the gate opens."""

    def hold() -> str:
        running.set()
        assert gate.wait(timeout=WAIT)
        return calls("hold")

    return af.Workflow(
        name="w",
        steps=[
            af.Step("a", activity=calling(calls, "a"), next=[af.Edge("hold")]),
            af.Step("hold", activity=hold, store="x", next=[af.Edge("b")]),
            af.Step("b", activity=calling(calls, "b")),
        ],
        result="x",
    )


def test_closing_marks_nothing_failed(db: Path, calls: Calls) -> None:
    """An execution whose process stopped cleanly is still running in the log."""
    gate, running = Event(), Event()
    wf = holding(calls, gate, running)
    rt = af.Runtime(db, definitions=[wf])
    rt.start(wf, execution_id=RUN)
    assert running.wait(timeout=WAIT)
    gate.set()
    rt.close()
    with af.Runtime(db) as rt:
        assert rt.get(RUN).status in {"running", "completed"}


def test_what_was_running_goes_on_at_the_next_start(db: Path, calls: Calls) -> None:
    """An activity that was at work when the runtime closed is done after all."""
    gate, running = Event(), Event()
    wf = holding(calls, gate, running)
    rt = af.Runtime(db, definitions=[wf])
    rt.start(wf, execution_id=RUN)
    assert running.wait(timeout=WAIT)
    gate.set()
    rt.close()
    with af.Runtime(db, definitions=[wf]) as rt:
        assert rt.get(RUN).result(timeout=WAIT) == "hold"


def test_clean_stops_are_not_counted_as_deaths(db: Path, calls: Calls) -> None:
    """However often a service is deployed, a long activity is begun again."""
    gate, running = Event(), Event()
    wf = holding(calls, gate, running)
    for _ in range(7):
        running.clear()
        with af.Runtime(db, definitions=[wf]) as rt:
            rt.start(wf, execution_id=RUN)
            assert running.wait(timeout=WAIT)
    gate.set()
    with af.Runtime(db, definitions=[wf]) as rt:
        assert rt.get(RUN).result(timeout=WAIT) == "hold"

    assert calls.seen.count("a") == 1


def test_what_was_done_before_a_clean_stop_is_not_repeated(
    db: Path, calls: Calls
) -> None:
    """Only what was at work when the runtime closed may run again."""
    gate, running = Event(), Event()
    wf = holding(calls, gate, running)
    rt = af.Runtime(db, definitions=[wf])
    rt.start(wf, execution_id=RUN)
    assert running.wait(timeout=WAIT)
    gate.set()
    rt.close()
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.get(RUN).result(timeout=WAIT)

    assert (calls.seen.count("a"), calls.seen.count("b")) == (1, 1)


def test_closing_does_not_wait_for_an_activity_that_hangs(
    db: Path, calls: Calls
) -> None:
    """Leaving a runtime whose activity never returns comes to an end."""
    gate, running = Event(), Event()
    wf = holding(calls, gate, running)
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, execution_id=RUN)
        assert running.wait(timeout=WAIT)
    left = calls.seen.copy()
    gate.set()

    assert left == ["a"]


def test_a_waiter_is_told_that_the_runtime_has_closed(db: Path, calls: Calls) -> None:
    """Whoever waits for a result when the runtime closes gets an error, not silence."""
    gate, running = Event(), Event()
    wf = holding(calls, gate, running)
    rt = af.Runtime(db, definitions=[wf])
    run = rt.start(wf)
    assert running.wait(timeout=WAIT)
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(run.result, WAIT)
        rt.close()
        gate.set()

        assert isinstance(waiter.exception(timeout=WAIT), af.RuntimeClosedError)


def test_many_unfinished_runs_all_go_on(db: Path) -> None:
    """Opening a log goes on with every unfinished execution by itself."""
    broken = [True]

    def flaky(n: int) -> int:
        if broken:
            raise ConnectionError("down")
        return n

    wf = af.Workflow(
        name="w",
        inputs=[af.Input("n")],
        steps=[
            af.Step(
                "a",
                activity=flaky,
                parameters={"n": "${inputs.n}"},
                retry=af.Retry(max_attempts=99, initial=0.01, factor=1),
                store="x",
            )
        ],
        result="x",
    )
    with af.Runtime(db, definitions=[wf]) as rt:
        for n in range(30):
            rt.start(wf, n=n, execution_id=f"run-{n}")
    broken.clear()
    with af.Runtime(db, definitions=[wf]) as rt:
        outputs = [rt.get(f"run-{n}").result(timeout=WAIT) for n in range(30)]

    assert outputs == [*range(30)]


def test_opening_again_and_again_changes_nothing(db: Path, calls: Calls) -> None:
    """Restarts of a finished log append nothing."""
    wf = af.Workflow(name="w", steps=[af.Step("a", activity=calling(calls, "a"))])
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, execution_id=RUN).result(timeout=WAIT)
        head = len(list(rt.history(RUN)))
    for _ in range(3):
        with af.Runtime(db, definitions=[wf]) as rt:
            rt.get(RUN).result(timeout=WAIT)
    with af.Runtime(db) as rt:
        assert (len(list(rt.history(RUN))), calls.seen) == (head, ["a"])


def test_a_suspended_run_appends_nothing_when_it_is_opened(db: Path) -> None:
    """A restart leaves no trace in an execution that has nothing to do."""
    wf = af.Workflow(
        name="w", steps=[af.Step("s", wait_signal=af.WaitSignal(topic="go"))]
    )
    heads = []
    for _ in range(3):
        with af.Runtime(db, definitions=[wf]) as rt:
            rt.start(wf, execution_id=RUN).wait(timeout=WAIT)
            heads.append(len(list(rt.history(RUN))))

    assert len(set(heads)) == 1


# --- definitions over restarts -------------------------------------------------------


def version(number: int, **settings: Any) -> af.Workflow:
    """Make version *number* of a definition that waits first."""
    return af.Workflow(
        name="w",
        version=str(number),
        steps=[
            af.Step("s", wait_signal=af.WaitSignal(topic="go"), next=[af.Edge("a")]),
            af.Step("a", activity=answering(number), store="x"),
        ],
        result="x",
        **settings,
    )


def begin(db: Path, wf: af.Workflow) -> None:
    """Start *wf* and leave it suspended."""
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, execution_id=RUN).wait(timeout=WAIT)


def test_a_changed_definition_is_refused(db: Path) -> None:
    """An execution is not carried on by another definition of its name."""
    begin(db, version(1))
    new = version(2)
    with (
        af.Runtime(db, definitions=[new]) as rt,
        pytest.raises(af.DefinitionMismatch, match=RUN),
    ):
        rt.signal(RUN, "go")


def test_a_compatible_definition_carries_on(db: Path) -> None:
    """A definition that declares itself compatible takes over old executions."""
    old = version(1)
    begin(db, old)
    new = version(2, compatible_with=[old.fingerprint])
    with af.Runtime(db, definitions=[new]) as rt:
        rt.signal(RUN, "go")

        assert rt.get(RUN).result(timeout=WAIT) == 2


def test_a_restored_definition_carries_on(db: Path) -> None:
    """After a refusal nothing is lost: the old definition goes on as before."""
    begin(db, version(1))
    new = version(2)
    with (
        af.Runtime(db, definitions=[new]) as rt,
        pytest.raises(af.DefinitionMismatch),
    ):
        rt.start(new, execution_id=RUN)
    old = version(1)
    with af.Runtime(db, definitions=[old]) as rt:
        rt.signal(RUN, "go")

        assert rt.get(RUN).result(timeout=WAIT) == 1


def test_the_code_of_an_activity_may_change(db: Path) -> None:
    """New code of an activity runs in old executions; the graph is what must agree."""
    wf = version(1)
    begin(db, wf)
    fixed = af.Workflow(
        name="w",
        version="1",
        description="the activity was repaired",
        steps=[
            wf.steps[0],
            af.Step(
                "a", activity=answering("fixed"), store="x", retry=af.Retry(initial=0)
            ),
        ],
        result="x",
    )
    with af.Runtime(db, definitions=[fixed]) as rt:
        rt.signal(RUN, "go")

        assert rt.get(RUN).result(timeout=WAIT) == "fixed"


def test_without_its_definition_a_run_can_be_read(db: Path) -> None:
    """A runtime that knows no definitions still shows history and state."""
    begin(db, version(1))
    with af.Runtime(db) as rt:
        assert rt.state(RUN).status == "suspended"


def test_a_signal_reaches_a_run_whose_definition_is_not_here(db: Path) -> None:
    """A process without the definition may signal; who has it goes on."""
    wf = version(1)
    begin(db, wf)
    with af.Runtime(db) as rt:
        rt.signal(RUN, "go")
    with af.Runtime(db, definitions=[wf]) as rt:
        assert rt.get(RUN).result(timeout=WAIT) == 1


# --- everywhere ----------------------------------------------------------------------


def test_every_crash_point_gives_the_same_end() -> None:
    """A run with retry, fork, join and map ends the same wherever it is cut."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "s",
                activity=answering([1, 2, 3]),
                store="xs",
                next=[
                    af.Edge("each", branch="l"),
                    af.Edge("nap", branch="r"),
                    af.Edge("j", branch="final"),
                ],
            ),
            af.Step(
                "each",
                map=af.Map(over="state.xs", activity=lambda n: n * n),
                store="squares",
            ),
            af.Step("nap", sleep=60, next=[af.Edge("late")]),
            af.Step("late", activity=answering("late", "late"), store="x"),
            af.Step(
                "j",
                join=af.Join(
                    branches=["l", "r"],
                    mappings={"l.squares": "squares", "r.x": "late"},
                ),
            ),
        ],
        outputs=[
            af.Output("squares", branch="final"),
            af.Output("late", branch="final"),
        ],
    )

    Simulation(wf, seed=7).crash_everywhere()
