"""What the benchmarks share: the floor, rounds, a table of ratios, and JSON.

A figure of a shared machine says little; the ratio of two that were measured in turn
says something. So every round measures the floor (plain ``sqlite3`` writing the same
rows, as durable) and then us; the ratio is taken round by round.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from attrs import define, field

TABLE = """
CREATE TABLE event (
    position INTEGER PRIMARY KEY, stream INTEGER, seq INTEGER, address TEXT,
    type TEXT, time INTEGER, data TEXT, checksum INTEGER
) STRICT;
CREATE UNIQUE INDEX event_in_stream ON event (stream, seq);
"""
"""What one would write by hand: no checks, but the index that replay needs."""
OUR_TABLE = (Path(__file__).parent.parent / "schema.sql").read_text()
COLUMNS = "stream, seq, address, type, time, data, checksum"
INSERT = f"INSERT INTO event ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
SYNCHRONOUS = {"full": "FULL", "process": "NORMAL"}
ROUNDS, QUICK_ROUNDS = 11, 3
LINE = "{:36}{:>9}{:>9}{:>8}{:>16}{:>10}{:>9} {}"
A_ROW = (1, 0, "main/step", "ActivationCompleted", 0, '{"result":1}', 0)


@define
class Options:
    """How to measure, as asked for on the command line."""

    rounds: int
    quick: bool
    durability: Any
    directory: Path


@define
class Figure:
    """One figure of every round, beside the floor's if there is one.

    Attributes:
        goal: what the ratio (without a floor: the figure) must reach.
        more_is_better: else it must not be exceeded.
    """

    name: str
    unit: str
    more_is_better: bool = False
    goal: float | None = None
    ours: list[float] = field(factory=list)
    floor: list[float] = field(factory=list)

    def add(self, ours: float, floor: float | None = None) -> None:
        """Take in a round."""
        self.ours.append(ours)
        if floor is not None:
            self.floor.append(floor)

    @property
    def ratios(self) -> list[float]:
        """Ours over the floor's, for every round."""
        if not self.floor:
            return []
        return [ours / floor for ours, floor in zip(self.ours, self.floor, strict=True)]

    @property
    def best_ratio(self) -> float | None:
        """Our best over the floor's best: what noise disturbs least."""
        best = max if self.more_is_better else min
        return best(self.ours) / best(self.floor) if self.floor else None

    @property
    def met(self) -> bool | None:
        """Whether the median meets the goal; None without a goal."""
        if self.goal is None:
            return None
        reached = median(self.ratios or self.ours)
        return reached >= self.goal if self.more_is_better else reached <= self.goal

    def as_json(self) -> dict[str, Any]:
        """Return everything about it."""
        return {
            "unit": self.unit,
            "ours": median(self.ours),
            "floor": median(self.floor) if self.floor else None,
            "ratio": median(self.ratios) if self.floor else None,
            "ratio_best": self.best_ratio,
            "goal": self.goal,
            "more_is_better": self.more_is_better,
            "met": self.met,
            "rounds": {"ours": self.ours, "floor": self.floor},
        }


class Floor:
    """Plain ``sqlite3`` on a file of its own, as durable as what is measured."""

    def __init__(self, path: Path, durability: str, table: str = TABLE) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS[durability]}")
        self._connection.executescript(table)
        self.commits(50)  # a new write-ahead log is slower, until it has been filled

    def commits(self, count: int) -> float:
        """Return the seconds for *count* transactions of one row."""
        execute = self._connection.execute
        began = time.perf_counter()
        for row in self._renumbered([A_ROW] * count):
            execute("BEGIN IMMEDIATE")
            execute(INSERT, row)
            execute("COMMIT")
        return time.perf_counter() - began

    def in_thousands(self, rows: Sequence[Sequence[Any]]) -> float:
        """Return the seconds for *rows* by `executemany`, 1,000 to a transaction."""
        rows = self._renumbered(rows)
        began = time.perf_counter()
        for start in range(0, len(rows), 1_000):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(INSERT, rows[start : start + 1_000])
            self._connection.execute("COMMIT")
        return time.perf_counter() - began

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _renumbered(self, rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
        (last,) = self._connection.execute("SELECT max(position) FROM event").fetchone()
        first = (last or 0) + 1
        return [(1, n, *row[2:]) for n, row in enumerate(rows, first)]


def elsewhere(module: str, *arguments: object, **environment: str) -> str:
    """Run a module of the benchmarks in a new process; return what it prints."""
    return subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


@define
class Usage:
    """What a stretch of this process has used."""

    seconds: float = 0.0
    cpu: float = 0.0
    switches: int = 0
    """Times that one of its threads waited for something."""


@contextmanager
def usage() -> Iterator[Usage]:
    """Measure a `with` block; filled in at its end."""
    used = Usage()
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    yield used
    used.seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    used.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    used.switches = after.ru_nvcsw - before.ru_nvcsw


@contextmanager
def floor_in(options: Options, table: str = TABLE) -> Iterator[Floor]:
    """Give a floor beside the log that is measured."""
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        floor = Floor(Path(directory, "floor.db"), options.durability, table)
        try:
            yield floor
        finally:
            floor.close()


def rows_of(log: Path, execution_id: str) -> list[Sequence[Any]]:
    """Return the rows that an execution has written."""
    connection = sqlite3.connect(log)
    try:
        return connection.execute(
            f"SELECT {COLUMNS} FROM event WHERE stream = "  # noqa: S608 - our own text
            "(SELECT id FROM stream WHERE name = ?) ORDER BY position",
            (execution_id,),
        ).fetchall()
    finally:
        connection.close()


# -- telling ---------------------------------------------------------------------------


def report(question: str | None, measure: Callable[[Options], list[Figure]]) -> None:
    """Measure as the command line asks, and print."""
    title = (question or "").split("\n", 1)[0]
    arguments = _arguments(title)
    with tempfile.TemporaryDirectory(dir=arguments.dir) as directory:
        options = Options(
            arguments.rounds or (QUICK_ROUNDS if arguments.quick else ROUNDS),
            arguments.quick,
            arguments.durability,
            Path(directory),
        )
        commit = _commit_cost(options)
        figures = measure(options)
    where = {**machine(), "durability": options.durability, "commit_us": commit}
    print("\n".join([title, *table(figures), _footnote(where), ""]))
    if arguments.json is not None:
        rows = {figure.name: figure.as_json() for figure in figures}
        kept = {"question": title, "on": where, "figures": rows}
        arguments.json.write_text(json.dumps(kept))


def _arguments(title: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--json", type=Path, help="keep every round in this file")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, less work")
    parser.add_argument("--rounds", type=int, help=f"instead of {ROUNDS}")
    parser.add_argument("--durability", choices=[*SYNCHRONOUS], default="full")
    parser.add_argument("--dir", help="where the log lies: the disk is measured too")
    return parser.parse_args()


def table(figures: Sequence[Figure]) -> Iterator[str]:
    """Yield the lines of a table: medians, spread of the ratio, goal and verdict."""
    heads = ("", "ours", "floor", "ratio", "lowest-highest", "of bests", "goal", "")
    yield LINE.format(*heads).rstrip()
    for figure in figures:
        yield _line(figure)


def _line(figure: Figure) -> str:
    ratios, verdicts = figure.ratios, {None: "", True: "met", False: "MISSED"}
    sign = ">=" if figure.more_is_better else "<="
    cells = (
        ", ".join(filter(None, (figure.name, figure.unit))),
        _short(median(figure.ours)),
        _short(median(figure.floor)) if figure.floor else "",
        _short(median(ratios)) if ratios else "",
        f"{_short(min(ratios))}-{_short(max(ratios))}" if ratios else "",
        "" if figure.best_ratio is None else _short(figure.best_ratio),
        "" if figure.goal is None else f"{sign} {_short(figure.goal)}",
        verdicts[figure.met],
    )
    return LINE.format(*cells).rstrip()


def _short(number: float) -> str:
    """Return three digits of a number, or all before the point."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}"


def machine() -> dict[str, Any]:
    """Return what a figure depends on."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty"]
    here = Path(__file__).parent
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _commit_cost(options: Options) -> float:
    """Return the microseconds of one commit; near 20, none of them is the disk's."""
    with floor_in(options) as floor:
        return round(median(floor.commits(20) for _ in range(5)) / 20 * 1e6, 1)


def _footnote(where: dict[str, Any]) -> str:
    said = ", ".join(f"{name} {value}" for name, value in where.items() if value)
    flush = where["commit_us"]
    if where["durability"] == "full" and flush < 40:
        said += "\nThe disk does not wait for its flush: durable figures mean nothing."
    return said
