"""Commands around the queue: start puts an execution into it, worker takes from it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

import click

from actorflow.cli import output
from actorflow.cli.arguments import duration, pairs
from actorflow.cli.options import (
    activities_option,
    attributes_option,
    durability_option,
    inputs_option,
    priority_option,
    tags_option,
    threads_option,
)
from actorflow.cli.settings import Settings, common, pass_settings
from actorflow.cli.targets import GRAPHS, HELP, Target, load_target, load_targets
from actorflow.log.codec import Codec
from actorflow.model import events as ev
from actorflow.model.events import Recorded
from actorflow.runtime import registry
from actorflow.runtime.runtime import Runtime
from actorflow.runtime.worker import Worker

LOOK = 1.0
"""Seconds between looks whether the log is still there."""


@click.command(epilog=f"FLOW is the name of a workflow, or a TARGET.\n\n{HELP}")
@click.argument("flow")
@inputs_option
@click.option("--id", "execution_id", metavar="ID", help="Under this id, at most once.")
@attributes_option
@priority_option
@tags_option
@click.option(
    "--timeout",
    metavar="DURATION",
    help="Within which it has to end, once it is begun: seconds, or as 10m, 1h30m.",
)
@common
@pass_settings
def start(settings: Settings, /, flow: str, **options: Any) -> None:
    """Put an execution into the queue, for a worker to run.

    With the name of a workflow nothing is imported: the worker checks the inputs. With
    a TARGET they are checked here.
    """
    inputs, timeout = pairs(options["inputs"], "-i"), options["timeout"]
    name = workflow_named(flow, inputs)
    with Runtime(settings.db) as runtime:
        run = runtime.enqueue(
            name,
            inputs,
            execution_id=options["execution_id"],
            attributes=pairs(options["attributes"], "-a"),
            priority=options["priority"],
            tags=options["tags"],
            timeout=timeout and duration(timeout, "--timeout"),
        )
        row = runtime.row(run.id)
    if settings.json:
        output.document({"id": row.name, "workflow": row.type, "status": row.status})
    else:
        output.say(row.name)


def workflow_named(flow: str, inputs: dict[str, Any]) -> str:
    """Return the name of a workflow; if it is a TARGET, check the inputs first."""
    return _checked(load_target(flow), inputs) if _is_target(flow) else flow


def _is_target(text: str) -> bool:
    place = text.partition(":")[0]
    return ":" in text or Path(place).suffix in (*GRAPHS, ".py")


def _checked(target: Target, inputs: dict[str, Any]) -> str:
    registry.input_data(target.workflow, (), inputs, Codec())
    return target.workflow.name


@click.command(epilog=HELP)
@click.argument("targets", nargs=-1, required=True)
@activities_option
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many executions may run at once; those that rest do not count.",
)
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG",
    help="Something this worker has; executions may ask for it.",
)
@click.option(
    "--max-attempts",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How often a worker may die in an activity until that is given up.",
)
@threads_option
@durability_option
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="Seconds that activities have to end when the worker is stopped.",
)
@common
@pass_settings
def worker(
    settings: Settings, /, targets: tuple[str, ...], grace: float, **options: Any
) -> None:
    """Run executions from the queue, and whatever else of theirs is unfinished.

    Without a name, all workflows of a TARGET are taken. SIGTERM and Ctrl-C stop it in
    good order: nothing further begins, what runs may end, and the rest is left for
    another worker. A second one stops it at once, which loses nothing either.
    """
    found = [
        each for text in targets for each in load_targets(text, options["activities"])
    ]
    with (
        _stopped_by_signals() as stop,
        Runtime(
            settings.db,
            definitions=[each.definition for each in found],
            activities=_unique(node for each in found for node in each.activities),
            threads=options["threads"],
            durability=options["durability"],
            on_event=_Reporter(json=settings.json),
            worker=Worker(
                concurrency=options["concurrency"],
                tags=options["tags"],
                max_attempts=options["max_attempts"],
            ),
        ) as runtime,
    ):
        known = ", ".join(runtime.definitions)
        output.tell(f"{settings.db}: up to {options['concurrency']} at once of {known}")
        while not stop.wait(LOOK):
            runtime.check()
        output.tell("stopping; what runs may end, the rest is left for another worker")
        runtime.drain(grace)


def _unique(nodes: Iterator[Any]) -> list[Any]:
    return list({id(node): node for node in nodes}.values())


@contextmanager
def _stopped_by_signals() -> Iterator[Event]:
    """Give what is set by SIGTERM or SIGINT; the second one interrupts."""
    stop = Event()

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        if stop.is_set():
            raise KeyboardInterrupt(number)
        stop.set()

    before = {each: signal.signal(each, handle) for each in _SIGNALS}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Reporter:
    """Tells of every execution that begins or ends."""

    def __init__(self, *, json: bool) -> None:
        self._json = json

    def __call__(self, execution_id: str, recorded: Recorded) -> None:
        status = _STATUSES.get(type(recorded.event))
        if status is None:
            return
        if self._json:
            document = {"id": execution_id, "status": status, "time": recorded.time}
            output.line(document)
            return
        error = getattr(recorded.event, "error", None)
        why = f": {error}" if error else ""
        output.say(f"{execution_id} {output.coloured(status)}{why}")


_STATUSES: dict[type, str] = {
    ev.ExecutionStarted: "running",
    ev.ExecutionCompleted: "completed",
    ev.ExecutionFailed: "failed",
    ev.ExecutionCancelled: "cancelled",
}

COMMANDS = (start, worker)
