"""How each class of value is written as a JSON tree; found out when first met.

JSON types stand for themselves. Everything else is a mapping ``{"$": tag, ...}`` that
says what it is; `stdtypes` has the rows for the standard library.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, Flag
from types import NoneType
from typing import Any

import orjson

from actorflow.log.classes import SCALARS, KnownClasses, field_names, is_record
from actorflow.log.stdtypes import FACTORIES, KINDS, TAG, Kind, Refused
from actorflow.model.events import Data

MAX_DEPTH = 200
"""orjson writes 254 levels, and an event or a snapshot wraps values in a few more."""

Encoder = Callable[[Any, int], Data]
"""Takes a value and the depth it is at."""

_PLAIN = frozenset({NoneType, bool})
_INT64 = range(-(2**63), 2**63)
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


class Encoders(dict[type, Encoder]):
    """class -> how to write it."""

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
        """Write *value*."""
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
        if depth >= MAX_DEPTH:
            raise too_deep()
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
        if depth >= MAX_DEPTH:
            raise too_deep()
        out: dict[str, Data] = {}
        key = None
        try:
            for key, item in value.items():
                if type(key) is not str or key == TAG:
                    break
                kind = type(item)
                out[key if key.isascii() else _str(key, depth)] = (
                    item if kind in _PLAIN else self[kind](item, depth + 1)
                )
            else:
                return out
        except Refused as refused:
            refused.trail.append((id(value), step(key)))
            raise
        return {TAG: "dict", "v": self._both(value, depth + 1)}

    def _both(self, value: Mapping[Any, Any], depth: int) -> list[Data]:
        if depth >= MAX_DEPTH:
            raise too_deep()
        out: list[Data] = []
        key = None
        try:
            for key, item in value.items():
                out.append([self.of(key, depth + 2), self.of(item, depth + 2)])
        except Refused as refused:
            refused.trail.append((id(value), step(key)))
            raise
        return out

    def _sequence(self, tag: str) -> Encoder:
        return lambda value, depth: {TAG: tag, "v": self._list(value, depth + 1)}

    def _pairs(self, tag: str) -> Encoder:
        return lambda value, depth: {TAG: tag, "v": self._both(value, depth + 1)}

    def _set(self, tag: str) -> Encoder:
        def write(value: Any, depth: int) -> Data:
            # Sorted, so that equal sets are written alike in every process.
            items = sorted(self._list(value, depth + 1), key=orjson.dumps)
            return {TAG: tag, "v": items}

        return write

    def _deque(self, value: Any, depth: int) -> Data:
        return {TAG: "deque", "max": value.maxlen, "v": self._list(value, depth + 1)}

    def _defaultdict(self, value: Any, depth: int) -> Data:
        of = getattr(value.default_factory, "__name__", None)
        if value.default_factory is not FACTORIES.get(of or ""):
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
            "v": inner(bare(value), depth),
        }

    def _record(self, cls: type[Any]) -> Encoder:
        name, fields = self._classes.add(cls), field_names(cls)

        def write(value: Any, depth: int) -> Data:
            if depth >= MAX_DEPTH:
                raise too_deep()
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


def too_deep() -> Refused:
    """Return the refusal of a value that is nested too deep, or in itself."""
    return Refused(f"it is nested deeper than {MAX_DEPTH} levels")


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
    if value in _INT64:
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


def step(key: Any) -> str:
    """Return how a path goes into a mapping."""
    return f".{key}" if type(key) is str and key.isidentifier() else f"[{key!r}]"


def place(refused: Refused, path: str) -> tuple[str, str]:
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
