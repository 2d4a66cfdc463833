"""Commands that know definitions: run, graph, validate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from actorflow.cli import output
from actorflow.cli.arguments import pairs
from actorflow.cli.display import Display, display_for
from actorflow.cli.failures import GENERAL, INTERRUPTED, RESTS
from actorflow.cli.outcome import result_document, result_text
from actorflow.cli.patience import settled
from actorflow.cli.settings import Settings, common, pass_settings
from actorflow.cli.targets import HELP, Target, load_target
from actorflow.errors import (
    DefinitionMismatch,
    ExecutionCancelled,
    ExecutionFailed,
    ExecutionNotFoundError,
)
from actorflow.log.port import StreamRow
from actorflow.model.events import Recorded
from actorflow.runtime.handle import ExecutionHandle, ExecutionResult
from actorflow.runtime.runtime import Runtime

activities_option = click.option(
    "--activities",
    multiple=True,
    metavar="MODULE[:NAME,...]",
    help="Where the activities are that the graph only names.",
)


@click.command(epilog=HELP)
@click.argument("target")
@click.option(
    "-i",
    "--input",
    "inputs",
    multiple=True,
    metavar="KEY=VALUE",
    help="An input; JSON, else text.",
)
@click.option(
    "--id",
    "execution_id",
    metavar="ID",
    help="Start under this id, or go on with the execution that has it.",
)
@click.option(
    "-a",
    "--attribute",
    "attributes",
    multiple=True,
    metavar="KEY=VALUE",
    help="A search attribute, for `list --where`.",
)
@activities_option
@click.option(
    "--wait", is_flag=True, help="Stay until the end, through sleeps and waits."
)
@click.option(
    "--threads", default=8, show_default=True, help="How many activities run at once."
)
@click.option(
    "--durability",
    type=click.Choice(["full", "process"]),
    default="full",
    show_default=True,
    help="What it survives: a power cut, or the death of the process.",
)
@common
@click.pass_context
@pass_settings
def run(
    settings: Settings,
    ctx: click.Context,
    target: str,
    inputs: tuple[str, ...],
    execution_id: str | None,
    attributes: tuple[str, ...],
    activities: tuple[str, ...],
    wait: bool,  # noqa: FBT001 - click passes every option by name
    threads: int,
    durability: Any,
) -> None:
    """Run a workflow until it ends, or until only the outside can move it.

    Exit code 0: completed; 1: failed or cancelled; 3: suspended or paused.
    """
    found = load_target(target, activities)
    given, attached = pairs(inputs, "-i"), pairs(attributes, "-a")
    feed = _Feed()
    with (
        Runtime(
            settings.db,
            definitions=[found.definition],
            activities=found.activities,
            threads=threads,
            durability=durability,
            on_event=feed.take,
        ) as runtime,
        _stopped_by_hand(settings, ctx, found, feed),
    ):
        handle = _begin(runtime, found, execution_id, given, attached)
        feed.id = handle.id
        with display_for(handle.id, silent=settings.json) as display:
            feed.show_on(display, runtime.history(handle.id))
            result = _await(runtime, handle, to_the_end=wait)
        result = runtime.result_of(runtime.row(handle.id))
        row = runtime.row(handle.id)
        document = result_document(runtime, result)
    if settings.json:
        output.document(document)
    else:
        result_text(settings, found, row, document)
    ctx.exit(_EXITS.get(result.status, GENERAL))


_EXITS = {"completed": 0, "suspended": RESTS, "paused": RESTS}
