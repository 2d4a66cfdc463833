"""Fits values to annotations.  The only module that knows cattrs' structuring.

A recorded value says itself what it is. What was typed by a person (a file, a command
line) does not: there an annotation decides, strictly: text is no number, a number no
text, an unknown key is an error. A value that fits already is returned as it is.
"""

from __future__ import annotations

import types
import typing
from collections import Counter, OrderedDict, abc, defaultdict, deque
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Annotated, Any, ForwardRef, Literal, TypeVar, Union

from cattrs import Converter
from cattrs.gen import make_dict_structure_fn

from actorflow.errors import UnreadableError
from actorflow.log import fits
from actorflow.log.classes import (
    build,
    field_names,
    is_named_tuple,
    is_record,
    resolve_hints,
)
from actorflow.log.fits import Hook, Misfit, as_is, each, strict
from actorflow.log.values import Foreign

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
_MADE_OF_A_DICT = (OrderedDict, Counter)
_SEQUENCE_VALUES = (list, tuple, set, frozenset, deque)


def normal(hint: Any) -> Any:
    """Return *hint*, or `Any` if nothing can be decided by it."""
    if typing.get_origin(hint) is Annotated:
        hint = hint.__origin__  # what is annotated to it may not be hashable
    if hint is None:
        return types.NoneType
    if hint is object or isinstance(hint, (str, ForwardRef, TypeVar)):
        return Any
    return Any if getattr(hint, "__name__", "") == "_empty" else hint


class Shaper:
    """Fits values to annotations."""

    def __init__(self) -> None:
        self._converter = converter = Converter(
            structure_fallback_factory=_other, forbid_extra_keys=True
        )
        # These are found for subclasses too, enums among them: see there.
        for cls in fits.PRIMITIVES:
            converter.register_structure_hook(cls, fits.primitive(cls))
        for cls in {**fits.TEXT, **fits.NUMBER}:
            converter.register_structure_hook(cls, fits.parsed)
        for predicate, factory in (
            (_is_enum, lambda _: fits.enum),
            (_is_sequence, self._sequence),
            (_is_mapping, self._mapping),
            (lambda hint: _origin(hint) is tuple, self._tuple),
            (lambda hint: is_record(_origin(hint)), self._record),
            (lambda hint: _origin(hint) is Literal, lambda _: fits.literal),
            (_is_union, lambda _: self._union),
        ):
            converter.register_structure_hook_factory(predicate, factory)

    def shape(self, value: Any, hint: Any, path: str) -> Any:
        """Return *value* as *hint* has it.

        Raises:
            UnreadableError: it does not fit.
        """
        try:
            return self._converter.structure(value, hint)
        except Exception as error:
            raise UnreadableError(*fits.place(error, path)) from error

    def _sequence(self, hint: Any) -> Hook:
        cls, (fit_item,) = _origin(hint), self._parts(hint, 1)

        def fit(value: Any, hint: Any) -> Any:
            if not isinstance(value, _SEQUENCE_VALUES):
                raise Misfit(hint, value)
            make = _SEQUENCES.get(cls, type(value))
            if fit_item is as_is and type(value) is make:
                return value
            fitted = each(enumerate(value), fit_item, hint)
            if isinstance(value, deque) and make is deque:
                return deque(fitted, value.maxlen)
            return make(fitted)

        return fit

    def _mapping(self, hint: Any) -> Hook:
        fit_key, fit_item = self._parts(hint, 2)

        def fit(value: Any, hint: Any) -> Any:
            if not isinstance(value, Mapping):
                raise Misfit(hint, value)
            if fit_key is fit_item is as_is:
                return value
            keys = each(((k, k) for k in value), fit_key, hint)
            items = each(value.items(), fit_item, hint)
            fitted = dict(zip(keys, items, strict=True))
            if isinstance(value, defaultdict):
                return defaultdict(value.default_factory, fitted)
            make: Any = type(value) if type(value) in _MADE_OF_A_DICT else dict
            return make(fitted)

        return fit

    def _tuple(self, hint: Any) -> Hook:
        parts = typing.get_args(hint)
        endless = not parts or parts[-1] is Ellipsis
        hooks = self._parts(hint, 1) if endless else self._parts(hint, len(parts))

        def fit(value: Any, hint: Any) -> Any:
            if not isinstance(value, (list, tuple)):
                raise Misfit(hint, value)
            if endless:
                return tuple(each(enumerate(value), hooks[0], hint))
            if len(value) != len(hooks):
                raise Misfit(hint, value)
            pairs = enumerate(zip(hooks, value, strict=True))
            return tuple(each(pairs, lambda pair, _: pair[0](pair[1], None), hint))

        return fit

    def _record(self, hint: Any) -> Hook:
        cls = _origin(hint)
        whole = (
            self._named
            if is_named_tuple(cls)
            else make_dict_structure_fn(
                hint, self._converter, _cattrs_forbid_extra_keys=True
            )
        )

        def fit(value: Any, hint: Any) -> Any:
            if isinstance(value, cls):
                return value
            if isinstance(value, Foreign) and isinstance(value.content, dict):
                value.taken = True
                known = set(field_names(cls)) & set(value.content)
                return build(
                    cls, self._fields(cls, {k: value.content[k] for k in known})
                )
            if isinstance(value, (list, tuple)) and is_named_tuple(cls):
                if len(value) > len(cls._fields):
                    raise Misfit(hint, value)
                value = dict(zip(cls._fields, value, strict=False))
            if not isinstance(value, Mapping):
                raise Misfit(hint, value)
            return whole(value, hint)

        return fit

    def _named(self, value: Mapping[str, Any], cls: Any) -> Any:
        for name in value:
            if name not in cls._fields:
                raise ValueError(f"{cls.__qualname__} has no field {name!r}")
        return cls(**self._fields(cls, value))

    def _fields(self, cls: Any, value: Mapping[str, Any]) -> dict[str, Any]:
        hints = resolve_hints(cls)
        return {
            name: each([(name, item)], self._hook(hints.get(name, Any)), cls)[0]
            for name, item in value.items()
        }

    def _union(self, value: Any, hint: Any) -> Any:
        parts = typing.get_args(hint)
        failures = []
        for part in sorted(parts, key=lambda part: type(value) is not part):
            try:
                return self._converter.structure(value, part)
            except Exception as error:  # noqa: BLE001 - the next one may fit
                failures.append((part, error))
        # A mapping was meant to be the one record of the union: tell what it lacks.
        meant = [error for part, error in failures if is_record(_origin(part))]
        if type(value) is dict and len(meant) == 1:
            raise meant[0]
        raise Misfit(hint, value)

    def _parts(self, hint: Any, count: int) -> list[Hook]:
        parts = [*typing.get_args(hint), *[Any] * count][:count]
        return [self._hook(part) for part in parts]

    def _hook(self, hint: Any) -> Hook:
        if (hint := normal(hint)) is Any:
            return as_is
        return lambda value, _: self._converter.structure(value, hint)


def _other(hint: Any) -> Hook:
    cls = _origin(hint)
    if not isinstance(cls, type) or getattr(cls, "_is_protocol", False):
        return as_is
    return strict((cls,))


def _origin(hint: Any) -> Any:
    origin: Any = typing.get_origin(hint)
    return hint if origin is None else origin


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)


def _is_sequence(hint: Any) -> bool:
    cls = _origin(hint)
    return cls in _SEQUENCES or cls in _ANY_SEQUENCE


def _is_mapping(hint: Any) -> bool:
    return _origin(hint) in _MAPPINGS


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in {Union, types.UnionType}
