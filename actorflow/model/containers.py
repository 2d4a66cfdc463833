"""The shapes that are made of other shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from actorflow.model.nodes import UNREAD, Node
from actorflow.model.shapes import Data, Schema, Shape, Where, entries_of, unwritable


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
            return unwritable(value, where)
        return entries_of(value, where, self.of)

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
    """An expression that gives items, a list of them, or where to get them."""

    source: Shape
    cls: type

    def read(self, node: Node, where: Where) -> Any:
        """Return the expression or the list."""
        if isinstance(node.value, str | tuple) or node.value is UNREAD:
            return node.plain()
        if isinstance(node.value, dict):
            return self.source.read(node, where)
        message = f"must be an expression or a list, not {node.kind}"
        return where.refuse(message, node.place)

    def write(self, value: Any, where: Where) -> Any:
        """Return it."""
        if isinstance(value, str | list):
            return Data().write(value, where)
        if isinstance(value, self.cls):
            return self.source.write(value, where)
        return unwritable(value, where)

    def schema(self) -> Schema:
        """Return the schema."""
        return {"anyOf": [{"type": ["string", "array"]}, self.source.schema()]}
