"""How one value fits one annotation that has no parts; and how a misfit is told."""

from __future__ import annotations

import datetime as dt
import pathlib
import types
import typing
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, Literal

from cattrs.errors import (
    AttributeValidationNote,
    ForbiddenExtraKeysError,
    IterableValidationNote,
)

from actorflow.log.encoders import step
from actorflow.log.stdtypes import read_fraction
from actorflow.log.values import Foreign

Hook = Callable[[Any, Any], Any]
"""Takes a value and an annotation; returns the value as the annotation has it."""

_SHOWN = 60

PRIMITIVES: dict[type[Any], tuple[type[Any], ...]] = {
    bool: (bool,),
    int: (int,),
    float: (float, int),
    str: (str,),
    bytes: (bytes,),
    types.NoneType: (types.NoneType,),
}
TEXT: dict[type[Any], Callable[[Any], Any]] = {
    dt.datetime: dt.datetime.fromisoformat,
    dt.date: dt.date.fromisoformat,
    dt.time: dt.time.fromisoformat,
    uuid.UUID: uuid.UUID,
    Decimal: Decimal,
    Fraction: read_fraction,
    pathlib.Path: pathlib.Path,
    pathlib.PurePath: pathlib.PurePath,
    pathlib.PurePosixPath: pathlib.PurePosixPath,
    pathlib.PureWindowsPath: pathlib.PureWindowsPath,
}
"""What a person writes as text."""
NUMBER: dict[type[Any], Callable[[Any], Any]] = {
    dt.timedelta: lambda seconds: dt.timedelta(seconds=seconds),
    Decimal: lambda number: Decimal(str(number)),
    Fraction: lambda number: Fraction(str(number)),
}
"""What a person writes as a number."""


class Misfit(ValueError):  # noqa: N818 - never leaves the codec
    """A value is not what the annotation asks for."""

    def __init__(self, expected: Any, got: Any) -> None:
        super().__init__(f"expected {_told(expected)}, got {_shown(got)}")


def as_is(value: Any, _: Any) -> Any:
    """Any value fits."""
    return value


def strict(accepted: tuple[type[Any], ...]) -> Hook:
    """Instances of *accepted* fit; a bool fits only where a bool is asked for."""

    def fit(value: Any, hint: Any) -> Any:
        if isinstance(value, accepted) and (type(value) is not bool or hint is bool):
            return value
        raise Misfit(hint, value)

    return fit


def primitive(base: type[Any]) -> Hook:
    """A value of *base* fits; where a subclass is asked for, it is made of one."""
    fits_base = strict(PRIMITIVES[base])

    def fit(value: Any, hint: Any) -> Any:
        if hint is base:
            return fits_base(value, hint)
        if issubclass(hint, Enum):
            return enum(value, hint)
        return value if isinstance(value, hint) else hint(fits_base(value, base))

    return fit


def parsed(value: Any, hint: Any) -> Any:
    """What a person wrote fits if it can be read as *hint*."""
    if issubclass(hint, Enum):
        return enum(value, hint)
    if isinstance(value, hint):
        return value
    if type(value) is str and hint in TEXT:
        return TEXT[hint](value)
    if type(value) in {int, float} and hint in NUMBER:
        return NUMBER[hint](value)
    raise Misfit(hint, value)


def enum(value: Any, cls: Any) -> Any:
    """A member fits, its value, and else its name."""
    if isinstance(value, Foreign):
        value.taken = True
        return cls[value.content] if type(value.content) is str else cls(value.content)
    try:
        return cls(value)
    except ValueError:
        if type(value) is str and value in cls.__members__:
            return cls[value]
        raise Misfit(Literal[tuple(cls.__members__)], value) from None


def literal(value: Any, hint: Any) -> Any:
    """One of the choices fits; true is not 1."""
    for choice in typing.get_args(hint):
        if choice == value and type(choice) is type(value):
            return value
    raise Misfit(hint, value)


def each(items: Iterable[tuple[Any, Any]], fit: Hook, hint: Any) -> list[Any]:
    """Fit every item; a misfit remembers which it was."""
    out = []
    for key, item in items:
        try:
            out.append(fit(item, None))
        except Exception as error:
            error.add_note(IterableValidationNote("", key, hint))
            raise
    return out


def place(error: BaseException, path: str) -> tuple[str, str]:
    """Return where in the value the trouble is, and what it is."""
    for note in reversed(getattr(error, "__notes__", ())):
        if isinstance(note, AttributeValidationNote):
            path += f".{note.name}"
        elif isinstance(note, IterableValidationNote):
            path += step(note.index)
    if isinstance(error, BaseExceptionGroup):
        return place(error.exceptions[0], path)
    return path, _reason(error)


def _reason(error: BaseException) -> str:
    if isinstance(error, ForbiddenExtraKeysError):
        extra = ", ".join(sorted(map(repr, error.extra_fields)))
        return f"{error.cl.__qualname__} has no field {extra}"
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error) or type(error).__name__


def _told(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(hint)))
    if isinstance(hint, type):
        return hint.__qualname__
    return str(hint).replace("typing.", "")


def _shown(value: Any) -> str:
    if isinstance(value, Foreign):
        return f"an object of the unknown class {value.type!r}"
    text = repr(value)
    shown = text if len(text) < _SHOWN else text[: _SHOWN - 3] + "..."
    return f"{type(value).__qualname__} {shown}"
