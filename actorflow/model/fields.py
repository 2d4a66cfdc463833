"""Whether the fields of an event are of the types they are declared to be.

What this process has recorded is, so nobody looks; what comes from a stranger may be
anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs

_EXACTLY: dict[Any, tuple[type, ...]] = {
    None: (NoneType,),
    NoneType: (NoneType,),
    float: (int, float),
    int: (int,),  # no bool
}


def check_fields(value: Any) -> None:
    """Raise unless every field of *value*, an attrs object, is what it should be.

    Raises:
        TypeError: one is not; it is named.
    """
    cls: Any = type(value)
    for name, hint in _hints(cls):
        if not _fits(getattr(value, name), hint):
            found = type(getattr(value, name)).__name__
            raise TypeError(f"{cls.__name__}.{name} is of type {found}")


@cache
def _hints(cls: Any) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(cls)
    return tuple((field.name, hints[field.name]) for field in attrs.fields(cls))


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint) or hint
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in get_args(hint))
    if origin in _EXACTLY:
        return type(value) in _EXACTLY[origin]
    if not isinstance(origin, type) or not isinstance(value, origin):
        return False
    if attrs.has(origin):
        check_fields(value)
    return _contents_fit(value, get_args(hint))


def _contents_fit(value: Any, hints: tuple[Any, ...]) -> bool:
    if not hints:
        return True
    if isinstance(value, Mapping):
        keys, items = hints
        return all(_fits(k, keys) and _fits(v, items) for k, v in value.items())
    return all(_fits(each, hints[0]) for each in value)
