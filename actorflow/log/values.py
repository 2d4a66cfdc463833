"""A user's values as JSON trees, and back as what they were.

A recorded value says itself what it is, so it comes back with no annotation to help;
`encoders` writes, this module reads.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from itertools import chain
from typing import Any

from attrs import define

from actorflow.errors import BlobError, UnreadableError
from actorflow.log.classes import KnownClasses, build
from actorflow.log.encoders import MAX_DEPTH, Encoders, step, too_deep
from actorflow.log.stdtypes import FACTORIES, KINDS, TAG
from actorflow.model.events import Data
from actorflow.model.paths import BLOB

_NESTED = frozenset({list, dict})


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
    """Reads values, of the classes this process vouches for."""

    def __init__(self, classes: KnownClasses, encoders: Encoders) -> None:
        self._classes, self._encoders = classes, encoders
        self._customs: dict[str, Callable[[Any], Any]] = {}
        self.redeem: Callable[[dict[str, Any]], Data] | None = None
        self._kinds = {kind.tag: kind.decode for kind in KINDS}
        self._untag: dict[str, Callable[[Any, Any], Any]] = {
            "tuple": lambda data, read: tuple(read(data["v"])),
            "chain": lambda data, read: list(chain.from_iterable(read(data["v"]))),
            "set": lambda data, read: set(read(data["v"])),
            "frozenset": lambda data, read: frozenset(read(data["v"])),
            "dict": lambda data, read: dict(read(data["v"])),
            "ordereddict": lambda data, read: collections.OrderedDict(read(data["v"])),
            "counter": lambda data, read: collections.Counter(dict(read(data["v"]))),
            "deque": lambda data, read: collections.deque(read(data["v"]), data["max"]),
            "defaultdict": lambda data, read: collections.defaultdict(
                FACTORIES.get(data["of"]), read(data["v"])
            ),
            "enum": lambda data, _: self._class(data)[data["v"]],
            "flag": lambda data, _: self._class(data)(data["v"]),
            "object": self._read_object,
            BLOB: self._read_blob,
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
            if depth >= MAX_DEPTH:
                raise too_deep()
            inner = encoders.of(encode(value), depth + 1)
            return {TAG: "object", "type": name, "v": inner}

        encoders[cls] = write

    def untagged(
        self, tag: str, decode: Callable[[dict[str, Any], Callable[[Any], Any]], Any]
    ) -> None:
        """Read what is written under *tag* by that function."""
        self._untag[tag] = decode

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

    def _read_blob(self, data: dict[str, Any], read: Callable[[Any], Any]) -> Any:
        assert self.redeem is not None
        return read(self.redeem(data))

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
        except Exception as error:
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
            self._trail.append(step(key))
            raise
        return out

    def _items(self, data: list[Any]) -> list[Any]:
        out: list[Any] = []
        try:
            for item in data:
                fresh = self._read(item) if type(item) in _NESTED else item
                out.append(fresh)
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


def _told(error: Exception) -> str:
    if isinstance(error, UnknownClassError | BlobError):
        return str(error)
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return f"{type(error).__name__}: {error}"
