"""What `run` says when it is over: the output, the error, or what would move it."""

from __future__ import annotations

from typing import Any

from actorflow.cli import output
from actorflow.cli.plain import (
    failure_document,
    lasting,
    plain,
    timestamp,
    wait_documents,
    wait_texts,
)
from actorflow.cli.settings import Settings
from actorflow.cli.targets import Target
from actorflow.log.port import StreamRow
from actorflow.model.state import ENDED
from actorflow.runtime.replay import fold
from actorflow.runtime.runtime import Runtime

SHOWN = 5


def result_document(runtime: Runtime, row: StreamRow) -> dict[str, Any]:
    """Return how far an execution has come, as programs read it."""
    document: dict[str, Any] = {
        "id": row.name,
        "workflow": row.type,
        "status": row.status,
        "output": None,
        "error": None,
        "reason": None,
        "waits": [],
        "wake_at": timestamp(row.wake_at),
        "started_at": timestamp(row.created_at),
        "finished_at": None,
        "duration": None,
    }
    return document | (_end if row.status in ENDED else _rest)(runtime, row)


def _end(runtime: Runtime, row: StreamRow) -> dict[str, Any]:
    (last,) = runtime.log.read(row.id, after=row.head - 1)
    return {
        "output": plain(getattr(last.event, "output", None)),
        "error": failure_document(getattr(last.event, "error", None)),
        "reason": getattr(last.event, "reason", None),
        "finished_at": timestamp(last.time),
        "duration": round(last.time - row.created_at, 6),
    }


def _rest(runtime: Runtime, row: StreamRow) -> dict[str, Any]:
    state = fold(runtime.log, row.id, row.head)
    reason = state.paused.reason if state.paused else state.suspension_reason
    return {"reason": reason, "waits": wait_documents(state)}


def result_text(settings: Settings, found: Target, document: dict[str, Any]) -> None:
    """Say how far an execution has come: its output on stdout, all else beside it."""
    status, execution_id = document["status"], document["id"]
    why = f" ({document['reason']})" if document["reason"] else ""
    said = f"{execution_id} {output.coloured(status)}{why}"
    if document["duration"] is not None:
        said += f" in {lasting(document['duration'])}"
    output.tell(said)
    if status == "completed":
        output.pretty(document["output"])
    elif status == "failed":
        _tell_error(settings, execution_id, document["error"])
    elif status != "cancelled":
        _tell_rest(settings, found, document)


def _tell_error(settings: Settings, execution_id: str, error: dict[str, Any]) -> None:
    where = f" at {error['address']}" if error["address"] else ""
    output.tell(f"error: {error['type']}{where}: {error['message']}", fg="red")
    output.tell(f"  more:       {settings.command('show', execution_id)}")
    output.tell(f"  try again:  {settings.command('retry', execution_id)}")


def _tell_rest(settings: Settings, found: Target, document: dict[str, Any]) -> None:
    execution_id, waits = document["id"], document["waits"]
    hows = [wait_texts(settings, execution_id, wait) for wait in waits]
    for what, _ in hows[:SHOWN]:
        output.tell(f"  {what}")
    if len(waits) > SHOWN:
        output.tell(f"  and {len(waits) - SHOWN} more waits")
    moves = [how for _, how in hows if how][:SHOWN]
    if document["status"] == "paused" and not moves:
        moves = [settings.command("resume", execution_id)]
    for how in dict.fromkeys(moves):
        output.tell(f"  move it:  {how}")
    output.tell(f"  go on:    {go_on_with(settings, found, execution_id)}")


def go_on_with(settings: Settings, found: Target, execution_id: str) -> str:
    """Return the command that carries an execution on."""
    return settings.command("run", found.text, *found.options, "--id", execution_id)
