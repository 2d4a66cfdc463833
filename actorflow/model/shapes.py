"""The kinds of values a file may hold: each is read, written and described here.

A shape knows three things about its kind: how a node becomes the Python value, how the
value becomes data again, and what a JSON Schema says of it. So the reader, the writer
and the published schema cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

from attrs import field, frozen

from actorflow.model.nodes import (
    MAX_DEPTH,
    UNREAD,
    Fault,
    Node,
    Path,
    Place,
    short,
    spelled,
)
from actorflow.model.policy import DURATION, seconds

Schema = dict[str, Any]


@frozen
class Where:
    """A place inside a definition, and where faults go."""

    path: Path = ()
    faults: list[Fault] = field(factory=list)

    def at(self, part: str | int) -> Where:
        """Return the place of a key or an item in here."""
        return Where((*self.path, part), self.faults)

    def refuse(self, text: str, place: Place | None = None) -> Any:
        """Note what is wrong here, and return `UNREAD`."""
        name = spelled(self.path) or "the workflow"
        self.faults.append(Fault(f"{name} {text}", self.path, place))
        return UNREAD


class Shape(Protocol):
    """A kind of value."""

    def read(self, node: Node, where: Where) -> Any:
        """Return the value, or `UNREAD` after noting what is wrong with it."""
        ...

    def write(self, value: Any, where: Where) -> Any:
        """Return what a file holds for *value*, or `UNREAD` likewise."""
        ...

    def schema(self) -> Schema:
        """Return what JSON Schema says of it."""
        ...


@frozen
class Text:
    """Text."""

    hint: str = ""

    def read(self, node: Node, where: Where) -> Any:
        """Return the text."""
        if isinstance(node.value, str) or node.value is UNREAD:
            return node.value
        scalar = isinstance(node.value, bool | int | float)
        quotes = "; put it in quotes" if scalar else ""
        return where.refuse(f"must be text, not {node.kind}{quotes}", node.place)

    def write(self, value: Any, where: Where) -> Any:
        """Return the text."""
        return value if isinstance(value, str) else _unwritable(value, where, self.hint)

    def schema(self) -> Schema:
        """Return the schema."""
        return {"type": "string"}


@frozen
class Condition(Text):
    """An expression; ``true`` and ``false`` need no quotes."""

    def read(self, node: Node, where: Where) -> Any:
        """Return its text."""
        if isinstance(node.value, bool):
            return str(node.value).lower()
        return super().read(node, where)

    def schema(self) -> Schema:
        """Return the schema."""
        return {"type": ["string", "boolean"]}


@frozen
class Number:
    """A number, whole or not."""

    whole: bool = False

    def read(self, node: Node, where: Where) -> Any:
        """Return the number."""
        wanted = int if self.whole else (int, float)
        if node.value is UNREAD:
            return UNREAD
        if isinstance(node.value, wanted) and not isinstance(node.value, bool):
            return node.value
        number = "a whole number" if self.whole else "a number"
        kind = str(node.value) if isinstance(node.value, float) else node.kind
        return where.refuse(f"must be {number}, not {kind}", node.place)

    def write(self, value: Any, where: Where) -> Any:
        """Return the number."""
        return Data().write(value, where)

    def schema(self) -> Schema:
        """Return the schema."""
        return {"type": "integer" if self.whole else "number"}


@frozen
class Duration:
    """Seconds, or text such as ``1h30m``."""

    def read(self, node: Node, where: Where) -> Any:
        """Return the seconds."""
        value = node.value
        if value is UNREAD:
            return UNREAD
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            message = f"must be seconds, or text such as '1h30m', not {node.kind}"
            return where.refuse(message, node.place)
        try:
            return seconds(short(value) if isinstance(value, str) else value)
        except (ValueError, OverflowError) as error:
            return where.refuse(f"cannot be read: {error}", node.place)

    def write(self, value: Any, where: Where) -> Any:
        """Return the seconds, without a fraction that says nothing."""
        whole = isinstance(value, float) and value.is_integer()
        return Data().write(int(value) if whole else value, where)

    def schema(self) -> Schema:
        """Return the schema."""
        return {"type": ["number", "string"], "pattern": rf"^ *({DURATION} *)+$"}


@frozen
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, node: Node, where: Where) -> Any:
        """Return the word."""
        if node.value in self.words or node.value is UNREAD:
            return node.value
        given = repr(short(node.value)) if isinstance(node.value, str) else node.kind
        there = ", ".join(self.words)
        return where.refuse(f"must be one of {there}, not {given}", node.place)

    def write(self, value: Any, where: Where) -> Any:
        """Return the word."""
        return Text().write(value, where)

    def schema(self) -> Schema:
        """Return the schema."""
        return {"enum": list(self.words)}


@frozen
class Data:
    """Anything JSON can say."""

    def read(self, node: Node, where: Where) -> Any:
        """Return it."""
        return node.plain()

    def write(self, value: Any, where: Where) -> Any:
        """Return it, if it would come back as what it is."""
        if len(where.path) > MAX_DEPTH:
            return where.refuse(f"is nested deeper than {MAX_DEPTH} levels")
        if type(value) is dict:
            return _entries(value, where, self)
        if type(value) is list:
            return [self.write(item, where.at(n)) for n, item in enumerate(value)]
        if type(value) is str:
            return _clean(value, where)
        finite = type(value) is float and math.isfinite(value)
        if value is None or type(value) in (bool, int) or finite:
            return value
        return _unwritable(value, where)

    def schema(self) -> Schema:
        """Return the schema."""
        return {}


@frozen
class Table:
    """A mapping of text to values of one shape."""

    of: Shape

    def read(self, node: Node, where: Where) -> Any:
        """Return the mapping."""
        if node.value is UNREAD:
            return UNREAD
        if not isinstance(node.value, dict):
            return where.refuse(f"must be a mapping, not {node.kind}", node.place)
        items = node.value.items()
        values = {key: self.of.read(value, where.at(key)) for key, value in items}
        return {key: value for key, value in values.items() if value is not UNREAD}

    def write(self, value: Any, where: Where) -> Any:
        """Return the mapping."""
        if not isinstance(value, Mapping):
            return _unwritable(value, where)
        return _entries(value, where, self.of)

    def schema(self) -> Schema:
        """Return the schema."""
        return {"type": "object", "additionalProperties": self.of.schema()}


@frozen
class Several:
    """A list; one entry may be written without the list, unless *strict*."""

    of: Shape
    strict: bool = False

    def read(self, node: Node, where: Where) -> Any:
        """Return the entries that could be read."""
        if node.value is UNREAD:
            return UNREAD
        if isinstance(node.value, tuple):
            entries = [
                self.of.read(item, where.at(number))
                for number, item in enumerate(node.value)
            ]
        elif self.strict or node.value is None:
            return where.refuse(f"must be a list, not {node.kind}", node.place)
        else:
            entries = [self.of.read(node, where)]
        return [entry for entry in entries if entry is not UNREAD]

    def write(self, value: Any, where: Where) -> Any:
        """Return the list."""
        if not isinstance(value, list | tuple):
            return _unwritable(value, where)
        return [self.of.write(item, where.at(n)) for n, item in enumerate(value)]

    def schema(self) -> Schema:
        """Return the schema."""
        entries = {"type": "array", "items": self.of.schema()}
        return entries if self.strict else {"anyOf": [self.of.schema(), entries]}


@frozen
class Maybe:
    """A shape, or null."""

    of: Shape

    def read(self, node: Node, where: Where) -> Any:
        """Return the value, or None."""
        return None if node.value is None else self.of.read(node, where)

    def write(self, value: Any, where: Where) -> Any:
        """Return the value."""
        return None if value is None else self.of.write(value, where)

    def schema(self) -> Schema:
        """Return the schema."""
        return {"anyOf": [self.of.schema(), {"type": "null"}]}


@frozen
class Items:
    """An expression that gives items, or a list of them."""

    def read(self, node: Node, where: Where) -> Any:
        """Return the expression or the list."""
        if isinstance(node.value, str | tuple) or node.value is UNREAD:
            return node.plain()
        message = f"must be an expression or a list, not {node.kind}"
        return where.refuse(message, node.place)

    def write(self, value: Any, where: Where) -> Any:
        """Return it."""
        if isinstance(value, str | list):
            return Data().write(value, where)
        return _unwritable(value, where)

    def schema(self) -> Schema:
        """Return the schema."""
        return {"type": ["string", "array"]}


def _entries(value: Mapping[Any, Any], where: Where, of: Shape) -> Any:
    for key in value:
        if not isinstance(key, str):
            return where.refuse(f"has the key {key!r}; in a file, keys are text")
        _clean(key, where)
    return {key: of.write(entry, where.at(key)) for key, entry in value.items()}


def _clean(text: str, where: Where) -> Any:
    try:
        text.encode()
    except UnicodeEncodeError:
        return where.refuse("holds half of a character (a lone surrogate)")
    return text


def _unwritable(value: Any, where: Where, hint: str = "") -> Any:
    if callable(value):
        name = getattr(value, "__qualname__", None) or type(value).__qualname__
        what = f"is {short(name)!r}, a Python callable, which a file cannot hold"
        return where.refuse(what + (hint or "; write an expression instead"))
    kind = type(value).__name__
    return where.refuse(f"is {kind} {short(repr(value))}, which a file cannot hold")
