"""The command `replay`: does today's code lead to what the log has?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
from attrs import asdict

from actorflow.cli import output
from actorflow.cli.failures import GENERAL, USAGE, Refusal
from actorflow.cli.opening import existing, log_to_read, row_of
from actorflow.cli.settings import Settings, common, pass_settings
from actorflow.cli.targets import HELP, Target, load_target
from actorflow.log.port import StreamRow
from actorflow.runtime.replay import fold

if TYPE_CHECKING:
    from actorflow.testing import Divergence, Replayed

CODE = "ACTORFLOW_CODE"
SHOWN = 500
"""Characters of an event that a person is shown."""


code_option = click.option(
    "--code",
    "targets",
    multiple=True,
    metavar="TARGET",
    envvar=CODE,
    help=f"The code to compare with; may be given several times.  [default: ${CODE}]",
)
activities_option = click.option(
    "--activities",
    multiple=True,
    metavar="MODULE[:NAME,..]",
    help="Where the activities are that a graph only names.",
)


@click.command(epilog=HELP)
@click.argument("execution_id", metavar="[ID]", required=False)
@code_option
@activities_option
@common
@click.pass_context
@pass_settings
def replay(
    settings: Settings,
    ctx: click.Context,
    /,
    execution_id: str | None,
    targets: tuple[str, ...],
    activities: tuple[str, ...],
) -> None:
    """Replay an execution, or all of them, against today's code.

    Nothing runs that touches the world: results, signals and times are those of the
    log, and what the code decides must be what the log has. The first event that
    differs is shown, with what the code does instead, and where. Without code, the
    events are only added up, to see where they lead. Exit code 1 if a history differs,
    or if today's code would not go on with an execution that has not ended.
    """
    existing(settings)
    if not targets:
        _without_code(settings, execution_id)
        return
    found = [load_target(text, activities) for text in targets]
    replayed = list(_replayed(settings, found, execution_id))
    if settings.json:
        output.document([_document(each) for each in replayed])
    else:
        _tell(replayed, every=execution_id is not None)
    ctx.exit(0 if all(each.fits for each in replayed) else GENERAL)


def _without_code(settings: Settings, execution_id: str | None) -> None:
    if execution_id is None:
        problem = f"name an execution, or the code with --code TARGET or ${CODE}"
        raise Refusal(problem, USAGE)
    with log_to_read(settings) as log:
        row = row_of(log, execution_id)
        status = fold(log, row.id, row.head).status
    if settings.json:
        output.document({"id": row.name, "events": row.head, "status": status})
    else:
        output.say(f"{row.name}: {row.head} events lead to {output.coloured(status)}")
        again = settings.command("replay", row.name, "--code", "TARGET")
        output.tell(f"to compare them with today's code: {again}")


def _replayed(
    settings: Settings, targets: Sequence[Target], execution_id: str | None
) -> Iterator[Replayed]:
    # Imported here: no other command needs the tools of tests.
    from actorflow.testing import Replayer

    with log_to_read(settings) as log:
        if execution_id is not None:
            targets = [target_of(row_of(log, execution_id), targets)]
        for target in targets:
            replayer = Replayer(log, activities=target.activities)
            yield from replayer.replay(target.definition, execution_id=execution_id)


def target_of(row: StreamRow, targets: Sequence[Target]) -> Target:
    """Return the one of *targets* that is the execution's workflow.

    Raises:
        Refusal: none of them is.
    """
    for target in targets:
        if target.workflow.name == row.type:
            return target
    there = ", ".join(repr(target.workflow.name) for target in targets) or "nothing"
    problem = f"{row.name!r} is an execution of {row.type!r}; --code has {there}"
    raise Refusal(problem, USAGE)


def _document(replayed: Replayed) -> dict[str, Any]:
    found = replayed.divergence
    return {
        "id": replayed.execution_id,
        "workflow": replayed.workflow,
        "status": replayed.status,
        "events": replayed.events,
        "fingerprint": replayed.fingerprint,
        "fits": replayed.fits,
        "refused": replayed.refused,
        "divergence": None if found is None else asdict(found),
    }


def _tell(replayed: Sequence[Replayed], *, every: bool) -> None:
    for each in replayed:
        if each.divergence is not None:
            _tell_divergence(each.divergence)
        elif each.refused:
            _tell_version(each)
        elif every:
            output.say(f"{each.execution_id}: {each.events} events replay")
    if not every:
        differ = sum(each.divergence is not None for each in replayed)
        output.say(f"{len(replayed)} replayed, {differ} differ{'s' * (differ == 1)}")


def _tell_divergence(found: Divergence) -> None:
    where = f" at {found.address}" if found.address else ""
    output.say(f"{found.execution_id}: event {found.seq}{where} differs", fg="red")
    output.say(f"  the log has    {_short(found.expected)}")
    output.say(f"  the code does  {_short(found.got)}")
    if found.place is not None:
        output.say(f"  in             {found.place}")


def _tell_version(replayed: Replayed) -> None:
    """Say that the graph has changed since, though the history does not show it."""
    fate = (
        "it has ended, so that is no matter"
        if replayed.has_ended
        else "a runtime would refuse to go on with it; name that in `compatible_with`"
    )
    output.say(
        f"{replayed.execution_id}: {replayed.events} events replay, of another version "
        f"of the definition ({replayed.fingerprint}): {fate}",
        fg=None if replayed.has_ended else "yellow",
    )


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


COMMANDS = (replay,)
