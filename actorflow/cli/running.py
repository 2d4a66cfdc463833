"""Commands that know definitions: run, graph, validate."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Any

import click

from actorflow.cli import output
from actorflow.cli.arguments import pairs
from actorflow.cli.display import Feed, display_for
from actorflow.cli.failures import GENERAL, INTERRUPTED, RESTS
from actorflow.cli.options import (
    activities_option,
    attributes_option,
    durability_option,
    inputs_option,
    threads_option,
)
from actorflow.cli.outcome import go_on_with, result_document, result_text
from actorflow.cli.patience import settled
from actorflow.cli.picture import FORMATS, format_of, picture
from actorflow.cli.settings import Settings, common, pass_settings
from actorflow.cli.targets import HELP, Target, load_target
from actorflow.errors import DefinitionMismatch, ExecutionNotFoundError
from actorflow.runtime.handle import ExecutionHandle
from actorflow.runtime.runtime import Runtime

EXITS = {"completed": 0, "suspended": RESTS, "paused": RESTS}

target_argument = click.argument("target")


@click.command(epilog=HELP)
@target_argument
@inputs_option
@click.option(
    "--id",
    "execution_id",
    metavar="ID",
    help="Start under this id, or go on with the execution that has it.",
)
@attributes_option
@activities_option
@click.option(
    "--wait", is_flag=True, help="Stay until the end, through sleeps and waits."
)
@threads_option
@durability_option
@common
@click.pass_context
@pass_settings
def run(settings: Settings, ctx: click.Context, /, target: str, **options: Any) -> None:
    """Run a workflow until it ends or rests.

    It rests when only the outside can move it: a signal, a clock, a person. Then it
    says what would, and exits 3; the log keeps the rest. Other unfinished executions
    of the same workflow go on for as long as this one runs.
    """
    found = load_target(target, options["activities"])
    feed = Feed()
    try:
        document = _run(settings, found, feed, options)
    except KeyboardInterrupt:
        if feed.id:
            again = go_on_with(settings, found, feed.id)
            output.tell(f"stopped; nothing is lost. Go on with: {again}")
        ctx.exit(INTERRUPTED)
    if settings.json:
        output.document(document)
    else:
        result_text(settings, found, document)
    ctx.exit(EXITS.get(document["status"], GENERAL))


def _run(
    settings: Settings, found: Target, feed: Feed, options: dict[str, Any]
) -> dict[str, Any]:
    inputs = pairs(options["inputs"], "-i")
    attributes = pairs(options["attributes"], "-a")
    with Runtime(
        settings.db,
        definitions=[found.definition],
        activities=found.activities,
        threads=options["threads"],
        durability=options["durability"],
        on_event=feed.take,
    ) as runtime:
        handle = _begin(runtime, found, options["execution_id"], inputs, attributes)
        with display_for(handle.id, silent=settings.json) as display:
            feed.show_on(display, handle)
            settled(runtime, handle, to_the_end=options["wait"])
            feed.catch_up(handle)
            display.timeline.status = handle.status
        return result_document(runtime, runtime.row(handle.id))


def _begin(
    runtime: Runtime,
    found: Target,
    execution_id: str | None,
    inputs: dict[str, Any],
    attributes: dict[str, Any],
) -> ExecutionHandle:
    """Start an execution, or find it; who goes on need not repeat its inputs."""
    if execution_id is not None and not inputs:
        try:
            return _found_again(runtime, found, execution_id)
        except ExecutionNotFoundError:
            pass
    # By position as far as possible: an input may be called `attributes`.
    first = [
        i.name for i in takewhile(lambda i: i.name in inputs, found.workflow.inputs)
    ]
    return runtime.start(
        found.definition,
        *(inputs.pop(name) for name in first),
        execution_id=execution_id,
        attributes=attributes,
        **inputs,
    )


def _found_again(runtime: Runtime, found: Target, execution_id: str) -> ExecutionHandle:
    row, wanted = runtime.row(execution_id), found.workflow
    prints = (wanted.fingerprint, *wanted.compatible_with)
    if row.type != wanted.name or row.fingerprint not in prints:
        raise DefinitionMismatch(
            execution_id,
            f"{row.type!r} (fingerprint {row.fingerprint})",
            f"{wanted.name!r} (fingerprint {wanted.fingerprint})",
        )
    return runtime.get(execution_id)


@click.command(epilog=HELP)
@target_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="By default what FILE's name says, or mermaid; svg and png need Graphviz.",
)
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write it; by default to the standard output.",
)
@common
@pass_settings
def graph(settings: Settings, target: str, form: str | None, path: Path | None) -> None:
    """Draw a workflow: as Mermaid text, which forges and editors show, or a picture."""
    workflow = load_target(target).workflow
    if settings.json:
        texts = {"mermaid": workflow.to_mermaid(), "dot": workflow.to_dot()}
        output.document({"workflow": workflow.name, **texts})
        return
    drawn = picture(workflow, form or format_of(path))
    if path is None:
        click.echo(drawn, nl=False)
    else:
        path.write_bytes(drawn)


@click.command(epilog=HELP)
@target_argument
@activities_option
@common
@pass_settings
def validate(settings: Settings, target: str, activities: tuple[str, ...]) -> None:
    """Check a workflow with its activities and expressions."""
    found = load_target(target, activities)
    with Runtime(
        ":memory:", definitions=[found.definition], activities=found.activities
    ):
        workflow = found.workflow
    steps = f"{len(workflow.steps)} step{'s' * (len(workflow.steps) != 1)}"
    if settings.json:
        output.document(
            {
                "workflow": workflow.name,
                "fingerprint": workflow.fingerprint,
                "steps": [step.name for step in workflow.steps],
                "inputs": [item.name for item in workflow.inputs],
            }
        )
    else:
        output.say(f"{workflow.name}: {steps}, no problems")


COMMANDS = (run, graph, validate)
