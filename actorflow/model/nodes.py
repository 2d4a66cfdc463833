"""Values that know where in a text they were written.

A file is read into nodes first, and only then into a definition: so whatever turns out
to be wrong with a value can be pointed to. What is too much (size, nesting, aliases of
aliases) is refused here, before anything is built from it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from attrs import define, field, frozen

MAX_SIZE = 1_048_576
MAX_DEPTH = 64
MAX_NODES = 100_000
MAX_DIGITS = 100
MAX_QUOTED = 60

_SURROGATE = re.compile("[\ud800-\udfff]")

Path = tuple[str | int, ...]
"""Keys and indices that lead to a value, from the top."""


class Place(NamedTuple):
    """A line and a column, both counted from 1."""

    line: int
    column: int


def place_at(text: str, position: int) -> Place:
    """Return the place of the character at *position*."""
    before = text[:position]
    return Place(before.count("\n") + 1, position - before.rfind("\n"))


class Fault(NamedTuple):
    """Something wrong in a text: what, at which value, and where that is written."""

    text: str
    path: Path = ()
    place: Place | None = None


class Unreadable(Exception):  # noqa: N818 - carries the fault that ended the reading
    """A text cannot be read any further."""

    def __init__(self, text: str, place: Place | None = None) -> None:
        super().__init__(text)
        self.fault = Fault(text, (), place)


class _Unread:
    """The value of what could not be read; the fault has been noted already."""


UNREAD: Any = _Unread()


@frozen(eq=False)
class Node:
    """A value and its place.

    Attributes:
        value: a scalar, a tuple of nodes, a mapping of text to nodes, or `UNREAD`.
        keys: the places of a mapping's keys.
        weight: how many values it holds, every alias followed.
        height: how deep it is nested.
    """

    place: Place
    value: Any
    keys: Mapping[str, Place] = field(factory=dict)
    weight: int = 1
    height: int = 0

    @property
    def kind(self) -> str:
        """What a person would call it."""
        return kind_of(self.value)

    def find(self, path: Path) -> Node:
        """Return the node at *path*, or the last one on the way that exists."""
        node = self
        for part in path:
            if isinstance(node.value, dict) and part in node.value:
                node = node.value[part]
            elif isinstance(node.value, tuple) and isinstance(part, int):
                if part >= len(node.value):
                    break
                node = node.value[part]
            elif part != 0:  # a list of one may be written without the list
                break
        return node

    def plain(self) -> Any:
        """Return the value without the places; `UNREAD` if any of it is unread."""
        if isinstance(self.value, dict):
            entries = {key: node.plain() for key, node in self.value.items()}
            return UNREAD if UNREAD in entries.values() else entries
        if isinstance(self.value, tuple):
            items = [node.plain() for node in self.value]
            return UNREAD if UNREAD in items else items
        return self.value


def kind_of(value: Any) -> str:
    """Return what a person would call *value*."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a mapping" if isinstance(value, Mapping) else "a list"


def spelled(path: Path) -> str:
    """Return *path* as one writes it: ``steps[2].retry[0].on``."""
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{short(p)}" for p in path)
    return text.lstrip(".")


def short(text: str) -> str:
    """Return *text* no longer than a line of a message may bear."""
    return text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "..."


@define(eq=False)
class _Open:
    """A list or mapping whose end has not been read yet.

    Attributes:
        key: whose value is next.
        repeated: that key was given before, so the value lands nowhere.
    """

    place: Place
    is_mapping: bool
    anchor: str | None
    items: list[Node] = field(factory=list)
    entries: dict[str, Node] = field(factory=dict)
    keys: dict[str, Place] = field(factory=dict)
    key: str | None = None
    repeated: bool = False

    def part(self) -> Path:
        """Return how the value at hand is found in here."""
        if self.is_mapping:
            return () if self.key is None else (self.key,)
        return (len(self.items),)

    def add(self, node: Node) -> None:
        """Take the next value."""
        if self.key is None:
            self.items.append(node)
        elif not self.repeated:
            self.entries[self.key] = node
        self.key = None

    def closed(self) -> Node:
        """Return the whole."""
        children = list(self.entries.values()) if self.is_mapping else self.items
        return Node(
            self.place,
            self.entries if self.is_mapping else tuple(self.items),
            self.keys,
            1 + sum(child.weight for child in children),
            1 + max((child.height for child in children), default=0),
        )


class Builder:
    """Makes nodes from what a parser finds, in the order in which it is written.

    Attributes:
        root: the outermost node, when it has been closed.
        faults: what is wrong, but does not end the reading.
    """

    def __init__(self) -> None:
        self.root: Node | None = None
        self.faults: list[Fault] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._count = 0

    @property
    def wants_key(self) -> bool:
        """Whether the next scalar is a key."""
        here = self._open[-1] if self._open else None
        return here is not None and here.is_mapping and here.key is None

    def key(self, place: Place, text: str) -> None:
        """Take a key; its value is next."""
        if _SURROGATE.search(text):
            self._refuse("a key holds half of a character", place)
        here = self._open[-1]
        here.repeated = text in here.keys
        if here.repeated:
            self.fault(f"key {short(text)!r} is given twice", place)
        here.key = text
        here.keys.setdefault(text, place)

    def scalar(self, place: Place, value: Any, anchor: str | None = None) -> None:
        """Take a value that is neither list nor mapping."""
        self._spend(1, place)
        if isinstance(value, str) and _SURROGATE.search(value):
            self.fault("holds half of a character (a lone surrogate)", place)
            value = UNREAD
        self._add(Node(place, value), anchor)

    def open(
        self, place: Place, *, is_mapping: bool, anchor: str | None = None
    ) -> None:
        """Begin a list or mapping."""
        if self.wants_key:
            self._refuse("a key must be text, not a list or mapping", place)
        if len(self._open) >= MAX_DEPTH:
            self._refuse(f"is nested deeper than {MAX_DEPTH} levels", place)
        self._spend(1, place)
        self._open.append(_Open(place, is_mapping, anchor))

    def close(self) -> None:
        """End the innermost list or mapping."""
        done = self._open.pop()
        self._add(done.closed(), done.anchor)

    def alias(self, place: Place, name: str) -> None:
        """Take the value that was anchored under *name*."""
        node = self._anchors.get(name)
        if node is None:
            self._refuse(f"alias *{short(name)} has no anchor before it", place)
        if self.wants_key:
            self._refuse("a key must be text, not an alias", place)
        self._spend(node.weight, place)
        if len(self._open) + node.height > MAX_DEPTH:
            self._refuse(f"is nested deeper than {MAX_DEPTH} levels", place)
        self._add(node, None)

    def fault(self, text: str, place: Place) -> None:
        """Note that the value at hand is wrong, and go on."""
        path = tuple(part for here in self._open for part in here.part())
        self.faults.append(Fault(text, path, place))

    def number(self, place: Place, text: str) -> Any:
        """Return the number *text* is, or `UNREAD` if it is too large to be meant."""
        try:
            return number_of(text)
        except ValueError as error:
            self.fault(str(error), place)
            return UNREAD

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1].add(node)
        else:
            self.root = node

    def _spend(self, weight: int, place: Place) -> None:
        self._count += weight
        if self._count > MAX_NODES:
            self._refuse(f"holds more than {MAX_NODES:,} values", place)

    def _refuse(self, text: str, place: Place) -> NoReturn:
        raise Unreadable(text, place)


def number_of(text: str) -> int | float:
    """Return the number *text* is.

    Raises:
        ValueError: it is too large to be meant.
    """
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} digits is too large")
    plain = text.lower().lstrip("+-")
    if plain.startswith(("0x", "0o")):
        return int(text, 0)
    if plain.isdigit():
        return int(text)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large a number")
    return value
