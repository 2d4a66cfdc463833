"""Fuzzes every target for its share of the time, and tells how much was tried.

    python -m tests.fuzz --minutes 5

With atheris, which follows what the code does with its input, where it can be had; the
tests that draw data with Hypothesis get a share as well.
"""

# ruff: noqa: T201, TID251 - it prints what it has tried, and measures its time

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.targets import TARGETS

DRAWN = [
    "tests/log/test_hostile.py",
    "tests/model/test_file_hostile.py",
    "tests/model/test_expressions.py",
]
_EXECUTED = re.compile(r"stat::number_of_executed_units: +(\d+)")


def fuzz(name: str, folder: Path, seconds: int) -> int:
    """Fuzz a target; return how many inputs were tried; exit if one was bad."""
    given = [name, str(folder), str(seconds)]
    command = [sys.executable, "-m", "tests.fuzz.atheris_one", *given]
    told = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False
    )
    tried = _EXECUTED.search(told.stderr)
    if told.returncode or tried is None:
        print(told.stdout[-4000:], told.stderr[-4000:], sep="\n")
        sys.exit(f"{name}: what was found is in {folder}")
    return int(tried[1])


def draw(seconds: float) -> int:
    """Run the tests that draw data until the time is over; return how often."""
    end, rounds = time.monotonic() + seconds, 0
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "thorough"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", *DRAWN]
    while time.monotonic() < end:
        subprocess.run(command, check=True, env=environment)
        rounds += 1
    return rounds


def main() -> None:
    """Read the arguments, and fuzz."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--target", choices=list(TARGETS), action="append")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"))
    given = parser.parse_args()
    names = given.target or list(TARGETS)
    share = 60 * given.minutes / (len(names) + (not given.target))
    if find_spec("atheris") is None:
        print("atheris is not here: the tests that draw data get all of the time")
        share, names = 60 * given.minutes, []
    total = 0
    for name in names:
        tried = fuzz(name, given.folder, max(1, round(share)))
        total += tried
        print(f"{name}: {tried} inputs in {share:.0f} s, none of them bad", flush=True)
    print(f"{total} inputs in all")
    if not given.target:
        print(f"tests that draw data: {draw(share)} rounds", flush=True)


if __name__ == "__main__":
    main()
