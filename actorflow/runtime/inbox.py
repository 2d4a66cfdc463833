"""What other processes left for the executions here: each command is told once."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator

from attrs import define, field

from actorflow.errors import UnreadableError
from actorflow.log.port import EventLog, InboxRow
from actorflow.runtime.commands import command_of
from actorflow.runtime.messages import Command

logger = logging.getLogger(__name__)

PAGE = 500


@define(eq=False)
class Inbox:
    """Reads the inbox a page at a time, in the order of posting.

    Attributes:
        more: whether the last page was full, so that others may follow.
    """

    _log: EventLog
    _kind: str
    more: bool = False
    _after: int = 0
    _told: dict[int, str] = field(factory=dict)
    _there: set[int] | None = None

    def restart(self) -> None:
        """Read from the start next: what others were to take may be ours by now."""
        self._after, self._there = 0, set()

    def tell_again(
        self, execution_id: str, *, but: Collection[int | None] = ()
    ) -> None:
        """Tell what is still there for an execution: what was told was in vain.

        Args:
            execution_id: whose commands.
            but: rows that are on their way to it all the same.
        """
        told = [row for row, name in self._told.items() if name == execution_id]
        for row in told:
            if row not in but:
                del self._told[row]
        self.restart()

    def page(self) -> Iterator[tuple[str, Command]]:
        """Yield the next commands not told before, with whom they are for."""
        rows = self._log.inbox(after=self._after, limit=PAGE)
        self.more = len(rows) == PAGE
        self._note(rows)
        for row in rows:
            if row.kind == self._kind and row.id not in self._told:
                self._told[row.id] = row.name
                try:
                    yield row.name, command_of(row)
                except UnreadableError as error:
                    what = "Command %d for %r is left in the inbox: %s"
                    logger.warning(what, row.id, row.name, error)

    def _note(self, rows: list[InboxRow]) -> None:
        if rows:
            self._after = rows[-1].id
        if self._there is not None:
            self._there.update(row.id for row in rows)
            if not self.more:  # all that is there has been seen: forget the rest
                gone = self._told.keys() - self._there
                for row_id in gone:
                    del self._told[row_id]
                self._there = None
