"""Commands that move an execution: signal, answer, pause, resume, cancel, retry.

They know no definitions, so they run nothing: they leave a command in the log for the
process that runs the execution, and tell whether it has been taken in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Event
from typing import Any

import click

from actorflow.cli import output
from actorflow.cli.arguments import strict_json
from actorflow.cli.failures import GENERAL, Refusal
from actorflow.cli.opening import (
    Keeper,
    is_pending,
    keepers,
    left_for,
    log_to_post,
    log_to_read,
    row_of,
)
from actorflow.cli.settings import Settings, common, pass_settings
from actorflow.errors import (
    AnswerError,
    BranchNotFoundError,
    ExecutionEndedError,
    UnreadableError,
)
from actorflow.log.codec import Codec
from actorflow.log.port import EXECUTION, StreamRow
from actorflow.log.sqlite import SQLiteLog
from actorflow.model.events import Data
from actorflow.model.state import ENDED, ExecutionState
from actorflow.runtime.asking import check_answer
from actorflow.runtime.replay import fold

LOOK = 0.02
LONGEST = 2.0
"""Seconds in which a live process takes a command in, if it is going to soon."""

id_argument = click.argument("execution_id", metavar="ID")
branch_option = click.option("--branch", metavar="B", help="Only this branch.")
reason_option = click.option("--reason", metavar="TEXT", help="Why; it is recorded.")


@click.command()
@id_argument
@click.argument("topic")
@click.argument("payload", metavar="[JSON]", default="null")
@click.option("--key", help="A second signal with the same key is ignored.")
@common
@pass_settings
def signal(
    settings: Settings, execution_id: str, topic: str, payload: str, key: str | None
) -> None:
    """Send a signal on TOPIC; it is kept until something waits for it."""
    value = Codec().to_data(strict_json(payload, "the payload"), path="payload")
    _post(settings, execution_id, "signal", topic=topic, payload=value, key=key)


@click.command()
@id_argument
@click.argument("question")
@click.argument("value", metavar="JSON")
@click.option("--by", metavar="WHO", help="Who answers; it is recorded.")
@common
@pass_settings
def answer(
    settings: Settings, execution_id: str, question: str, value: str, by: str | None
) -> None:
    """Answer an open question; `show` has those that are open."""
    data = Codec().to_data(strict_json(value, "the answer"), path="answer")
    _post(settings, execution_id, "answer", question=question, value=data, by=by)


@click.command()
@id_argument
@branch_option
@reason_option
@common
@pass_settings
def pause(
    settings: Settings, execution_id: str, branch: str | None, reason: str | None
) -> None:
    """Stop an execution, or one branch, at its next boundary.

    What is running finishes and is recorded; clocks stand still.
    """
    _post(settings, execution_id, "pause", branch=branch, reason=reason)


@click.command()
@id_argument
@branch_option
@common
@pass_settings
def resume(settings: Settings, execution_id: str, branch: str | None) -> None:
    """Unpause what `pause` or a pausing step has stopped."""
    _post(settings, execution_id, "resume", branch=branch)


@click.command()
@id_argument
@reason_option
@click.option(
    "--compensate", is_flag=True, help="First undo what has completed, the last first."
)
@common
@pass_settings
def cancel(
    settings: Settings, execution_id: str, reason: str | None, *, compensate: bool
) -> None:
    """End an execution now.

    Results of what still runs are discarded.
    """
    undo = compensate or None
    _post(settings, execution_id, "cancel", reason=reason, compensate=undo)


@click.command()
@id_argument
@common
@pass_settings
def retry(settings: Settings, execution_id: str) -> None:
    """Let a failed execution go on: only what failed runs again."""
    _post(settings, execution_id, "retry")


def _post(settings: Settings, execution_id: str, command: str, **data: Any) -> None:
    given = {name: value for name, value in data.items() if value is not None}
    if command == "answer":
        given["value"] = data["value"]  # null is an answer, too
    with log_to_read(settings) as log:
        _check(log, row_of(log, execution_id), command, given)
    with log_to_post(settings) as log:
        posted = log.post(EXECUTION, execution_id, command, given)
        assert posted is not None  # it is, for a command without an inbox key
        others = [k for k in keepers(log.path) if k.alive and k.id != log.owner.id]
        delivered = bool(others) and _is_taken_in(log, posted)
        row = row_of(log, execution_id)
    if settings.json:
        document = {
            "id": execution_id,
            "command": command,
            "delivered": delivered,
            "owner": _keeper_of(row, others),
            "status": row.status,
        }
        output.document(document)
    else:
        output.say(_said(settings, row, command, others, delivered=delivered))


def _check(
    log: SQLiteLog, row: StreamRow, command: str, given: Mapping[str, Any]
) -> None:
    """Refuse what the execution could only drop."""
    if command == "retry":
        if row.status != "failed":
            problem = (
                f"execution {row.name!r} is {row.status}; only a failed one is retried"
            )
            raise Refusal(problem, GENERAL)
        return
    if row.status in ENDED:
        raise ExecutionEndedError(row.name, row.status)
    branch = given.get("branch")
    if command not in {"answer", "resume"} and branch is None:
        return
    state = fold(log, row.id, row.head)
    if command == "answer":
        _check_answer(state, given["question"], given["value"])
    if branch is not None and branch not in state.branches:
        raise BranchNotFoundError(row.name, branch)
    is_to_pause = "pause" in left_for(log.path, row)
    if command == "resume" and not _is_stopped(state) and not is_to_pause:
        problem = f"execution {row.name!r} is {row.status}; nothing in it is paused"
        raise Refusal(problem, GENERAL)


def _check_answer(state: ExecutionState, question: str, value: Data) -> None:
    asked = {w.topic: w for w in state.waits.values() if w.kind == "question"}
    if question not in asked:
        there = ", ".join(repr(topic) for topic in asked) or "none"
        raise AnswerError(question, f"no such open question; there are: {there}")
    try:
        check_answer(value, asked[question].schema, Codec())
    except UnreadableError as error:
        raise AnswerError(question, str(error)) from None


def _is_stopped(state: ExecutionState) -> bool:
    by_hand = bool(state.paused or state.paused_branches)
    return by_hand or any(wait.kind == "pause" for wait in state.waits.values())


def _is_taken_in(log: SQLiteLog, inbox: int) -> bool:
    """Wait a moment for the command to leave the inbox; tell whether it did."""
    pause_, looks = Event(), round(LONGEST / LOOK)
    while looks and is_pending(log.path, inbox):
        looks -= 1
        pause_.wait(LOOK)
    return bool(looks)


def _said(
    settings: Settings,
    row: StreamRow,
    command: str,
    others: Sequence[Keeper],
    *,
    delivered: bool,
) -> str:
    if delivered:
        return f"{command}: delivered; {row.name} is {output.coloured(row.status)}"
    keeper = _keeper_of(row, others)
    if keeper is not None:
        return (
            f"{command}: recorded; {keeper} runs {row.name}, has not taken it in "
            f"within {LONGEST:g} s, and will when it can"
        )
    there = ", ".join(each.label for each in others)
    who = f"only {there} has it open" if there else "nobody has it open now"
    again = settings.command("run", "TARGET", "--id", row.name)
    return (
        f"{command}: recorded, and delivered when a process that knows {row.type!r} "
        f"opens the log; {who}\n  {again}"
    )


def _keeper_of(row: StreamRow, others: Sequence[Keeper]) -> str | None:
    return next((each.label for each in others if each.id == row.owner), None)


COMMANDS = (signal, answer, pause, resume, cancel, retry)
