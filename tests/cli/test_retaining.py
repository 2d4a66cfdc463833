"""Deleting executions from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_prune(actorflow: Command, failed: Path) -> None:
    """What ended long enough ago is deleted, and how many is told before and after."""
    counted = actorflow("prune", "--older-than", "0", "--dry-run", "--json").json
    assert counted == {"executions": 1, "deleted": False, "freed_bytes": 0}
    assert "0 executions" in actorflow("prune", "--older-than", "1d").out
    assert "1 execution was deleted" in actorflow("prune", "--older-than", "0").out
    assert actorflow("list", "--json").json == []


def test_prune_into_an_archive(
    actorflow: Command, failed: Path, waiting: str, tmp_path: Path
) -> None:
    """What is pruned can be looked at in the archive, and both logs are sound."""
    old = str(tmp_path / "old.db")
    actorflow("prune", "--older-than", "0", "--archive", old)

    assert actorflow("show", "f", "--db", old, "--json").json["status"] == "failed"
    assert [row["id"] for row in actorflow("list", "--json").json] == ["a"]
    assert actorflow("doctor").code == 0
    assert actorflow("doctor", "--db", old).code == 0


def test_prune_leaves_what_has_not_ended(actorflow: Command, waiting: str) -> None:
    """What still waits is not deleted, however old it is."""
    assert actorflow("prune", "--older-than", "0", "--json").json["executions"] == 0
    assert len(actorflow("list", "--json").json) == 1


def test_delete(actorflow: Command, failed: Path) -> None:
    """One execution that has ended is deleted."""
    assert actorflow("delete", "f").code == 0
    assert actorflow("show", "f").code == 4


def test_delete_of_what_has_not_ended(actorflow: Command, waiting: str) -> None:
    """What has not ended is refused."""
    outcome = actorflow("delete", "a")

    assert (outcome.code, "cancel it first" in outcome.err) == (1, True)


@pytest.mark.parametrize("age", ["soon", "-1", ""])
def test_ages(actorflow: Command, failed: Path, age: str) -> None:
    """An age that is none is refused."""
    assert actorflow("prune", f"--older-than={age}").code in (1, 2)
    assert len(actorflow("list", "--json").json) == 1
