"""`watch`, and how to follow a log that another process writes."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import click

from actorflow.cli import output
from actorflow.cli.display import display_for
from actorflow.cli.failures import GENERAL
from actorflow.cli.opening import log_to_read, row_of
from actorflow.cli.plain import event_document
from actorflow.cli.settings import Settings, common, pass_settings
from actorflow.log.port import EXECUTION, StreamRow
from actorflow.log.sqlite import SQLiteLog
from actorflow.model.events import Recorded
from actorflow.model.state import ENDED

LOOK = 0.1
"""Seconds between looks at a log that others write: a reader is told of nothing."""


def follow(log: SQLiteLog, row: StreamRow) -> Iterator[tuple[str, list[Recorded]]]:
    """Yield the status of an execution and its new events, until it has ended."""
    pause, after = Event(), 0
    while True:
        page = list(log.read(row.id, after=after, until=row.head))
        after += len(page)
        yield row.status, page
        if row.status in ENDED:
            return
        pause.wait(LOOK)
        row = log.find(EXECUTION, row.name) or row


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option(
    "--after", default=0, metavar="N", help="With --json: only after the Nth."
)
@common
@click.pass_context
@pass_settings
def watch(
    settings: Settings, ctx: click.Context, execution_id: str, after: int
) -> None:
    """Follow an execution until it ends, whichever process runs it."""
    with log_to_read(settings) as log:
        row = row_of(log, execution_id)
        with display_for(execution_id, silent=settings.json) as display:
            for status, page in follow(log, row):
                for recorded in page:
                    display.take(recorded)
                    if settings.json and recorded.seq > after:
                        output.line(event_document(recorded, log.codec))
                display.timeline.status = status
    if display.timeline.status != "completed":
        ctx.exit(GENERAL)
