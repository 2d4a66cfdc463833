"""Runs tests against mutants, and lists those that no test notices.

    python -m tests.mutants --share 0.2 --seed 1 actorflow.model.rules

Everything is collected once, and run once to see which test reaches which lines. Each
mutant gets a process of its own, forked from there, which runs one test after the other
that reaches the changed line, until one fails.
"""

# ruff: noqa: T201, TID251 - it prints what it has found, and how long that took

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import mmap
import os
import pkgutil
import random
import resource
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutants.making import Mutant, function_at, mutants_of
from tests.mutants.reaching import Reach, forget, most_first, passes, reach, silence

PACKAGES = ["actorflow.model", "actorflow.log"]
FOLDERS = [
    "model",
    "log",
    "flows",
    "dynamic",
    "runtime",
    "children",
    "acceptance",
    "simulation",
    "histories",
    "programs/test_found.py",
    "cli",
]
"""Of tests: whatever needs no process of its own."""
MEMORY = 4 * 2**30
"""Bytes that a mutant may take; some take more and more."""


class Hunt:
    """A pytest plugin that runs what was collected against every mutant."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._modules = [m for name in given.modules for m in _modules(name)]
        self._chosen = random.Random(given.seed)
        self._given = given
        self._killers: Counter[tuple[str, str]] = Counter()
        self._items: dict[str, pytest.Item] = {}
        self._reach = Reach({}, {}, [])
        self._order: list[str] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try one mutant after the other."""
        began = time.perf_counter()
        self._items = {item.nodeid: item for item in session.items}
        files = [str(module.__file__) for module in self._modules]
        self._reach = reach(session.items, files)
        self._order = most_first(self._reach)
        for test in self._reach.failed:
            print(f"left out, since it fails without any mutant: {test}")
        took = time.perf_counter() - began
        print(f"{len(self._reach.seconds)} tests, run once in {took:.0f} s", flush=True)
        gc.collect()
        gc.freeze()
        end = time.monotonic() + self._given.seconds
        for module in self._modules:
            self._try_all(module, end)
        return True

    def _try_all(self, module: ModuleType, end: float) -> None:
        path = Path(str(module.__file__))
        text = path.read_text(encoding="utf-8")
        found = list(mutants_of(module.__name__, text, str(path)))
        counts: Counter[str] = Counter()
        began = time.perf_counter()
        for mutant in found:
            is_chosen = self._chosen.random() < self._given.share
            is_chosen = is_chosen and str(mutant) in (self._given.again or str(mutant))
            if not is_chosen or time.monotonic() > end:
                continue
            verdict = self._verdict(module, mutant)
            counts[verdict] += 1
            if verdict in ("survived", "not reached"):
                print(f"{mutant}  ({verdict})", flush=True)
        tried, took = sum(counts.values()), time.perf_counter() - began
        print(f"{module.__name__}: {tried} of {len(found)} in {took:.0f} s", end=": ")
        print(", ".join(f"{v} {k}" for k, v in sorted(counts.items())), flush=True)

    def _verdict(self, module: ModuleType, mutant: Mutant) -> str:
        tests = self._in_order(mutant, str(module.__file__))
        if not tests:
            return "not reached"
        said = mmap.mmap(-1, 4096)
        child = os.fork()
        if not child:
            with contextlib.suppress(BaseException):
                self._meet(module, mutant, tests, said)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # what it has started
        test = said[:].rstrip(b"\0").decode()
        if test == "survived":
            return test
        self._killers[mutant.function, test] += 1
        return "hung" if os.WIFSIGNALED(status) else "noticed"

    def _meet(
        self, module: ModuleType, mutant: Mutant, tests: Sequence[str], said: mmap.mmap
    ) -> None:
        """Write down each test that is begun, and at last that all have passed."""
        silence()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        # What hangs in C may let no handler of a signal run; the kernel needs none.
        resource.setrlimit(resource.RLIMIT_CPU, (self._patience, self._patience))
        function_at(module, mutant.function).__code__ = mutant.make()
        forget([str(module.__file__)])
        for test in tests:
            said[:] = test.encode()[: len(said)].ljust(len(said), b"\0")
            limit = 5 + 5 * self._seconds(test)
            if not passes(self._items[test], limit=limit):
                return
        said[:] = b"survived".ljust(len(said), b"\0")

    @property
    def _patience(self) -> int:
        """Seconds of a processor, more than any mutant needs that ends."""
        return int(60 + 6 * self._given.budget)

    def _in_order(self, mutant: Mutant, filename: str) -> list[str]:
        """Begin with tests that noticed others, and with those of the same name.

        Then those of the same package.

        Among them, and after them, each is unlike the last: by turns, those that reach
        most of everything, and the quickest that reach each line of the function.
        """
        reached = self._reach.of(filename, mutant.lines)
        ranks = dict(
            zip((t for t in self._order if t in reached), count(), strict=False)
        )
        for line in mutant.around:
            there = reached.intersection(self._reach.of(filename, [line]))
            for rank, test in enumerate(sorted(there, key=self._seconds)):
                ranks[test] = min(rank, ranks[test])
        _, package, *_, name = mutant.module.split(".")
        own, folder = f"/test_{name}", f"tests/{package}/"

        def place(test: str) -> tuple[int, bool, bool, int, float]:
            killed = self._killers[mutant.function, test]
            near = own not in test, folder not in test
            return -killed, *near, ranks[test], self._seconds(test)

        return list(self._affordable(sorted(reached, key=place)))

    def _seconds(self, test: str) -> float:
        return self._reach.seconds[test]

    def _affordable(self, tests: list[str]) -> Iterator[str]:
        left = self._given.budget
        for test in tests:
            left -= self._seconds(test)
            if left < 0:
                return
            yield test


def _modules(name: str) -> Iterator[ModuleType]:
    """Yield a module; of a package, all that are in it."""
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        for found in pkgutil.walk_packages(module.__path__, f"{name}."):
            yield from _modules(found.name) if not found.ispkg else ()
    else:
        yield module


def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def main() -> None:
    """Read the arguments, and hunt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=PACKAGES)
    parser.add_argument("--share", type=float, default=1.0, help="of all mutants")
    parser.add_argument("--seed", type=int, default=0, help="which share")
    parser.add_argument("--seconds", type=float, default=1e9, help="in all")
    parser.add_argument(
        "--budget", type=float, default=20.0, help="seconds of tests for a mutant"
    )
    parser.add_argument("--tests", nargs="+", default=[f"tests/{f}" for f in FOLDERS])
    parser.add_argument(
        "--again", type=_text, help="only those in what an earlier run printed"
    )
    given = parser.parse_args()
    os.nice(10)
    os.environ["CI"] = "1"  # the same examples for every mutant
    # Without the reporter: a mutant's process would write to the same terminal.
    options = ["-p", "no:terminal", "-o", "addopts=--import-mode=importlib"]
    options += ["-p", "no:cacheprovider", "--timeout=0", "-m", "not acceptance"]
    pytest.main([*options, *given.tests], plugins=[Hunt(given)])


if __name__ == "__main__":
    main()
