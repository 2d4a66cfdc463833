"""What is wrong with a workflow file: told at once, each problem with its place."""

from __future__ import annotations

import pytest

import actorflow as af
from actorflow.model.files import loads
from tests.model.filetexts import problems, text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "is empty"),
        ("# nothing", "is empty"),
        ("5", "1:1: the workflow must be a mapping, not a number"),
        ("- a", "1:1: the workflow must be a mapping, not a list"),
        (text("---\nname: v"), "5:1: holds more than one document; a file is one"),
        (text("state: {x: 1"), "6:1: while parsing a flow mapping expected ',' or"),
        (text("\tx: 1"), "5:1: while scanning for the next token found character"),
        (text("state: {x: \0}"), "5:12: the character U+0000 is not allowed"),
        (text('state: {x: "\\U00110000"}'), "is no YAML: chr() arg not in range"),
        (text('state: {x: "\\ud800"}'), "5:12: holds half of a character"),
        (text("state: {x: 010}"), "5:12: 010 begins with 0; put it in quotes"),
        (text("state: {x: .inf}"), "5:12: .inf is no number that can be recorded"),
        (text("state: {x: 1, y: 2, x: 3}"), "5:21: key 'x' is given twice"),
        (text("name: again"), "5:1: key 'name' is given twice"),
        (text("<<: {version: x}"), "5:1: merge keys (<<) are not read; write the"),
        (text("state: !!set {x}"), "5:8: tag 'tag:yaml.org,2002:set': a workflow"),
        (text("state: {x: !y z}"), "5:12: tag '!y': a workflow file is data, without"),
        (text("state: {[1]: 2}"), "5:9: a key must be text, not a list or mapping"),
        (text("state: {&a x: 2}"), "5:9: a key cannot have an anchor"),
        (text("state: {x: &a 1, *a : 2}"), "5:18: a key must be text, not an alias"),
        (text("state: {x: *nobody}"), "5:12: alias *nobody has no anchor before it"),
    ],
)
def test_problem_of_yaml_has_its_place(content: str, expected: str) -> None:
    """What is no YAML, or more than data, is told with its line and column."""
    (problem,) = problems(content)

    place = expected if expected[0].isdigit() else f" {expected}"
    assert problem.startswith(f"w.yaml:{place}")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "1:1: is no JSON: Expecting value"),
        ("{'a': 1}", "1:2: is no JSON: expected a key in double quotes"),
        ('{"a" 1}', "1:6: is no JSON: expected ':' after a key"),
        ('{"a": 1,}', "1:9: is no JSON: expected a key in double quotes"),
        ('{"a": [1 2]}', "1:10: is no JSON: expected ',' or ']'"),
        ('{"a": "x}', "1:7: is no JSON: Unterminated string starting at"),
        ('{"a":\n NaN}', "2:2: is no JSON: NaN is no number"),
        ('{"a": 01}', "1:8: is no JSON: expected ',' or '}'"),
        ("{} {}", "1:4: is no JSON: nothing may follow the value"),
        ('{"\\ud800": 1}', "1:2: a key holds half of a character"),
        ("[]", "1:1: the workflow must be a mapping, not a list"),
    ],
)
def test_problem_of_json_has_its_place(content: str, expected: str) -> None:
    """A `.json` file is JSON, with lines and columns like the others."""
    assert problems(content, "w.json") == [f"w.json:{expected}"]


def in_step(rest: str) -> str:
    """Return a file whose step has *rest* on its third line."""
    return text(step=f"activity: x\n  {rest}")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (text("nmae: x"), "5:1: the workflow has an unknown key 'nmae'; did you mean"),
        (in_step("retires: 1"), "5:3: steps[0] has an unknown key 'retires'; did you"),
        (in_step("next: [{when: x}]"), "5:10: steps[0].next[0] needs a 'step'"),
        (
            in_step("retry: [{max_attempts: three}]"),
            "5:26: steps[0].retry[0].max_attempts must be a whole number, not text",
        ),
        (
            in_step("retry: {max_attempts: 1.5}"),
            "5:25: steps[0].retry.max_attempts must be a whole number, not 1.5",
        ),
        (
            in_step("retry: {factor: true}"),
            "5:19: steps[0].retry.factor must be a number, not true or false",
        ),
        (
            text(step="activity: 5"),
            "4:13: steps[0].activity must be text, not a number; put it in quotes",
        ),
        (
            in_step("timeout: soon"),
            "5:12: steps[0].timeout cannot be read: 'soon' is not a duration; write",
        ),
        (
            text(step="sleep: true"),
            "4:10: steps[0].sleep must be seconds, or text such as '1h30m', not true",
        ),
        (text(step="sleep:"), "4:9: steps[0].sleep must be seconds, or text such as"),
        (in_step("edges: most"), "5:10: steps[0].edges must be one of all, first, not"),
        (
            in_step("parameters: [1]"),
            "5:15: steps[0].parameters must be a mapping, not",
        ),
        (text(step="join:"), "4:8: steps[0].join must be a mapping, not null"),
        (
            text(step="map: {activity: x, over: 5}"),
            "4:28: steps[0].map.over must be an expression or a list, not a number",
        ),
        (text(step="decide: false"), "4:11: steps[0].decide must be true, or left out"),
        (
            in_step("next: [[a]]"),
            "5:10: steps[0].next[0] must be a mapping, or the step alone, not a list",
        ),
        (text("outputs: o"), "5:10: outputs must be a list, not text"),
        (text("version: 1.10"), "5:10: version must be text, not a number; put it in"),
    ],
)
def test_problem_of_a_value_has_its_place(content: str, expected: str) -> None:
    """A key that is unknown or a value of the wrong kind is named, with its path."""
    (problem,) = problems(content)

    assert problem.startswith(f"w.yaml:{expected}")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (text("start_at: nowhere"), "5:11: start_at names 'nowhere'"),
        (text("- {name: b, sleep: 1}"), "5:3: step 'b' can never be reached"),
        (text("- {name: a, sleep: 1}"), "5:3: 2 steps are named 'a'"),
        (text("- {name: '', sleep: 1}"), "5:3: step number 2 needs a name"),
        (text(step="sleep: 0"), "4:10: step 'a': sleep must be positive"),
        (text(step="store: x"), "3:3: step 'a': has no kind"),
        (in_step("store: state.x"), "5:10: step 'a': store"),
        (
            in_step("retry: [{}, {max_attempts: 0}]"),
            "5:30: step 'a': retry[1]: max_attempts must be at least 1",
        ),
        (
            text(step="map: {over: x, activity: y, max_concurrency: 0}"),
            "4:48: step 'a': map.max_concurrency must be at least 1",
        ),
        (
            in_step("next: [a, {step: b}]"),
            "5:20: step 'a' goes to 'b', which is no step",
        ),
        (in_step("catch: {goto: b}"), "5:17: step 'a' goes to 'b', which is no step"),
        (
            text(step="wait_signal: {topic: x, timeout: 1, on_timeout: b}"),
            "4:51: step 'a' goes to 'b', which is no step",
        ),
        (text(step="join: {branches: [x, y]}"), "4:24: step 'a' joins 'y'"),
        (in_step("next: {step: a, branch: main}"), "5:9: branch name 'main' is taken"),
        (
            in_step("next:\n  - {step: a, branch: x}\n  - {step: a, branch: x}"),
            "7:5: 2 edges start branch 'x'",
        ),
        (text("inputs: [a, {name: b, type: integer, default: x}]"), "5:13: input 'b'"),
        (text("inputs: [a, a]"), "5:13: 2 inputs are named 'a'"),
        (text("outputs: [a, {name: b, branch: c}]"), "5:14: output 'b' reads"),
        ("name: w\nsteps: []", "1:1: the workflow needs at least one step"),
        (text("result: b"), "5:9: output 'b': nothing writes the variable 'b'"),
    ],
)
def test_problem_of_the_graph_has_its_place(content: str, expected: str) -> None:
    """What is wrong with the graph points at the line that is to be changed."""
    found = problems(content)

    assert [p for p in found if p.startswith(f"w.yaml:{expected}")] != []


def test_all_problems_are_told_at_once() -> None:
    """Keys, types and graph: one error, in the order of the lines."""
    content = text(
        "- {name: b, activity: x, retry: {max_attempts: many}}\n"
        "- {name: c, sleep: -1}\n"
        "outputs: [1]\n",
        step="activity: x\n  retires: 3\n  sleep: 1\n  next: [d, {step: c, whn: y}]",
    )

    assert [problem.split(": ")[0] for problem in problems(content)] == [
        "w.yaml:5:3",  # retires
        "w.yaml:7:10",  # to d, which is no step
        "w.yaml:7:23",  # whn
        "w.yaml:8:48",  # many
        "w.yaml:9:20",  # -1
        "w.yaml:10:11",  # an output that is a number
    ]


@pytest.mark.parametrize(
    "content",
    [
        text(step="activty: x"),  # not that it has no kind as well
        text("- {name: b, activity: y}", step="activity: x\n  nxt: b"),
        text("- {name: b, activity: y}", step="activity: x\n  next: [{step: 5}]"),
        text("- {name: 5, activity: y}", step="activity: x\n  next: b"),
        text(
            "outputs: [{name: o, branch: c}]",
            step="activity: x\n  store: o\n  next: {step: a, branch: [c]}",
        ),
        text("outputs: [010]"),  # not that nothing writes what has no name
        text("version: 010"),
        text("version: .inf"),
        text("state: 010"),
        text("inputs: 010"),
        text("timeout: 010"),
        text(step="join: 010"),
        text(step="decide: 010"),
        text(step="join: {mappings: 010}"),
        text(step="parallel: {arms: 010}"),
        text(step="child: 010"),
        text(step="map: {over: 010, activity: x}"),
        text(step="ask: {timeout: 5, default: 010}"),
        in_step("timeout: 010"),
        in_step("parameters: 010"),
        in_step("next: 010"),
        in_step("next: [{step: a, when: 010}]"),
        in_step("edges: 010"),
        in_step("retry: 010"),
        in_step("retry: {max_attempts: 010}"),
        in_step("retry: {factor: 010}"),
        in_step("retry: {initial: 010}"),
        in_step("catch: [{goto: a, on: 010}]"),
        "name: w\nsteps: {a: {activity: x}}",
        "name: w\nsteps:\n- 5",
    ],
)
def test_consequences_are_not_told(content: str) -> None:
    """One mistake is one problem: what only follows from it is left out."""
    assert len(problems(content)) == 1


def test_end_of_a_thousand_problems() -> None:
    """Nobody reads a thousand lines: the first fifty, and how many more."""
    found = problems(text("\n".join(f"key{n}: 1" for n in range(1000))))

    assert len(found) == 51
    assert found[-1] == "w.yaml: and 950 more"


def test_unknown_key_unlike_any_other() -> None:
    """Where no name is near, all are told."""
    (problem,) = problems(in_step("catch: {qqq: 1, goto: a}"))

    assert problem.endswith("unknown key 'qqq'; known: on, goto, store")


# --- what is found when the nodes are known ------------------------------------------


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (text(step="activity: ghost"), "w.yaml:4:13: step 'a': activity 'ghost'"),
        (
            text(step="activity: work\n  parameters:\n    x: ${state.y}"),
            "w.yaml:6:8: step 'a': parameters.x: 'state.y'",
        ),
        (
            text(step="activity: work\n  next:\n  - {step: a, when: 1 +}"),
            "w.yaml:6:21: step 'a': next[0].when: '1 +'",
        ),
        (text(step="dynamic: ghost"), "w.yaml:4:12: step 'a': dynamic node"),
    ],
)
def test_problem_of_a_node_has_its_place(content: str, place: str) -> None:
    """What only the runtime can know is told with the line in the file, too."""

    def work(x: int = 1) -> int:
        return x

    with pytest.raises(af.DefinitionError) as caught:
        af.Runtime(":memory:", [loads(content, name="w.yaml")], activities=[work])

    assert place in str(caught.value)


def test_error_shows_the_first_of_many_problems() -> None:
    """All of them can be had; what is printed can be read."""
    error = af.DefinitionError("w", [f"problem {n}" for n in range(1_000)])

    assert len(error.problems) == 1_000
    assert str(error).endswith("problem 49\n  - and 950 more")
