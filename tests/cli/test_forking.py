"""Two executions: one made of the other, and what is different in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import FLOWS, Command

APPROVAL = f"{FLOWS}:approval"


def test_a_fork_goes_on_for_itself(actorflow: Command, waiting: str) -> None:
    """It has the past of the other, which stays as it is, and an end of its own."""
    head = actorflow("--json", "show", waiting).json["events"]
    forked = actorflow("fork", waiting, "--at", str(head), "--id", "b")
    actorflow("signal", "b", "approve", "true")
    ended = actorflow("run", APPROVAL, "--id", "b")

    assert (forked.code, forked.out) == (0, "b\n")
    assert f"{head} events of a; it is suspended" in forked.err
    assert "run TARGET --id b" in forked.err
    assert ended.code == 0
    assert actorflow("--json", "show", waiting).json["status"] == "suspended"
    assert actorflow("doctor").code == 0


def test_a_fork_from_the_beginning(actorflow: Command, failed: Path) -> None:
    """What had failed after that event is done again."""
    failed.write_text("here")
    made = actorflow("--json", "fork", "f", "--at", "1").json
    ended = actorflow("run", f"{FLOWS}:need", "--id", made["id"])

    assert (made["status"], made["events"], ended.code) == ("running", 2, 0)
    assert made["id"].startswith(f"{made['workflow']}-")
    assert actorflow("--json", "show", "f").json["status"] == "failed"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("nobody", "--at", "1"), 4, "no execution 'nobody'"),
        (("a", "--at", "0"), 4, "no event 0"),
        (("a", "--at", "99"), 4, "no event 99"),
        (("a",), 2, "Missing option '--at'"),
        (("a", "--at", "1", "--id", "a"), 1, "execution 'a' exists already"),
    ],
)
def test_what_cannot_be_forked(
    actorflow: Command, waiting: str, words: tuple[str, ...], code: int, told: str
) -> None:
    """It is told why, and nothing is left behind."""
    outcome = actorflow("fork", *words)

    assert outcome.code == code
    assert told in outcome.err
    assert [row["id"] for row in actorflow("--json", "list").json] == [waiting]


def test_the_same_events(actorflow: Command, waiting: str) -> None:
    """Two that have done the same differ in nothing but the times."""
    actorflow("run", APPROVAL, "-i", "name=ada", "--id", "b")
    outcome = actorflow("diff", waiting, "b")

    assert outcome.code == 0
    assert outcome.out.startswith("the same ")
    assert actorflow("--json", "diff", "a", "a").json["differs"] is False


def test_the_first_event_that_differs(actorflow: Command, waiting: str) -> None:
    """What they have in common is counted, and what comes then is shown."""
    head = actorflow("--json", "show", waiting).json["events"]
    actorflow("fork", waiting, "--at", str(head), "--id", "b")
    for name, given in ((waiting, "true"), ("b", "false")):
        actorflow("signal", name, "approve", given)
        actorflow("run", APPROVAL, "--id", name)
    outcome = actorflow("diff", waiting, "b")
    document = actorflow("--json", "diff", waiting, "b").json
    then = [side["then"][0] for side in document["executions"]]

    assert outcome.code == 1
    assert f"the first {head} events are the same; then" in outcome.out
    assert "--- a" in outcome.out
    assert "+++ b" in outcome.out
    assert (document["differs"], document["alike"]) == (True, head)
    assert [each["type"] for each in then] == ["signal.received"] * 2
    assert [each["data"]["payload"] for each in then] == [True, False]


def test_one_that_has_gone_further(actorflow: Command, waiting: str) -> None:
    """What only one of them has is shown, and is a difference."""
    head = actorflow("--json", "show", waiting).json["events"]
    actorflow("fork", waiting, "--at", str(head), "--id", "b")
    actorflow("signal", "b", "approve", "true")
    actorflow("run", APPROVAL, "--id", "b")
    document = actorflow("--json", "diff", "b", waiting).json

    assert [bool(side["then"]) for side in document["executions"]] == [True, False]
    assert actorflow("diff", "b", "nobody").code == 4
