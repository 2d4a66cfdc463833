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
    MAX_DIGITS,
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

    def refuse(self, text: str, place: Place | None = None, *about: str) -> Any:
        """Note what is wrong here, or with the key it is *about*; return `UNREAD`."""
        name = spelled(self.path) or "the workflow"
        self.faults.append(Fault(f"{name} {text}", (*self.path, *about), place))
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
        if isinstance(value, str):
            return _clean(str.__str__(value), where)
        return unwritable(value, where, self.hint)

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
        """Return the number; ``3.0`` is as whole as ``3``."""
        value = node.value
        if value is UNREAD:
            return UNREAD
        if self.whole and isinstance(value, float) and value.is_integer():
            return int(value)
        wanted = int if self.whole else (int, float)
        if isinstance(value, wanted) and not isinstance(value, bool):
            return value
        number = "a whole number" if self.whole else "a number"
        kind = str(value) if isinstance(value, float) else node.kind
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
class Flag:
    """``true``; what is not so is left out."""

    def read(self, node: Node, where: Where) -> Any:
        """Return True."""
        if node.value is True or node.value is UNREAD:
            return node.value
        return where.refuse("must be true, or left out", node.place)

    def write(self, value: Any, where: Where) -> Any:  # noqa: ARG002
        """Return True: a definition has nothing else."""
        return value

    def schema(self) -> Schema:
        """Return the schema."""
        return {"const": True}


@frozen
class Truth:
    """``true`` or ``false``."""

    def read(self, node: Node, where: Where) -> Any:
        """Return which of them."""
        if isinstance(node.value, bool) or node.value is UNREAD:
            return node.value
        return where.refuse(f"must be true or false, not {node.kind}", node.place)

    def write(self, value: Any, where: Where) -> Any:  # noqa: ARG002
        """Return which of them: a definition has nothing else."""
        return value

    def schema(self) -> Schema:
        """Return the schema."""
        return {"type": "boolean"}


@frozen
class Data:
    """Anything JSON can say."""

    def read(self, node: Node, where: Where) -> Any:  # noqa: ARG002
        """Return it."""
        return node.plain()

    def write(self, value: Any, where: Where) -> Any:
        """Return it, if it would come back as what it is."""
        if type(value) in (dict, list) and len(where.path) >= MAX_DEPTH:
            return where.refuse(f"is nested deeper than {MAX_DEPTH} levels")
        if type(value) is dict:
            return entries_of(value, where, self)
        if type(value) is list:
            return [self.write(item, where.at(n)) for n, item in enumerate(value)]
        if type(value) is str:
            return _clean(value, where)
        if value is None or type(value) is bool or _is_plain_number(value):
            return value
        return unwritable(value, where)

    def schema(self) -> Schema:
        """Return the schema."""
        return {}


def entries_of(value: Mapping[Any, Any], where: Where, of: Shape) -> Any:
    """Return a mapping with text for keys, each value written as *of* says."""
    for key in value:
        if not isinstance(key, str):
            return where.refuse(f"has the key {key!r}; in a file, keys are text")
        _clean(key, where)
    # Plain text, as what a subclass (an enum, say) prints is its own affair.
    return {
        str.__str__(key): of.write(entry, where.at(key)) for key, entry in value.items()
    }


def _is_plain_number(value: Any) -> bool:
    if type(value) is float:
        return math.isfinite(value)
    return type(value) is int and abs(value) < 10**MAX_DIGITS


def _clean(text: str, where: Where) -> Any:
    try:
        text.encode()
    except UnicodeEncodeError:
        return where.refuse("holds half of a character (a lone surrogate)")
    return text


def unwritable(value: Any, where: Where, hint: str = "") -> Any:
    """Refuse a value of Python's that a file has no form for."""
    if callable(value):
        name = getattr(value, "__qualname__", None) or type(value).__qualname__
        what = f"is {short(name)!r}, a Python callable, which a file cannot hold"
        return where.refuse(what + (hint or "; write an expression instead"))
    kind = type(value).__name__
    try:
        shown = f" {short(repr(value))}"
    except Exception:  # noqa: BLE001 - anybody's class, or an int of 5,000 digits
        shown = ""
    return where.refuse(f"is {kind}{shown}, which a file cannot hold")
