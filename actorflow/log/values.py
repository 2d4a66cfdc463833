"""A user's values as JSON trees, and back as what they were.

JSON types stand for themselves. Everything else is a mapping ``{"$": tag, ...}`` that
says what it is, so that a value comes back as itself with no annotation to help. This
module alone knows those mappings; `stdtypes` has the rows for the standard library.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, Flag
from types import NoneType
from typing import Any

import attrs
import orjson
from attrs import define

from actorflow.errors import UnreadableError, UnrecordableError
from actorflow.log.classes import SCALARS, KnownClasses, is_named_tuple, is_record
from actorflow.log.stdtypes import KINDS, TAG, Kind, Refused
from actorflow.model.events import Data

MAX_DEPTH = 200  # orjson writes 254 levels; an event or a snapshot wraps a value in some

Encoder = Callable[[Any, int], Data]

_PLAIN = frozenset({NoneType, bool})
_FACTORIES: dict[str, Any] = {
    each.__name__: each for each in (list, dict, set, int, float, str, tuple)
}
_BARE: dict[type[Any], Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    bytes: bytes.__bytes__,
}
_TEACH = (
    "register the type with codec.register(cls, encode=..., decode=...), "
    "or return plain data instead"
)


@define(eq=False)
class Foreign:
    """A recorded object of a class nobody here vouches for.

    Attributes:
        type: the recorded name of its class.
        content: its fields, read.
        taken: whether an annotation has said what it is.
    """

    type: str
    content: Any
    taken: bool = False


class Values:
    """Turns values into JSON trees and back, given the classes it knows."""

    def __init__(self, classes: KnownClasses) -> None:
        self._classes = classes
        self._encoders = _Encoders(classes)
        self._customs: dict[str, Callable[[Any], Any]] = {}
        self._kinds = {kind.tag: kind.decode for kind in KINDS}
        self._untag: dict[str, Callable[[Any, Any], Any]] = {
            "tuple": lambda data, read: tuple(read(data["v"])),
            "set": lambda data, read: set(read(data["v"])),
            "frozenset": lambda data, read: frozenset(read(data["v"])),
            "dict": lambda data, read: _dict(read(data["v"])),
            "ordereddict": lambda data, read: collections.OrderedDict(read(data["v"])),
            "counter": lambda data, read: collections.Counter(_dict(read(data["v"]))),
            "deque": lambda data, read: collections.deque(read(data["v"]), data["max"]),
            "defaultdict": lambda data, read: collections.defaultdict(
                _FACTORIES.get(data["of"]), read(data["v"])
            ),
            "enum": lambda data, _: self._class(data)[data["v"]],
            "flag": lambda data, _: self._class(data)(data["v"]),
            "object": self._read_object,
        }

    def teach(
        self,
        cls: type[Any],
        name: str,
        encode: Callable[[Any], Any],
        decode: Callable[[Any], Any],
    ) -> None:
        """Write and read instances of *cls* through these two functions."""
        self._customs[name] = decode
        encoders = self._encoders

        def write(value: Any, depth: int) -> Data:
            _check(depth)
            inner = encoders.of(encode(value), depth + 1)
            return {TAG: "object", "type": name, "v": inner}

        encoders[cls] = write

    def forget(self, cls: type[Any]) -> None:
        """Find out anew how to write *cls*: its name has changed."""
        self._encoders.pop(cls, None)

    def write(self, value: Any, path: str) -> Data:
        """Return *value* as a JSON tree that shares nothing with it."""
        try:
            return self._encoders[type(value)](value, 0)
        except Refused as refused:
            raise UnrecordableError(*_place(refused, path)) from None
        except RecursionError:
            raise UnrecordableError(path, "it is nested too deep") from None

    def read(self, data: Data, path: str, *, foreign: list[Foreign] | None) -> Any:
        """Return what *data* was made from.

        An object of an unknown class is an error, or, when *foreign* is given, is left
        as a `Foreign` and listed there.
        """
        return _Reading(self, foreign).value(data, path)

    def untag(self, tag: Any, data: dict[str, Any], read: Callable[[Any], Any]) -> Any:
        """Return what a tagged mapping stands for."""
        if (decode := self._kinds.get(tag)) is not None:
            return decode(data)
        if (special := self._untag.get(tag)) is not None:
            return special(data, read)
        raise ValueError(f"unknown tag {tag!r}; was it written by a newer actorflow?")

    def _class(self, data: dict[str, Any]) -> Any:
        cls = self._classes.find(data["type"])
        if cls is None:
            raise UnknownClassError(data["type"], data["v"])
        return cls

    def _read_object(self, data: dict[str, Any], read: Callable[[Any], Any]) -> Any:
        inner = read(data["v"])
        if (decode := self._customs.get(data["type"])) is not None:
            return decode(inner)
        cls = self._classes.find(data["type"])
        if cls is None:
            raise UnknownClassError(data["type"], inner)
        return build(cls, inner)


class UnknownClassError(ValueError):
    """Nobody here vouches for the class of that name."""

    def __init__(self, name: str, content: Any) -> None:
        super().__init__(
            f"the class {name!r} is not known here; import its module and call "
            f"codec.register(cls), or ask for it by annotation"
        )
        self.name, self.content = name, content


def build(cls: type[Any], fields: Any) -> Any:
    """Return an instance of *cls* with *fields*; those it no longer has are dropped."""
    if issubclass(cls, SCALARS):
        return cls(fields)
    if is_named_tuple(cls):
        return cls(**{k: v for k, v in fields.items() if k in cls._fields})  # type: ignore[attr-defined]
    if attrs.has(cls):
        aliases = {a.name: a.alias if a.init else None for a in attrs.fields(cls)}
    else:
        aliases = {f.name: f.name if f.init else None for f in dataclasses.fields(cls)}
    init = {a: fields[n] for n, a in aliases.items() if a is not None and n in fields}
    built = cls(**init)
    for name, alias in aliases.items():
        if alias is None and name in fields:
            object.__setattr__(built, name, fields[name])
    return built


def field_names(cls: type[Any]) -> tuple[str, ...]:
    """Return the names of the fields that instances of *cls* are made of."""
    if attrs.has(cls):
        return tuple(a.name for a in attrs.fields(cls))
    if dataclasses.is_dataclass(cls):
        return tuple(f.name for f in dataclasses.fields(cls))
    return tuple(cls._fields)  # type: ignore[attr-defined]


class _Reading:
    """One reading of one value: keeps the path to where it is."""

    def __init__(self, values: Values, foreign: list[Foreign] | None) -> None:
        self._values, self._foreign = values, foreign
        self._trail: list[str] = []

    def value(self, data: Data, path: str) -> Any:
        try:
            return self._read(data)
        except RecursionError:
            raise UnreadableError(path, "it is nested too deep") from None
        except Exception as error:  # noqa: BLE001 - constructors may raise anything
            where = path + "".join(reversed(self._trail))
            raise UnreadableError(where, _told(error)) from error

    def _read(self, data: Any) -> Any:
        if type(data) is list:
            return self._items(data)
        if type(data) is not dict:
            return data
        if TAG in data:
            return self._tagged(data)
        out = {}
        key = ""
        try:
            for key, item in data.items():
                out[key] = self._read(item) if type(item) in _NESTED else item
        except Exception:
            self._trail.append(_step(key))
            raise
        return out

    def _items(self, data: list[Any]) -> list[Any]:
        out: list[Any] = []
        try:
            for item in data:
                out.append(self._read(item) if type(item) in _NESTED else item)
        except Exception:
            self._trail.append(f"[{len(out)}]")
            raise
        return out

    def _tagged(self, data: dict[str, Any]) -> Any:
        try:
            return self._values.untag(data[TAG], data, self._read)
        except UnknownClassError as error:
            if self._foreign is None:
                raise
            self._foreign.append(foreign := Foreign(error.name, error.content))
            return foreign


_NESTED = frozenset({list, dict})


def _told(error: Exception) -> str:
    if isinstance(error, UnknownClassError):
        return str(error)
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return f"{type(error).__name__}: {error}"


class _Encoders(dict[type, Encoder]):
    """How to write each class; found out when a class is first met."""

    def __init__(self, classes: KnownClasses) -> None:
        super().__init__()
        self._classes = classes
        self[NoneType] = self[bool] = lambda value, _: value
        self[str], self[int], self[float] = _str, _int, _float
        self[list], self[dict] = self._list, self._dict
        self[tuple] = self._sequence("tuple")
        self[set], self[frozenset] = self._set("set"), self._set("frozenset")
        self[collections.OrderedDict] = self._pairs("ordereddict")
        self[collections.Counter] = self._pairs("counter")
        self[collections.deque] = self._deque
        self[collections.defaultdict] = self._defaultdict
        for kind in KINDS:
            if kind.cls not in self:
                self[kind.cls] = _by(kind)

    def __missing__(self, cls: type[Any]) -> Encoder:
        self[cls] = encoder = self._find(cls)
        return encoder

    def of(self, value: Any, depth: int) -> Data:
        return self[type(value)](value, depth)

    def _find(self, cls: type[Any]) -> Encoder:
        if issubclass(cls, Enum):
            return self._enum(cls)
        if is_record(cls):
            return self._record(cls)
        for base in SCALARS:
            if issubclass(cls, base):
                return self._scalar(cls, base)
        return _refuse(cls)

    def _list(self, value: Iterable[Any], depth: int) -> list[Data]:
        _check(depth)
        out: list[Data] = []
        try:
            for item in value:
                kind = type(item)
                out.append(item if kind in _PLAIN else self[kind](item, depth + 1))
        except Refused as refused:
            refused.trail.append((id(value), f"[{len(out)}]"))
            raise
        return out

    def _dict(self, value: dict[Any, Any], depth: int) -> Data:
        _check(depth)
        out: dict[str, Data] = {}
        key = None
        try:
            for key, item in value.items():
                if type(key) is not str or key == TAG:
                    break
                kind = type(item)
                out[key if key.isascii() else _str(key, 0)] = (
                    item if kind in _PLAIN else self[kind](item, depth + 1)
                )
            else:
                return out
        except Refused as refused:
            refused.trail.append((id(value), _step(key)))
            raise
        return {TAG: "dict", "v": self._both(value, depth + 1)}

    def _both(self, value: Mapping[Any, Any], depth: int) -> list[Data]:
        _check(depth)
        out: list[Data] = []
        key = None
        try:
            for key, item in value.items():
                out.append([self.of(key, depth + 2), self.of(item, depth + 2)])
        except Refused as refused:
            refused.trail.append((id(value), _step(key)))
            raise
        return out

    def _sequence(self, tag: str) -> Encoder:
        return lambda value, depth: {TAG: tag, "v": self._list(value, depth + 1)}

    def _pairs(self, tag: str) -> Encoder:
        return lambda value, depth: {TAG: tag, "v": self._both(value, depth + 1)}

    def _set(self, tag: str) -> Encoder:
        def write(value: Any, depth: int) -> Data:
            # Sorted, so that equal sets are written alike in every process.
            return {TAG: tag, "v": sorted(self._list(value, depth + 1), key=orjson.dumps)}

        return write

    def _deque(self, value: Any, depth: int) -> Data:
        return {TAG: "deque", "max": value.maxlen, "v": self._list(value, depth + 1)}

    def _defaultdict(self, value: Any, depth: int) -> Data:
        of = getattr(value.default_factory, "__name__", None)
        if value.default_factory is not _FACTORIES.get(of or ""):
            raise Refused("its default_factory is code; return dict(...) of it instead")
        return {TAG: "defaultdict", "of": of, "v": self._both(value, depth + 1)}

    def _enum(self, cls: type[Enum]) -> Encoder:
        name = self._classes.add(cls)
        if issubclass(cls, Flag):
            return lambda value, _: {TAG: "flag", "type": name, "v": value.value}
        return lambda value, _: {TAG: "enum", "type": name, "v": value._name_}

    def _scalar(self, cls: type[Any], base: type[Any]) -> Encoder:
        name, inner, bare = self._classes.add(cls), self[base], _BARE[base]
        return lambda value, depth: {
            TAG: "object",
            "type": name,
            "v": inner(bare(value), depth + 1),
        }

    def _record(self, cls: type[Any]) -> Encoder:
        name, fields = self._classes.add(cls), field_names(cls)

        def write(value: Any, depth: int) -> Data:
            _check(depth)
            out = {}
            each = ""
            try:
                for each in fields:
                    out[each] = self.of(getattr(value, each), depth + 2)
            except AttributeError:
                raise Refused(f"its field {each!r} has no value") from None
            except Refused as refused:
                refused.trail.append((id(value), f".{each}"))
                raise
            return {TAG: "object", "type": name, "v": out}

        return write


def _check(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise Refused(f"it is nested deeper than {MAX_DEPTH} levels")


def _str(value: str, _: int) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refused(
                "it holds a lone surrogate, which is not text; record bytes instead"
            ) from None
    return value


def _int(value: int, _: int) -> Data:
    if -0x8000_0000_0000_0000 <= value <= 0x7FFF_FFFF_FFFF_FFFF:
        return value
    return {TAG: "int", "v": hex(value)}


def _float(value: float, _: int) -> Data:
    if value - value == 0.0:  # neither infinite nor a NaN
        return value
    return {TAG: "float", "v": repr(value)}


def _by(kind: Kind) -> Encoder:
    tag, encode = kind.tag, kind.encode
    return lambda value, _: {TAG: tag, **encode(value)}


def _refuse(cls: type[Any]) -> Encoder:
    if cls.__name__ in {"generator", "coroutine", "async_generator"}:
        reason = f"a {cls.__name__} has no value yet; return what it produces"
    elif issubclass(cls, type) or cls.__name__ in {"function", "method", "module"}:
        reason = f"it is code (a {cls.__name__}); record its name instead"
    else:
        reason = f"a {cls.__module__}.{cls.__qualname__} is not data; {_TEACH}"

    def write(_: Any, __: int) -> Data:
        raise Refused(reason)

    return write


def _dict(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    return dict(pairs)


def _step(key: Any) -> str:
    return f".{key}" if type(key) is str and key.isidentifier() else f"[{key!r}]"


def _place(refused: Refused, path: str) -> tuple[str, str]:
    """Return where the trouble is and why; a circle is told as one."""
    steps = refused.trail[::-1]
    met: dict[int, int] = {}
    for at, (container, _) in enumerate(steps):
        if container in met and "deeper" in refused.reason:
            where = path + "".join(step for _, step in steps[:at])
            return where, "it contains itself (a circular reference)"
        met[container] = at
    if "deeper" in refused.reason:
        steps = steps[:8]
    return path + "".join(step for _, step in steps), refused.reason
