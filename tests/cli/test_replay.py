"""`actorflow replay`: histories against today's code, from a shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import FLOWS, Command

CODE = """
import actorflow as af

@af.activity
def greet(name: str) -> str:
    return f"hello {{name}}"

@af.dynamic
async def visit(ctx: af.Context, name: str) -> str:
    greeting = await ctx.run(greet, {argument})
    await ctx.wait_signal("go")
    return greeting

graph = af.Workflow("graph", steps=[af.Step({step!r}, sleep=3600)]{more})
"""


@pytest.fixture(name="recorded")
def _recorded(actorflow: Command, db: Path) -> Path:
    """Have executions ``v1`` and ``v2`` of a node, and a file that can be changed."""
    file = db.with_name("replayed_code.py")
    _write(file)
    for name in ("v1", "v2"):
        words = ("run", f"{file}:visit", "-i", f"name={name}", "--id", name)
        assert actorflow(*words).code == 3
    return file


def _write(
    file: Path, argument: str = "name", step: str = "nap", more: str = ""
) -> None:
    file.write_text(CODE.format(argument=argument, step=step, more=more))


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import the user's code anew for every command."""
    import sys

    from actorflow.cli import targets

    importing = targets._import

    def anew(place: str) -> object:
        sys.modules.pop(Path(place).stem, None)
        return importing(place)

    monkeypatch.setattr(targets, "_import", anew)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def test_unchanged_code_replays(actorflow: Command, recorded: Path, db: Path) -> None:
    """One execution, or all of a workflow's; the log is only read."""
    before = db.read_bytes()
    one = actorflow("replay", "v1", "--code", f"{recorded}:visit")
    everything = actorflow("replay", "--code", f"{recorded}:visit")

    assert (one.code, one.out) == (0, "v1: 7 events replay\n")
    assert (everything.code, everything.out) == (0, "2 replayed, 0 differ\n")
    assert db.read_bytes() == before


def test_the_first_difference_is_shown(actorflow: Command, recorded: Path) -> None:
    """The event, what the log has, what the code does, and the line that does it."""
    _write(recorded, argument="name.upper()")
    outcome = actorflow("replay", "v1", "--code", f"{recorded}:visit")

    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert lines[0] == "v1: event 4 at main/visit/greet#1 differs"
    assert "['v1']" in lines[1]
    assert "['V1']" in lines[2]
    assert lines[3].endswith(f"{recorded}:10 in visit")


def test_programs_are_told_as_well(actorflow: Command, recorded: Path) -> None:
    """With --json there is one document, with every execution."""
    _write(recorded, argument="name if name == 'v2' else 'me'")
    outcome = actorflow("replay", "--json", "--code", f"{recorded}:visit")

    assert outcome.code == 1
    fits = {each["id"]: each["fits"] for each in outcome.json}
    assert fits == {"v1": False, "v2": True}
    [divergence] = [e["divergence"] for e in outcome.json if e["divergence"]]
    assert (divergence["seq"], divergence["address"]) == (4, "main/visit/greet#1")


def test_the_code_may_be_named_by_the_environment(
    actorflow: Command, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that `replay ID` is enough where there is one project."""
    monkeypatch.setenv("ACTORFLOW_CODE", f"{recorded}:visit {recorded}:graph")

    assert actorflow("replay", "v2").out == "v2: 7 events replay\n"


def test_without_code_the_events_are_added_up(
    actorflow: Command, recorded: Path
) -> None:
    """That tells where they lead, and how to compare them with code."""
    outcome = actorflow("replay", "v1")

    assert (outcome.code, outcome.out) == (0, "v1: 7 events lead to suspended\n")
    assert "replay v1 --code TARGET" in outcome.err
    assert actorflow("replay", "v1", "--json").json["status"] == "suspended"


def test_an_older_version_of_a_graph_is_told(
    actorflow: Command, recorded: Path
) -> None:
    """Its events may replay, but a runtime would not go on with it."""
    assert actorflow("run", f"{recorded}:graph", "--id", "g").code == 3
    old = actorflow("replay", "g", "--json", "--code", f"{recorded}:graph").json[0]
    _write(recorded, more=", version='2'")
    changed = actorflow("replay", "g", "--code", f"{recorded}:graph")
    assert changed.code == 1
    assert "name that in `compatible_with`" in changed.out

    _write(recorded, more=f", version='2', compatible_with=['{old['fingerprint']}']")
    assert actorflow("replay", "g", "--code", f"{recorded}:graph").code == 0

    _write(recorded, step="rest", more=", version='2'")
    other = actorflow("replay", "g", "--code", f"{recorded}:graph")
    assert other.code == 1
    assert "step='nap'" in other.out
    assert "step='rest'" in other.out


def test_what_cannot_be_replayed_is_refused(actorflow: Command, recorded: Path) -> None:
    """An unknown execution, code of another workflow, nothing at all."""
    unknown = actorflow("replay", "nobody", "--code", f"{recorded}:visit")
    other = actorflow("replay", "v1", "--code", f"{FLOWS}:nap")
    nothing = actorflow("replay")

    assert unknown.code == 4
    assert other.code == 2
    assert "'v1' is an execution of 'visit'; --code has 'nap'" in other.err
    assert nothing.code == 2
    assert "--code" in nothing.err


def test_a_missing_log_is_told(actorflow: Command, db: Path) -> None:
    """Before any code is imported."""
    assert actorflow("replay", "a", "--code", "nowhere.py:x").code == 5
    assert not db.exists()
