"""Asking an execution for something: an update and its answer, or a query."""

from __future__ import annotations

from threading import Event

import click

from actorflow.cli import output
from actorflow.cli.arguments import strict_json
from actorflow.cli.failures import GENERAL, Refusal
from actorflow.cli.opening import clock, log_to_post, log_to_read, row_of
from actorflow.cli.plain import plain
from actorflow.cli.replaying import activities_option, code_option, target_of
from actorflow.cli.settings import Settings, common, pass_settings
from actorflow.cli.targets import HELP, load_target
from actorflow.errors import ExecutionEndedError
from actorflow.log.codec import Codec
from actorflow.log.port import EXECUTION
from actorflow.log.sqlite import SQLiteLog
from actorflow.model.state import ENDED
from actorflow.runtime.replay import fold
from actorflow.runtime.serving import Answer, answers, kept_in

LOOK = 0.02


@click.command()
@click.argument("execution_id", metavar="ID")
@click.argument("name")
@click.argument("value", metavar="[JSON]", default="null")
@click.option("--key", help="Asking again with the same key does it once.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the answer.",
)
@common
@pass_settings
def ask(  # noqa: PLR0917 - click's way
    settings: Settings,
    execution_id: str,
    name: str,
    value: str,
    key: str | None,
    timeout: float,
) -> None:
    """Have an execution do the update NAME, and print its answer.

    The process that runs the execution answers; a refusal or a failure exits 1.
    """
    given = Codec().to_data(strict_json(value, "the value"), path="value")
    with log_to_post(settings) as log:
        mine = key if key is not None else log.owner.id
        data = {"name": name, "value": given, "key": mine, "keyed": key is not None}
        row = row_of(log, execution_id)
        answer = kept_in(fold(log, row.id), execution_id, name, mine)
        if answer is None:
            if row.status in ENDED:
                raise ExecutionEndedError(execution_id, row.status)
            log.post(EXECUTION, execution_id, "update", data)
            answer = _awaited(log, row.head, execution_id, name, mine, timeout)
    if settings.json:
        document = {"id": execution_id, "update": name, "answer": plain(answer.data)}
        output.document(document)
    else:
        output.pretty(plain(answer.data))


def _awaited(  # noqa: PLR0917 - all of them say what to look for
    log: SQLiteLog,
    after: int,
    execution_id: str,
    name: str,
    key: str,
    timeout: float,
) -> Answer:
    """Wait for the answer to be recorded."""
    end, pause = clock.monotonic() + timeout, Event()
    while True:
        row = row_of(log, execution_id)
        events = log.read(row.id, after=after, until=row.head)
        for answer in answers(events, execution_id, name, key):
            return answer
        if row.status in ENDED:
            raise ExecutionEndedError(execution_id, row.status)
        if clock.monotonic() >= end:
            break
        after = row.head
        pause.wait(LOOK)
    problem = (
        f"no answer within {timeout:g} s; {name!r} is recorded, and done when a "
        f"process that runs {execution_id!r} can"
    )
    raise Refusal(problem, GENERAL)


@click.command(epilog=HELP)
@click.argument("execution_id", metavar="ID")
@click.argument("name")
@click.argument("args", metavar="[JSON]...", nargs=-1)
@click.option("--address", help="The node, where several answer that query.")
@code_option
@activities_option
@common
@pass_settings
def query(  # noqa: PLR0917 - click's way
    settings: Settings,
    execution_id: str,
    name: str,
    args: tuple[str, ...],
    address: str | None,
    targets: tuple[str, ...],
    activities: tuple[str, ...],
) -> None:
    """Answer the query NAME out of the log, and print what it gives.

    The code replays what the log has, whoever runs the execution; nothing is changed.
    """
    # Imported here: no other command needs the tools of tests.
    from actorflow.testing import Replayer, ReplayError

    given = [strict_json(each, "an argument") for each in args]
    found = [load_target(text, activities) for text in targets]
    with log_to_read(settings) as log:
        target = target_of(row_of(log, execution_id), found)
        replayer = Replayer(log, activities=target.activities)
        try:
            answer = replayer.query(
                target.definition, execution_id, name, *given, address=address
            )
        except ReplayError as error:
            raise Refusal(str(error), GENERAL) from None
    told = plain(Codec().to_data(answer, path=name))
    if settings.json:
        output.document({"id": execution_id, "query": name, "answer": told})
    else:
        output.pretty(told)


COMMANDS = (ask, query)
