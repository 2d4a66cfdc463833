"""How values are written is a file format, held fast by a golden file."""

from __future__ import annotations

import datetime as dt
import json
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest

from actorflow.log.codec import Codec
from actorflow.log.stdtypes import KINDS
from tests.log import strategies as some
from tests.log.strategies import (
    Cents,
    Colour,
    Frozen,
    Item,
    Level,
    Point,
    Record,
    Region,
    Right,
    Slotted,
    UserId,
)

GOLDEN = Path(__file__).parent / "golden" / "values.jsonl"
"""A line for every way a value is written.  Never change one: logs hold such text."""

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
CLASSES = [Item, Frozen, Record, Slotted, Point, Colour, Level, Region, Right]
EXAMPLES = [
    None,
    True,
    5,
    2**63,
    -(2**63) - 1,
    1.5,
    float("inf"),
    float("-inf"),
    "é",
    [1, [None]],
    {"a": {"b": 1}},
    {1: "a", None: "b"},
    {"$": 1},
    (1, (2,)),
    {3, 1, 2},
    frozenset({"b", "a"}),
    OrderedDict(b=1, a=2),
    Counter("aab"),
    deque([1, 2]),
    deque([1], 2),
    defaultdict(None, a=1),
    defaultdict(list, a=[1]),
    dt.datetime(2024, 2, 29, 12, 30, 5, 6),  # noqa: DTZ001
    dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC),
    dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN),
    dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
    dt.time(12, 30),
    dt.time(2, 30, tzinfo=BERLIN, fold=1),
    dt.date(2024, 2, 29),
    dt.timedelta(days=-1, seconds=2, microseconds=3),
    BERLIN,
    Decimal("1.10"),
    Fraction(-1, 3),
    1 + 2j,
    uuid.UUID(int=7),
    b"\x00\xff",
    bytearray(b"\x00\xff"),
    Path("a/b"),
    PurePosixPath("a/b"),
    PureWindowsPath("C:\\a"),
    range(1, 9, 2),
    Item("a", private=1, other=2),
    Frozen(value=1),
    Record(1),
    Slotted(1),
    Point(1, 2),
    Colour.GREEN,
    Level.HIGH,
    Region.EU,
    Right.READ | Right.WRITE,
    UserId("u"),
    Cents(5),
]


def golden() -> list[str]:
    """Return the lines of the golden file."""
    return GOLDEN.read_text(encoding="utf-8").splitlines()


def test_what_is_written_is_what_was_always_written(codec: Codec) -> None:
    """An older version, or another process, reads it the same way."""
    assert [codec.dumps(codec.to_data(value)) for value in EXAMPLES] == golden()


@pytest.mark.parametrize(("text", "value"), [*zip(golden(), EXAMPLES, strict=False)])
def test_what_was_ever_written_is_read(codec: Codec, text: str, value: Any) -> None:
    """As what it was, types included."""
    for cls in (*CLASSES, UserId, Cents):
        codec.learn(cls)

    assert some.same(codec.from_data(codec.loads(text)), value)


def test_every_kind_is_shown() -> None:
    """No kind of value can change its form without a word."""
    documents = [json.loads(text) for text in golden()]
    shown = {each["$"] for each in documents if isinstance(each, dict) and "$" in each}

    assert {kind.tag for kind in KINDS} <= shown
