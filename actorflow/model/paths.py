"""Variables of a branch, by path."""

from __future__ import annotations

from actorflow.model.events import Data

BLOB = "blob"
"""The tag of a reference to a value that lies outside the log."""


def lookup(variables: dict[str, Data], path: str) -> tuple[bool, Data]:
    """Return (found, value) for a dotted path into nested mappings.

    What lies in a blob is named, not looked at: the reference says where in it.
    """
    value: Data = variables
    parts = path.split(".")
    for index, part in enumerate(parts):
        if isinstance(value, dict) and value.get("$") == BLOB:
            rest = ".".join(parts[index:])
            return True, {**value, "at": [*value.get("at", ()), rest]}
        if isinstance(value, dict) and value.get("$") == "object":
            value = value["v"]  # the fields of an object, as the codec writes them
        if not isinstance(value, dict) or part not in value:
            return False, None
        value = value[part]
    return True, value


def with_path(tree: dict[str, Data], path: str, value: Data) -> dict[str, Data]:
    """Return a copy of *tree* with *value* at a dotted path; mappings are made."""
    head, _, rest = path.partition(".")
    if not rest:
        return {**tree, head: value}
    inner = tree.get(head)
    inner = inner if isinstance(inner, dict) else {}
    return {**tree, head: with_path(inner, rest, value)}
