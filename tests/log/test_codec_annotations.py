"""What was typed by a person is read as the annotation says, or told what is wrong."""

from __future__ import annotations

import datetime as dt
import enum
import inspect
import threading
import typing
import uuid
from collections import Counter, OrderedDict, UserDict, defaultdict, deque
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Final,
    Generic,
    Literal,
    LiteralString,
    NewType,
    Optional,
    Protocol,
    SupportsInt,
    TypedDict,
    TypeVar,
    Union,
)

import attrs
import pytest
from hypothesis import given

from actorflow.errors import UnreadableError
from actorflow.log.classes import resolve_hints
from actorflow.log.codec import Codec
from tests.log import strategies as some
from tests.log.strategies import (
    Cents,
    Colour,
    Item,
    Level,
    Order,
    Point,
    Record,
    Region,
    Right,
    Slotted,
    UserId,
)

T = TypeVar("T")
Meters = NewType("Meters", float)


@attrs.define
class Box(Generic[T]):
    """A generic class."""

    content: T


class Options(TypedDict):
    """A mapping with known keys."""

    retries: int


class Holiday(dt.date, enum.Enum):
    """Members that are dates too."""

    LEAP = (2024, 2, 29)


class Text:
    """A class with a name that `typing` has too."""


class Named(Protocol):
    """What has a name; nobody can tell at run time."""

    name: str


class Euros(Cents):
    """A number with a longer name."""


@attrs.define
class Guarded:
    """A class that looks at what it is given, and adds to its errors."""

    start: int = attrs.field()

    @start.validator
    def _check(self, _: Any, value: int) -> None:
        error = ValueError("it is before the start")
        error.add_note("of all things")
        raise error


class TestAnnotations:
    """What was typed by a person is read as the annotation says."""

    @pytest.mark.parametrize(
        ("data", "hint", "value"),
        [
            ({"id": 1}, Order, Order(1)),
            (
                {"id": 1, "items": [{"name": "a"}], "placed": "2024-02-29T12:00:00"},
                Order,
                Order(1, [Item("a")], dt.datetime(2024, 2, 29, 12)),  # noqa: DTZ001
            ),
            ({"id": 1, "region": "us"}, Order, Order(1, region=Region.US)),
            ({"id": 1, "region": "US"}, Order, Order(1, region=Region.US)),
            ([{"name": "a"}], list[Item], [Item("a")]),
            ({"x": {"name": "a"}}, dict[str, Item], {"x": Item("a")}),
            ({"name": "a"}, Item | None, Item("a")),
            (None, Optional[Item], None),  # noqa: UP045 - as people write it
            ({"value": 1}, Record, Record(1)),
            ({"value": 1}, Slotted, Slotted(1)),
            ({"content": {"name": "a"}}, Box[Item], Box(Item("a"))),
            ([1, 2], Point, Point(1, 2)),
            ({"x": 1}, Point, Point(1)),
            ({"retries": 3}, Options, {"retries": 3}),
            ([1, 2], tuple[int, ...], (1, 2)),
            ([1, "a"], tuple[int, str], (1, "a")),
            ([1, 1], set[int], {1}),
            ([1], frozenset[int], frozenset({1})),
            ((1,), list[int], [1]),
            ("a", Literal["a", "b"], "a"),
            (1, Meters, 1),
            (5, float, 5),
            (5, int | str, 5),
            ("5", Union[int, str], "5"),  # noqa: UP007 - as people write it
            ("2024-02-29", dt.date, dt.date(2024, 2, 29)),
            ("12:30", dt.time, dt.time(12, 30)),
            (90, dt.timedelta, dt.timedelta(seconds=90)),
            ("1.10", Decimal, Decimal("1.10")),
            (1.1, Decimal, Decimal("1.1")),
            ("-1/3", Fraction, Fraction(-1, 3)),
            ("0.5", Fraction, Fraction(1, 2)),
            (1e30, Fraction, Fraction(10**30)),
            ("a/b", Path, Path("a/b")),
            (
                "12345678123456781234567812345678",
                uuid.UUID,
                uuid.UUID(int=0x12345678123456781234567812345678),
            ),
            (1, Colour, Colour.RED),
            ("GREEN", Colour, Colour.GREEN),
            (2, Level, Level.HIGH),
            ([1, "a"], list, [1, "a"]),
            ({"a": 1}, dict, {"a": 1}),
            ({"a": 1}, object, {"a": 1}),
            (1, T, 1),
            (1, "NoSuchName", 1),
            ({"$": "deque", "max": 2, "v": [1]}, deque[int], deque([1], 2)),
            (OrderedDict(a=1), dict[str, float], OrderedDict(a=1)),
            (defaultdict(list, a=[1]), dict[str, list], defaultdict(list, a=[1])),
            ([1, "a"], Sequence[int | str], [1, "a"]),
            ((1, 2), Iterable[int], (1, 2)),
            ([1], list[T], [1]),  # type: ignore[valid-type]
            ([1], "list[T]", [1]),
            (1, Annotated[int, ["unhashable"]], 1),
            (1.5, Annotated[float, "a note"], 1.5),
            ("LEAP", Holiday, Holiday.LEAP),
            (1, SupportsInt, 1),
            ("u", UserId, UserId("u")),
            (5, Cents, Cents(5)),
            (None, None, None),
            (True, object, True),
            (1, inspect.Parameter.empty, 1),
            ((1, 2), list, [1, 2]),
            ([1, 2, 3], tuple[int, ...], (1, 2, 3)),
            ("u", UserId | str, "u"),
            (UserId("u"), str | UserId, UserId("u")),
            (Euros(6), Cents, Euros(6)),
            ("a", LiteralString, "a"),
            (Item("a"), Named, Item("a")),
            (deque([1], 2), deque[float], deque([1], 2)),
            (deque([1], 2), Sequence[float], deque([1], 2)),
            (Counter(a=1), dict[str, int], Counter(a=1)),
            (Counter(a=1), dict, Counter(a=1)),
            (deque([1]), list[float], [1]),
            ([1], deque[float], deque([1])),
            (UserDict(a=1), dict[str, float], {"a": 1}),
        ],
        ids=repr,
    )
    def test_fits(self, codec: Codec, data: Any, hint: Any, value: Any) -> None:
        """Plain data becomes what is asked for."""
        assert some.same(codec.from_data(data, hint), value)

    @pytest.mark.parametrize(
        ("data", "hint", "path", "reason"),
        [
            ("5", int, "", "expected int, got str '5'"),
            (5, str, "", "expected str, got int 5"),
            (True, int, "", "expected int, got bool True"),
            (1, bool, "", "expected bool, got int 1"),
            (5.5, int, "", "expected int, got float 5.5"),
            ("abc", list[str], "", "expected list[str], got str 'abc'"),
            ([1, "x"], list[int], "[1]", "expected int, got str 'x'"),
            ({"a": [1]}, dict[str, list[str]], ".a[0]", "expected str, got int 1"),
            (
                {"a b": None},
                dict[str, int],
                "['a b']",
                "expected int, got NoneType None",
            ),
            ([1], tuple[int, str], "", "expected tuple[int, str], got list [1]"),
            ({"id": "1"}, Order, ".id", "expected int, got str '1'"),
            ({}, Order, ".id", "'id' is missing"),
            ({"id": 1, "itmes": []}, Order, "", "Order has no field 'itmes'"),
            (
                {"id": 1, "items": [{"name": 5}]},
                Order,
                ".items[0].name",
                "expected str, got int 5",
            ),
            ({"name": 5}, Item | None, ".name", "expected str, got int 5"),
            ({"x": 1, "z": 2}, Point, "", "Point has no field 'z'"),
            ("x", int | None, "", "expected int | None, got str 'x'"),
            ("c", Literal["a", "b"], "", "expected one of 'a', 'b', got str 'c'"),
            (True, Literal[1], "", "expected one of 1, got bool True"),
            (
                "BLUE",
                Colour,
                "",
                "expected one of 'RED', 'GREEN', 'ALIAS', got str 'BLUE'",
            ),
            ("yesterday", dt.datetime, "", "Invalid isoformat string: 'yesterday'"),
            ("x" * 500, int, "", f"expected int, got str '{'x' * 56}..."),
            ([1], dict, "", "expected dict, got list [1]"),
            ({}, tuple[int, ...], "", "expected tuple[int, ...], got dict {}"),
            (5, Order, "", "expected Order, got int 5"),
            ([1, 2, 3], Point, "", "expected Point, got list [1, 2, 3]"),
            ([], dt.datetime, "", "expected datetime, got list []"),
            (5, Holiday, "", "expected one of 'LEAP', got int 5"),
            (
                {"$": "object", "type": "a:B", "v": {}},
                int,
                "",
                "expected int, got an object of the unknown class 'a:B'",
            ),
            ("x", threading.Thread, "", "expected Thread, got str 'x'"),
            (5, None, "", "expected NoneType, got int 5"),
            ("1e5", Fraction, "", "'1e5' is no fraction"),
            ([1, 2, "a"], tuple[int, ...], "[2]", "expected int, got str 'a'"),
            ({"retries": 3, "x": 1}, Options, "", "Options has no field 'x'"),
            ("5", Cents, "", "expected int, got str '5'"),
            (5, dt.date, "", "expected date, got int 5"),
            ("5", dt.timedelta, "", "expected timedelta, got str '5'"),
            ("x", typing.List, "", "expected List, got str 'x'"),  # noqa: UP006
            (5, Order | None, "", f"expected {Order | None}, got int 5"),
            ({}, Order | Item, "", f"expected {Order | Item}, got dict {{}}"),
            ({"start": 1}, Guarded, "", "it is before the start"),
        ],
        ids=repr,
    )
    def test_misfits(
        self, codec: Codec, data: Any, hint: Any, path: str, reason: str
    ) -> None:
        """What does not fit is told with its place, what was expected and what came."""
        with pytest.raises(UnreadableError) as caught:
            codec.from_data(data, hint)

        assert caught.value.path == f"value{path}"
        assert caught.value.reason == reason

    @pytest.mark.parametrize(
        "value",
        [
            dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC),
            dt.date(2024, 2, 29),
            dt.time(12, 30),
            dt.timedelta(1),
            Decimal("1.10"),
            Fraction(1, 3),
            uuid.UUID(int=7),
            Path("a/b"),
            Colour.RED,
            Right.READ | Right.WRITE,
            Holiday.LEAP,
        ],
        ids=repr,
    )
    def test_what_fits_already(self, codec: Codec, value: Any) -> None:
        """What is no text any more is not read as text."""
        data = codec.to_data([value])

        assert some.same(codec.from_data(data, list[type(value)]), [value])  # type: ignore[misc]

    @given(some.values)
    def test_fitting_values_pass(self, value: Any) -> None:
        """A recorded value passes its own class as the annotation, unchanged."""
        codec = Codec()

        assert some.same(codec.from_data(codec.to_data(value), type(value)), value)

    def test_one_field_that_does_not_resolve(self) -> None:
        """The others are as their module means them, also where typing has the name."""

        @attrs.define
        class Owner:
            missing: NoSuchName  # type: ignore[name-defined] # noqa: F821
            item: Item
            text: Text
            later: Final[int] = 1

        assert resolve_hints(Owner) == {
            "missing": Any,
            "item": Item,
            "text": Text,
            "later": Final[int],
        }

    def test_annotations_that_do_not_resolve(self) -> None:
        """One annotation that cannot be evaluated does not spoil the others."""

        def function(a: int, b: NoSuchName, c: list[Item]) -> Order: ...  # type: ignore[name-defined,empty-body] # noqa: F821

        assert resolve_hints(function) == {
            "a": int,
            "b": Any,
            "c": list[Item],
            "return": Order,
        }
