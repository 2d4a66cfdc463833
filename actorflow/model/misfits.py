"""What in a definition is not of the type it is declared with.

A checker of types finds most of it before anything runs. Whoever has none, or whose
values come from elsewhere, is told here what is wrong and where, all at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from attrs import field, fields, frozen, has

_NOUNS: dict[Any, tuple[str, tuple[type, ...]]] = {
    str: ("text", (str,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    bool: ("true or false", (bool,)),
    type(None): ("None", (type(None),)),
}
_OURS = "actorflow."
_SHOWN = 60
T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


def several(value: Iterable[T]) -> tuple[T, ...]:
    """Return a tuple of what a sequence holds; what is none stays, to be refused."""
    given: Any = value
    is_one = isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable)
    return cast("tuple[T, ...]", given if is_one else tuple(given))


def copied(value: Mapping[K, V] | None) -> dict[K, V]:
    """Return a copy of a mapping, of None an empty one; what is none stays."""
    given: Any = {} if value is None else value
    return cast("dict[K, V]", dict(given) if isinstance(given, Mapping) else given)


def misfits(part: Any, *, but: Sequence[str] = ()) -> list[str]:
    """Return what a part of a definition holds that its annotations do not allow.

    Args:
        part: an instance of a class made with attrs.
        but: names of fields to leave out.
    """
    return [
        problem
        for name, kind in _kinds(part.__class__)
        if name not in but
        for problem in kind.misfits(getattr(part, name), name)
    ]


@frozen
class Kind:
    """Values of a few types."""

    noun: str
    types: tuple[type, ...]
    exact: frozenset[type] = field(init=False)

    @exact.default
    def _without_float(self) -> frozenset[type]:
        return frozenset(self.types) - {float}  # NaN is one

    def fits(self, value: Any) -> bool:
        """Return whether *value* is one of these, whatever it holds."""
        if not isinstance(value, self.types):
            return False
        if isinstance(value, bool):
            return bool in self.types  # in Python, True is a number; nobody means that
        return not (isinstance(value, float) and math.isnan(value))

    def misfits(self, value: Any, place: str) -> Iterator[str]:
        """Yield what is wrong with *value*, and with what it holds."""
        if not self.fits(value):
            yield f"{place} must be {self.noun}, not {_shown(value)}"


@frozen
class _Part(Kind):
    """An instance of a class of attrs, with all that it holds."""

    def misfits(self, value: Any, place: str) -> Iterator[str]:
        if not self.fits(value):
            yield from super().misfits(value, place)
            return
        for name, kind in _kinds(value.__class__):
            yield from kind.misfits(getattr(value, name), f"{place}.{name}")


@frozen
class _Several(Kind):
    """A sequence of them."""

    of: Kind

    def misfits(self, value: Any, place: str) -> Iterator[str]:
        if not self.fits(value):
            yield from super().misfits(value, place)
            return
        for number, item in enumerate(value):
            yield from self.of.misfits(item, f"{place}[{number}]")


@frozen
class _Table(Kind):
    """A mapping; of its values, each is one of *of*, if that is given."""

    key: Kind | None
    of: Kind | None

    def misfits(self, value: Any, place: str) -> Iterator[str]:
        if not self.fits(value):
            yield from super().misfits(value, place)
            return
        for key, entry in value.items():
            if self.key is not None:
                yield from self.key.misfits(key, f"the key {_shown(key)} of {place}")
            if self.of is not None:
                yield from self.of.misfits(entry, f"{place}[{key!r}]")


@frozen
class _Either(Kind):
    """One of several kinds."""

    kinds: tuple[Kind, ...]

    def fits(self, value: Any) -> bool:
        return any(kind.fits(value) for kind in self.kinds)

    def misfits(self, value: Any, place: str) -> Iterator[str]:
        for kind in self.kinds:
            if kind.fits(value):
                yield from kind.misfits(value, place)
                return
        yield from super().misfits(value, place)


@frozen
class _Sequence(Kind):
    """Several of whatever it be, but for one text, and names with values."""

    def fits(self, value: Any) -> bool:
        is_one = isinstance(value, str | bytes | Mapping)
        return isinstance(value, self.types) and not is_one


@frozen
class _Callable(Kind):
    """Anything that can be called."""

    def fits(self, value: Any) -> bool:
        return callable(value)


@cache
def _kinds(cls: Any) -> list[tuple[str, Kind]]:
    """Return the kinds of a class's fields, without those that may be anything."""
    # One that inherits ours may have fields, and names in annotations, of its own.
    ours = next((c for c in cls.__mro__ if c.__module__.startswith(_OURS)), cls)
    hints = get_type_hints(ours)
    found = [(each.name, kind_of(hints[each.name])) for each in fields(ours)]
    return [(name, kind) for name, kind in found if kind is not None]


def kind_of(annotation: Any) -> Kind | None:
    """Return the kind an annotation stands for; None where anything will do.

    So it is for words of a few (`Literal`), which have checks that name them.
    """
    if annotation in _NOUNS:
        return Kind(*_NOUNS[annotation])
    if isinstance(annotation, type) and has(annotation):
        noun = annotation.__name__
        article = "an" if noun[0] in "AEIOU" else "a"
        return _Part(f"{article} {noun}", (annotation,))
    return _compound(get_origin(annotation), get_args(annotation))


def _compound(origin: Any, parts: Sequence[Any]) -> Kind | None:
    if origin in (Union, UnionType):
        return _either([kind_of(part) for part in parts])
    if origin is tuple:
        of = kind_of(parts[0])
        return None if of is None else _Several("a list", (tuple,), of)
    if origin in (Sequence, Collection):
        return _Sequence("a list", (origin,))
    if origin is Mapping:
        return _Table("a mapping", (Mapping,), *map(kind_of, parts))
    if origin is Callable:
        return _Callable("a function", ())
    return None


def _either(kinds: list[Kind | None]) -> Kind | None:
    known = [kind for kind in kinds if kind is not None]
    if len(known) < len(kinds):
        return None
    noun = " or ".join(kind.noun for kind in known if kind.noun != "None")
    if all(type(kind) is Kind for kind in known):
        return Kind(noun, tuple(chain.from_iterable(kind.types for kind in known)))
    return _Either(noun, (), tuple(known))


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - anybody's class
        text = type(value).__name__
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
