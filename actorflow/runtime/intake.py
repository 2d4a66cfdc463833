"""What the directory takes in from the log by itself, and how much of it.

What a dead process left running, what is due, and (for a worker) what is in the queue:
never more than there is room for, and only what can be run here.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define

from actorflow.log.port import EXECUTION, EventLog, Reach, StreamRow
from actorflow.model.definition import Workflow
from actorflow.runtime.services import Services
from actorflow.runtime.worker import Worker

logger = logging.getLogger(__name__)

PAGE = 500
BROKEN = 60.0
"""Seconds until executions that could not be resumed here are looked at again."""


@define(eq=False)
class Recovered:
    """These streams were left running by processes that are gone."""

    rows: list[StreamRow] | None
    error: Exception | None
    limit: int


@define(eq=False)
class Wake:
    """Load what is due."""


@define(eq=False)
class Look:
    """Take from the queue, if there is room."""


@define(eq=False)
class Claimed:
    """These streams were taken from the queue."""

    rows: list[StreamRow] | None
    error: Exception | None


class Intake:
    """Looks for work in the log.  Lives in the directory, which does what it finds.

    Args:
        tell: sends a message to the directory.
        running: how many executions run here now.
        worker: None if nothing is to be taken from the queue.
    """

    def __init__(
        self,
        services: Services,
        log: EventLog,
        definitions: Mapping[str, Workflow],
        *,
        tell: Callable[[Any], Any],
        running: Callable[[], int],
        worker: Worker | None,
    ) -> None:
        self._services = services
        self._log = log
        self._definitions = definitions
        self._tell = tell
        self._running = running
        self._worker = worker
        self._reach: Reach | None = None
        self._wake_timer: Any = None
        self._recover_after = 0.0
        self._broken: list[StreamRow] = []
        self._asleep: dict[str, float] = {}
        self._left_behind = self._overslept = False
        self._looking = self._look_again = False
        self.closed = False

    def reach(self) -> Reach:
        """Return what can be run here: what there are definitions of, unchanged."""
        if self._reach is None or len(self._reach.types) != len(self._definitions):
            types = {
                name: (workflow.fingerprint, *workflow.compatible_with)
                for name, workflow in self._definitions.items()
            }
            tags = self._worker.tags if self._worker else frozenset()
            self._reach = Reach(types, tags)
        return self._reach

    def room(self) -> int:
        """Return how many executions may begin to run here now."""
        if self.closed:
            return 0
        if self._worker is None:
            return PAGE
        return min(PAGE, self._worker.concurrency - self._running())

    def look(self) -> None:
        """There may be room again, or something new in the queue."""
        if self._worker is None or self.room() <= 0:
            return
        if self._left_behind:
            self.recover()
        if self._overslept:
            self._overslept = False
            self._tell(Wake())
        if self._looking:
            self._look_again = True
            return
        self._looking, self._look_again = True, False
        reach, limit = self.reach(), self.room()
        self._services.writer.call(
            lambda: self._log.claim_queued(EXECUTION, reach, limit=limit),
            lambda rows, error: self._tell(Claimed(rows, error)),
        )

    def claimed(self, message: Claimed) -> list[StreamRow]:
        """Return what came out of the queue."""
        self._looking = False
        if message.error is not None:
            logger.error("cannot take from the queue: %s", message.error)
        elif message.rows or self._look_again:
            self._tell(Look())
        return message.rows or []

    # -- what dead processes left ------------------------------------------------------

    def recover(self) -> None:
        """Claim what was left running, as far as there is room."""
        limit = self.room()
        self._left_behind = limit <= 0
        if self._left_behind or self._services.clock.monotonic() < self._recover_after:
            return
        reach = self.reach()
        self._services.writer.call(
            lambda: self._log.claim_abandoned(
                EXECUTION, reach, status="running", limit=limit
            ),
            lambda rows, error: self._tell(Recovered(rows, error, limit)),
        )

    def tell_of_changed(self) -> None:
        """Warn of what would be taken over if its definition had not changed."""
        changed = Counter(
            row.type
            for row in self._log.rows(EXECUTION, status="running", limit=PAGE)
            if row.type in self._definitions
            and not self.reach().covers(row.type, row.fingerprint, self.reach().tags)
        )
        for name, number in changed.items():
            logger.warning(
                "%d executions of %r were begun by another definition of that name; "
                "they go on where that one is, or where `compatible_with` names it",
                number,
                name,
            )

    def cannot_resume(self, row: StreamRow, error: Exception) -> None:
        """Keep a broken stream for now, so that it is not claimed over and over."""
        logger.warning("execution %s is not resumed: %s", row.name, error)
        self._broken.append(row)

    def recovered(self, message: Recovered) -> list[StreamRow]:
        """Go on with the next page; at the end, return what could not be resumed."""
        if message.error is not None:
            logger.error("cannot look for unfinished executions: %s", message.error)
            return []
        if len(message.rows or []) == message.limit:
            self.recover()
            return []
        if self._broken:
            self._recover_after = self._services.clock.monotonic() + BROKEN
        broken, self._broken = self._broken, []
        return broken

    # -- what is due -------------------------------------------------------------------

    def schedule_wake(self) -> None:
        """Set the timer for what is due next."""
        wake_at = self._log.next_wake(EXECUTION, self.reach())
        if wake_at is not None:
            self.set_wake(wake_at)

    def set_wake(self, wake_at: float) -> None:
        """Look for what is due at *wake_at*, if not before."""
        if self._wake_timer is not None and self._wake_timer[0] <= wake_at:
            return
        if self._wake_timer is not None:
            self._wake_timer[1].cancel()
        timer = self._services.timers.at(wake_at, self._tell, Wake())
        self._wake_timer = (wake_at, timer)

    def due(self) -> list[StreamRow]:
        """Return what is due and there is room for; see to it that the rest follows."""
        self._wake_timer = None
        room = self.room()
        if room <= 0:
            self._overslept = True
            return []
        now, reach = self._services.clock.time(), self.reach()
        asleep = self._fast_asleep()
        found = self._log.due(EXECUTION, reach, now=now, limit=room + len(asleep))
        rows = [row for row in found if row.name not in asleep]
        upcoming = self._log.next_wake(EXECUTION, reach)
        if upcoming is not None and upcoming > now:
            self.set_wake(upcoming)
        elif rows:
            # Others are due as well: look again when these have been claimed.
            after = self._services.timers.after
            self._services.writer.call(
                lambda: None, lambda *_: after(0.01, self._tell, Wake())
            )
        elif upcoming is not None:
            self.set_wake(now + BROKEN)  # what is damaged is due, and cannot be woken
        return rows

    def cannot_wake(self, name: str) -> None:
        """Leave alone for now what is due, and cannot be loaded."""
        self._asleep[name] = self._services.clock.monotonic() + BROKEN

    def _fast_asleep(self) -> dict[str, float]:
        now = self._services.clock.monotonic()
        self._asleep = {name: at for name, at in self._asleep.items() if at > now}
        return self._asleep
