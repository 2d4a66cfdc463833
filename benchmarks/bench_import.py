"""How long does `import actorflow` take?

    python -m benchmarks.bench_import [--quick] [--json FILE]

Beyond an interpreter that imports nothing. A name is imported when it is used, so what
comes with defining things and with running them is measured as well. Then the packages
that cost most, by themselves, without what they import.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.common import Figure, Options, report

SHOWN = 6
USES = {
    "import actorflow": "import actorflow",
    "define activities": "import actorflow; actorflow.activity",
    "define flows": "import actorflow; actorflow.Flow",
    "open a runtime": "import actorflow; actorflow.Runtime",
}
"""What is imported is what is used."""
CACHING = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
"""Modules are compiled once, as where people use them."""


def measure(options: Options) -> list[Figure]:
    """Start interpreters in turn."""
    figures = [Figure(name, "ms") for name in USES]
    figures[0].goal = 150.0
    for code in USES.values():
        _seconds(code)  # compiles what has changed
    for _ in range(options.rounds):
        floor = _seconds("pass")
        for figure, code in zip(figures, USES.values(), strict=True):
            figure.add((_seconds(code) - floor) * 1e3)
    return [*figures, *_dearest()]


def _seconds(code: str) -> float:
    began = time.perf_counter()
    _python("-c", code)
    return time.perf_counter() - began


def _dearest() -> list[Figure]:
    """Return the packages that cost most, with all of their modules."""
    packages: dict[str, float] = {}
    said = _python("-X", "importtime", "-c", "import actorflow; actorflow.Runtime")
    for line in said.splitlines():
        own, _, name = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():
            package = name.strip().partition(".")[0]
            packages[package] = packages.get(package, 0) + int(own) / 1e3
    dearest = sorted(packages.items(), key=lambda each: -each[1])[:SHOWN]
    return [Figure(f"  {name}", "ms", ours=[cost]) for name, cost in dearest]


def _python(*arguments: str) -> str:
    return subprocess.run(  # noqa: S603 - our own
        [sys.executable, *arguments],
        cwd=Path(__file__).parent.parent,
        env=CACHING,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    ).stderr


if __name__ == "__main__":
    report(__doc__, measure)
