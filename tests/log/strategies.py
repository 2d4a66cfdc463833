"""What values and events can be: Hypothesis strategies, and classes to make them of."""

from __future__ import annotations

import dataclasses
import datetime as dt
import pathlib
import types
import typing
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from enum import Enum, Flag, IntEnum, StrEnum
from typing import Any, NamedTuple

import attrs
from hypothesis import strategies as st

from actorflow.model.events import Failure


class Colour(Enum):
    """Named by anything."""

    RED = 1
    GREEN = "green"
    ALIAS = 1  # noqa: PIE796 - a member of two names


class Level(IntEnum):
    """A number too."""

    LOW = 1
    HIGH = 2


class Region(StrEnum):
    """A text too."""

    EU = "eu"
    US = "us"


class Right(Flag):
    """Several at once."""

    READ = 1
    WRITE = 2


class UserId(str):
    """A text with a name."""

    __slots__ = ()


class Cents(int):
    """A number with a name."""


class Point(NamedTuple):
    """A named tuple."""

    x: Any
    y: Any = None


@attrs.define
class Item:
    """An attrs class with everything attrs can do to a field."""

    name: str
    _private: Any = None
    renamed: Any = attrs.field(default=None, alias="other")
    derived: Any = attrs.field(init=False, default=7)


@attrs.define
class Order:
    """A class with fields that annotations decide about."""

    id: int
    items: list[Item] = attrs.field(factory=list)
    placed: dt.datetime | None = None
    region: Region = Region.EU


@attrs.frozen(kw_only=True)
class Frozen:
    """A frozen one."""

    value: Any


@dataclasses.dataclass
class Record:
    """A dataclass."""

    value: Any
    late: Any = dataclasses.field(init=False, default=None)


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    """A frozen dataclass with slots."""

    value: Any


zones = st.sampled_from(["Europe/Berlin", "America/New_York", "UTC"]).map(
    zoneinfo.ZoneInfo
)
offsets = st.integers(-86_399, 86_399).map(
    lambda seconds: dt.timezone(dt.timedelta(seconds=seconds))
)
json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=10,
)
hashables = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(max_size=20),
    st.sampled_from([*Colour, *Level, *Region]),
    st.integers(0, 3).map(Right),
    st.text().map(UserId),
    st.integers().map(Cents),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.uuids(),
    st.dates(),
    st.timedeltas(),
    st.datetimes(timezones=st.none() | zones | offsets),
    st.times(timezones=st.none() | zones | offsets),
    st.builds(pathlib.Path, st.text("ab/.é", min_size=1)),
    # Not any text: some are not even equal to the path made of their own str().
    st.lists(st.text("ab é", min_size=1), min_size=1).map(
        lambda parts: pathlib.PureWindowsPath("C:\\", *parts)
    ),
)


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    few = st.lists(inner, max_size=3)
    return st.one_of(
        few,
        few.map(tuple),
        few.map(deque),
        st.sets(hashables, max_size=3),
        st.frozensets(hashables, max_size=3),
        st.dictionaries(hashables | st.just("$"), inner, max_size=3),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.dictionaries(hashables, inner, max_size=3).map(OrderedDict),
        st.dictionaries(hashables, inner, max_size=3).map(
            lambda value: defaultdict(list, value)
        ),
        st.lists(hashables, max_size=3).map(Counter),
        st.builds(Point, inner, inner),
        st.builds(Item, st.text(), inner, inner),
        st.builds(Frozen, value=inner),
        st.builds(Record, inner),
        st.builds(Slotted, inner),
    )


values = st.recursive(
    hashables
    | st.complex_numbers(allow_nan=False)
    | st.binary().map(bytearray)
    | st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 9)),
    _containers,
    max_leaves=12,
)

failures: st.SearchStrategy[Failure] = st.deferred(
    lambda: st.builds(
        Failure,
        st.text(),
        st.text(),
        st.lists(st.text(), max_size=2).map(tuple),
        st.none() | st.text(),
        json,
        st.none() | st.text(),
        st.none() | st.text(),
        st.lists(failures, max_size=2).map(tuple),
    )
)
_FIELDS: dict[Any, st.SearchStrategy[Any]] = {
    Any: json,
    str: st.text(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    types.NoneType: st.none(),
    Failure: failures,
    list[str]: st.lists(st.text(), max_size=3),
    list[float]: st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    list[Any]: st.lists(json, max_size=3),
    dict[str, Any]: st.dictionaries(st.text(), json, max_size=3),
}


def events(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for any event of *cls*, made from its annotations."""
    hints = typing.get_type_hints(cls)
    return st.builds(
        cls, **{field.name: _field(hints[field.name]) for field in attrs.fields(cls)}
    )


def _field(hint: Any) -> st.SearchStrategy[Any]:
    if isinstance(hint, types.UnionType):
        return st.one_of(*map(_field, typing.get_args(hint)))
    return _FIELDS[hint]


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal: types, signs, zones and order included."""
    return bool(one == other) and _exact(one) == _exact(other)


def _exact(value: Any) -> Any:
    """Return *value* as something that shows what `==` passes over."""
    kind = type(value)
    if isinstance(value, (list, tuple, deque)):
        return kind, getattr(value, "maxlen", None), [*map(_exact, value)]
    if isinstance(value, dict):
        return kind, [(_exact(k), _exact(v)) for k, v in value.items()]
    if isinstance(value, (set, frozenset)):
        return kind, sorted(map(repr, map(_exact, value)))
    if attrs.has(kind):
        names = [field.name for field in attrs.fields(kind)]
        return kind, [_exact(getattr(value, name)) for name in names]
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return kind, [_exact(getattr(value, name)) for name in names]
    # Not by repr, which shows slashes that a path of Windows does not have.
    return kind, str(value) if isinstance(value, pathlib.PurePath) else repr(value)
