"""What a user says of a schedule, and what a schedule says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attrs import field, frozen

from actorflow.errors import DefinitionError, SettingError
from actorflow.model.misfits import misfits
from actorflow.model.plain import plainly
from actorflow.model.schedules import CATCH_UPS, OVERLAPS
from actorflow.runtime.cron import problems_of
from actorflow.runtime.worker import tag_set

Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all"]
CatchUp = Literal["none", "one", "all"]


@frozen(field_transformer=plainly)
class Schedule:
    """Executions of a workflow, whenever a cron line says so.

    Attributes:
        name: unique in the log. The executions are called ``NAME@TIME``.
        workflow: a workflow, a flow, an activity, or the name of one.
        cron: minute, hour, day of month, month, day of week; or with seconds before.
        timezone: where that time is told, as ``Europe/Berlin``.
        inputs: of every execution, by name.
        overlap: what a tick does while what an earlier one started has not ended:
            ``skip`` it; ``buffer_one`` or ``buffer_all``, to start when that has ended;
            ``cancel_other``, and start then; or ``allow_all`` at once.
        catch_up: of the ticks that came while nobody was there, make up for ``none``,
            for the last ``one``, or for ``all``.
        catch_up_window: seconds; what is older is not made up for.
        attributes: search attributes of every execution, beside ``schedule`` and
            ``scheduled_at``.
        priority: of every execution, as for `Runtime.submit`.
        tags: likewise.

    Raises:
        DefinitionError: with everything that is wrong with it.
    """

    name: str
    workflow: Any
    cron: str = field(kw_only=True)
    timezone: str = field(default="UTC", kw_only=True)
    inputs: Mapping[str, Any] = field(factory=dict, kw_only=True)
    overlap: Overlap = field(default="skip", kw_only=True)
    catch_up: CatchUp = field(default="one", kw_only=True)
    catch_up_window: float = field(default=86_400.0, kw_only=True)
    attributes: Mapping[str, Any] = field(factory=dict, kw_only=True)
    priority: int = field(default=0, kw_only=True)
    tags: tuple[str, ...] = field(default=(), kw_only=True)

    def __attrs_post_init__(self) -> None:
        problems = misfits(self, but=["tags"]) or list(self._problems())
        if problems:
            raise DefinitionError(str(self.name) or "schedule", problems)

    def _problems(self) -> Iterator[str]:
        if not self.name or "@" in self.name:
            yield "a schedule needs a name, without an '@'"
        yield from problems_of(self.cron, self.timezone)
        if self.overlap not in OVERLAPS:
            yield f"overlap {self.overlap!r}: it is one of {', '.join(OVERLAPS)}"
        if self.catch_up not in CATCH_UPS:
            yield f"catch_up {self.catch_up!r}: it is one of {', '.join(CATCH_UPS)}"
        if not self.catch_up_window >= 0:
            yield f"catch_up_window {self.catch_up_window!r}: it is 0 seconds or more"
        try:
            tag_set(self.tags)
        except SettingError as error:
            yield str(error)


@frozen
class ScheduleInfo:
    """How a schedule is now.  Times are seconds since the epoch.

    Attributes:
        status: ``active`` or ``paused``.
        reason: why it is paused, if somebody said.
        next_at: the next tick; None while it is paused, or if there is none.
        last_at: the last tick that started something.
        running: ids of executions it started that were not found ended yet.
        buffered: ticks that wait for those to end.
    """

    name: str
    workflow: str
    cron: str
    timezone: str
    overlap: str
    catch_up: str
    status: str
    reason: str | None = None
    next_at: float | None = None
    last_at: float | None = None
    running: tuple[str, ...] = ()
    buffered: int = 0
