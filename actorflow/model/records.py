"""Mappings with known keys: how an attrs class is read, written and described."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from attrs import NOTHING, Attribute, Factory, fields_dict, frozen

from actorflow.model.nodes import UNREAD, Node, short, spelled
from actorflow.model.shapes import Schema, Shape, Where, unwritable

MAX_FAULTS = 50
Fields = Mapping[str, tuple[Shape, str]]
"""For every key: its shape, and what it means."""


@frozen
class Record:
    """A mapping with known keys: the attributes of an attrs class.

    Attributes:
        title: what a person calls it.
        keys: every key, in the order in which it is written.
        bare: the key whose text may stand for the whole.
        stand_in: the key that is made up if it cannot be read, so that what else is
            wrong with the record, and with those that name it, is found as well.
        one_of: keys of which exactly one is given.
    """

    cls: type
    title: str
    keys: Fields
    bare: str | None = None
    stand_in: str | None = None
    one_of: tuple[str, ...] = ()

    def read(self, node: Node, where: Where) -> Any:
        """Return an instance, or `UNREAD` if a key it cannot do without is unread."""
        values = self.values(node, where)
        if self.stand_in is not None and self.stand_in not in values:
            values[self.stand_in] = f"?{spelled(where.path)}"
        attributes = fields_dict(self.cls)
        if any(_required(attributes[key]) and key not in values for key in self.keys):
            return UNREAD
        return self.cls(**values)

    def values(self, node: Node, where: Where) -> dict[str, Any]:
        """Return the values of all keys that could be read."""
        if node.value is UNREAD:
            return {}
        if isinstance(node.value, str) and self.bare is not None:
            return {self.bare: node.value}
        if not isinstance(node.value, dict):
            name = f", or the {self.bare} alone" if self.bare else ""
            where.refuse(f"must be a mapping{name}, not {node.kind}", node.place)
            return {}
        values = {}
        for key, entry in node.value.items():
            if key in self.keys:
                values[key] = self.keys[key][0].read(entry, where.at(key))
            else:
                where.refuse(self._unknown(key, where), node.keys[key], key)
        for key, attribute in fields_dict(self.cls).items():
            if _required(attribute) and key in self.keys and key not in values:
                where.refuse(f"needs a {key!r}", node.place, key)
        return {key: value for key, value in values.items() if value is not UNREAD}

    def _unknown(self, key: str, where: Where) -> str:
        known = list(self.keys)
        # Nobody reads more than that many, and looking for likeness takes time.
        few = len(where.faults) < MAX_FAULTS
        alike = difflib.get_close_matches(key, known) if few else []
        hint = f"did you mean {alike[0]!r}?" if alike else f"known: {', '.join(known)}"
        return f"has an unknown key {short(key)!r}; {hint}"

    def write(self, value: Any, where: Where) -> Any:
        """Return the keys whose values are not the default."""
        attributes = fields_dict(self.cls)
        data = {}
        for key in dict.fromkeys([*self.keys, *attributes]):
            entry = getattr(value, key)
            if not _is_default(entry, attributes[key], value):
                there = where.at(key)
                if key in self.keys:
                    data[key] = self.keys[key][0].write(entry, there)
                else:
                    unwritable(entry, there)
        return data[self.bare] if self.bare and list(data) == [self.bare] else data

    def schema(self) -> Schema:
        """Return a reference to the schema, which is among the definitions."""
        return {"$ref": f"#/$defs/{self.title}"}

    def definition(self) -> Schema:
        """Return the schema itself."""
        attributes = fields_dict(self.cls)
        properties = {}
        for key, (shape, meaning) in self.keys.items():
            properties[key] = {"description": meaning, **shape.schema()}
        schema: Schema = {
            "type": "object",
            "properties": properties,
            "required": [key for key in self.keys if _required(attributes[key])],
            "additionalProperties": False,
        }
        if self.one_of:
            schema["oneOf"] = [{"required": [key]} for key in self.one_of]
        return {"anyOf": [{"type": "string"}, schema]} if self.bare else schema


def _required(attribute: Attribute[Any]) -> bool:
    return attribute.default is NOTHING


def _is_default(value: Any, attribute: Attribute[Any], owner: Any) -> bool:
    default: Any = attribute.default
    if isinstance(default, Factory):  # type: ignore[arg-type]
        default = default.factory(*([owner] if default.takes_self else []))
    return type(value) is type(default) and bool(value == default)
