"""Cron lines: the only module that knows the library for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from cronsim import CronSim


def problems_of(line: str, timezone: str) -> Iterator[str]:
    """Yield what is wrong with a cron line, and with the zone it is in."""
    try:
        from cronsim import CronSim, CronSimError
    except ModuleNotFoundError:
        yield "cron lines need cronsim: pip install 'actorflow[schedules]'"
        return
    start = datetime(2000, 1, 1, tzinfo=UTC)
    try:
        next(CronSim(line, start))
    except CronSimError as error:
        yield f"cron line {line!r}: {str(error).lower()}"
    except StopIteration:
        yield f"cron line {line!r}: there is no such time"
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"time zone {timezone!r} is not known"


class Cron:
    """The times that a cron line names in a time zone, as seconds since the epoch.

    Where clocks are put forward, a time that is left out comes when they are. Where
    they are put back, a time that comes twice counts once, unless the line says every
    hour or every so many minutes.
    """

    def __init__(self, line: str, timezone: str) -> None:
        self._line, self._zone = line, ZoneInfo(timezone)

    def after(self, time: float) -> Iterator[float]:
        """Yield the times after *time*."""
        for moment in self._from(time):
            yield moment.timestamp()

    def between(self, after: float, until: float) -> Iterator[float]:
        """Yield the times after one and up to the other."""
        return takewhile(lambda each: each <= until, self.after(after))

    def latest(self, until: float) -> float | None:
        """Return the last time up to *until*."""
        # The library looks before a time, not up to it.
        before = self._from(until + 1, back=True)
        return next((m.timestamp() for m in before if m.timestamp() <= until), None)

    def _from(self, time: float, *, back: bool = False) -> CronSim:
        from cronsim import CronSim

        moment = datetime.fromtimestamp(time, self._zone)
        return CronSim(self._line, moment, reverse=back)
