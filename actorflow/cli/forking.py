"""Commands about two executions: fork makes one of the other, diff compares them."""

from __future__ import annotations

import secrets  # noqa: TID251 - no simulation runs a command
from collections.abc import Iterator
from difflib import ndiff
from itertools import islice
from typing import Any

import click
from attrs import frozen

from actorflow.cli import output
from actorflow.cli.failures import GENERAL
from actorflow.cli.opening import clock, log_to_post, log_to_read, row_of
from actorflow.cli.plain import event_document, short
from actorflow.cli.settings import Settings, common, pass_settings
from actorflow.log.port import StreamRow
from actorflow.log.sqlite import SQLiteLog
from actorflow.runtime.forking import leave_fork
from actorflow.runtime.reader import check_event

SHOWN = 20
"""Events of each that are compared after the first that differs."""
_COLOURS = {"-": "red", "+": "green"}


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option(
    "--at", type=int, required=True, metavar="N", help="The last event to take over."
)
@click.option("--id", "name", metavar="ID", help="Of the new one; else it is made up.")
@common
@pass_settings
def fork(settings: Settings, execution_id: str, at: int, name: str | None) -> None:
    """Begin an execution with the first events of another as its past.

    What was in flight at that event runs again in the new one, as soon as a process
    that knows its definition has the log open. The other is untouched.
    """
    with log_to_post(settings) as log:
        row = row_of(log, execution_id)
        check_event(row, at)
        made = name or f"{row.type}-{secrets.token_hex(10)}"
        status = leave_fork(log, row, at, made, clock.time())
        head = row_of(log, made).head
    if settings.json:
        document = {"id": made, "workflow": row.type, "status": status, "events": head}
        output.document(document)
        return
    output.say(made)
    again = settings.command("run", "TARGET", "--id", made)
    output.tell(
        f"{head} events of {row.name}; it is {output.coloured(status)}, and goes on "
        f"when a process that knows {row.type!r} opens the log\n  {again}"
    )


@click.command()
@click.argument("one", metavar="ID")
@click.argument("other", metavar="ID2")
@common
@click.pass_context
@pass_settings
def diff(settings: Settings, ctx: click.Context, /, one: str, other: str) -> None:
    """Compare what has happened to two executions, but for when it did.

    Shows the first events that differ, and how both have ended. Exit code 1 if
    anything differs.
    """
    with log_to_read(settings) as log:
        rows = row_of(log, one), row_of(log, other)
        found = _compared(log, *rows)
    if settings.json:
        output.document(_document(rows, found))
    else:
        _tell(rows, found)
    ctx.exit(GENERAL if found.differs else 0)


@frozen
class _Difference:
    """How many events two executions have in common, and what comes then."""

    alike: int
    one: list[dict[str, Any]]
    other: list[dict[str, Any]]

    @property
    def differs(self) -> bool:
        return bool(self.one or self.other)


def _compared(log: SQLiteLog, one: StreamRow, other: StreamRow) -> _Difference:
    left, right = _events(log, one), _events(log, other)
    alike = 0
    while True:
        here, there = next(left, None), next(right, None)
        if here is None or here != there:
            break
        alike += 1
    return _Difference(alike, _page(here, left), _page(there, right))


def _events(log: SQLiteLog, row: StreamRow) -> Iterator[dict[str, Any]]:
    for recorded in log.read(row.id, until=row.head):
        entry = event_document(recorded, log.codec)
        yield {key: entry[key] for key in ("type", "address", "data")}


def _page(
    first: dict[str, Any] | None, rest: Iterator[dict[str, Any]]
) -> list[dict[str, Any]]:
    return [] if first is None else [first, *islice(rest, SHOWN - 1)]


def _document(rows: tuple[StreamRow, StreamRow], found: _Difference) -> dict[str, Any]:
    sides = zip(rows, (found.one, found.other), strict=True)
    return {
        "differs": found.differs,
        "alike": found.alike,
        "executions": [
            {
                "id": row.name,
                "workflow": row.type,
                "status": row.status,
                "events": row.head,
                "then": then,
            }
            for row, then in sides
        ],
    }


def _tell(rows: tuple[StreamRow, StreamRow], found: _Difference) -> None:
    if not found.differs:
        output.say(f"the same {found.alike} events")
        return
    for mark, row in zip(_COLOURS, rows, strict=True):
        told = f"{mark * 3} {row.name}  {row.type}, {row.status}, {row.head} events"
        output.say(told, fg=_COLOURS[mark])
    output.say(f"the first {found.alike} events are the same; then")
    for line in ndiff(_lines(found.one), _lines(found.other)):
        if not line.startswith("?"):
            output.say(line.rstrip(), fg=_COLOURS.get(line[0]))


def _lines(events: list[dict[str, Any]]) -> list[str]:
    return [
        f"{e['type']:<20}  {e['address']:<22}  {short(e['data'], 200)}" for e in events
    ]


COMMANDS = (fork, diff)
