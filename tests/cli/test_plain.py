"""What people and programs read instead of a log's own notation."""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from actorflow.cli.plain import lasting, plain, short, timestamp
from actorflow.log.codec import Codec


class Colour(Enum):
    """An enum of the user's."""

    RED = 1


@frozen
class Box:
    """A class of the user's."""

    inside: Any


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"a": [1, 2.5, None, True]}, {"a": [1, 2.5, None, True]}),
        ((1, (2,)), [1, [2]]),
        ({3}, [3]),
        (deque([1]), [1]),
        ({1: "one"}, {"1": "one"}),
        (Counter("aab"), {"a": 2, "b": 1}),
        ({"$": "not ours"}, {"$": "not ours"}),
        (2**80, 2**80),
        (Decimal("1.10"), "1.10"),
        (dt.date(2024, 2, 29), "2024-02-29"),
        (dt.timedelta(minutes=1, milliseconds=500), 60.5),
        (Path("a/b"), "a/b"),
        (Colour.RED, "RED"),
        (Box(Box((1,))), {"inside": {"inside": [1]}}),
    ],
    ids=repr,
)
def test_values_lose_their_tags(value: Any, read: Any) -> None:
    """A recorded value reads as the JSON that a person would write for it."""
    assert plain(Codec().to_data(value)) == read


def test_a_value_that_is_not_in_the_log_is_said_to_be_elsewhere() -> None:
    """A reading command does not fetch it."""
    reference = {"$": "blob", "sha256": "ab12", "size": 12_345}

    assert plain([reference]) == ["<12,345 bytes, kept outside the log: ab12>"]


def test_lists_that_belong_together_are_read_as_one() -> None:
    """As the value itself would be, as far as it is in the log."""
    reference = {"$": "blob", "sha256": "ab12", "size": 9}
    joined = {"$": "chain", "v": [[1, 2], [], reference, [3]]}

    assert plain(joined) == [1, 2, "<9 bytes, kept outside the log: ab12>", 3]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0004, "0.4 ms"),
        (0.05, "50 ms"),
        (0.0999, "0.1 s"),
        (59.94, "59.9 s"),
        (60, "1 m 0 s"),
        (3_725, "1 h 2 m"),
        (90_061, "1 d 1 h"),
    ],
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    """A duration is told in the one or two units that matter."""
    assert lasting(seconds) == text


def test_times_keep_their_microseconds() -> None:
    """A time for programs is exact, and in UTC."""
    assert timestamp(1_700_000_000.123456) == "2023-11-14T22:13:20.123456Z"


def test_long_values_are_cut() -> None:
    """A value in a table keeps to its width."""
    assert short("x" * 99, 10) == '"xxxxxxxx…'
