"""Which tests run which lines, and how long each takes: one run without any mutant."""

# ruff: noqa: TID251 - what is quick is tried first

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

import coverage
import pytest
from attrs import frozen

SLOW = 4.0
"""Seconds: a test that takes longer meets no mutant."""

_ENOUGH = 1000
"""Tests that are put in order with care; the rest go by their time."""


@frozen
class Reach:
    """What one run has shown.

    Attributes:
        seconds: how long each test took that passed, by its id.
        tests: ids of those that run a line, by file and line.
        failed: ids of those that fail without any mutant.
    """

    seconds: dict[str, float]
    tests: dict[tuple[str, int], list[str]]
    failed: list[str]

    def of(self, filename: str, lines: Iterable[int]) -> set[str]:
        """Return the ids of the tests that run one of some lines."""
        return {t for n in lines for t in self.tests.get((filename, n), ())}


def most_first(reach: Reach) -> list[str]:
    """Return the tests so that each adds much, for its time, to what was reached."""
    places: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for place, tests in reach.tests.items():
        for test in tests:
            places[test].add(place)
    order: list[str] = []
    left = set(places)
    while left:
        missing = set(reach.tests)
        queue = [(-len(places[t]) / _cost(reach, t), t) for t in left]
        heapify(queue)
        while queue:
            _, test = heappop(queue)
            gain = len(places[test] & missing)
            worth = -gain / _cost(reach, test)
            if queue and worth > queue[0][0] and gain:
                heappush(queue, (worth, test))
            elif gain:
                order.append(test)
                left.remove(test)
                missing -= places[test]
        if len(order) > _ENOUGH:
            break
    return [*order, *sorted(left, key=lambda t: reach.seconds[t])]


def _cost(reach: Reach, test: str) -> float:
    return reach.seconds[test] + 0.02  # what every test costs


def reach(items: Sequence[pytest.Item], files: list[str]) -> Reach:
    """Run all tests once, in a process of its own."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        with os.fdopen(write, "w") as pipe:
            json.dump(_run_all(items, files), pipe)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        seconds, lines, failed = json.load(pipe)
    os.waitpid(child, 0)
    tests: dict[tuple[str, int], list[str]] = {}
    for filename, found in lines.items():
        for line, ids in found.items():
            tests[filename, int(line)] = [t for t in ids if t in seconds]
    return Reach(seconds, tests, failed)


def _run_all(items: Sequence[pytest.Item], files: list[str]) -> Any:
    silence()
    seconds, failed = {}, []
    measured = coverage.Coverage(data_file=None, include=files, config_file=False)
    for item in items:
        measured.start()  # each time: a test may have made the thread forget it
        measured.switch_context(item.nodeid)
        forget(files)
        began = time.perf_counter()
        if not passes(item, limit=120):
            failed.append(item.nodeid)
        elif (took := time.perf_counter() - began) < SLOW:
            seconds[item.nodeid] = round(took, 4)
        measured.stop()
    data = measured.get_data()
    lines: dict[str, Any] = defaultdict(dict)
    for filename in files:
        lines[filename] = data.contexts_by_lineno(filename)
    return seconds, lines, failed


def forget(files: Sequence[str]) -> None:
    """Empty the caches of functions: only the first test would run what they keep."""
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) in files:
            for value in vars(module).values():
                if callable(empty := getattr(value, "cache_clear", None)):
                    empty()


def silence() -> None:
    """Let this process say nothing more, and be the first of a group of its own."""
    os.setpgid(0, 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)


class _Outcome:
    failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed = self.failed or report.failed


def passes(item: pytest.Item, *, limit: float) -> bool:
    """Run one test; after *limit* seconds, this process ends."""
    outcome = _Outcome()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limit)
    item.config.pluginmanager.register(outcome)
    item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
    item.config.pluginmanager.unregister(outcome)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return not outcome.failed
