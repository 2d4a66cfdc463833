"""`run`, `graph` and `validate`: from a target to an exit code."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import FLOWS, Command
from tests.cli.flows import by_name


def test_completed_is_zero(actorflow: Command) -> None:
    """An execution that completes exits 0 and prints its output on stdout."""
    outcome = actorflow("run", f"{FLOWS}:greet", "-i", "name=ada")

    assert outcome.code == 0
    assert '"text": "hello ada"' in outcome.out


def test_output_stands_alone(actorflow: Command) -> None:
    """Progress goes to stderr, so that the output can be piped."""
    outcome = actorflow("run", f"{FLOWS}:need", "-i", f"path={FLOWS}")

    assert outcome.out == "found\n"
    assert "main/need started" in outcome.err


def test_failed_is_one(actorflow: Command) -> None:
    """An execution that fails exits 1 and says where and why, in one line."""
    outcome = actorflow("run", f"{FLOWS}:need", "-i", "path=nowhere", "--id", "f")

    assert outcome.code == 1
    assert "error: activity_failed at main/need: nowhere is not there" in outcome.err
    assert "Traceback" not in outcome.err


def test_suspended_is_three(actorflow: Command) -> None:
    """An execution that waits exits 3 and names the commands that move it."""
    outcome = actorflow("run", f"{FLOWS}:approval", "-i", "name=ada", "--id", "a")

    assert outcome.code == 3
    assert "waits for signal approve" in outcome.err
    assert "actorflow signal a approve null" in outcome.err
    assert f"actorflow run {FLOWS}:approval --id a" in outcome.err


def test_paused_is_three(actorflow: Command) -> None:
    """An execution that stops for a person exits 3 and says why, and how to go on."""
    outcome = actorflow("run", f"{FLOWS}:stops", "--id", "p")

    assert outcome.code == 3
    assert "somebody should look" in outcome.err
    assert "actorflow resume p" in outcome.err


def test_sleeping_is_three(actorflow: Command) -> None:
    """An execution that sleeps exits 3 and says until when."""
    outcome = actorflow("run", f"{FLOWS}:nap", "--id", "n")

    assert outcome.code == 3
    assert "main/sleep sleeps until 20" in outcome.err


def test_inputs_are_json_or_text(actorflow: Command) -> None:
    """A value that is JSON is taken as such; anything else is text."""
    words = ("-i", "name=3 men", "-i", "times=3", "--json")
    outcome = actorflow("run", f"{FLOWS}:greet", *words)

    assert outcome.json["output"] == {"text": "hello 3 men", "length": 3}


def test_json_tells_all(actorflow: Command) -> None:
    """With --json there is one document, and nothing beside it."""
    outcome = actorflow("run", f"{FLOWS}:stops", "--id", "p", "--json")

    assert outcome.json["status"] == "paused"
    assert outcome.json["waits"][0]["reason"] == "somebody should look"
    assert outcome.err == ""


def test_same_id_goes_on(actorflow: Command, waiting: str) -> None:
    """Who names a running execution need not repeat its inputs."""
    actorflow("signal", waiting, "approve", '{"by": "eve"}')
    outcome = actorflow("run", f"{FLOWS}:approval", "--id", waiting, "--json")

    assert outcome.code == 0
    assert outcome.json["output"]["verdict"] == {"by": "eve"}


def test_other_definition_is_refused(actorflow: Command, waiting: str) -> None:
    """An id belongs to the definition that recorded it."""
    outcome = actorflow("run", f"{FLOWS}:nap", "--id", waiting)

    assert outcome.code == 2
    assert "was recorded by 'approval'" in outcome.err


def test_graph_may_name_activities_of_its_module(actorflow: Command) -> None:
    """What a graph only names is looked for beside it."""
    outcome = actorflow("run", f"{FLOWS}:by_name", "-i", "name=ada")

    assert outcome.code == 0


def test_graph_from_a_file(actorflow: Command, tmp_path: Path) -> None:
    """A YAML graph runs with the activities that --activities names."""
    graph = tmp_path / "graph.yaml"
    graph.write_text(by_name.to_yaml(), encoding="utf-8")
    words = (f"--activities={FLOWS}:greet", "-i", "name=ada")

    assert actorflow("run", str(graph), *words).code == 0


def test_input_may_have_any_name(actorflow: Command, tmp_path: Path) -> None:
    """An input named like an option of the runtime's is an input all the same."""
    module = tmp_path / "odd_names.py"
    module.write_text("def say(attributes, execution_id='x'):\n    return attributes\n")

    outcome = actorflow("run", f"{module}:say", "-i", "attributes=blue")

    assert outcome.out == "blue\n"


def test_missing_input_is_usage(actorflow: Command) -> None:
    """An input that is missing is a usage error, and it is named."""
    outcome = actorflow("run", f"{FLOWS}:approval")

    assert outcome.code == 2
    assert "error: cannot start 'approval': input 'name' is required" in outcome.err


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nowhere.py:flow", "there is no such file"),
        ("no_such_package.module:flow", "there is no module 'no_such_package'"),
        (f"{FLOWS}:nothing", "there is no 'nothing'; workflows there: approval, "),
        (str(FLOWS), "has 8 workflows; name one"),
        ("nowhere.yaml", "there is no such file"),
        ("json:dumps.x", "there is no 'dumps.x'"),
    ],
)
def test_bad_target_is_usage(actorflow: Command, target: str, said: str) -> None:
    """A target that cannot be found exits 2 and says what is missing."""
    outcome = actorflow("run", target)

    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert said in outcome.err


def test_broken_module_shows_its_line(actorflow: Command, tmp_path: Path) -> None:
    """A module that cannot be imported is blamed by line, without a traceback."""
    broken = tmp_path / "broken_flow.py"
    broken.write_text("import actorflow\n\nraise ValueError('not today')\n")

    outcome = actorflow("run", f"{broken}:flow")

    assert outcome.code == 2
    assert f"ValueError: not today ({broken}, line 3)" in outcome.err
    assert "Traceback" not in outcome.err


def test_debug_shows_the_traceback(actorflow: Command, tmp_path: Path) -> None:
    """With --debug the traceback of an error is there."""
    outcome = actorflow("run", f"{FLOWS}:approval", "--debug")

    assert outcome.code == 2
    assert "Traceback" in outcome.err


def test_no_log_is_made_for_a_bad_target(actorflow: Command, db: Path) -> None:
    """What cannot be run leaves no file behind."""
    actorflow("run", "nowhere.py:flow")

    assert not db.exists()


def test_module_in_a_package_is_imported_as_such(
    actorflow: Command, tmp_path: Path
) -> None:
    """A file inside a package may use relative imports."""
    package = tmp_path / "shop_of_ada"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "words.py").write_text("WORD = 'hi'\n")
    (package / "flow.py").write_text(
        "from .words import WORD\n\ndef say() -> str:\n    return WORD\n"
    )

    outcome = actorflow("run", f"{package / 'flow.py'}:say")

    assert outcome.out == "hi\n"
    assert "shop_of_ada.flow" in sys.modules


def test_graph_is_mermaid(actorflow: Command) -> None:
    """`graph` writes what a Mermaid renderer draws."""
    outcome = actorflow("graph", f"{FLOWS}:approval")

    assert outcome.out.startswith("flowchart TD")


def test_graph_is_dot(actorflow: Command) -> None:
    """`--format dot` writes what Graphviz draws."""
    outcome = actorflow("graph", f"{FLOWS}:approval", "--format", "dot")

    assert outcome.out.startswith('digraph "approval" {')


@pytest.mark.parametrize(
    ("name", "begins"),
    [("a.svg", "-Tsvg digraph"), ("a.png", "-Tpng digraph"), ("a.gv", "digraph")],
)
def test_graph_is_a_picture(
    actorflow: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    begins: str,
) -> None:
    """A file's name says what is written into it; Graphviz draws."""
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s " "$1"\ncat\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    outcome = actorflow("graph", f"{FLOWS}:approval", "-o", name)

    assert (outcome.code, outcome.out) == (0, "")
    assert Path(name).read_text(encoding="utf-8").startswith(begins)


def test_graph_without_graphviz(
    actorflow: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has no Graphviz is told what needs none."""
    monkeypatch.setenv("PATH", "/nowhere")
    outcome = actorflow("graph", f"{FLOWS}:approval", "--format", "svg")

    assert outcome.code == 1
    assert "--format mermaid" in outcome.err


def test_validate_finds_no_problem(actorflow: Command, db: Path) -> None:
    """`validate` runs nothing and needs no log."""
    outcome = actorflow("validate", f"{FLOWS}:approval")

    assert outcome.code == 0
    assert outcome.out == "approval: 2 steps, no problems\n"
    assert not db.exists()


def test_validate_tells_all_problems(actorflow: Command, tmp_path: Path) -> None:
    """`validate` exits 2 and lists every problem of a definition."""
    graph = tmp_path / "bad.yaml"
    graph.write_text(
        "name: bad\nsteps:\n"
        "  - {name: a, activity: nobody, next: [b]}\n"
        "  - {name: b, activity: no_one}\n"
    )

    outcome = actorflow("validate", str(graph))

    assert outcome.code == 2
    assert "'nobody' is not known" in outcome.err
    assert "'no_one' is not known" in outcome.err


def test_an_id_that_looks_like_an_option_can_be_pasted(actorflow: Command) -> None:
    """What `run` says to go on with works as it is."""
    outcome = actorflow("run", f"{FLOWS}:approval", "-i", "name=ada", "--id", "-x")
    (said,) = (line for line in outcome.err.splitlines() if "move it:" in line)

    _, *words = shlex.split(said.split("move it:")[1])
    assert words == ["signal", "--", "-x", "approve", "null"]
    assert actorflow(*words).code == 0
