"""What tests of the log share."""

from __future__ import annotations

from pathlib import Path

import pytest

from actorflow.log.codec import Codec
from actorflow.log.sqlite import SQLiteLog


@pytest.fixture
def codec() -> Codec:
    """A codec that knows nothing yet."""
    return Codec()


@pytest.fixture(name="new_log", scope="session")
def _new_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log in which nothing is: to copy it takes a tenth of making one."""
    path = tmp_path_factory.mktemp("new") / "log.db"
    SQLiteLog(path, durability="process").close()
    return path
