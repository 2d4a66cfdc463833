"""What people are shown of an execution, step by step."""

from __future__ import annotations

from typing import Any

import pytest

from actorflow.model import events as ev
from actorflow.model.events import Event, Failure, Recorded
from actorflow.model.rules import Fact
from actorflow.model.timeline import Entry, Timeline, progress_text, waited_for
from tests.model.folded import BROKE, START, WORKING

STEP = "main/s"


def follow(timeline: Timeline, *facts: Fact) -> list[Entry | None]:
    """Take in events, each a second after the one before."""
    taken = []
    for address, event in facts:
        seq = timeline.version + 1
        taken.append(timeline.take(Recorded(seq, float(seq), address, event)))
    return taken


def shown(*facts: Fact) -> Timeline:
    """Return what is shown after some events."""
    timeline = Timeline()
    follow(timeline, *facts)
    return timeline


def step(*events: Event) -> Entry:
    """Return the entry of an activity after more events of its own."""
    (entry,) = shown(*WORKING, *((STEP, event) for event in events)).entries
    return entry


def a_map(items: int = 3, **more: Any) -> Fact:
    """Return how a map is entered."""
    given = {"bodies": [["activity", "work"]], "items": [*range(items)], **more}
    return STEP, ev.ActivationStarted("map", "s", "s", given)


@pytest.mark.parametrize(
    ("event", "status", "ended"),
    [
        (ev.ActivationCompleted(1), "completed", 5.0),
        (ev.ActivationFailed(BROKE), "failed", 5.0),
        (ev.ActivationCancelled(), "cancelled", 5.0),
        (ev.WaitStarted(1, "time"), "waiting", None),
        (ev.ProgressReported(1), "running", None),
        (ev.HeartbeatReceived(), "running", None),
    ],
)
def test_the_status_of_a_step(event: Event, status: str, ended: float | None) -> None:
    """A step is open until it has ended, and begins when it is entered."""
    entry = step(event)

    assert (entry.status, entry.started, entry.ended) == (status, 3.0, ended)
    assert entry.is_open == (ended is None)


def test_what_changed_is_told() -> None:
    """Whoever draws is given the entry that an event changed, if there is one."""
    timeline = Timeline()
    changed = follow(timeline, *WORKING, (STEP, ev.ActivationCompleted(1)))
    (entry,) = timeline.entries

    assert changed == [None, None, entry, entry, entry]
    assert follow(timeline, ("main", ev.BranchCompleted())) == [None]
    assert follow(timeline, (STEP, ev.HeartbeatReceived())) == [None]
    assert follow(timeline, ("", ev.ExecutionCompleted())) == [None]


def test_events_that_come_again_are_not_taken_in() -> None:
    """Live events overlap with those that are read from the log."""
    timeline = shown(*WORKING, (STEP, ev.AttemptFailed(1, BROKE, 9.0)))
    again = Recorded(5, 5.0, STEP, ev.AttemptFailed(1, BROKE, 9.0))

    assert timeline.take(again) is None
    assert timeline.entries[0].attempts == 1
    assert (timeline.version, timeline.last) == (5, 5.0)


def test_how_long_a_step_has_taken() -> None:
    """Until its end, or until now; a clock that went back does not make it negative."""
    assert step().seconds(now=10.0) == 7.0
    assert step(ev.ActivationCompleted()).seconds(now=10.0) == 2.0
    assert step().seconds(now=1.0) == 0.0


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (ev.ExecutionCompleted(), "completed"),
        (ev.ExecutionFailed(BROKE), "failed"),
        (ev.ExecutionCancelled(), "cancelled"),
    ],
)
def test_the_end_of_an_execution(event: Event, status: str) -> None:
    """How it has ended, and when; of which workflow, and since when."""
    running, ended = shown(*START), shown(*START, ("", event))

    assert (running.status, running.ended) == ("running", None)
    assert (running.workflow, running.started) == ("w", 1.0)
    assert (ended.status, ended.ended) == (status, 3.0)


def test_recoveries_are_counted() -> None:
    """How often a process died in the middle is told."""
    recovered: Fact = ("", ev.ExecutionRecovered("o", 2))

    assert shown(*WORKING, recovered, recovered).recoveries == 2
    assert shown(*WORKING, ("", ev.ExecutionReleased())).recoveries == 0


def test_a_step_that_waits_says_what_for() -> None:
    """And no more, once it goes on or has ended."""
    wait = ev.WaitStarted(1, "signal", "go")
    ends = ev.WaitEnded(1, signal=5)

    assert step(wait).waits_for == "signal go"
    assert (step(wait, ends).status, step(wait, ends).waits_for) == ("running", None)
    assert step(wait, ev.ActivationCancelled()).waits_for is None


def test_tries_are_counted() -> None:
    """Of a step those that failed, with the last failure."""
    last = Failure("x", "the last one")
    failed = step(ev.AttemptFailed(1, BROKE, 5.0), ev.AttemptFailed(2, last, 6.0))

    assert (failed.attempts, failed.error) == (2, last)
    assert step(ev.ActivationFailed(last)).error == last


def test_the_items_of_a_map_are_counted() -> None:
    """How many there are, are done and have failed; and the first failure."""
    first, later = Failure("x", "first"), Failure("x", "later")
    timeline = shown(
        *START,
        a_map(4),
        (STEP, ev.ItemsStarted(0, 4)),
        (f"{STEP}[0]", ev.ActivationCompleted()),
        (f"{STEP}[1]", ev.AttemptFailed(1, BROKE, 9.0)),
        (f"{STEP}[1]", ev.ActivationFailed(first)),
        (f"{STEP}[2]", ev.ActivationFailed(later)),
        (f"{STEP}[3]", ev.ActivationCompleted()),
        (f"{STEP}[3]", ev.HeartbeatReceived()),
    )
    (entry,) = timeline.entries

    assert (entry.total, entry.done, entry.failed, entry.attempts) == (4, 2, 2, 1)
    assert (entry.node, entry.error, entry.is_open) == ("work", first, True)


def test_an_item_tells_of_its_map() -> None:
    """Whoever draws gets the map; of one that is over, nothing."""
    timeline = shown(*START, a_map(1), (STEP, ev.ItemsStarted(0, 1)))
    (entry,) = timeline.entries
    done: Fact = (f"{STEP}[0]", ev.ActivationCompleted())

    assert follow(timeline, done) == [entry]
    follow(timeline, (STEP, ev.ActivationCompleted()))
    assert follow(timeline, done) == [None]
    assert entry.done == 1


def test_what_runs_in_a_parallel_is_named() -> None:
    """Each name once, in order; a map of nothing is only its step."""
    bodies = [["activity", "b"], ["flow", "a"], ["activity", "b"]]
    both = shown(*START, a_map(3, bodies=bodies))
    nothing = shown(*START, a_map(0, bodies=[]))
    other = shown(*START, (STEP, ev.ActivationStarted("map", "s", "s", None)))

    assert both.entries[0].node == "b, a"
    assert [(e.node, e.total) for e in nothing.entries] == [("s", None)]
    assert [(e.node, e.total) for e in other.entries] == [("s", None)]


def test_what_another_step_was_given_is_no_map() -> None:
    """An input of that form makes nothing else a map."""
    given = {"bodies": [["activity", "b"]], "items": [1, 2]}
    entry = shown(
        *START,
        (STEP, ev.ActivationStarted("activity", "work", "s", given)),
        (STEP, ev.ItemsFound([1])),
    ).entries[0]

    assert (entry.node, entry.total) == ("work", None)


def test_items_that_are_found_on_the_way() -> None:
    """Each adds to how many there are; a page is one."""
    timeline = shown(*START, a_map(0), (STEP, ev.ItemsFound([1, 2, 3])))
    follow(timeline, (STEP, ev.ItemsFound(None)), (STEP, ev.ItemsFound([])))

    assert timeline.entries[0].total == 4


def test_a_join_waits_for_others() -> None:
    """It says so, as soon as the first branch has come."""
    (entry,) = shown(*START, (STEP, ev.ActivationStarted("join", "s", "s"))).entries

    assert (entry.status, entry.waits_for) == ("waiting", "other branches")


def test_what_is_running() -> None:
    """What has not ended, in the order it began."""
    timeline = shown(
        *WORKING,
        ("main-1/t", ev.ActivationStarted("activity", "other", "t")),
        (STEP, ev.ActivationCompleted()),
    )

    assert [entry.address for entry in timeline.running()] == ["main-1/t"]
    assert [entry.address for entry in timeline.entries] == [STEP, "main-1/t"]


def test_what_is_tried_again_is_open_again() -> None:
    """A failed step and its execution run on; what was completed stays so."""
    timeline = shown(
        *WORKING,
        (STEP, ev.ActivationCompleted()),
        ("main/m", ev.ActivationStarted("activity", "work", "m")),
        ("main/m", ev.ActivationFailed(BROKE)),
        ("", ev.ExecutionFailed(BROKE)),
        ("", ev.ExecutionRetried()),
    )
    done, again = timeline.entries

    assert (timeline.status, timeline.ended) == ("running", None)
    assert (done.status, done.is_open) == ("completed", False)
    assert (again.status, again.ended, again.is_open) == ("running", None, True)
    follow(timeline, ("main/m", ev.ActivationCompleted()))
    assert again.status == "completed"


def test_what_was_entered_again_is_open_once() -> None:
    """A step that failed, and was entered anew, is not open twice after a retry."""
    entered: Fact = (STEP, ev.ActivationStarted("activity", "work", "s"))
    failed: Fact = (STEP, ev.ActivationFailed(BROKE))
    timeline = shown(*START, entered, failed, entered, ("", ev.ExecutionRetried()))

    assert [entry.status for entry in timeline.entries] == ["failed", "running"]


def test_what_failed_and_was_caught_stays_failed() -> None:
    """Whatever happens to the execution but a retry, and whatever its status."""
    failed: Fact = (STEP, ev.ActivationFailed(BROKE))
    timeline = shown(*WORKING, failed, ("", ev.SignalReceived("go")))

    assert (timeline.entries[0].status, timeline.status) == ("failed", "running")
    follow(timeline, ("", ev.ExecutionCompleted()), ("", ev.ExecutionReleased()))
    assert timeline.status == "completed"


def test_the_failed_items_of_a_retry_are_counted_anew() -> None:
    """They run again; those that are done stay done."""
    timeline = shown(
        *START,
        a_map(2),
        (STEP, ev.ItemsStarted(0, 2)),
        (f"{STEP}[0]", ev.ActivationCompleted()),
        (f"{STEP}[1]", ev.ActivationFailed(BROKE)),
        (STEP, ev.ActivationFailed(BROKE)),
        ("", ev.ExecutionRetried()),
        (f"{STEP}[1]", ev.ActivationCompleted()),
    )
    (entry,) = timeline.entries

    assert (entry.done, entry.failed) == (2, 0)


@pytest.mark.parametrize(
    ("wait", "text"),
    [
        (ev.WaitStarted(1, "signal", "go"), "signal go"),
        (ev.WaitStarted(1, "question", "ok"), "answer to ok"),
        (ev.WaitStarted(1, "update", "add"), "update add"),
        (ev.WaitStarted(1, "pause", reason="lunch"), "resume (lunch)"),
        (ev.WaitStarted(1, "pause"), "resume"),
        (ev.WaitStarted(1, "time"), "time"),
    ],
)
def test_what_is_waited_for(wait: ev.WaitStarted, text: str) -> None:
    """In a few words, of each kind of wait."""
    assert waited_for(wait) == text


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (ev.ProgressReported(), ""),
        (ev.ProgressReported(0), "0"),
        (ev.ProgressReported(3.5, 10), "3.5 of 10"),
        (ev.ProgressReported(message="reading"), "reading"),
        (ev.ProgressReported(1, 2, "reading"), "1 of 2 reading"),
    ],
)
def test_progress_in_words(progress: ev.ProgressReported, text: str) -> None:
    """As much of it as an activity has told."""
    assert progress_text(progress) == text
    assert step(progress).note == text
