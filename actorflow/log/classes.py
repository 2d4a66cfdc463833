"""Which classes a recorded name may stand for.  Nothing is ever imported to find one.

A log is data from elsewhere, perhaps from someone else. A name in it finds a class only
if this process vouched for that class: registered it, mentioned it in an annotation,
recorded it, or defined it in a module that was declared trusted.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Any

import attrs

SCALARS = (str, int, float, bytes)
"""Bases of classes that are one value and are built from it."""


def name_of(cls: type[Any]) -> str:
    """Return the name under which *cls* is recorded unless it is given another."""
    return f"{cls.__module__}:{cls.__qualname__}"


def is_named_tuple(cls: Any) -> bool:
    """Return whether *cls* was made by `NamedTuple` or `namedtuple`."""
    return isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")


def is_record(cls: Any) -> bool:
    """Return whether instances of *cls* are made of named fields."""
    return isinstance(cls, type) and (
        attrs.has(cls) or dataclasses.is_dataclass(cls) or is_named_tuple(cls)
    )


def is_recordable(cls: Any) -> bool:
    """Return whether instances of *cls* can be recorded without being taught how."""
    return isinstance(cls, type) and (
        is_record(cls)
        or issubclass(cls, Enum)
        or (issubclass(cls, SCALARS) and cls.__module__ != "builtins")
    )


def field_names(cls: Any) -> tuple[str, ...]:
    """Return the names of the fields that instances of *cls* are made of."""
    return tuple(_fields(cls))


def build(cls: Any, fields: Any) -> Any:
    """Return an instance of *cls* with *fields*; those it no longer has are dropped."""
    if issubclass(cls, SCALARS):
        return cls(fields)
    aliases = _fields(cls)
    init = {a: fields[n] for n, a in aliases.items() if a is not None and n in fields}
    built = cls(**init)
    for name, alias in aliases.items():
        if alias is None and name in fields:
            object.__setattr__(built, name, fields[name])
    return built


@cache
def _fields(cls: Any) -> dict[str, str | None]:
    """Return how `__init__` calls each field; None for those it does not take."""
    if attrs.has(cls):
        return {a.name: a.alias if a.init else None for a in attrs.fields(cls)}
    if dataclasses.is_dataclass(cls):
        return {f.name: f.name if f.init else None for f in dataclasses.fields(cls)}
    return {name: name for name in cls._fields}


def resolve_hints(obj: Any) -> dict[str, Any]:
    """Return the annotations of *obj*; those that cannot be evaluated are `Any`."""
    try:
        return typing.get_type_hints(obj)
    except Exception:  # noqa: BLE001 - user annotations may raise anything
        return dict(_resolve_one_by_one(obj))


def _resolve_one_by_one(obj: Any) -> Iterator[tuple[str, Any]]:
    for owner in reversed(getattr(obj, "__mro__", (obj,))):
        # Those of typing may have been imported for the type checker alone.
        names = {**vars(typing), **getattr(owner, "__globals__", {})}
        module = sys.modules.get(getattr(owner, "__module__", ""))
        names |= getattr(module, "__dict__", {})
        for name, hint in getattr(owner, "__annotations__", {}).items():
            yield name, _evaluated(hint, names)


def _evaluated(hint: Any, names: dict[str, Any]) -> Any:
    probe = type("probe", (), {"__annotations__": {"hint": hint}})
    try:
        return typing.get_type_hints(probe, names)["hint"]
    except Exception:  # noqa: BLE001 - user annotations may raise anything
        return Any


class KnownClasses:
    """The classes this process vouches for, by their recorded names."""

    def __init__(self) -> None:
        self._classes: dict[str, type[Any]] = {}
        self._names: dict[type[Any], str] = {}
        self._trusted: set[str] = set()
        self._learnt: set[Any] = set()

    def add(self, cls: type[Any], name: str | None = None) -> str:
        """Vouch for *cls*; return the name it is recorded under.

        Every name ever given to a class is read; the last one given is written.
        """
        if name is None and cls in self._names:
            return self._names[cls]
        # A reloaded module defines its classes anew under the old names: last wins.
        self._classes[name_of(cls)] = cls
        self._names[cls] = written = name or name_of(cls)
        self._classes[written] = cls
        return written

    def trust(self, module: str) -> None:
        """Vouch for every class that *module* defines."""
        self._trusted.add(module)

    def find(self, name: str) -> type[Any] | None:
        """Return the class recorded as *name*, or None if nobody vouches for one."""
        known = self._classes.get(name)
        if known is None and (known := self._find_trusted(name)) is not None:
            self.add(known)
        return known

    def _find_trusted(self, name: str) -> type[Any] | None:
        module, _, qualname = name.partition(":")
        if module not in self._trusted or module not in sys.modules:
            return None
        found: Any = sys.modules[module]
        for part in qualname.split("."):
            found = vars(found).get(part)
            if not isinstance(found, type):
                return None
        return found if is_recordable(found) and name_of(found) == name else None

    def learn(self, hint: Any) -> None:
        """Vouch for the classes that *hint* mentions, and that their fields mention."""
        try:
            if hint in self._learnt:
                return
            self._learnt.add(hint)
        except TypeError:  # an unhashable annotation, learnt anew each time
            pass
        for part in typing.get_args(hint):
            self.learn(part)
        cls = typing.get_origin(hint) or hint
        if isinstance(supertype := getattr(cls, "__supertype__", None), type):
            self.learn(supertype)
        if is_recordable(cls):
            self.add(cls)
            if is_record(cls):
                for field in resolve_hints(cls).values():
                    self.learn(field)
