"""Compares the log with the ledger: what was promised, point by point."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from attrs import define, field

import actorflow as af
from actorflow.cli.checkup import examine
from actorflow.log.port import StreamRow
from actorflow.log.sqlite import SQLiteLog
from actorflow.model import events as ev
from actorflow.model.events import Recorded
from benchmarks.soak.ledger import Ledger, Line
from benchmarks.soak.load import SIGNALS, SORTS

Place = tuple[str, str]
"""An execution, and an address in it."""


@define(eq=False)
class Story:
    """One execution as the log has it."""

    row: StreamRow
    n: int = 0
    output: Any = None
    done: dict[str, float] = field(factory=dict)
    failed: dict[tuple[str, int], float] = field(factory=dict)
    undone: list[str] = field(factory=list)
    payloads: list[Any] = field(factory=list)
    due: dict[tuple[str, int], float] = field(factory=dict)
    early: list[str] = field(factory=list)


@define(eq=False)
class Check:
    """What was found; `broken` is empty if everything held."""

    directory: Path
    kills: int
    broken: list[str] = field(factory=list)
    stories: dict[str, Story] = field(factory=dict)
    lines: list[Line] = field(factory=list)
    times: list[float] = field(factory=list)
    recovered: list[float] = field(factory=list)
    log_bytes: int = 0
    repeats: int = 0

    def run(self) -> None:
        """Read everything, then hold it to every promise."""
        self.lines = [*Ledger(self.directory / "ledger").lines()]
        path = self.directory / "log.db"
        with SQLiteLog(path, read_only=True) as log:
            self.broken += [
                f"doctor: {finding.stream}: {finding.message}"
                for finding in examine(log).findings
                if finding.severity != "note"
            ]
            for row in _rows(log):
                self.stories[row.name] = self._told(log, row)
        self.log_bytes = path.stat().st_size
        for promise in (
            self._nothing_is_lost,
            self._nothing_runs_again,
            self._nothing_is_invented,
            self._ends_are_right,
            self._signals_arrive_once,
            self._nobody_wakes_early,
        ):
            self.broken += promise()

    # -- the log -----------------------------------------------------------------------

    def _told(self, log: SQLiteLog, row: StreamRow) -> Story:
        story = Story(row)
        for recorded in log.read(row.id):
            self.times.append(recorded.time)
            self._take(story, recorded)
        return story

    def _take(self, story: Story, recorded: Recorded) -> None:
        address, time = recorded.address, recorded.time
        match recorded.event:
            case ev.ExecutionStarted(inputs=inputs):
                story.n = inputs["n"]
            case ev.ExecutionCompleted(output=output):
                story.output = output
            case ev.ExecutionRecovered():
                self.recovered.append(time)
            case ev.ActivationStarted(node="undo"):
                story.undone.append(address)
            case ev.ActivationCompleted() | ev.ActivationFailed():
                story.done[address] = time
            case ev.AttemptFailed(attempt=attempt):
                story.failed[address, attempt] = time
            case ev.SignalReceived(payload=payload):
                story.payloads.append(payload)
            case ev.WaitStarted(wait=wait, kind="time", deadline=float() as deadline):
                story.due[address, wait] = deadline
            case ev.WaitEnded(wait=wait):
                if time < story.due.get((address, wait), 0.0):
                    story.early.append(address)
            case _:
                pass

    # -- the promises ------------------------------------------------------------------

    def _nothing_is_lost(self) -> Iterator[str]:
        for line in self.lines:
            if line.what == "started" and line.execution not in self.stories:
                yield f"{line.execution} was started, and is not in the log"
        for story in self.stories.values():
            if story.row.status not in ("completed", "failed"):
                yield f"{story.row.name} has not ended: it is {story.row.status}"

    def _nothing_runs_again(self) -> Iterator[str]:
        killed = {line.who: line.at for line in self.lines if line.what == "kill"}
        for (execution, address), begins in self._begins().items():
            story = self.stories[execution]
            place = f"{execution} {address}"
            done = story.done.get(address, float("inf"))
            for begin in begins:
                failed = story.failed.get((address, begin.attempt), float("inf"))
                if begin.at > min(done, failed):
                    yield f"{place} ran again after it was recorded"
            for one, other in pairwise(begins):
                if (address, one.attempt) in story.failed:
                    continue  # a retry
                self.repeats += 1
                if one.who == other.who:
                    yield f"{place} ran twice in process {one.who}"
                elif killed.get(one.who, float("inf")) > other.at:
                    yield f"{place} ran again although process {one.who} lived"

    def _nothing_is_invented(self) -> Iterator[str]:
        ended = {(x.execution, x.address) for x in self.lines if x.what == "end"}
        activities = {place for place, _ in self._begins().items()}
        for execution, address in activities - ended:
            if address in self.stories[execution].done:
                yield f"{execution} {address} is recorded, and never ended"

    def _ends_are_right(self) -> Iterator[str]:
        told = {x.execution: x.detail for x in self.lines if x.what == "ended"}
        for name, story in self.stories.items():
            expected = SORTS[name.split("-")[0]].expected(story.n)
            fails = expected is af.ExecutionFailed
            if (story.row.status == "failed") is not fails:
                yield f"{name} is {story.row.status}"
            elif not fails and story.output != expected:
                yield f"{name} came to {story.output!r}, not {expected!r}"
            if fails and len(story.undone) != 2:
                yield f"{name} was compensated {len(story.undone)} times"
            if name in told and told[name] != ("failed" if fails else expected):
                yield f"the user of {name} was told {told[name]!r}"

    def _signals_arrive_once(self) -> Iterator[str]:
        sent = Counter(x.execution for x in self.lines if x.what == "signal")
        for name, story in self.stories.items():
            if sent[name] == SIGNALS and story.payloads != [*range(1, SIGNALS + 1)]:
                yield f"{name} got the signals {story.payloads}"

    def _nobody_wakes_early(self) -> Iterator[str]:
        for name, story in self.stories.items():
            for address in story.early:
                yield f"{name} {address} woke too early"

    def _begins(self) -> dict[Place, list[Line]]:
        found: dict[Place, list[Line]] = defaultdict(list)
        for line in self.lines:
            if line.what == "begin":
                found[line.execution, line.address].append(line)
        return found

    # -- figures -----------------------------------------------------------------------

    def count(self, what: str) -> int:
        """Return how many lines of that sort are in the ledger."""
        return sum(line.what == what for line in self.lines)

    def takeovers(self) -> list[float]:
        """Return for each recovery how long before it the last process was killed."""
        kills = sorted(line.at for line in self.lines if line.what == "kill")
        return [
            min((at - kill for kill in kills if kill <= at), default=0.0)
            for at in self.recovered
        ]


def _rows(log: SQLiteLog) -> Iterator[StreamRow]:
    before = None
    while page := log.rows("execution", before=before, limit=500):
        yield from page
        before = (page[-1].created_at, page[-1].id)
