"""What began and ended, as callbacks and the activity log are told it."""

from __future__ import annotations

from typing import Any

import pytest

from actorflow.model import events as ev
from actorflow.model.events import Event, Failure, Recorded
from actorflow.model.journal import Happening, Journal, Occurrence
from actorflow.model.rules import Fact
from tests.model.folded import BROKE, START, WORKING

STEP = "main/s"
DONE: Fact = (STEP, ev.ActivationCompleted(7))
FAILED: Fact = (STEP, ev.ActivationFailed(BROKE))
RETRIED: Fact = ("", ev.ExecutionRetried())


def follow(journal: Journal, *facts: Fact) -> list[Happening]:
    """Return what events tell, each of which comes a second after the one before."""
    told: list[Happening] = []
    for address, event in facts:
        seq = journal.version + 1
        told += journal.take(Recorded(seq, float(seq), address, event))
    return told


def told(*facts: Fact) -> list[Happening]:
    """Return what the events of an execution tell."""
    return follow(Journal("e"), *facts)


def brief(happenings: list[Happening]) -> list[tuple[str, str, str]]:
    """Return of each what it is, where, and how that stands."""
    return [(what, of.address, of.status) for what, of in happenings]


def a_map(*items: Any, **more: Any) -> Fact:
    """Return how a map is entered."""
    given = {"bodies": [["activity", "work"]], "items": [*items], **more}
    return STEP, ev.ActivationStarted("map", "s", "s", given)


def test_what_begins() -> None:
    """The execution, its branch and a step, each with what it is and was given."""
    begun = told(
        ("", ev.ExecutionStarted("w", "f", inputs={"a": 1})),
        ("main", ev.BranchStarted("s")),
        (STEP, ev.ActivationStarted("activity", "work", "s", {"b": 2})),
    )

    assert begun == [
        Happening(
            "started",
            Occurrence("e", "w", "", "execution", "w", 1.0, 1.0, 1, input={"a": 1}),
        ),
        Happening("started", Occurrence("e", "w", "main", "branch", "s", 2.0, 2.0, 2)),
        Happening(
            "started",
            Occurrence("e", "w", STEP, "activity", "work", 3.0, 3.0, 3, input={"b": 2}),
        ),
    ]


@pytest.mark.parametrize(
    ("address", "event", "status", "result", "error"),
    [
        (STEP, ev.ActivationCompleted(7), "completed", 7, None),
        (STEP, ev.ActivationFailed(BROKE), "failed", None, BROKE),
        (STEP, ev.ActivationCancelled(), "cancelled", None, None),
        ("main", ev.BranchCompleted(), "completed", None, None),
        ("main", ev.BranchFailed(BROKE), "failed", None, BROKE),
        ("", ev.ExecutionCompleted({"x": 1}), "completed", {"x": 1}, None),
        ("", ev.ExecutionFailed(BROKE), "failed", None, BROKE),
        ("", ev.ExecutionCancelled(), "cancelled", None, None),
    ],
)
def test_what_ends(
    address: str, event: Event, status: str, result: Any, error: Failure | None
) -> None:
    """How, with what, and when; of a step, a branch and the execution."""
    ((what, of),) = told(*WORKING, (address, event))[3:]

    assert (what, of.address, of.status) == ("ended", address, status)
    assert (of.result, of.error, of.ended_at, of.seq) == (result, error, 5.0, 5)


def test_how_long_it_took() -> None:
    """From its beginning to its end, which it has to have."""
    *_, begun, ended = told(*WORKING, DONE)

    assert (begun.of.duration, ended.of.duration) == (None, 2.0)


def test_what_is_about_neither_end_tells_nothing() -> None:
    """A pause, progress, or a second try that has begun."""
    quiet: list[Fact] = [
        ("", ev.ExecutionPaused()),
        (STEP, ev.ProgressReported(1)),
        (STEP, ev.AttemptStarted(2)),
    ]

    assert len(told(*WORKING, *quiet)) == len(told(*WORKING)) == 3


def test_a_try_that_failed() -> None:
    """It is told with its error and its number; the next one begins without."""
    *_, retries, ended = told(
        *WORKING,
        (STEP, ev.AttemptFailed(1, BROKE, 9.0)),
        (STEP, ev.AttemptStarted(2)),
        DONE,
    )

    assert (retries.what, retries.of.status) == ("retries", "running")
    assert (retries.of.attempt, retries.of.error, retries.of.ended_at) == (1, BROKE, 5)
    assert (ended.of.attempt, ended.of.error) == (2, None)
    assert (ended.of.started_at, ended.of.attempt_at) == (3.0, 6.0)


def test_items_begin_and_end() -> None:
    """By their number, each with what it was given; more of them later."""
    happenings = told(
        *START,
        a_map("a", "b", "c"),
        (STEP, ev.ItemsStarted(0, 2)),
        (f"{STEP}[1]", ev.ActivationCompleted("B")),
        (STEP, ev.ItemsStarted(2, 1)),
    )[3:]

    assert brief(happenings) == [
        ("started", f"{STEP}[0]", "running"),
        ("started", f"{STEP}[1]", "running"),
        ("ended", f"{STEP}[1]", "completed"),
        ("started", f"{STEP}[2]", "running"),
    ]
    assert [of.input for _, of in happenings] == ["a", "b", "b", "c"]
    assert {(of.kind, of.node) for _, of in happenings} == {("activity", "work")}


def test_arms_of_a_parallel_have_names() -> None:
    """And each its own node; what a body has besides does not matter."""
    bodies = [["activity", "one"], ["flow", "two", "more"]]
    entered = ev.ActivationStarted(
        "parallel",
        "s",
        "s",
        {"bodies": bodies, "items": [1, 2], "names": ["left", "right"]},
    )
    arms = told(*START, (STEP, entered), (STEP, ev.ItemsStarted(0, 2)))[3:]

    assert [(of.address, of.kind, of.node, of.input) for _, of in arms] == [
        (f"{STEP}[left]", "activity", "one", 1),
        (f"{STEP}[right]", "flow", "two", 2),
    ]


def test_items_found_on_the_way() -> None:
    """They come behind those that were there; of a page, what fetched it returned."""
    found = told(
        *START,
        a_map(source="fetch"),
        (STEP, ev.ItemsFound(["a"])),
        (f"{STEP}/p#1", ev.ActivationStarted("activity", "fetch")),
        (f"{STEP}/p#1", ev.ActivationCompleted({"items": ["b", "c"], "next": None})),
        (STEP, ev.ItemsFound(None)),
        (STEP, ev.ItemsStarted(0, 2)),
    )

    assert [of.input for what, of in found if of.address.endswith("]")] == [
        "a",
        ["b", "c"],
    ]


def test_a_source_makes_its_own_items() -> None:
    """What a map over a source lists besides is not among its items."""
    items = told(
        *START,
        a_map("listed", source="fetch"),
        (STEP, ev.ItemsFound(["found"])),
        (STEP, ev.ItemsStarted(0, 1)),
    )

    assert items[-1].of.input == "found"


def test_what_was_told_is_not_changed_by_what_is_found() -> None:
    """The items in the log are those that a map was entered with."""
    given = a_map(1)
    told(*START, given, (STEP, ev.ItemsFound([2])))
    entered = given[1]

    assert isinstance(entered, ev.ActivationStarted)
    assert entered.input["items"] == [1]


def test_a_child_gives_its_output() -> None:
    """What a child returned is the result of the step that waited for it."""
    child: list[Fact] = [
        (STEP, ev.ChildEnded("c", 9, "completed", {"out": 1})),
        (STEP, ev.ActivationCompleted(None)),
    ]

    assert told(*WORKING, *child)[-1].of.result == {"out": 1}
    again = told(
        *WORKING, *child, (STEP, ev.ActivationStarted("activity", "work")), DONE
    )
    assert again[-1].of.result == 7


def test_what_ended_ends_once() -> None:
    """What nobody has seen begin, or has ended, tells nothing more."""
    assert brief(told(*WORKING, DONE, DONE))[3:] == [("ended", STEP, "completed")]
    assert told(*START, DONE) == told(*START)
    assert told(*START, (STEP, ev.AttemptStarted(2)), DONE) == told(*START)


def test_a_retry_ends_again() -> None:
    """What had failed runs again, and ends once more; what was done stays done."""
    again = told(
        *WORKING,
        ("main/t", ev.ActivationStarted("activity", "other", "t")),
        ("main/t", ev.ActivationCompleted()),
        FAILED,
        ("main", ev.BranchFailed(BROKE)),
        ("", ev.ExecutionFailed(BROKE)),
        RETRIED,
        DONE,
        ("main/t", ev.ActivationCompleted()),
        ("main", ev.BranchCompleted()),
        ("", ev.ExecutionCompleted()),
    )[5:]

    assert brief(again) == [
        ("ended", STEP, "failed"),
        ("ended", "main", "failed"),
        ("ended", "", "failed"),
        ("ended", STEP, "completed"),
        ("ended", "main", "completed"),
        ("ended", "", "completed"),
    ]
    assert (again[3].of.error, again[3].of.started_at) == (None, 3.0)


def test_a_try_after_a_retry_is_running() -> None:
    """Until it has failed as well."""
    again = told(*WORKING, FAILED, RETRIED, (STEP, ev.AttemptFailed(2, BROKE, 9.0)))

    assert brief(again)[-1] == ("retries", STEP, "running")


def test_a_retried_map_has_its_items() -> None:
    """Those that run again are given what they were given before."""
    again = told(
        *START,
        a_map("a", "b"),
        (STEP, ev.ItemsStarted(0, 2)),
        (f"{STEP}[1]", ev.ActivationFailed(BROKE)),
        FAILED,
        RETRIED,
        (STEP, ev.ItemsStarted(1, 1)),
    )

    assert again[-1].of.input == "b"


def test_an_execution_that_begins_anew() -> None:
    """What was open before is forgotten."""
    anew: Fact = ("", ev.ExecutionStarted("other", "f"))
    journal = Journal("e")
    begun = follow(journal, *WORKING, anew, DONE, ("main", ev.BranchStarted("s")))

    assert brief(begun)[3:] == [
        ("started", "", "running"),
        ("started", "main", "running"),
    ]
    assert {of.workflow for _, of in begun[3:]} == {"other"}
    assert journal.version == 7
