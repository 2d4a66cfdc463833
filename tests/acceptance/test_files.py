"""A workflow can live in a file, and runs like one written in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.acceptance.helpers import WAIT, echo, problems

TEXT = """
name: greeting
inputs:
  - name: who
    type: string
state:
  punctuation: "!"
steps:
  - name: greet
    activity: echo
    parameters:
      value: "hello ${inputs.who}${state.punctuation}"
    store: said
    next:
      - step: wait
        when: len(state.said) > 3
  - name: wait
    wait_signal:
      topic: "go-${inputs.who}"
      timeout: 1h30m
      store: reply
outputs:
  - name: said
  - name: reply
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a workflow file."""
    path = tmp_path / "greeting.yaml"
    path.write_text(TEXT)
    return path


def refused(text: str) -> str:
    """Return what is wrong with a file's text."""
    return problems(lambda: af.Workflow.loads(text))


def test_a_workflow_is_loaded_and_run(path: Path) -> None:
    """Steps, templates, conditions and waits of a file do what they say."""
    wf = af.Workflow.load(path)
    with af.Runtime(":memory:", definitions=[wf], activities=[echo]) as rt:
        run = rt.start(wf, who="Bo")
        run.signal("go-Bo", "hi")

        assert run.result(timeout=WAIT) == {"said": "hello Bo!", "reply": "hi"}


def test_a_duration_may_be_written_as_people_do(path: Path) -> None:
    """`1h30m` in a file is an hour and a half."""
    wf = af.Workflow.load(path)
    with runtime(wf, activities=[echo]) as rt:
        now = rt.clock.time()
        suspension = rt.start(wf, who="Bo").wait().suspension

    assert suspension is not None
    assert suspension.wake_at == pytest.approx(now + 5_400)


def test_json_says_the_same_as_yaml(tmp_path: Path, path: Path) -> None:
    """The same workflow in JSON is the same definition."""
    wf = af.Workflow.load(path)
    other = tmp_path / "greeting.json"
    other.write_text(
        json.dumps(
            {
                "name": "greeting",
                "inputs": [{"name": "who", "type": "string"}],
                "state": {"punctuation": "!"},
                "steps": [
                    {
                        "name": "greet",
                        "activity": "echo",
                        "parameters": {
                            "value": "hello ${inputs.who}${state.punctuation}"
                        },
                        "store": "said",
                        "next": [{"step": "wait", "when": "len(state.said) > 3"}],
                    },
                    {
                        "name": "wait",
                        "wait_signal": {
                            "topic": "go-${inputs.who}",
                            "timeout": 5400,
                            "store": "reply",
                        },
                    },
                ],
                "outputs": [{"name": "said"}, {"name": "reply"}],
            }
        )
    )

    assert af.Workflow.load(other).fingerprint == wf.fingerprint


def test_what_is_written_to_a_file_is_read_back(path: Path) -> None:
    """`to_yaml` gives a file of the same definition."""
    wf = af.Workflow.load(path)

    assert af.Workflow.loads(wf.to_yaml()).fingerprint == wf.fingerprint


def test_a_run_goes_on_with_the_definition_loaded_again(db: Path, path: Path) -> None:
    """After a restart the file is read again, and the execution goes on."""
    with af.Runtime(db, definitions=[af.Workflow.load(path)], activities=[echo]) as rt:
        rt.start("greeting", who="Bo", execution_id="run").wait(timeout=WAIT)
    with af.Runtime(db, definitions=[af.Workflow.load(path)], activities=[echo]) as rt:
        rt.signal("run", "go-Bo", "late")

        assert rt.get("run").result(timeout=WAIT)["reply"] == "late"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("    activity: echo", "    actvity: echo"),
        ("    store: said", "    stroe: said"),
        ("      timeout: 1h30m", "      timout: 1h30m"),
        ("name: greeting", "title: greeting"),
    ],
)
def test_an_unknown_key_is_refused_by_name(good: str, bad: str) -> None:
    """A misspelt key is a problem, not silently left out."""
    assert bad.split(":", maxsplit=1)[0].strip() in refused(TEXT.replace(good, bad))


def test_all_problems_of_a_file_come_at_once() -> None:
    """An unknown key, a bad duration and an unknown target are one error."""
    text = (
        TEXT.replace("stroe", "store")
        .replace("timeout: 1h30m", "timeout: soon")
        .replace("step: wait", "step: ghost")
        .replace("name: who\n", "name: who\n    colour: red\n")
    )
    said = refused(text)

    assert all(word in said for word in ("soon", "colour"))


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "!custom x",
    ],
)
def test_a_file_runs_no_code(value: str) -> None:
    """Tags that would build Python objects are refused."""
    assert refused(TEXT.replace('"!"', value))


def test_a_file_cannot_name_a_python_function(path: Path) -> None:
    """An activity of a file is one that the program has given, and no other."""
    wf = af.Workflow.loads(TEXT.replace("activity: echo", "activity: os.system"))

    assert "os.system" in problems(
        lambda: af.Runtime(":memory:", definitions=[wf], activities=[echo])
    )


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """A path without a file says so."""
    with pytest.raises((OSError, af.ActorflowError), match=r"missing\.yaml"):
        af.Workflow.load(tmp_path / "missing.yaml")


def test_a_workflow_with_python_in_it_cannot_be_written() -> None:
    """`to_yaml` refuses what a file cannot hold, instead of leaving it out."""
    when: Any = lambda state: True  # noqa: E731
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("a", activity="echo", next=[af.Edge("b", when=when)]),
            af.Step("b", sleep=1.0),
        ],
    )
    with pytest.raises(af.DefinitionError):
        wf.to_yaml()
