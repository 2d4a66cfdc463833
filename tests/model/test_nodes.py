"""Values that know where they are written: how much is read, and found again."""

from __future__ import annotations

from typing import Any

import pytest

from actorflow.model.files import loads, read
from actorflow.model.nodes import (
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_NODES,
    MAX_QUOTED,
    UNREAD,
    Node,
    Unreadable,
    kind_of,
    short,
)
from tests.model.filetexts import problems, text


def tree(content: str) -> Node:
    """Return what *content* holds."""
    root, faults = read(content)
    assert faults == []
    return root


def is_read(content: str) -> bool:
    """Return whether *content* is not too much."""
    try:
        tree(content)
    except Unreadable:
        return False
    return True


# --- how much is too much ------------------------------------------------------------


@pytest.mark.parametrize("opened", ["[", '{"a":'])
@pytest.mark.parametrize("more", [0, 1])
def test_what_is_nested_as_deep_as_it_may_be_is_read(opened: str, more: int) -> None:
    """And no level more."""
    closed = "]" if opened == "[" else "}"
    depth = MAX_DEPTH + more - 1

    assert is_read(f"{opened * depth}[]{closed * depth}") == (not more)


@pytest.mark.parametrize("inner", ["[{}]", "{{a: {}, b: 1}}"])
@pytest.mark.parametrize("more", [0, 1])
def test_an_alias_is_as_deep_as_what_it_stands_for(inner: str, more: int) -> None:
    """Depth that comes by an alias counts, so that nothing recurses without an end."""
    anchored = "1"
    for _ in range(40):
        anchored = inner.format(anchored)
    depth = MAX_DEPTH - 40 - 1 + more  # the outermost list is a level, too

    assert is_read(f"[&a {anchored}, {'[' * depth}*a{']' * depth}]") == (not more)


@pytest.mark.parametrize("more", [0, 1])
def test_an_alias_of_what_is_empty_is_as_deep_as_that(more: int) -> None:
    """An empty list may stand wherever a list may."""
    depth = MAX_DEPTH - 2 + more

    assert is_read(f"[&a [], {'[' * depth}*a{']' * depth}]") == (not more)


@pytest.mark.parametrize("more", [0, 1])
def test_as_many_values_as_there_may_be_are_read(more: int) -> None:
    """Lists, mappings and single values count, and aliases as what they stand for."""
    large = "&a [" + "{a: b}, " * 499 + "c]"  # itself, and 999 more
    many = ", *a" * 98
    rest = ", 1" * (MAX_NODES - 99_001 + more)

    assert is_read(f"[{large}{many}{rest}]") == (not more)


@pytest.mark.parametrize("more", [0, 1])
def test_a_number_may_be_long(more: int) -> None:
    """A hundred digits are read; what has more is one problem, with its place."""
    digits = "9" * (MAX_DIGITS + more)
    content = text(
        f"state: {{x: {digits}}}", step=f"sleep: {digits}" if more else "sleep: 1"
    )

    if more:
        assert [problem.split(": ")[0] for problem in problems(content)] == [
            "w.yaml:4:10",
            "w.yaml:5:12",
        ]
    else:
        assert loads(content).state == {"x": int(digits)}


# --- what follows from what cannot be read -------------------------------------------


def test_what_is_unread_hides_only_what_follows_from_it() -> None:
    """A step that cannot be read is one problem; others are told of other steps."""
    content = text(
        '- {name: b, sleep: "\\ud800"}\n- {name: c, sleep: 0}',
        step="next: [b, c]\n  sleep: 1",
    )

    assert [problem.split(": ")[0] for problem in problems(content)] == [
        "w.yaml:6:20",
        "w.yaml:7:20",
    ]


def test_what_cannot_be_read_may_be_the_name_that_is_missed() -> None:
    """No step is missed while another has a key too many: that may be its name."""
    content = text("- {name: b, sleep: 1, name: c}", step="sleep: 1\n  next: [b, c]")

    assert problems(content) == ["w.yaml:6:23: key 'name' is given twice"]


def test_of_a_key_that_is_given_twice_the_first_counts() -> None:
    """What is wrong with the second is not told, since it has to go."""
    (problem,) = problems(text("start_at: a\nstart_at: nowhere"))

    assert problem == "w.yaml:6:1: key 'start_at' is given twice"


@pytest.mark.parametrize("nested", [UNREAD, (UNREAD,), {"a": (UNREAD, 1)}])
def test_what_holds_something_unread_is_unread(nested: Any) -> None:
    """Nobody is given half of a value."""

    def node(value: Any) -> Node:
        if isinstance(value, dict):
            value = {key: node(entry) for key, entry in value.items()}
        elif isinstance(value, tuple):
            value = tuple(map(node, value))
        return Node(tree("1").place, value)

    assert node({"x": nested}).plain() is UNREAD
    assert node({"x": (1, {"y": None})}).plain() == {"x": [1, {"y": None}]}


# --- where it is ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "column"),
    [
        ((), 1),
        (("a",), 5),
        (("a", 0), 6),
        (("a", 1), 9),
        (("a", 1, "b"), 13),
        (("a", 2), 5),
        (("a", 9, "b"), 5),
        (("a", "b"), 5),
        (("nothing", 0), 1),
        (("c", 0, "b"), 25),
        (("c", 1, "b"), 21),
    ],
)
def test_a_place_is_that_of_the_last_that_is_there(path: Any, column: int) -> None:
    """Of a path that leads too far, and of a list of one that is written without it."""
    root = tree("{a: [1, {b: 2}], c: {b: 3}}")

    assert root.find(path).place.column == column


@pytest.mark.parametrize(
    ("problem", "place"),
    [
        ("step 'a': sleep is wrong", "4:10"),
        ("step 'nobody': sleep is wrong", "1:1"),
        ("step 'nobody' goes to 'a'", "1:1"),
        ("something else", "1:1"),
    ],
)
def test_a_problem_that_names_nothing_is_about_the_whole(
    problem: str, place: str
) -> None:
    """Whatever is said of a workflow has some place in its file."""
    workflow = loads(text(step="sleep: 1"), name="w.yaml")

    assert workflow.placed(problem) == f"w.yaml:{place}: {problem}"


@pytest.mark.parametrize(
    ("value", "name"),
    [({"a": 1}, "a mapping"), ([1], "a list"), (True, "true or false"), ("x", "text")],
)
def test_a_kind_is_told_as_a_person_would(value: object, name: str) -> None:
    """Problems name what was found in the words of a file, and not of Python."""
    assert kind_of(value) == name


def test_what_is_quoted_is_short() -> None:
    """A message shows all of a short text, and of a long one what a line may bear."""
    longest = "x" * MAX_QUOTED

    assert short(longest) == longest
    assert short(longest + "x") == longest + "..."
