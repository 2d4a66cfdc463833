"""Runs tests against mutants, and lists those that no test notices.

    python -m tests.mutants --module actorflow.model.rules --share 0.2 --seed 1

Everything is collected once. Each mutant gets a process of its own, forked from there,
which runs one test after the other until one fails.
"""

# ruff: noqa: T201, TID251 - it prints what it has found, and how long that took

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.mutants.making import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
PATIENCE = 240
"""Seconds after which a mutant counts as noticed: it hangs."""
TESTS = {
    "actorflow.log.codec": [
        "tests/log/test_codec_values.py",
        "tests/log/test_codec_events.py",
        "tests/log/test_sqlite_file.py",
    ],
    "actorflow.model.policy": ["tests/model/test_policy.py"],
}
ENGINE = [
    "tests/runtime/test_crash_matrix.py",
    "tests/runtime/test_compensation.py",
    "tests/flows/test_map.py",
    "tests/flows/test_map_recovery.py",
    "tests/flows/test_parallel.py",
    "tests/flows/test_loop.py",
    "tests/flows/test_waits.py",
    "tests/flows/test_nested.py",
    "tests/dynamic/test_failures.py",
    "tests/dynamic/test_keys.py",
    "tests/histories",
    "tests/programs/test_found.py",
]
"""What runs in one thread, so that a forked process can run it."""


class Hunt:
    """A pytest plugin that runs what was collected against every mutant."""

    def __init__(self, module: str, share: float, seed: int, seconds: float) -> None:
        self.counts: Counter[str] = Counter()
        self.survivors: list[Mutant] = []
        self._module = importlib.import_module(module)
        path = Path(str(self._module.__file__))
        found = list(mutants_of(path.read_text(encoding="utf-8"), str(path)))
        chosen = random.Random(seed)
        self._mutants = [m for m in found if chosen.random() < share]
        self.total = len(found)
        self._killers: Counter[str] = Counter()
        self._seconds = seconds

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try one mutant after the other."""
        verdict, test = self._in_child(session, None)
        while verdict == "noticed":
            print(f"left out, since it fails without any mutant: {test}")
            session.items = [i for i in session.items if i.nodeid != test]
            verdict, test = self._in_child(session, None)
        if verdict != "survived":
            raise SystemExit(f"without any mutant, the tests {verdict}")
        end = time.monotonic() + self._seconds
        for mutant in self._mutants:
            if time.monotonic() < end:
                self._try(session, mutant)
        return True

    def _try(self, session: pytest.Session, mutant: Mutant) -> None:
        verdict, killer = self._in_child(session, mutant)
        self.counts[verdict] += 1
        if verdict == "survived":
            self.survivors.append(mutant)
            print(f"{mutant.line}: {mutant.function}: {mutant.what}", flush=True)
        elif killer:
            self._killers[killer] += 1

    def _in_child(
        self, session: pytest.Session, mutant: Mutant | None
    ) -> tuple[str, str]:
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(read)
            with contextlib.suppress(BaseException):
                os.write(write, self._noticed_by(session, mutant).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            text = _read(pipe, child)
        os.waitpid(child, 0)
        if text is None:
            return "hung", ""
        return ("survived", "") if text == "-" else ("noticed", text)

    def _noticed_by(self, session: pytest.Session, mutant: Mutant | None) -> str:
        """Return the id of the first test that fails; ``-`` if none does."""
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1)
        os.dup2(devnull, 2)
        if mutant is not None:
            target: Any = self._module
            for name in mutant.function.split("."):
                target = getattr(target, name)
            target.__code__ = mutant.code
        for item in self._in_order(session):
            failed = Failed()
            item.config.pluginmanager.register(failed)
            item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
            item.config.pluginmanager.unregister(failed)
            if failed.any:
                return item.nodeid
        return "-"

    def _in_order(self, session: pytest.Session) -> list[pytest.Item]:
        """Begin with those that have noticed most."""
        return sorted(session.items, key=lambda item: -self._killers[item.nodeid])


class Failed:
    """Sees whether a test fails."""

    any = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note."""
        self.any = self.any or report.failed


def _read(pipe: Any, child: int) -> str | None:
    """Read what a child says; kill it if it says nothing for too long."""

    def give_up(*_: Any) -> None:
        os.kill(child, signal.SIGKILL)
        raise TimeoutError

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    try:
        text = pipe.read().decode()
    except TimeoutError:
        return None
    finally:
        signal.alarm(0)
    return text or "died"


def main() -> None:
    """Read the arguments, and hunt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--module", default="actorflow.model.rules")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1e9)
    given = parser.parse_args()
    os.nice(10)
    os.environ["CI"] = "1"  # the same examples for every mutant
    hunt = Hunt(given.module, given.share, given.seed, given.seconds)
    began = time.perf_counter()
    tests = TESTS.get(given.module, ENGINE)
    # Without the reporter: a mutant's process would write to the same terminal.
    options = ["-p", "no:terminal", "-o", "addopts=--import-mode=importlib"]
    options += ["-p", "no:cacheprovider", "--timeout=0"]
    pytest.main([*options, *tests], plugins=[hunt])
    tried = sum(hunt.counts.values())
    print(
        f"{given.module}: {tried} of {hunt.total} mutants tried in "
        f"{time.perf_counter() - began:.0f} s: {dict(hunt.counts)}"
    )


if __name__ == "__main__":
    main()
