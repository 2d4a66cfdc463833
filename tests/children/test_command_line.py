"""Parents and children on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import actorflow as af
from actorflow.cli import main


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A log with a parent and its child, which both have ended."""
    path = tmp_path / "log.db"
    low = af.Flow("low").then(lambda: 1, name="one", into="x").output("x")
    high = af.Flow("high").child(low, into="x").output("x")
    with af.Runtime(path, [high], durability="process") as rt:
        rt.start(high, execution_id="p").result(timeout=20)
    return path


def said(db: Path, *words: str) -> str:
    """Return what a command prints."""
    result = CliRunner().invoke(main, ["--db", str(db), *words])

    assert result.exit_code == 0, result.output
    return result.output


def test_show_names_parent_and_children(db: Path) -> None:
    """One looks up and down from every execution."""
    assert "p/main/low" in said(db, "show", "p").partition("children")[2]
    assert "parent" in said(db, "show", "p/main/low")


def test_list_of_children(db: Path) -> None:
    """`list --parent` gives the children alone."""
    rows = json.loads(said(db, "list", "--parent", "p", "--json"))

    assert [(row["id"], row["parent"]) for row in rows] == [("p/main/low", "p")]
