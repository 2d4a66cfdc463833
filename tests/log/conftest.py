"""What tests of the log share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actorflow.log.codec import Codec
from actorflow.log.port import Stream
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing.log_contract import created, done, write


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


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "log.db"


@pytest.fixture
def log(path: Path) -> Iterator[SQLiteLog]:
    """A log that gives up on others' locks soon."""
    with SQLiteLog(path, busy_timeout=0.05) as log:
        yield log


@pytest.fixture
def stream(log: SQLiteLog) -> Stream:
    """A stream with ten events."""
    stream = created(log)
    log.write([write(stream, *map(done, range(9)))])
    return stream
