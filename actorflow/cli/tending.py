"""Commands about the log itself: doctor, sql."""

from __future__ import annotations

import click

from actorflow.cli import output
from actorflow.cli.checkup import Finding, examine
from actorflow.cli.failures import GENERAL
from actorflow.cli.opening import existing, log_to_read
from actorflow.cli.settings import Settings, common, pass_settings


@click.command()
@common
@click.pass_context
@pass_settings
def doctor(settings: Settings, ctx: click.Context) -> None:
    """Read everything in the log and tell what is damaged or left behind.

    Exit code 1 if something is damaged. Nothing is changed.
    """
    with log_to_read(settings) as log:
        report = examine(log)
    if settings.json:
        output.document(report.document())
    else:
        output.say(f"{log.path}: {report.streams} streams, {report.events} events")
        for finding in report.findings:
            _say_finding(finding)
        if not report.findings:
            output.say("everything can be read, and nothing is left behind", fg="green")
        elif not report.damaged:
            output.say("nothing is damaged", fg="green")
    if report.damaged:
        ctx.exit(GENERAL)


def _say_finding(finding: Finding) -> None:
    if finding.damage:
        output.say(f"damaged: {finding.text}", fg="red")
    else:
        output.say(f"note: {finding.text}", fg="yellow")


@click.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": [],
    }
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="...")
@common
@pass_settings
def sql(settings: Settings, arguments: tuple[str, ...]) -> None:
    """Query the log with sqlite-utils: `sql "select ..."`, `sql tables`, `sql --help`.

    Every command of sqlite-utils works; the log stands where it wants a path.
    """
    from sqlite_utils.cli import cli

    command = cli.commands.get(arguments[0]) if arguments else None
    words = list(arguments)
    if not words or words[0] in ("-h", "--help"):
        words = ["--help"]
    elif command is None:
        words = ["query", str(existing(settings)), *words]
    elif _wants_path(command) and not {"-h", "--help"} & set(words):
        words.insert(1, str(existing(settings)))
    cli.main(words, prog_name="actorflow sql", standalone_mode=False)


def _wants_path(command: click.Command) -> bool:
    first = next((p for p in command.params if isinstance(p, click.Argument)), None)
    return first is not None and first.name == "path"


COMMANDS = (doctor, sql)
