"""Fixtures of the acceptance tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.helpers import Calls


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Where a log lives that outlasts a runtime."""
    return tmp_path / "log.db"


@pytest.fixture
def calls() -> Calls:
    """Return a diary for activities to write in."""
    return Calls()
