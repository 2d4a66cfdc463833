"""The same id is the same execution, whoever starts it and how often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import actorflow as af
from tests.acceptance.helpers import (
    WAIT,
    Calls,
    answering,
    boom,
    calling,
    double,
    echo,
    events,
)


def counting(calls: Calls) -> af.Workflow:
    """Make a workflow that counts how often it ran."""
    return af.Workflow(
        name="w",
        inputs=[af.Input("x", default=None)],
        steps=[
            af.Step(
                "n", activity=lambda: calls(len(calls)), store="n", next=[af.Edge("a")]
            ),
            af.Step("a", activity=echo, parameters={"value": "${inputs.x}"}, store="x"),
        ],
        result="*",
    )


WAITING = af.Workflow(
    name="waiting",
    inputs=[af.Input("x", default=None)],
    steps=[
        af.Step("s", wait_signal=af.WaitSignal(topic="go"), next=[af.Edge("a")]),
        af.Step("a", activity=echo, parameters={"value": "${inputs.x}"}, store="x"),
    ],
    result="x",
)


def test_the_same_id_runs_once(calls: Calls) -> None:
    """Starting an id twice is starting it once."""
    wf = counting(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        for _ in range(2):
            rt.start(wf, execution_id="o-42").result(timeout=WAIT)

    assert len(calls) == 1


def test_without_an_id_every_start_is_a_new_execution(calls: Calls) -> None:
    """Ids that are made up differ."""
    wf = counting(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        ids = {rt.start(wf).id for _ in range(20)}

    assert len(ids) == 20


def test_the_first_inputs_count(calls: Calls) -> None:
    """A second start of an id gives the execution as it was first started."""
    wf = counting(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        rt.start(wf, execution_id="o-42", x="first")

        assert (
            rt.start(wf, execution_id="o-42", x="second").result(timeout=WAIT)["x"]
            == "first"
        )


def test_many_threads_that_start_an_id_get_one_execution(calls: Calls) -> None:
    """A race of starts has one winner, and all see its result."""
    wf = counting(calls)
    with (
        af.Runtime(":memory:", definitions=[wf]) as rt,
        ThreadPoolExecutor(16) as pool,
    ):
        runs = [pool.submit(rt.start, wf, execution_id="o-42", x=n) for n in range(64)]
        outputs = [future.result().result(timeout=WAIT)["n"] for future in runs]

    assert outputs == [0] * 64


def test_a_restart_does_not_run_it_again(db: Path, calls: Calls) -> None:
    """An id that has ended gives its recorded output in the next process."""
    wf = counting(calls)
    outputs = []
    for _ in range(2):
        with af.Runtime(db, definitions=[wf]) as rt:
            run = rt.start(wf, execution_id="o-42", x=1)
            outputs.append(run.result(timeout=WAIT))

    assert (outputs, len(calls)) == ([{"n": 0, "x": 1}] * 2, 1)


def test_a_start_is_durable_when_it_returns(db: Path) -> None:
    """An execution that `start` has returned is in the log."""
    with af.Runtime(db, definitions=[WAITING]) as rt:
        rt.start(WAITING, execution_id="o-42")
    with af.Runtime(db) as rt:
        assert rt.get("o-42").id == "o-42"


def test_fail_refuses_an_id_that_is_taken(calls: Calls) -> None:
    """`on_conflict="fail"` raises for an id that exists, naming it."""
    wf = counting(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        rt.start(wf, execution_id="o-42")

        with pytest.raises(af.ExecutionExistsError, match="o-42"):
            rt.start(wf, execution_id="o-42", on_conflict="fail")


def test_fail_takes_an_id_that_is_free(calls: Calls) -> None:
    """`on_conflict="fail"` is no obstacle for a new id."""
    wf = counting(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf, execution_id="o-42", on_conflict="fail")

        assert run.result(timeout=WAIT) == {"n": 0, "x": None}


def test_restart_begins_an_ended_execution_anew(calls: Calls) -> None:
    """`on_conflict="restart"` runs an id again, with the new inputs."""
    wf = counting(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        rt.start(wf, execution_id="o-42", x=1).result(timeout=WAIT)
        again = rt.start(wf, execution_id="o-42", x=2, on_conflict="restart")

        assert again.result(timeout=WAIT) == {"n": 1, "x": 2}


def test_restart_ends_what_is_under_way() -> None:
    """`on_conflict="restart"` gives up what runs under the id."""
    with af.Runtime(":memory:", definitions=[WAITING]) as rt:
        rt.start(WAITING, execution_id="o-42", x=1).wait(timeout=WAIT)
        again = rt.start(WAITING, execution_id="o-42", x=2, on_conflict="restart")
        again.wait(timeout=WAIT)
        again.signal("go")

        assert again.result(timeout=WAIT) == 2


def test_restart_keeps_nothing_of_the_old_run() -> None:
    """Signals that the old execution was sent do not reach the new one."""
    with af.Runtime(":memory:", definitions=[WAITING]) as rt:
        run = rt.start(WAITING, execution_id="o-42")
        run.signal("other", 1)
        again = rt.start(WAITING, execution_id="o-42", on_conflict="restart")

        assert rt.state(again.id).signals == {}


def test_after_a_restart_there_is_one_execution_of_the_id() -> None:
    """Lists show the new execution under its id, once."""
    with af.Runtime(":memory:", definitions=[WAITING]) as rt:
        rt.start(WAITING, execution_id="o-42")
        rt.start(WAITING, execution_id="o-42", on_conflict="restart")

        assert [row.id for row in rt.list()].count("o-42") == 1


def test_restart_survives_a_restart_of_the_process(db: Path, calls: Calls) -> None:
    """The log says which run of an id is the current one."""
    wf = counting(calls)
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, execution_id="o-42", x=1).result(timeout=WAIT)
        rt.start(wf, execution_id="o-42", x=2, on_conflict="restart").result(
            timeout=WAIT
        )
    with af.Runtime(db, definitions=[wf]) as rt:
        assert rt.get("o-42").result(timeout=WAIT) == {"n": 1, "x": 2}


def test_restart_of_a_free_id_is_a_start(calls: Calls) -> None:
    """`on_conflict="restart"` needs nothing to restart."""
    wf = counting(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf, execution_id="o-42", on_conflict="restart")

        assert run.result(timeout=WAIT)["n"] == 0


def test_another_definition_under_an_id_is_a_mismatch(calls: Calls) -> None:
    """An id belongs to the definition it was started with."""
    wf = counting(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        rt.start(wf, execution_id="o-42")

        with pytest.raises(af.DefinitionMismatch, match="o-42"):
            rt.start(double, value=1, execution_id="o-42")


def test_a_mismatch_leaves_the_execution_alone() -> None:
    """A start that was refused changes nothing."""
    with af.Runtime(":memory:", definitions=[WAITING]) as rt:
        run = rt.start(WAITING, execution_id="o-42", x=1)
        with pytest.raises(af.DefinitionMismatch):
            rt.start(double, value=1, execution_id="o-42")
        run.signal("go")

        assert run.result(timeout=WAIT) == 1


def test_a_failed_execution_stays_as_it_is(calls: Calls) -> None:
    """Starting the id of a failed execution gives the failure, and runs nothing."""

    def breaking() -> None:
        calls("x")
        boom()

    wf = af.Workflow(name="w", steps=[af.Step("a", activity=breaking)])
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        rt.start(wf, execution_id="o-42").wait(timeout=WAIT)
        status = rt.start(wf, execution_id="o-42").wait(timeout=WAIT).status

    assert (status, len(calls)) == ("failed", 1)


def test_a_cancelled_execution_stays_as_it_is() -> None:
    """Starting the id of a cancelled execution does not revive it."""
    with af.Runtime(":memory:", definitions=[WAITING]) as rt:
        rt.start(WAITING, execution_id="o-42").cancel()
        run = rt.start(WAITING, execution_id="o-42")

        assert run.wait(timeout=WAIT).status == "cancelled"


def test_two_runtimes_on_one_file_run_an_id_once(db: Path, calls: Calls) -> None:
    """Of two that have the log open, one runs the execution, and both see its end."""
    wf = counting(calls)
    with (
        af.Runtime(db, definitions=[wf]) as one,
        af.Runtime(db, definitions=[wf]) as two,
    ):
        first = one.start(wf, execution_id="o-42", x=1)
        second = two.start(wf, execution_id="o-42", x=2)
        outputs = [run.result(timeout=WAIT) for run in (first, second)]

    assert (outputs, len(calls)) == ([{"n": 0, "x": 1}] * 2, 1)


def test_a_second_runtime_can_signal(db: Path) -> None:
    """A signal from another opening of the file reaches who owns the execution."""
    with (
        af.Runtime(db, definitions=[WAITING]) as one,
        af.Runtime(db, definitions=[WAITING]) as two,
    ):
        run = one.start(WAITING, execution_id="o-42", x=1)
        two.signal("o-42", "go")

        assert run.result(timeout=WAIT) == 1


def test_a_second_runtime_sees_the_state(db: Path) -> None:
    """Another opening of the file reads what the first has made durable."""
    with af.Runtime(db, definitions=[WAITING]) as one, af.Runtime(db) as two:
        one.start(WAITING, execution_id="o-42").wait(timeout=WAIT)

        assert two.get("o-42").wait(timeout=WAIT).status == "suspended"


@pytest.mark.parametrize("id", ["käse/brot", "a b", "x" * 300, "main[0]", "日本"])
def test_an_id_may_be_any_text(calls: Calls, id: str) -> None:
    """Ids come from the caller's world and need no escaping."""
    wf = counting(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        rt.start(wf, execution_id=id).result(timeout=WAIT)

        assert rt.get(id).status == "completed"


def test_attributes_are_kept_from_the_first_start(db: Path) -> None:
    """Search attributes are recorded with the execution and outlive the process."""
    with af.Runtime(db, definitions=[WAITING]) as rt:
        rt.start(WAITING, execution_id="o-42", attributes={"customer": "acme", "n": 3})
    with af.Runtime(db) as rt:
        assert [row.id for row in rt.list(where={"customer": "acme", "n": 3})] == [
            "o-42"
        ]


def test_lists_are_newest_first() -> None:
    """`list` begins with the execution that was started last."""
    wf = af.Workflow(name="w", steps=[af.Step("a", activity=answering(1))])
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        for n in range(5):
            rt.start(wf, execution_id=f"run-{n}")

        assert [row.id for row in rt.list()] == [f"run-{n}" for n in (4, 3, 2, 1, 0)]


def test_a_list_is_read_page_by_page() -> None:
    """`before` the last row of one page begins the next."""
    wf = af.Workflow(name="w", steps=[af.Step("a", activity=answering(1))])
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        for n in range(5):
            rt.start(wf, execution_id=f"run-{n}")
        page = rt.list(limit=2)
        rest = rt.list(limit=9, before=page[-1])

        assert [row.id for row in [*page, *rest]] == [
            f"run-{n}" for n in (4, 3, 2, 1, 0)
        ]


def test_starting_is_wanted_with_the_activity_of_a_step(calls: Calls) -> None:
    """An activity that is used in a graph can be started by itself as well."""
    step = calling(calls, "solo", 5)
    wf = af.Workflow(name="w", steps=[af.Step("a", activity=step)])
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        assert rt.start(step).result(timeout=WAIT) == 5


# --- forks ---------------------------------------------------------------------------


def first_step(rt: af.Runtime, run: af.ExecutionHandle) -> int:
    """Return the seq of the completion of the first step."""
    return int(events(rt, run.id, "ActivationCompleted")[0].seq)


def test_a_fork_does_not_repeat_its_past(calls: Calls) -> None:
    """A fork begins behind the event it was cut at; what came before is not run."""
    wf = counting(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf, x=7)
        run.result(timeout=WAIT)
        fork = rt.fork(run.id, at=first_step(rt, run), execution_id="fork")

        assert (fork.result(timeout=WAIT), len(calls)) == ({"n": 0, "x": 7}, 1)


def test_a_fork_leaves_the_original_alone(calls: Calls) -> None:
    """The history of the execution that was forked is as it was."""
    wf = counting(calls)
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf, x=7)
        run.result(timeout=WAIT)
        before = run.history()
        rt.fork(run.id, at=first_step(rt, run)).result(timeout=WAIT)

        assert run.history() == before


def test_a_fork_takes_another_turn() -> None:
    """The same past can have another future: another signal, another end."""
    wf = af.Workflow(
        name="w",
        steps=[af.Step("s", wait_signal=af.WaitSignal(topic="go", store="x"))],
        result="x",
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        at = len(run.history())
        run.signal("go", "left")
        first = run.result(timeout=WAIT)
        fork = rt.fork(run.id, at=at)
        fork.signal("go", "right")

        assert (first, fork.result(timeout=WAIT)) == ("left", "right")
