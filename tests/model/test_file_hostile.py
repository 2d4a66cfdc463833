"""Files that want to do harm: too large, too deep, code in disguise, no text at all."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import actorflow as af
from actorflow.model.files import load
from actorflow.model.nodes import MAX_DEPTH, MAX_NODES, MAX_SIZE
from actorflow.testing import runtime
from tests.model.filetexts import problems, text
from tests.model.strategies import TEXTS

DEEP = MAX_DEPTH + 1
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{last}'] * 10)}]\n"
    for last, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"a: {'[' * DEEP}{']' * DEEP}", "nested deeper than 64 levels"),
        ("\n".join(" " * n + "a:" for n in range(900)), "nested deeper"),
        ("- " * 200_000, "nested deeper"),
        ("[" * 500_000, "nested deeper"),
        ('{"a":' * 100_000, "nested deeper"),
        ("{" * 100_000, "a key must be text"),
        (LAUGHS, f"holds more than {MAX_NODES:,} values"),
        ("a: &a [*a]", "alias *a has no anchor before it"),
        ("a: &a\n" + "".join(" " * n + "- &b\n" for n in range(70)), "nested deeper"),
        ("x" * (MAX_SIZE + 1), "is larger than 1,048,576 characters"),
        (text("- {name: b, sleep: 1}\n" * 500_000), "is larger than"),
        (f"a: [{'1,' * 200_000}]", "holds more than"),
        (text(f"state: {{x: {'9' * 5_000}}}"), "5000 digits is too large"),
        (text("state: {x: 1e999}"), "1e999 is too large a number"),
        (text(step="sleep: 1e99"), "longer than a thousand years"),
        (text(step=f"sleep: {'9' * 99}w"), "cannot be read: "),
        (text(step="sleep: 99999999999999w"), "longer than a thousand years"),
        ("!!python/object/apply:os.system [true]", "data, without tags"),
        ("name: !!python/object/new:type [x]", "data, without tags"),
        ("%TAG ! tag:x,2000:\n---\n!a b", "data, without tags"),
        ("%YAML 3.0\n---\na", "incompatible YAML document"),
        ("? [a]\n: b", "a key must be text"),
        ("*" * 10_000, "expected alphabetic or numeric character"),
        ("a: b: c", "mapping values are not allowed here"),
        (text(step=f"{'y' * 1_000}: 1"), "has an unknown key 'yyy"),
    ],
)
@pytest.mark.timeout(20)
def test_hostile_text_is_refused(content: str, expected: str) -> None:
    """What would fill the memory, take for ever or run code ends in one short error."""
    found = problems(content)

    assert expected in found[0]
    assert max(map(len, found)) < 400


def many(count: int, step: str, **more: str) -> str:
    """Return a file of *count* steps like *step*, one leading to the next, as JSON."""
    steps = [step.replace("@@", str(n + 1)).replace("@", str(n)) for n in range(count)]
    last = f'{{"name": "s{count}", "decide": true}}'
    top = "".join(f', "{key}": {value}' for key, value in more.items())
    return f'{{"name": "w", "steps": [{", ".join([*steps, last])}]{top}}}'


PLACES = ", ".join(f'"b.v{n}": "d{n}"' for n in range(20_000))
LAWFUL = {
    "a long chain": many(
        4_000, '{"name": "s@", "decide": true, "next": [{"step": "s@@"}]}'
    ),
    "many joins of one branch each": many(
        1_000,
        '{"name": "s@", "decide": true, "next": [{"step": "t@", "branch": "b@"}, '
        '{"step": "j@", "branch": "c@"}]}, {"name": "t@", "sleep": 1}, '
        '{"name": "j@", "join": {"branches": ["b@"]}, "next": [{"step": "s@@"}]}',
    ),
    "circles in circles": many(
        2_000,
        '{"name": "s@", "decide": true, "next": [{"step": "s@@", "branch": "b@"}, '
        '{"step": "s0"}]}',
    ),
    "a join with many mappings": (
        '{"name": "w", "steps": [{"name": "s", "decide": true, "next": '
        '[{"step": "t", "branch": "b"}, {"step": "j", "branch": "c"}]}, '
        '{"name": "t", "sleep": 1}, {"name": "j", "join": {"branches": ["b"], '
        f'"mappings": {{{PLACES}}}}}}}]}}'
    ),
}


@pytest.mark.parametrize("case", LAWFUL)
@pytest.mark.timeout(20)
def test_large_graph_is_read(case: str) -> None:
    """What is large and lawful costs what it holds, not the square of it."""
    workflow = af.Workflow.loads(LAWFUL[case])

    assert not workflow.may_start(workflow.steps[-1].name, "b0")


def outcome(workflow: af.Workflow) -> str:
    """Return how a run has ended, or that it was refused with few words."""
    try:
        with runtime(workflow) as rt:
            return rt.start(workflow).wait().status
    except af.DefinitionError as error:
        told = str(error)
    in_place = "step 'a': next[0].when: " in told and len(told) < 1_000
    return "refused in its place" if in_place else told


@pytest.mark.parametrize(
    "expression",
    [
        "().__class__.__bases__[0].__subclasses__()",
        "state.x.__init__.__globals__",
        "__import__('os').system('true')",
        "open('/etc/passwd').read()",
        "[c for c in ().__class__.__mro__]",
        "lambda: 1",
        "'{0.__class__}'.format(state)",
        "f'{state.__class__}'",
        "9 ** 9 ** 9 ** 9",
        "'a' * 10 ** 12",
        "(" * 3_000 + "1" + ")" * 3_000,
        "1" + " + 1" * 4_000,
        "not " * 2_000 + "1",
        "x" * 20_000,
    ],
)
@pytest.mark.timeout(20)
def test_hostile_expression_does_no_harm(expression: str) -> None:
    """It is refused with its place, or fails its step; neither takes long."""
    workflow = af.Workflow(
        "w",
        state={"x": 1},
        steps=[
            af.Step("a", decide=True, next=[af.Edge("b", when=expression)]),
            af.Step("b", sleep=1),
        ],
    )
    file = workflow.to_yaml()

    assert outcome(af.Workflow.loads(file)) in ("refused in its place", "failed")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"name: \xff", "w.yaml:1:7: is not UTF-8: byte 0xff"),
        (b"a: \xc3\xa9\nb: \xe9", "w.yaml:2:4: is not UTF-8: byte 0xe9"),
        (
            "name: w".encode("utf-16-le").join([b"\xff\xfe", b""]),
            "w.yaml:1:1: is not UTF-8: byte 0xff",
        ),
        (b"a" * (MAX_SIZE + 1), "w.yaml: is larger than 1,048,576 bytes"),
        (b"\0" * 100, "w.yaml:1:1: the character U+0000 is not allowed"),
    ],
)
def test_hostile_bytes_are_refused(
    content: bytes, expected: str, tmp_path: Path
) -> None:
    """What is no text is refused, with the place of the first byte that is not."""
    path = tmp_path / "w.yaml"
    path.write_bytes(content)

    with pytest.raises(af.DefinitionError) as caught:
        load(path)

    assert caught.value.problems == (f"{tmp_path}/{expected}",)


@pytest.mark.parametrize("path", ["nowhere.yaml", ".", "a\0b", "/dev/zero"])
def test_path_that_cannot_be_read_is_named(path: str) -> None:
    """A missing file, a directory, a device: the error names the path."""
    with pytest.raises(af.DefinitionError) as caught:
        af.Workflow.load(path)

    assert caught.value.name == path
    assert caught.value.problems[0].startswith(f"{path}: ")


@given(st.text(max_size=200) | st.lists(TEXTS, max_size=10).map(" ".join))
def test_arbitrary_text_is_a_workflow_or_a_problem(content: str) -> None:
    """Whatever the text, the one exception is a `DefinitionError`."""
    for problem in problems(content):
        assert problem.startswith("w.yaml:")


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_a_workflow_or_a_problem(content: bytes) -> None:
    """The same for bytes."""
    with pytest.raises(af.DefinitionError):
        load(io.BytesIO(content))
