"""Variables by path: what a dotted name finds, and where a value is put."""

from __future__ import annotations

from typing import Any

import pytest

from actorflow.model.paths import lookup, with_path

OBJECT = {"$": "object", "type": "m:Order", "v": {"id": 7, "at": {"x": 1}}}
BLOB = {"$": "blob", "key": "0123"}
TREE = {"a": {"b": {"c": 1}, "none": None}, "list": [1], "order": OBJECT, "big": BLOB}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a", (True, TREE["a"])),
        ("a.b.c", (True, 1)),
        ("a.none", (True, None)),
        ("a.x", (False, None)),
        ("x", (False, None)),
        ("list.0", (False, None)),
        ("a.none.x", (False, None)),
        ("order.id", (True, 7)),
        ("order.at.x", (True, 1)),
        ("order.type", (False, None)),
        ("order.v", (False, None)),
    ],
)
def test_what_a_path_finds(path: str, found: tuple[bool, Any]) -> None:
    """Mappings and the fields of objects are gone into; a null is there, too."""
    assert lookup(TREE, path) == found


def test_what_lies_outside_the_log_is_named() -> None:
    """A large value is not read to look into it: the reference says where to look."""
    assert lookup(TREE, "big") == (True, BLOB)
    assert lookup(TREE, "big.a.b") == (True, {**BLOB, "at": ["a.b"]})
    found = {"v": {**BLOB, "at": ["x"]}}
    assert lookup(found, "v.y") == (True, {**BLOB, "at": ["x", "y"]})


@pytest.mark.parametrize(
    ("path", "tree"),
    [
        ("x", {"a": {"b": 1, "c": 2}, "n": 5, "x": "new"}),
        ("a", {"a": "new", "n": 5}),
        ("a.b", {"a": {"b": "new", "c": 2}, "n": 5}),
        ("a.x.y", {"a": {"b": 1, "c": 2, "x": {"y": "new"}}, "n": 5}),
        ("n.x", {"a": {"b": 1, "c": 2}, "n": {"x": "new"}}),
    ],
)
def test_value_is_put_at_a_path(path: str, tree: dict[str, Any]) -> None:
    """What is beside it stays; mappings are made on the way; the original is kept."""
    before = {"a": {"b": 1, "c": 2}, "n": 5}

    assert with_path(before, path, "new") == tree
    assert before == {"a": {"b": 1, "c": 2}, "n": 5}
