"""Commands that delete executions: delete, prune."""

from __future__ import annotations

import click

from actorflow.cli import output
from actorflow.cli.arguments import duration, searched
from actorflow.cli.opening import clock, existing
from actorflow.cli.options import where_option, workflow_option
from actorflow.cli.settings import Settings, common, pass_settings
from actorflow.log.port import Filters
from actorflow.log.sqlite import SQLiteLog
from actorflow.model.state import ENDED
from actorflow.runtime.runtime import Runtime


@click.command()
@click.argument("execution_id", metavar="ID")
@common
@pass_settings
def delete(settings: Settings, execution_id: str) -> None:
    """Delete an execution that has ended, for good."""
    with Runtime(existing(settings)) as runtime:
        runtime.delete(execution_id, reason="deleted from the command line")
    if settings.json:
        output.document({"id": execution_id, "deleted": True})
    else:
        output.say(f"{execution_id} is deleted")


@click.command()
@click.option(
    "--older-than",
    "age",
    required=True,
    metavar="AGE",
    help="Since when nothing has happened to them: seconds, or as 30d, 12h.",
)
@click.option(
    "--status",
    multiple=True,
    type=click.Choice(ENDED),
    default=ENDED,
    help="Only those that ended so.",
)
@workflow_option
@where_option
@click.option(
    "--archive",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Keep them in another log, which is created if there is none.",
)
@click.option("--dry-run", is_flag=True, help="Only tell how many there are.")
@common
@pass_settings
def prune(  # noqa: PLR0917 - click's way
    settings: Settings,
    /,
    age: str,
    status: tuple[str, ...],
    workflow: str | None,
    where: tuple[str, ...],
    archive: str | None,
    *,
    dry_run: bool,
) -> None:
    """Delete executions that ended long ago, for good.

    With everything of their own; executions that have not ended are never touched. What
    becomes free is given back to the disk, while others may write.
    """
    freed = 0
    older_than, wanted = duration(age, "--older-than"), searched(where)
    filters: Filters = {"status": list(status), "where": wanted}
    with Runtime(existing(settings)) as runtime:
        if dry_run:
            filters["quiet_since"] = clock.time() - older_than
            number = runtime.count(workflow=workflow, **filters)
        else:
            number = runtime.prune(
                older_than=older_than,
                status=list(status),
                workflow=workflow,
                where=wanted,
                archive=archive,
            )
            if isinstance(runtime.log, SQLiteLog):
                freed = runtime.log.shrink()
    if settings.json:
        told = {"executions": number, "deleted": not dry_run, "freed_bytes": freed}
        output.document(told)
    else:
        would = "would be" if dry_run else "was" if number == 1 else "were"
        back = f"; {freed:,} bytes given back" if freed else ""
        output.say(f"{number} execution{'s' * (number != 1)} {would} deleted{back}")


COMMANDS = (delete, prune)
