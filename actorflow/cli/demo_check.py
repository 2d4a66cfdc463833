"""What the demonstration claims, checked against its ledger and plain Python."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from attrs import asdict, frozen

from actorflow.cli.demo_stage import Stage, Watcher
from actorflow.cli.demo_workflow import Report, module_at, packages_of, report_of
from actorflow.log.codec import Codec
from actorflow.model.events import Data

FEW = 100
"""So few files are read faster than a pool of processes starts."""


@frozen
class Snapshot:
    """What was recorded when the process was killed.

    Attributes:
        recorded: activities whose result was in the log.
        in_flight: activities that had begun, by the ledger, and were not in the log.
    """

    events: int
    done: int
    total: int | None
    recorded: frozenset[str]
    in_flight: frozenset[str]


def snapshot(stage: Stage, watcher: Watcher) -> Snapshot:
    """Return what is recorded now."""
    recorded = frozenset(watcher.recorded)
    done, total = watcher.items
    begun = frozenset(stage.noted())
    return Snapshot(watcher.events, done, total, recorded, begun - recorded)


@frozen
class Claim:
    """Something that must be so."""

    text: str
    holds: bool


@frozen
class Verdict:
    """How often everything ran, and whether all claims hold.

    Attributes:
        once: activities that began once.
        twice: activities that began twice.
        more: activities that began more often.
    """

    once: int
    twice: int
    more: int
    claims: tuple[Claim, ...]

    @property
    def holds(self) -> bool:
        """Whether every claim does."""
        return all(claim.holds for claim in self.claims)


def judge(
    stage: Stage,
    files: Sequence[str],
    watcher: Watcher,
    killed: Snapshot | None,
    expected: Report,
) -> Verdict:
    """Compare what ran, what was recorded, and what should have come out."""
    noted, recorded = stage.noted(), watcher.recorded
    often = Counter(min(count, 3) for count in noted.values())
    before = killed.recorded if killed else frozenset()
    in_flight = killed.in_flight if killed else frozenset()
    repeated = {address for address, count in noted.items() if count > 1}
    report = report_in(watcher.output)
    claims = [
        Claim("the execution completed", watcher.timeline.status == "completed"),
        Claim(
            "what was recorded before the kill did not run again", not repeated & before
        ),
        Claim("only what was in flight at the kill ran twice", repeated <= in_flight),
        Claim("everything that ran is recorded exactly once", _once(noted, recorded)),
        Claim(
            "every file is in the report exactly once",
            report is not None and list(report.paths) == list(files),
        ),
        Claim("the report is the one plain Python gives", report == expected),
    ]
    return Verdict(often[1], often[2], often[3], tuple(claims))


def _once(noted: Counter[str], recorded: Counter[str]) -> bool:
    return set(noted) == set(recorded) and set(recorded.values()) == {1}


def report_in(output: Data) -> Report | None:
    """Return the report that an execution returned, if it did."""
    if not isinstance(output, dict) or "report" not in output:
        return None
    report: Report = Codec().from_data(output["report"], Report)
    return report


def expected_report(root: Path, files: Sequence[str], workers: int) -> Report:
    """Return the report without actorflow: the same functions, called in a row."""
    read = partial(module_at, str(root))
    if len(files) < FEW or workers == 1:
        modules = [read(path) for path in files]
    else:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
            modules = list(pool.map(read, files, chunksize=5))
    return report_of(modules, packages_of(str(root), files))


def verdict_document(verdict: Verdict) -> dict[str, object]:
    """Return the verdict as programs read it."""
    return {**asdict(verdict), "holds": verdict.holds}
