"""Callbacks, progress and the activity log: views of the log that cannot disagree."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.errors import LogError
from actorflow.log.memory import MemoryLog, MemoryStore
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing import runtime
from tests.acceptance.helpers import WAIT, boom, double, python


@af.activity
def first(value: int) -> int:
    """Return one more."""
    return value + 1


CHAIN = (
    af.Flow("chain", inputs=["value"])
    .then(first, into="value")
    .sleep(60)
    .then(double, into="value")
    .output("value")
    .build()
)


class Diary(af.Lifecycle):
    """Writes down every call: what, where, and how it went."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str, str]] = []
        self.told: list[af.Occurrence] = []

    def _write(self, what: str, of: af.Occurrence) -> None:
        self.seen.append((what, of.address, of.status))
        self.told.append(of)

    def execution_started(self, execution: af.Occurrence) -> None:
        """Write it down."""
        self._write("execution", execution)

    def execution_ended(self, execution: af.Occurrence) -> None:
        """Write it down."""
        self._write("execution", execution)

    def branch_started(self, branch: af.Occurrence) -> None:
        """Write it down."""
        self._write("branch", branch)

    def branch_ended(self, branch: af.Occurrence) -> None:
        """Write it down."""
        self._write("branch", branch)

    def step_started(self, step: af.Occurrence) -> None:
        """Write it down."""
        self._write("step", step)

    def step_ended(self, step: af.Occurrence) -> None:
        """Write it down."""
        self._write("step", step)

    def attempt_failed(self, step: af.Occurrence) -> None:
        """Write it down."""
        self._write("attempt", step)


WHOLE = [
    ("execution", "", "running"),
    ("branch", "main", "running"),
    ("step", "main/first", "running"),
    ("step", "main/first", "completed"),
    ("step", "main/sleep", "running"),
    ("step", "main/sleep", "completed"),
    ("step", "main/double", "running"),
    ("step", "main/double", "completed"),
    ("branch", "main", "completed"),
    ("execution", "", "completed"),
]


# --- subscribers ---------------------------------------------------------------------


def test_a_subscriber_is_called_with_every_event_in_order() -> None:
    """What it was called with is the history, without a gap."""
    seen: list[tuple[str, int]] = []
    with runtime(CHAIN) as rt:
        subscription = rt.subscribe("s", lambda id_, r: seen.append((id_, r.seq)))
        run = rt.start(CHAIN, value=1, execution_id="e")
        run.result()
        subscription.catch_up()

        assert seen == [("e", recorded.seq) for recorded in run.history()]


def test_a_position_that_is_damaged_is_not_believed(tmp_path: Path) -> None:
    """Where it came to is not in the events: rather nothing than a gap."""
    path = tmp_path / "log.db"
    with runtime(CHAIN, log=SQLiteLog(path)) as rt:
        rt.start(CHAIN, value=1).result()
        rt.subscribe("s", lambda *_: None, start="beginning").catch_up()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "UPDATE stream SET attributes = json_set(attributes, '$.position', 3) "
            "WHERE kind = 'subscriber'"
        )
    seen: list[int] = []
    with runtime(CHAIN, log=SQLiteLog(path)) as rt:
        subscription = rt.subscribe("s", lambda _, recorded: seen.append(recorded.seq))
        with pytest.raises(LogError, match="subscribe by another name"):
            subscription.catch_up()

    assert seen == []


def test_a_subscriber_is_called_on_a_runtime_with_threads() -> None:
    """The same, where everything happens at the same time."""
    seen: list[int] = []
    with af.Runtime(":memory:", definitions=[first]) as rt:
        subscription = rt.subscribe("s", lambda _, recorded: seen.append(recorded.seq))
        runs = [rt.start(first, value=n) for n in range(20)]
        for run in runs:
            run.result(timeout=WAIT)
        subscription.catch_up(timeout=WAIT)

        assert len(seen) == sum(len(run.history()) for run in runs)


@pytest.mark.parametrize("start", ["now", "beginning"])
def test_a_new_subscriber_begins_where_it_says(start: Any) -> None:
    """With what comes, or with all that was."""
    seen: list[int] = []
    with runtime(first) as rt:
        rt.start(first, value=1).result()
        subscription = rt.subscribe(
            "s", lambda _, recorded: seen.append(recorded.seq), start=start
        )
        subscription.catch_up()

    assert bool(seen) is (start == "beginning")


def test_a_subscriber_goes_on_where_it_was(db: Path) -> None:
    """Nothing is left out over a restart, and nothing is told twice."""
    seen: list[tuple[str, int]] = []

    def note(id_: str, recorded: af.Recorded) -> None:
        seen.append((id_, recorded.seq))

    with af.Runtime(db, definitions=[first]) as rt:
        rt.subscribe("s", note).catch_up(timeout=WAIT)
        rt.start(first, value=1, execution_id="a").result(timeout=WAIT)
    with af.Runtime(db, definitions=[first]) as rt:
        rt.start(first, value=1, execution_id="b").result(timeout=WAIT)
    with af.Runtime(db, definitions=[first]) as rt:
        rt.start(first, value=1, execution_id="c").result(timeout=WAIT)
        rt.subscribe("s", note).catch_up(timeout=WAIT)
        wanted = [(id_, r.seq) for id_ in "abc" for r in rt.history(id_)]

    assert seen == wanted


def test_what_a_process_did_not_tell_before_it_died_is_told_by_the_next(
    db: Path,
) -> None:
    """The position survives a kill; what was told last may come once more."""
    done = python(
        f"""
        import os
        import actorflow as af

        def note(id_, recorded):
            print(recorded.seq, flush=True)
            if recorded.seq == 3:
                os._exit(9)

        @af.activity
        def first(value: int) -> int:
            return value + 1

        with af.Runtime({str(db)!r}, definitions=[first]) as rt:
            rt.subscribe("s", note).catch_up()  # its place is kept by then
            rt.start(first, value=1, execution_id="e").result()
            rt.subscribe("t", note, start="beginning").catch_up()
        """
    )
    seen: list[int] = []
    with af.Runtime(db, definitions=[first]) as rt:
        rt.get("e").result(timeout=WAIT)
        rt.subscribe("s", lambda _, r: seen.append(r.seq)).catch_up(timeout=WAIT)
        wanted = [recorded.seq for recorded in rt.history("e")]

    assert done.returncode == 9
    assert seen[-1:] == wanted[-1:]
    assert sorted({*map(int, done.stdout.split()), *seen}) == wanted


def test_two_processes_call_a_subscriber_once() -> None:
    """Under one name, one of them is called; the other takes over when it is gone."""
    store = MemoryStore()
    seen: list[tuple[str, int]] = []
    with runtime(first, log=MemoryLog(store=store)) as one:
        subscription = one.subscribe("s", lambda _, r: seen.append(("one", r.seq)))
        subscription.catch_up()
        with runtime(first, log=MemoryLog(store=store)) as two:
            two.subscribe("s", lambda _, r: seen.append(("two", r.seq)))
            run = one.start(first, value=1)
            run.result()
            events = len(run.history())
            subscription.catch_up()
            assert [who for who, _ in seen] == ["one"] * events
            one.close()
            two.start(first, value=1).result()
            two.clock.advance(10)
            two.subscribe("t", lambda *_: None).catch_up()

    assert [who for who, _ in seen] == ["one"] * events + ["two"] * events


def test_a_subscriber_that_raises_is_called_with_the_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A failure of one's own is logged, and holds up nothing."""
    seen: list[int] = []

    def fail(_: str, recorded: af.Recorded) -> None:
        seen.append(recorded.seq)
        raise ValueError("not today")

    with runtime(first) as rt:
        subscription = rt.subscribe("s", fail)
        rt.start(first, value=1).result()
        subscription.catch_up()

    assert len(seen) > 2
    assert "subscriber 's' failed" in caplog.text


def test_a_subscriber_may_ask_the_runtime() -> None:
    """It may read, and start what follows."""
    with af.Runtime(":memory:", definitions=[first]) as rt:

        def follow_up(id_: str, recorded: af.Recorded) -> None:
            if id_ == "e" and type(recorded.event).__name__ == "ExecutionCompleted":
                rt.start(first, value=5, execution_id=f"{id_}-2")

        subscription = rt.subscribe("s", follow_up)
        rt.start(first, value=1, execution_id="e").result(timeout=WAIT)
        subscription.catch_up(timeout=WAIT)

        assert rt.get("e-2").result(timeout=WAIT) == 6


def test_a_slow_subscriber_holds_up_no_execution() -> None:
    """Executions go on while somebody takes his time over their events."""
    gate = threading.Event()
    with af.Runtime(":memory:", definitions=[first]) as rt:
        subscription = rt.subscribe("s", lambda *_: gate.wait(WAIT) and None)
        try:
            assert rt.start(first, value=1).result(timeout=WAIT) == 2
        finally:
            gate.set()
        subscription.catch_up(timeout=WAIT)


def test_a_closed_subscription_is_called_no_more() -> None:
    """And its place is kept for whoever comes next."""
    seen: list[int] = []
    with runtime(first) as rt:
        subscription = rt.subscribe("s", lambda _, r: seen.append(r.seq))
        subscription.catch_up()
        subscription.close()
        run = rt.start(first, value=1)
        run.result()
        missed = list(seen)
        rt.subscribe("s", lambda _, r: seen.append(r.seq)).catch_up()

        assert missed == []
        assert seen == [recorded.seq for recorded in run.history()]


@pytest.mark.parametrize(("name", "start"), [("", "now"), ("s", "now"), ("t", "soon")])
def test_a_subscription_that_makes_no_sense_is_refused(name: str, start: Any) -> None:
    """No name, one that is taken, or an unknown place to begin."""
    with runtime(first) as rt:
        rt.subscribe("s", lambda *_: None)
        with pytest.raises(af.SettingError):
            rt.subscribe(name, lambda *_: None, start=start)


# --- lifecycle callbacks -------------------------------------------------------------


def test_callbacks_come_in_the_order_of_the_log() -> None:
    """Every begin and every end, of the execution, its branches and its steps."""
    diary = Diary()
    with runtime(CHAIN) as rt:
        subscription = rt.subscribe("d", diary)
        rt.start(CHAIN, value=1).result()
        subscription.catch_up()

    assert diary.seen == WHOLE


def test_callbacks_do_not_come_again_on_resume(db: Path) -> None:
    """A restart in the middle is not told as a second beginning."""
    one, two = Diary(), Diary()
    with runtime(CHAIN, log=str(db)) as rt:
        subscription = rt.subscribe("d", one)
        rt.start(CHAIN, value=1, execution_id="e").wait()
        subscription.catch_up()
        clock = rt.clock
    with runtime(CHAIN, log=str(db), clock=clock) as rt:
        subscription = rt.subscribe("d", two)
        rt.get("e").result()
        subscription.catch_up()

    assert one.seen + two.seen == WHOLE


def test_a_callback_after_a_restart_knows_what_came_before(db: Path) -> None:
    """When it began, with what, and of which workflow: read from the log."""
    one, two = Diary(), Diary()
    with runtime(CHAIN, log=str(db)) as rt:
        rt.subscribe("d", one).catch_up()
        rt.start(CHAIN, value=1, execution_id="e").wait()
        clock = rt.clock
    with runtime(CHAIN, log=str(db), clock=clock) as rt:
        subscription = rt.subscribe("d", two)
        rt.get("e").result()
        subscription.catch_up()
    end = two.told[-1]

    assert (end.execution_id, end.workflow, end.result) == ("e", "chain", 4)
    assert end.input == {"value": 1}
    assert end.duration == 60


def test_callbacks_tell_failures_attempts_and_items() -> None:
    """Each in its place: a try that failed, an item, the step, the execution."""

    def flaky(item: int) -> int:
        if item == 2:
            raise ValueError("no twos")
        return item

    wf = af.Workflow(
        "w",
        steps=[
            af.Step(
                "each",
                map=af.Map(over=[1, 2], activity=flaky, max_concurrency=1),
                retry=af.Retry(max_attempts=2, initial=1),
            )
        ],
    )
    diary = Diary()
    with runtime(wf) as rt:
        subscription = rt.subscribe("d", diary)
        rt.start(wf).wait()
        subscription.catch_up()

    assert diary.seen[2:] == [
        ("step", "main/each", "running"),
        ("step", "main/each[0]", "running"),
        ("step", "main/each[0]", "completed"),
        ("step", "main/each[1]", "running"),
        ("attempt", "main/each[1]", "running"),
        ("step", "main/each[1]", "failed"),
        ("step", "main/each", "failed"),
        ("branch", "main", "failed"),
        ("execution", "", "failed"),
    ]
    assert diary.told[-1].error is not None
    assert "no twos" in diary.told[-1].error.message


def test_a_step_whose_input_cannot_be_made_is_told() -> None:
    """A failure before the activity begins is no silent one."""
    wf = af.Workflow(
        "w", steps=[af.Step("a", activity=first, parameters={"value": "${1 / 0}"})]
    )
    diary = Diary()
    with runtime(wf) as rt:
        subscription = rt.subscribe("d", diary)
        rt.start(wf).wait()
        subscription.catch_up()

    assert ("step", "main/a", "failed") in diary.seen


def test_a_retried_execution_is_told_to_its_end() -> None:
    """What failed, was tried again and went well has an end of each kind."""
    moods = iter(["bad", "good"])

    def moody() -> str:
        if (mood := next(moods)) == "bad":
            raise ValueError(mood)
        return mood

    diary = Diary()
    with runtime(moody) as rt:
        subscription = rt.subscribe("d", diary)
        run = rt.start(moody)
        run.wait()
        run.retry()
        run.result()
        subscription.catch_up()
    ends = [seen for seen in diary.seen if seen[2] in ("failed", "completed")]

    assert ends == [
        ("step", "main/moody", "failed"),
        ("branch", "main", "failed"),
        ("execution", "", "failed"),
        ("step", "main/moody", "completed"),
        ("branch", "main", "completed"),
        ("execution", "", "completed"),
    ]


def test_a_retried_map_is_told_to_its_end() -> None:
    """The items that run again begin again; those that are done do not."""
    refused = [2]

    def picky(item: int) -> int:
        if item in refused:
            raise ValueError(f"no {item}")
        return item

    wf = af.Workflow("w", steps=[af.Step("m", map=af.Map(over=[1, 2], activity=picky))])
    diary = Diary()
    with runtime(wf) as rt:
        subscription = rt.subscribe("d", diary)
        run = rt.start(wf)
        run.wait()
        refused.clear()
        run.retry()
        run.result()
        subscription.catch_up()
        retried = [o.result for o in run.activity_log() if o.address == "main/m[1]"]

    assert diary.seen.count(("step", "main/m[0]", "running")) == 1
    assert diary.seen.count(("step", "main/m[1]", "running")) == 2
    assert diary.seen[-3:] == [
        ("step", "main/m", "completed"),
        ("branch", "main", "completed"),
        ("execution", "", "completed"),
    ]
    assert retried == [None, 2]


@pytest.mark.parametrize("pages", [True, False])
def test_items_found_on_the_way_are_told(pages: bool) -> None:  # noqa: FBT001
    """Of a source that is read page by page, and of an iterator."""

    @af.activity
    def fetch(cursor: int | None) -> af.Page:
        number = cursor or 0
        return af.Page([number, number + 1], number + 2 if number < 2 else None)

    @af.activity
    def total(page: list) -> int:
        return sum(page)

    flow = af.Flow("f")
    if pages:
        flow = flow.paginate("m", fetch, each=total)
    else:
        flow = flow.map("m", double, over=lambda _: iter([0, 1, 2]))
    built = flow.build()
    diary = Diary()
    with runtime(built) as rt:
        subscription = rt.subscribe("d", diary)
        run = rt.start(built)
        run.result()
        subscription.catch_up()
        items = [
            (o.input, o.result) for o in run.activity_log() if o.address[-1] == "]"
        ]

    assert items == ([([0, 1], 1), ([2, 3], 5)] if pages else [(0, 0), (1, 2), (2, 4)])
    assert diary.seen[-1] == ("execution", "", "completed")


def test_callbacks_may_be_given_as_the_hook() -> None:
    """`on_event=` takes the same object, for who needs no position in the log."""
    diary, told = Diary(), threading.Event()
    diary.execution_ended = lambda execution: told.set()  # type: ignore[method-assign]
    with af.Runtime(":memory:", definitions=[first], on_event=diary) as rt:
        rt.start(first, value=1).result(timeout=WAIT)

        assert told.wait(WAIT)


# --- progress ------------------------------------------------------------------------


def test_a_timeline_tells_how_far_each_step_is() -> None:
    """One entry for every step entered, with its status, from the log alone."""
    with runtime(CHAIN) as rt:
        run = rt.start(CHAIN, value=1)
        run.wait()
        steps = [(e.address, e.status) for e in run.timeline().entries]

    assert steps == [("main/first", "completed"), ("main/sleep", "waiting")]


def test_a_timeline_tells_what_an_activity_reports() -> None:
    """The last `ctx.progress` of a step, and how many items of a map are done."""

    @af.activity
    def read(ctx: af.ActivityContext, item: int) -> int:
        ctx.progress(1, total=3, message=f"page {item}")
        return item

    wf = af.Workflow(
        "w",
        steps=[
            af.Step(
                "one", activity=read, parameters={"item": 4}, next=[af.Edge("each")]
            ),
            af.Step("each", map=af.Map(over=[1, 2, 3], activity=double)),
        ],
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.result()
        one, each = run.timeline().entries

    assert one.note == "1 of 3 page 4"
    assert (each.done, each.total, each.status) == (3, 3, "completed")


def test_progress_of_a_failed_step_says_so() -> None:
    """With its attempts, and why."""
    wf = af.Workflow(
        "w",
        steps=[
            af.Step("a", activity=boom, retry=af.Retry(max_attempts=3, initial=1)),
        ],
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        (entry,) = run.timeline().entries

    assert (entry.status, entry.attempts) == ("failed", 2)
    assert entry.error is not None
    assert "something broke" in entry.error.message


# --- the activity log ----------------------------------------------------------------


def test_the_activity_log_has_every_try_with_input_and_result() -> None:
    """One line for each, in the order of the log; waits and joins have none."""
    with runtime(CHAIN) as rt:
        run = rt.start(CHAIN, value=1)
        run.result()
        lines = [(o.node, o.input, o.result, o.status) for o in run.activity_log()]

    assert lines == [
        ("first", {"value": 1}, 2, "completed"),
        ("double", {"value": 2}, 4, "completed"),
    ]


def test_the_activity_log_has_failed_tries() -> None:
    """Each with its number, its error, and when it was."""
    wf = af.Workflow(
        "w",
        steps=[
            af.Step(
                "a",
                activity=boom,
                retry=af.Retry(max_attempts=2, initial=5),
                catch=[af.Catch(goto="b")],
            ),
            af.Step("b", activity=double, parameters={"value": 1}),
        ],
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.result()
        lines = list(run.activity_log())

    assert [(o.node, o.attempt, o.status) for o in lines] == [
        ("boom", 1, "failed"),
        ("boom", 2, "failed"),
        ("double", 1, "completed"),
    ]
    assert lines[1].attempt_at - lines[0].attempt_at == 5
    assert lines[0].error is not None


def test_the_activity_log_has_every_item() -> None:
    """An item is a line, with what it was given."""
    wf = af.Workflow(
        "w", steps=[af.Step("each", map=af.Map(over=[1, 2], activity=double))]
    )
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.result()
        lines = [(o.address, o.input, o.result) for o in run.activity_log()]

    assert sorted(lines) == [("main/each[0]", 1, 2), ("main/each[1]", 2, 4)]


def test_a_parked_activity_is_in_the_log_once() -> None:
    """Leaving to wait is no end; the try is told when it is over."""

    @af.activity
    def ask(ctx: af.ActivityContext) -> str:
        return str(ctx.wait_signal("go"))

    with runtime(ask) as rt:
        run = rt.start(ask)
        run.wait()
        assert list(run.activity_log()) == []
        run.signal("go", "yes")
        run.result()

        assert [o.result for o in run.activity_log()] == ["yes"]
