"""Workflows from files: what is read."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.model.files import load, loads, read
from tests.model.filetexts import ORDERS, text

SAME = af.Workflow(
    name="orders",
    inputs=[af.Input("order_id", type="string"), af.Input("limit", default=100)],
    state={"retries": 0},
    steps=[
        af.Step(
            "fetch",
            activity="fetch_order",
            parameters={"id": "${inputs.order_id}"},
            store="order",
            retry=[af.Retry(max_attempts=3, on=["timeout"], max_delay=90)],
            catch=[af.Catch(on=["all"], goto="recover", store="error")],
            next=[
                af.Edge(
                    "audit", when="state.order.total > inputs.limit", branch="audit"
                ),
                af.Edge("ship", branch="ship"),
                af.Edge("done", branch="final"),
            ],
        ),
        af.Step(
            "audit",
            wait_signal=af.WaitSignal(
                topic="audit-${inputs.order_id}", timeout=86_400, store="verdict"
            ),
        ),
        af.Step(
            "ship",
            activity="ship_order",
            parameters={"order": "${state.order}"},
            store="parcel",
        ),
        af.Step(
            "done",
            join=af.Join(
                branches=["audit", "ship"],
                mappings={"audit.verdict": "verdict", "ship.parcel": "parcel"},
            ),
        ),
        af.Step("recover", activity="refund", parameters={"reason": "${state.error}"}),
    ],
    outputs=[
        af.Output("verdict", branch="final"),
        af.Output("parcel", branch="final"),
    ],
)


def same(one: af.Workflow, other: af.Workflow) -> bool:
    """Return whether two definitions agree in everything, types included."""
    return repr(one) == repr(other) and one.fingerprint == other.fingerprint


def state_of(value: str) -> Any:
    """Return what YAML's *value* is, as a variable of the state."""
    return loads(text(f"state: {{x: {value}}}")).state["x"]


def test_file_is_the_same_as_python() -> None:
    """Every key of a file is the attribute of that name in Python."""
    assert same(af.Workflow.loads(ORDERS), SAME)


def test_json_is_the_same_as_yaml() -> None:
    """A file of the same keys and values in JSON is the same workflow."""
    root, _ = read(ORDERS)

    assert same(loads(json.dumps(root.plain()), name="orders.json"), SAME)


@pytest.mark.parametrize("kind", [str, Path])
def test_load_takes_a_path(tmp_path: Path, kind: type) -> None:
    """A file is given by its path, as text or as a `Path`."""
    path = tmp_path / "orders.yaml"
    path.write_text(ORDERS, encoding="utf-8")

    assert same(af.Workflow.load(kind(path)), SAME)


@pytest.mark.parametrize("file", [io.StringIO(ORDERS), io.BytesIO(ORDERS.encode())])
def test_load_takes_an_open_file(file: Any) -> None:
    """A file may be open already, as text or as bytes."""
    assert same(af.Workflow.load(file), SAME)


def test_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Editors that put a mark in front of the text do no harm."""
    path = tmp_path / "orders.json"
    path.write_bytes(
        b"\xef\xbb\xbf" + b'{"name": "w", "steps": [{"name": "a", "pause": 1'
    )

    with pytest.raises(af.DefinitionError, match=r"orders\.json:1:\d+: is no JSON"):
        load(path)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5", 5),
        ("-5", -5),
        ("+5", 5),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.50", 1.5),
        ("1e5", 1e5),
        ("-.5E-2", -0.005),
        ("1_000", "1_000"),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("on", "on"),
        ("null", None),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ('"\\u00e9\\n"', "é\n"),
        ("2024-02-29", "2024-02-29"),
        ("12:30", "12:30"),
        ("[1, [2], {a: b}]", [1, [2], {"a": "b"}]),
        ("{on: 1, 2: two, null: 3}", {"on": 1, "2": "two", "null": 3}),
        ("&v [1], y: *v", [1]),
    ],
)
def test_plain_words_of_yaml(value: str, expected: Any) -> None:
    """Numbers, booleans and null are what YAML 1.2 says; keys and all else are text."""
    found = state_of(value)

    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1E5", 1e5),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('"\\/"', "/"),
        ("[\t1,\n\t2 ]", [1, 2]),
        ("-0.0", -0.0),
        ("[]", []),
    ],
)
def test_json_is_read_by_its_own_rules(value: str, expected: Any) -> None:
    """Tabs, escapes and exponents of JSON, which YAML takes for something else."""
    content = (
        f'{{"name":"w","state":{{"x":{value}}},"steps":[{{"name":"a","sleep":1}}]}}'
    )

    assert loads(content).state["x"] == expected


def test_braces_may_be_yaml() -> None:
    """YAML may begin with a brace as well."""
    assert loads("{name: w, steps: [{name: a, activity: b}]}").name == "w"


def test_alias_is_the_value_it_names() -> None:
    """What several steps share is written once."""
    workflow = loads(
        "name: w\nsteps:\n"
        "- {name: a, activity: x, retry: &r {max_attempts: 7}, next: b}\n"
        "- {name: b, activity: y, retry: [*r, *r]}\n"
    )

    assert workflow.step("b").retry == 2 * workflow.step("a").retry


@pytest.mark.parametrize(
    ("value", "expected"),
    [("90", 90.0), ("1.5", 1.5), ("1m30s", 90.0), ("1h 30m", 5400.0), ("250ms", 0.25)],
)
def test_duration_is_seconds_or_text(value: str, expected: float) -> None:
    """Durations are written as people write them."""
    assert loads(text(step=f"sleep: {value}")).start.sleep == expected


def test_bare_words_are_shorthand() -> None:
    """What has only a name may be the name alone, and a list of one the entry alone."""
    long = text(
        step="activity: x\n  store: o\n  next: [{step: a}]",
        top="inputs: [{name: i}]\noutputs: [{name: o}]",
    )
    short = text(
        step="activity: x\n  store: o\n  next: a", top="inputs: [i]\noutputs: [o]"
    )

    assert same(loads(short), loads(long))


def test_condition_may_be_a_boolean() -> None:
    """`when: true` needs no quotes."""
    workflow = loads(text(step="activity: x\n  next: {step: a, when: true}"))

    assert workflow.start.next[0].when == "true"


def test_null_stands_where_python_has_none() -> None:
    """`max_delay: null` is no bound, and `default: null` a default."""
    workflow = loads(
        text(
            step="activity: x\n  retry: {max_delay: null}",
            top="inputs: [{name: i, default: null}]",
        )
    )

    assert workflow.start.retry[0].max_delay is None
    assert not workflow.inputs[0].required
