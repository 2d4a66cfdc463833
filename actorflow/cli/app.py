"""The group of all commands, and what becomes of errors that leave one."""

from __future__ import annotations

import io
import sys
from typing import Any

import click

from actorflow import __version__
from actorflow.cli import (
    asking,
    demo,
    forking,
    reading,
    replaying,
    retaining,
    running,
    scheduling,
    steering,
    tending,
    transferring,
    working,
)
from actorflow.cli.failures import (
    EXIT_CODES,
    INTERRUPTED,
    is_lost_reader,
    refusal_of,
    show_warnings,
)
from actorflow.cli.settings import common, settings_of


class Commands(click.Group):
    """Commands in the order they were added; errors become one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands as a reader should meet them."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; let no traceback out unless it was asked for."""
        settings = settings_of(ctx)
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except Exception as error:
            if is_lost_reader(error):
                raise
            refusal = refusal_of(error, debug=settings.debug)
            refusal.show()
            ctx.exit(refusal.exit_code)


@click.group(
    cls=Commands,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)
@click.version_option(__version__, prog_name="actorflow")
@common
@click.pass_context
def main(ctx: click.Context) -> None:
    """Run durable workflows, look into their log, and steer what runs.

    A log is one file. What reads it never changes it, and works while other processes
    write; commands to an execution are left in the log for whoever runs it.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # better a "?" than a traceback
            stream.reconfigure(errors="replace")
    show_warnings(debug=settings_of(ctx).debug)


for command in (
    *running.COMMANDS,
    *working.COMMANDS,
    *scheduling.COMMANDS,
    *reading.COMMANDS,
    *replaying.COMMANDS,
    *steering.COMMANDS,
    *forking.COMMANDS,
    *asking.COMMANDS,
    *tending.COMMANDS,
    *retaining.COMMANDS,
    *transferring.COMMANDS,
    demo.demo,
):
    main.add_command(command)
