"""Commands that move an execution, and are truthful about whether they have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import FLOWS, Command

STEERING = (
    ("signal", "a", "approve"),
    ("answer", "a", "fine", "true"),
    ("pause", "a"),
    ("resume", "a"),
    ("cancel", "a"),
    ("retry", "a"),
)


@pytest.mark.parametrize("words", STEERING, ids=lambda words: words[0])
def test_missing_log_is_told(
    actorflow: Command, db: Path, words: tuple[str, ...]
) -> None:
    """Without a log a command exits 5 and creates nothing."""
    assert actorflow(*words).code == 5
    assert not db.exists()


@pytest.mark.parametrize("words", STEERING, ids=lambda words: words[0])
def test_unknown_execution_is_told(
    actorflow: Command, failed: Path, words: tuple[str, ...]
) -> None:
    """An id that is not in the log exits 4."""
    outcome = actorflow(*words)

    assert outcome.code == 4
    assert "no execution 'a'" in outcome.err


def test_nobody_to_take_it_in(actorflow: Command, waiting: str) -> None:
    """With no process running, a command is recorded, and says so."""
    outcome = actorflow("signal", waiting, "approve", "true")

    assert outcome.code == 0
    assert outcome.out.startswith("signal: recorded, and delivered when a process")
    assert actorflow("show", waiting).out.count("suspended") == 1


def test_payload_must_be_json(actorflow: Command, waiting: str) -> None:
    """Bad JSON exits 2 and shows how text is quoted."""
    outcome = actorflow("signal", waiting, "approve", "yes")

    assert outcome.code == 2
    assert "the payload is not JSON" in outcome.err
    assert """'"yes"'""" in outcome.err


def test_same_key_counts_once(actorflow: Command, waiting: str) -> None:
    """A second signal with the same key is ignored."""
    actorflow("signal", waiting, "note", "1", "--key", "k")
    actorflow("signal", waiting, "note", "2", "--key", "k")
    actorflow("run", f"{FLOWS}:approval", "--id", waiting)

    assert actorflow("state", waiting).json["signals"] == {"note": [1]}


def test_pause_and_resume(actorflow: Command, waiting: str) -> None:
    """What `pause` has stopped goes on after `resume`."""
    again = ("run", f"{FLOWS}:approval", "--id", waiting)
    actorflow("pause", waiting, "--reason", "audit")
    paused = actorflow(*again)
    actorflow("signal", waiting, "approve", "true")
    actorflow("resume", waiting)

    assert "paused: audit" in paused.err
    assert "a paused (audit)" in paused.err
    assert actorflow(*again).code == 0


def test_resume_wants_something_paused(actorflow: Command, waiting: str) -> None:
    """`resume` of what is not paused exits 1 and says what it is."""
    outcome = actorflow("resume", waiting)

    assert outcome.code == 1
    assert "is suspended; nothing in it is paused" in outcome.err


def test_pause_wants_a_branch_that_is_there(actorflow: Command, waiting: str) -> None:
    """A branch that is not there exits 4."""
    outcome = actorflow("pause", waiting, "--branch", "twig")

    assert outcome.code == 4
    assert "has no branch 'twig'" in outcome.err


def test_cancel_ends_it(actorflow: Command, waiting: str) -> None:
    """What was cancelled ends when somebody opens the log, and keeps the reason."""
    actorflow("cancel", waiting, "--reason", "too late")
    outcome = actorflow("run", f"{FLOWS}:approval", "--id", waiting)

    assert outcome.code == 1
    assert "a cancelled (too late)" in outcome.err


def test_what_has_ended_is_not_steered(actorflow: Command, failed: Path) -> None:
    """A signal to what has ended exits 1: it could only be dropped."""
    outcome = actorflow("signal", "f", "approve")

    assert outcome.code == 1
    assert "has ended (failed)" in outcome.err


def test_retry_goes_on(actorflow: Command, failed: Path) -> None:
    """After `retry`, `run` repeats what had failed."""
    failed.touch()
    actorflow("retry", "f")
    outcome = actorflow("run", f"{FLOWS}:need", "--id", "f")

    assert outcome.code == 0
    assert outcome.out == "found\n"


def test_retry_wants_a_failure(actorflow: Command, waiting: str) -> None:
    """`retry` of what has not failed exits 1."""
    outcome = actorflow("retry", waiting)

    assert outcome.code == 1
    assert "only a failed one is retried" in outcome.err


def test_steering_for_programs(actorflow: Command, waiting: str) -> None:
    """`--json` says whether the command has been delivered."""
    outcome = actorflow("signal", waiting, "approve", "--json")

    assert outcome.json == {
        "id": "a",
        "command": "signal",
        "delivered": False,
        "owner": None,
        "status": "suspended",
    }


def test_a_question_is_answered(actorflow: Command) -> None:
    """`run` and `show` tell how; the answer is in the log, and who has given it."""
    outcome = actorflow("run", f"{FLOWS}:asked", "-i", "name=ada", "--id", "q")

    assert outcome.code == 3
    assert "main/fine waits for answer to fine until 20" in outcome.err
    assert ": Is ada fine?" in outcome.err
    assert "move it:  actorflow answer q fine true" in outcome.err
    assert "actorflow answer q fine true" in actorflow("show", "q").out
    assert actorflow("answer", "q", "fine", "true", "--by", "Bob").code == 0

    outcome = actorflow("run", f"{FLOWS}:asked", "--id", "q")
    assert outcome.code == 0
    assert (outcome.json["approved"], outcome.json["by"]) == (True, "Bob")


@pytest.mark.parametrize(
    ("question", "value", "problem"),
    [
        ("fin", "true", "no such open question; there are: 'fine'"),
        ("fine", "null", "expected true or false, got None"),
        ("fine", '"yes"', "expected true or false, got 'yes'"),
    ],
)
def test_an_answer_that_could_only_be_dropped_is_refused(
    actorflow: Command, question: str, value: str, problem: str
) -> None:
    """No such question, or not what it asks for: exit 1, and the question is open."""
    actorflow("run", f"{FLOWS}:asked", "-i", "name=ada", "--id", "q")

    outcome = actorflow("answer", "q", question, value)

    assert outcome.code == 1
    assert problem in outcome.err


def test_a_cancelled_execution_can_be_undone(
    actorflow: Command, tmp_path: Path
) -> None:
    """With --compensate, what had completed is taken back before it ends."""
    made = tmp_path / "made"
    actorflow("run", f"{FLOWS}:undoable", "-i", f"path={made}", "--id", "u")
    assert made.exists()

    actorflow("cancel", "u", "--compensate")
    outcome = actorflow("run", f"{FLOWS}:undoable", "--id", "u")

    assert "cancelled" in outcome.err
    assert not made.exists()


def test_a_pause_nobody_has_seen_yet_can_be_taken_back(
    actorflow: Command, waiting: str
) -> None:
    """`show` has what is left for the execution; a resume is left behind a pause."""
    assert actorflow("resume", waiting).code == 1
    assert actorflow("pause", waiting).code == 0
    assert "left for it  pause" in actorflow("show", waiting).out

    assert actorflow("resume", waiting).code == 0
    assert actorflow("show", waiting, "--json").json["inbox"] == ["pause", "resume"]
    outcome = actorflow("run", f"{FLOWS}:approval", "--id", waiting)
    assert "suspended" in outcome.err
    assert actorflow("show", waiting, "--json").json["inbox"] == []
    assert outcome.err.count("resumed") == 1
