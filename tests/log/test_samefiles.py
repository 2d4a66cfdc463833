"""Whether a file is still the one that was opened: seldom asked, never forgotten."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from actorflow.errors import LogDamagedError
from actorflow.log import samefiles
from actorflow.log.samefiles import SameFiles


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    """A file, with no write-ahead log beside it."""
    path = tmp_path / "log.db"
    path.touch()
    return path


@pytest.fixture(name="now")
def _now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still; looks are good for a while, as they usually are."""
    now = [100.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr(samefiles, "time", clock)
    monkeypatch.setattr(samefiles, "EVERY", 0.5)
    return now


def test_a_look_is_good_for_a_while(path: Path, now: list[float]) -> None:
    """Most commits cost no look at all; a file that is gone is noticed at the next."""
    files = SameFiles(path)
    files.check()
    path.unlink()
    now[0] += 0.4
    files.check()
    now[0] += 0.1

    with pytest.raises(LogDamagedError, match=r"log\.db was deleted or replaced"):
        files.check()


def test_what_was_gone_is_never_the_same_again(path: Path, now: list[float]) -> None:
    """What was written meanwhile may be in either, though the file is back."""
    files = SameFiles(path)
    moved = path.rename(path.with_name("moved"))
    with pytest.raises(LogDamagedError) as first:
        files.check()
    moved.rename(path)
    now[0] += 60.0

    with pytest.raises(LogDamagedError) as second:
        files.check()
    assert second.value is first.value


def test_the_first_commit_is_looked_at(path: Path, now: list[float]) -> None:
    """Also when the machine has only just started."""
    now[0] = 0.0
    files = SameFiles(path)
    path.unlink()

    with pytest.raises(LogDamagedError):
        files.check()


def test_a_write_ahead_log_that_appears(path: Path, now: list[float]) -> None:
    """A log that had none has been opened by somebody else, in another way."""
    files = SameFiles(path)
    files.check()
    path.with_name("log.db-wal").touch()
    now[0] += 1.0

    with pytest.raises(LogDamagedError, match=r"log\.db-wal was"):
        files.check()
