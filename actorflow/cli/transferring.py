"""Commands that move executions between logs: export, import."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from actorflow.cli import output
from actorflow.cli.failures import GENERAL, USAGE, Refusal
from actorflow.cli.opening import log_to_read, row_of
from actorflow.cli.settings import Settings, common, pass_settings
from actorflow.errors import LogError, StreamExistsError
from actorflow.log.exporting import export_stream
from actorflow.log.lines import KINDS
from actorflow.log.port import EXECUTION, StreamRow
from actorflow.log.sqlite import SQLiteLog
from actorflow.runtime.transfer import import_file

PAGE = 500
_IN_MEMORY = 64 * 1024 * 1024


@click.command()
@click.argument("execution_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All there is, actors as well.")
@click.option(
    "--partial", is_flag=True, help="Of what is damaged, the part before the damage."
)
@common
@click.pass_context
@pass_settings
def export(
    settings: Settings,
    ctx: click.Context,
    execution_ids: tuple[str, ...],
    everything: bool,  # noqa: FBT001 - an option
    partial: bool,  # noqa: FBT001
) -> None:
    """Write executions as JSON lines, for `import`: their events, and checksums.

    With --all, what is damaged is named and left out, and the exit code is 1.
    Payloads are written as they are stored: what was encrypted stays so.
    """
    if bool(execution_ids) == everything:
        raise Refusal("name executions, or ask for --all", USAGE)
    failed = False
    with log_to_read(settings) as log:
        rows = _everything(log) if everything else _named(log, execution_ids)
        for row in rows:
            try:
                for line in export_stream(log, row, partial=partial):
                    click.echo(line, nl=False)
            except LogError as error:
                if not everything:
                    raise
                failed = True
                output.tell(f"left out: {row.kind} {row.name}: {error}", fg="red")
    if failed:
        ctx.exit(GENERAL)


def _named(log: SQLiteLog, ids: tuple[str, ...]) -> list[StreamRow]:
    return [row_of(log, each) for each in ids]


def _everything(log: SQLiteLog) -> Iterator[StreamRow]:
    for kind in KINDS:
        before = None
        while page := log.rows(kind, before=before, limit=PAGE):
            yield from page
            before = (page[-1].created_at, page[-1].id)


@click.command("import")
@click.argument("file", type=click.Path(allow_dash=True, dir_okay=False))
@click.option("--as", "name", metavar="ID", help="Under this id, not its own.")
@click.option("--partial", is_flag=True, help="Also executions whose end was lost.")
@common
@pass_settings
def import_(
    settings: Settings,
    file: str,
    name: str | None,
    partial: bool,  # noqa: FBT001 - an option
) -> None:
    """Bring what `export` wrote into the log, which is created if there is none.

    Everything is verified before anything is stored, and nothing is overwritten. What
    is there already, with the same events, is left as it is, so it can be repeated.
    What had not ended goes on where the log is run: import nothing that you would not
    start. FILE may be - for standard input.
    """
    with (
        _opened(file) as source,
        SQLiteLog(settings.db, owner_label="actorflow import") as log,
    ):
        try:
            imported = import_file(log, source, name=name, partial=partial)
        except StreamExistsError as error:
            hint = "" if name else "; --as ID gives it another id"
            problem = f"{error}, with other events; nothing was imported{hint}"
            raise Refusal(problem) from error
    for each in imported:
        what = "imported" if each.outcome == "imported" else "already there"
        if settings.json:
            output.line({"name": each.name, "events": each.events, "outcome": what})
        else:
            kind = "" if each.kind == EXECUTION else f"{each.kind} "
            output.say(f"{kind}{each.name}: {what}, {each.events} events")


def _opened(file: str) -> BinaryIO:
    """Return the file, which can be read twice: what comes by a pipe is kept."""
    source: BinaryIO = sys.stdin.buffer if file == "-" else Path(file).open("rb")  # noqa: SIM115
    if source.seekable() and file != "-":
        return source
    kept = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
    with source:
        shutil.copyfileobj(source, kept)
    kept.seek(0)
    return kept  # type: ignore[return-value]  # it has all that is read of a file


COMMANDS = (export, import_)
