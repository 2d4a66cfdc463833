"""Every kind of value that a workflow file may hold: read, written, refused."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.model import files
from actorflow.model.containers import Maybe
from actorflow.model.fileform import json_schema
from actorflow.model.files import dump, load, loads
from actorflow.model.shapes import Choice, Duration, Number, Shape, Text, Where
from tests.model.filetexts import problems, text

STEP = af.Step("a", sleep=1)


def step_of(rest: str) -> af.Step:
    """Return the step of a file that holds this one."""
    return loads(text(step=rest)).start


NO_DURATION = "is not a duration; write seconds, or as in '1h30m'"
KINDS: list[tuple[str, dict[str, Any]]] = [
    (
        "map: {over: state.xs, activity: x, max_concurrency: 3}",
        {"map": af.Map(over="state.xs", activity="x", max_concurrency=3)},
    ),
    (
        "map: {over: [1, {a: b}], activity: x, parameters: {y: 1}}",
        {"map": af.Map(over=[1, {"a": "b"}], activity="x", parameters={"y": 1})},
    ),
    (
        "map: {over: {fetch: f, max_pages: 2}, activity: x, on_error: continue}",
        {
            "map": af.Map(
                over=af.Pages(fetch="f", max_pages=2),
                activity="x",
                on_error="continue",
            )
        },
    ),
    (
        "activity: x\n  retry: {max_attempts: 5.0, factor: 1.5, max_delay: null}",
        {
            "activity": "x",
            "retry": af.Retry(max_attempts=5, factor=1.5, max_delay=None),
        },
    ),
    (
        "activity: x\n  edges: first\n  next: [{step: a, when: false}, a]",
        {
            "activity": "x",
            "edges": "first",
            "next": [af.Edge("a", when="false"), af.Edge("a")],
        },
    ),
    (
        "ask: {timeout: 1d, default: false}",
        {"ask": af.Ask(timeout=86_400, default=False)},
    ),
    (
        "ask: {timeout: 1.5, default: true}",
        {"ask": af.Ask(timeout=1.5, default=True)},
    ),
    ("decide: true", {"decide": True}),
    (
        "join: {branches: main}\n  next: {step: a, branch: long}",
        {"join": af.Join(branches="main"), "next": [af.Edge("a", branch="long")]},
    ),
    ("child: w", {"child": "w"}),
    (
        "child: {workflow: w, on_parent_close: abandon}",
        {"child": af.Child("w", on_parent_close="abandon")},
    ),
]


@pytest.mark.parametrize(("rest", "settings"), KINDS)
def test_value_is_the_same_as_in_python(rest: str, settings: dict[str, Any]) -> None:
    """A file says what Python would be told, and what is written says it again."""
    wanted = af.Workflow("w", steps=[af.Step("a", **settings)])

    assert repr(step_of(rest)) == repr(wanted.start)
    assert repr(loads(dump(wanted))) == repr(wanted)
    assert loads(dump(wanted)).fingerprint == wanted.fingerprint


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (text("version: [1]"), "5:10: version must be text, not a list"),
        (text("version: {}"), "5:10: version must be text, not a mapping"),
        (text("version:"), "5:9: version must be text, not null"),
        (
            text(step="activity: x\n  next: {step: a, when: [true]}"),
            "5:25: steps[0].next.when must be text, not a list",
        ),
        (
            text(step="activity: x\n  next: {step: a, when: 1}"),
            "5:25: steps[0].next.when must be text, not a number; put it in quotes",
        ),
        (
            text(step="activity: x\n  retry: {factor: fast}"),
            "5:19: steps[0].retry.factor must be a number, not text",
        ),
        (
            text(step="activity: x\n  edges: most"),
            "5:10: steps[0].edges must be one of all, first, not 'most'",
        ),
        (
            text(step="activity: x\n  edges: 1"),
            "5:10: steps[0].edges must be one of all, first, not a number",
        ),
        (
            text(step="ask: {timeout: 1, default: no}"),
            "4:30: steps[0].ask.default must be true or false, not text",
        ),
        (
            text(step="map: {over: null, activity: x}"),
            "4:15: steps[0].map.over must be an expression or a list, not null",
        ),
        (
            text(step=f"sleep: {'x' * 1_000}"),
            f"4:10: steps[0].sleep cannot be read: '{'x' * 60}...' {NO_DURATION}",
        ),
        (
            text(step="activity: x\n  retry: [5]"),
            "5:11: steps[0].retry[0] must be a mapping, not a number",
        ),
    ],
)
def test_refusal_says_what_is_there_and_what_should_be(
    content: str, problem: str
) -> None:
    """A value of another kind is told in one sentence, which ends there."""
    assert problems(content) == [f"w.yaml:{problem}"]


def test_step_without_a_name_does_not_hide_others() -> None:
    """It keeps its number, so what is wrong further down is told in its place."""
    content = "name: w\nsteps:\n- {activity: x}\n- {name: b, sleep: 0}"

    assert problems(content) == [
        "w.yaml:3:3: steps[0] needs a 'name'",
        "w.yaml:4:20: step 'b': sleep must be positive, not 0 s",
    ]


def test_graph_is_looked_through_though_a_key_beside_it_is_wrong() -> None:
    """What is wrong with the steps does not depend on what is not in them."""
    found = problems(text("- {name: b, sleep: 1}\nversion: 5"))

    assert found == [
        "w.yaml:5:3: step 'b' can never be reached; no edge leads to it",
        "w.yaml:6:10: version must be text, not a number; put it in quotes",
    ]


def test_name_that_cannot_be_read_may_be_any() -> None:
    """That no step has a name that is wanted is only told when all names are known."""
    known = "{name: b, sleep: 1, x: 1}"
    unknown = "{name: 5, sleep: 1}"
    content = "name: w\nsteps:\n- {name: a, activity: x, next: d}\n- "

    assert len(problems(content + known)) == 2
    assert problems(content + known)[0].endswith("goes to 'd', which is no step")
    assert len(problems(content + unknown)) == 1


@pytest.mark.parametrize(
    "value",
    [
        *("on", "no", "yes", "null", "~", "", "true", "1", "010", "0x1f", "1e5"),
        *(".inf", "<<", "2024-02-29", "12:30", "1_000", "a\nb", "a\n", "\tx", " "),
        *("a\x85b", "a\u2028b", "a\r\nb", "a\x07", "\ufeff", "é", "\U0001f600"),
        *(["a", "a"], [["a"], ["a"]], {"on": "off"}, {"1": 1}, 10**100 - 1, -0.5),
    ],
    ids=repr,
)
def test_value_survives_writing(value: Any) -> None:
    """Text is text again, line ends and all, and numbers are numbers."""
    step = af.Step("a", activity="x", parameters={"p": value})
    read = loads(dump(af.Workflow("w", steps=[step]))).start.parameters["p"]

    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("shape", [Text(), Number(), Duration(), Choice(("a",))])
def test_null_is_null_whatever_else_there_may_be(shape: Shape) -> None:
    """Where a file may say nothing, that is written as nothing."""
    where = Where()

    assert Maybe(shape).write(None, where) is None
    assert not where.faults


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("no", "no"),
        ("2024-02-29", "2024-02-29"),
        ("12:30", "12:30"),
        ("café", "café"),
        ("1", "'1'"),
        ("true", "'true'"),
    ],
)
def test_text_is_quoted_where_it_has_to_be(value: str, written: str) -> None:
    """Only what would be read as something else has quotes; nothing is escaped."""
    workflow = af.Workflow("w", steps=[STEP], state={"x": value})

    assert f"  x: {written}\n" in dump(workflow)


def test_what_is_used_twice_is_written_twice() -> None:
    """A person who edits a file is to find values, and no references to them."""
    shared = {"b": [1]}
    workflow = af.Workflow("w", steps=[STEP], state={"x": [shared, shared]})

    assert "&" not in dump(workflow)
    assert loads(dump(workflow)).state == {"x": [shared, shared]}


CALLABLE = "is 'len', a Python callable, which a file cannot hold"
NAMED = 'as activity="its-name"'


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"child": af.Child("w", key="k")},
            "steps[0].child.key is str 'k', which a file cannot hold",
        ),
        (
            {"activity": "x", "parameters": "abc"},
            "steps[0].parameters is str 'abc', which a file cannot hold",
        ),
        (
            {"map": af.Map(over=(1, 2), activity="x")},
            "steps[0].map.over is tuple (1, 2), which a file cannot hold",
        ),
        (
            {"activity": "x", "parameters": {"p": 10**100}},
            f"steps[0].parameters.p is int 1{'0' * 59}..., which a file cannot hold",
        ),
        (
            {"activity": len},
            f"steps[0].activity {CALLABLE}; a file can only name it, {NAMED}",
        ),
        (
            {"activity": "x", "parameters": len},
            f"steps[0].parameters {CALLABLE}; write an expression instead",
        ),
    ],
)
def test_what_a_file_cannot_hold(settings: dict[str, Any], problem: str) -> None:
    """It is refused with its place and what it is; nothing is left out in silence."""
    about = {key: settings.pop(key) for key in ["version"] if key in settings}
    workflow = af.Workflow("w", steps=[af.Step("a", **settings)], **about)

    with pytest.raises(af.DefinitionError) as caught:
        dump(workflow)

    assert caught.value.problems == (problem,)


# --- how much a file may hold --------------------------------------------------------

SMALL = text()


@pytest.mark.parametrize("too_much", [0, 1])
@pytest.mark.parametrize("kind", ["text", "bytes", "path", "string"])
def test_size_of_what_is_read(
    kind: str, too_much: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of just the greatest size is read whole; one more is refused."""
    monkeypatch.setattr(files, "MAX_SIZE", len(SMALL) - too_much)
    path = tmp_path / "w.yaml"
    path.write_text(SMALL, encoding="utf-8")
    doors = {
        "text": lambda: load(io.StringIO(SMALL)),
        "bytes": lambda: load(io.BytesIO(SMALL.encode())),
        "path": lambda: load(path),
        "string": lambda: loads(SMALL),
    }
    if too_much:
        with pytest.raises(af.DefinitionError, match="is larger than"):
            doors[kind]()
    else:
        assert doors[kind]().start.activity == "work"


@pytest.mark.parametrize("too_much", [0, 1])
def test_size_of_what_is_written(
    too_much: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be read again is not written."""
    workflow = loads(SMALL)
    monkeypatch.setattr(files, "MAX_SIZE", len(dump(workflow)) - too_much)
    if too_much:
        with pytest.raises(af.DefinitionError, match="characters a file may have"):
            dump(workflow)
    else:
        assert loads(dump(workflow)).name == "w"


def test_end_of_just_so_many_problems() -> None:
    """Fifty are told, and nothing is said of none that are left."""
    found = problems(text("\n".join(f"key{n}: 1" for n in range(50))))

    assert len(found) == 50
    assert "unknown key 'key49'" in found[-1]


@pytest.mark.parametrize(
    ("path", "reason"),
    [("nowhere.yaml", "No such file or directory"), ("a\0b", "embedded null byte")],
)
def test_why_a_path_cannot_be_read(path: str, reason: str) -> None:
    """The reason is the operating system's, or Python's."""
    with pytest.raises(af.DefinitionError) as caught:
        load(path)

    assert caught.value.problems == (f"{path}: cannot be read: {reason}",)


def test_problem_of_an_open_file_has_its_name(tmp_path: Path) -> None:
    """A file that was given open is called by its name, if it has one."""
    path = tmp_path / "w.yaml"
    path.write_text("5", encoding="utf-8")

    with path.open() as file, pytest.raises(af.DefinitionError) as named:
        load(file)
    with pytest.raises(af.DefinitionError) as nameless:
        load(io.StringIO("5"))

    assert named.value.problems[0].startswith(f"{path}:1:1: ")
    assert nameless.value.problems[0].startswith("<text>:1:1: ")


def test_command_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m actorflow.model.files` prints what is published, byte for byte."""
    root = Path(__file__).parent.parent.parent
    files.main()
    printed = capsys.readouterr().out

    assert json.loads(printed) == json_schema()
    published = root / "docs" / "reference" / "workflow.schema.json"
    assert printed == published.read_text(encoding="utf-8")
