"""`demo`: a fan-out over real files, killed half-way, resumed before your eyes."""

from __future__ import annotations

import os
import platform
import shlex
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import click
from attrs import asdict, define, field

from actorflow.cli import output
from actorflow.cli.demo_check import (
    Snapshot,
    Verdict,
    expected_report,
    judge,
    report_in,
    snapshot,
    verdict_document,
)
from actorflow.cli.demo_stage import Stage, Watcher, play
from actorflow.cli.demo_story import Story
from actorflow.cli.demo_workflow import Report, sources_in
from actorflow.cli.failures import GENERAL, USAGE, Refusal
from actorflow.cli.opening import clock
from actorflow.cli.settings import Settings, common, pass_settings


@click.command()
@click.option(
    "--dir",
    "root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Analyse this tree.  [default: the standard library]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    help="How many processes parse.  [default: one for each core]",
)
@click.option(
    "--kill-at",
    default="0.5",
    show_default=True,
    metavar="FRACTION",
    help="Kill when this part of the files is recorded: 0 to 1, or `random`.",
)
@click.option("--seed", type=int, help="Makes `--kill-at random` repeatable.")
@common
@click.pass_context
@pass_settings
def demo(
    settings: Settings,
    ctx: click.Context,
    /,
    *,
    root: Path | None,
    workers: int,
    kill_at: str,
    seed: int | None,
) -> None:
    """Watch a fan-out be killed half-way and finish all the same.

    Every Python file of the standard library is parsed by an activity of its own. When
    half of them are recorded, the process is killed with SIGKILL; the same command goes
    on where it was. Then all claims are checked: against a ledger that the activities
    keep outside the log, and against the same functions called by plain Python. The
    exit code is 0 only if they hold. --db keeps the log, and it must not exist yet.
    """
    fraction = _fraction(kill_at, seed)
    tree = (root or Path(sysconfig.get_path("stdlib"))).resolve()
    files = sources_in(str(tree))
    if not files:
        raise Refusal(f"{tree}: there are no Python files", USAGE)
    with _place(settings.given) as db:
        stage = Stage(tree, db, db.with_name(f"{db.name}-ledger"), workers)
        rehearsal = Rehearsal(stage, files, Story(mute=settings.json))
        rehearsal.story.opening(
            stage, len(files), _what(root, tree), kept=settings.given is not None
        )
        verdict = rehearsal.perform(fraction)
    if settings.json:
        output.document(rehearsal.document(verdict))
    ctx.exit(0 if verdict.holds else GENERAL)


def _fraction(text: str, seed: int | None) -> float:
    if text == "random":
        return Random(seed).random()
    try:
        fraction = float(text)
    except ValueError:
        fraction = -1.0
    if not 0 <= fraction <= 1:
        raise Refusal(f"--kill-at wants 0 to 1, or 'random', not {text!r}", USAGE)
    return fraction


def _what(root: Path | None, tree: Path) -> str:
    if root is not None:
        return str(tree)
    return f"the standard library of Python {platform.python_version()}"


@contextmanager
def _place(given: str | None) -> Iterator[Path]:
    """Give the path of a log that is not there yet."""
    if given is None:
        with tempfile.TemporaryDirectory(prefix="actorflow-demo-") as directory:
            yield Path(directory) / "demo.db"
        return
    path = Path(given).absolute()
    if path.exists():
        raise Refusal(f"{path} exists; the demo wants a log of its own", USAGE)
    path.with_name(f"{path.name}-ledger").unlink(missing_ok=True)
    yield path


@define
class Rehearsal:
    """One run of the demonstration.

    Attributes:
        killed: what was recorded at the kill; None if it ended before.
        spent: where the time went.
    """

    stage: Stage
    files: list[str]
    story: Story
    killed: Snapshot | None = None
    report: Report | None = None
    kill_at: float = 0.0
    spent: list[tuple[str, float]] = field(factory=list)

    def perform(self, fraction: float) -> Verdict:
        """Run, kill, run again, report, check."""
        self.kill_at, self.spent = fraction, []
        watcher = Watcher(self.stage.db)
        try:
            self._first(watcher, fraction)
            if self.killed is not None:
                self._second(watcher)
            return self._judged(watcher)
        finally:
            watcher.close()

    def _first(self, watcher: Watcher, fraction: float) -> None:
        self.story.chapter("Run it")
        self.story.command(shlex.join(["actorflow", *self.stage.words()]))

        def is_time(watcher: Watcher) -> bool:
            done, total = watcher.items
            return total is not None and done >= fraction * total

        began = clock.time()
        with self.story.reading() as show:
            child = play(self.stage, watcher, kill_when=is_time, show=show)
        ended = clock.time()
        self._spend("start a process, open the log", began, watcher.timeline.started)
        self._spend("read files", watcher.timeline.started, ended)
        if child is None:
            self.story.say("   [yellow]It was finished before the kill came.[/]")
            return
        self.story.chapter(f"Kill it: SIGKILL to process {child.pid} and its workers")
        self.killed = snapshot(self.stage, watcher)
        self.story.death(watcher, self.killed)

    def _second(self, watcher: Watcher) -> None:
        self.story.chapter("Run the same command again")
        began, watcher.mark = clock.time(), watcher.events
        with self.story.reading() as show:
            play(self.stage, watcher, kill_when=lambda _: False, show=show)
        replayed = f"start a process, replay {watcher.mark:,} events"
        self._spend(replayed, began, watcher.resumed)
        read = watcher.read_at or watcher.resumed
        self._spend("read the other files", watcher.resumed, read)
        self._spend("join the branches, write the report", read, watcher.timeline.ended)
        self._spend("stop the process", watcher.timeline.ended, clock.time())

    def _judged(self, watcher: Watcher) -> Verdict:
        began = clock.time()
        expected = expected_report(self.stage.root, self.files, self.stage.workers)
        self._spend("do it all in plain Python, to compare", began, clock.time())
        verdict = judge(self.stage, self.files, watcher, self.killed, expected)
        self.report = report_in(watcher.output)
        if self.report is not None:
            self.story.chapter("The report")
            self.story.report(self.report)
        self.story.chapter("What ran how often")
        self.story.verdict(verdict)
        self.story.chapter("Where the time went")
        self.story.times(self.spent)
        return verdict

    def _spend(self, what: str, began: float | None, ended: float | None) -> None:
        if began is not None and ended is not None:
            self.spent.append((what, max(0.0, ended - began)))

    def document(self, verdict: Verdict) -> dict[str, Any]:
        """Return all of it as programs read it."""
        killed = self.killed
        return {
            "root": str(self.stage.root),
            "log": str(self.stage.db),
            "files": len(self.files),
            "workers": self.stage.workers,
            "kill_at": self.kill_at,
            "killed": killed
            and {
                "events": killed.events,
                "recorded": killed.done,
                "in_flight": sorted(killed.in_flight),
            },
            "verdict": verdict_document(verdict),
            "seconds": {what: round(seconds, 3) for what, seconds in self.spent},
            "report": self.report and asdict(self.report),
        }
