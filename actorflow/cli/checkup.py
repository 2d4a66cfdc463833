"""What `doctor` does: let the log examine itself, then see that executions replay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import asdict, define, field

from actorflow.errors import UnreadableError
from actorflow.log.batch import micros, seconds
from actorflow.log.doctor import PARTIAL, RESCUE, Finding
from actorflow.log.port import EXECUTION, Snapshot, StreamRow
from actorflow.log.sqlite import SQLiteLog
from actorflow.model import snapshots
from actorflow.model.fold import apply
from actorflow.model.state import ExecutionState
from actorflow.runtime.commands import command_of
from actorflow.runtime.run import summary_of

PAGE = 500


@define
class Report:
    """What was read, and what was found."""

    executions: int = 0
    events: int = 0
    findings: list[Finding] = field(factory=list)

    @property
    def damaged(self) -> bool:
        """Whether something is lost, or may be."""
        return any(finding.severity == "error" for finding in self.findings)

    def document(self) -> dict[str, Any]:
        """Return the report as programs read it."""
        return {
            "damaged": self.damaged,
            "executions": self.executions,
            "events": self.events,
            "findings": [asdict(finding) for finding in self.findings],
        }


def examine(log: SQLiteLog) -> Report:
    """Look at everything in *log*; nothing is changed."""
    report = Report(findings=list(log.diagnose()))
    known = {finding.stream for finding in report.findings}
    for row in _executions(log):
        report.executions += 1
        report.events += row.head
        if row.name not in known:
            report.findings += _replayed(log, row)
    report.findings += _misunderstood(log)
    return report


def _executions(log: SQLiteLog) -> Iterator[StreamRow]:
    before = None
    while page := log.rows(EXECUTION, before=before, limit=PAGE):
        yield from page
        before = (page[-1].created_at, page[-1].id)


def _replayed(log: SQLiteLog, row: StreamRow) -> Iterator[Finding]:
    """Yield whether the events of an execution lead where its row says they do."""
    state, stored = ExecutionState(), log.snapshot(row.id)
    known = stored is not None and stored.format == snapshots.known_format()
    try:
        for recorded in log.read(row.id, until=row.head):
            apply(state, recorded)
            if stored and known and recorded.seq == stored.seq:
                yield from _restored(log, row, stored, state)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        problem = f"its events do not replay: {type(error).__name__}: {error}"
        yield Finding("error", problem, row.name, advice=PARTIAL)
        return
    told, true = _told(row), _true(state)
    for what, by_events in true.items():
        if told[what] != by_events:
            problem = f"its row has {what} {told[what]!r}; by its events: {by_events!r}"
            yield Finding("error", problem, row.name, advice=RESCUE)


def _restored(
    log: SQLiteLog, row: StreamRow, stored: Snapshot, state: ExecutionState
) -> Iterator[Finding]:
    """Yield whether a snapshot is what the events before it lead to."""
    if log.codec.dumps(stored.data) != log.codec.dumps(snapshots.dump(state)):
        problem = "a snapshot is not what the events before it lead to"
        yield Finding("error", problem, row.name, stored.seq, RESCUE)


def _told(row: StreamRow) -> dict[str, Any]:
    """Return what lists, searches and recovery take from the row of an execution."""
    return {
        "workflow": row.type,
        "fingerprint": row.fingerprint,
        "status": row.status,
        "wake_at": row.wake_at,
        "waits": list(row.waits),
        "attributes": row.attributes,
        "parent": row.parent,
        "tags": list(row.tags),
        "rank": row.rank,
    }


def _true(state: ExecutionState) -> dict[str, Any]:
    """Return the same as the events have it."""
    summary = summary_of(state)
    wake_at = summary.wake_at
    return {
        "workflow": state.workflow,
        "fingerprint": summary.fingerprint,
        "status": summary.status,
        "wake_at": None if wake_at is None else seconds(micros(wake_at)),
        "waits": list(summary.waits),
        "attributes": summary.attributes,
        "parent": state.origin["execution"] if state.origin else None,
        "tags": sorted(set(summary.tags or ())),
        "rank": None if summary.rank is None else seconds(micros(summary.rank)),
    }


def _misunderstood(log: SQLiteLog) -> Iterator[Finding]:
    """Yield commands in the inbox that no execution would understand."""
    after = 0
    while rows := log.inbox(after=after, limit=PAGE):
        for row in rows:
            try:
                command_of(row)
            except UnreadableError as error:
                advice = f"delete row {row.id} of 'inbox'"
                problem = f"command {row.id} is not taken in: {error}"
                yield Finding("warning", problem, row.name, advice=advice)
        after = rows[-1].id
