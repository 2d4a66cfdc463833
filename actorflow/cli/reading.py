"""Commands that look into the log: list, show, events, watch, state."""

from __future__ import annotations

import shutil
from typing import Any

import attrs
import click

from actorflow.cli import output
from actorflow.cli.arguments import searched
from actorflow.cli.failures import USAGE, Refusal
from actorflow.cli.opening import clock, log_to_read, row_of
from actorflow.cli.options import where_option, workflow_option
from actorflow.cli.plain import (
    PlainValues,
    event_document,
    failure_document,
    lasting,
    row_document,
    short,
    timestamp,
    when,
)
from actorflow.cli.settings import Settings, common, pass_settings
from actorflow.cli.showing import show_document, show_text
from actorflow.cli.watching import watch
from actorflow.log.port import EXECUTION, StreamRow
from actorflow.model.events import Recorded
from actorflow.runtime.checkpoint import Checkpoint, checkpoint_of
from actorflow.runtime.reader import STATUSES
from actorflow.runtime.replay import fold

WAITS = 3


@click.command("list")
@click.option(
    "--status", multiple=True, type=click.Choice(STATUSES), help="Only these statuses."
)
@workflow_option
@click.option("--parent", metavar="ID", help="Only children of this execution.")
@where_option
@click.option("--limit", default=50, show_default=True, help="So many at most.")
@common
@pass_settings
def list_(  # noqa: PLR0917 - click gives options by name
    settings: Settings,
    status: tuple[str, ...],
    workflow: str | None,
    parent: str | None,
    where: tuple[str, ...],
    limit: int,
) -> None:
    """List executions, newest first."""
    wanted = searched(where)
    with log_to_read(settings) as log:
        rows = log.rows(
            EXECUTION,
            status=list(status) or None,
            type=workflow,
            where=wanted,
            parent=parent,
            limit=limit,
        )
    if settings.json:
        output.document([row_document(row) for row in rows])
    elif not rows:
        output.say(
            "none match" if status or workflow or parent or where else "no executions"
        )
    else:
        names = ("id", "workflow", "status", ">events", "started", ">last", "waits for")
        output.table(names, [_list_row(row) for row in rows])


def _list_row(row: StreamRow) -> tuple[str, ...]:
    waits = [str(w.get("topic") or w.get("reason") or w["kind"]) for w in row.waits]
    more = f" and {len(waits) - WAITS} more" if len(waits) > WAITS else ""
    return (
        row.name,
        row.type,
        output.coloured(row.status),
        str(row.head),
        when(row.created_at),
        f"{lasting(max(0.0, clock.time() - row.updated_at))} ago",
        ", ".join(waits[:WAITS]) + more,
    )


@click.command()
@click.argument("execution_id", metavar="ID")
@common
@pass_settings
def show(settings: Settings, execution_id: str) -> None:
    """Show how far an execution has come, and what it waits for."""
    with log_to_read(settings) as log:
        if settings.json:
            output.document(show_document(log, row_of(log, execution_id)))
        else:
            show_text(settings, log, row_of(log, execution_id))


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option("--after", default=0, metavar="N", help="Only events after the Nth.")
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="T",
    help="Only these types: `wait.started`, or `wait` for all of that kind.",
)
@common
@pass_settings
def events(
    settings: Settings, execution_id: str, after: int, types: tuple[str, ...]
) -> None:
    """Show what has happened to an execution, in order."""
    with log_to_read(settings) as log:
        row = row_of(log, execution_id)
        (first,) = log.read(row.id, until=1)
        for recorded in log.read(row.id, after=after, until=row.head):
            entry = event_document(recorded, log.codec)
            if types and not _is_wanted(entry["type"], types):
                continue
            if settings.json:
                output.line(entry)
            else:
                output.say(event_line(recorded, entry, first.time))


def _is_wanted(tag: str, types: tuple[str, ...]) -> bool:
    return any(tag == each or tag.startswith(f"{each}.") for each in types)


def event_line(recorded: Recorded, entry: dict[str, Any], start: float) -> str:
    """Return an event as one line, as wide as the terminal at most."""
    seconds = f"+{recorded.time - start:.3f}"
    head = (
        f"{recorded.seq:>5}  {seconds:>9}  {entry['type']:<20}  {recorded.address:<22}"
    )
    width = shutil.get_terminal_size().columns if output.is_terminal() else 400
    data = short(entry["data"], max(20, width - len(head) - 3)) if entry["data"] else ""
    colour = {"failed": "red", "completed": "green"}.get(
        entry["type"].rpartition(".")[2]
    )
    return f"{click.style(head, fg=colour)}  {click.style(data, dim=True)}".rstrip()


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option("--at", type=int, metavar="N", help="After the Nth event, not the last.")
@common
@pass_settings
def state(settings: Settings, execution_id: str, at: int | None) -> None:
    """Show the branches, variables, waits and signals of an execution."""
    with log_to_read(settings) as log:
        row = row_of(log, execution_id)
        if at is not None and not 1 <= at <= row.head:
            problem = f"execution {execution_id!r} has events 1 to {row.head}, no {at}"
            raise Refusal(problem, USAGE)
        folded = fold(log, row.id, row.head if at is None else at)
    output.pretty(_checkpoint(checkpoint_of(execution_id, folded, PlainValues())))


def _checkpoint(checkpoint: Checkpoint) -> dict[str, Any]:
    tree = attrs.asdict(checkpoint, recurse=True)
    tree["error"] = failure_document(checkpoint.error)
    for branch, view in checkpoint.branches.items():
        tree["branches"][branch]["error"] = failure_document(view.error)
    for part in (*tree["activations"].values(), *tree["waits"].values()):
        part["until"] = timestamp(part["until"])
    tree["started_at"] = timestamp(checkpoint.started_at)
    tree["finished_at"] = timestamp(checkpoint.finished_at)
    return tree


COMMANDS = (list_, show, events, watch, state)
