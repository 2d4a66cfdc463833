"""What `doctor` does: let the log examine itself, then see that executions replay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import asdict, define, field

from actorflow.cli.opening import KIND
from actorflow.log.doctor import Finding
from actorflow.log.port import StreamRow
from actorflow.log.sqlite import SQLiteLog
from actorflow.runtime.directory import fold

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
    return report


def _executions(log: SQLiteLog) -> Iterator[StreamRow]:
    before = None
    while page := log.rows(KIND, before=before, limit=PAGE):
        yield from page
        before = (page[-1].created_at, page[-1].id)


def _replayed(log: SQLiteLog, row: StreamRow) -> Iterator[Finding]:
    """Yield whether the events of an execution lead where its row says they do."""
    try:
        status = fold(log, row.id, row.head).status
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        problem = f"its events do not replay: {type(error).__name__}: {error}"
        yield Finding("error", problem, row.name)
    else:
        if status != row.status:
            problem = f"lists show it as {row.status}; by its events it is {status}"
            yield Finding("warning", problem, row.name)
