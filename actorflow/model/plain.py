"""Numbers and texts by another name, made the plain ones that they are.

What is recorded, compared and shown as text does not tell then which they were.
"""

from __future__ import annotations

from decimal import Decimal
from numbers import Integral, Real
from typing import Any, TypeVar, cast

from attrs import Attribute

_PLAIN = frozenset({str, int, float, bool, type(None)})
T = TypeVar("T")


def plain(value: T) -> T:
    """Return an int, a float or a str for what is one by another name.

    Such are members of enums, and NumPy's numbers. Anything else stays as it is.
    """
    given: Any = value
    if type(value) in _PLAIN:
        return value
    if isinstance(given, str):
        given = str.__str__(given)
    elif isinstance(given, Integral):
        given = int(given)
    elif isinstance(given, Real | Decimal):
        given = float(given)
    return cast("T", given)


def plainly(_: type, fields: list[Attribute[Any]]) -> list[Attribute[Any]]:
    """Let a class of attrs make plain what its fields are given.

    A `field_transformer`, for modules whose annotations are texts.
    """
    return [
        each.evolve(converter=_CONVERTERS[each.type])
        if each.type in _CONVERTERS and each.converter is None
        else each
        for each in fields
    ]


# What they take is what a signature shows.
def _text(value: str) -> str:
    return plain(value)


def _optional_text(value: str | None) -> str | None:
    return plain(value)


def _whole(value: int) -> int:
    return plain(value)


def _optional_whole(value: int | None) -> int | None:
    return plain(value)


def _real(value: float) -> float:
    return plain(value)


_CONVERTERS: dict[Any, Any] = {
    each.__annotations__["value"]: each
    for each in (_text, _optional_text, _whole, _optional_whole, _real)
}
