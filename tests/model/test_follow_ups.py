"""What may be started when an execution has ended, and what it is called."""

from __future__ import annotations

from typing import Any

import pytest

from actorflow.model.followups import (
    FollowUp,
    follow_up_id,
    follow_up_problems,
    follow_ups,
)


def mail() -> None:
    """Stand for an activity."""


def test_one_or_several_or_bare_nodes() -> None:
    """Whatever is given becomes a tuple of follow-ups, those as they are."""
    named = FollowUp(mail, name="news")

    assert follow_ups(None) == ()
    assert follow_ups(named) == (named,)
    assert [each.label for each in follow_ups([mail, named])] == ["mail", "news"]
    assert [each.label for each in follow_ups((mail, "other"))] == ["mail", "other"]
    assert [each.label for each in follow_ups(mail)] == ["mail"]


def test_ends_that_it_is_started_after() -> None:
    """One may be given by itself; by default only after a good end."""
    assert FollowUp(mail).on == ("completed",)
    assert FollowUp(mail, on="failed").on == ("failed",)
    assert FollowUp(mail, on=["failed", "cancelled"]).on == ("failed", "cancelled")


@pytest.mark.parametrize(
    ("count", "expected"), [(1, "e/then/mail"), (2, "e/then/mail~2")]
)
def test_ids(count: int, expected: str) -> None:
    """Each time that an execution ends, they have ids of their own."""
    assert follow_up_id("e", "mail", count) == expected


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ([FollowUp(mail), FollowUp("other", on=("failed", "cancelled"))], []),
        ([FollowUp(mail), FollowUp(mail, name="news")], []),
        ([FollowUp(mail)] * 3, ["two named 'mail'"] * 2),
        ([FollowUp(mail, name="a/b")], ["'a/b' may not be empty or contain"]),
        ([FollowUp(mail, name="a]")], ["'a]' may not be empty or contain"]),
        ([FollowUp("")], ["'' may not be empty"]),
        ([FollowUp(mail, on=())], ["`on` is empty"]),
        (
            [FollowUp(mail, on=("ended", "failed", "paused"))],
            ["'ended' is none of completed, failed, cancelled", "'paused' is none of"],
        ),
        (
            [FollowUp(mail, on=()), FollowUp(mail, on="x")],
            ["`on` is empty", "two named", "'x' is none of"],
        ),
    ],
)
def test_problems(given: list[FollowUp], problems: list[Any]) -> None:
    """All of them are told at once, and nothing is wrong with the rest."""
    found = list(follow_up_problems(given))

    assert len(found) == len(problems)
    for what, problem in zip(found, problems, strict=True):
        assert problem in what
