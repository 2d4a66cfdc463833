"""Fits values to annotations.  The only module that knows cattrs' structuring.

A recorded value says itself what it is. What was typed by a person (a file, a command
line) does not: there an annotation decides, strictly: text is no number, a number no
text, an unknown key is an error. A value that fits already is returned as it is.
"""

from __future__ import annotations

import collections.abc as abc
import datetime as dt
import pathlib
import types
import typing
import uuid
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, ForwardRef, Literal, TypeVar, Union

from cattrs import Converter
from cattrs.errors import (
    AttributeValidationNote,
    ForbiddenExtraKeysError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn

from actorflow.errors import UnreadableError
from actorflow.log.classes import is_named_tuple, is_record, resolve_hints
from actorflow.log.values import Foreign, field_names

Hook = Callable[[Any, Any], Any]

_SEQUENCES: dict[Any, Callable[[list[Any]], Any]] = {
    list: list,
    set: set,
    frozenset: frozenset,
    deque: deque,
    abc.MutableSequence: list,
    abc.Set: frozenset,
    abc.MutableSet: set,
}
_ANY_SEQUENCE = (abc.Sequence, abc.Collection, abc.Iterable)
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping, OrderedDict, defaultdict)
_SEQUENCE_VALUES = (list, tuple, set, frozenset, deque)

_TEXT: dict[type[Any], Callable[[Any], Any]] = {
    dt.datetime: dt.datetime.fromisoformat,
    dt.date: dt.date.fromisoformat,
    dt.time: dt.time.fromisoformat,
    uuid.UUID: uuid.UUID,
    Decimal: Decimal,
    Fraction: Fraction,
    pathlib.Path: pathlib.Path,
    pathlib.PurePath: pathlib.PurePath,
    pathlib.PurePosixPath: pathlib.PurePosixPath,
    pathlib.PureWindowsPath: pathlib.PureWindowsPath,
}
_NUMBER: dict[type[Any], Callable[[Any], Any]] = {
    dt.timedelta: lambda seconds: dt.timedelta(seconds=seconds),
    Decimal: lambda number: Decimal(str(number)),
    Fraction: lambda number: Fraction(str(number)),
}


class Misfit(ValueError):  # noqa: N818 - never leaves this module
    """A value is not what the annotation asks for."""

    def __init__(self, expected: Any, got: Any) -> None:
        super().__init__(f"expected {_told(expected)}, got {_shown(got)}")


class Shaper:
    """Fits values to annotations."""

    def __init__(self) -> None:
        converter = Converter(
            structure_fallback_factory=self._fallback, forbid_extra_keys=True
        )
        self._converter = converter
        for cls, accepted in _PRIMITIVES.items():
            converter.register_structure_hook(cls, _strict(accepted))
        for cls in {**_TEXT, **_NUMBER}:
            converter.register_structure_hook(cls, _parsed)
        by = converter.register_structure_hook_factory
        by(_is_enum, lambda _: _enum)
        by(_is_sequence, self._sequence)
        by(_is_mapping, self._mapping)
        by(_is_tuple, self._tuple)
        by(lambda hint: is_record(typing.get_origin(hint) or hint), self._record)
        by(lambda hint: typing.get_origin(hint) is Literal, lambda _: _literal)
        by(_is_union, lambda _: self._union)

    def shape(self, value: Any, hint: Any, path: str) -> Any:
        """Return *value* as *hint* has it."""
        try:
            return self._converter.structure(value, hint)
        except Exception as error:  # noqa: BLE001 - constructors may raise anything
            raise UnreadableError(*_place(error, path)) from error

    def _fallback(self, hint: Any) -> Hook:
        cls = typing.get_origin(hint) or hint
        if not isinstance(cls, type) or getattr(cls, "_is_protocol", False):
            return _as_is
        return _strict((cls,))

    def _sequence(self, hint: Any) -> Hook:
        cls = typing.get_origin(hint) or hint
        each = self._argument(hint, 0)

        def fit(value: Any, hint: Any) -> Any:
            if not isinstance(value, _SEQUENCE_VALUES):
                raise Misfit(hint, value)
            make = _SEQUENCES.get(cls, type(value))
            return value if each is _as_is and type(value) is make else make(
                _each(enumerate(value), each, hint)
            )

        return fit

    def _mapping(self, hint: Any) -> Hook:
        key, each = self._argument(hint, 0), self._argument(hint, 1)

        def fit(value: Any, hint: Any) -> Any:
            if not isinstance(value, Mapping):
                raise Misfit(hint, value)
            if key is each is _as_is:
                return value
            keys = _each(((k, k) for k in value), key, hint)
            fitted = dict(zip(keys, _each(value.items(), each, hint), strict=True))
            return fitted if type(value) is dict else type(value)(fitted)

        return fit

    def _tuple(self, hint: Any) -> Hook:
        parts = typing.get_args(hint)
        if not parts or parts[-1] is Ellipsis:
            every = self._hook(parts[0]) if parts else _as_is
            hooks = None
        else:
            hooks = [self._hook(part) for part in parts if part != ()]

        def fit(value: Any, hint: Any) -> Any:
            if not isinstance(value, (list, tuple)):
                raise Misfit(hint, value)
            if hooks is None:
                return tuple(_each(enumerate(value), every, hint))
            if len(value) != len(hooks):
                raise Misfit(hint, value)
            paired = enumerate(zip(hooks, value, strict=True))
            return tuple(_each(paired, lambda pair, _: pair[0](pair[1], None), hint))

        return fit

    def _record(self, hint: Any) -> Hook:
        cls = typing.get_origin(hint) or hint
        names = field_names(cls)
        strict = None if is_named_tuple(cls) else make_dict_structure_fn(
            hint, self._converter, _cattrs_forbid_extra_keys=True
        )

        def fit(value: Any, hint: Any) -> Any:
            if isinstance(value, cls):
                return value
            if isinstance(value, Foreign) and isinstance(value.content, dict):
                value.taken = True
                value = {k: v for k, v in value.content.items() if k in names}
            if strict is None:
                return self._named(cls, value)
            if not isinstance(value, Mapping):
                raise Misfit(hint, value)
            return strict(value, hint)

        return fit

    def _named(self, cls: Any, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            value = dict(zip(cls._fields, value, strict=False))
        if not isinstance(value, Mapping):
            raise Misfit(cls, value)
        hints = resolve_hints(cls)
        hooks = {name: self._hook(hints.get(name, Any)) for name in cls._fields}
        return cls(**{k: hooks[k](v, hints.get(k)) for k, v in value.items()})

    def _union(self, value: Any, hint: Any) -> Any:
        parts = typing.get_args(hint)
        for part in sorted(parts, key=lambda part: type(value) is not part):
            try:
                return self._converter.structure(value, part)
            except Exception as error:  # noqa: BLE001 - the next one may fit
                if type(value) is dict and is_record(part) and len(parts) == 2:  # noqa: PLR2004
                    closest = error
        if "closest" in locals():
            raise closest
        raise Misfit(hint, value)

    def _argument(self, hint: Any, index: int) -> Hook:
        parts = typing.get_args(hint)
        return self._hook(parts[index]) if len(parts) > index else _as_is

    def _hook(self, hint: Any) -> Hook:
        if hint is Any:
            return _as_is
        return lambda value, _: self._converter.structure(value, hint)


def normal(hint: Any) -> Any:
    """Return *hint*, or `Any` if nothing can be decided by it."""
    if hint is None:
        return types.NoneType
    if hint is object or isinstance(hint, (str, ForwardRef, TypeVar)):
        return Any
    return Any if getattr(hint, "__name__", "") == "_empty" else hint


def _as_is(value: Any, _: Any) -> Any:
    return value


_PRIMITIVES: dict[type[Any], tuple[type[Any], ...]] = {
    bool: (bool,),
    int: (int,),
    float: (float, int),
    str: (str,),
    bytes: (bytes,),
    types.NoneType: (types.NoneType,),
}


def _strict(accepted: tuple[type[Any], ...]) -> Hook:
    def fit(value: Any, hint: Any) -> Any:
        if isinstance(value, accepted) and (type(value) is not bool or hint is bool):
            return value
        raise Misfit(hint, value)

    return fit


def _parsed(value: Any, hint: Any) -> Any:
    if isinstance(value, hint):
        return value
    if type(value) is str and hint in _TEXT:
        return _TEXT[hint](value)
    if type(value) in {int, float} and hint in _NUMBER:
        return _NUMBER[hint](value)
    raise Misfit(hint, value)


def _enum(value: Any, cls: Any) -> Any:
    if isinstance(value, cls):
        return value
    if isinstance(value, Foreign):
        value.taken = True
        return cls[value.content]
    try:
        return cls(value)
    except ValueError:
        if type(value) is str and value in cls.__members__:
            return cls[value]
        raise Misfit(Literal[tuple(cls.__members__)], value) from None


def _literal(value: Any, hint: Any) -> Any:
    for choice in typing.get_args(hint):
        if choice == value and type(choice) is type(value):
            return value
    raise Misfit(hint, value)


def _each(items: Iterable[tuple[Any, Any]], fit: Hook, hint: Any) -> list[Any]:
    out = []
    for key, item in items:
        try:
            out.append(fit(item, None))
        except Exception as error:
            error.add_note(IterableValidationNote("", key, hint))
            raise
    return out


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)


def _is_sequence(hint: Any) -> bool:
    cls = typing.get_origin(hint) or hint
    return cls in _SEQUENCES or cls in _ANY_SEQUENCE


def _is_mapping(hint: Any) -> bool:
    return (typing.get_origin(hint) or hint) in _MAPPINGS


def _is_tuple(hint: Any) -> bool:
    return (typing.get_origin(hint) or hint) is tuple


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in {Union, types.UnionType}


def _place(error: BaseException, path: str) -> tuple[str, str]:
    for note in reversed(getattr(error, "__notes__", ())):
        if isinstance(note, AttributeValidationNote):
            path += f".{note.name}"
        elif isinstance(note, IterableValidationNote):
            path += f"[{note.index!r}]"
    if isinstance(error, BaseExceptionGroup):
        return _place(error.exceptions[0], path)
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
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__qualname__
    return str(hint).replace("typing.", "")


def _shown(value: Any) -> str:
    if isinstance(value, Foreign):
        return f"an object of the unknown class {value.type!r}"
    text = repr(value)
    shown = text if len(text) < 60 else text[:57] + "..."  # noqa: PLR2004
    return f"{type(value).__qualname__} {shown}"
