"""Commands about schedules: add, list, pause, resume, delete, trigger."""

from __future__ import annotations

from typing import Any

import click

from actorflow.cli import output
from actorflow.cli.arguments import pairs
from actorflow.cli.opening import existing
from actorflow.cli.options import inputs_option, priority_option, tags_option
from actorflow.cli.plain import timestamp, when
from actorflow.cli.settings import Settings, common, pass_settings
from actorflow.cli.working import workflow_named
from actorflow.model.schedules import CATCH_UPS, OVERLAPS
from actorflow.runtime.runtime import Runtime
from actorflow.runtime.schedule import Schedule, ScheduleInfo

name_argument = click.argument("name")


@click.group()
def schedule() -> None:
    """Start executions by the clock.

    Schedules are kept in the log, and go on while any `actorflow worker` has it open.
    """


@schedule.command()
@name_argument
@click.argument("flow")
@click.option("--cron", required=True, metavar="LINE", help="As in crontab(5).")
@click.option(
    "--timezone",
    default="UTC",
    show_default=True,
    metavar="ZONE",
    help="Where that time is told.",
)
@inputs_option
@click.option(
    "--overlap",
    type=click.Choice(OVERLAPS),
    default="skip",
    show_default=True,
    help="What to do while the last execution has not ended.",
)
@click.option(
    "--catch-up",
    type=click.Choice(CATCH_UPS),
    default="one",
    show_default=True,
    help="How many of those to make up for that no worker was there for.",
)
@click.option(
    "--catch-up-window",
    type=click.FloatRange(min=0),
    default=86_400.0,
    show_default=True,
    metavar="SECONDS",
    help="What is older is not made up for.",
)
@priority_option
@tags_option
@common
@pass_settings
def add(
    settings: Settings, /, name: str, flow: str, inputs: tuple[str, ...], **options: Any
) -> None:
    """Start FLOW whenever LINE says so, or change the schedule of that name."""
    given = pairs(inputs, "-i")
    planned = Schedule(name, workflow_named(flow, given), inputs=given, **options)
    with Runtime(settings.db) as runtime:
        runtime.schedules.add(planned)
        _show(settings, runtime.schedules.get(name))


@schedule.command("list")
@common
@pass_settings
def list_(settings: Settings) -> None:
    """List the schedules, the newest first."""
    with Runtime(existing(settings)) as runtime:
        found = runtime.schedules.list()
    if settings.json:
        output.document([_document(each) for each in found])
    elif not found:
        output.say("no schedules")
    else:
        names = ("name", "workflow", "cron", "zone", "status", "next", "last")
        output.table(names, [_row(each) for each in found])


@schedule.command()
@name_argument
@click.option("--reason", metavar="TEXT", help="Why; it is recorded.")
@common
@pass_settings
def pause(settings: Settings, name: str, reason: str | None) -> None:
    """Let ticks pass without effect."""
    with Runtime(existing(settings)) as runtime:
        runtime.schedules.pause(name, reason=reason)
        _show(settings, runtime.schedules.get(name))


@schedule.command()
@name_argument
@common
@pass_settings
def resume(settings: Settings, name: str) -> None:
    """Go on with the next tick."""
    with Runtime(existing(settings)) as runtime:
        runtime.schedules.resume(name)
        _show(settings, runtime.schedules.get(name))


@schedule.command()
@name_argument
@common
@pass_settings
def delete(settings: Settings, name: str) -> None:
    """End a schedule; what it has started goes on."""
    with Runtime(existing(settings)) as runtime:
        runtime.schedules.delete(name)
    if settings.json:
        output.document({"name": name, "status": "deleted"})
    else:
        output.say(f"{name} is deleted")


@schedule.command()
@name_argument
@common
@pass_settings
def trigger(settings: Settings, name: str) -> None:
    """Start an execution now, whatever the cron line says."""
    with Runtime(existing(settings)) as runtime:
        execution_id = runtime.schedules.trigger(name)
    if settings.json:
        output.document({"id": execution_id, "schedule": name})
    else:
        output.say(execution_id)


def _show(settings: Settings, info: ScheduleInfo) -> None:
    if settings.json:
        output.document(_document(info))
    else:
        next_ = "no time" if info.next_at is None else when(info.next_at)
        output.say(f"{info.name} is {info.status}; next: {next_}")


def _row(info: ScheduleInfo) -> tuple[str, ...]:
    times = (info.next_at, info.last_at)
    return (
        info.name,
        info.workflow,
        info.cron,
        info.timezone,
        info.status,
        *("" if at is None else when(at) for at in times),
    )


def _document(info: ScheduleInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "workflow": info.workflow,
        "cron": info.cron,
        "timezone": info.timezone,
        "overlap": info.overlap,
        "catch_up": info.catch_up,
        "status": info.status,
        "reason": info.reason,
        "next_at": timestamp(info.next_at),
        "last_at": timestamp(info.last_at),
        "running": list(info.running),
        "buffered": info.buffered,
    }


COMMANDS = (schedule,)
