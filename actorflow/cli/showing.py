"""`show`: one execution at a glance."""

from __future__ import annotations

import textwrap
from typing import Any

from actorflow.cli import output
from actorflow.cli.opening import clock, keepers, left_for
from actorflow.cli.plain import (
    failure_document,
    lasting,
    plain,
    row_document,
    short,
    timestamp,
    wait_documents,
    wait_texts,
    when,
)
from actorflow.cli.settings import Settings
from actorflow.log.port import StreamRow
from actorflow.log.sqlite import SQLiteLog
from actorflow.model.events import Failure
from actorflow.model.fold import apply
from actorflow.model.state import ExecutionState
from actorflow.model.timeline import Entry, Timeline

STEPS = 40
WAITS = 20
TRACEBACK = 6
CAUSES = 5
CHILDREN = 20


def history_of(log: SQLiteLog, row: StreamRow) -> tuple[ExecutionState, Timeline]:
    """Return what is so after the events of *row*, and how it came about."""
    state, timeline = ExecutionState(), Timeline()
    for recorded in log.read(row.id, until=row.head):
        apply(state, recorded)
        timeline.take(recorded)
    return state, timeline


def keeper_of(log: SQLiteLog, row: StreamRow) -> tuple[str | None, bool]:
    """Return who holds an execution, and whether that process is alive."""
    for keeper in keepers(log.path):
        if keeper.id == row.owner:
            return keeper.label, keeper.alive
    return None, False


def show_document(log: SQLiteLog, row: StreamRow) -> dict[str, Any]:
    """Return an execution as programs read it."""
    state, timeline = history_of(log, row)
    label, alive = keeper_of(log, row)
    return {
        **row_document(row),
        "waits": wait_documents(state),
        "inputs": plain(state.inputs),
        "output": plain(state.output),
        "error": failure_document(state.error or state.scope.failing),
        "reason": state.reason,
        "started_at": timestamp(state.started_at),
        "finished_at": timestamp(state.finished_at),
        "inbox": left_for(log.path, row),
        "owner": label and {"label": label, "alive": alive},
        "recoveries": timeline.recoveries,
        "branches": {
            branch.address: {
                "status": branch.status,
                "step": branch.target or branch.step,
                "paused": state.is_paused(branch.address),
            }
            for branch in state.branches.values()
        },
        "steps": [_step_document(entry) for entry in timeline.entries],
    }


def _step_document(entry: Entry) -> dict[str, Any]:
    items = {"total": entry.total, "done": entry.done, "failed": entry.failed}
    return {
        "address": entry.address,
        "kind": entry.kind,
        "node": entry.node,
        "status": entry.status,
        "failed_attempts": entry.attempts,
        "started_at": timestamp(entry.started),
        "finished_at": timestamp(entry.ended),
        "progress": entry.note,
        "items": None if entry.total is None else items,
    }


def show_text(settings: Settings, log: SQLiteLog, row: StreamRow) -> None:
    """Write an execution for people."""
    state, timeline = history_of(log, row)
    _show_head(log, row, state, timeline)
    _show_branches(state)
    _show_steps(timeline, state.finished_at or clock.time())
    _show_waits(settings, row, state)
    _show_children(log, row)
    error = state.error or state.scope.failing
    if error is not None:
        output.heading("error")
        _show_error(error)
    if state.outcome == "completed":
        output.heading("output")
        output.pretty(plain(state.output))


def _show_head(
    log: SQLiteLog, row: StreamRow, state: ExecutionState, timeline: Timeline
) -> None:
    why = state.reason or (None if state.paused else state.suspension_reason)
    status = output.coloured(row.status) + (f" ({why})" if why else "")
    output.say(f"{row.name}  {row.type}  {status}")
    end = state.finished_at or clock.time()
    took = "took" if state.finished_at else "for"
    lines = [
        (
            "started",
            f"{when(state.started_at)}, {took} {lasting(end - state.started_at)}",
        ),
        ("inputs", ", ".join(f"{k}={short(v)}" for k, v in state.inputs.items())),
        ("parent", row.parent or ""),
        ("attributes", ", ".join(f"{k}={short(v)}" for k, v in row.attributes.items())),
        ("events", f"{row.head}, the last {when(row.updated_at)}"),
        ("recovered", _times(timeline.recoveries)),
        ("run by", "" if state.outcome else _run_by(log, row)),
        ("pause", (state.paused and state.paused.reason) or ""),
        ("left for it", ", ".join(left_for(log.path, row))),
    ]
    output.table(("", ""), [pair for pair in lines if pair[1]], indent=2)


def _times(count: int) -> str:
    return f"{count} time{'s' * (count != 1)} from a process that died" if count else ""


def _run_by(log: SQLiteLog, row: StreamRow) -> str:
    label, alive = keeper_of(log, row)
    if label is None:
        return "nobody now"
    return label if alive else f"nobody now; {label} is dead"


def _show_branches(state: ExecutionState) -> None:
    if len(state.branches) <= 1 and not state.paused_branches:
        return
    output.heading("branches")
    rows = []
    for branch in state.branches.values():
        paused = branch.status == "active" and state.is_paused(branch.address)
        status = output.coloured("paused" if paused else branch.status)
        rows.append((branch.address, status, branch.target or branch.step or ""))
    output.table(("branch", "status", "step"), rows, indent=2)


def _show_steps(timeline: Timeline, now: float) -> None:
    output.heading("steps")
    entries = timeline.entries[-STEPS:]
    left_out = len(timeline.entries) - len(entries)
    if left_out:
        output.say(f"  ({left_out} earlier ones are not shown)", dim=True)
    names = ("", "address", "runs", ">time", "")
    output.table(names, [_step_row(entry, now) for entry in entries], indent=2)


def _step_row(entry: Entry, now: float) -> tuple[str, ...]:
    mark = output.mark(entry.status)
    runs = {"activity": entry.node, "map": f"map of {entry.node}"}
    node = runs.get(entry.kind, entry.kind)
    return (
        mark,
        entry.address,
        node,
        lasting(entry.seconds(now)),
        details(entry),
    )


def details(entry: Entry) -> str:
    """Return what else there is to say of an entry."""
    said = []
    if entry.total is not None:
        said.append(f"{entry.done} of {entry.total} items")
    if entry.failed:
        said.append(f"{entry.failed} failed")
    if entry.attempts:
        said.append(f"{entry.attempts} failed attempt{'s' * (entry.attempts != 1)}")
    if entry.waits_for:
        said.append(f"waits for {entry.waits_for}")
    if entry.note and entry.is_open:
        said.append(entry.note)
    return ", ".join(said)


def _show_waits(settings: Settings, row: StreamRow, state: ExecutionState) -> None:
    if not state.waits:
        return
    output.heading("waits")
    waits = wait_documents(state)
    for what, how in (wait_texts(settings, row.name, wait) for wait in waits[:WAITS]):
        output.say(f"  {what}")
        if how:
            output.say(f"      {how}", dim=True)
    if len(waits) > WAITS:
        output.say(f"  and {len(waits) - WAITS} more", dim=True)


def _show_children(log: SQLiteLog, row: StreamRow) -> None:
    children = log.rows(row.kind, parent=row.name, limit=CHILDREN + 1)
    if children:
        output.heading("children")
        shown = [(c.name, c.type, output.coloured(c.status)) for c in children]
        output.table(("id", "workflow", "status"), shown[:CHILDREN], indent=2)
    if len(children) > CHILDREN:
        output.say(f"  and more: actorflow list --parent {row.name}", dim=True)


def _show_error(error: Failure) -> None:
    where = f" at {error.address}" if error.address else ""
    output.say(f"  {error_name(error)}{where}: {error.message}", fg="red")
    if error.traceback:
        kept = error.traceback.rstrip().splitlines()[1:][-TRACEBACK:]
        output.say(textwrap.indent(textwrap.dedent("\n".join(kept)), "    "), dim=True)
    others = error.causes[1:]
    for cause in others[:CAUSES]:
        output.say(f"  also at {cause.address}: {cause.message}")
    if len(others) > CAUSES:
        output.say(f"  and {len(others) - CAUSES} more")


def error_name(error: Failure) -> str:
    """Return the exception's class, or the class of error that actorflow gave it."""
    if error.type == "activity_failed" and error.exceptions:
        return error.exceptions[0].rpartition(":")[2]
    return error.type
