"""Plain ``sqlite3`` writing one row for each step: what nothing durable can beat."""

from __future__ import annotations

from pathlib import Path

from benchmarks.common import A_ROW, Floor


def chain(directory: Path, count: int) -> float:
    """Commit one row after the other."""
    return _floor(directory).commits(count)


def fan_out(directory: Path, count: int) -> float:
    """Write rows by `executemany`, 1,000 to a transaction."""
    return _floor(directory).in_thousands([A_ROW] * count)


def executions(directory: Path, count: int) -> float:
    """Write three rows for each, by `executemany`."""
    return _floor(directory).in_thousands([A_ROW] * count * 3)


def _floor(directory: Path) -> Floor:
    return Floor(directory / "floor.db", "full")
