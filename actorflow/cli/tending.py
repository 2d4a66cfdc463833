"""Commands about the log itself: doctor, sql."""

from __future__ import annotations

import click

from actorflow.cli import output
from actorflow.cli.checkup import examine
from actorflow.cli.failures import GENERAL, NO_LOG, Refusal
from actorflow.cli.opening import existing, log_to_read
from actorflow.cli.settings import Settings, common, pass_settings
from actorflow.errors import LogDamagedError, NotALogError
from actorflow.log.doctor import LOST, Finding


@click.command()
@common
@click.pass_context
@pass_settings
def doctor(settings: Settings, ctx: click.Context) -> None:
    """Tell what is damaged in the log, or left behind.

    Everything is read and nothing changed. Exit code 1 if something is damaged.
    """
    try:
        with log_to_read(settings) as log:
            report = examine(log)
    except (LogDamagedError, NotALogError) as error:
        raise Refusal(f"{error}; {LOST}", NO_LOG) from error
    if settings.json:
        output.document(report.document())
    else:
        found = f"{report.executions} executions with {report.events} events"
        output.say(f"{log.path}: {found}")
        for finding in report.findings:
            _say_finding(finding)
        if not report.findings:
            output.say("everything is sound", fg="green")
        elif not report.damaged:
            output.say("nothing is damaged", fg="green")
    if report.damaged:
        ctx.exit(GENERAL)


def _say_finding(finding: Finding) -> None:
    at = f", event {finding.seq}" if finding.seq is not None else ""
    where = f"{finding.stream}{at}: " if finding.stream else ""
    colour = {"error": "red", "warning": "yellow"}.get(finding.severity)
    output.say(f"{finding.severity}: {where}{finding.message}", fg=colour)
    if finding.advice:
        output.say(f"  what to do: {finding.advice}")


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
    """Query the log with sqlite-utils.

    For example: sql "select * from execution" -t, sql tables --counts, sql --help.
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
    try:
        cli.main(words, prog_name="actorflow sql", standalone_mode=False)
    except click.UsageError:
        raise
    except click.ClickException as error:
        raise Refusal(error.format_message()) from error


def _wants_path(command: click.Command) -> bool:
    first = next((p for p in command.params if isinstance(p, click.Argument)), None)
    return first is not None and first.name == "path"


COMMANDS = (doctor, sql)
