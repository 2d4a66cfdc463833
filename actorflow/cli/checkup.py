"""What `doctor` does: read all there is, and compare what should agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import asdict, define, field, frozen

from actorflow.cli.opening import KIND, keepers, self_check
from actorflow.errors import LogCorruptError
from actorflow.log.port import StreamRow
from actorflow.log.sqlite import SQLiteLog
from actorflow.runtime.directory import fold

PAGE = 500
KINDS = (KIND, "actor")


@frozen
class Finding:
    """Something that a person should know, in a sentence.

    Attributes:
        damage: whether something is lost, rather than only unusual.
    """

    text: str
    stream: str | None = None
    seq: int | None = None
    damage: bool = True


@define
class Report:
    """What was read, and what was found."""

    streams: int = 0
    events: int = 0
    findings: list[Finding] = field(factory=list)

    @property
    def damaged(self) -> bool:
        """Whether something is lost."""
        return any(finding.damage for finding in self.findings)

    def document(self) -> dict[str, Any]:
        """Return the report as programs read it."""
        return {
            "damaged": self.damaged,
            "streams": self.streams,
            "events": self.events,
            "findings": [asdict(finding) for finding in self.findings],
        }


def examine(log: SQLiteLog) -> Report:
    """Read every stream of *log*; nothing is changed."""
    report = Report()
    for problem in self_check(log.path):
        report.findings.append(Finding(f"SQLite finds the file broken: {problem}"))
    held: dict[str, int] = {}
    for row in _rows(log):
        report.streams += 1
        report.events += row.head
        report.findings += _stream_findings(log, row)
        if row.owner:
            held[row.owner] = held.get(row.owner, 0) + 1
    report.findings += _left_behind(log, held)
    return report


def _rows(log: SQLiteLog) -> Iterator[StreamRow]:
    for kind in KINDS:
        before = None
        while page := log.rows(kind, before=before, limit=PAGE):
            yield from page
            before = (page[-1].created_at, page[-1].id)


def _stream_findings(log: SQLiteLog, row: StreamRow) -> list[Finding]:
    damage = list(_unreadable(log, row))
    if damage or row.kind != KIND:
        return damage
    try:
        state = fold(log, row.id, row.head)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        text = f"the events of {row.name!r} do not replay: {type(error).__name__}: {error}"
        return [Finding(text, row.name)]
    if state.status != row.status:
        text = (
            f"lists show {row.name!r} as {row.status}, but its events say "
            f"{state.status}; the events are right"
        )
        return [Finding(text, row.name, damage=False)]
    return []


def _unreadable(log: SQLiteLog, row: StreamRow) -> Iterator[Finding]:
    """Yield what cannot be read of a stream; go on behind each damaged event."""
    after = 0
    while after < row.head:
        try:
            for recorded in log.read(row.id, after=after, until=row.head):
                after = recorded.seq
            return
        except LogCorruptError as error:
            yield Finding(str(error), row.name, error.seq)
            after = max(after + 1, error.seq)


def _left_behind(log: SQLiteLog, held: dict[str, int]) -> Iterator[Finding]:
    for keeper in keepers(log.path):
        count = held.get(keeper.id, 0)
        if not keeper.alive and count:
            text = (
                f"{keeper.label} died while it held {count} "
                f"stream{'s' * (count != 1)}; whoever opens the log next takes over"
            )
            yield Finding(text, damage=False)
