"""The command line around the queue."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command, _actorflow, _db

__all__ = ["_actorflow", "_db"]

FLOWS = Path(__file__).with_name("flows.py")


def test_start_by_name(actorflow: Command) -> None:
    """By its name, a workflow is put into the queue without being imported."""
    outcome = actorflow(
        "start", "greeting", "-i", "name=Ada", "--id", "g", "-a", "customer=7"
    )
    (row,) = actorflow(
        "list", "--status", "queued", "--where", "customer=7", "--json"
    ).json

    assert (outcome.code, outcome.out) == (0, "g\n")
    assert (row["id"], row["workflow"], row["status"]) == ("g", "greeting", "queued")


def test_start_twice(actorflow: Command) -> None:
    """An id is submitted once, however often it is typed."""
    actorflow("start", "greeting", "--id", "g")
    outcome = actorflow("start", "greeting", "--id", "g", "--json")

    assert outcome.json == {"id": "g", "workflow": "greeting", "status": "queued"}
    assert len(actorflow("list", "--json").json) == 1


def test_start_of_a_target_checks_the_inputs(actorflow: Command) -> None:
    """With a target, what is wrong with the inputs is said at once."""
    outcome = actorflow("start", f"{FLOWS}:greeting", "-i", "nome=Ada")

    assert outcome.code == 2
    assert "unknown input 'nome'" in outcome.err
    assert actorflow("list").code == 5  # there is not even a log


def test_show_of_what_is_queued(actorflow: Command) -> None:
    """Whoever looks at a queued execution is told that it is."""
    actorflow("start", "greeting", "-i", "name=Ada", "--id", "g", "--tag", "gpu")

    assert "queued" in actorflow("show", "g").out
    assert actorflow("state", "g").code == 0


def test_worker_without_workflows(actorflow: Command, tmp_path: Path) -> None:
    """A worker that would have nothing to do says so."""
    empty = tmp_path / "empty.py"
    empty.touch()
    outcome = actorflow("worker", str(empty))

    assert outcome.code == 2
    assert "no workflow" in outcome.err


def test_schedules(actorflow: Command) -> None:
    """A schedule is added, listed, paused, triggered and deleted."""
    words = ("--cron", "0 3 * * *", "--timezone", "Asia/Tokyo", "-i", "name=Ada")
    added = actorflow("schedule", "add", "daily", "greeting", *words, "--json")
    assert "T18:00:00" in added.json["next_at"], added
    actorflow("schedule", "pause", "daily", "--reason", "holidays")
    (paused,) = actorflow("schedule", "list", "--json").json
    assert (paused["status"], paused["reason"]) == ("paused", "holidays")
    assert "is active" in actorflow("schedule", "resume", "daily").out
    started = actorflow("schedule", "trigger", "daily").out.strip()
    assert actorflow("show", started, "--json").json["status"] == "queued"
    assert actorflow("schedule", "delete", "daily").code == 0
    assert "no schedules" in actorflow("schedule", "list").out


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (("add", "s", "greeting", "--cron", "61 * * * *"), 2, "bad minute"),
        (("pause", "nobody"), 5, "there is no log"),
    ],
)
def test_schedules_without_meaning(
    actorflow: Command, words: tuple[str, ...], code: int, problem: str
) -> None:
    """What cannot be done is said in one line, with an exit code."""
    outcome = actorflow("schedule", *words)

    assert (outcome.code, problem in outcome.err) == (code, True), outcome


def test_unknown_schedule(actorflow: Command) -> None:
    """A schedule that is not there is named."""
    actorflow("start", "greeting")
    outcome = actorflow("schedule", "pause", "nobody")

    assert (outcome.code, outcome.err) == (4, "error: there is no schedule 'nobody'\n")


def test_start_limits_its_time(actorflow: Command) -> None:
    """As `submit` does, in seconds or words; what is no duration exits 2."""
    for text, seconds in (("90", 90), ("1h30m", 5400)):
        actorflow("start", "greeting", "--id", text, "--timeout", text)
        (queued,) = actorflow("events", text, "--json").lines
        assert queued["data"]["timeout"] == seconds

    outcome = actorflow("start", "greeting", "--timeout", "soon")
    assert outcome.code == 2
    assert "--timeout: 'soon' is not a duration" in outcome.err
