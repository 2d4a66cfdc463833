"""What the tests of the command line share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from click.testing import CliRunner

from actorflow.cli import main
from actorflow.cli.settings import VARIABLE

FLOWS = Path(__file__).with_name("flows.py")


@frozen
class Outcome:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON document it wrote."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON lines it wrote."""
        return [json.loads(line) for line in self.out.splitlines()]


Command = Callable[..., Outcome]


@pytest.fixture(name="db")
def _db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in an empty directory, where the default log is not there yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / "actorflow.db"


@pytest.fixture(name="actorflow")
def _actorflow(db: Path) -> Command:
    """Run a command in this process, in an empty directory."""

    def invoke(*words: str) -> Outcome:
        result = CliRunner().invoke(main, words)
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return invoke


@pytest.fixture(name="waiting")
def _waiting(actorflow: Command) -> str:
    """Have an execution ``a`` that waits for a signal, and nobody who runs it."""
    outcome = actorflow("run", f"{FLOWS}:approval", "-i", "name=ada", "--id", "a")
    assert outcome.code == 3, outcome
    return "a"


@pytest.fixture(name="failed")
def _failed(actorflow: Command, tmp_path: Path) -> Path:
    """Have an execution ``f`` that failed for want of the file that is returned."""
    wanted = tmp_path / "wanted"
    outcome = actorflow("run", f"{FLOWS}:need", "-i", f"path={wanted}", "--id", "f")
    assert outcome.code == 1, outcome
    return wanted
