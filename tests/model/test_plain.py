"""Numbers and texts by another name are the plain ones that they are."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum, StrEnum
from fractions import Fraction
from numbers import Integral
from typing import Any

import pytest
from attrs import field, frozen

import actorflow as af
from actorflow.model.misfits import misfits
from actorflow.model.plain import plain, plainly
from actorflow.testing import runtime


@af.activity
def double(x: int = 0) -> int:
    """Return twice the value."""
    return 2 * x


class Level(IntEnum):
    """Whole numbers with names."""

    HIGH = 3


class Word(StrEnum):
    """Texts with names."""

    HELLO = "hello"


@Integral.register
class Three:
    """A whole number that is no int, as those of NumPy are."""

    def __int__(self) -> int:
        return 3


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *((Level.HIGH, 3), (Three(), 3), (Word.HELLO, "hello"), (True, True)),
        *((Fraction(1, 2), 0.5), (Decimal("1.5"), 1.5), (1, 1), (2.5, 2.5)),
        *(("x", "x"), (None, None), ((1,), (1,))),
    ],
    ids=lambda value: type(value).__name__,
)
def test_plain(given: Any, expected: Any) -> None:
    """Numbers and texts by another name are plain ones; all else stays."""
    assert plain(given) == expected
    assert type(plain(given)) is type(expected)


def test_numbers_by_another_name() -> None:
    """They are as good as plain ones wherever a definition has a number."""
    three: Any = Three()
    number: Any = Decimal(3)
    retry = af.Retry(max_attempts=three, initial=number, factor=number, jitter=three)
    parts: list[Any] = [
        retry,
        af.RateLimit(three, per=number),
        af.ConcurrencyLimit(three),
        af.Join(count=three),
        af.Map(over=[1], batch=three, max_concurrency=three),
        af.Parallel(arms={}, max_concurrency=three),
        af.Loop(body=double, max_iterations=three),
        af.Pages(fetch=double, max_pages=three),
        af.Schedule("s", double, cron="* * * * *", catch_up_window=number),
        af.Schedule("s", double, cron="* * * * *", priority=three),
        af.Step("s", sleep=number, timeout=three),
    ]

    assert [misfits(part, but=["tags"]) for part in parts] == [[]] * len(parts)
    assert retry == af.Retry(max_attempts=3, initial=3.0, factor=3.0, jitter=3)
    assert parts[3] == af.Join(count=3)


def test_texts_by_another_name() -> None:
    """A flow that is made of members of enums runs as one made of texts."""
    flow = (
        af.Flow(Word.HELLO, version=Word.HELLO)
        .wait_signal(Word.HELLO, into="x")
        .then(double, name=Word.HELLO, into="y")
        .build()
    )
    step = af.Step(Word.HELLO, activity=double, store=Word.HELLO)
    with runtime(flow) as rt:
        it = rt.start(flow)
        it.signal("hello", 3)

        assert it.result()["y"] == 6
    assert type(step.name) is type(step.store) is type(flow.workflow.version) is str


def name_of(value: Any) -> str:
    """Return the name of a member of an enum."""
    return str(value.name)


def test_fields_of_a_class_of_attrs() -> None:
    """Those of numbers and texts get what is plain; a converter of their own stays."""

    @frozen(field_transformer=plainly)
    class Made:
        text: str
        maybe: str | None
        count: int
        limit: int | None
        anything: Any
        named: str = field(converter=name_of)

    made = Made(Word.HELLO, None, Three(), Three(), Level.HIGH, Word.HELLO)  # type: ignore[arg-type]
    given = (made.text, made.maybe, made.count, made.limit, made.anything)

    assert [type(each) for each in given] == [str, type(None), int, int, Level]
    assert made.named == "HELLO"
