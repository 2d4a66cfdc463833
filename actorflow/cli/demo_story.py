"""The demonstration as a person sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from actorflow.cli import output
from actorflow.cli.demo_check import Snapshot, Verdict
from actorflow.cli.demo_stage import Stage, Watcher
from actorflow.cli.demo_workflow import Report
from actorflow.cli.plain import lasting

if TYPE_CHECKING:
    from rich.table import Table

WIDE = 100
TENTHS = 10


class Story:
    """Tells what happens, while it happens; mute if a program listens."""

    def __init__(self, *, mute: bool) -> None:
        from rich.console import Console

        live = output.is_terminal()
        width = None if live else WIDE
        self._console = Console(quiet=mute, highlight=False, width=width)
        self._live = live and not mute
        self._chapters = 0

    def say(self, text: str = "") -> None:
        """Write a line, in rich's markup."""
        self._console.print(text)

    def chapter(self, title: str) -> None:
        """Begin a numbered part."""
        self._chapters += 1
        self.say()
        self.say(f"[bold cyan]{self._chapters}[/]  [bold]{title}[/]")

    def command(self, words: str) -> None:
        """Show a command as it was run."""
        self._console.print(f"   $ {words}", style="dim", soft_wrap=True, markup=False)

    def opening(self, stage: Stage, files: int, what: str, *, kept: bool) -> None:
        """Say what is about to happen."""
        self.say()
        self.say(f"[bold]{files:,} Python files[/] of {what}, one activity each,")
        self.say(f"in a map beside a second branch; {stage.workers} processes parse.")
        until = "kept" if kept else "removed at the end"
        self.say(f"[dim]log: {stage.db} ({until})[/]")

    @contextmanager
    def reading(self) -> Iterator[Callable[[Watcher], None]]:
        """Give what shows how far the reading is."""
        if not self._live:
            yield self._line_by_line()
            return
        with self._bar() as bar:
            task = bar.add_task("starting", total=None)

            def show(watcher: Watcher) -> None:
                done, total = watcher.items
                text = "reading" if total is None or done < total else "reporting"
                if watcher.timeline.ended is not None:
                    text = "done"
                bar.update(task, description=text, completed=done, total=total)

            yield show

    def _line_by_line(self) -> Callable[[Watcher], None]:
        told = -1

        def show(watcher: Watcher) -> None:
            nonlocal told
            done, total = watcher.items
            tenth = done * TENTHS // total if total else -1
            if tenth > told:
                told = tenth
                self.say(f"   {done:>6,} of {total:,} files recorded")

        return show

    def _bar(self) -> Any:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        return Progress(
            TextColumn("  "),
            SpinnerColumn(),
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=44),
            MofNCompleteColumn(),
            TextColumn("files recorded"),
            TimeElapsedColumn(),
            console=self._console,
        )

    def death(self, watcher: Watcher, killed: Snapshot) -> None:
        """Show the log as the dead process left it."""
        of = f" of {killed.total:,}" if killed.total is not None else ""
        self.say("   What it left behind, read from the log:")
        self.say(
            f"   [bold]{killed.done:,}[/]{of} files recorded, "
            f"in {killed.events:,} events"
        )
        in_flight = len(killed.in_flight)
        self.say(f"   [bold]{in_flight}[/] begun and not recorded: these may run again")
        entries = [entry for entry in watcher.timeline.entries if entry.is_open]
        for entry in entries:
            waits = f", waits for {entry.waits_for}" if entry.waits_for else ""
            self.say(f"   [yellow]•[/] {entry.address} is {entry.status}{waits}")
        self.say("   [dim]its last events:[/]")
        for recorded in watcher.last:
            name = type(recorded.event).__name__
            address = recorded.address.replace("[", r"\[")
            self.say(f"   [dim]{recorded.seq:>6}  {name:<20} {address}[/]")

    def report(self, report: Report) -> None:
        """Show what was found out."""
        self.say(
            f"   [bold]{report.files:,}[/] files, [bold]{report.lines:,}[/] lines, "
            f"[bold]{report.functions:,}[/] functions, "
            f"[bold]{report.classes:,}[/] classes, {report.size / 1e6:,.1f} MB; "
            f"{len(report.unreadable)} are no valid Python"
        )
        packages = self._table("largest packages", ">files", ">lines", ">kB")
        for each in report.packages:
            row = (
                each.name,
                f"{each.files:,}",
                f"{each.lines:,}",
                f"{each.size // 1000:,}",
            )
            packages.add_row(*row)
        longest = self._table("longest functions", ">lines", "where")
        for function in report.longest:
            where = f"{function.path}:{function.line}"
            longest.add_row(function.name, f"{function.lines:,}", where)
        imported = self._table("most imported", ">files")
        for name, count in report.imported:
            imported.add_row(name, f"{count:,}")
        for table in (packages, longest, imported):
            self._show(table)

    def verdict(self, verdict: Verdict) -> None:
        """Show how often everything ran, and which claims hold."""
        self.say("   By the ledger, which the activities keep outside the log:")
        self.say(f"   [bold]{verdict.once:,}[/] activities ran exactly once")
        self.say(f"   [bold]{verdict.twice:,}[/] ran twice")
        if verdict.more:
            self.say(f"   [bold red]{verdict.more:,}[/] ran more often")
        for claim in verdict.claims:
            mark = "[green]✓[/]" if claim.holds else "[bold red]✗ not so:[/]"
            self.say(f"   {mark} {claim.text}")

    def times(self, spent: Sequence[tuple[str, float]]) -> None:
        """Show where the time went."""
        total = sum(seconds for _, seconds in spent)
        table = self._table("", ">time", "")
        for what, seconds in (*spent, ("in all", total)):
            bar = (
                "━" * round(40 * seconds / total) if total and what != "in all" else ""
            )
            table.add_row(what, lasting(seconds), f"[cyan]{bar}[/]")
        self._show(table)

    def _show(self, table: Table) -> None:
        from rich.padding import Padding

        self._console.print(Padding(table, (0, 0, 0, 1), expand=False))

    def _table(self, *columns: str) -> Table:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, header_style="dim")
        for name in columns:
            right = name.startswith(">")
            table.add_column(name.lstrip(">"), justify="right" if right else "left")
        return table
